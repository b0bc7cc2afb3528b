"""The profile: what one window of predictions looked like, in counts that add.

Everything after the count is a pure function of profiles. Profiles of one binning add: the sum is associative and
commutative and `Profile.empty` is its identity, so an hour, a day, a month or one segment are sums of smaller ones.
"""

from __future__ import annotations

import math
from collections.abc import Hashable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeVar

import numpy as np

from ..arrays import FloatArray, IntArray
from .binning import DELAY_EDGES, DURATION_EDGES, Binning

if TYPE_CHECKING:
    from collections.abc import Mapping


NOT_THIS_CLASS, THIS_CLASS, UNKNOWN = 0, 1, 2
"""Positions on the axes of `ScoreCounts`: an outcome that is not known yet is `UNKNOWN`."""


@dataclass(frozen=True, slots=True)
class Moments:
    """Count, sum, sum of squares and range of one quantity: enough for a mean and its variance."""

    count: int = 0
    sum: float = 0.0
    sum_of_squares: float = 0.0
    min: float = math.inf
    max: float = -math.inf

    def __add__(self, other: Moments) -> Moments:
        return Moments(
            self.count + other.count,
            self.sum + other.sum,
            self.sum_of_squares + other.sum_of_squares,
            min(self.min, other.min),
            max(self.max, other.max),
        )

    def __sub__(self, other: Moments) -> Moments:
        """Without a part; the range stays that of the whole."""
        count = self.count - other.count
        if not count:
            return Moments()
        sums = (self.sum - other.sum, max(0.0, self.sum_of_squares - other.sum_of_squares))
        return Moments(count, *sums, self.min, self.max)

    @property
    def mean(self) -> float:
        """The arithmetic mean; NaN when nothing was counted."""
        return self.sum / self.count if self.count else math.nan

    @property
    def variance(self) -> float:
        """The population variance, never below 0; NaN when nothing was counted."""
        if not self.count:
            return math.nan
        return max(0.0, self.sum_of_squares / self.count - self.mean**2)


@dataclass(frozen=True, slots=True)
class NumericCounts:
    """One numeric quantity: `counts`, shape (bins,), over `NumericBins`; `missing` have no value."""

    counts: IntArray
    moments: Moments = field(default_factory=Moments)
    missing: int = 0

    def __add__(self, other: NumericCounts) -> NumericCounts:
        return NumericCounts(self.counts + other.counts, self.moments + other.moments, self.missing + other.missing)

    def __sub__(self, other: NumericCounts) -> NumericCounts:
        return NumericCounts(self.counts - other.counts, self.moments - other.moments, self.missing - other.missing)


@dataclass(frozen=True, slots=True)
class CategoryCounts:
    """One categorical feature: `counts`, shape (categories,), of the known ones; `other` are unseen ones."""

    counts: IntArray
    other: int = 0
    missing: int = 0

    def __add__(self, other: CategoryCounts) -> CategoryCounts:
        return CategoryCounts(self.counts + other.counts, self.other + other.other, self.missing + other.missing)

    def __sub__(self, other: CategoryCounts) -> CategoryCounts:
        return CategoryCounts(self.counts - other.counts, self.other - other.other, self.missing - other.missing)


@dataclass(frozen=True, slots=True)
class ScoreCounts:
    """The scores of one class, by what was predicted and what came true.

    `counts` and `sums` (of the score) have shape (2, 3, bins): predicted (not this class, this class) x
    actual (not this class, this class, unknown) x bins of the score. `moments` are of all scores.
    """

    counts: IntArray
    sums: FloatArray
    moments: Moments = field(default_factory=Moments)

    def __add__(self, other: ScoreCounts) -> ScoreCounts:
        return ScoreCounts(self.counts + other.counts, self.sums + other.sums, self.moments + other.moments)

    def __sub__(self, other: ScoreCounts) -> ScoreCounts:
        return ScoreCounts(self.counts - other.counts, self.sums - other.sums, self.moments - other.moments)

    @property
    def negatives(self) -> IntArray:
        """Labelled predictions of another class per bin, shape (bins,)."""
        return np.asarray(self.counts[:, NOT_THIS_CLASS].sum(axis=0), np.int64)

    @property
    def positives(self) -> IntArray:
        """Labelled predictions of this class per bin, shape (bins,)."""
        return np.asarray(self.counts[:, THIS_CLASS].sum(axis=0), np.int64)

    @property
    def total(self) -> IntArray:
        """All predictions per bin, labelled or not, shape (bins,)."""
        return np.asarray(self.counts.sum(axis=(0, 1)), np.int64)


