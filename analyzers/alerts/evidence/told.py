"""The metrics of an incident with all their numbers, the one that explains the others first. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from ...measures import MEASURES, Compare, Direction
from ...windows import iso
from ..kinds import RANK
from ..records import Alert, Document
from .shape import MOST, cut

if TYPE_CHECKING:
    from ...monitors import Model

_KNOWN = {measure.name: measure for measure in MEASURES}
_NUMBERS = (
    "value",
    "lower",
    "upper",
    "reference_value",
    "threshold",
    "sample_size",
    "reference_size",
    "status",
    "label_maturity",
    "label_coverage",
    "labels",
    "groups",
)


def ordered(alerts: Sequence[Alert], parent: str, model: Model) -> list[Alert]:
    """The alerts: the parent, then by kind, the whole before its parts, and the largest effect first."""
    return sorted(
        alerts,
        key=lambda alert: (
            alert.id != parent,
            RANK[alert.kind],
            alert.series.segment is not None,
            -effect(alert.peak, model),
            alert.id,
        ),
    )


def effect(document: Document, model: Model) -> float:
    """How large an effect is in floors of its measure: 1 is the floor that decided; 0 where that cannot be told."""
    metric = document["metric"]
    value, before, floor = (metric.get(name) for name in ("value", "reference_value", "threshold"))
    threshold = model.thresholds.get(metric["name"])
    if value is None or not floor or threshold is None:
        return 0.0
    if threshold.compare is Compare.VALUE:
        if threshold.direction is Direction.LOWER:
            return float(floor / value) if value > 0 else float("inf")
        return float(value / floor)
    if before is None:
        return 0.0
    scale = floor * (abs(before) if threshold.compare is Compare.RATIO else 1.0)
    return abs(value - before) / scale if scale else 0.0


def told(alerts: Sequence[Alert]) -> list[dict[str, Any]]:
    """What is said of the first alerts, of each in its worst window; `latest` is how it is now, where that differs."""
    return [_metric(alert) for alert in alerts[:MOST]]


def _metric(alert: Alert) -> dict[str, Any]:
    series = alert.series
    found: dict[str, Any] = {"measure": series.measure, "title": title(series.measure)}
    if series.feature is not None:
        found["feature"] = series.feature
    if series.segment is not None:
        found["segment"] = {"name": series.segment[0], "value": series.segment[1]}
    found |= _numbers(alert.peak) | {"since": iso(alert.since)}
    if (cause := alert.peak["metric"].get("cause")) is not None:
        found["cause"] = {**cause, "text": cut(cause["text"])}
    if alert.latest["window"]["start"] != alert.peak["window"]["start"]:
        found["latest"] = _numbers(alert.latest)
    return found


def _numbers(document: Document) -> dict[str, Any]:
    metric: Mapping[str, Any] = document["metric"]
    window = document["window"]
    return {name: metric[name] for name in _NUMBERS if name in metric} | {
        "window": {name: window[name] for name in ("start", "end", "size")}
    }


def title(measure: str) -> str:
    """What a measure is called."""
    return _KNOWN[measure].title if measure in _KNOWN else measure


def family(measure: str) -> str | None:
    """The family of a measure; None of what is no measure, such as an objective."""
    return _KNOWN[measure].family if measure in _KNOWN else None
