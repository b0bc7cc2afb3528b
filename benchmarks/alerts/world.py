"""Hours of a binary classifier in service, quiet or with a fault in them, as rows and as the profiles that are stored.

What makes real traffic hard is in it: traffic from 80 to 500 predictions an hour, a day's rhythm, weather that lasts,
ties, missing values, and labels of which some never come.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

import numpy as np

from driftline.analyzers.arrays import FloatArray
from driftline.analyzers.profiles.binning import Binning
from driftline.analyzers.profiles.history import Counted
from driftline.analyzers.profiles.raw import Rows, binning_of, profile_of
from driftline.analyzers.windows import Window

HOUR = timedelta(hours=1)
START = datetime(2024, 1, 1, tzinfo=UTC)
REFERENCE = 21 * 24
"""Hours of the reference."""
NUMBERS = ("age", "income", "distance", "temperature", "balance", "visits")
CATEGORIES = {"channel": ("web", "app", "shop"), "country": ("de", "fr", "it", "es", "nl")}
COVERAGE = 0.95
PERSISTENCE = 0.85


@dataclass(frozen=True, slots=True)
class Hour:
    """One hour of traffic.

    Attributes:
        number: Hours since the start.
        rng: Where its chance comes from.
        rows: Its predictions.
        truth: Whether each is of the positive class.
        version: The model's.
    """

    number: int
    rng: np.random.Generator
    rows: Rows
    truth: FloatArray
    version: str = "1"


Fault = Callable[[Hour], Hour]


class World:
    """Hours of one seed.

    Args:
        seed: Which ones.
        hours: How many.
    """

    def __init__(self, seed: int, hours: int) -> None:
        rng = np.random.default_rng(seed)
        self._seed = seed
        shocks = rng.normal(size=(hours, len(NUMBERS)))
        weather = np.zeros_like(shocks)
        for hour in range(1, hours):
            weather[hour] = PERSISTENCE * weather[hour - 1] + np.sqrt(1 - PERSISTENCE**2) * shocks[hour]
        angle = 2 * np.pi * np.arange(hours)[:, None] / 24
        self._moved = 0.12 * weather + 0.2 * np.sin(angle + np.arange(len(NUMBERS)))
        day = (1 - np.cos(2 * np.pi * np.arange(hours) / 24)) / 2
        self._sizes = np.exp(np.log(80) + day * np.log(500 / 80) + rng.normal(0, 0.1, hours)).astype(int)

    def hour(self, number: int) -> Hour:
        """One hour, as it is without a fault."""
        rng = np.random.default_rng([self._seed, number])
        size = int(self._sizes[number])
        drawn = self._moved[number] + rng.normal(size=(size, len(NUMBERS)))
        drawn[:, NUMBERS.index("visits")] = np.floor(np.exp(drawn[:, NUMBERS.index("visits")]))
        numeric = {name: drawn[:, position].copy() for position, name in enumerate(NUMBERS)}
        numeric["temperature"] = 15 + 6 * numeric["temperature"]
        numeric["income"][rng.random(size) < 0.03] = np.nan
        categorical = {name: rng.choice(list(known), size).tolist() for name, known in CATEGORIES.items()}
        logit = -0.8 + 1.1 * drawn[:, 0] - 0.9 * drawn[:, 2] + 0.5 * (drawn[:, 3]) + rng.normal(0, 0.5, size)
        score = 1 / (1 + np.exp(-1.5 * logit))
        truth = (rng.random(size) < score).astype(np.float64)
        rows = Rows(
            numeric=numeric,
            categorical=categorical,
            scores={"yes": score},
            duration=np.exp(rng.normal(16, 0.4, size)),
            failed=(rng.random(size) < 0.003).tolist(),
        )
        return Hour(number, rng, rows, truth)

    def profiles(self, first: int, hours: int, binning: Binning, fault: Fault | None = None) -> list[Counted]:
        """The stored windows of some hours; a fault is in all of them, and knows when it begins."""
        found = []
        for number in range(first, first + hours):
            hour = self.hour(number)
            hour = fault(hour) if fault else hour
            begin = START + number * HOUR
            profile = profile_of(labelled(hour), binning)
            found.append(Counted(hour.version, Window(begin, begin + HOUR), {None: profile}))
        return found

    def binning(self) -> Binning:
        """The bins that a week of the reference gives."""
        hours = [labelled(self.hour(number)) for number in range(0, REFERENCE, 3)]
        joined = Rows(
            numeric={name: np.concatenate([h.numeric[name] for h in hours]) for name in NUMBERS},
            categorical={name: [value for h in hours for value in h.categorical[name]] for name in CATEGORIES},
            scores={"yes": np.concatenate([h.scores["yes"] for h in hours])},
            predicted=[value for h in hours for value in h.predicted],
            actual=[value for h in hours for value in h.actual],
        )
        return binning_of(joined)


def labelled(hour: Hour) -> Rows:
    """The rows with what was predicted and what came true, as far as it is known."""
    rows, names = hour.rows, np.array(["no", "yes"])
    score = rows.scores["yes"]
    predicted = (score >= 0.5).astype(int)
    known = hour.rng.random(len(score)) < COVERAGE if rows.delay is None else np.isfinite(rows.delay)
    actual = [str(names[int(t)]) if there else None for t, there in zip(hour.truth, known, strict=True)]
    loss = -np.log(np.clip(np.where(hour.truth > 0, score, 1 - score), 1e-15, 1.0))
    return replace(
        rows,
        predicted=names[predicted].tolist(),
        actual=actual,
        evaluations={"log_loss": np.where(known, loss, np.nan)},
        delay=np.where(known, hour.rng.exponential(6 * 3_600.0, len(score)), np.nan),
    )
