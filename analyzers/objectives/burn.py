"""How fast an error budget burns, over several pairs of windows at once, and when that calls somebody. Pure.

Multiwindow, multi-burn-rate alerts: The Site Reliability Workbook, chapter 5, "Alerting on SLOs"
(https://sre.google/workbook/alerting-on-slos/). A long window tells that much of the budget is gone, a short one that
it is still going; both must burn faster than the factor.

Where there are few events one bad one is a burn rate of hundreds; the Workbook, under "Low-Traffic Services and Error
Budget Alerting", has ten requests an hour and a target of 99.9 %: a single failure is a burn rate of 100 over an hour.
So a pair also needs two bad events, and so many that they are no accident: were the target just kept, each pair would
see as many in its long window less than once a year.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
from scipy import stats

from ..arrays import BoolArray, FloatArray, IntArray

HOUR = 3_600.0
DAY = 24 * HOUR
FEWEST_BAD = 2
"""One bad event alone calls nobody."""
BETWEEN_ACCIDENTS = 365.25 * DAY
"""Seconds in which a pair may be wrong once, were the target just kept in every window."""
PAGE, TICKET = "page", "ticket"


@dataclass(frozen=True, slots=True)
class Pair:
    """A long and a short window, in seconds, and the burn rate that calls somebody when both are over it."""

    severity: str
    factor: float
    long: float
    short: float


PAIRS = (
    Pair(PAGE, 14.4, HOUR, HOUR / 12),
    Pair(PAGE, 6.0, 6 * HOUR, HOUR / 2),
    Pair(TICKET, 3.0, DAY, 2 * HOUR),
    Pair(TICKET, 1.0, 3 * DAY, 6 * HOUR),
)


def pairs(window: float) -> Iterator[Pair]:
    """The pairs that windows of so many seconds can tell: whole numbers of them, one at least.

    A pair whose long window is shorter than one of them is left out.
    """
    for pair in PAIRS:
        if pair.long >= window:
            long, short = (max(1, int(length // window)) * window for length in (pair.long, pair.short))
            yield replace(pair, long=long, short=short)


@dataclass(frozen=True, slots=True)
class Counts:
    """Events in the windows of one objective, in order of time, shape (windows,) each.

    Attributes:
        start: When each window begins, in seconds.
        good: Good events in it.
        total: All of them.
    """

    start: FloatArray
    good: IntArray
    total: IntArray

    def over(self, length: float, window: float) -> Counts:
        """The sums over the last `length` seconds up to the end of each window.

        Args:
            length: How many seconds.
            window: Length of a window in seconds.
        """
        # Half a window of slack: months are not all as long as their mean.
        first = np.searchsorted(self.start, self.start - length + 0.5 * window)
        upto = np.arange(len(self.start)) + 1
        good, total = (np.concatenate([[0], np.cumsum(counts)]) for counts in (self.good, self.total))
        return Counts(self.start, good[upto] - good[first], total[upto] - total[first])

    def burn(self, target: float) -> FloatArray:
        """How many times faster than allowed the budget burns, shape (windows,); NaN without events.

        1 uses up the budget in just the period.
        """
        with np.errstate(divide="ignore", invalid="ignore"):
            return np.asarray((self.total - self.good) / self.total / (1 - target), np.float64)

    def chance(self, target: float) -> FloatArray:
        """Probability of at least so many bad events, were the target just kept: the binomial's upper tail."""
        return np.asarray(stats.binom.sf(self.total - self.good - 1, self.total, 1 - target), np.float64)


@dataclass(frozen=True, slots=True)
class Burning:
    """What one pair shows in each window, shape (windows,) each.

    Attributes:
        pair: The pair.
        long: Burn rate over the long window, NaN without events.
        short: The same over the short one.
        chance: Probability of so many bad events in the long window, were the target just kept.
        fires: Whether it calls somebody.
    """

    pair: Pair
    long: FloatArray
    short: FloatArray
    chance: FloatArray
    fires: BoolArray


def burning(counts: Counts, pair: Pair, target: float, window: float) -> Burning:
    """What one pair shows.

    Args:
        counts: The events.
        pair: Its windows are whole numbers of those that were counted in.
        target: Share of events that must be good.
        window: Length of a window that was counted in, in seconds.
    """
    long, short = counts.over(pair.long, window), counts.over(pair.short, window)
    rates, recent, chance = long.burn(target), short.burn(target), long.chance(target)
    over = (rates > pair.factor) & (recent > pair.factor)
    sure = (long.total - long.good >= FEWEST_BAD) & (chance < window / BETWEEN_ACCIDENTS)
    return Burning(pair, rates, recent, chance, over & sure)
