"""How many labels of a window are there, of those that will come: learnt from how long they took before. Pure.

Labels come late, and those that come first are not like the rest: the fraud that is reported within a day, the parcel
that arrived at once. A verdict on the first labels of a window is a verdict on the quick ones.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import TYPE_CHECKING

import numpy as np

from .arrays import BoolArray, FloatArray, IntArray
from .profiles.binning import DELAY_EDGES

if TYPE_CHECKING:
    from .profiles.arrivals import Arrivals
    from .windows import Window

COMPLETE_AT = 0.99
"""Share of the labels that will come at which those that are still missing are no longer waited for."""
STEPS = 16
"""Moments within a window for which a share is worked out; its mean is that of the window."""


class Early(StrEnum):
    """What is done with a window as long as labels are missing."""

    WAIT = "wait"  # there is no verdict on what needs labels
    WEIGH = "weigh"  # the labels that are there are weighed by how many of their class still come


class Ripeness(StrEnum):
    """How far the labels of a window are."""

    EARLY = "early"  # too few of those that will come are there
    MATURE = "mature"  # enough of them are
    COMPLETE = "complete"  # what is missing is no longer waited for


@dataclass(frozen=True, slots=True)
class Labels:
    """What verdicts that need labels wait for, as monitors.yml says it.

    Attributes:
        maturity: Share of the labels that will come which must be there.
        delay: Labels that took longer are not waited for; None: learnt.
        early: What is done before.
    """

    maturity: float = 0.9
    delay: timedelta | None = None
    early: Early = Early.WAIT


@dataclass(frozen=True, slots=True)
class Curve:
    """How long labels take, per bin k of `DELAY_EDGES` as far as windows are old enough to tell, shape (bins,) each.

    Attributes:
        known: Share of all predictions whose label is known `DELAY_EDGES[k]` seconds after them.
        positive: Share of the positives' labels that will come which are known by then; NaN where none is known.
        negative: The same of the others.
    """

    known: FloatArray
    positive: FloatArray
    negative: FloatArray

    @property
    def eventual(self) -> float:
        """Share of the predictions that get a label at all."""
        return float(self.known[-1])

    @property
    def deadline(self) -> float:
        """Seconds after which all labels but one in a hundred are there."""
        return float(DELAY_EDGES[np.searchsorted(self.known, COMPLETE_AT * self.known[-1])])

    def is_flat(self, maturity: float) -> bool:
        """Whether the windows are old enough to tell: at half of the longest time, most of the labels were there."""
        half = np.searchsorted(DELAY_EDGES, DELAY_EDGES[len(self.known) - 1] / 2)
        return bool(self.known[half] >= maturity * self.eventual)

    @classmethod
    def learn(cls, windows: Iterable[tuple[float, Arrivals]], delay: float | None = None) -> Curve | None:
        """The curve that stored windows show.

        The share of the predictions with a label follows Kaplan & Meier 1958
        (https://doi.org/10.1080/01621459.1958.10501452), a window's age being the time at which those without one are
        censored. Of which class a prediction without a label is, is not known, so that a class's own curve can only be
        learnt from the labels that came, whose delays are cut off by the window's age: it follows Lagakos, Barraj & De
        Gruttola 1988 (https://doi.org/10.1093/biomet/75.3.515), which does the same backwards in time.

        Args:
            windows: Seconds since the end of each, and what came of its labels.
            delay: Seconds after which labels are not looked at; None: a year.

        Returns:
            None when no window is old enough, or as old as `delay`.
        """
        # Windows that have seen equally many bins pass add up: row s is the sum of those that have seen s of them.
        size = len(DELAY_EDGES) + 1
        made, came, positive = (np.zeros(shape, np.int64) for shape in ((size,), (size, size), (size, size)))
        bins = 0
        for age, window in windows:
            seen = int(np.searchsorted(DELAY_EDGES, age, side="right"))
            made[seen] += window.predictions
            came[seen] += window.delay
            positive[seen] += window.positive_delay
            bins = max(bins, seen)
        if delay is not None:
            wanted = int(np.searchsorted(DELAY_EDGES, delay)) + 1
            bins = wanted if bins >= wanted else 0
        if not bins:
            return None
        inside = np.arange(bins) < np.arange(size)[:, None]
        came, positive = (np.where(inside, counts[:, :bins], 0) for counts in (came, positive))
        return cls(_kaplan_meier(came, made, inside), _reversed(positive, inside), _reversed(came - positive, inside))


def _kaplan_meier(came: IntArray, made: IntArray, inside: BoolArray) -> FloatArray:
    waiting = made[:, None] - (came.cumsum(axis=1) - came)
    at_risk = np.where(inside, waiting, 0).sum(axis=0)
    hazard = came.sum(axis=0) / np.maximum(at_risk, 1)
    return np.asarray(1 - np.cumprod(1 - np.minimum(hazard, 1.0)), np.float64)


def _reversed(came: IntArray, inside: BoolArray) -> FloatArray:
    if not came.any():
        return np.full(came.shape[1], np.nan)
    at_risk = np.where(inside, came.cumsum(axis=1), 0).sum(axis=0)
    hazard = came.sum(axis=0) / np.maximum(at_risk, 1)
    return np.append(np.cumprod((1 - hazard)[:0:-1])[::-1], 1.0)


@dataclass(frozen=True, slots=True)
class Maturity:
    """How far the labels of the windows of one model are, at one moment.

    Attributes:
        labels: What verdicts wait for.
        curve: How long labels take, None as long as that is not known.
        now: The moment.
    """

    labels: Labels
    curve: Curve | None
    now: datetime

    @classmethod
    def learn(cls, labels: Labels, windows: Iterable[tuple[Window, Arrivals]], now: datetime) -> Maturity:
        """What the stored windows of one size teach.

        Args:
            labels: What verdicts wait for.
            windows: The windows, and what came of their labels.
            now: When it is.
        """
        delay = labels.delay.total_seconds() if labels.delay is not None else None
        curve = Curve.learn((((now - window.end).total_seconds(), arrivals) for window, arrivals in windows), delay)
        told = delay is not None
        return cls(labels, curve if curve and (told or curve.is_flat(labels.maturity)) else None, now)

    @property
    def deadline(self) -> float | None:
        """Seconds after which labels are not waited for; None as long as that is not known."""
        if self.labels.delay is not None:
            return self.labels.delay.total_seconds()
        return self.curve.deadline if self.curve else None

    def share(self, predictions: int, labelled: int) -> float | None:
        """Share of the labels of so many predictions that will come which are there; None where that is not known."""
        expected = predictions * self.curve.eventual if self.curve else 0.0
        return min(1.0, labelled / expected) if expected else None

    def of(self, window: Window, predictions: int, labelled: int) -> Ripeness:
        """How far the labels of a window are that holds so many predictions, so many of them labelled."""
        deadline = self.deadline
        if not predictions or (deadline is not None and self._age(window) >= deadline):
            return Ripeness.COMPLETE
        share = self.share(predictions, labelled)
        if share is None or share < self.labels.maturity:
            return Ripeness.EARLY
        # Where positives are rare and slow, most labels are there long before theirs are.
        known = self.known(window)
        return Ripeness.MATURE if known is None or min(known) >= self.labels.maturity else Ripeness.EARLY

    def known(self, window: Window) -> tuple[float, float] | None:
        """Share of the labels that will come which are expected to be there: of the positives, and of the others.

        None where that is not known.
        """
        if self.curve is None:
            return None
        moments = self._age(window) + (np.arange(STEPS) + 0.5) / STEPS * window.seconds
        edges = DELAY_EDGES[: len(self.curve.known)]
        positive, negative = (
            float(np.interp(moments, edges, curve, left=0.0).mean())
            for curve in (self.curve.positive, self.curve.negative)
        )
        return (positive, negative) if np.isfinite(positive) and np.isfinite(negative) else None

    def note(self) -> str:
        """What is known of how long labels take, for people."""
        if self.curve is None:
            return "how long they take is not known yet; `labels: {delay: ...}` tells it"
        if self.labels.delay is not None:
            return f"{self.curve.eventual:.0%} of the predictions get one in the time that `labels` gives them"
        days = self.curve.deadline / 86_400
        length = f"{days:.1f} days" if days >= 2 else f"{24 * days:.1f} hours"
        return f"{self.curve.eventual:.0%} of the predictions get one, nearly all of these within {length}"

    def _age(self, window: Window) -> float:
        return (self.now - window.end).total_seconds()
