"""The searches behind the reading commands: plain documents in, plain records out."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from driftline.ingest import events

from ..measures import Status
from ..windows import iso

if TYPE_CHECKING:
    from ..cluster import Cluster

PAGE = 5_000
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


def predictions(
    cluster: Cluster, query: Mapping[str, Any], sort: str = "loss", limit: int = 10, skip: int = 0
) -> tuple[int, list[Mapping[str, Any]]]:
    """Single predictions, with the number of all that match; each hit has `_index`, `_id` and `_source`."""
    body = {"size": limit, "from": skip, "query": query, "sort": SORTS[sort], "track_total_hits": True}
    hits = cluster.count_predictions(body)["hits"]
    return hits["total"]["value"], list(hits["hits"])
