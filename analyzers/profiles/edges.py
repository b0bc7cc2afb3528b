"""Choose the bins from the reference: by counting ever finer until each bin holds its share.

The answer depends on the counts alone, never on how Elasticsearch laid out its segments, as approximate quantiles
(t-digest) would: the same reference gives the same bins in every cluster.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np

from .binning import COARSE_BINS, NumericBins

if TYPE_CHECKING:
    from numpy.typing import NDArray

PIECES_PER_BIN = 8
"""The first count is this much finer than the bins."""
FINENESS = 6
"""A piece that holds more than 1/FINENESS of a bin's share is split again."""
MAX_PASSES = 8
MAX_RANGES = 20_000
"""Ranges in one search, well below Elasticsearch's `search.max_buckets` of 65,536."""


@dataclass(frozen=True, slots=True, order=True)
class Piece:
    """A stretch of values `[low, high)` that was counted, with the least and the greatest value found in it."""

    low: float
    high: float
    count: int = 0
    min: float = 0.0
    max: float = 0.0

    @property
    def is_atom(self) -> bool:
        """Whether all that was found in it is one value."""
        return self.count > 0 and self.min == self.max


@dataclass(frozen=True, slots=True)
class Quantity:
    """A quantity to find bins for: its field, its range and how many values there are."""

    name: str
    field: str
    count: int
    min: float
    max: float
    bins: int


Pieces = Mapping[Quantity, Sequence[Piece]]
Count = Callable[[Pieces], Pieces]


def above(value: float) -> float:
    """The next greater number, which ends a bin that holds this value alone."""
    return float(np.nextafter(value, np.inf))


def first_pieces(quantity: Quantity) -> list[Piece]:
    """Equal stretches over the quantity's range."""
    return _split(quantity.min, above(quantity.max), PIECES_PER_BIN * quantity.bins)


def refine(quantity: Quantity, pieces: Sequence[Piece]) -> list[Piece]:
    """The counted pieces, those split that hold too much to place an edge well; the same list when none does."""
    limit = max(1.0, quantity.count / (FINENESS * quantity.bins))
    heavy = sum(1 for piece in pieces if piece.count > limit and not piece.is_atom)
    if not heavy:
        return list(pieces)
    parts = int(np.clip(PIECES_PER_BIN * quantity.bins // heavy, 4, 64))
    refined: list[Piece] = []
    for piece in pieces:
        if piece.count > limit and not piece.is_atom:
            refined += _split(piece.min, above(piece.max), parts)
        elif piece.count:
            refined.append(piece)
    return refined


def choose_bins(count: Count, quantities: Sequence[Quantity]) -> dict[Quantity, NumericBins]:
    """Bins for each quantity, by counting its pieces and splitting the full ones until every edge can be placed well.

    Args:
        count: Counts the pieces of some quantities; empty pieces may be left out of its answer.
        quantities: What to find bins for.
    """
    pieces: dict[Quantity, Sequence[Piece]] = {}
    unsettled: dict[Quantity, Sequence[Piece]] = {quantity: first_pieces(quantity) for quantity in quantities}
    for _ in range(MAX_PASSES):
        pieces.update(count(unsettled))
        refined = {quantity: refine(quantity, pieces[quantity]) for quantity in unsettled}
        unsettled = {quantity: finer for quantity, finer in refined.items() if finer != pieces[quantity]}
        if not unsettled:
            break
    return {quantity: bins_of(quantity, pieces[quantity]) for quantity in quantities}


def bins_of(quantity: Quantity, pieces: Iterable[Piece]) -> NumericBins:
    """Bins made of counted pieces, none above its share; a frequent single value gets a bin of its own."""
    filled = sorted(piece for piece in pieces if piece.count)
    share = quantity.count / quantity.bins
    edges = [quantity.min]
    held = 0
    for piece in filled:
        if piece.is_atom and piece.count > share:
            edges += [piece.min, above(piece.min)]
            held = 0
        elif held and held + piece.count > share:
            edges.append(piece.min)
            held = piece.count
        else:
            held += piece.count
    edges.append(above(quantity.max))
    unique = np.unique(np.array(edges, np.float64))
    return NumericBins(unique, coarsen(_counts(unique, filled)))


def coarsen(counts: NDArray[np.int64], bins: int = COARSE_BINS) -> NDArray[np.int64]:
    """Join neighbouring bins to about `bins` of equal share.

    Args:
        counts: The reference's counts per fine bin, shape (fine,).
        bins: How many to aim for.

    Returns:
        Index of the first fine bin of each coarse bin, shape (coarse,), beginning with 0.
    """
    share = counts.sum() / bins
    starts, held = [0], 0
    for index, count in enumerate(counts.tolist()):
        if held >= share or (held and count >= share):
            starts.append(index)
            held = 0
        held += count
    if len(starts) > 1 and counts[starts[-1] :].sum() < share / 2:
        starts.pop()
    return np.array(starts, np.int64)


def requests(pending: Pieces) -> Iterator[tuple[dict[str, Any], list[Quantity]]]:
    """The aggregations that count the pieces of each quantity, a few quantities a search."""
    batch: list[Quantity] = []
    ranges = 0
    for quantity, pieces in pending.items():
        if batch and ranges + len(pieces) > MAX_RANGES:
            yield _aggregations(batch, pending), batch
            batch, ranges = [], 0
        batch.append(quantity)
        ranges += len(pieces)
    if batch:
        yield _aggregations(batch, pending), batch


def _aggregations(batch: Sequence[Quantity], pending: Pieces) -> dict[str, Any]:
    return {
        f"q{position}": {
            "range": {
                "field": quantity.field,
                "ranges": [{"from": piece.low, "to": piece.high} for piece in pending[quantity]],
            },
            "aggs": {"min": {"min": {"field": quantity.field}}, "max": {"max": {"field": quantity.field}}},
        }
        for position, quantity in enumerate(batch)
    }


def counted(answer: Mapping[str, Any], batch: Sequence[Quantity]) -> dict[Quantity, list[Piece]]:
    """The pieces with the counts of the answer to `requests`."""
    return {
        quantity: [
            Piece(row["from"], row["to"], row["doc_count"], row["min"]["value"], row["max"]["value"])
            for row in answer[f"q{position}"]["buckets"]
            if row["doc_count"]
        ]
        for position, quantity in enumerate(batch)
    }


def _split(low: float, high: float, parts: int) -> list[Piece]:
    cuts = np.unique(np.append(np.linspace(low, high, parts, endpoint=False), high))
    return [Piece(float(start), float(end)) for start, end in pairwise(cuts)]


def _counts(edges: NDArray[np.float64], pieces: Sequence[Piece]) -> NDArray[np.int64]:
    counts = np.zeros(len(edges) + 1, np.int64)
    for piece in pieces:
        counts[np.searchsorted(edges, piece.min, side="right")] += piece.count
    return counts
