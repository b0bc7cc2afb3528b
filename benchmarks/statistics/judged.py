"""Simulated windows through the judge that real ones go through."""

from __future__ import annotations

from collections.abc import Sequence

from benchmarks.statistics.streams import HOUR, START, Features, total

from driftline.analyzers.firing import Alarm, Level, alarms
from driftline.analyzers.grades import Book
from driftline.analyzers.maturity import Labels, Maturity
from driftline.analyzers.metrics import level
from driftline.analyzers.monitors import Model, parse
from driftline.analyzers.profiles.binning import Binning
from driftline.analyzers.profiles.history import Counted
from driftline.analyzers.profiles.request import Counting
from driftline.analyzers.references import Reference
from driftline.analyzers.verdicts import chunks, standard, verdicts
from driftline.analyzers.windows import Window, iso

Series = tuple[str, str | None]
NO_LABELS = Maturity(Labels(), None, START)
"""Of models that are simulated without outcomes."""


def model(features: Features, hours: int) -> Model:
    """The settings: the default measures of so many features, a reference of so many hours, one false alarm a month."""
    kinds = dict.fromkeys(features.binning().numeric, "numeric")
    kinds |= dict.fromkeys(features.binning().categorical, "categorical")
    named = ", ".join(f"{name}: {kind}" for name, kind in kinds.items())
    text = (
        "models: [{name: simulated, task: regression, window: 1h, false_alarms: 1 per month, "
        f"reference: {{start: {iso(START)}, end: {iso(START + hours * HOUR)}}}, features: {{{named}}}}}]"
    )
    return parse(text).models[0]


def reference(before: Sequence[Counted], binning: Binning) -> Reference:
    """The reference that these windows make."""
    period = Window(START, START + len(before) * HOUR)
    return Reference(Counting(binning, {}), period, {None: total(before)}, "simulated")


def states(
    settings: Model, known: Reference, before: Sequence[Counted], after: Sequence[Counted]
) -> tuple[dict[Series, list[Alarm]], float]:
    """Where each series stands after each of the later windows, and the level of the tests."""
    by = standard(settings, known, before)
    book = Book()
    levels: dict[Series, list[Level]] = {}
    for chunk in chunks(after):
        for judged in verdicts(settings, known, by, chunk, book, NO_LABELS):
            for verdict in judged.verdicts:
                measurement = verdict.measurement
                levels.setdefault((measurement.measure, measurement.feature), []).append(level(verdict))
    return {series: list(alarms(found, settings.alarm)) for series, found in levels.items()}, by.level.alpha
