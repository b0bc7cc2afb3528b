"""What a measure is: one frozen record that says what it needs, what it compares, and where it comes from."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from enum import StrEnum
from typing import Any

import numpy as np

from driftline.ingest.events import Task

from ..arrays import FloatArray, IntArray
from ..profiles.profile import Profile


class Subject(StrEnum):
    """What a measure is computed of: the whole model, or one distribution of it."""

    MODEL = "model"
    NUMERIC = "numeric"
    CATEGORICAL = "categorical"
    DISTRIBUTION = "distribution"  # numeric or categorical
    ATTRIBUTE = "attribute"  # the groups of a protected attribute
    SERIES = "series"  # all windows up to this one
    ROWS = "rows"  # a random sample of predictions
    OBJECTIVE = "objective"  # events that are good or bad, in all windows up to this one
    FEEDBACK = "feedback"  # what people said of incidents


class Direction(StrEnum):
    """Which way is worse."""

    HIGHER = "higher_is_worse"
    LOWER = "lower_is_worse"
    BOTH = "any_change_is_worse"


class Scatter(StrEnum):
    """How a statistic scatters between windows in which nothing has changed."""

    SIGNED = "signed"  # around zero: a difference
    QUADRATIC = "quadratic"  # as a sum of squared differences: chi-squared and its kin
    ABSOLUTE = "absolute"  # as the root of one: a sum of absolute differences
    EVENT = "event"  # not at all: it happens, 1, or does not, 0


class Compare(StrEnum):
    """What the thresholds apply to."""

    VALUE = "value"  # the value itself: a distance from the reference, a share
    CHANGE = "change"  # how much worse than the reference, in the value's unit
    RATIO = "ratio"  # how much worse than the reference, as a share of the reference's value


@dataclass(frozen=True, slots=True)
class Distribution:
    """One feature, score or prediction as counts, in several windows at once: what drift and quality measures see.

    Attributes:
        counts: Coarse bins (numeric) or known categories and `other` (categorical), missing left out,
            shape (windows, bins). The distances that need few bins compare these.
        other: Values in no known category (categorical only), shape (windows,).
        missing: Predictions without this feature, shape (windows,).
        fine: Fine bins (numeric only), shape (windows, edges + 1).
        edges: Edges of the fine bins (numeric only), increasing, shape (edges,).
        moments: Exact count, sum, sum of squares and range (numeric only), shape (windows,) each.
    """

    counts: IntArray
    other: IntArray
    missing: IntArray
    fine: IntArray | None = None
    edges: FloatArray | None = None
    moments: MomentArrays | None = None

    @property
    def total(self) -> FloatArray:
        """How many values were counted, missing left out, shape (windows,)."""
        return np.asarray(self.counts.sum(axis=-1), np.float64)


@dataclass(frozen=True, slots=True)
class MomentArrays:
    """The fields of `Moments`, of several windows: shape (windows,) each."""

    count: FloatArray
    sum: FloatArray
    sum_of_squares: FloatArray
    min: FloatArray
    max: FloatArray

    @property
    def mean(self) -> FloatArray:
        """The arithmetic mean; NaN when nothing was counted."""
        with np.errstate(divide="ignore", invalid="ignore"):
            return np.asarray(self.sum / self.count, np.float64)

    @property
    def variance(self) -> FloatArray:
        """The population variance, never below 0; NaN when nothing was counted."""
        with np.errstate(divide="ignore", invalid="ignore"):
            return np.asarray(np.maximum(0.0, self.sum_of_squares / self.count - self.mean**2), np.float64)


@dataclass(frozen=True, slots=True)
class ModelView:
    """One window of one model: what measures of the whole model see.

    Attributes:
        profile: The window's counts.
        task: What kind of answer the model gives.
        positive_class: The class that scores are of (binary only).
        seconds: Length of the window; 0 of a training set, which has none.
    """

    profile: Profile
    task: Task
    positive_class: str | None
    seconds: float


@dataclass(frozen=True, slots=True)
class Estimate:
    """What a measure found.

    Attributes:
        value: The measured value; None where it is not defined (an empty window, one class only).
        lower: Lower end of the 95 % confidence interval, None where none is known.
        upper: Upper end.
        p_value: Probability of a difference from the reference at least this large by sampling alone,
            None where the measure is no test.
        reference_value: The same measure of the reference, where the measure compares itself with it.
        sample_size: Predictions (or labelled predictions) that the value rests on.
        reference_size: The same of the reference; 0 without one.
        error_bound: How far the value can be from that of the raw data because it was computed of bins; 0 is exact.
        statistic: What is compared between windows, on a scale on which quiet windows scatter evenly: a distance as it
            is counted, without correction; a difference from the reference of logits or logarithms. None where the
            measure does not compare.
        expected: Mean of the statistic by sampling alone, had nothing changed; 0 for a difference.
        deviation: Standard deviation of the statistic by sampling alone, had nothing changed.
    """

    value: float | None
    lower: float | None = None
    upper: float | None = None
    p_value: float | None = None
    reference_value: float | None = None
    sample_size: int = 0
    reference_size: int = 0
    error_bound: float = 0.0
    statistic: float | None = None
    expected: float = 0.0
    deviation: float | None = None


@dataclass(frozen=True, slots=True)
class Estimates:
    """What a measure found in several windows: the fields of `Estimate`, shape (windows,) each, NaN for None."""

    value: FloatArray
    lower: FloatArray
    upper: FloatArray
    p_value: FloatArray
    reference_value: FloatArray
    sample_size: FloatArray
    reference_size: FloatArray
    error_bound: FloatArray
    statistic: FloatArray
    expected: FloatArray
    deviation: FloatArray

    @classmethod
    def of(cls, value: FloatArray, **others: FloatArray | float) -> Estimates:
        """Estimates of which only some fields are known; none is where the value is not defined but the sizes."""
        shape = np.shape(value)
        found = {"value": np.asarray(value, np.float64)}
        for field in fields(cls)[1:]:
            given = others.get(field.name, _UNKNOWN[field.name])
            found[field.name] = np.broadcast_to(np.asarray(given, np.float64), shape)
        undefined = ~np.isfinite(found["value"])
        if undefined.any():
            for name in ("lower", "upper", "p_value", "statistic", "deviation"):
                found[name] = np.where(undefined, np.nan, found[name])
        return cls(**found)

    @classmethod
    def joined(cls, estimates: Sequence[Estimate]) -> Estimates:
        """Single estimates as one record of arrays."""
        columns = ([getattr(estimate, field.name) for estimate in estimates] for field in fields(cls))
        return cls(*(np.array([np.nan if x is None else x for x in column], np.float64) for column in columns))

    @classmethod
    def concatenated(cls, parts: Sequence[Estimates]) -> Estimates:
        """Those of several runs of windows, one after the other."""
        return cls(*(np.concatenate([getattr(part, field.name) for part in parts]) for field in fields(cls)))

    def rows(self) -> Iterator[Estimate]:
        """The estimate of each window."""
        columns = [getattr(self, field.name).tolist() for field in fields(self)]
        for value, lower, upper, p_value, before, size, reference_size, bound, statistic, expected, deviation in zip(
            *columns, strict=True
        ):
            yield Estimate(
                _some(value),
                _some(lower),
                _some(upper),
                _some(p_value),
                _some(before),
                int(size),
                int(reference_size),
                bound,
                _some(statistic),
                expected,
                _some(deviation),
            )


_UNKNOWN = {
    "lower": np.nan,
    "upper": np.nan,
    "p_value": np.nan,
    "reference_value": np.nan,
    "sample_size": 0.0,
    "reference_size": 0.0,
    "error_bound": 0.0,
    "statistic": np.nan,
    "expected": 0.0,
    "deviation": np.nan,
}


def _some(number: float) -> float | None:
    return None if number != number else number  # noqa: PLR0124 (only NaN differs from itself, and this is quick)


@dataclass(frozen=True, slots=True)
class Groups:
    """Which groups a gap lies between.

    Attributes:
        lowest: The one with the smallest rate.
        highest: The one with the largest.
        compared: How many were compared.
        left_out: Those with too few predictions for it.
    """

    lowest: str
    highest: str
    compared: int
    left_out: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Contribution:
    """A feature, and its share of what was found."""

    feature: str
    share: float


@dataclass(frozen=True, slots=True)
class Gap:
    """How far groups lie apart, and which; None where there are not two of them."""

    estimate: Estimate
    groups: Groups | None


AttributeFunction = Callable[[Mapping[str, ModelView], Mapping[str, ModelView], int], Gap]
ModelFunction = Callable[[ModelView, ModelView | None], Estimate]
DistributionFunction = Callable[[Distribution, Distribution | None], Estimates]


@dataclass(frozen=True, slots=True)
class Measure:
    """One line of the table of measures.

    Attributes:
        name: As written in monitors.yml and in `metric.name`.
        title: As shown to people.
        family: The module it stands in.
        subject: What it is computed of.
        tasks: Tasks it is defined for.
        needs_labels: Whether its verdict waits for most of the outcomes that will come.
        needs_all_labels: Whether it waits until no more are expected.
        needs_package: The module of `driftline[learning]` that it is computed with, None for none.
        needs_reference: Whether it has no value without a reference.
        unit: Unit of the value, "" for a plain number, "1" never: as in UCUM "%", "s", "ns", "1/s".
        direction: Which way is worse.
        compare: What the default thresholds apply to.
        warning: Effect floor of a warning; None: recorded, never judged unless monitors.yml sets thresholds.
        critical: Effect floor of a critical verdict.
        min_samples: Below this many samples the status is `insufficient_data`.
        default: Whether it is computed when monitors.yml names no measures.
        scatter: How its statistic scatters between quiet windows.
        source: Paper or documentation of the formula.
        compute: The function; gets the window's view and the reference's, or None without a reference; of an attribute,
            the views per group, those of the reference, and how many predictions a group must have.
    """

    name: str
    title: str
    family: str
    subject: Subject
    compute: ModelFunction | DistributionFunction | AttributeFunction | Callable[..., Any]
    source: str
    tasks: frozenset[Task] = frozenset(Task)
    needs_labels: bool = False
    needs_all_labels: bool = False
    needs_package: str | None = None
    needs_reference: bool = False
    unit: str = ""
    direction: Direction = Direction.HIGHER
    compare: Compare = Compare.VALUE
    warning: float | None = None
    critical: float | None = None
    min_samples: int = 30
    default: bool = True
    scatter: Scatter = Scatter.SIGNED
