"""Lasting changes of the loss, found in the stored series of a model and written into it: `concept_drift`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from itertools import groupby
from typing import TYPE_CHECKING, Any

import numpy as np

from . import metrics
from .judge import judge
from .maturity import Ripeness
from .measures import Measurement, Verdict
from .measures.concept import FEWEST, LOSSES, Losses, concept_drift
from .windows import Window, iso

if TYPE_CHECKING:
    from .cluster import Cluster
    from .monitors import Model

NAME = "concept_drift"
QUIET = 2 * FEWEST
"""Windows that tell how windows scatter, where a fixed reference does not hold more of them."""
Source = Mapping[str, Any]


def update(cluster: Cluster, model: Model, since: datetime, now: datetime) -> list[Verdict]:
    """Replay the series of losses, and write what it shows from a window on.

    The series is that of the stored metrics, with enough labels; so a restated window is replayed as it is now, and
    there is no state beside it.

    Args:
        cluster: Where the metrics are.
        model: The model.
        since: The first window whose metrics have changed.
        now: When this is.

    Returns:
        The verdicts that were written.
    """
    if NAME not in {measure.name for measure in model.measures}:
        return []
    cluster.refresh(cluster.streams.metrics)
    hits = cluster.metrics(_query(model), ["model", "window", "reference", "metric"])
    sources = sorted((hit["_source"] for hit in hits), key=lambda source: source["model"]["version"])
    written = []
    for _, group in groupby(sources, key=lambda source: source["model"]["version"]):
        series = [source for source in group if {"statistic", "deviation"} <= source["metric"].keys()]
        operations: list[bytes] = []
        for source, verdict in _verdicts(model, series):
            if source["window"]["start"] >= iso(since):
                operations += metrics.operations(cluster.streams.metrics, _scope(source, now), [verdict])
                written.append(verdict)
        cluster.write(operations)
    return written


def _query(model: Model) -> dict[str, Any]:
    filters: list[dict[str, Any]] = [
        {"term": {"model.name": model.name}},
        {"term": {"window.size": model.window.text}},
        {"term": {"metric.name": LOSSES[model.task]}},
        {"terms": {"metric.labels": [Ripeness.MATURE.value, Ripeness.COMPLETE.value]}},
    ]
    return {"bool": {"filter": filters, "must_not": [{"exists": {"field": "segment.name"}}]}}


def _verdicts(model: Model, series: Sequence[Source]) -> Iterator[tuple[Source, Verdict]]:
    if not series:
        return
    inside = sum(_is_inside(source, model.reference) for source in series)
    found = concept_drift(_losses([source["metric"] for source in series]), max(QUIET, inside))
    for source, (estimate, start) in zip(series, found, strict=True):
        since = None if start is None else series[start]["window"]["start"]
        measurement = Measurement(NAME, estimate, since=since)
        (verdict,) = judge([measurement], model.thresholds, 1.0)
        yield source, verdict


def _is_inside(source: Source, reference: object) -> bool:
    return isinstance(reference, Window) and source["window"]["start"] < iso(reference.end)


def _losses(found: Sequence[Source]) -> Losses:
    def column(name: str) -> Any:
        return np.array([metric.get(name, 0.0) for metric in found], np.float64)

    deviation = np.hypot(column("deviation"), column("quiet_deviation"))
    standard = (column("statistic") - column("quiet_mean")) / np.maximum(deviation, 1e-12)
    return Losses(column("value"), column("reference_value"), standard, column("sample_size"), column("reference_size"))


def _scope(source: Source, now: datetime) -> metrics.Scope:
    metric, reference = source["metric"], source.get("reference")
    return metrics.Scope(
        model=source["model"]["name"],
        version=source["model"]["version"],
        size=source["window"]["size"],
        window=Window.from_document(source["window"]),
        reference=Window.from_document(reference) if reference and "start" in reference else None,
        reference_kind=reference["kind"] if reference else None,
        label_coverage={None: metric["label_coverage"]},
        as_of=metric["as_of"],
        grades={},
        maturity=metric.get("label_maturity"),
        ripeness=Ripeness(metric["labels"]),
        weighed=False,
        judged=iso(now),
    )
