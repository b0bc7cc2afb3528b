"""Nothing that has a name: where the distribution gained and lost most."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np

from ..arrays import FloatArray
from ..profiles.binning import NumericBins
from .categories import Categories
from .cause import Cause, Kind, number
from .numbers import Numbers

SHOWN = 3
LEAST = 0.005


def of_numbers(change: Numbers) -> Cause:
    """The coarse bins that gained and lost most."""
    inner = np.diff(change.observed - change.expected)
    gains = np.add.reduceat(inner, change.bins.coarse)
    return _told([*ranges(change.bins), "missing"], np.append(gains, change.observed[0] - change.expected[0]))


def of_categories(change: Categories) -> Cause:
    """The categories that gained and lost most."""
    return _told(["missing", *map(repr, change.known), "in no known category"], change.observed - change.expected)


def ranges(bins: NumericBins) -> list[str]:
    """What the coarse bins are called."""
    borders = [-np.inf, *(float(bins.edges[start - 1]) for start in bins.coarse[1:]), np.inf]
    return [_between(low, high) for low, high in pairwise(borders)]


def _between(low: float, high: float) -> str:
    """What a range of values `[low, high)` is called; infinite ends are open."""
    if np.isinf(low) and np.isinf(high):
        return "any value"
    # A number that is frequent has a bin of its own, which ends at the next larger one that a double can hold.
    under, over = _just_below(low), _just_below(high)
    if np.isinf(low):
        return f"below {number(high)}" if over is None else f"at most {number(over)}"
    if over == low:
        return f"exactly {number(low)}"
    start = number(low) if under is None else f"above {number(under)}"
    if np.isinf(high):
        return f"{start} or more" if under is None else start
    return f"{start} to {number(high if over is None else over)}"


def _just_below(edge: float) -> float | None:
    """The number of which an edge is the next larger one; None of other edges."""
    below = float(np.nextafter(edge, -np.inf))
    return below if np.isfinite(edge) and round(below, 12) == below and round(edge, 12) != edge else None


def _told(names: Sequence[str], gains: FloatArray) -> Cause:
    most = [int(at) for at in np.argsort(-np.abs(gains), kind="stable")[:SHOWN] if abs(gains[at]) >= LEAST]
    parts = ", ".join(f"{names[at]} {100 * gains[at]:+.1f} percentage points" for at in most)
    return Cause(Kind.MOVED, f"distribution moved: {parts}" if parts else "distribution moved a little, everywhere")
