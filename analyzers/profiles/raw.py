"""Bins and profiles straight from rows in memory: what Elasticsearch counts, counted by NumPy.

For reference files, and to prove that the two ways agree.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ..arrays import FloatArray, IntArray
from .binning import DELAY_EDGES, DURATION_EDGES, FINE_BINS, MAX_CATEGORIES, SCORE_BINS, Binning, NumericBins
from .edges import Piece, Pieces, Quantity, choose_bins
from .profile import CategoryCounts, Moments, NumericCounts, Profile, ScoreCounts


@dataclass(frozen=True, slots=True)
class Rows:
    """Predictions as columns, all of one length n.

    Attributes:
        numeric: Numbers per numeric feature, NaN where missing, shape (n,) each.
        categorical: Texts per categorical feature, None where missing, length n each.
        scores: Scores per scored class, shape (n,) each.
        value: A regression's predictions, shape (n,).
        predicted: Predicted classes, length n.
        actual: True classes, None where not known yet, length n.
        evaluations: What the join works out, by name, NaN where not known, shape (n,) each.
        duration: Nanoseconds, NaN where not measured, shape (n,).
        delay: Seconds until the outcome was known, NaN where it is not, shape (n,).
        failed: Which predictions failed, shape (n,).
    """

    numeric: Mapping[str, FloatArray] = field(default_factory=dict)
    categorical: Mapping[str, Sequence[str | None]] = field(default_factory=dict)
    scores: Mapping[str, FloatArray] = field(default_factory=dict)
    value: FloatArray | None = None
    predicted: Sequence[str | None] = ()
    actual: Sequence[str | None] = ()
    evaluations: Mapping[str, FloatArray] = field(default_factory=dict)
    duration: FloatArray | None = None
    delay: FloatArray | None = None
    failed: Sequence[bool] = ()

    @property
    def size(self) -> int:
        """How many rows there are."""
        columns: list[Any] = [*self.numeric.values(), *self.categorical.values(), *self.scores.values()]
        columns += [column for column in (self.value, self.predicted, self.actual) if column is not None]
        return max((len(column) for column in columns), default=0)


def binning_of(rows: Rows) -> Binning:
    """The bins that these rows, as a reference, give."""
    classes = sorted({label for label in (*rows.predicted, *rows.actual) if label is not None})
    return Binning(
        numeric={n: _bins(v, FINE_BINS) for n, v in rows.numeric.items() if np.isfinite(v).any()},
        categorical={n: _categories(v) for n, v in rows.categorical.items()},
        classes=tuple(classes),
        scores={n: _bins(v, SCORE_BINS) for n, v in rows.scores.items() if np.isfinite(v).any()},
        value=_bins(rows.value, FINE_BINS) if rows.value is not None else None,
    )


def profile_of(rows: Rows, binning: Binning) -> Profile:
    """The profile of these rows."""
    pairs = list(zip(rows.predicted, rows.actual, strict=False))
    return Profile(
        binning=binning.version,
        predictions=rows.size,
        errors=sum(map(bool, rows.failed)),
        labelled=int(np.isfinite(rows.delay).sum()) if rows.delay is not None else 0,
        numeric={name: _numeric(rows.numeric[name], bins) for name, bins in binning.numeric.items()},
        categorical={name: _category(rows.categorical[name], known) for name, known in binning.categorical.items()},
        scores={name: _scores(name, rows, bins) for name, bins in binning.scores.items()},
        value=_numeric(rows.value, binning.value) if binning.value and rows.value is not None else None,
        predicted=dict(Counter(label for label in rows.predicted if label is not None)),
        confusion=dict(Counter((p, a) for p, a in pairs if p is not None and a is not None)),
        evaluations={name: _moments(values) for name, values in rows.evaluations.items()},
        duration=_histogram(rows.duration, DURATION_EDGES),
        delay=_histogram(rows.delay, DELAY_EDGES),
        positive_delay=_histogram(_of_class(rows, binning.positive_class), DELAY_EDGES),
    )


def _of_class(rows: Rows, name: str | None) -> FloatArray | None:
    if rows.delay is None or name is None:
        return None
    return rows.delay[np.array([label == name for label in rows.actual], np.bool_)]


def _present(values: FloatArray) -> FloatArray:
    return values[np.isfinite(values)]


def _bins(values: FloatArray, bins: int) -> NumericBins:
    found = np.sort(_present(values))
    quantity = Quantity("", "", len(found), float(found[0]), float(found[-1]), bins)

    def count(pending: Pieces) -> Pieces:
        return {
            quantity: [piece for piece in map(_count, pieces) if piece.count] for quantity, pieces in pending.items()
        }

    def _count(piece: Piece) -> Piece:
        first, last = np.searchsorted(found, [piece.low, piece.high])
        if first == last:
            return piece
        return Piece(piece.low, piece.high, int(last - first), float(found[first]), float(found[last - 1]))

    return choose_bins(count, [quantity])[quantity]


def _categories(values: Sequence[str | None]) -> tuple[str, ...]:
    counts = Counter(value for value in values if value is not None)
    ordered = sorted(counts.items(), key=lambda pair: (-pair[1], pair[0]))
    return tuple(name for name, _ in ordered[:MAX_CATEGORIES])


def _histogram(values: FloatArray | None, edges: FloatArray) -> IntArray:
    found = _present(values) if values is not None else np.array([])
    return np.bincount(np.searchsorted(edges, found, side="right"), minlength=len(edges) + 1).astype(np.int64)


def _moments(values: FloatArray) -> Moments:
    found = _present(values)
    if not len(found):
        return Moments()
    return Moments(len(found), float(found.sum()), float((found**2).sum()), float(found.min()), float(found.max()))


def _numeric(values: FloatArray, bins: NumericBins) -> NumericCounts:
    moments = _moments(values)
    return NumericCounts(_histogram(values, bins.edges), moments, len(values) - moments.count)


def _category(values: Sequence[str | None], known: tuple[str, ...]) -> CategoryCounts:
    counts = Counter(values)
    missing = counts.pop(None, 0)
    named = np.array([counts.get(name, 0) for name in known], np.int64)
    return CategoryCounts(named, other=counts.total() - int(named.sum()), missing=missing)


def _scores(name: str, rows: Rows, bins: NumericBins) -> ScoreCounts:
    scores = rows.scores[name]
    counts = np.zeros((2, 3, bins.size), np.int64)
    sums = np.zeros((2, 3, bins.size))
    positions = np.searchsorted(bins.edges, scores, side="right")
    predicted = [int(label == name) for label in rows.predicted] or [0] * len(scores)
    actual = [2 if label is None else int(label == name) for label in rows.actual] or [2] * len(scores)
    present = np.isfinite(scores)
    cells = tuple(np.array(part, np.int64)[present] for part in (predicted, actual, positions))
    np.add.at(counts, cells, 1)
    np.add.at(sums, cells, scores[present])
    return ScoreCounts(counts, sums, _moments(scores))
