"""The bins that every profile of a model counts in: chosen once, from the reference, and stored with it."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np
import orjson

from ..arrays import FloatArray, IntArray

if TYPE_CHECKING:
    from collections.abc import Mapping


FINE_BINS = 128
"""No bin of a numeric feature holds more than 1/128 of the reference, which bounds the error of KS; bins are seldom
quite full, so there are somewhat more of them."""
SCORE_BINS = 512
"""Bins per score: the error of a binned ROC-AUC is at most half the ties it makes."""
COARSE_BINS = 10
"""Bins that PSI, Jensen-Shannon and their kin compare: deciles of the reference."""
FORMAT = 2
"""Counts how often what profiles count has changed, so that windows counted in an older way are counted again."""
MAX_CATEGORIES = 100
"""Categories counted by name; the rest are counted together as `other`."""


@dataclass(frozen=True, slots=True)
class NumericBins:
    """Bins of one numeric quantity.

    `edges`, shape (k,), increase strictly and make k + 1 bins: below `edges[0]`, `[edges[i], edges[i+1])`,
    and from `edges[-1]` on. The first edge is the reference's minimum and the last lies just above its maximum, so
    the outer bins count what is out of the reference's range. `coarse`, shape (c,), holds the index of the first
    fine bin of each coarse bin (`coarse[0] == 0`).
    """

    edges: FloatArray
    coarse: IntArray

    def __post_init__(self) -> None:
        if not np.all(np.diff(self.edges) > 0):
            msg = f"bin edges must increase strictly, got {self.edges.tolist()}"
            raise ValueError(msg)

    @property
    def size(self) -> int:
        """The number of fine bins."""
        return len(self.edges) + 1

    def ranges(self) -> list[dict[str, float]]:
        """The bins as Elasticsearch's `range` aggregation takes them."""
        inner = [{"from": low, "to": high} for low, high in pairwise(self.edges.tolist())]
        return [{"to": float(self.edges[0])}, *inner, {"from": float(self.edges[-1])}]

    def to_document(self) -> dict[str, Any]:
        """The bins as stored in Elasticsearch."""
        return {"edges": self.edges.tolist(), "coarse": self.coarse.tolist()}

    @classmethod
    def from_document(cls, document: Mapping[str, Any]) -> NumericBins:
        """The bins that `to_document` wrote."""
        return cls(np.asarray(document["edges"], np.float64), np.asarray(document["coarse"], np.int64))


@dataclass(frozen=True, slots=True)
class Binning:
    """All bins of one model.

    Attributes:
        numeric: Bins per numeric feature.
        categorical: Known categories per categorical feature, most frequent first.
        classes: The classes the model predicts, sorted; empty for a regression.
        scores: Bins of the score, per class that is scored (binary: the positive class alone).
        value: Bins of a regression's predicted value.
    """

    numeric: Mapping[str, NumericBins] = field(default_factory=dict)
    categorical: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    classes: tuple[str, ...] = ()
    scores: Mapping[str, NumericBins] = field(default_factory=dict)
    value: NumericBins | None = None

    @property
    def positive_class(self) -> str | None:
        """The one class that is scored; None of a model that scores none or several."""
        return next(iter(self.scores)) if len(self.scores) == 1 else None

    @property
    def version(self) -> str:
        """A short digest of the content: profiles add only within one version."""
        content = orjson.dumps([FORMAT, self.to_document()], option=orjson.OPT_SORT_KEYS)
        return hashlib.sha256(content).hexdigest()[:16]

    def to_document(self) -> dict[str, Any]:
        """The bins as stored in Elasticsearch.

        Names of features and classes are values here, never keys: a mapping must not grow with them.
        """
        return {
            "numeric": [{"name": n, **b.to_document()} for n, b in self.numeric.items()],
            "categorical": [{"name": n, "categories": list(c)} for n, c in self.categorical.items()],
            "classes": list(self.classes),
            "scores": [{"name": n, **b.to_document()} for n, b in self.scores.items()],
            "value": self.value.to_document() if self.value else None,
        }

    @classmethod
    def from_document(cls, document: Mapping[str, Any]) -> Binning:
        """The bins that `to_document` wrote."""
        return cls(
            numeric={d["name"]: NumericBins.from_document(d) for d in document["numeric"]},
            categorical={d["name"]: tuple(d["categories"]) for d in document["categorical"]},
            classes=tuple(document["classes"]),
            scores={d["name"]: NumericBins.from_document(d) for d in document["scores"]},
            value=NumericBins.from_document(document["value"]) if document["value"] else None,
        )


def _geometric(low: float, high: float, growth: float) -> FloatArray:
    count = int(np.ceil(np.log(high / low) / np.log(growth)))
    return np.asarray(low * growth ** np.arange(count + 1), np.float64)


DURATION_GROWTH = 1.05
DURATION_EDGES = _geometric(1e3, 1e12, DURATION_GROWTH)
"""Edges in nanoseconds, 1 us to 1000 s: a percentile read from these bins is within 2.5 % of the exact one
(each bin is 5 % wide), the guarantee of DDSketch (Masson et al. 2019, https://arxiv.org/abs/1908.10693)."""
DELAY_EDGES = _geometric(1.0, 366 * 86_400.0, 1.1)
"""Edges in seconds, one second to a year, of how long an outcome took to arrive: 10 % wide."""
