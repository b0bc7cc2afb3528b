"""Which values of a distribution a metric is about: what is missing, unseen, out of range, or gained most. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from driftline.ingest import events

from ...arrays import FloatArray
from ...measures import Distribution
from ...reading.search import SORTS
from . import kuery
from .suspects import Order, Suspects

SHOWN = 10
"""Unseen categories that are named."""


@dataclass(frozen=True, slots=True)
class Shape:
    """A distribution in one window and in the reference.

    Attributes:
        field: Name of its field.
        current: The window's, of one window.
        reference: The reference's, None where there is none.
        categories: Its known categories; empty of a number.
        unseen: Categories that are not among those, the most frequent first.
    """

    field: str
    current: Distribution
    reference: Distribution | None
    categories: Sequence[str]
    unseen: Sequence[str]


def field_of(feature: str) -> str:
    """The field of a prediction that a distribution is counted from, by the name that metrics have for it."""
    return feature if feature.startswith("prediction.") else f"{events.FEATURES}.{feature}"


def suspects(measure: str, shape: Shape) -> Suspects | None:
    """The suspects of a metric of a distribution; None where its counts show nothing that is more than it was."""
    match measure:
        case "missing_rate":
            return _missing(shape)
        case "unseen_rate":
            return _unseen(shape)
        case "out_of_range_rate":
            return _out_of_range(shape)
        case "constant":
            return _stuck(shape)
        case _:
            return _grown(shape)


def _missing(shape: Shape) -> Suspects:
    there = kuery.exists(shape.field)
    return _of(shape, f"predictions without {shape.field}", kuery.neither(there), there, SORTS["time"], "time")


def _unseen(shape: Shape) -> Suspects | None:
    if not shape.unseen:
        return None
    named = ", ".join(map(repr, shape.unseen[:3]))
    return _with_values(shape, shape.unseen[:SHOWN], f"predictions with new values of {shape.field}, such as {named}")


def _with_values(shape: Shape, values: Sequence[str], what: str) -> Suspects:
    rows = kuery.one_of(shape.field, values)
    return _of(shape, what, rows, _rest(shape, rows), SORTS["time"], "time")


def _out_of_range(shape: Shape) -> Suspects | None:
    fine, edges = shape.current.fine, shape.current.edges
    if fine is None or edges is None:
        return None
    last = len(edges)
    return _between(shape, 0, 0) if fine[0, 0] > fine[0, -1] else _between(shape, last, last)


def _stuck(shape: Shape) -> Suspects | None:
    moments = shape.current.moments
    if moments is None:
        counts = shape.current.counts[0, :-1]
        return _category(shape, int(np.argmax(counts)) if counts.any() else len(counts))
    value = float(moments.min[0])
    rows = kuery.both(f"{kuery.name(shape.field)} >= {value!r}", f"{kuery.name(shape.field)} <= {value!r}")
    return _of(shape, f"predictions with {shape.field} {value:g}", rows, _rest(shape, rows), SORTS["time"], "time")


def _grown(shape: Shape) -> Suspects | None:
    """What has a larger share than in the reference by most: the missing, a range of values, or a category."""
    if shape.reference is None:
        return None
    numeric = shape.current.fine is not None
    gains, missing = _gains(shape.current, shape.reference)
    first, last, gain = steepest(gains) if numeric else _largest(gains)
    if max(gain, missing) <= 0:
        return None
    if missing > gain:
        return _missing(shape)
    return _between(shape, first, last) if numeric else _category(shape, first)


def _gains(current: Distribution, reference: Distribution) -> tuple[FloatArray, float]:
    """By how much the share of each bin or category grew, and that of what is missing."""
    sides = []
    for side in (current, reference):
        counts = np.asarray(side.counts if side.fine is None else side.fine, np.float64)[0]
        missing = float(side.missing[0])
        total = counts.sum() + missing
        sides.append((counts / total, missing / total) if total else (np.zeros_like(counts), 0.0))
    return sides[0][0] - sides[1][0], sides[0][1] - sides[1][1]


def steepest(gains: FloatArray) -> tuple[int, int, float]:
    """The run of bins that gained most together: its first, its last, and how much (Kadane's maximum sum).

    Args:
        gains: How much each bin gained, shape (bins,), one at least.
    """
    best = (0, 0, float(gains[0]))
    start, total = 0, 0.0
    for at, gain in enumerate(gains.tolist()):
        if total <= 0:
            start, total = at, 0.0
        total += gain
        if total > best[2]:
            best = (start, at, total)
    return best


def _largest(gains: FloatArray) -> tuple[int, int, float]:
    at = int(np.argmax(gains))
    return at, at, float(gains[at])


def _category(shape: Shape, at: int) -> Suspects | None:
    if at >= len(shape.categories):
        return _unseen(shape)
    value = shape.categories[at]
    return _with_values(shape, [value], f"predictions with {shape.field} {value!r}")


def _between(shape: Shape, first: int, last: int) -> Suspects:
    """Values in a run of bins, those farthest from the middle of the reference first."""
    edges, fine = shape.current.edges, (shape.reference or shape.current).fine
    assert edges is not None
    assert fine is not None
    low = float(edges[first - 1]) if first > 0 else None
    high = float(edges[last]) if last < len(edges) else None
    rows = kuery.within(shape.field, low, high)
    middle = int(np.searchsorted(np.cumsum(fine[0]), fine[0].sum() / 2))
    way = "desc" if first + last > 2 * middle else "asc"
    order: Order = [
        {shape.field: {"order": way, "missing": "_last", "unmapped_type": "double"}},
        {events.TIMESTAMP: "asc"},
    ]
    return _of(shape, f"predictions with {shape.field} {_range(low, high)}", rows, _rest(shape, rows), order, None)


def _range(low: float | None, high: float | None) -> str:
    if low is None:
        return "of any value" if high is None else f"below {high:.6g}"
    return f"from {low:.6g} on" if high is None else f"from {low:.6g} to {high:.6g}"


def _rest(shape: Shape, rows: str) -> str:
    return kuery.both(kuery.exists(shape.field), kuery.neither(rows))


def _of(shape: Shape, what: str, rows: str, ordinary: str, order: Order, sort: str | None) -> Suspects:
    return Suspects(what, rows, ordinary, order, sort, shape.field.removeprefix(f"{events.FEATURES}."))
