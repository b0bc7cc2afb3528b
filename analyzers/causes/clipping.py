"""Nothing beyond a bound: what was there piles up at it, or is gone."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np

from ..arrays import FloatArray
from .cause import Guess, Kind, number, percent
from .numbers import Numbers

LEAST = 0.02
"""So much of the reference must lie beyond the bound."""
MOST = 0.9
LEAST_TRUNCATED = 0.1
FEWEST_TRUNCATED = 500
"""A short window is narrower than a long reference by nature: a cut asks for more."""
CHANCE = 1e-6


def bounds(change: Numbers) -> Iterator[Guess]:
    """The least or the greatest value of the window as a bound, or both."""
    now = change.now
    if not now.count or now.min == now.max:
        return
    values = np.array([now.min, np.nextafter(now.max, np.inf)])
    under, upto = (float(share) for share in change.pieces.below(values))
    over = 1.0 - upto
    low = now.min if _beyond(under, now.count) else -math.inf
    high = now.max if _beyond(over, now.count) else math.inf
    if low == -math.inf and high == math.inf:
        return
    # Where nearly nothing is left of the reference's range, the values are elsewhere, and not cut.
    gone = (under if low > -math.inf else 0.0) + (over if high < math.inf else 0.0)
    if gone > MOST:
        return
    where = " or ".join([f"below {number(low)}"] * (low > -math.inf) + [f"above {number(high)}"] * (high < math.inf))
    told = f"nothing is {where}, where {percent(gone)} of the reference's values are"
    if _piled(change, low, under) and _piled(change, high, over):
        yield Guess(Kind.CLIPPED, f"{told}: they pile up there", change.transformed(lambda x: np.clip(x, low, high)))
    if change.now.count >= FEWEST_TRUNCATED and gone >= LEAST_TRUNCATED and math.isinf(low) != math.isinf(high):
        kept = np.clip(change.pieces.below(change.bins.edges) - (under if low > -math.inf else 0.0), 0.0, 1.0 - gone)
        kept /= 1.0 - gone
        if _sharp(change, kept, at_top=high < math.inf):
            yield Guess(Kind.TRUNCATED, f"{told}: they are gone", change.predicted(kept))


def _sharp(change: Numbers, below: FloatArray, *, at_top: bool) -> bool:
    """Whether the tenth of the values next to the bound is there: by nature, values thin out."""
    edge = change.bins.edges[np.abs(below - (0.9 if at_top else 0.1)).argmin()]
    at = int(np.searchsorted(change.bins.edges, edge))
    share = float(np.cumsum(change.shares(change.current))[at])
    there, due = (1 - share, 1 - below[at]) if at_top else (share, below[at])
    return bool(there >= 0.7 * due)


def _beyond(share: float, count: int) -> bool:
    return share >= LEAST and (1.0 - share) ** count < CHANCE


def _piled(change: Numbers, bound: float, beyond: float) -> bool:
    if math.isinf(bound):
        return True
    at = change.bin_of(bound)
    gain = change.shares(change.current)[at] - change.shares(change.reference)[at]
    return bool(gain >= beyond / 2)
