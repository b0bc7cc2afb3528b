"""The page of one model: its metrics by window, what moved, its incidents, objectives and changes.

Requests and view are pure; the cluster counts, and every answer has a size that does not grow with what is stored.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from driftline.ingest import events

from ..alerts import documents
from ..measures import MEASURES, Status
from ..objectives import standing
from ..reading.output import minute, number
from ..reading.search import WRONG, between
from ..windows import WindowSize
from . import asked, drawing, features, lines

if TYPE_CHECKING:
    from ..cluster import Cluster

    Found = Mapping[str, Any]

WINDOWS = 200
"""Windows of a chart: those nearest to the end of the period."""
CHARTS = 30
FEWEST_WINDOWS = 20
"""The size of windows that is shown first is the largest one with so many."""
ROWS = 30
LISTED = 20
_TITLES = {measure.name: measure.title for measure in MEASURES}
_UNITS = {measure.name: measure.unit for measure in MEASURES}
_FAMILIES = {family: at for at, family in enumerate(dict.fromkeys(measure.family for measure in MEASURES))}


@dataclass(frozen=True, slots=True)
class Choice:
    """What can be chosen on the page, the first being what is shown unless another is asked for.

    Attributes:
        versions: Versions of the model, the one seen last first.
        sizes: Sizes of windows.
        measures: Measures of drift.
    """

    versions: Sequence[str]
    sizes: Sequence[str]
    measures: Sequence[str]


@dataclass(frozen=True, slots=True)
class Asked:
    """What is shown.

    Attributes:
        name: Name of the model.
        version: Its version.
        size: Size of the windows.
        drift: Measure of drift, None where none is stored.
        since: Windows that begin at or after it.
        until: Windows that begin before it.
    """

    name: str
    version: str
    size: str
    drift: str | None
    since: datetime | None
    until: datetime | None


@dataclass(frozen=True, slots=True)
class Chart:
    """A metric of the whole model over time.

    Attributes:
        name: The measure.
        title: Its title, with the unit.
        now: Value of the newest window, as text.
        interval: Its 95 % interval, as text.
        status: Its verdict.
        window: Its start, as text.
        summary: The course in words.
        course: The chart; None where no window has a value.
        rows: Windows as a table shows them: start, value, interval, verdict.
    """

    name: str
    title: str
    now: str
    interval: str
    status: str
    window: str
    summary: str
    course: drawing.Course | None
    rows: Sequence[tuple[str, str, str, str]]


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
    """

    asked: Asked
    choice: Choice
    charts: Sequence[Chart]
    moved: features.Table | None
    incidents: Sequence[lines.Line]
    incident_count: int
    objectives: Sequence[standing.Standing]
    changes: Sequence[tuple[str, str, str]]


def choices(name: str) -> dict[str, Any]:
    """What asks which versions, sizes of windows and measures of drift there are."""
    newest = {"newest": {"max": {"field": "window.start"}}}
    drift = {"bool": {"filter": [{"term": {"metric.family": "drift"}}, {"exists": {"field": "feature.name"}}]}}
    # The count of windows is compared with a few dozen.
    count = {"windows": {"cardinality": {"field": "window.start", "precision_threshold": 100}}}
    return {
        "size": 0,
        "track_total_hits": False,
        "query": {
            "bool": {
                "filter": [{"term": {"model.name": name}}],
                "must_not": [{"exists": {"field": "segment.name"}}, {"term": {"model.version": "*"}}],
            }
        },
        "aggs": {
            "versions": {
                "terms": {"field": "model.version", "size": 50, "order": {"newest": "desc"}},
                "aggs": newest,
            },
            "sizes": {"terms": {"field": "window.size", "size": 10}, "aggs": count},
            "drift": {"filter": drift, "aggs": {"measures": {"terms": {"field": "metric.name", "size": 20}}}},
        },
    }


