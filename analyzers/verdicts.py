"""Stored windows to verdicts: many windows at once, and against what quiet windows look like. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING, TypeVar

import numpy as np

from . import budget
from .arrays import BoolArray
from .judge import judge, passes
from .measures import Estimates, Measurement, ModelView, Threshold, by_name
from .measures.compute import measure_windows
from .quiet import FEWEST, Key, Quiet, Statistics, learn

if TYPE_CHECKING:
    from .budget import Chosen
    from .measures import Verdict
    from .monitors import Model
    from .profiles.history import Counted, Segment
    from .profiles.profile import Profile
    from .references import Reference
    from .windows import WindowSize

T = TypeVar("T")
AT_ONCE = 32
"""Windows that are measured together: enough for arrays to pay, few enough to hold."""


@dataclass(frozen=True, slots=True)
class Standard:
    """What the windows of one size are judged by.

    Attributes:
        level: The level of the tests.
        quiet: What quiet windows look like; None without a reference or without windows in it.
    """

    level: Chosen
    quiet: Quiet | None

    def notes(self, model: Model, size: WindowSize) -> list[str]:
        """What the user should know of it, a sentence each."""
        level, windows = self.level, self.level.windows
        if self.quiet is None:
            return []
        told = f"alpha: {model.alpha:g}" if model.alpha is not None else f"false_alarms: {model.false_alarms.text}"
        found = f"windows of {size.text}: q < {level.alpha:.2g} ({told}); of {windows} quiet windows, judged by each "
        notes = [f"{found}other, {level.alarms} would be bad"]
        if windows < FEWEST:
            notes.append(
                f"windows of {size.text}: the reference holds only {windows} of them, too few to learn how quiet ones "
                "differ; only what is far beyond all of them is found"
            )
        return notes


def chunks(windows: Iterable[T]) -> Iterator[list[T]]:
    """Windows, as many at a time as are measured together."""
    iterator = iter(windows)
    while chunk := list(islice(iterator, AT_ONCE)):
        yield chunk


def standard(model: Model, reference: Reference, size: WindowSize, windows: Iterable[Counted]) -> Standard:
    """Learn from the windows of the reference what quiet windows look like, and choose the level of the tests.

    Each window is compared with the reference without it.

    Args:
        model: The model.
        reference: Its reference.
        size: Size of the windows.
        windows: The windows of that size in the reference, in order of time.
    """
    parts: dict[Key, list[Estimates]] = {}
    for chunk in chunks(windows):
        for key, estimates in _quiet_estimates(model, reference, chunk):
            parts.setdefault(key, []).append(estimates)
    target = model.alpha
    if target is None:
        target = model.false_alarms.level(size.seconds, 1 + len(model.rollups))
    longest = max((sum(len(part.value) for part in series) for series in parts.values()), default=0)
    whole = {key: series for key, series in parts.items() if sum(len(part.value) for part in series) == longest}
    if not whole:
        return Standard(budget.Chosen(target, target), None)
    return _learnt(model, target, {key: Estimates.concatenated(series) for key, series in whole.items()})


def _learnt(model: Model, target: float, series: Mapping[Key, Estimates]) -> Standard:
    statistics = {key: Statistics(e.statistic, e.expected, e.deviation) for key, e in series.items()}
    quiet, apart = learn(statistics, {measure: by_name(measure).scatter for measure, _, _ in series})
    judged = np.array([measure in model.thresholds for measure, _, _ in series])
    beyond = np.array([_beyond(model.thresholds.get(key[0]), estimates) for key, estimates in series.items()])
    smallest = budget.smallest_q(np.where(judged[:, None], apart, np.nan), beyond)
    level = budget.choose(target, smallest) if model.alpha is None else budget.Chosen(target, target, len(smallest))
    return Standard(level, quiet)


def _beyond(threshold: Threshold | None, estimates: Estimates) -> BoolArray:
    if threshold is None:
        return np.zeros(len(estimates.value), np.bool_)
    floors = [floor for floor in (threshold.warning, threshold.critical) if floor is not None]
    return np.array(
        [row.value is not None and any(passes(row, threshold, floor) for floor in floors) for row in estimates.rows()]
    )


def _quiet_estimates(model: Model, reference: Reference, chunk: Sequence[Counted]) -> Iterator[tuple[Key, Estimates]]:
    for segment, whole in reference.profiles.items():
        if reference.period is None:
            return
        empty = whole - whole
        parts = [window.profiles.get(segment, empty) for window in chunk]
        views = [_view(model, part, window.window.seconds) for part, window in zip(parts, chunk, strict=True)]
        others = [
            _view(model, whole - part, reference.period.seconds - window.window.seconds)
            for part, window in zip(parts, chunk, strict=True)
        ]
        for measure, feature, estimates in measure_windows(views, others, reference.counting.binning, model.measures):
            yield (measure, feature, segment), estimates


def verdicts(model: Model, reference: Reference, by: Standard, chunk: Sequence[Counted]) -> list[list[Verdict]]:
    """The verdicts on some windows, a list for each.

    Args:
        model: The model.
        reference: What the windows are compared with.
        by: What they are judged by.
        chunk: The windows.
    """
    found: list[list[Measurement]] = [[] for _ in chunk]
    for segment in dict.fromkeys(segment for window in chunk for segment in window.profiles):
        at = [position for position, window in enumerate(chunk) if segment in window.profiles]
        windows = [chunk[position] for position in at]
        views = [_view(model, window.profiles[segment], window.window.seconds) for window in windows]
        before = _reference_view(model, reference, segment)
        for measure, feature, estimates in measure_windows(views, before, reference.counting.binning, model.measures):
            for position, estimate in zip(at, estimates.rows(), strict=True):
                found[position].append(Measurement(measure, estimate, feature, segment))
    return [judge(measurements, model.thresholds, by.level.alpha, by.quiet) for measurements in found]


def _view(model: Model, profile: Profile, seconds: float) -> ModelView:
    return ModelView(profile, model.task, model.positive_class, seconds)


def _reference_view(model: Model, reference: Reference, segment: Segment) -> list[ModelView] | None:
    if reference.period is None or segment not in reference.profiles:
        return None
    return [_view(model, reference.profiles[segment], reference.period.seconds)]
