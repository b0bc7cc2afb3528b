"""Confidence intervals and two-sample tests that the families share. All intervals are of 95 %."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np
from scipy import stats

from ..arrays import FloatArray, IntArray

Z = float(stats.norm.ppf(0.975))
"""The 97.5 % quantile of the normal distribution."""

MAX_CELLS = 400
"""Counts beyond which no standard error is worked out: a confusion matrix of 20 classes."""


def wilson(successes: float, trials: int) -> tuple[float, float]:
    """Wilson's score interval of a proportion; `trials` must be positive.

    Source: Wilson 1927, https://doi.org/10.1080/01621459.1927.10502953.
    """
    share = successes / trials
    centre = share + Z**2 / (2 * trials)
    half = Z * math.sqrt(share * (1 - share) / trials + Z**2 / (4 * trials**2))
    scale = 1 + Z**2 / trials
    return max(0.0, (centre - half) / scale), min(1.0, (centre + half) / scale)


def around(value: float, error: float, low: float = -math.inf, high: float = math.inf) -> tuple[float, float]:
    """The normal interval around an estimate with a standard error, clipped to what the value can be."""
    return max(low, value - Z * error), min(high, value + Z * error)


def two_proportions(successes: float, trials: int, reference: float, reference_trials: int) -> float:
    """Two-sided p-value of the pooled two-proportion z-test; 1 where both shares are the same constant.

    Source: https://www.itl.nist.gov/div898/handbook/prc/section3/prc33.htm.
    """
    pooled = (successes + reference) / (trials + reference_trials)
    error = math.sqrt(max(0.0, pooled * (1 - pooled)) * (1 / trials + 1 / reference_trials))
    return from_errors(successes / trials, error, reference / reference_trials, 0.0)


def from_errors(value: float, error: float, reference: float, reference_error: float) -> float:
    """Two-sided p-value of a difference of two independent estimates with known standard errors."""
    if not math.isfinite(error) or not math.isfinite(reference_error):
        return 1.0
    combined = math.hypot(error, reference_error)
    difference = abs(value - reference)
    if combined == 0.0:
        return 1.0 if difference == 0.0 else 0.0
    return float(2 * stats.norm.sf(difference / combined))


def delta(function: Callable[[FloatArray], float], counts: IntArray) -> float:
    """Standard error of a smooth function of multinomial counts, by the delta method.

    The gradient is numeric, by central differences of half a count.

    Args:
        function: A function of counts, shape as `counts`, that does not change when all are multiplied alike.
        counts: The counts.

    Returns:
        The standard error; NaN where the function is not defined around the counts, and for more than `MAX_CELLS`
        counts, for which it would take too long.

    Source: Agresti, Categorical Data Analysis, 3rd ed., section 16.1.
    """
    if counts.size > MAX_CELLS:
        return math.nan
    total = counts.sum()
    shares = counts / total
    gradient = np.zeros(counts.shape)
    for cell in np.ndindex(*counts.shape):
        step = np.zeros(counts.shape)
        step[cell] = 0.5
        low = np.maximum(counts - step, 0.0)
        width = (counts + step - low)[cell] / total
        gradient[cell] = (function(counts + step) - function(low)) / width
    mean = float((shares * gradient).sum())
    variance = float((shares * gradient**2).sum()) - mean**2
    return math.sqrt(max(0.0, variance) / total) if math.isfinite(variance) else math.nan


def mean_error(variance: float, count: int) -> float:
    """Standard error of a mean, of the population variance; NaN for fewer than two values."""
    return math.sqrt(variance / (count - 1)) if count > 1 else math.nan


def finite(values: Sequence[float]) -> bool:
    """Whether every value is a number."""
    return all(math.isfinite(value) for value in values)
