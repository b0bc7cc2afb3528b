"""The straight line: remove doubles, join outcomes, find stale windows, count, learn, measure, judge, store, alert."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import groupby
from typing import TYPE_CHECKING

from . import alarms, concepts, doubles, grades, joint, metrics, outcomes, references
from .alerts import evaluate
from .alerts.evidence import gather
from .alerts.lifecycle import Horizon
from .alerts.records import State
from .causes import frequent
from .causes import window as of_window
from .distributions import Distributions
from .grades import Book
from .maturity import Ripeness
from .objectives.keeper import Objectives
from .profiles.history import Counted, History, Kept, Segmented
from .profiles.profile import Profile
from .stale import EMPTY, Stale, rollup_contents, stale_windows, with_gaps
from .verdicts import Judged, chunks, rules, verdicts
from .windows import Window, WindowSize, iso
from .yardstick import Yardstick

if TYPE_CHECKING:
    from .causes import Cause
    from .cluster import Cluster, Content
    from .measures import Verdict
    from .monitors import Model, Monitors
    from .references import Reference
    from .verdicts import Standard

    Progress = Callable[[str, int, int], None]
    Finished = Callable[[outcomes.Joined, "Summary"], None]

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
        incidents: Incidents that are on.
        last: End of the last window with predictions that is analysed; None where there is none.
        notes: What the user should know, a sentence each.
    """

    model: str
    windows: int
    analysed: int
    statuses: Mapping[str, int]
    alarms: int
    incidents: int
    last: datetime | None
    notes: tuple[str, ...]


def silent(_phase: str, _done: int, _total: int) -> None:
    """Report no progress."""


def _unwatched(_joined: outcomes.Joined, _summary: Summary) -> None:
    pass


