"""Whether the data that reaches the model is sound: missing, unseen, out of range, stuck."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import numpy as np
from scipy import special

from ..arrays import FloatArray
from . import intervals
from .measure import Compare, Direction, Distribution, Estimates, Measure, Scatter, Subject
from .sides import share_estimates

SOURCE = "https://research.google/pubs/data-validation-for-machine-learning/"


Counted = tuple[FloatArray, FloatArray]


def _share(
    counted: Callable[[Distribution], Counted], current: Distribution, reference: Distribution | None
) -> Estimates:
    """A share, of what is counted of each side: successes and trials."""
    successes, trials = counted(current)
    before, before_trials = counted(reference) if reference else (np.zeros_like(trials), np.zeros_like(trials))
    return share_estimates(*np.broadcast_arrays(successes, trials, before, before_trials))


def _missing(side: Distribution) -> Counted:
    return side.missing.astype(np.float64), side.missing + side.total


def _unseen(side: Distribution) -> Counted:
    return side.other.astype(np.float64), side.total


def _out_of_range(side: Distribution) -> Counted:
    assert side.fine is not None
    return (side.fine[..., 0] + side.fine[..., -1]).astype(np.float64), side.total


def _constant(current: Distribution, reference: Distribution | None) -> Estimates:
    def found(side: Distribution) -> FloatArray:
        if side.moments is not None:
            stuck = side.moments.min == side.moments.max
        else:
            stuck = np.count_nonzero(side.counts, axis=-1) == 1
        return np.where(side.total > 0, stuck, np.nan)

    value = found(current)
    return Estimates.of(
        value,
        lower=value,
        upper=value,
        reference_value=found(reference) if reference else np.nan,
        sample_size=current.total,
        reference_size=reference.total if reference else 0.0,
        statistic=value,
        deviation=0.0,
    )


def _mean(current: Distribution, reference: Distribution | None) -> Estimates:
    value, error = _mean_and_error(current)
    nothing = (np.full_like(value, np.nan), np.full_like(value, np.nan))
    before, before_error = _mean_and_error(reference) if reference else nothing
    combined = np.hypot(error, before_error)
    with np.errstate(divide="ignore", invalid="ignore"):
        distance = np.abs(value - before) / combined
    same = np.where(value == before, 1.0, 0.0)
    return Estimates.of(
        value,
        lower=value - intervals.Z * error,
        upper=value + intervals.Z * error,
        p_value=np.where(combined == 0, same, 2 * special.ndtr(-distance)),
        reference_value=before,
        sample_size=current.total,
        reference_size=reference.total if reference else 0.0,
        statistic=value - before,
        deviation=combined,
    )


def _mean_and_error(side: Distribution) -> tuple[FloatArray, FloatArray]:
    assert side.moments is not None
    with np.errstate(divide="ignore", invalid="ignore"):
        errors = np.sqrt(side.moments.variance / (side.moments.count - 1))
    return side.moments.mean, np.where(side.moments.count > 1, errors, np.nan)


_quality = partial(
    Measure, family="quality", subject=Subject.DISTRIBUTION, compare=Compare.CHANGE, min_samples=30, source=SOURCE
)

MEASURES: tuple[Measure, ...] = (
    _quality(
        name="missing_rate", title="Share missing", compute=partial(_share, _missing), warning=0.01, critical=0.05
    ),
    _quality(
        name="unseen_rate",
        title="Share in no known category",
        subject=Subject.CATEGORICAL,
        compute=partial(_share, _unseen),
        warning=0.01,
        critical=0.05,
    ),
    _quality(
        name="out_of_range_rate",
        title="Share outside the reference's range",
        subject=Subject.NUMERIC,
        needs_reference=True,
        compute=partial(_share, _out_of_range),
        warning=0.01,
        critical=0.05,
    ),
    # 1 where one value is left of several: stuck sensor, default value, lost join.
    _quality(
        name="constant",
        title="Stuck at one value",
        compute=_constant,
        scatter=Scatter.EVENT,
        warning=0.5,
        critical=0.5,
    ),
    _quality(
        name="mean", title="Mean", subject=Subject.NUMERIC, compute=_mean, direction=Direction.BOTH, default=False
    ),
)
