"""What a cause is, and how well a guess at one accounts for what was counted."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from ..arrays import FloatArray

ACCOUNTED = 0.8
"""A cause is named when it accounts for so large a share of the change."""


class Kind(StrEnum):
    """What can happen to a feature."""

    MISSING = "missing"
    STUCK = "stuck"
    DEFAULT_VALUE = "default_value"
    UNIT = "unit"
    SIGN = "sign"
    CLIPPED = "clipped"
    TRUNCATED = "truncated"
    ROUNDED = "rounded"
    TIME_ZONE = "time_zone"
    RECASED = "recased"
    RENAMED = "renamed"
    VANISHED = "vanished"
    UNSEEN = "unseen"
    MOVED = "moved"  # nothing of all that


@dataclass(frozen=True, slots=True)
class Cause:
    """What happened to a feature.

    Attributes:
        kind: The kind of it.
        text: A sentence for the person on call.
        confidence: Share of the change that it accounts for, 0 to 1; None where no cause was recognised.
    """

    kind: Kind
    text: str
    confidence: float | None = None


@dataclass(frozen=True, slots=True)
class Guess:
    """What may have happened: a recogniser found the traces it asks for.

    Attributes:
        kind: The kind of it.
        text: A sentence for the person on call.
        predicted: What would have been counted had it happened to the reference, in the form of `Change.expected`.
        fit: The most that it can account for, where moments tell more than counts.
    """

    kind: Kind
    text: str
    predicted: FloatArray
    fit: float = 1.0


class Change(Protocol):
    """A feature as it is and as it was, in a form in which guesses are compared with it."""

    @property
    def observed(self) -> FloatArray:
        """What was counted."""

    @property
    def expected(self) -> FloatArray:
        """What the reference counted, in the same form."""

    @property
    def noise(self) -> float:
        """The distance that samples of these sizes show when nothing changed."""

    def distance(self, other: FloatArray) -> float:
        """How far `observed` is from this."""


def accounted(change: Change, guess: Guess) -> float:
    """Share of the change that a guess accounts for, 0 to 1: what it leaves beyond sampling noise, of all there is."""
    left = max(0.0, change.distance(guess.predicted) - change.noise)
    before = change.distance(change.expected)
    return min(guess.fit, max(0.0, 1.0 - left / before)) if before > 0 else 0.0


def best(change: Change, guesses: Iterable[Guess]) -> Cause | None:
    """The guess that accounts for most, as a cause; of equal ones the first; None where none accounts for enough."""
    # In whole percents: less is no reason to prefer one to another that comes first.
    found = [(round(accounted(change, guess), 2), guess) for guess in guesses]
    share, guess = max(found, key=lambda pair: pair[0], default=(0.0, None))
    if guess is None or share < ACCOUNTED:
        return None
    return Cause(guess.kind, guess.text, share)


def percent(share: float) -> str:
    """A share for people."""
    return "less than 1 %" if 0 < share < 0.01 else f"{100 * share:.0f} %"


def number(value: float) -> str:
    """A number for people, in four significant digits."""
    return f"{value:,.0f}" if abs(value) >= 10_000 else f"{value:.4g}"
