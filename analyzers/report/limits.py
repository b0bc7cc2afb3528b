"""How far a metric is from where it is wrong, as its threshold tells it. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from ..alerts.records import Document
from ..measures import MEASURES, Compare, Direction, Measure
from ..reading.search import WRONG

_KNOWN = {measure.name: measure for measure in MEASURES}
MOST_LIMITS = 2
"""That of a warning, and that of a critical verdict."""


def limits(windows: Sequence[Document]) -> list[float]:
    """The values beyond which a metric is wrong, in its own unit, in increasing order.

    The documents do not tell what a threshold applies to; where the verdicts do not agree with what it applies to by
    default, there is no limit to tell.

    Args:
        windows: Metric documents of one series, or the numbers of its metrics as evidence has them, as `metric`.
    """
    found: set[float] = set()
    for document in windows:
        metric = document["metric"]
        decided = _bounds(metric)
        if metric.get("status") in WRONG and decided and not _beyond(metric, decided):
            return []
        found |= set(decided)
    # Of a reference that moves, there is another limit in every window: too many to draw.
    return sorted(found) if len(found) <= MOST_LIMITS * 2 else []


def _bounds(metric: Document) -> tuple[float, ...]:
    """The value, or the two values, beyond which one metric is wrong by the threshold that decided."""
    measure, floor, before = _measure(metric), metric.get("threshold"), metric.get("reference_value")
    if measure is None or floor is None:
        return ()
    if measure.compare is Compare.VALUE:
        return (_rounded(floor),)
    if before is None:
        return ()
    change = floor * (abs(before) if measure.compare is Compare.RATIO else 1.0)
    signs = {Direction.HIGHER: (1,), Direction.LOWER: (-1,), Direction.BOTH: (-1, 1)}[measure.direction]
    return tuple(_rounded(before + sign * change) for sign in signs)


def _measure(metric: Document) -> Measure | None:
    return _KNOWN.get(metric.get("name", metric.get("measure", "")))


def _beyond(metric: Document, decided: Sequence[float]) -> bool:
    value, measure = metric.get("value"), _measure(metric)
    if value is None or measure is None:
        return True
    if len(decided) > 1:
        return bool(value <= decided[0] or value >= decided[1])
    return bool(value <= decided[0] if measure.direction is Direction.LOWER else value >= decided[0])


def _rounded(value: float) -> float:
    return float(f"{value:.12g}")


def effect(metric: Document, value: float | None) -> float | None:
    """How large an effect is in floors: 1 is the floor that decided; None where that cannot be told.

    Args:
        metric: The numbers of a metric, with `name` or `measure`.
        value: Its value, or an end of its interval.
    """
    measure, floor, before = _measure(metric), metric.get("threshold"), metric.get("reference_value")
    if measure is None or value is None or not floor:
        return None
    if measure.compare is Compare.VALUE:
        if measure.direction is Direction.LOWER:
            return float(floor / value) if value > 0 else None
        return float(value / floor)
    scale = floor * (abs(before or 0.0) if measure.compare is Compare.RATIO else 1.0)
    if before is None or not scale:
        return None
    # Where any change is worse, that of the metric itself says which way counts.
    risen = (metric.get("value") or 0.0) >= before
    up = measure.direction is Direction.HIGHER or (measure.direction is Direction.BOTH and risen)
    return float((value - before) / scale) * (1 if up else -1)
