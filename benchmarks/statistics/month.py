"""False alarms of a healthy month: a hundred features, hourly windows, judged against the month before.

What the customary rules say of the very same counts is told beside it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from benchmarks.figures import Figure
from benchmarks.statistics.rules import RULES
from benchmarks.statistics.streams import HOUR, START, Features, Life, latent, total, volumes, windows

from driftline.analyzers.firing import Alarm, alarms
from driftline.analyzers.metrics import level
from driftline.analyzers.monitors import Model, parse
from driftline.analyzers.profiles.history import Counted
from driftline.analyzers.profiles.request import Counting
from driftline.analyzers.references import Reference
from driftline.analyzers.verdicts import chunks, standard, verdicts
from driftline.analyzers.windows import Window

SEEDS = 2
HOURS = 720
FEATURES = Features(smooth=40, tied=30, named=30)
SETTINGS = """
models:
  - name: healthy
    task: regression
    window: 1h
    reference: {start: 2024-01-01, end: 2024-01-31}
    false_alarms: 1 per month
"""


def model() -> Model:
    """The settings: the default measures, and one false alarm a month."""
    return parse(SETTINGS).models[0]


def reference(settings: Model, before: Sequence[Counted]) -> Reference:
    """The reference that these windows make."""
    binning = FEATURES.binning()
    period = Window(START, START + len(before) * HOUR)
    return Reference(Counting(binning, {}), period, {None: total(before)}, settings.name)


def onsets(settings: Model, before: Sequence[Counted], after: Sequence[Counted]) -> tuple[int, int, float]:
    """How many series begin to fire, at how many moments, and the level of the tests."""
    known = reference(settings, before)
    by = standard(settings, known, settings.window, before)
    levels: dict[tuple[str, str | None], list[object]] = {}
    for chunk in chunks(after):
        for judged in verdicts(settings, known, by, chunk):
            for verdict in judged:
                measurement = verdict.measurement
                levels.setdefault((measurement.measure, measurement.feature), []).append(level(verdict))
    moments = []
    for series in levels.values():
        states = [state is Alarm.FIRING for state in alarms(series, settings.alarm)]  # type: ignore[arg-type]
        moments += [hour for hour, now in enumerate(states) if now and not (hour and states[hour - 1])]
    return len(moments), len(set(moments)), by.level.alpha


def figures(say: Callable[[str], None]) -> list[Figure]:
    """The part's figures."""
    settings, binning = model(), FEATURES.binning()
    series, pages, rivals = [], [], {name: [] for name in RULES}
    for seed in range(SEEDS):
        rng = np.random.default_rng(seed)
        moved = latent(rng, 2 * HOURS, FEATURES.count, Life())
        found = windows(rng, FEATURES, binning, volumes(rng, 2 * HOURS), moved)
        before, after = found[:HOURS], found[HOURS:]
        fired, moments, alpha = onsets(settings, before, after)
        series.append(fired)
        pages.append(moments)
        for name, rule in RULES.items():
            rivals[name].append(sum(rule(before, after, binning).values()))
        say(f"  seed {seed}: {fired} series fired at {moments} moments (q < {alpha:.1e})")
    return [
        Figure.at_most("healthy month, 100 features: pages a month", float(np.mean(pages)), 1.0),
        Figure("healthy month, 100 features: series that fired a month", float(np.mean(series))),
        *(
            Figure(f"healthy month, 100 features: alarms a month, {name}", float(np.mean(counts)))
            for name, counts in rivals.items()
        ),
    ]
