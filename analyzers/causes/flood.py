"""One value floods in: a default, a placeholder, what a failed join leaves, a filled-in gap."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from .categories import Categories
from .cause import Guess, Kind, number, percent
from .numbers import Numbers

LEAST = 0.03
LEAST_OF_CATEGORIES = 0.25
"""Categories gain a few percentage points every day; a default takes much."""
USUAL = 0.1
"""What is usual in so large a part of the reference, such as no rain, comes and goes by nature."""
DEVIATIONS = 6.0
"""So many standard deviations must a bin gain: the largest of more than a hundred gains is looked at."""


def in_numbers(change: Numbers) -> Iterator[Guess]:
    """One bin gains what the others lose alike, and its gain is one value; or it gains what was missing."""
    now, before = change.shares(change.current), change.shares(change.reference)
    if not change.now.count or change.now.min == change.now.max:
        return
    at = int((now - before).argmax())
    gain = float(now[at] - before[at])
    if not _gained(gain, float(before[at]), change.smallness) or before[at] > USUAL:
        return
    share = gain / (1.0 - float(before[at]))
    value = _value(change, at, share)
    if share < LEAST or value is None:
        return
    at_value = np.zeros_like(now)
    at_value[at] = 1.0
    text = f"{percent(share)} of the values are {value} instead of what they were"
    flooded = (1 - share) * before + share * at_value
    yield Guess(Kind.DEFAULT_VALUE, text, change.predicted(np.cumsum(flooded)[:-1]))
    filled = float(change.expected[0] - change.observed[0])
    if filled >= LEAST:
        text = f"{percent(filled)} of the values are {value} where values were missing"
        cells = np.diff(change.expected, prepend=0.0)
        cells[0] -= filled
        cells[1 + at] += filled
        yield Guess(Kind.DEFAULT_VALUE, text, np.cumsum(cells))


def in_categories(change: Categories) -> Iterator[Guess]:
    """One known category gains what the others lose alike."""
    if np.count_nonzero(change.reference.counts) < 3:
        return
    at = 1 + int((change.observed[1:-1] - change.expected[1:-1]).argmax())
    gain, usual = float(change.observed[at] - change.expected[at]), float(change.expected[at])
    share = gain / max(1e-9, 1.0 - usual)
    if share < LEAST_OF_CATEGORIES or share > 1 - 1e-9 or not _gained(gain, usual, change.smallness):
        return
    predicted = (1 - share) * change.expected
    predicted[at] += share
    text = f"{percent(share)} of the values are {change.known[at - 1]!r} instead of what they were"
    yield Guess(Kind.DEFAULT_VALUE, text, predicted)


def _gained(gain: float, usual: float, smallness: float) -> bool:
    middle = usual + gain / 2
    return gain > DEVIATIONS * float(np.sqrt(middle * (1 - middle) * smallness))


def _value(change: Numbers, at: int, share: float) -> str | None:
    """What floods in, for people; None where it is many values."""
    edges = change.bins.edges
    if change.frequent:
        inside = [(count, value) for value, count in change.frequent.items() if change.bin_of(value) == at]
        count, value = max(inside, default=(0, 0.0))
        return number(value) if count >= 0.7 * share * change.now.count else None
    if 0 < at < len(edges):
        low, high = float(edges[at - 1]), float(edges[at])
        if high <= np.nextafter(low, np.inf):
            return number(low)
        return "0" if low <= 0 < high else f"between {number(low)} and {number(high)}"
    # Outside the reference's range there is no narrow bin: the mean of what came in must be the outermost value.
    now, before = change.now, change.before
    value = now.min if at == 0 else now.max
    mean = (now.mean - (1 - share) * before.mean) / share
    error = 4 * float(np.sqrt(before.variance * (1 - share) * change.smallness)) / share
    return number(value) if abs(mean - value) <= error + 1e-6 * abs(value) else None
