"""The events of one window: how many there were, and how many of them were good. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from ..maturity import Ripeness
from ..measures import Estimate, Reason, Verdict, by_name
from ..profiles.binning import DURATION_EDGES
from .setting import CORRECT, ERRORS, LATENCY, Objective

if TYPE_CHECKING:
    from ..profiles.profile import Profile
    from ..windows import Window


@dataclass(frozen=True, slots=True)
class Events:
    """Events of one window.

    Attributes:
        good: Those that are good, or may be.
        total: All of them.
        doubtful: Those of the good ones of which the counts do not tell.
    """

    good: int
    total: int
    doubtful: int = 0


def counted(objective: Objective, profile: Profile, ripeness: Ripeness) -> Events | None:
    """The events that a window's counts tell of; None where its labels are too few yet, or counts tell nothing.

    Args:
        objective: What is counted.
        profile: The window's counts.
        ripeness: How far its labels are.
    """
    if objective.of == LATENCY:
        return _latency(objective, profile)
    if objective.of == ERRORS:
        return Events(profile.predictions - profile.errors, profile.predictions)
    if objective.of != CORRECT or ripeness is Ripeness.EARLY:
        return None
    right = sum(count for (predicted, actual), count in profile.confusion.items() if predicted == actual)
    return Events(right, sum(profile.confusion.values()))


def _latency(objective: Objective, profile: Profile) -> Events:
    """Predictions that took no longer, of those whose duration was logged.

    Durations are counted in bins that are 5 % wide. One in the bin that the limit lies in counts as good, so that
    nobody is called for what may be nothing; how many these are is known.
    """
    edge = objective.edge
    doubtful = 0 if DURATION_EDGES[edge] == objective.nanoseconds else int(profile.duration[edge])
    return Events(int(profile.duration[: edge + 1].sum()), int(profile.duration.sum()), doubtful)


def fresh(objective: Objective, window: Window, analysed: datetime, begun: datetime) -> Events | None:
    """A window as one event: good if it was analysed in time. None of one that was over before anything was analysed.

    Args:
        objective: How long it may take.
        window: The window.
        analysed: When it was analysed for the first time.
        begun: When the first of all windows was.
    """
    if objective.within is None or window.end <= begun:
        return None
    return Events(int(analysed - window.end <= objective.within), 1)


def kept(objective: Objective, told: Iterable[Verdict], ripeness: Ripeness) -> Events | None:
    """A window as one event: good unless a measure's interval lies beyond the bound as a whole; None if not known.

    Args:
        objective: The measure and its bound.
        told: The verdicts on the window.
        ripeness: How far its labels are.
    """
    for verdict in told:
        found = verdict.measurement
        if (found.measure, found.feature, found.segment) == (objective.of, objective.feature, None):
            return None if _is_open(verdict, ripeness) else Events(int(not _is_beyond(objective, found.estimate)), 1)
    return None


def _is_open(verdict: Verdict, ripeness: Ripeness) -> bool:
    measure, estimate = by_name(verdict.measurement.measure), verdict.measurement.estimate
    early = ripeness is Ripeness.EARLY and measure.needs_labels
    return early or estimate.value is None or verdict.reason in (Reason.SAMPLES, Reason.LABELS, Reason.GRADE)


def _is_beyond(objective: Objective, estimate: Estimate) -> bool:
    nearest = estimate.upper if objective.above else estimate.lower
    value = estimate.value if nearest is None else nearest
    assert value is not None
    assert objective.bound is not None
    return value < objective.bound if objective.above else value > objective.bound
