"""How good the estimates of performance have been of late, once outcomes were there: only good ones may raise alarms.

An estimate made before outcomes are known is right as long as scores mean what they meant in the reference. Whether
they do shows when the outcomes of earlier windows arrive: then the estimate of such a window is compared with what was
realised. An estimate that was never checked is told, and raises no alarm.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

import numpy as np

from .measures import Estimate, Measurement, Thresholds, by_name
from .measures.estimation import REALISED
from .windows import iso

LAST = 30
"""Windows that are looked back on."""
FEWEST = 5
"""Windows from which on there is a grade."""
MATURITY = 0.8
"""Share of the outcomes that will come which must be known for a window to count."""
HELD = 0.8
"""Share of the windows whose realised value must lie in the stated 95 % interval."""


def asked_for(model: str, size: str, before: datetime) -> dict[str, Any]:
    """The search for the metrics of the last windows of which both are known."""
    names = [*REALISED, *REALISED.values()]
    filters: list[dict[str, Any]] = [
        {"term": {"model.name": model}},
        {"term": {"window.size": size}},
        {"terms": {"metric.name": names}},
        {"range": {"window.start": {"lt": iso(before)}}},
        {"range": {"metric.label_maturity": {"gte": MATURITY}}},
    ]
    return {
        "size": LAST * len(names),
        "query": {"bool": {"filter": filters, "must_not": [{"exists": {"field": "segment.name"}}]}},
        "sort": [{"window.start": "desc"}],
        "_source": ["model.version", "window.start", "metric"],
    }


class Grade(StrEnum):
    """How good the estimates of one measure have been."""

    GOOD = "good"  # off by at most half of what is worth a warning, and in the stated interval
    FAIR = "fair"  # off by at most what is worth a warning
    POOR = "poor"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Graded:
    """A grade, and what it is of.

    Attributes:
        grade: The grade.
        error: Mean absolute difference of estimated and realised value, None for no window.
        windows: How many windows that is of.
    """

    grade: Grade = Grade.UNKNOWN
    error: float | None = None
    windows: int = 0


@dataclass(frozen=True, slots=True)
class Pair:
    """One window: what was estimated, with its interval, and what was realised."""

    value: float
    lower: float
    upper: float
    realised: float


def grade(pairs: Iterable[Pair], floor: float) -> Graded:
    """The grade of some windows.

    Args:
        pairs: The windows.
        floor: The change that is worth a warning.
    """
    rows = np.array([(pair.value, pair.lower, pair.upper, pair.realised) for pair in pairs], np.float64).reshape(-1, 4)
    if not len(rows):
        return Graded()
    value, lower, upper, realised = rows.T
    error = float(np.abs(value - realised).mean())
    held = float(((lower <= realised) & (realised <= upper)).mean())
    if len(rows) < FEWEST:
        return Graded(Grade.UNKNOWN, error, len(rows))
    found = Grade.GOOD if error <= floor / 2 and held >= HELD else Grade.FAIR if error <= floor else Grade.POOR
    return Graded(found, error, len(rows))


@dataclass(slots=True)
class Book:
    """The last windows of one model and size, of which both are known. Windows are added in order of time."""

    pairs: dict[str, deque[Pair]] = field(default_factory=dict)

    def add(self, measurements: Iterable[Measurement], maturity: float) -> None:
        """Add a window, if enough of its outcomes are known.

        Args:
            measurements: What was measured in it.
            maturity: Share of its outcomes that will come which are known.
        """
        if maturity >= MATURITY:
            self._add({found.measure: found.estimate for found in measurements if found.segment is None})

    def _add(self, whole: Mapping[str, Estimate]) -> None:
        for name, realised in REALISED.items():
            estimate, truth = whole.get(name), whole.get(realised)
            if estimate is None or truth is None or truth.sample_size < by_name(realised).min_samples:
                continue
            numbers = (estimate.value, estimate.lower, estimate.upper, truth.value)
            if None not in numbers:
                pair = Pair(*(float(number) for number in numbers if number is not None))
                self.pairs.setdefault(name, deque(maxlen=LAST)).append(pair)

    @classmethod
    def of(cls, metrics: Iterable[Mapping[str, Any]]) -> Book:
        """The windows that stored metrics tell of, as `asked_for` finds them."""
        windows: dict[tuple[str, str], dict[str, Estimate]] = {}
        for source in metrics:
            metric = source["metric"]
            found = windows.setdefault((source["window"]["start"], source["model"]["version"]), {})
            value, lower, upper = (metric.get(name) for name in ("value", "lower", "upper"))
            found[metric["name"]] = Estimate(value, lower, upper, sample_size=metric["sample_size"])
        book = cls()
        for _, found in sorted(windows.items(), key=lambda item: item[0]):
            book._add(found)
        return book

    def grades(self, thresholds: Thresholds) -> Mapping[str, Graded]:
        """The grade of each measure that is an estimate."""
        floors = {
            name: thresholds[name].warning or thresholds[name].critical for name in REALISED if name in thresholds
        }
        return {name: grade(self.pairs.get(name, ()), floor) for name, floor in floors.items() if floor is not None}
