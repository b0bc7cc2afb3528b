"""What is found, and how soon: shifts of one feature of ten, over sizes of windows, beside the customary rules."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from benchmarks.figures import Figure
from benchmarks.statistics.judged import model, reference, states
from benchmarks.statistics.rules import RULES
from benchmarks.statistics.streams import STILL, Features, latent, windows

from driftline.analyzers.firing import Alarm

FEATURES = Features(smooth=10, tied=0, named=0)
QUIET, MOVED = 120, 6
"""Windows of the reference, and those after the shift."""
SIZES = (200, 1_000, 10_000, 1_000_000)
SHIFTS = (0.0, 0.02, 0.1, 0.25, 0.5)
STREAMS = 30
OURS = "Driftline"


@dataclass(frozen=True, slots=True)
class Found:
    """What a rule makes of a shift.

    Attributes:
        share: Share of the streams in which it raised an alarm for the feature.
        delay: Mean number of windows until then, of those streams; NaN for none.
    """

    share: float
    delay: float


def found(size: int, shift: float) -> dict[str, Found]:
    """What each rule makes of a shift at a size of windows."""
    delays: dict[str, list[float]] = {name: [] for name in (OURS, *RULES)}
    binning = FEATURES.binning()
    settings = model(FEATURES, QUIET)
    for seed in range(STREAMS):
        rng = np.random.default_rng([seed, size, round(1_000 * shift)])
        moved = latent(rng, QUIET + MOVED, FEATURES.count, STILL)
        moved[QUIET:, 0] += shift
        drawn = windows(rng, FEATURES, binning, np.full(QUIET + MOVED, size), moved)
        before, after = drawn[:QUIET], drawn[QUIET:]
        fired = np.zeros(MOVED, np.bool_)
        for (_, feature), series in states(settings, reference(before, binning), before, after)[0].items():
            if feature == "smooth0":
                fired |= np.array([state is Alarm.FIRING for state in series])
        delays[OURS].append(_first(fired))
        for name, rule in RULES.items():
            delays[name].append(_first(rule(before, after, binning)["smooth0"]))
    return {name: _summary(np.array(waits)) for name, waits in delays.items()}


def _first(flags: np.ndarray) -> float:
    return float(flags.argmax()) + 1 if flags.any() else np.nan


def _summary(waits: np.ndarray) -> Found:
    seen = np.isfinite(waits)
    return Found(float(seen.mean()), float(waits[seen].mean()) if seen.any() else np.nan)


def table(say: Callable[[str], None]) -> Mapping[tuple[int, float], Mapping[str, Found]]:
    """Everything that was found, by size and shift."""
    result = {}
    for size in SIZES:
        for shift in SHIFTS:
            result[size, shift] = found(size, shift)
            say(f"  {size:>9,} rows, shift {shift:g}: {result[size, shift][OURS]}")
    return result


def figures(say: Callable[[str], None]) -> list[Figure]:
    """The part's figures."""
    everything = table(say)
    soon = everything[1_000, 0.25][OURS]
    told = [
        Figure(f"{size:,} rows, shift {shift:g}: found by {name}, share", what.share)
        for (size, shift), by_rule in everything.items()
        for name, what in by_rule.items()
    ]
    waits = [
        Figure(f"{size:,} rows, shift {shift:g}: {name}, windows until found", round(what.delay, 2))
        for (size, shift), by_rule in everything.items()
        for name, what in by_rule.items()
        if what.share == 1
    ]
    return [
        Figure.at_most("1,000,000 rows, shift 0.02: alarms, share", everything[1_000_000, 0.02][OURS].share, 0.0),
        Figure.at_least("1,000 rows, shift 0.25: found, share", soon.share, 1.0),
        Figure.at_most("1,000 rows, shift 0.25: windows until found", soon.delay, 2.0),
        *told,
        *waits,
    ]
