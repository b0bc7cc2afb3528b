"""False alarms of a healthy month: a hundred features, hourly windows, judged against the month before.

What the customary rules say of the very same counts is told beside it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from benchmarks.figures import Figure
from benchmarks.statistics.judged import model, reference, states
from benchmarks.statistics.rules import RULES
from benchmarks.statistics.streams import Features, Life, latent, volumes, windows

from driftline.analyzers.firing import Alarm

SEEDS = 20
HOURS = 720
FEATURES = Features(smooth=40, tied=30, named=30)


def onsets(series: Sequence[Sequence[Alarm]]) -> list[int]:
    """The windows in which series begin to fire, one for each time."""
    found = []
    for alarms in series:
        firing = [alarm is Alarm.FIRING for alarm in alarms]
        found += [hour for hour, now in enumerate(firing) if now and not (hour and firing[hour - 1])]
    return found


def figures(say: Callable[[str], None]) -> list[Figure]:
    """The part's figures."""
    settings, binning = model(FEATURES, HOURS), FEATURES.binning()
    pages: list[int] = []
    rivals: dict[str, list[int]] = {name: [] for name in RULES}
    for seed in range(SEEDS):
        rng = np.random.default_rng(seed)
        moved = latent(rng, 2 * HOURS, FEATURES.count, Life())
        found = windows(rng, FEATURES, binning, volumes(rng, 2 * HOURS), moved)
        before, after = found[:HOURS], found[HOURS:]
        series, alpha = states(settings, reference(before, binning), before, after)
        began = onsets(list(series.values()))
        pages.append(len(began))
        for name, rule in RULES.items():
            rivals[name].append(sum(int(flags.sum()) for flags in rule(before, after, binning).values()))
        say(f"  seed {seed}: {len(began)} series fired at {len(set(began))} moments (q < {alpha:.1e})")
    return [
        Figure.at_most("healthy month, 100 features: series that fired", float(np.mean(pages)), 1.0),
        *(
            Figure(f"healthy month, 100 features: alarms by {name}", float(np.mean(counts)))
            for name, counts in rivals.items()
        ),
    ]
