"""One value is left of several: a stuck sensor, a lost join, a constant in the code."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from .categories import Categories
from .cause import Guess, Kind, number, percent
from .numbers import Numbers

FEWEST = 30
MOST = 0.5
"""What is usual in most of the reference, such as no rain, can be so all day."""
CHANCE = 1e-6
"""So improbable must it be that all values of a window are alike by chance."""


def in_numbers(change: Numbers) -> Iterator[Guess]:
    """All values are one, and the reference's were not."""
    now, before = change.now, change.before
    if now.count < FEWEST or now.min != now.max or before.min == before.max:
        return
    usual = float(change.shares(change.reference)[change.bin_of(now.min)])
    if usual > MOST or usual**now.count > CHANCE:
        return
    text = f"stuck at {number(now.min)}: the reference has values from {number(before.min)} to {number(before.max)}"
    value = now.min
    yield Guess(Kind.STUCK, text, change.predicted((change.bins.edges > value).astype(np.float64)))


def in_categories(change: Categories) -> Iterator[Guess]:
    """All are of one known category, and the reference's were not."""
    counts = change.current.counts
    if np.count_nonzero(counts) != 1 or change.current.other or counts.sum() < FEWEST:
        return
    at = int(counts.argmax())
    missing = float(change.expected[0])
    usual = float(change.expected[1 + at]) / max(1e-9, 1 - missing)
    if usual > MOST or usual ** int(counts.sum()) > CHANCE:
        return
    predicted = np.zeros_like(change.expected)
    predicted[0], predicted[1 + at] = missing, 1 - missing
    text = f"stuck at {change.known[at]!r}: {percent(usual)} of the reference's values are so"
    yield Guess(Kind.STUCK, text, predicted)