def choice(found: Found) -> Choice | None:
    """What can be chosen; None where nothing is stored of the model. Pure."""
    parts = found.get("aggregations")
    if not parts or not parts["versions"]["buckets"]:
        return None
    sizes = sorted(parts["sizes"]["buckets"], key=lambda bucket: -WindowSize(bucket["key"]).seconds)
    first = next((b["key"] for b in sizes if b["windows"]["value"] >= FEWEST_WINDOWS), sizes[-1]["key"])
    names = [bucket["key"] for bucket in sizes]
    return Choice(
        versions=[bucket["key"] for bucket in parts["versions"]["buckets"]],
        sizes=[first, *(name for name in names if name != first)],
        measures=[bucket["key"] for bucket in parts["drift"]["measures"]["buckets"]],
    )


def ask(name: str, chosen: Choice, arguments: Mapping[str, str]) -> Asked:
    """What is shown, of what can be chosen.

    Raises:
        AskedError: A parameter cannot be read, or names what there is not.
    """

    def one(field: str, allowed: Sequence[str]) -> str:
        return asked.one_of(arguments, field, allowed, allowed[0])

    return Asked(
        name=name,
        version=one("version", chosen.versions),
        size=one("size", chosen.sizes),
        drift=one("drift", chosen.measures) if chosen.measures else None,
        since=asked.moment(arguments, "since"),
        until=asked.moment(arguments, "until"),
    )


def courses(shown: Asked) -> dict[str, Any]:
    """What asks for the metrics of the whole model by window."""
    per_window = {
        **{name: {"avg": {"field": f"metric.{name}"}} for name in ("value", "lower", "upper", "reference_value")},
        "status": {"terms": {"field": "metric.status", "size": 1}},
    }
    return {
        "size": 0,
        "track_total_hits": False,
        "query": {
            "bool": {
                "filter": filters(shown),
                "must_not": [{"exists": {"field": "feature.name"}}, {"exists": {"field": "segment.name"}}],
            }
        },
        "aggs": {
            "measures": {
                "terms": {"field": "metric.name", "size": CHARTS},
                "aggs": {"family": {"terms": {"field": "metric.family", "size": 1}}, **by_window(per_window)},
            }
        },
    }


def by_window(parts: Mapping[str, Any]) -> dict[str, Any]:
    """The aggregation of the windows at the end of the period. One series has one document a window."""
    return {"windows": {"terms": {"field": "window.start", "size": WINDOWS, "order": {"_key": "desc"}}, "aggs": parts}}


def filters(shown: Asked) -> list[dict[str, Any]]:
    """The metrics of what is shown."""
    terms = {"model.name": shown.name, "model.version": shown.version, "window.size": shown.size}
    period = between("window.start", shown.since, shown.until)
    return [*({"term": {name: value}} for name, value in terms.items()), *([period] if period else [])]


def incidents(shown: Asked) -> dict[str, Any]:
    """What asks for the incidents that were on in the period, the newest first."""
    of_model = [{"term": {"event.dataset": documents.INCIDENT}}, {"term": {"model.name": shown.name}}]
    before = between("incident.since", None, shown.until)
    # One that is on has no end.
    after = between("incident.until", shown.since, None)
    ended_before = {"bool": {"filter": {"exists": {"field": "incident.until"}}, "must_not": after}} if after else None
    return {
        "size": LISTED,
        "track_total_hits": True,
        "query": {
            "bool": {
                "filter": [*of_model, *([before] if before else [])],
                "must_not": [ended_before] if ended_before else [],
            }
        },
        "sort": [{"incident.since": "desc"}],
        "_source": {"excludes": ["incident.evidence"]},
    }


def changes(shown: Asked) -> dict[str, Any]:
    """What asks for the changes of the model in the period, the newest first."""
    period = between(events.TIMESTAMP, shown.since, shown.until)
    return {
        "size": LISTED,
        "track_total_hits": False,
        "query": {"bool": {"filter": [{"term": {"model.name": shown.name}}, *([period] if period else [])]}},
        "sort": [{events.TIMESTAMP: "desc"}],
        "_source": [events.TIMESTAMP, "event.action", "message", "model"],
    }


