"""The straight line: remove doubles, join outcomes, find stale windows, count, learn, measure, judge, store."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import cached_property
from typing import TYPE_CHECKING

from . import alarms, doubles, grades, metrics, outcomes, references
from .grades import Book
from .profiles.history import Counted, History, Kept, Segmented
from .profiles.profile import Profile
from .stale import Stale, rollup_contents, stale_windows, with_gaps
from .verdicts import Judged, Standard, chunks, larger, standard, verdicts
from .windows import Window, WindowSize

if TYPE_CHECKING:
    from .cluster import Cluster, Content
    from .monitors import Model, Monitors
    from .references import Reference

    Progress = Callable[[str, int, int], None]

UNJUDGED = ""
"""What a window is judged by that was only counted as yet."""


@dataclass(frozen=True, slots=True)
class Summary:
    """What one analysis of one model did.

    Attributes:
        model: Its name.
        windows: Windows found in the data.
        analysed: Windows that were counted or judged anew, larger ones included.
        statuses: Verdicts made, by status.
        alarms: Series that began to fire.
        notes: What the user should know, a sentence each.
    """

    model: str
    windows: int
    analysed: int
    statuses: Mapping[str, int]
    alarms: int
    notes: tuple[str, ...]


def _silent(_phase: str, _done: int, _total: int) -> None:
    pass


def analyze(
    cluster: Cluster,
    monitors: Monitors,
    now: datetime,
    *,
    period: Window | None = None,
    retry_orphans: bool = False,
    progress: Progress = _silent,
) -> tuple[outcomes.Joined, list[Summary]]:
    """Join what outcomes there are, and bring the metrics of every model up to date.

    Args:
        cluster: Where the data is and the results go.
        monitors: What to monitor.
        now: Windows that are not complete by then are left for later.
        period: Only windows that begin in it; None: all. Those of the reference are counted in any case.
        retry_orphans: Whether outcomes that were set aside are tried again.
        progress: Called with the phase, how much of it is done, and how much there is.

    Raises:
        NoDataError: A reference period is over and empty.
        StoreError: Elasticsearch did not store a result.
    """
    doubles.remove(cluster)
    joined = outcomes.join(
        cluster,
        monitors.models,
        now,
        retry_orphans=retry_orphans,
        progress=lambda done, total: progress("outcomes", done, total),
    )
    return joined, [_Analysis(cluster, model, now, period, progress).run() for model in monitors.models]


class _Analysis:
    """One analysis of one model."""

    def __init__(
        self, cluster: Cluster, model: Model, now: datetime, period: Window | None, progress: Progress
    ) -> None:
        self.cluster = cluster
        self.model = model
        self.now = now
        self.period = period
        self.progress = progress
        self.history = History(cluster, model.name)
        cluster.refresh(cluster.streams.profiles)
        self.reference: Reference = references.resolve(cluster, self.history, model, now)
        self.judging = self.reference.judging(model)
        self.binning = self.reference.counting.binning
        self.statuses: Counter[str] = Counter()
        self.alarms = 0
        self.notes = list(self.reference.notes)

    def run(self) -> Summary:
        found = self._contents(self.period)
        if self.reference.period and self.period:
            self._count(self._stale(self._contents(self.reference.period), self.model.window))
        stale = self._stale(found, self.model.window)
        self._count(stale)
        self.cluster.refresh(self.cluster.streams.profiles)
        analysed = self._judge(stale, self.model.window)
        for size in self.model.rollups:
            known = self.history.kept(self.model.window.text)
            stale = self._stale(rollup_contents(known, size, self.binning.version), size)
            self._add_up(stale, size)
            self.cluster.refresh(self.cluster.streams.profiles)
            analysed += self._judge(stale, size)
        self.cluster.refresh(self.cluster.streams.profiles, self.cluster.streams.metrics)
        return Summary(self.model.name, len(found), analysed, dict(self.statuses), self.alarms, tuple(self.notes))

    def _contents(self, period: Window | None) -> list[Content]:
        query = references.predictions_of(self.model, period)
        return list(with_gaps(self.cluster.contents(query, self.model.window), self.model.window))

    def _stale(self, contents: Iterable[Content], size: WindowSize) -> list[Stale]:
        known = self.history.kept(size.text)
        return stale_windows(contents, known, self.model.lateness, self.now, self.binning.version, self.judging)

    def _count(self, stale: Sequence[Stale]) -> None:
        """Count the windows whose stored profiles are not those of their content, and store them unjudged."""
        pending = [window for window in stale if not window.counted]
        for done, window in enumerate(pending, 1):
            self._keep(window, self.model.window, self._profiles(window))
            self.progress(f"{self.model.name} {self.model.window.text}: counted", done, len(pending))

    def _profiles(self, stale: Stale) -> Segmented:
        counting, content = self.reference.counting, stale.content
        expected = Counter(segment[0] for segment in self.reference.profiles if segment is not None)
        query = references.predictions_of(self.model, content.window, content.version)
        found = self.history.count(query, counting, self.model.segments, expected)
        return found or {None: Profile.empty(counting.binning)}

    def _add_up(self, stale: Sequence[Stale], size: WindowSize) -> None:
        """Store the profiles of larger windows: the sums of the smaller ones."""
        for window in stale:
            content = window.content
            total: dict[tuple[str, str] | None, Profile] = {}
            smaller = self.history.profiles(content.version, self.model.window.text, content.window, self.binning)
            for segment, profile in smaller:
                total[segment] = total[segment] + profile if segment in total else profile
            self._keep(window, size, total)

    def _keep(self, stale: Stale, size: WindowSize, profiles: Segmented) -> None:
        self.cluster.write([*self.history.keep(replace(self._kept(stale, size), judged=UNJUDGED), profiles)])

    def _kept(self, stale: Stale, size: WindowSize) -> Kept:
        content = stale.content
        return Kept(
            version=content.version,
            size=size.text,
            window=content.window,
            content=content.digest,
            judged=self.judging,
            binning=self.binning.version,
            as_of=content.as_of,
        )

    def _judge(self, stale: Sequence[Stale], size: WindowSize) -> int:
        """Judge the stale windows of one size from their stored profiles; returns how many."""
        if not stale:
            return 0
        by = self._standard(size)
        if self.reference.period:
            self.notes.append(by.note(self.model))
        book = self._book(min(window.content.window.start for window in stale), size)
        done = 0
        for chunk in chunks(self._counted(stale, size)):
            found = verdicts(self.model, self.reference, by, [window for _, window in chunk], book)
            for (window, counted), judged in zip(chunk, found, strict=True):
                self._store(window, counted, size, judged)
            done += len(chunk)
            self.progress(f"{self.model.name} {size.text}: judged", done, len(stale))
        first = min(window.content.window.start for window in stale)
        start = size.before(first, by.rule.of + by.rule.clear)
        self.alarms += alarms.update(self.cluster, alarms.Scope(self.model.name, size.text, first), start, by.rule)
        return done

    def _standard(self, size: WindowSize) -> Standard:
        if size == self.model.window:
            return self._base
        return larger(self.model, self.reference, self._base, size, self._quiet_windows(size))

    @cached_property
    def _base(self) -> Standard:
        return standard(self.model, self.reference, self._quiet_windows(self.model.window))

    def _quiet_windows(self, size: WindowSize) -> Iterator[Counted]:
        period = self.reference.period
        if period is None:
            return
        for window in self.history.windows(size.text, period, self.binning):
            if window.window.end <= period.end:
                yield window

    def _counted(self, stale: Sequence[Stale], size: WindowSize) -> Iterator[tuple[Stale, Counted]]:
        for window in stale:
            content = window.content
            profiles = dict(self.history.profiles(content.version, size.text, content.window, self.binning))
            yield window, Counted(content.version, content.window, profiles)

    def _book(self, first: datetime, size: WindowSize) -> Book:
        """How good estimates of performance were in the last windows before those that are judged."""
        body = grades.asked_for(self.model.name, size.text, first)
        hits = self.cluster.search(self.cluster.streams.metrics, body)["hits"]["hits"]
        return Book.of(hit["_source"] for hit in hits)

    def _store(self, stale: Stale, counted: Counted, size: WindowSize, judged: Judged) -> None:
        self.statuses.update(verdict.status.value for verdict in judged.verdicts)
        scope = metrics.Scope(
            model=self.model.name,
            version=counted.version,
            size=size.text,
            window=counted.window,
            reference=self.reference.period,
            label_coverage={
                segment: profile.labelled / profile.predictions
                for segment, profile in counted.profiles.items()
                if profile.predictions
            },
            as_of=stale.content.as_of,
            grades=judged.grades,
        )
        written = metrics.operations(self.cluster.streams.metrics, scope, judged.verdicts)
        self.cluster.write([*written, *self.history.mark(self._kept(stale, size))])
