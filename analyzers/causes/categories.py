"""A categorical feature as it is and as it was."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

from ..arrays import FloatArray
from ..profiles.profile import CategoryCounts


@dataclass(frozen=True)
class Categories:
    """A categorical feature as it is and as it was.

    Distances are total variation: shares of all predictions, shape (known + 2,), missing first and unseen last.

    Attributes:
        name: The feature.
        known: The categories that are counted by name.
        current: The counts of a window.
        reference: The counts it is compared with.
        unseen: The most frequent other categories in the window and their counts, where that was asked for.
    """

    name: str
    known: tuple[str, ...]
    current: CategoryCounts
    reference: CategoryCounts
    unseen: Mapping[str, int] = field(default_factory=dict)

    @cached_property
    def observed(self) -> FloatArray:
        """Shares in the window."""
        return _shares(self.current)

    @cached_property
    def expected(self) -> FloatArray:
        """Shares in the reference."""
        return _shares(self.reference)

    @property
    def size(self) -> int:
        """Predictions in the window."""
        return int(_cells(self.current).sum())

    @property
    def before(self) -> int:
        """Predictions in the reference."""
        return int(_cells(self.reference).sum())

    @property
    def smallness(self) -> float:
        """`1/n + 1/m`."""
        return 1.0 / max(1, self.size) + 1.0 / max(1, self.before)

    @property
    def noise(self) -> float:
        """Mean of the distance when nothing changed: half the sum of the mean absolute deviations of the shares."""
        pooled = (_cells(self.current) + _cells(self.reference)) / max(1, self.size + self.before)
        return float(np.sqrt(2 / np.pi * pooled * (1 - pooled) * self.smallness).sum() / 2)

    def distance(self, other: FloatArray) -> float:
        """Total variation distance of the window from other shares."""
        return float(np.abs(self.observed - other).sum() / 2)


def _cells(side: CategoryCounts) -> FloatArray:
    return np.concatenate([[side.missing], side.counts, [side.other]]).astype(np.float64)


def _shares(side: CategoryCounts) -> FloatArray:
    cells = _cells(side)
    return np.asarray(cells / max(1.0, float(cells.sum())), np.float64)