def analyze(
    cluster: Cluster,
    monitors: Monitors,
    now: datetime,
    *,
    period: Window | None = None,
    retry_orphans: bool = False,
    progress: Progress = silent,
    finished: Finished = _unwatched,
) -> tuple[outcomes.Joined, list[Summary]]:
    """Join what outcomes there are, and bring the metrics of every model up to date.

    Args:
        cluster: Where the data is and the results go.
        monitors: What to monitor.
        now: Windows that are not complete by then are left for later.
        period: Only windows that begin in it; None: all. Those of the reference are counted in any case.
        retry_orphans: Whether outcomes that were set aside are tried again.
        progress: Called with the phase, how much of it is done, and how much there is.
        finished: Called with what was joined and the summary of a model as soon as that is analysed.

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
    summaries = []
    for model in monitors.models:
        summaries.append(_Analysis(cluster, model, now, period, progress).run())
        finished(joined, summaries[-1])
    return joined, summaries


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
        self.frame: Reference = references.resolve(cluster, self.history, model, now)
        self.binning = self.frame.counting.binning
        wanted = any(measure.name == joint.NAME for measure in self.model.measures)
        self.joint = joint.Joint(cluster, model, self.binning) if wanted else None
        self.objectives = Objectives(cluster, model, now)
        self.distributions = Distributions(cluster, model, self.binning)
        self.statuses: Counter[str] = Counter()
        self.alarms = 0
        self.first: dict[WindowSize, datetime] = {}
        self.last: dict[str, datetime] = {}
        self.notes = list(self.frame.notes)

    def run(self) -> Summary:
        found = self._contents(self.period)
        if self.frame.period and self.period:
            self._count(self._contents(self.frame.period))
        self._count(found)
        self.cluster.refresh(self.cluster.streams.profiles)
        yardstick = Yardstick(self.history, self.model, self.frame, self.now)
        analysed = self._judge(self._stale(found, self.model.window, yardstick), self.model.window, yardstick)
        for size in self.model.rollups:
            contents = rollup_contents(self.history.kept(self.model.window.text), size, self.binning.version)
            stale = self._stale(contents, size, yardstick)
            self._add_up(stale, size)
            self.cluster.refresh(self.cluster.streams.profiles)
            analysed += self._judge(stale, size, yardstick)
        self.cluster.refresh(self.cluster.streams.profiles, self.cluster.streams.metrics)
        self.last = self.history.last(self.model.window.text, EMPTY)
        on = self._alert()
        notes = tuple(dict.fromkeys([*self.notes, *self.objectives.notes]))
        last = max(self.last.values(), default=None)
        return Summary(self.model.name, len(found), analysed, dict(self.statuses), self.alarms, on, last, notes)

    def _contents(self, period: Window | None) -> list[Content]:
        query = references.predictions_of(self.model, period)
        return list(with_gaps(self.cluster.contents(query, self.model.window), self.model.window))

    def _stale(self, contents: Iterable[Content], size: WindowSize, yardstick: Yardstick) -> list[Stale]:
        known = self.history.kept(size.text)
        return stale_windows(contents, known, self.model.lateness, self.now, self.binning.version, yardstick.digest)

    def _count(self, contents: Iterable[Content]) -> None:
        """Count the windows whose stored profiles are not those of their content, and store them unjudged."""
        known = self.history.kept(self.model.window.text)
        complete = stale_windows(contents, known, self.model.lateness, self.now, self.binning.version, lambda _: "")
        pending = [window for window in complete if not window.counted]
        stored = (known.get((window.content.version, window.content.window.start)) for window in pending)
        if rebinned := sum(kept is not None and kept.binning != self.binning.version for kept in stored):
            self.notes.append(f"the reference has other bins: {rebinned:,} windows were counted anew")
        for done, window in enumerate(pending, 1):
            self._keep(window, self.model.window, self._profiles(window))
            self.progress(f"{self.model.name} {self.model.window.text}: counted", done, len(pending))

    def _profiles(self, stale: Stale) -> Segmented:
        counting, content = self.frame.counting, stale.content
        expected = Counter(segment[0] for segment in self.frame.profiles if segment is not None)
        query = references.predictions_of(self.model, content.window, content.version)
        found = self.history.count(query, counting, self.model.segments, expected)
        return found or {None: Profile.empty(counting.binning)}

    def _add_up(self, stale: Sequence[Stale], size: WindowSize) -> None:
        """Store the profiles of larger windows: the sums of the smaller ones."""
        for window in stale:
            if window.counted:
                continue
            content = window.content
            total: dict[tuple[str, str] | None, Profile] = {}
            smaller = self.history.profiles(content.version, self.model.window.text, content.window, self.binning)
            for segment, profile in smaller:
                total[segment] = total[segment] + profile if segment in total else profile
            self._keep(window, size, total)

    def _keep(self, stale: Stale, size: WindowSize, profiles: Segmented) -> None:
        kept = self._kept(stale, size, profiles.get(None))
        self.cluster.write([*self.history.keep(kept, profiles)])

    def _kept(self, stale: Stale, size: WindowSize, whole: Profile | None) -> Kept:
        content = stale.content
        return Kept(
            version=content.version,
            size=size.text,
            window=content.window,
            content=content.digest,
            judged=UNJUDGED,
            binning=self.binning.version,
            as_of=content.as_of,
            predictions=whole.predictions if whole else 0,
            labelled=whole.labelled if whole else 0,
        )

    def _judge(self, stale: Sequence[Stale], size: WindowSize, yardstick: Yardstick) -> int:
        """Judge the stale windows of one size from their stored profiles; returns how many."""
        if not stale:
            return 0
        first = self.first[size] = min(window.content.window.start for window in stale)
        book, done, waiting = self._book(first, size), 0, 0
        for _, group in groupby(stale, key=lambda window: yardstick.period(window.content.window)):
            for chunk in chunks(self._counted(group, size)):
                reference, by = yardstick.of(chunk[0][1].window, size)
                counted = [window for _, window in chunk]
                shown = self.distributions.stored(counted, size)
                found = verdicts(self.model, reference, by, counted, book, yardstick.maturity)
                for (window, profiled), judged in zip(chunk, found, strict=True):
                    of_rows = self._of_rows(profiled, size, reference, by)
                    kept = self.objectives.of_window(profiled, size, judged.verdicts, judged.ripeness)
                    scope = self._scope(window, profiled, size, reference, judged)
                    rows = self.distributions.of_window(profiled, size, reference, judged.verdicts, shown)
                    marked = self._marked(window, profiled, size, yardstick)
                    self._write(scope, [*judged.verdicts, *of_rows, *kept], rows, marked)
                waiting += sum(judged.ripeness is Ripeness.EARLY and not judged.weighed for judged in found)
                done += len(chunk)
                self.progress(f"{self.model.name} {size.text}: judged", done, len(stale))
        if reference.kind:
            self.notes.append(by.note(self.model))
        if waiting and yardstick.waits:
            self.notes.append(f"windows of {size.text}: {waiting:,} wait for labels; {yardstick.maturity.note()}")
        if size == self.model.window:
            self._count_statuses(concepts.update(self.cluster, self.model, first, self.now))
            self._count_statuses(self.objectives.update(first))
        start = size.before(first, by.rule.of + by.rule.clear)
        self.alarms += alarms.update(self.cluster, alarms.Scope(self.model.name, size.text, first), start, by.rule)
        return done

    def _alert(self) -> int:
        """Bring alerts, incidents and notices up to date; returns how many incidents are on."""
        last = self.last
        changed = [
            evaluate.Changed(
                Horizon(size, rule, self.model.lateness, self.now, max(last.values(), default=None), last.get),
                self.first.get(size),
            )
            for size, rule in rules(self.model).items()
        ]
        found = evaluate.evaluate(
            self.cluster,
            self.model,
            changed,
            self.now,
            lambda incident, alerts: gather(self.cluster, self.model, incident, alerts, self.now),
        )
        return sum(incident.state is not State.RESOLVED for incident in found.incidents)

    def _write(self, scope: metrics.Scope, told: Sequence[Verdict], rows: Iterable[bytes], marked: Kept) -> None:
        """Store the verdicts on a window, its distributions, and by what it was judged, in one write."""
        written = metrics.operations(self.cluster.streams.metrics, scope, told)
        self.cluster.write([*written, *rows, *self.history.mark(marked)])
        self._count_statuses(told)

    def _count_statuses(self, told: Sequence[Verdict]) -> None:
        self.statuses.update(verdict.status.value for verdict in told)

    def _marked(self, stale: Stale, counted: Counted, size: WindowSize, yardstick: Yardstick) -> Kept:
        kept = self._kept(stale, size, counted.profiles.get(None))
        return replace(kept, judged=yardstick.digest(kept))

    def _of_rows(self, window: Counted, size: WindowSize, reference: Reference, by: Standard) -> Iterator[Verdict]:
        """The verdict of the measure that looks at rows, where it is asked for."""
        if self.joint is not None and size == self.model.sampling.window:
            verdict = self.joint.verdict(window, reference, by.level.alpha)
            if verdict is not None:
                yield verdict

    def _counted(self, stale: Iterable[Stale], size: WindowSize) -> Iterator[tuple[Stale, Counted]]:
        for window in stale:
            content = window.content
            profiles = dict(self.history.profiles(content.version, size.text, content.window, self.binning))
            yield window, Counted(content.version, content.window, profiles)

    def _book(self, first: datetime, size: WindowSize) -> Book:
        """How good estimates of performance were in the last windows before those that are judged."""
        body = grades.asked_for(self.model.name, size.text, first)
        hits = self.cluster.search(self.cluster.streams.metrics, body)["hits"]["hits"]
        return Book.of(hit["_source"] for hit in hits)

    def _scope(
        self, stale: Stale, counted: Counted, size: WindowSize, reference: Reference, judged: Judged
    ) -> metrics.Scope:
        return metrics.Scope(
            model=self.model.name,
            version=counted.version,
            size=size.text,
            window=counted.window,
            reference=reference.period,
            reference_kind=reference.kind,
            label_coverage={
                segment: profile.labelled / profile.predictions
                for segment, profile in counted.profiles.items()
                if profile.predictions
            },
            as_of=stale.content.as_of,
            grades=judged.grades,
            maturity=judged.maturity,
            ripeness=judged.ripeness,
            weighed=judged.weighed,
            judged=iso(self.now),
            causes=self._causes(counted, reference, judged),
        )

    def _causes(self, counted: Counted, reference: Reference, judged: Judged) -> Mapping[str, Cause]:
        """What happened to the features that are not as they were; what counts cannot tell is asked for once."""
        features = of_window.features(judged.verdicts, self.binning)
        before = reference.of(counted.window)[0].get(None)
        if not features or before is None:
            return {}
        found = of_window.causes(features, counted.profiles[None], before, self.binning, {})
        if untold := of_window.untold(found, counted.profiles[None]):
            query = references.predictions_of(self.model, counted.window, counted.version)
            answer = self.cluster.count_predictions(frequent.search_body(query, self.binning, untold))
            asked = frequent.frequent(answer, untold)
            found |= of_window.causes(untold, counted.profiles[None], before, self.binning, asked)
        return found
