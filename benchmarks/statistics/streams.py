"""A month of hourly windows of a model with a hundred features, healthy or not, as the stored profiles would hold them.

What makes real traffic hard is in it: traffic from 50 to 5,000 predictions an hour, a day's and a week's rhythm in the
values, weather that lasts (autocorrelation), weather that many features share, ties, zeros, and rare categories.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import numpy as np
from scipy import special

from driftline.analyzers.arrays import FloatArray, IntArray
from driftline.analyzers.profiles.binning import Binning, NumericBins
from driftline.analyzers.profiles.edges import coarsen
from driftline.analyzers.profiles.history import Counted
from driftline.analyzers.profiles.profile import CategoryCounts, Moments, NumericCounts, Profile
from driftline.analyzers.windows import Window

HOUR = timedelta(hours=1)
START = datetime(2024, 1, 1, tzinfo=UTC)
FINE = 64
CATEGORIES = 12


@dataclass(frozen=True, slots=True)
class Life:
    """How a healthy model's features live, in standard deviations of each.

    Attributes:
        weather: How far lasting, random changes move a feature.
        rhythm: How far the hour of the day moves it.
        persistence: Correlation of one hour's weather with the next one's.
        shared: Share of the weather that all features have in common.
    """

    weather: float = 0.15
    rhythm: float = 0.25
    persistence: float = 0.8
    shared: float = 0.3


STILL = Life(0.0, 0.0, 0.0, 0.0)
"""Rows that are independent draws, as the textbooks have them."""


def latent(rng: np.random.Generator, hours: int, features: int, life: Life) -> FloatArray:
    """How far each feature is moved in each hour, shape (hours, features)."""
    shocks = rng.normal(size=(hours, features + 1))
    weather = np.empty_like(shocks)
    weather[0] = shocks[0]
    for hour in range(1, hours):
        weather[hour] = life.persistence * weather[hour - 1] + np.sqrt(1 - life.persistence**2) * shocks[hour]
    own, common = weather[:, :-1], weather[:, -1:]
    mixed = np.sqrt(1 - life.shared) * own + np.sqrt(life.shared) * common * rng.choice([-1, 1], features)
    size, swing = rng.uniform(0, 2, (2, features))
    angle = 2 * np.pi * (np.arange(hours)[:, None] / 24 + rng.random(features))
    weekend = (np.arange(hours)[:, None] // 24 % 7 >= 5) * rng.normal(0, 0.5, features)
    return np.asarray(life.weather * size * mixed + life.rhythm * (swing * np.sin(angle) + weekend), np.float64)


def volumes(rng: np.random.Generator, hours: int) -> IntArray:
    """Predictions per hour, from 50 at night to 5,000 at noon."""
    day = (1 - np.cos(2 * np.pi * np.arange(hours) / 24)) / 2
    rough = np.log(50) + day * np.log(100) + rng.normal(0, 0.2, hours)
    return np.clip(np.exp(rough), 50, 5_000).astype(np.int64)


@dataclass(frozen=True, slots=True)
class Features:
    """The features of a model: each has its cells, and their probabilities when it is moved.

    Attributes:
        smooth: Numeric features with a continuous distribution.
        tied: Numeric features with few values, and many zeros.
        named: Categorical features.
    """

    smooth: int
    tied: int
    named: int

    @property
    def count(self) -> int:
        """How many there are."""
        return self.smooth + self.tied + self.named

    def binning(self) -> Binning:
        """The bins of all of them."""
        edges = special.ndtri(np.arange(1, FINE) / FINE)
        edges = np.concatenate([[-4.5], edges, [4.5]])
        smooth = NumericBins(edges, coarsen(np.full(FINE + 2, 100)))
        values = np.arange(10.0)
        tied = NumericBins(np.append(values, np.nextafter(9.0, 10.0)), np.arange(11))
        return Binning(
            numeric={f"smooth{i}": smooth for i in range(self.smooth)} | {f"tied{i}": tied for i in range(self.tied)},
            categorical={f"named{i}": tuple(f"c{j}" for j in range(CATEGORIES)) for i in range(self.named)},
        )

    def cells(self, moved: FloatArray, binning: Binning) -> list[FloatArray]:
        """Probabilities of each feature's cells in each hour, shape (hours, cells) each."""
        found = []
        for position, name in enumerate([*binning.numeric, *binning.categorical]):
            shift = moved[:, position, None]
            if name.startswith("smooth"):
                below = special.ndtr(binning.numeric[name].edges - shift)
                found.append(np.diff(below, axis=1, prepend=0.0, append=1.0))
            elif name.startswith("tied"):
                weights = np.exp(-0.5 * np.arange(9) + 0.5 * shift * np.linspace(-1, 1, 9))
                zeros = special.expit(0.5 - shift)
                rest = (1 - zeros) * weights / weights.sum(axis=1, keepdims=True)
                nothing = np.zeros_like(zeros)
                found.append(np.column_stack([nothing, zeros, rest, nothing]))
            else:
                base = np.exp(-0.45 * np.arange(CATEGORIES) + shift * np.cos(np.arange(CATEGORIES)))
                found.append(base / base.sum(axis=1, keepdims=True))
        return found


def windows(
    rng: np.random.Generator, features: Features, binning: Binning, sizes: IntArray, moved: FloatArray, first: int = 0
) -> list[Counted]:
    """Hourly windows, drawn.

    Args:
        rng: Where chance comes from.
        features: The features.
        binning: Their bins.
        sizes: Predictions per hour, shape (hours,).
        moved: How far each feature is moved in each hour, shape (hours, features).
        first: Hours since the start of the stream.
    """
    names = [*binning.numeric, *binning.categorical]
    drawn = [rng.multinomial(sizes, cells) for cells in features.cells(moved, binning)]
    return [
        _window(binning, {n: counts[hour] for n, counts in zip(names, drawn, strict=True)}, int(size), first + hour)
        for hour, size in enumerate(sizes)
    ]


def _window(binning: Binning, counts: Mapping[str, IntArray], size: int, hour: int) -> Counted:
    begin = START + hour * HOUR
    empty = Profile.empty(binning)
    profile = Profile(
        binning=empty.binning,
        predictions=size,
        errors=0,
        labelled=0,
        numeric={name: _numeric(counts[name], bins) for name, bins in binning.numeric.items()},
        categorical={name: CategoryCounts(counts[name]) for name in binning.categorical},
        scores={},
        value=None,
        predicted={},
        confusion={},
        evaluations={},
        duration=empty.duration,
        delay=empty.delay,
        positive_delay=empty.positive_delay,
    )
    return Counted("1", Window(begin, begin + HOUR), {None: profile})


def _numeric(counts: IntArray, bins: NumericBins) -> NumericCounts:
    middles = np.concatenate([[bins.edges[0]], (bins.edges[1:] + bins.edges[:-1]) / 2, [bins.edges[-1]]])
    filled = middles[counts > 0]
    sums = (float(counts @ middles), float(counts @ middles**2))
    return NumericCounts(counts, Moments(int(counts.sum()), *sums, float(filled.min()), float(filled.max())))


def total(found: Sequence[Counted]) -> Profile:
    """All windows together."""
    profiles = [window.profiles[None] for window in found]
    whole = profiles[0]
    for profile in profiles[1:]:
        whole = whole + profile
    return whole
