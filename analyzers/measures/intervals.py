"""Confidence intervals and two-sample tests that the families share. All intervals are of 95 %."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np
from scipy import special, stats

from ..arrays import FloatArray, IntArray

Z = float(stats.norm.ppf(0.975))
"""The 97.5 % quantile of the normal distribution."""

MAX_CELLS = 400
"""Counts beyond which no standard error is worked out: a confusion matrix of 20 classes."""


def wilson(successes: FloatArray, trials: FloatArray, z: float = Z) -> tuple[FloatArray, FloatArray]:
    """Wilson's score interval of a proportion; NaN where nothing was tried.

    Source: Wilson 1927, https://doi.org/10.1080/01621459.1927.10502953.
    """
    with np.errstate(divide="ignore", invalid="ignore"):
        share = successes / trials
        centre = share + z**2 / (2 * trials)
        half = z * np.sqrt(share * (1 - share) / trials + z**2 / (4 * trials**2))
        scale = 1 + z**2 / trials
        return np.maximum(0.0, (centre - half) / scale), np.minimum(1.0, (centre + half) / scale)


def student(n: FloatArray) -> FloatArray:
    """The 97.5 % quantile of Student's t of so many values, at which an error is estimated from them as well."""
    return np.asarray(special.stdtrit(np.maximum(n - 1, 1.0), 0.975), np.float64)


def around(value: float, error: float, low: float = -math.inf, high: float = math.inf) -> tuple[float, float]:
    """The normal interval around an estimate with a standard error, clipped to what the value can be."""
    return max(low, value - Z * error), min(high, value + Z * error)


def transformed(value: float, error: float, low: float, high: float, size: int) -> tuple[float, float]:
    """The interval of a bounded value, normal where it has no bounds: on the scale of the logit, or of the logarithm.

    Logit for a value between two bounds, logarithm for one above a single bound, none for one without; Student's t in
    place of the normal distribution, since the error is estimated as well. On a bound itself the plain interval is
    taken. Source: Agresti, Categorical Data Analysis, 3rd ed., 3.1.6; for ROC-AUC Pepe 2003, The Statistical Evaluation
    of Medical Tests, 5.2.
    """
    quantile = float(stats.t.ppf(0.975, max(size - 1, 1)))
    if not (low < value < high) or math.isinf(low):
        return max(low, value - quantile * error), min(high, value + quantile * error)
    if math.isinf(high):
        factor = math.exp(min(700.0, quantile * error / (value - low)))
        return low + (value - low) / factor, low + (value - low) * factor
    logit = math.log((value - low) / (high - value))
    half = quantile * error * (high - low) / ((value - low) * (high - value))
    lower, upper = (low + (high - low) * float(special.expit(logit + side)) for side in (-half, half))
    return lower, upper


def two_proportions(
    successes: FloatArray, trials: FloatArray, reference: FloatArray, reference_trials: FloatArray
) -> FloatArray:
    """Two-sided p-value of the pooled two-proportion z-test; 1 where both shares are the same constant.

    Source: https://www.itl.nist.gov/div898/handbook/prc/section3/prc33.htm.
    """
    with np.errstate(divide="ignore", invalid="ignore"):
        pooled = (successes + reference) / (trials + reference_trials)
        error = np.sqrt(np.maximum(0.0, pooled * (1 - pooled)) * (1 / trials + 1 / reference_trials))
        distance = np.abs(successes / trials - reference / reference_trials) / error
    return np.where(error > 0, 2 * special.ndtr(-distance), 1.0)


def angle(successes: FloatArray, trials: FloatArray) -> FloatArray:
    """A share on the scale on which its variance, `1 / (trials + 1/2)`, does not depend on it; NaN for no trials.

    Source: Anscombe 1948, https://doi.org/10.1093/biomet/35.3-4.246.
    """
    share = (successes + 3 / 8) / (trials + 3 / 4)
    return np.where(trials > 0, 2 * np.arcsin(np.sqrt(share)), np.nan)


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
