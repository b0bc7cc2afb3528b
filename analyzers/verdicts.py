"""Stored windows to verdicts: many windows at once, and against what quiet windows look like. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING, TypeVar

import numpy as np

from . import budget, early
from .arrays import BoolArray, FloatArray
from .firing import Rule
from .grades import Book, Grade, Graded
from .judge import judge, passes
from .maturity import Early, Maturity, Ripeness
from .measures import Estimates, Measurement, ModelView, Reason, Threshold, by_name
from .measures.compute import measure_attribute, measure_windows
from .profiles.history import Counted
from .profiles.profile import Profile
from .quiet import FEWEST, Key, Quiet, Statistics, learn

if TYPE_CHECKING:
    from .budget import Chosen
    from .measures import Verdict
    from .monitors import Model
    from .profiles.history import Segment
    from .references import Reference
    from .windows import WindowSize

T = TypeVar("T")
LARGER = Rule(1, 1, 1)
"""A larger window is itself many windows: one is enough to raise an alarm."""
FEWEST_LARGER = 3
"""Larger windows from which on their own differences are looked at."""
AT_ONCE = 32
"""Windows that are measured together: enough for arrays to pay, few enough to hold."""


@dataclass(frozen=True, slots=True)
class Standard:
    """What the windows of one size are judged by.

    Attributes:
        size: Their size.
        rule: How many bad ones make an alarm.
        level: The level of the tests.
        quiet: What quiet windows look like; None without a reference or without windows in it.
    """

    size: WindowSize
    rule: Rule
    level: Chosen
    quiet: Quiet | None

    def note(self, model: Model) -> str:
        """What the user should know of it, a sentence."""
        told = f"alpha: {model.alpha:g}" if model.alpha is not None else f"false_alarms: {model.false_alarms.text}"
        text = f"windows of {self.size.text}: q < {self.level.alpha:.2g} ({told})"
        if self.quiet is None:
            return f"{text}; no quiet windows to compare with, so rows are taken for independent draws"
        windows = int(self.quiet.learnt.windows.max(initial=0))
        if windows < FEWEST:
            return f"{text}; the reference holds only {windows} windows: only what is far beyond all of them is found"
        if not self.level.windows:
            return text
        return f"{text}; judged by each other, the reference's windows would be alarms {self.level.alarms} times"


@dataclass(frozen=True, slots=True)
class Judged:
    """A window, judged.

    Attributes:
        verdicts: Its verdicts.
        grades: How good estimates of performance had been until then, per measure.
        ripeness: How far its labels are.
        maturity: Share of its labels that will come which are there, None where that is not known.
        weighed: Whether its labels were weighed by how many of their class still come.
    """

    verdicts: Sequence[Verdict]
    grades: Mapping[str, Graded]
    ripeness: Ripeness
    maturity: float | None
    weighed: bool


def rules(model: Model) -> dict[WindowSize, Rule]:
    """When a series fires and clears, by size of windows."""
    return {model.window: model.alarm, **dict.fromkeys(model.rollups, LARGER)}


def chunks(windows: Iterable[T]) -> Iterator[list[T]]:
    """Windows, as many at a time as are measured together."""
    iterator = iter(windows)
    while chunk := list(islice(iterator, AT_ONCE)):
        yield chunk


def standard(model: Model, reference: Reference, windows: Iterable[Counted]) -> Standard:
    """Learn from the windows of the reference what quiet windows look like, and choose the level of the tests.

    Each window is compared with the reference without it.

    Args:
        model: The model.
        reference: Its reference.
        windows: The windows in the reference, in order of time.
    """
    target = _target(model, model.window)
    series = _quiet_series(model, reference, windows)
    if not series:
        return Standard(model.window, model.alarm, budget.Chosen(target, target), None)
    quiet, apart = _learn(series)
    judged = np.array([measure in model.thresholds for measure, _, _ in series])
    beyond = np.array([_beyond(model.thresholds.get(key[0]), estimates) for key, estimates in series.items()])
    rule = model.alarm
    runs = budget.firing_q(np.where(judged[:, None], apart, np.nan), beyond, rule.fire, rule.of)
    level = budget.choose(target, runs) if model.alpha is None else budget.Chosen(target, target, len(runs))
    return Standard(model.window, rule, level, quiet)


def larger(model: Model, reference: Reference, base: Standard, size: WindowSize, own: Iterable[Counted]) -> Standard:
    """What larger windows are judged by: learnt from the smaller ones, and from those of their size that there are.

    Args:
        model: The model.
        reference: Its reference.
        base: What the smaller windows are judged by.
        size: Size of the larger ones.
        own: The windows of that size in the reference, in order of time.
    """
    target = _target(model, size)
    rule = LARGER
    level = budget.Chosen(target, target)
    if base.quiet is None:
        return Standard(size, rule, level, None)
    series = _quiet_series(model, reference, own)
    enough = max((len(estimates.value) for estimates in series.values()), default=0) >= FEWEST_LARGER
    seen = _learn(series)[0] if enough else None
    return Standard(size, rule, level, base.quiet.larger(size.seconds / base.size.seconds, seen))


def _target(model: Model, size: WindowSize) -> float:
    return model.false_alarms.level(size.seconds, 1 + len(model.rollups)) if model.alpha is None else model.alpha


def _quiet_series(model: Model, reference: Reference, windows: Iterable[Counted]) -> dict[Key, Estimates]:
    parts: dict[Key, list[Estimates]] = {}
    for chunk in chunks(windows):
        for key, estimates in _quiet_estimates(model, reference, chunk):
            parts.setdefault(key, []).append(estimates)
    found = {key: Estimates.concatenated(series) for key, series in parts.items()}
    # A measure that is not possible in some of the windows, such as the latency of a service that logs none.
    longest = max((len(estimates.value) for estimates in found.values()), default=0)
    return {key: estimates for key, estimates in found.items() if len(estimates.value) == longest}


def _learn(series: Mapping[Key, Estimates]) -> tuple[Quiet, FloatArray]:
    statistics = {key: Statistics(e.statistic, e.expected, e.deviation) for key, e in series.items()}
    return learn(statistics, {measure: by_name(measure).scatter for measure, _, _ in series})


def _beyond(threshold: Threshold | None, estimates: Estimates) -> BoolArray:
    if threshold is None:
        return np.zeros(len(estimates.value), np.bool_)
    floors = [floor for floor in (threshold.warning, threshold.critical) if floor is not None]
    return np.array(
        [row.value is not None and any(passes(row, threshold, floor) for floor in floors) for row in estimates.rows()]
    )


def _quiet_estimates(model: Model, reference: Reference, chunk: Sequence[Counted]) -> Iterator[tuple[Key, Estimates]]:
    compared = [reference.of(window.window) for window in chunk]
    if any(seconds <= window.window.seconds for window, (_, seconds) in zip(chunk, compared, strict=True)):
        return  # nothing is left of a reference without its only window
    binning = reference.counting.binning
    for segment in dict.fromkeys(segment for whole, _ in compared for segment in whole):
        views, others = [], []
        for window, (whole, seconds) in zip(chunk, compared, strict=True):
            part = window.profiles.get(segment) or Profile.empty(binning)
            rest = whole[segment] - part if segment in whole else Profile.empty(binning)
            views.append(_view(model, part, window.window.seconds))
            others.append(_view(model, rest, seconds - window.window.seconds))
        for measure, feature, estimates in measure_windows(views, others, binning, model.measures):
            yield (measure, feature, segment), estimates


def verdicts(
    model: Model, reference: Reference, by: Standard, chunk: Sequence[Counted], book: Book, maturity: Maturity
) -> list[Judged]:
    """The verdicts on some windows.

    Args:
        model: The model.
        reference: What the windows are compared with.
        by: What they are judged by.
        chunk: The windows, in order of time.
        book: How good estimates were in the windows before; these are added to it.
        maturity: How far the labels of windows are.
    """
    judged = []
    weighed = [_weighed(model, window, maturity) for window in chunk]
    seen = [other or window for window, other in zip(chunk, weighed, strict=True)]
    for window, other, found in zip(chunk, weighed, _measured(model, reference, seen), strict=True):
        grades = book.grades(model.thresholds)
        ripeness, share = _ripeness(window, maturity), _share(window, maturity)
        withheld = {name: Reason.GRADE for name, graded in grades.items() if graded.grade is not Grade.GOOD}
        withheld |= dict.fromkeys(_waiting(found, ripeness, weighed=other is not None), Reason.LABELS)
        told = judge(found, model.thresholds, by.level.alpha, by.quiet, withheld)
        judged.append(Judged(told, grades, ripeness, share, other is not None))
        book.add(found, share or 0.0)
    return judged


def _ripeness(window: Counted, maturity: Maturity) -> Ripeness:
    whole = window.profiles.get(None)
    return maturity.of(window.window, whole.predictions if whole else 0, whole.labelled if whole else 0)


def _share(window: Counted, maturity: Maturity) -> float | None:
    whole = window.profiles.get(None)
    return maturity.share(whole.predictions, whole.labelled) if whole else None


def _weighed(model: Model, window: Counted, maturity: Maturity) -> Counted | None:
    """The window with its labels weighed, where they are early and how many of each class still come is known."""
    if maturity.labels.early is not Early.WEIGH or _ripeness(window, maturity) is not Ripeness.EARLY:
        return None
    known = maturity.known(window.window)
    if known is None or min(known) < early.LEAST or model.positive_class is None:
        return None
    profiles = {
        segment: early.evened(profile, model.positive_class, known) for segment, profile in window.profiles.items()
    }
    return Counted(window.version, window.window, profiles)


def _waiting(found: Sequence[Measurement], ripeness: Ripeness, *, weighed: bool) -> Iterator[str]:
    """The measures on which there is no verdict yet, since labels that will come are missing."""
    if ripeness is Ripeness.COMPLETE:
        return
    for measurement in found:
        measure = by_name(measurement.measure)
        waits = ripeness is Ripeness.EARLY and measure.needs_labels
        if measure.needs_all_labels or (waits and (not weighed or measurement.estimate.value is None)):
            yield measure.name


def _measured(model: Model, reference: Reference, chunk: Sequence[Counted]) -> list[list[Measurement]]:
    found: list[list[Measurement]] = [[] for _ in chunk]
    binning = reference.counting.binning
    for segment in dict.fromkeys(segment for window in chunk for segment in window.profiles):
        # Those with something to compare with, and those without, apart.
        for known in (True, False):
            at = [
                position
                for position, window in enumerate(chunk)
                if segment in window.profiles and (segment in reference.of(window.window)[0]) is known
            ]
            if not at:
                continue
            windows = [chunk[position] for position in at]
            views = [_view(model, window.profiles[segment], window.window.seconds) for window in windows]
            before = [_reference_view(model, reference, window, segment) for window in windows] if known else None
            for measure, feature, estimates in measure_windows(views, before, binning, model.measures):
                for position, estimate in zip(at, estimates.rows(), strict=True):
                    found[position].append(Measurement(measure, estimate, feature, segment))
    for position, window in enumerate(chunk):
        found[position] += _of_attributes(model, reference, window)
    return found


def _of_attributes(model: Model, reference: Reference, window: Counted) -> Iterator[Measurement]:
    """How far the groups of each protected attribute lie apart."""
    whole, seconds = reference.of(window.window)
    for attribute in model.fairness.attributes:
        groups, before = (
            {
                segment[1]: _view(model, profile, length)
                for segment, profile in profiles.items()
                if segment is not None and segment[0] == attribute
            }
            for profiles, length in ((window.profiles, window.window.seconds), (whole, seconds))
        )
        yield from measure_attribute(attribute, groups, before, model.fairness.minimum_group, model.measures)


def _view(model: Model, profile: Profile, seconds: float) -> ModelView:
    return ModelView(profile, model.task, model.positive_class, seconds)


def _reference_view(model: Model, reference: Reference, window: Counted, segment: Segment) -> ModelView:
    whole, seconds = reference.of(window.window)
    return _view(model, whole[segment], seconds)
