"""Values lost digits."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from .cause import Guess, Kind, number, percent
from .numbers import Numbers

STEPS = (1e4, 1e3, 100.0, 50.0, 10.0, 5.0, 1.0, 0.5, 0.1, 0.05, 0.01, 0.001)
EMPTIED = 0.3
"""So much of the reference must lie in bins without a round number."""
CHANCE = 0.002
"""So little of the window may be in them."""
FEWEST = 30


def digits(change: Numbers) -> Iterator[Guess]:
    """All values are multiples of the largest step of which that can be said; the reference's were not."""
    now, before = change.shares(change.current)[1:-1], change.shares(change.reference)[1:-1]
    edges = change.bins.edges
    if change.now.count < FEWEST or change.now.min == change.now.max:
        return
    for step in STEPS:
        # A bin holds a multiple when there is one from its lower edge on that is below its upper edge.
        empty = np.ceil(edges[:-1] / step - 1e-9) * step >= edges[1:]
        at_ends = all(_is_multiple(value, step) for value in (change.now.min, change.now.max))
        if at_ends and before[empty].sum() >= EMPTIED and now[empty].sum() <= CHANCE:
            text = f"all values are multiples of {number(step)}; {percent(float(before[empty].sum()))} were not"
            for shift in (0.5, 0.0, 1.0):  # to the nearest, down, up
                cuts = step * (np.ceil(edges / step - 1e-9) - shift)
                yield Guess(Kind.ROUNDED, text, change.predicted(change.pieces.below(cuts)))
            return


def _is_multiple(value: float, step: float) -> bool:
    return abs(value / step - round(value / step)) < 1e-6
