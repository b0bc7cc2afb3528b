"""The straight line: remove doubles, join outcomes, find stale windows, count, measure, judge, store."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TYPE_CHECKING

from . import doubles, metrics, outcomes, references
from .judge import judge
from .measures import ModelView
from .measures.compute import measure_all
from .profiles.history import Analysed, History, Kept, Segmented
from .profiles.profile import Profile
from .stale import Stale, rollup_contents, stale_windows, with_gaps
from .windows import Window, WindowSize

if TYPE_CHECKING:
    from .cluster import Cluster
    from .measures import Verdict
    from .monitors import Model, Monitors
    from .references import Reference

    Progress = Callable[[str, int, int], None]


@dataclass(frozen=True, slots=True)
class Summary:
    """What one analysis of one model did.

    Attributes:
        model: Its name.
        windows: Windows found in the data.
        analysed: Windows that were counted or judged anew, larger ones included.
        statuses: Verdicts made, by status.
        notes: What the user should know, a sentence each.
    """

    model: str
    windows: int
    analysed: int
    statuses: Mapping[str, int]
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
        period: Only windows that begin in it; None: all.
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
    return joined, [_analyze(cluster, model, now, period, progress) for model in monitors.models]


def _analyze(cluster: Cluster, model: Model, now: datetime, period: Window | None, progress: Progress) -> Summary:
    history = History(cluster, model.name)
    cluster.refresh(cluster.streams.profiles)
    reference = references.resolve(cluster, history, model, now)
    binning, judging = reference.counting.binning.version, reference.judging(model)

    contents = list(with_gaps(cluster.contents(references.predictions_of(model, period), model.window), model.window))
    known = history.kept(model.window.text, period)
    stale = stale_windows(contents, known, model.lateness, now, binning, judging)
    tally: dict[str, int] = {}
    for done, window in enumerate(stale, 1):
        profiles = _profiles(history, model, reference, window)
        _store(history, model, reference, window, model.window, profiles, tally)
        progress(f"{model.name} {model.window.text}", done, len(stale))
    analysed = len(stale)

    cluster.refresh(cluster.streams.profiles)
    known = history.kept(model.window.text)
    for size in model.rollups:
        larger = rollup_contents(known, size, binning)
        stale = stale_windows(larger, history.kept(size.text), model.lateness, now, binning, judging)
        for done, window in enumerate(stale, 1):
            profiles = _summed(history, window, model.window, reference)
            _store(history, model, reference, window, size, profiles, tally)
            progress(f"{model.name} {size.text}", done, len(stale))
        analysed += len(stale)
    cluster.refresh(cluster.streams.profiles, cluster.streams.metrics)
    return Summary(model.name, len(contents), analysed, tally, reference.notes)


def _profiles(history: History, model: Model, reference: Reference, stale: Stale) -> Segmented:
    counting, content = reference.counting, stale.content
    if stale.counted:
        return dict(history.profiles(content.version, model.window.text, content.window, counting.binning))
    expected: dict[str, int] = {}
    for segment in reference.profiles:
        if segment is not None:
            expected[segment[0]] = expected.get(segment[0], 0) + 1
    query = references.predictions_of(model, content.window, content.version)
    found = history.count(query, counting, model.segments, expected)
    return found or {None: Profile.empty(counting.binning)}


def _summed(history: History, stale: Stale, size: WindowSize, reference: Reference) -> Segmented:
    binning = reference.counting.binning
    total: dict[tuple[str, str] | None, Profile] = {}
    for segment, profile in history.profiles(stale.content.version, size.text, stale.content.window, binning):
        total[segment] = total[segment] + profile if segment in total else profile
    return total


def _store(
    history: History,
    model: Model,
    reference: Reference,
    stale: Stale,
    size: WindowSize,
    profiles: Segmented,
    tally: dict[str, int],
) -> None:
    content = stale.content
    verdicts = _verdicts(model, reference, profiles, content.window.seconds)
    for verdict in verdicts:
        tally[verdict.status.value] = tally.get(verdict.status.value, 0) + 1
    scope = metrics.Scope(
        model=model.name,
        version=content.version,
        size=size.text,
        window=content.window,
        reference=reference.period,
        label_coverage={
            segment: profile.labelled / profile.predictions
            for segment, profile in profiles.items()
            if profile.predictions
        },
        as_of=content.as_of,
    )
    kept = Kept(
        version=content.version,
        size=size.text,
        window=content.window,
        content=content.digest,
        judged=reference.judging(model),
        binning=reference.counting.binning.version,
        as_of=content.as_of,
    )
    cluster = history.cluster
    cluster.write(
        [
            *metrics.operations(cluster.streams.metrics, scope, verdicts),
            *history.operations(Analysed(kept, profiles)),
        ]
    )


def _verdicts(model: Model, reference: Reference, profiles: Segmented, seconds: float) -> list[Verdict]:
    measurements = []
    for segment, profile in profiles.items():
        current = ModelView(profile, model.task, model.positive_class, seconds)
        before = None
        if reference.period and segment in reference.profiles:
            before = ModelView(reference.profiles[segment], model.task, model.positive_class, reference.period.seconds)
        found = measure_all(current, before, reference.counting.binning, model.measures)
        measurements += [replace(measurement, segment=segment) for measurement in found]
    return judge(measurements, model.thresholds, model.alpha)
