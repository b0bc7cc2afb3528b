"""The page of one model: its metrics by window, what moved, its incidents, objectives and changes.

Requests and view are pure; the cluster counts, and every answer has a size that does not grow with what is stored.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from driftline.ingest import events

from ..alerts.evidence.rows import scope
from ..alerts.records import Series
from ..objectives import standing
from ..reading.output import minute
from ..reading.search import Filter, between
from ..windows import WindowSize
from . import asked, courses, features, lines

if TYPE_CHECKING:
    from ..cluster import Cluster

    Found = Mapping[str, Any]

FEWEST_WINDOWS = 20
"""The size of windows that is shown first is the largest one with so many."""
EVERYTHING = "all predictions"
"""Stands for no segment."""
MOST_SEGMENTS, MOST_VALUES = 20, 50
"""Segments that can be chosen from, and values of each: those with the most metrics."""
_WHOLE = {"bool": {"must_not": [{"exists": {"field": "segment.name"}}]}}


@dataclass(frozen=True, slots=True)
class Choice:
    """What can be chosen on the page, the first being what is shown unless another is asked for.

    Attributes:
        versions: Versions of the model, the one seen last first.
        sizes: Sizes of windows.
        measures: Measures of drift.
        segments: Name and value of each segment, by how it is called; none for all predictions.
    """

    versions: Sequence[str]
    sizes: Sequence[str]
    measures: Sequence[str]
    segments: Mapping[str, tuple[str, str] | None]


@dataclass(frozen=True, slots=True)
class Asked:
    """What is shown.

    Attributes:
        name: Name of the model.
        version: Its version.
        size: Size of the windows.
        drift: Measure of drift, None where none is stored.
        segment: What the segment is called.
        since: Windows that begin at or after it.
        until: Windows that begin before it.
    """

    name: str
    version: str
    size: str
    drift: str | None
    segment: str
    since: datetime | None
    until: datetime | None


@dataclass(frozen=True, slots=True)
class Page:
    """All that the page tells.

    Attributes:
        asked: What is shown.
        choice: What else there is.
        charts: The metrics, by family.
        moved: What moved.
        incidents: The newest incidents.
        incident_count: How many there are.
        objectives: How what is promised is kept.
        changes: What changed: when, what, which version.
        predictions: KQL of the predictions that all this is of.
    """

    asked: Asked
    choice: Choice
    charts: Sequence[courses.Chart]
    moved: features.Table | None
    incidents: Sequence[lines.Line]
    incident_count: int
    objectives: Sequence[standing.Standing]
    changes: Sequence[tuple[str, str, str]]
    predictions: str


def choices(name: str) -> dict[str, Any]:
    """What asks which versions, sizes of windows, measures of drift and segments there are."""
    newest = {"newest": {"max": {"field": "window.start"}}}
    drift = {"bool": {"filter": [{"term": {"metric.family": "drift"}}, {"exists": {"field": "feature.name"}}]}}
    # The count of windows is compared with a few dozen.
    count = {"windows": {"cardinality": {"field": "window.start", "precision_threshold": 100}}}
    of_whole = {
        "versions": {"terms": {"field": "model.version", "size": 50, "order": {"newest": "desc"}}, "aggs": newest},
        "sizes": {"terms": {"field": "window.size", "size": 10}, "aggs": count},
        "drift": {"filter": drift, "aggs": {"measures": {"terms": {"field": "metric.name", "size": 20}}}},
    }
    values = {"values": {"terms": {"field": "segment.value", "size": MOST_VALUES}}}
    return {
        "size": 0,
        "track_total_hits": False,
        "query": {"bool": {"filter": [{"term": {"model.name": name}}], "must_not": [{"term": {"model.version": "*"}}]}},
        "aggs": {
            "whole": {"filter": _WHOLE, "aggs": of_whole},
            "segments": {"terms": {"field": "segment.name", "size": MOST_SEGMENTS}, "aggs": values},
        },
    }


def choice(found: Found) -> Choice | None:
    """What can be chosen; None where nothing is stored of the model. Pure."""
    known = found.get("aggregations")
    if not known or not (parts := known["whole"])["versions"]["buckets"]:
        return None
    sizes = sorted(parts["sizes"]["buckets"], key=lambda bucket: -WindowSize(bucket["key"]).seconds)
    first = next((b["key"] for b in sizes if b["windows"]["value"] >= FEWEST_WINDOWS), sizes[-1]["key"])
    names = [bucket["key"] for bucket in sizes]
    return Choice(
        versions=[bucket["key"] for bucket in parts["versions"]["buckets"]],
        sizes=[first, *(name for name in names if name != first)],
        measures=[bucket["key"] for bucket in parts["drift"]["measures"]["buckets"]],
        segments={EVERYTHING: None, **dict(sorted(_segments(known["segments"]["buckets"])))},
    )


def _segments(buckets: Sequence[Found]) -> Iterator[tuple[str, tuple[str, str]]]:
    for bucket in buckets:
        for value in bucket["values"]["buckets"]:
            segment = bucket["key"], value["key"]
            yield "=".join(segment), segment


def ask(name: str, chosen: Choice, arguments: Mapping[str, str]) -> Asked:
    """What is shown, of what can be chosen.

    Raises:
        AskedError: A parameter cannot be read, or names what there is not.
    """

    def one(field: str, allowed: Collection[str]) -> str:
        return asked.one_of(arguments, field, allowed, next(iter(allowed)))

    return Asked(
        name=name,
        version=one("version", chosen.versions),
        size=one("size", chosen.sizes),
        drift=one("drift", chosen.measures) if chosen.measures else None,
        segment=one("segment", chosen.segments),
        since=asked.moment(arguments, "since"),
        until=asked.moment(arguments, "until"),
    )


def filters(chosen: Choice, shown: Asked) -> list[dict[str, Any]]:
    """The metrics of what is shown."""
    found = Filter(
        model=shown.name,
        version=shown.version,
        segment=chosen.segments[shown.segment] or (),
        size=shown.size,
        since=shown.since,
        until=shown.until,
    ).query()["bool"]
    return [*found["filter"], {"bool": {"must_not": found["must_not"]}}]


def incidents(shown: Asked) -> dict[str, Any]:
    """What asks for the incidents that were on in the period, the newest first."""
    # One that is on has no end, and is in no range of ends.
    begun, over = between("incident.since", None, shown.until), between("incident.until", None, shown.since)
    return lines.of_model(shown.name, begun, over)


def changes(shown: Asked) -> dict[str, Any]:
    """What asks for the changes of the model in the period, the newest first."""
    period = between(events.TIMESTAMP, shown.since, shown.until)
    return {
        "size": lines.LISTED,
        "track_total_hits": False,
        "query": {"bool": {"filter": [{"term": {"model.name": shown.name}}, *([period] if period else [])]}},
        "sort": [{events.TIMESTAMP: "desc"}],
        "_source": [events.TIMESTAMP, "event.action", "message", "model"],
    }


def read(cluster: Cluster, chosen: Choice, shown: Asked) -> Page:
    """Ask the cluster, and make the view."""
    streams = cluster.streams
    wanted = filters(chosen, shown)
    bodies = [courses.request(wanted), *([features.request(wanted, shown.drift)] if shown.drift else [])]
    of_model, *of_features = cluster.search_many(streams.metrics, bodies)
    changed = cluster.search(streams.changes, changes(shown))["hits"]["hits"]
    moments = [_milliseconds(hit["_source"][events.TIMESTAMP]) for hit in changed]
    found = cluster.search(streams.alerts, incidents(shown))["hits"]
    return Page(
        asked=shown,
        choice=chosen,
        charts=courses.charts(of_model, moments),
        moved=features.table(of_features[0], shown.drift) if shown.drift else None,
        incidents=lines.incidents(hit["_source"] for hit in found["hits"]),
        incident_count=found["total"]["value"],
        objectives=list(standing.standings(cluster, shown.name)),
        changes=[_change(hit["_source"]) for hit in changed],
        predictions=scope(Series(shown.name, shown.version, shown.size, "", segment=chosen.segments[shown.segment])),
    )


def _milliseconds(text: str) -> float:
    return datetime.fromisoformat(text).timestamp() * 1000


def _change(source: Found) -> tuple[str, str, str]:
    return minute(source[events.TIMESTAMP]), lines.change(source), source["model"].get("version", "")
