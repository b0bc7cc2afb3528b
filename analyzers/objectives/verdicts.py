"""Counts of many windows to what is told of each: the budget that is left, and how fast it burns. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from ..measures import Measurement, Reason, Status, Verdict
from ..measures.objective import BURN, GOOD, LEFT, BurnRate, Promise, budget_left, decisive, good_share
from ..measures.objective import burning as decided
from ..profiles.binning import DURATION_EDGES
from .burn import BETWEEN_ACCIDENTS, PAGE, Burning, burning, pairs
from .setting import LATENCY

if TYPE_CHECKING:
    from .burn import Counts
    from .events import Events
    from .setting import Objective


def promise(objective: Objective, rates: tuple[BurnRate, ...] = ()) -> Promise:
    """The objective as a measurement tells it."""
    return Promise(objective.name, objective.of, objective.target, objective.period, rates)


def of_window(objective: Objective, events: Events | None, analysed: str | None = None) -> Verdict:
    """What is told of a single window: its share of good events.

    Args:
        objective: The objective.
        events: Its events; None: not known, or not yet.
        analysed: Of freshness, when the window was analysed first, ISO 8601.
    """
    estimate = good_share(events.good, events.total, events.doubtful) if events else good_share(0, 0)
    return _recorded(Measurement(GOOD, estimate, objective.name, since=analysed, promise=promise(objective)))


def of_series(objective: Objective, counts: Counts, window: float, first: int) -> Iterator[tuple[int, list[Verdict]]]:
    """What is told of each window and all that is before it.

    Args:
        objective: The objective.
        counts: Its events in the windows, from a period and a long window before the first that is told on.
        window: Length of a window in seconds.
        first: Position of the first window that is told.

    Yields:
        Position of the window, and the verdicts.
    """
    whole = counts.over(objective.seconds, window)
    found = [burning(counts, pair, objective.target, window) for pair in pairs(window)]
    for at in range(first, len(counts.start)):
        total = int(whole.total[at])
        left = budget_left(int(whole.good[at]), total, objective.target)
        told = [_recorded(Measurement(LEFT, left, objective.name, promise=promise(objective)))]
        if found:
            # Without events a window tells nothing new, and it is no recovery.
            rates = tuple(_rate(burn, at) for burn in found) if counts.total[at] else ()
            told.append(_burning(objective, rates, total, window))
        yield at, told


def _rate(found: Burning, at: int) -> BurnRate:
    pair = found.pair
    return BurnRate(
        severity=pair.severity,
        factor=pair.factor,
        long=pair.long,
        short=pair.short,
        long_rate=float(found.long[at]),
        short_rate=float(found.short[at]),
        chance=float(found.chance[at]),
        fires=bool(found.fires[at]),
    )


def _burning(objective: Objective, rates: tuple[BurnRate, ...], total: int, window: float) -> Verdict:
    measurement = Measurement(BURN, decided(rates, total), objective.name, promise=promise(objective, rates))
    chosen = decisive(rates)
    if chosen is None:
        return Verdict(measurement, Status.INSUFFICIENT, reason=Reason.SAMPLES)
    status = (Status.CRITICAL if chosen.severity == PAGE else Status.WARNING) if chosen.fires else Status.OK
    level = window / BETWEEN_ACCIDENTS
    return Verdict(measurement, status, threshold=chosen.factor, alpha=level, calm=not chosen.fires)


def _recorded(measurement: Measurement) -> Verdict:
    if measurement.estimate.value is None:
        return Verdict(measurement, Status.INSUFFICIENT, reason=Reason.SAMPLES)
    return Verdict(measurement, Status.OK, calm=True)


def notes(objectives: Sequence[Objective], window: float) -> list[str]:
    """What the user should know: which of the pairs of windows can be seen, and what counts cannot tell apart."""
    if not objectives:
        return []
    seen = [f"{pair.factor:g}x over {length(pair.long)} and {length(pair.short)}" for pair in pairs(window)]
    text = "; ".join(seen) if seen else "none, since its windows are longer; only budgets are told"
    found = [f"objectives: burn rates, in windows of {length(window)}: {text}"]
    found += [
        f"objective {objective.name}: counts tell what took longer than {DURATION_EDGES[objective.edge] / 1e6:.4g} ms"
        for objective in objectives
        if objective.of == LATENCY and DURATION_EDGES[objective.edge] != objective.nanoseconds
    ]
    found += [
        f"objective {objective.name}: with a target of {objective.target:g} a budget burns at most {most:.3g} times "
        f"too fast, too slow for {never}"
        for objective in objectives
        if (never := _never(window, most := 1 / (1 - objective.target)))
    ]
    return found


def _never(window: float, most: float) -> str:
    return " and ".join(f"{pair.factor:g}x" for pair in pairs(window) if pair.factor >= most)


def length(seconds: float) -> str:
    """A length of time as monitors.yml writes it."""
    for unit, size in (("d", 86_400), ("h", 3_600), ("m", 60)):
        if seconds >= size and not seconds % size:
            return f"{int(seconds // size)}{unit}"
    return f"{seconds:g}s"
