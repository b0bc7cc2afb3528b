"""All recognisers, in order: where two account for a change equally well, the first one names it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import chain

from . import clipping, clock, flood, missing, moved, names, rounding, stuck, units
from .categories import Categories
from .cause import Cause, Guess, best
from .numbers import Numbers

NUMERIC: tuple[Callable[[Numbers], Iterator[Guess]], ...] = (
    stuck.in_numbers,
    missing.in_numbers,
    rounding.digits,
    clipping.bounds,
    clock.hours,
    flood.in_numbers,
    units.conversions,
)
CATEGORICAL: tuple[Callable[[Categories], Iterator[Guess]], ...] = (
    stuck.in_categories,
    missing.in_categories,
    names.recased,
    names.renamed,
    names.vanished,
    flood.in_categories,
    names.unseen,
)


def of_numbers(change: Numbers) -> Cause:
    """What happened to a numeric feature."""
    return best(change, chain.from_iterable(find(change) for find in NUMERIC)) or moved.of_numbers(change)


def of_categories(change: Categories) -> Cause:
    """What happened to a categorical feature."""
    return best(change, chain.from_iterable(find(change) for find in CATEGORICAL)) or moved.of_categories(change)
