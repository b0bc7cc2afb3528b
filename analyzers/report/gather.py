"""Read what a page tells of."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING

from ..alerts import people
from ..alerts.delivery.documents import DELIVERY
from ..alerts.evidence import changes as changed
from ..alerts.records import Document, Incident, Series, State
from ..firing import Alarm
from ..reading import search
from ..windows import Window, WindowSize, iso
from .found import Found, Line, Moved
from .moving import moved
from .sums import Part, sums

if TYPE_CHECKING:
    from ..cluster import Cluster

BEFORE = 30
"""Windows before the onset that are shown, for what is normal."""
MOST = 300
"""Windows of one metric that are shown; of a longer incident, the first ones."""
FINEST = 100
"""A period is shown in the smallest windows of which it has no more than these."""


class NothingError(LookupError):
    """There is nothing to tell of; the text says what there is."""


def worst(cluster: Cluster) -> Incident | None:
    """The worst incident that is on; None where none is."""
    return next((found for found, _ in people.incidents(cluster, None, None, over=False)), None)


def incident(cluster: Cluster, identity: str, now: datetime) -> Found:
    """What the page of an incident tells.

    Args:
        cluster: Where it is.
        identity: The incident's id, or the beginning of it.
        now: The time.

    Raises:
        UnknownError: There is no such incident, or more than one.
    """
    whole = people.whole(cluster, identity)
    told, parent = whole.incident, whole.parent
    evidence = told.evidence
    around = Window.from_document(evidence.get("window", parent.peak["window"]))
    alarms = {alert.series.feature for alert in whole.alerts if alert.series.feature}
    part = Part(told.model, parent.series.version, parent.series.size, parent.series.segment)
    query = {"term": {"notice.incident": told.id}}
    return Found(
        model=told.model,
        namespace=cluster.streams.namespace,
        period=Window(told.since, told.until or max(now, told.fired)),
        made=now,
        whole=whole,
        incidents=(),
        lines=[_line(cluster, parent.series, told)],
        moved=_moved(cluster, part, around, parent.peak.get("reference"), alarms),
        changes=evidence.get("changes", ()),
        deliveries=list(cluster.alerting(DELIVERY, query)),
    )


def _line(cluster: Cluster, series: Series, told: Incident) -> Line:
    chosen = search.Filter(
        model=series.model,
        version=series.version,
        measure=series.measure,
        feature=series.feature or "",
        segment=series.segment or (),
        size=series.size,
        since=WindowSize(series.size).before(told.since, BEFORE),
        until=told.until,
    )
    windows = list(search.metrics(cluster, chosen, MOST + 1))
    return Line(series, windows[:MOST], cut=len(windows) > MOST)


def _moved(
    cluster: Cluster, part: Part, period: Window, reference: Mapping[str, str] | None, alarms: Collection[str]
) -> Moved | None:
    found = sums(cluster, part, period, reference)
    return moved(found.binning, found.current, found.reference, found.period, alarms) if found else None


def period(cluster: Cluster, model: str, asked: Window, now: datetime) -> Found:
    """What the page of a period of a model tells.

    Raises:
        NothingError: The model has no metrics in the period.
    """
    size = _size(cluster, model, asked)
    chosen = search.Filter(model=model, feature="", segment=(), size=size, since=asked.start, until=asked.end)
    lines = _lines(search.metrics(cluster, chosen))
    if not lines:
        msg = f"model {model!r} has no metrics from {iso(asked.start)} to {iso(asked.end)} in {cluster.streams.metrics}"
        raise NothingError(msg)
    firing = search.Filter(model=model, size=size, since=asked.start, until=asked.end, alarm=Alarm.FIRING.value)
    alarms = {found["feature"]["name"] for found in search.metrics(cluster, firing) if "feature" in found}
    reference = next((w["reference"] for line in lines for w in reversed(line.windows) if "reference" in w), None)
    return Found(
        model=model,
        namespace=cluster.streams.namespace,
        period=asked,
        made=now,
        whole=None,
        incidents=[found for found, _ in people.incidents(cluster, model, None, over=True) if _overlaps(found, asked)],
        lines=lines,
        moved=_moved(cluster, Part(model, None, size), asked, reference, alarms),
        changes=_changes(cluster, model, size, asked),
        deliveries=(),
    )


def _size(cluster: Cluster, model: str, asked: Window) -> str:
    """The smallest size of which the period has few enough windows; else the largest that there is."""
    query = search.Filter(model=model, since=asked.start, until=asked.end).query()
    sizes = {"sizes": {"terms": {"field": "window.size", "size": 100}}}
    answer = cluster.search(cluster.streams.metrics, {"size": 0, "query": query, "aggs": sizes})
    buckets = answer.get("aggregations", {}).get("sizes", {}).get("buckets", ())
    found: list[str] = sorted((bucket["key"] for bucket in buckets), key=lambda text: WindowSize(text).seconds)
    few = [text for text in found if asked.seconds <= FINEST * WindowSize(text).seconds]
    return (few or found[-1:] or ["1d"])[0]


def _lines(metrics: Iterable[Document]) -> Sequence[Line]:
    found: dict[Series, list[Document]] = {}
    for metric in metrics:
        found.setdefault(Series.of(metric), []).append(metric)
    return [Line(series, windows) for series, windows in found.items()]


def _changes(cluster: Cluster, model: str, size: str, asked: Window) -> Sequence[Document]:
    streams = cluster.streams
    hits = cluster.search(streams.changes, changed.logged_body(model, asked))["hits"]["hits"]
    versions = changed.first_seen(cluster.search(streams.profiles, changed.versions_body(model, size)))
    return changed.changes([hit["_source"] for hit in hits], versions, asked.start, asked)


def _overlaps(found: Incident, asked: Window) -> bool:
    over = found.until if found.state is State.RESOLVED else None
    return found.since < asked.end and (over is None or over > asked.start)
