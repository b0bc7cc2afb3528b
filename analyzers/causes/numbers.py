"""A numeric feature as it is and as it was, and what the reference would look like after a change of its values."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

from ..arrays import FloatArray
from ..profiles.binning import NumericBins
from ..profiles.profile import Moments, NumericCounts

Transform = Callable[[FloatArray], FloatArray]


@dataclass(frozen=True, slots=True)
class Pieces:
    """A distribution as stretches of equal density: `low`, `high` and `share` (of all values), shape (pieces,).

    A stretch without width is a single value.
    """

    low: FloatArray
    high: FloatArray
    share: FloatArray

    def mapped(self, transform: Transform) -> Pieces:
        """The distribution of transformed values, for a transform that is straight within each stretch."""
        low, high = transform(self.low), transform(self.high)
        return Pieces(np.minimum(low, high), np.maximum(low, high), self.share)

    def below(self, values: FloatArray) -> FloatArray:
        """Share of what is less than each value, shape of `values`."""
        width = self.high - self.low
        reach = values[:, None] - self.low
        inside = np.clip(reach / np.where(width > 0, width, 1.0), 0.0, 1.0)
        return np.asarray(np.where(width > 0, inside, reach > 0) @ self.share, np.float64)

    def kurtosis(self) -> float:
        """Fourth central moment over the squared variance, of the middles of the stretches; at least 1."""
        middle = (self.low + self.high) / 2
        away = middle - middle @ self.share
        variance = float(away**2 @ self.share)
        return max(1.0, float(away**4 @ self.share) / variance**2) if variance > 0 else 1.0


@dataclass(frozen=True)
class Numbers:
    """A numeric feature as it is and as it was.

    Distances are those of Kolmogorov and Smirnov, with missing values as the least value of all: cumulative shares of
    all predictions, shape (bins + 1,).

    Attributes:
        name: The feature.
        bins: What it is counted in.
        current: The counts of a window.
        reference: The counts it is compared with.
        frequent: The most frequent values in the window and their counts, where that was asked for.
    """

    name: str
    bins: NumericBins
    current: NumericCounts
    reference: NumericCounts
    frequent: Mapping[float, int] = field(default_factory=dict)

    @cached_property
    def observed(self) -> FloatArray:
        """Cumulative shares in the window."""
        return _cumulative(self.current)

    @cached_property
    def expected(self) -> FloatArray:
        """Cumulative shares in the reference."""
        return _cumulative(self.reference)

    @property
    def now(self) -> Moments:
        """Moments in the window."""
        return self.current.moments

    @property
    def before(self) -> Moments:
        """Moments in the reference."""
        return self.reference.moments

    @property
    def smallness(self) -> float:
        """`1/n + 1/m` of all predictions."""
        sizes = (side.missing + int(side.counts.sum()) for side in (self.current, self.reference))
        return sum(1.0 / max(1, size) for size in sizes)

    @property
    def noise(self) -> float:
        """Mean of the distance when nothing changed, `sqrt(pi / 2) ln 2 sqrt(1/n + 1/m)`.

        Source: Marsaglia, Tsang & Wang 2003, https://doi.org/10.18637/jss.v008.i18 (Kolmogorov's limit).
        """
        return 0.8687 * float(np.sqrt(self.smallness))

    def distance(self, other: FloatArray) -> float:
        """Kolmogorov-Smirnov distance of the window from other cumulative shares."""
        return float(np.abs(self.observed - other).max())

    @cached_property
    def pieces(self) -> Pieces:
        """The reference's values."""
        edges = self.bins.edges
        low = np.concatenate([[min(self.before.min, edges[0])], edges])
        high = np.concatenate([edges, [max(self.before.max, edges[-1])]])
        alone = high <= np.nextafter(low, np.inf)
        return Pieces(low, np.where(alone, low, high), self.shares(self.reference))

    @staticmethod
    def shares(side: NumericCounts) -> FloatArray:
        """Share of the values that are there per bin, shape (bins,)."""
        return np.asarray(side.counts / max(1, int(side.counts.sum())), np.float64)

    def bin_of(self, value: float) -> int:
        """The bin that counts a value."""
        return int(np.searchsorted(self.bins.edges, value, side="right"))

    def predicted(self, below: FloatArray) -> FloatArray:
        """Cumulative shares had the reference's values so large a share below each edge; as many are missing."""
        missing = self.expected[0]
        return np.concatenate([[missing], missing + (1 - missing) * below, [1.0]])

    def transformed(self, transform: Transform) -> FloatArray:
        """Cumulative shares had the reference's values been transformed."""
        return self.predicted(self.pieces.mapped(transform).below(self.bins.edges))


def _cumulative(side: NumericCounts) -> FloatArray:
    cells = np.concatenate([[side.missing], side.counts])
    return np.asarray(np.cumsum(cells) / max(1, int(cells.sum())), np.float64)
