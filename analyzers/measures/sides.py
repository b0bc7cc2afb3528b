"""Estimates of two sides, the window's and the reference's: what the families of measures share."""

from __future__ import annotations

import math

import numpy as np

from ..arrays import FloatArray
from ..profiles.profile import Moments
from . import intervals
from .measure import Estimate, Estimates, ModelView


def shares(current: tuple[float, float], reference: tuple[float, float]) -> Estimate:
    """A share of trials in one window, each side given as (successes, trials)."""
    sides = (np.array([float(number)]) for number in (*current, *reference))
    (estimate,) = share_estimates(*sides).rows()
    return estimate


def share_estimates(
    successes: FloatArray, trials: FloatArray, before: FloatArray, before_trials: FloatArray
) -> Estimates:
    """Shares of trials and those of the reference, shape (windows,) each: Wilson's interval, pooled z-test."""
    lower, upper = intervals.wilson(successes, trials)
    compared = before_trials > 0
    p_value = intervals.two_proportions(successes, trials, before, before_trials)
    difference = intervals.angle(successes, trials) - intervals.angle(before, before_trials)
    with np.errstate(divide="ignore", invalid="ignore"):
        value, reference_value = successes / trials, before / before_trials
    return Estimates.of(
        value,
        lower=lower,
        upper=upper,
        p_value=np.where(compared, p_value, np.nan),
        reference_value=reference_value,
        sample_size=trials,
        reference_size=before_trials,
        statistic=difference,
        deviation=np.where(compared, np.sqrt(1 / (trials + 0.5) + 1 / (before_trials + 0.5)), np.nan),
    )


def combine(
    current: tuple[float, float, int],
    reference: tuple[float, float, int],
    *,
    low: float = -math.inf,
    high: float = math.inf,
    error_bound: float = 0.0,
    relative: bool = False,
) -> Estimate:
    """An estimate of two sides given as (value, standard error, sample size); NaN is not defined.

    Between windows their difference is compared, or, of what is only ever positive, that of their logarithms.
    """
    value, error, size = current
    before, before_error, before_size = reference
    if not math.isfinite(value):
        return Estimate(None, sample_size=size, reference_size=before_size)
    known = math.isfinite(before)
    lower, upper = None, None
    if math.isfinite(error):
        lower, upper = intervals.transformed(value, error, low, high, size)
    tested = known and intervals.finite([error, before_error])
    logs = relative and value > 0 and before > 0
    statistic = math.log(value / before) if logs else value - before
    scales = (value, before) if logs else (1.0, 1.0)
    defined = known and logs == relative
    return Estimate(
        value=value,
        lower=lower,
        upper=upper,
        statistic=statistic if defined else None,
        deviation=math.hypot(error / scales[0], before_error / scales[1]) if tested and defined else None,
        p_value=intervals.from_errors(value, error, before, before_error) if tested else None,
        reference_value=before if known else None,
        sample_size=size,
        reference_size=before_size,
        error_bound=error_bound,
    )


def moments_of(view: ModelView | None, name: str) -> tuple[float, float, int]:
    """Mean, its standard error and the count of one of `evaluation.*`."""
    moments = view.profile.evaluations.get(name, Moments()) if view else Moments()
    return moments.mean, intervals.mean_error(moments.variance, moments.count), moments.count
