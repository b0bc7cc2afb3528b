"""The first page: which model is in trouble. Requests and view are pure; the cluster counts."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from ..alerts import documents
from ..alerts.records import Severity, State
from ..reading.output import minute, number
from ..windows import WindowSize, iso
from . import drawing, lines

if TYPE_CHECKING:
    from ..cluster import Cluster

    Found = Mapping[str, Any]

MODELS = 200
"""Models on the page, those with incidents first."""
INCIDENTS = 50
RECENT = 10
BARS = 30
DAYS = {"7": 7, "30": 30, "90": 90, "365": 365}
"""Periods to choose from, back from the end of what was analysed."""
SEVERITIES = tuple(severity.value for severity in Severity)
"""The gravest first."""
_ALIVE = {"bool": {"must_not": {"term": {"incident.state": State.RESOLVED.value}}}}
_OF_PEOPLE = {"term": {"metric.family": "alerting"}}
"""What people say of incidents is of the month in which they say it, however old the incidents are."""
_PARTS = [{"exists": {"field": "segment.name"}}, {"exists": {"field": "feature.name"}}]


@dataclass(frozen=True, slots=True)
class Row:
    """One model.

    Attributes:
        name: Its name.
        status: The gravest of its open incidents, `ok` without one, `unknown` where nothing could be judged.
        incidents: How many incidents are open, by severity.
        alarms: How many series are in alarm now.
        traffic: Predictions a day, as text; empty where throughput is not measured.
        seen: Start of its newest window, as text.
        bars: Alarms over the period: x, y, width, height.
        summary: The same in words.
    """

    name: str
    status: str
    incidents: Mapping[str, int]
    alarms: int
    traffic: str
    seen: str
    bars: Sequence[tuple[float, float, float, float]]
    summary: str


@dataclass(frozen=True, slots=True)
class Fleet:
    """All models.

    Attributes:
        rows: The models, those in trouble first.
        more: How many models are not shown.
        open: The open incidents, the gravest first.
        open_count: How many incidents are open.
        recent: The same of those that were over last.
        days: Length of the period.
        since: Its beginning, as text.
        until: Its end, as text.
    """

    rows: Sequence[Row]
    more: int
    open: Sequence[lines.Line]
    open_count: int
    recent: Sequence[lines.Line]
    days: int
    since: str
    until: str


def newest() -> dict[str, Any]:
    """What asks for the start of the newest window of all."""
    last = {"newest": {"max": {"field": "window.start"}}}
    return {"size": 0, "track_total_hits": False, "query": {"bool": {"must_not": _OF_PEOPLE}}, "aggs": last}


def incidents() -> list[dict[str, Any]]:
    """What asks for the incidents that are open, for those that were over last, and for the series in alarm."""
    of_incidents = {"term": {"event.dataset": documents.INCIDENT}}
    firing = [{"term": {"event.dataset": documents.ALERT}}, {"terms": {"alert.state": [State.FIRING, State.UNKNOWN]}}]
    shared = {"track_total_hits": True, "_source": {"excludes": ["incident.evidence"]}}
    severities = {"terms": {"field": "incident.severity"}}
    by_model = {"terms": {"field": "model.name", "size": MODELS}}
    models = by_model | {"aggs": {"severities": severities}}
    alive = {"bool": {"filter": [of_incidents, _ALIVE]}}
    over = {"bool": {"filter": [of_incidents, {"term": {"incident.state": State.RESOLVED.value}}]}}
    return [
        {"size": INCIDENTS, "query": alive, "sort": [{"incident.since": "desc"}], "aggs": {"models": models}, **shared},
        {"size": RECENT, "query": over, "sort": [{"incident.until": "desc"}], **shared},
        {"size": 0, "query": {"bool": {"filter": firing}}, "aggs": {"models": by_model}},
    ]


def models(since: datetime, until: datetime) -> dict[str, Any]:
    """What asks for the models of a period: newest window, verdicts, alarms over time, traffic."""
    interval = _interval(since, until)
    over_time = {
        "date_histogram": {
            "field": "window.start",
            "fixed_interval": f"{interval}s",
            "offset": f"{int(since.timestamp()) % interval}s",
        }
    }
    by_size = {"terms": {"field": "window.size", "size": 6}}
    alarms = {
        "filter": {"term": {"metric.alarm": "firing"}},
        "aggs": {"sizes": by_size | {"aggs": {"bars": over_time}}},
    }
    throughput = {"bool": {"filter": {"term": {"metric.name": "throughput"}}, "must_not": _PARTS}}
    rate = {"rate": {"avg": {"field": "metric.value"}}}
    parts = {
        "newest": {"max": {"field": "window.start"}},
        "judged": {"filter": {"terms": {"metric.status": ["ok", "warning", "critical"]}}},
        "alarms": alarms,
        "throughput": {"filter": throughput, "aggs": {"sizes": by_size | {"aggs": rate}}},
    }
    period = {"range": {"window.start": {"gte": iso(since), "lt": iso(until)}}}
    return {
        "size": 0,
        "track_total_hits": False,
        "query": {"bool": {"filter": period, "must_not": _OF_PEOPLE}},
        "aggs": {
            "models": {"terms": {"field": "model.name", "size": MODELS}, "aggs": parts},
            "count": {"cardinality": {"field": "model.name"}},
        },
    }


def read(cluster: Cluster, days: int) -> Fleet | None:
    """Ask the cluster, and make the view; None where nothing was analysed yet."""
    streams = cluster.streams
    last = cluster.search(streams.metrics, newest()).get("aggregations", {}).get("newest", {}).get("value")
    if last is None:
        return None
    until = datetime.fromtimestamp(last / 1000, UTC) + timedelta(seconds=1)
    since = until - timedelta(days=days)
    of_models = cluster.search(streams.metrics, models(since, until))["aggregations"]
    return view(of_models, cluster.search_many(streams.alerts, incidents()), since, until)


def view(of_models: Found, of_alerts: Sequence[Found], since: datetime, until: datetime) -> Fleet:
    """The page of what was found. Pure."""
    alive, over, firing = of_alerts
    severities = {
        bucket["key"]: {one["key"]: one["doc_count"] for one in bucket["severities"]["buckets"]}
        for bucket in _by_model(alive)
    }
    alarms = {bucket["key"]: bucket["doc_count"] for bucket in _by_model(firing)}
    buckets = of_models["models"]["buckets"]
    rows = [_row(b, severities.get(b["key"], {}), alarms.get(b["key"], 0), (since, until)) for b in buckets]
    seen = {row.name for row in rows}
    silent = sorted((severities.keys() | alarms.keys()) - seen)
    rows += [_silent(name, severities.get(name, {}), alarms.get(name, 0)) for name in silent]
    return Fleet(
        rows=sorted(rows, key=_urgency),
        more=max(0, of_models["count"]["value"] - len(buckets)),
        open=sorted(_lines(alive), key=lambda line: SEVERITIES.index(line.cells["severity"])),
        open_count=alive["hits"]["total"]["value"],
        recent=_lines(over),
        days=round((until - since).total_seconds() / 86_400),
        since=minute(iso(since)),
        until=minute(iso(until)),
    )


def _by_model(found: Found) -> Sequence[Found]:
    # An index that is not there yet answers without aggregations.
    buckets: Sequence[Found] = found.get("aggregations", {"models": {"buckets": ()}})["models"]["buckets"]
    return buckets


def _row(bucket: Found, severities: Mapping[str, int], alarms: int, period: tuple[datetime, datetime]) -> Row:
    sizes = bucket["alarms"]["sizes"]["buckets"]
    # Larger windows repeat what smaller ones said.
    counts = _counts(min(sizes, key=_length)["bars"]["buckets"], *period) if sizes else []
    rates = bucket["throughput"]["sizes"]["buckets"]
    rate = min(rates, key=_length)["rate"]["value"] if rates else None
    return Row(
        name=bucket["key"],
        status=_status(severities, judged=bucket["judged"]["doc_count"] > 0),
        incidents=severities,
        alarms=alarms,
        traffic=number(rate * 86_400) if rate is not None else "",
        seen=minute(bucket["newest"]["value_as_string"]),
        bars=tuple(drawing.bars(counts)),
        summary=_summary(counts),
    )


def _silent(name: str, severities: Mapping[str, int], alarms: int) -> Row:
    return Row(name, _status(severities, judged=False), severities, alarms, "", "", (), "no window in this period")


def _status(severities: Mapping[str, int], *, judged: bool) -> str:
    return next((s for s in SEVERITIES if severities.get(s)), "ok" if judged else "unknown")


def _counts(buckets: Iterable[Found], since: datetime, until: datetime) -> list[int]:
    first, interval = since.timestamp() * 1000, _interval(since, until) * 1000
    counts = [0] * BARS
    for bucket in buckets:
        # What a part cannot be cut into is left at the end, less than a second for each.
        counts[min(int((bucket["key"] - first) // interval), BARS - 1)] += bucket["doc_count"]
    return counts


def _summary(counts: Sequence[int]) -> str:
    if not any(counts):
        return "no alarm in this period"
    return f"alarms in {sum(map(bool, counts))} of {len(counts)} parts of this period, {max(counts):,} at most"


def _interval(since: datetime, until: datetime) -> int:
    return int((until - since).total_seconds() / BARS)


def _length(bucket: Found) -> float:
    return WindowSize(bucket["key"]).seconds


def _urgency(row: Row) -> tuple[Any, ...]:
    order = (*SEVERITIES, "unknown", "ok")
    return order.index(row.status), -sum(row.incidents.values()), row.name


def _lines(found: Found) -> list[lines.Line]:
    return lines.incidents(hit["_source"] for hit in found["hits"]["hits"])
