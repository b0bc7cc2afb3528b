"""The searches behind the reading commands: plain documents in, plain records out."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TYPE_CHECKING, Any

from driftline.ingest import events

from ..measures import Status
from ..windows import iso

if TYPE_CHECKING:
    from ..cluster import Cluster

PAGE = 5_000
PAGE_OF_SERIES = 500
WRONG = (Status.WARNING.value, Status.CRITICAL.value)
SORTS: dict[str, list[dict[str, Any]]] = {
    "loss": [
        {events.EVALUATION_LOG_LOSS: {"order": "desc", "missing": "_last", "unmapped_type": "double"}},
        {events.EVALUATION_ABSOLUTE_ERROR: {"order": "desc", "missing": "_last", "unmapped_type": "double"}},
        {events.TIMESTAMP: "asc"},
    ],
    "time": [{events.TIMESTAMP: "desc"}],
    "score": [{events.PREDICTION_SCORE: {"order": "desc", "missing": "_last"}}, {events.TIMESTAMP: "asc"}],
    "duration": [{events.EVENT_DURATION: {"order": "desc", "missing": "_last"}}, {events.TIMESTAMP: "asc"}],
}
"""What predictions can be sorted by."""
SERIES = (
    "model.name",
    "model.version",
    "window.size",
    "metric.name",
    "feature.name",
    "segment.name",
    "segment.value",
)
"""What a metric is one window of."""


@dataclass(frozen=True, slots=True)
class Filter:
    """Which metrics to read; None is no limit.

    Attributes:
        model: Model name.
        version: Model version.
        measure: Name of the measure.
        feature: Feature; "" for metrics of the whole model alone.
        segment: Segment name and value; empty for metrics of all predictions alone.
        status: Verdict.
        size: Size of the window.
        since: Windows that begin at or after it.
        until: Windows that begin before it.
        alarm: Where the series stands: `pending` or `firing`.
    """

    model: str | None = None
    version: str | None = None
    measure: str | None = None
    feature: str | None = None
    segment: tuple[str, str] | tuple[()] | None = None
    status: str | None = None
    size: str | None = None
    since: datetime | None = None
    until: datetime | None = None
    alarm: str | None = None

    def query(self) -> dict[str, Any]:
        """The filter as an Elasticsearch query."""
        terms = {
            "model.name": self.model,
            "model.version": self.version,
            "metric.name": self.measure,
            "feature.name": self.feature or None,
            "metric.status": self.status,
            "metric.alarm": self.alarm,
            "window.size": self.size,
        }
        filters: list[Mapping[str, Any]] = [{"term": {name: v}} for name, v in terms.items() if v is not None]
        absent = [{"exists": {"field": "feature.name"}}] if self.feature == "" else []
        if self.segment:
            filters += [{"term": {"segment.name": self.segment[0]}}, {"term": {"segment.value": self.segment[1]}}]
        elif self.segment is not None:
            absent.append({"exists": {"field": "segment.name"}})
        if period := between("window.start", self.since, self.until):
            filters.append(period)
        return {"bool": {"filter": filters, "must_not": absent}}


def between(name: str, since: datetime | None, until: datetime | None) -> dict[str, Any] | None:
    """A range query of `[since, until)`; None without limits."""
    bounds = {"gte": since, "lt": until}
    found = {key: iso(moment) for key, moment in bounds.items() if moment is not None}
    return {"range": {name: found}} if found else None


def metrics(cluster: Cluster, chosen: Filter, limit: int | None = None) -> Iterator[Mapping[str, Any]]:
    """The metrics that a filter lets through, in order of time."""
    query, sort = chosen.query(), [{name: "asc"} for name in ("window.start", *SERIES)]
    after: dict[str, Any] = {}
    seen = 0
    while limit is None or seen < limit:
        size = PAGE if limit is None else min(PAGE, limit - seen)
        body = {"size": size, "query": query, "sort": sort, "track_total_hits": False, **after}
        hits = cluster.search(cluster.streams.metrics, body)["hits"]["hits"]
        yield from (hit["_source"] for hit in hits)
        seen += len(hits)
        if len(hits) < size:
            return
        after = {"search_after": hits[-1]["sort"]}


@dataclass(frozen=True, slots=True)
class Alert:
    """One series of metrics that is wrong now.

    Attributes:
        metric: Its latest metric document that is wrong.
        since: Start of the first window of the unbroken run of windows that are wrong.
        windows: How many windows of the run are wrong.
        unknown: How many since the first could not be judged.
    """

    metric: Mapping[str, Any]
    since: str
    windows: int
    unknown: int


def alerts(cluster: Cluster, chosen: Filter, *, segments: bool = False) -> list[Alert]:
    """What is wrong now: the series whose last judged window is, the worst and longest first.

    A window that could not be judged neither ends nor proves anything; a series is wrong until a window of it is `ok`.
    Elasticsearch finds the series, so that this costs by how much is wrong, not by how much history there is.
    """
    query = chosen.query()
    if not segments and chosen.segment is None:
        query = replace(chosen, segment=()).query()
    found: list[Alert] = []
    for page in _pages_of_series(cluster, query):
        wrong = [bucket for bucket in page if _is_wrong(bucket)]
        latest = cluster.search_many(cluster.streams.metrics, [_latest(query, bucket) for bucket in wrong])
        since = [answer["aggregations"]["since"]["value_as_string"] for answer in latest]
        unknown = cluster.search_many(
            cluster.streams.metrics, [_unjudged(query, *pair) for pair in zip(wrong, since, strict=True)]
        )
        found += map(_alert, latest, since, unknown)
    return sorted(found, key=_urgency)


def _pages_of_series(cluster: Cluster, query: Mapping[str, Any]) -> Iterator[Sequence[Mapping[str, Any]]]:
    """All series, as buckets with their last `ok` and their last wrong window."""
    sources = [{name: {"terms": {"field": name, "missing_bucket": True}}} for name in SERIES]
    start = {"start": {"max": {"field": "window.start"}}}
    last = {
        "ok": {"filter": {"term": {"metric.status": Status.OK.value}}, "aggs": start},
        "wrong": {"filter": {"terms": {"metric.status": list(WRONG)}}, "aggs": start},
    }
    composite: dict[str, Any] = {"size": PAGE_OF_SERIES, "sources": sources}
    while True:
        body = {"size": 0, "query": query, "aggs": {"series": {"composite": composite, "aggs": last}}}
        answer = cluster.search(cluster.streams.metrics, body).get("aggregations", {"series": {"buckets": []}})
        yield answer["series"]["buckets"]
        if "after_key" not in answer["series"]:
            return
        composite = {**composite, "after": answer["series"]["after_key"]}


def _is_wrong(bucket: Mapping[str, Any]) -> bool:
    wrong, ok = (bucket[name]["start"]["value"] for name in ("wrong", "ok"))
    return wrong is not None and (ok is None or wrong > ok)


def _of(query: Mapping[str, Any], bucket: Mapping[str, Any], *filters: Mapping[str, Any]) -> dict[str, Any]:
    """The metrics of one series."""
    present = [{"term": {name: value}} for name, value in bucket["key"].items() if value is not None]
    absent = [{"exists": {"field": name}} for name, value in bucket["key"].items() if value is None]
    return {"bool": {"filter": [query, *present, *filters], "must_not": absent}}


def _latest(query: Mapping[str, Any], bucket: Mapping[str, Any]) -> dict[str, Any]:
    """The run of wrong windows: its length, its beginning, and its latest metric."""
    run: list[Mapping[str, Any]] = [{"terms": {"metric.status": list(WRONG)}}]
    if (ok := bucket["ok"]["start"]).get("value") is not None:
        run.append({"range": {"window.start": {"gt": ok["value_as_string"]}}})
    return {
        "size": 1,
        "track_total_hits": True,
        "query": _of(query, bucket, *run),
        "sort": [{"window.start": "desc"}],
        "aggs": {"since": {"min": {"field": "window.start"}}},
    }


def _unjudged(query: Mapping[str, Any], bucket: Mapping[str, Any], since: str) -> dict[str, Any]:
    filters = {"term": {"metric.status": Status.INSUFFICIENT.value}}, {"range": {"window.start": {"gt": since}}}
    return {"size": 0, "track_total_hits": True, "query": _of(query, bucket, *filters)}


def _alert(latest: Mapping[str, Any], since: str, unknown: Mapping[str, Any]) -> Alert:
    hits = latest["hits"]
    return Alert(hits["hits"][0]["_source"], since, hits["total"]["value"], unknown["hits"]["total"]["value"])


def _urgency(alert: Alert) -> tuple[Any, ...]:
    metric = alert.metric
    critical = metric["metric"]["status"] == Status.CRITICAL
    segment = metric.get("segment", {})
    name = (metric["window"]["size"], metric["metric"]["name"], metric.get("feature", {}).get("name", ""))
    return (not critical, "feature" in metric, bool(segment), -alert.windows, name, segment.get("value", ""))


def predictions(
    cluster: Cluster, query: Mapping[str, Any], sort: str = "loss", limit: int = 10
) -> tuple[int, list[Mapping[str, Any]]]:
    """Single predictions, with the number of all that match; each hit has `_index`, `_id` and `_source`."""
    body = {"size": limit, "query": query, "sort": SORTS[sort], "track_total_hits": True}
    hits = cluster.count_predictions(body)["hits"]
    return hits["total"]["value"], list(hits["hits"])
