"""Hours of the day in another time zone."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from .cause import Guess, Kind, accounted
from .numbers import Numbers, Pieces

DAY = 24.0
FIT = 0.85
"""A shift of an hour or two may be a change of habits: it must account for nearly all."""


def hours(change: Numbers) -> Iterator[Guess]:
    """The shift around the clock that fits best, of a feature whose values are the hours 0 to 24."""
    now, before = change.now, change.before
    if not now.count or not (0 <= before.min < 1.5 and 22.5 <= before.max <= DAY) or not 0 <= now.min <= now.max <= DAY:
        return
    if change.distance(change.expected) <= 2 * change.noise:
        return
    whole = before.max == round(before.max) and now.max == round(now.max)
    shifts = np.arange(-11.0, 13.0) if whole else np.arange(-11.5, 12.5, 0.5)
    guesses = [_shifted(change, float(shift)) for shift in shifts if shift]
    chosen = min(guesses, key=lambda guess: change.distance(guess.predicted))
    if accounted(change, chosen) >= FIT:
        yield chosen


def _shifted(change: Numbers, shift: float) -> Guess:
    pieces = change.pieces
    low = (pieces.low + shift) % DAY
    turned = Pieces(low, low + (pieces.high - pieces.low), pieces.share)
    text = f"hours are {abs(shift):g} {'later' if shift > 0 else 'earlier'} around the clock: another time zone"
    return Guess(Kind.TIME_ZONE, text, change.predicted(turned.below(change.bins.edges)))
