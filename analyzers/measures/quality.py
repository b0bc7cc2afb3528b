"""Whether the data that reaches the model is sound: missing, unseen, out of range, stuck."""

from __future__ import annotations

import math
from functools import partial

import numpy as np

from . import intervals
from .classification import combine, shares
from .measure import Compare, Direction, Distribution, Estimate, Measure, Subject

SOURCE = "https://research.google/pubs/data-validation-for-machine-learning/"


def _missing(current: Distribution, reference: Distribution | None) -> Estimate:
    def found(side: Distribution | None) -> tuple[int, int]:
        return (side.missing, side.missing + side.total) if side else (0, 0)

    return shares(found(current), found(reference))


def _unseen(current: Distribution, reference: Distribution | None) -> Estimate:
    def found(side: Distribution | None) -> tuple[int, int]:
        return (side.other, side.total) if side else (0, 0)

    return shares(found(current), found(reference))


def _out_of_range(current: Distribution, reference: Distribution | None) -> Estimate:
    def found(side: Distribution | None) -> tuple[int, int]:
        return (int(side.fine[0] + side.fine[-1]), side.total) if side and side.fine is not None else (0, 0)

    return shares(found(current), found(reference))


def _constant(current: Distribution, reference: Distribution | None) -> Estimate:
    def found(side: Distribution) -> float:
        if side.moments is not None:
            return float(side.moments.min == side.moments.max)
        return float(np.count_nonzero(side.counts) == 1)

    sizes = {"sample_size": current.total, "reference_size": reference.total if reference else 0}
    if not current.total:
        return Estimate(None, **sizes)
    before = found(reference) if reference and reference.total else None
    return Estimate(found(current), reference_value=before, **sizes)


def _mean(current: Distribution, reference: Distribution | None) -> Estimate:
    def found(side: Distribution | None) -> tuple[float, float, int]:
        if side is None or side.moments is None:
            return math.nan, math.nan, 0
        return side.moments.mean, intervals.mean_error(side.moments.variance, side.moments.count), side.moments.count

    return combine(found(current), found(reference))


_quality = partial(
    Measure, family="quality", subject=Subject.DISTRIBUTION, compare=Compare.CHANGE, min_samples=30, source=SOURCE
)

MEASURES: tuple[Measure, ...] = (
    _quality(name="missing_rate", title="Share missing", compute=_missing, warning=0.01, critical=0.05),
    _quality(
        name="unseen_rate",
        title="Share in no known category",
        subject=Subject.CATEGORICAL,
        compute=_unseen,
        warning=0.01,
        critical=0.05,
    ),
    _quality(
        name="out_of_range_rate",
        title="Share outside the reference's range",
        subject=Subject.NUMERIC,
        needs_reference=True,
        compute=_out_of_range,
        warning=0.01,
        critical=0.05,
    ),
    # 1 where one value is left of several: stuck sensor, default value, lost join.
    _quality(name="constant", title="Stuck at one value", compute=_constant, warning=0.5, critical=0.5),
    _quality(
        name="mean", title="Mean", subject=Subject.NUMERIC, compute=_mean, direction=Direction.BOTH, default=False
    ),
)
