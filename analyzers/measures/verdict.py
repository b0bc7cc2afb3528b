"""What was measured, of what, and what is to be thought of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from .measure import Compare, Contribution, Direction, Estimate, Groups
from .objective import Promise


@dataclass(frozen=True, slots=True)
class Measurement:
    """An estimate and what it is of.

    Attributes:
        measure: Name of the measure.
        estimate: What was found.
        feature: Feature, `prediction.score`, `prediction.value`, `prediction.label`, a protected attribute, or the name
            of an objective; None of the whole model.
        segment: Segment name and value; None of all predictions.
        groups: Which groups of a protected attribute a gap lies between.
        contributions: Features by their share of what was found, the largest first.
        since: Start of the window with which what was found began, ISO 8601; None where that is not told.
        promise: The objective that it is of.
    """

    measure: str
    estimate: Estimate
    feature: str | None = None
    segment: tuple[str, str] | None = None
    groups: Groups | None = None
    since: str | None = None
    contributions: tuple[Contribution, ...] = ()
    promise: Promise | None = None


class Status(StrEnum):
    """The verdict on one measurement."""

    OK = "ok"
    WARNING = "warning"
    CRITICAL = "critical"
    INSUFFICIENT = "insufficient_data"


class Reason(StrEnum):
    """Why there is no verdict on a measurement."""

    SAMPLES = "samples"  # too few, or none that the measure is defined for
    REFERENCE = "reference"  # nothing to compare with, or too little
    GRADE = "grade"  # an estimate whose like has not been good of late, or not been checked
    LABELS = "labels"  # too few of the labels that will come are there


@dataclass(frozen=True, slots=True)
class Threshold:
    """When a measurement is worth a word: the practical effect floor of each level.

    Attributes:
        compare: What the floors apply to.
        direction: Which way is worse.
        warning: Floor of a warning, None for none.
        critical: Floor of a critical verdict, None for none.
        min_samples: Fewer samples give `insufficient_data`.
    """

    compare: Compare
    direction: Direction
    warning: float | None
    critical: float | None
    min_samples: int


@dataclass(frozen=True, slots=True)
class Against:
    """How a statistic compares with that of quiet windows, in the statistic's own unit.

    Attributes:
        p_value: Probability that a quiet window shows at least as much.
        mean: Mean of the statistic of quiet windows beyond what sampling alone makes of it.
        between: Standard deviation of the quiet windows' own differences, sampling left out.
        windows: How many independent windows this was learnt from.
    """

    p_value: float
    mean: float
    between: float
    windows: float


@dataclass(frozen=True, slots=True)
class Verdict:
    """A judged measurement.

    Attributes:
        measurement: What was judged.
        status: The verdict.
        q_value: The p-value after Benjamini-Hochberg over the window, None where there is no p-value.
        threshold: The floor that decided: the one passed, or the lowest one not passed; None when unjudged.
        against: The comparison with quiet windows, None where there are none.
        alpha: The level that the q-value had to pass, None where there was no test.
        calm: Whether it is so far from a warning that an alarm may end.
        severe: Whether it is so far beyond critical, and so surely, that one window is enough for an alarm.
        reason: Why there is no verdict.
    """

    measurement: Measurement
    status: Status
    q_value: float | None = None
    threshold: float | None = None
    against: Against | None = None
    alpha: float | None = None
    calm: bool = False
    severe: bool = False
    reason: Reason | None = None


Thresholds = Mapping[str, Threshold]
"""Per measure name; a measure that is not in it is recorded and not judged."""
