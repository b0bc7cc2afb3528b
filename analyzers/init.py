"""A first monitors.yml, from the predictions that are in the cluster."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import yaml

from driftline.ingest import events

from .profiles.choose import NoDataError
from .windows import WindowSize

if TYPE_CHECKING:
    from .cluster import Cluster

ENOUGH = 300
"""Predictions that a typical window should hold for its shares and means to be worth a comparison."""
SIZES = (("5m", 300), ("1h", 3_600), ("1d", 86_400), ("week", 604_800))
REFERENCE_SHARE = 6
"""The reference is this fraction of the data found, but at least one window and at most `REFERENCE_MOST`."""
REFERENCE_MOST = timedelta(days=59)
MAX_SEGMENT_VALUES = 20

HEADER = """\
# What driftline monitors. Read it and correct it: the reference should be a period in which the model worked well.
# Every key is explained in docs/reference/monitors.md.
"""


def write(cluster: Cluster) -> str:
    """The text of a first monitors.yml.

    Raises:
        NoDataError: There are no predictions in this namespace.
    """
    # What was logged a moment ago is there too.
    cluster.refresh(cluster.streams.predictions)
    models = [_model(cluster, bucket) for bucket in _models(cluster)]
    if not models:
        msg = f"{cluster.streams.predictions} holds no predictions yet: log some, or `driftline load` past ones"
        raise NoDataError(msg)
    content = {"version": 1, "namespace": cluster.streams.namespace, "models": models}
    return HEADER + yaml.safe_dump(content, sort_keys=False, allow_unicode=True)


def _models(cluster: Cluster) -> list[Mapping[str, Any]]:
    aggregations = {
        "first": {"min": {"field": events.TIMESTAMP}},
        "last": {"max": {"field": events.TIMESTAMP}},
        "task": {"terms": {"field": events.MODEL_TASK, "size": 1}},
        "labels": {"terms": {"field": events.PREDICTION_LABEL, "size": 3}},
    }
    body = {"size": 0, "aggs": {"models": {"terms": {"field": events.MODEL_NAME, "size": 1_000}, "aggs": aggregations}}}
    return list(cluster.count_predictions(body).get("aggregations", {"models": {"buckets": []}})["models"]["buckets"])


def _model(cluster: Cluster, bucket: Mapping[str, Any]) -> dict[str, Any]:
    first, last = (datetime.fromtimestamp(bucket[name]["value"] / 1000, UTC) for name in ("first", "last"))
    span = max((last - first).total_seconds(), 1.0)
    enough = ENOUGH * span / bucket["doc_count"]
    window = next((name for name, seconds in SIZES if seconds >= enough), "month")
    size = WindowSize(window)
    start = size.at(first)
    end = size.at(min(first + timedelta(seconds=span / REFERENCE_SHARE), first + REFERENCE_MOST)).start
    task = bucket["task"]["buckets"][0]["key"] if bucket["task"]["buckets"] else "regression"
    found: dict[str, Any] = {"name": bucket["key"], "task": task}
    if task == "binary":
        found["positive_class"] = _positive(cluster, bucket)
    rollups = [name for name in ("week", "month") if WindowSize(name).holds(size)]
    return found | {
        "window": window,
        "rollups": rollups,
        "lateness": "5m" if window == "5m" else "1h",
        "reference": {"start": _text(start.start), "end": _text(max(end, start.end))},
        "segments": _segments(cluster, bucket["key"]),
    }


def _positive(cluster: Cluster, bucket: Mapping[str, Any]) -> str:
    """The label whose predictions have the higher scores."""
    by_label = {
        "terms": {"field": events.PREDICTION_LABEL, "size": 2},
        "aggs": {"score": {"avg": {"field": events.PREDICTION_SCORE}}},
    }
    query = {"term": {events.MODEL_NAME: bucket["key"]}}
    answer = cluster.count_predictions({"size": 0, "query": query, "aggs": {"labels": by_label}})
    labels = answer["aggregations"]["labels"]["buckets"]
    if not labels:
        return "true"
    return str(max(labels, key=lambda label: label["score"]["value"] or 0.0)["key"])


def _segments(cluster: Cluster, model: str) -> list[str]:
    capabilities = cluster.segments()
    names = [name.removeprefix(f"{events.SEGMENTS}.") for name in capabilities["fields"] if name != events.SEGMENTS]
    counts = {name: {"cardinality": {"field": f"{events.SEGMENTS}.{name}"}} for name in names}
    if not counts:
        return []
    query = {"term": {events.MODEL_NAME: model}}
    answer = cluster.count_predictions({"size": 0, "query": query, "aggs": counts})["aggregations"]
    return sorted(name for name in names if 0 < answer[name]["value"] <= MAX_SEGMENT_VALUES)


def _text(moment: datetime) -> str:
    midnight = moment == moment.replace(hour=0, minute=0, second=0, microsecond=0)
    return moment.date().isoformat() if midnight else moment.isoformat().replace("+00:00", "Z")
