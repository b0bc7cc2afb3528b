"""Nulls flood in."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from .categories import Categories
from .cause import Guess, Kind, percent
from .numbers import Numbers

LEAST = 0.01
"""So much more must be missing, as a share of all."""


def in_numbers(change: Numbers) -> Iterator[Guess]:
    """Values are missing at random, and the others are as they were."""
    before, now = float(change.expected[0]), float(change.observed[0])
    if _rose(before, now, change.smallness):
        rest = (change.expected - before) / (1 - before) if before < 1 else change.expected
        yield Guess(Kind.MISSING, _text(before, now), now + (1 - now) * rest)


def in_categories(change: Categories) -> Iterator[Guess]:
    """Categories are missing at random, and the others are as they were."""
    before, now = float(change.expected[0]), float(change.observed[0])
    if _rose(before, now, change.smallness):
        rest = change.expected / (1 - before) if before < 1 else change.expected
        predicted = (1 - now) * rest
        predicted[0] = now
        yield Guess(Kind.MISSING, _text(before, now), predicted)


def _rose(before: float, now: float, smallness: float) -> bool:
    # The pooled share lies nearer to that of the larger side; the middle of both is on the safe side.
    middle = (before + now) / 2
    return now - before >= max(LEAST, 4 * float(np.sqrt(middle * (1 - middle) * smallness)))


def _text(before: float, now: float) -> str:
    if now == 1.0:
        return f"every value is missing, {percent(before)} were"
    return f"{percent(now)} of the values are missing, {percent(before)} were; the others are as before"
