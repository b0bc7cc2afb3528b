"""The searches behind the reading commands: plain documents in, plain records out."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from driftline.ingest import events

from ..measures import Status
from ..windows import iso
from .kql import all_of

if TYPE_CHECKING:
    from ..cluster import Cluster

PAGE = 5_000
WRONG = (Status.WARNING.value, Status.CRITICAL.value)
SORTS = {
    "loss": [
        {events.EVALUATION_LOG_LOSS: {"order": "desc", "missing": "_last", "unmapped_type": "double"}},
        {events.EVALUATION_ABSOLUTE_ERROR: {"order": "desc", "missing": "_last", "unmapped_type": "double"}},
        {events.TIMESTAMP: "asc"},
    ],
    "time": [{events.TIMESTAMP: "desc"}],
    "score": [{events.PREDICTION_SCORE: {"order": "desc", "missing": "_last"}}, {events.TIMESTAMP: "asc"}],
}
"""What predictions can be sorted by."""


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

    def query(self) -> dict[str, Any]:
        """The filter as an Elasticsearch query."""
        terms = {
            "model.name": self.model,
            "model.version": self.version,
            "metric.name": self.measure,
            "feature.name": self.feature or None,
            "metric.status": self.status,
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
    yield from _scan(cluster, chosen.query(), limit)


def _scan(
    cluster: Cluster, query: Mapping[str, Any], limit: int | None = None, source: Sequence[str] | None = None
) -> Iterator[Mapping[str, Any]]:
    fields = ("window.start", "model.name", "model.version", "window.size", "metric.name", "feature.name",
              "segment.name", "segment.value")  # fmt: skip
    sort = [{name: "asc"} for name in fields]
    after: dict[str, Any] = {}
    seen = 0
    while limit is None or seen < limit:
        size = PAGE if limit is None else min(PAGE, limit - seen)
        body: dict[str, Any] = {"size": size, "query": query, "sort": sort, "track_total_hits": False, **after}
        if source is not None:
            body["_source"] = list(source)
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
        metric: Its latest metric document.
        since: Start of the first window of the unbroken run of windows that are wrong.
        windows: How many windows of the run are wrong.
        unknown: How many in between could not be judged.
    """

    metric: Mapping[str, Any]
    since: str
    windows: int
    unknown: int


def alerts(cluster: Cluster, chosen: Filter, *, segments: bool = False) -> list[Alert]:
    """What is wrong now: the series whose last judged window is, the worst and longest first.

    A window that could not be judged neither ends nor proves anything; a series is wrong until a window of it is `ok`.
    """
    judged = all_of(chosen.query(), {"exists": {"field": "metric.threshold"}})
    if not segments:
        judged["bool"]["must_not"] = [{"exists": {"field": "segment.name"}}]
    runs: dict[tuple[Any, ...], list[Mapping[str, Any]]] = {}
    for metric in _scan(cluster, judged):
        key = series(metric)
        if metric["metric"]["status"] == Status.OK:
            runs.pop(key, None)
        elif metric["metric"]["status"] in WRONG or key in runs:
            runs.setdefault(key, []).append(metric)
    return sorted(map(_alert, runs.values()), key=_urgency)


def series(metric: Mapping[str, Any]) -> tuple[Any, ...]:
    """What a metric is one window of: model, version, size of window, measure, feature, segment."""
    segment = metric.get("segment", {})
    return (
        metric["model"]["name"],
        metric["model"]["version"],
        metric["window"]["size"],
        metric["metric"]["name"],
        metric.get("feature", {}).get("name"),
        segment.get("name"),
        segment.get("value"),
    )


def _alert(run: Sequence[Mapping[str, Any]]) -> Alert:
    wrong = [metric for metric in run if metric["metric"]["status"] in WRONG]
    return Alert(wrong[-1], wrong[0]["window"]["start"], len(wrong), len(run) - len(wrong))


def _urgency(alert: Alert) -> tuple[Any, ...]:
    critical = alert.metric["metric"]["status"] == Status.CRITICAL
    about_features = "feature" in alert.metric
    return (not critical, about_features, -alert.windows, str(series(alert.metric)))


def predictions(
    cluster: Cluster, query: Mapping[str, Any], sort: str = "loss", limit: int = 10
) -> tuple[int, list[Mapping[str, Any]]]:
    """Single predictions, with the number of all that match; each hit has `_index`, `_id` and `_source`."""
    body = {"size": limit, "query": query, "sort": SORTS[sort], "track_total_hits": True}
    hits = cluster.count_predictions(body)["hits"]
    return hits["total"]["value"], list(hits["hits"])
