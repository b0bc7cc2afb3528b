"""What kind of trouble a metric tells of, and what it is called."""

from __future__ import annotations

from typing import Any

from ..causes.cause import Kind as Cause
from ..measures import by_name
from .records import Document, Kind

_OF_MEASURES = {"throughput": Kind.INGEST, "label_coverage": Kind.INGEST}
_OF_FAMILIES = {
    "service": Kind.SERVICE,
    "classification": Kind.PERFORMANCE,
    "regression": Kind.PERFORMANCE,
    "calibration": Kind.PERFORMANCE,
    "estimation": Kind.PERFORMANCE,
    "concept": Kind.PERFORMANCE,
    "fairness": Kind.FAIRNESS,
    "objective": Kind.OBJECTIVE,
}
_BROKEN = ("missing_rate", "unseen_rate", "constant")
"""What no distribution does by moving."""
_OF_MODEL = ("prediction.score", "prediction.value", "prediction.label")
RANK = {kind: position for position, kind in enumerate(Kind)}
"""Which kind explains which: the lower one explains the higher."""


def kind_of(document: Document) -> Kind:
    """The kind of trouble: of a feature, whether its data broke or moved; of drift, whether only answers did."""
    metric: dict[str, Any] = document["metric"]
    family = by_name(metric["name"]).family
    if (known := _OF_MEASURES.get(metric["name"]) or _OF_FAMILIES.get(family)) is not None:
        return known
    feature = document.get("feature", {}).get("name")
    if feature is None or feature in _OF_MODEL:
        return Kind.DRIFT
    cause = metric.get("cause", {}).get("kind")
    broken = metric["name"] in _BROKEN if cause is None else cause != Cause.MOVED
    return Kind.QUALITY if broken else Kind.FEATURE
