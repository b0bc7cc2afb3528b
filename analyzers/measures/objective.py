"""How well a model keeps what is promised of it: events that are good, the budget of bad ones, how fast it burns.

Values are worked out in `objectives`, of counts of many windows; here they are told as any other measure is.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from . import intervals
from .measure import Direction, Estimate, Measure, Subject

WORKBOOK = "https://sre.google/workbook/alerting-on-slos/"
BUDGETS = "https://sre.google/workbook/implementing-slos/"
GOOD, LEFT, BURN = "objective_good", "objective_budget_left", "objective_burn_rate"


@dataclass(frozen=True, slots=True)
class BurnRate:
    """How fast an error budget burns, over a long and a short window.

    Attributes:
        severity: `page` or `ticket`: whom it calls when both are over the factor.
        factor: The burn rate that both must be over.
        long: Length of the long window, in seconds.
        short: Length of the short one.
        long_rate: Burn rate over the long one; 1 uses up the budget in just the period. None without events.
        short_rate: The same over the short one.
        chance: Probability of so many bad events in the long window, were the target just kept; None without events.
        fires: Whether it calls.
    """

    severity: str
    factor: float
    long: float
    short: float
    long_rate: float | None
    short_rate: float | None
    chance: float | None
    fires: bool

    def to_document(self) -> dict[str, Any]:
        """The burn rate as stored."""
        names = ("severity", "factor", "long", "short", "long_rate", "short_rate", "chance", "fires")
        found = {name: getattr(self, name) for name in names}
        return {name: value for name, value in found.items() if value is not None}


@dataclass(frozen=True, slots=True)
class Promise:
    """The objective that a measurement is of.

    Attributes:
        name: Its name.
        of: What it is about: `latency`, `errors`, `correct`, `freshness`, or a measure.
        target: Share of the events that must be good.
        period: Length of the rolling period, as monitors.yml writes it.
        burn_rates: Of a burn rate, those over all pairs of windows.
    """

    name: str
    of: str
    target: float
    period: str
    burn_rates: tuple[BurnRate, ...] = ()

    def to_document(self) -> Mapping[str, Any]:
        """The objective as stored."""
        found: dict[str, Any] = {"name": self.name, "of": self.of, "target": self.target, "period": self.period}
        if self.burn_rates:
            found["burn_rates"] = [rate.to_document() for rate in self.burn_rates]
        return found


def good_share(good: int, total: int, doubtful: int = 0) -> Estimate:
    """The share of good events, with Wilson's interval.

    Args:
        good: Events that are good, or may be.
        total: All events.
        doubtful: Those of the good ones of which the counts do not tell.
    """
    if not total:
        return Estimate(None)
    lower, upper = _wilson(good, total)
    return Estimate(good / total, lower, upper, sample_size=total, error_bound=doubtful / total)


def budget_left(good: int, total: int, target: float) -> Estimate:
    """The share of the error budget that is left: 1 none is used, 0 all of it, below 0 more than there was.

    The budget is `1 - target` of the events that there were (https://sre.google/workbook/implementing-slos/); its
    interval is Wilson's of the share of good events.
    """
    if not total:
        return Estimate(None)
    allowed = 1 - target
    lower, upper = (1 - (1 - share) / allowed for share in _wilson(good, total))
    return Estimate(1 - (total - good) / total / allowed, lower, upper, sample_size=total)


def burning(rates: tuple[BurnRate, ...], total: int) -> Estimate:
    """The burn rate that counts: that of the pair which fires, or is nearest to it; the smaller one of its two."""
    chosen = decisive(rates)
    if chosen is None or chosen.long_rate is None or chosen.short_rate is None:
        return Estimate(None)
    return Estimate(min(chosen.long_rate, chosen.short_rate), p_value=chosen.chance, sample_size=total)


def decisive(rates: tuple[BurnRate, ...]) -> BurnRate | None:
    """The pair that decides: of those that fire the quickest, else the one that is nearest to it."""
    known = [rate for rate in rates if rate.long_rate is not None and rate.short_rate is not None]
    return max(known, key=_urgency, default=None)


def _urgency(rate: BurnRate) -> tuple[bool, float]:
    held = min(rate.long_rate or 0.0, rate.short_rate or 0.0)
    return rate.fires, rate.factor if rate.fires else held / rate.factor


def _wilson(good: int, total: int) -> tuple[float, float]:
    share = good / total
    lower, upper = intervals.wilson(np.array([good], np.float64), np.array([total], np.float64))
    return min(float(lower[0]), share), max(float(upper[0]), share)


_objective = partial(Measure, family="objective", subject=Subject.OBJECTIVE, default=False, source=BUDGETS)

MEASURES: tuple[Measure, ...] = (
    _objective(
        name=GOOD,
        title="Share of the events that are good",
        direction=Direction.LOWER,
        compute=good_share,
        min_samples=1,
    ),
    _objective(
        name=LEFT,
        title="Share of the error budget that is left",
        direction=Direction.LOWER,
        compute=budget_left,
        min_samples=1,
    ),
    _objective(
        name=BURN,
        title="Burn rate of the error budget",
        compute=burning,
        min_samples=1,
        source=WORKBOOK,
    ),
)