@dataclass(frozen=True, slots=True)
class Profile:
    """What one window of predictions looked like.

    Attributes:
        binning: Version of the bins; only profiles of one version add.
        predictions: Predictions made, failed ones included.
        errors: Predictions that failed (`event.outcome: failure`).
        labelled: Predictions whose outcome is known.
        numeric: Counts per numeric feature.
        categorical: Counts per categorical feature.
        scores: Counts per scored class.
        value: Counts of a regression's predicted value.
        predicted: Predictions per predicted class.
        confusion: Labelled predictions per (predicted class, actual class).
        evaluations: Moments of `evaluation.*` and, under "actual", of a regression's outcomes.
        duration: Predictions per bin of `DURATION_EDGES`, shape (len(DURATION_EDGES) + 1,).
        delay: Outcomes per bin of `DELAY_EDGES`, shape (len(DELAY_EDGES) + 1,).
        positive_delay: Those of them that are of the one scored class; zeros where there is not exactly one.
    """

    binning: str
    predictions: int
    errors: int
    labelled: int
    numeric: Mapping[str, NumericCounts]
    categorical: Mapping[str, CategoryCounts]
    scores: Mapping[str, ScoreCounts]
    value: NumericCounts | None
    predicted: Mapping[str, int]
    confusion: Mapping[tuple[str, str], int]
    evaluations: Mapping[str, Moments]
    duration: IntArray
    delay: IntArray
    positive_delay: IntArray

    @classmethod
    def empty(cls, binning: Binning) -> Profile:
        """The identity of addition: a window without predictions."""
        return cls(
            binning=binning.version,
            predictions=0,
            errors=0,
            labelled=0,
            numeric={name: NumericCounts(_zeros(bins.size)) for name, bins in binning.numeric.items()},
            categorical={name: CategoryCounts(_zeros(len(known))) for name, known in binning.categorical.items()},
            scores={
                name: ScoreCounts(np.zeros((2, 3, bins.size), np.int64), np.zeros((2, 3, bins.size)))
                for name, bins in binning.scores.items()
            },
            value=NumericCounts(_zeros(binning.value.size)) if binning.value else None,
            predicted={},
            confusion={},
            evaluations={},
            duration=_zeros(len(DURATION_EDGES) + 1),
            delay=_zeros(len(DELAY_EDGES) + 1),
            positive_delay=_zeros(len(DELAY_EDGES) + 1),
        )

    def __add__(self, other: Profile) -> Profile:
        if self.binning != other.binning:
            msg = f"profiles add only within one binning, got {self.binning} and {other.binning}"
            raise ValueError(msg)
        return Profile(
            binning=self.binning,
            predictions=self.predictions + other.predictions,
            errors=self.errors + other.errors,
            labelled=self.labelled + other.labelled,
            numeric=_merge(self.numeric, other.numeric),
            categorical=_merge(self.categorical, other.categorical),
            scores=_merge(self.scores, other.scores),
            value=_add(self.value, other.value),
            predicted=_merge(self.predicted, other.predicted),
            confusion=_merge(self.confusion, other.confusion),
            evaluations=_merge(self.evaluations, other.evaluations),
            duration=self.duration + other.duration,
            delay=self.delay + other.delay,
            positive_delay=self.positive_delay + other.positive_delay,
        )

    def __sub__(self, other: Profile) -> Profile:
        """Without a part: what the profiles of all other windows of a sum add up to.

        Counts come out exact, sums but for rounding, and a range stays that of the whole.
        """
        if self.binning != other.binning:
            msg = f"profiles subtract only within one binning, got {self.binning} and {other.binning}"
            raise ValueError(msg)
        return Profile(
            binning=self.binning,
            predictions=self.predictions - other.predictions,
            errors=self.errors - other.errors,
            labelled=self.labelled - other.labelled,
            numeric=_without(self.numeric, other.numeric),
            categorical=_without(self.categorical, other.categorical),
            scores=_without(self.scores, other.scores),
            value=self.value - other.value if self.value and other.value else self.value,
            predicted=_without(self.predicted, other.predicted),
            confusion=_without(self.confusion, other.confusion),
            evaluations=_without(self.evaluations, other.evaluations),
            duration=self.duration - other.duration,
            delay=self.delay - other.delay,
            positive_delay=self.positive_delay - other.positive_delay,
        )


_Key = TypeVar("_Key", bound=Hashable)
_Addable = TypeVar("_Addable", int, Moments, NumericCounts, CategoryCounts, ScoreCounts)


def _zeros(size: int) -> IntArray:
    return np.zeros(size, np.int64)


def _add(left: NumericCounts | None, right: NumericCounts | None) -> NumericCounts | None:
    if left is None or right is None:
        return left or right
    return left + right


def _merge(left: Mapping[_Key, _Addable], right: Mapping[_Key, _Addable]) -> dict[_Key, _Addable]:
    keys = {**left, **right}
    return {k: left[k] + right[k] if k in left and k in right else (left if k in left else right)[k] for k in keys}


def _without(whole: Mapping[_Key, _Addable], part: Mapping[_Key, _Addable]) -> dict[_Key, _Addable]:
    return {k: whole[k] - part[k] if k in part else whole[k] for k in whole}