def read(cluster: Cluster, chosen: Choice, shown: Asked) -> Page:
    """Ask the cluster, and make the view."""
    streams = cluster.streams
    bodies = [courses(shown), *([features.strips(shown.drift, filters(shown), by_window)] if shown.drift else [])]
    of_model, *of_features = cluster.search_many(streams.metrics, bodies)
    changed = cluster.search(streams.changes, changes(shown))["hits"]["hits"]
    moments = [_milliseconds(hit["_source"][events.TIMESTAMP]) for hit in changed]
    found = cluster.search(streams.alerts, incidents(shown))["hits"]
    return Page(
        asked=shown,
        choice=chosen,
        charts=charts(of_model, moments),
        moved=features.table(of_features[0], shown.drift) if shown.drift else None,
        incidents=lines.incidents(hit["_source"] for hit in found["hits"]),
        incident_count=found["total"]["value"],
        objectives=list(standing.standings(cluster, shown.name)),
        changes=[_change(hit["_source"]) for hit in changed],
    )


def _milliseconds(text: str) -> float:
    return datetime.fromisoformat(text).timestamp() * 1000


def _change(source: Found) -> tuple[str, str, str]:
    text = source.get("message") or source.get("event", {}).get("action", "")
    return minute(source[events.TIMESTAMP]), text, source["model"].get("version", "")


def charts(found: Found, changed: Sequence[float]) -> list[Chart]:
    """The charts of what was found, by family and name. Pure."""
    buckets = found.get("aggregations", {"measures": {"buckets": ()}})["measures"]["buckets"]
    return [_chart(bucket, changed) for bucket in sorted(buckets, key=_family)]


def _family(bucket: Found) -> tuple[int, str]:
    families = bucket["family"]["buckets"]
    return (_FAMILIES.get(families[0]["key"], len(_FAMILIES)) if families else len(_FAMILIES)), bucket["key"]


def _chart(bucket: Found, changed: Sequence[float]) -> Chart:
    windows = list(reversed(bucket["windows"]["buckets"]))
    points = [point(window) for window in windows]
    references = [value for window in windows if (value := window["reference_value"]["value"]) is not None]
    last, unit = points[-1], _UNITS.get(bucket["key"], "")
    return Chart(
        name=bucket["key"],
        title=_TITLES.get(bucket["key"], bucket["key"]) + (f" ({unit})" if unit else ""),
        now=number(last.value),
        interval=interval(last),
        status=last.status,
        window=day(last.at),
        summary=summary(points),
        course=drawing.course(points, references[-1] if references else None, changed, WRONG),
        rows=[(day(p.at), number(p.value), interval(p), p.status) for p in _telling(points)],
    )


def point(window: Found) -> drawing.Point:
    """One window of an answer."""
    statuses = window["status"]["buckets"]
    value, lower, upper = (window[name]["value"] for name in ("value", "lower", "upper"))
    return drawing.Point(window["key"], value, lower, upper, statuses[0]["key"] if statuses else "")


def _telling(points: Sequence[drawing.Point]) -> list[drawing.Point]:
    """The newest windows; where there are more than a table takes, first those with something wrong."""
    wrong = [point for point in points if point.status in WRONG][-ROWS:]
    others = [point for point in points if point.status not in WRONG][len(wrong) - ROWS :] if len(wrong) < ROWS else []
    return sorted((*wrong, *others), key=lambda point: -point.at)


def interval(found: drawing.Point) -> str:
    """A 95 % interval as text; empty where there is none."""
    return "" if found.lower is None or found.upper is None else f"{number(found.lower)} to {number(found.upper)}"


def summary(points: Sequence[drawing.Point]) -> str:
    """A course in words, for those who do not see it."""
    known = [point.value for point in points if point.value is not None]
    if not known:
        return f"no value in {len(points)} windows"
    counts = [(s, sum(point.status == s for point in points)) for s in (Status.CRITICAL.value, Status.WARNING.value)]
    wrong = ", ".join(f"{count} {status}" for status, count in counts if count) or "none critical or warning"
    period = f"{len(points)} windows from {day(points[0].at)} to {day(points[-1].at)}"
    return f"{period}: {number(min(known))} to {number(max(known))}; {wrong}"


def day(at: float) -> str:
    """Milliseconds since 1970 as a day, and to the minute where it is not midnight."""
    return f"{datetime.fromtimestamp(at / 1000, UTC):%Y-%m-%d %H:%M}".removesuffix(" 00:00")
