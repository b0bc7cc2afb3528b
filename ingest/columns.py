"""Columns of a batch, whatever holds them, as rows of plain Python values; neither NumPy nor pandas is imported."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from datetime import timedelta
from typing import Any

from .checks import MAX_INTEGER, EventError, is_missing, shown

TABLES = ("probabilities", "features", "segments")
"""Fields that hold a value per name, and so a column per name."""
NAMES = ("id", "label", "segments")
"""Fields whose values are names: pandas makes floats of whole numbers in a column in which one is missing."""
KEPT = 1_000
"""Rows of a refused batch that are kept in its dead letter: enough to see what is wrong with it."""


def rows(fields: Mapping[str, Any]) -> tuple[int, Iterator[dict[str, Any]]]:
    """The rows of a batch.

    Args:
        fields: Columns by field; of a field in `TABLES`, a table (columns by name) or a column of mappings. What is
            None, and a table without columns, is left out.

    Returns:
        How many there are, and each as a mapping of fields, with None for what is missing.

    Raises:
        EventError: The columns differ in length, or something is no column and no table.
    """
    lengths: dict[str, int] = {}
    read: dict[str, Iterable[Any]] = {}
    for field, given in fields.items():
        if given is None:
            continue
        if field not in TABLES or not hasattr(given, "items"):
            column = _values(field, given)
            lengths[field] = len(column)
            read[field] = column
        elif table := {str(name): _values(f"{field}.{name}", column) for name, column in given.items()}:
            lengths |= {f"{field}.{name}": len(column) for name, column in table.items()}
            read[field] = _records(table, drop=field == "probabilities")
    number = _common(lengths)
    return number, (dict(zip(read, row, strict=True)) for row in zip(*read.values(), strict=True))


def listed(column: Any) -> list[Any]:
    """A column as a list of plain Python values.

    Raises:
        TypeError: It cannot be iterated over.
    """
    tolist = getattr(column, "tolist", None)
    # Times of NumPy would become numbers, or lose what is finer than a microsecond: those are taken one by one.
    timed = getattr(getattr(column, "dtype", None), "kind", "") in ("m", "M")
    values = tolist() if callable(tolist) and not timed else list(column)
    if not isinstance(values, list):
        msg = "no column"
        raise TypeError(msg)
    return values


def head(given: Any) -> Any:
    """The first rows of a column or of a table; what is neither is itself."""
    try:
        if hasattr(given, "items") and not hasattr(given, "tolist"):
            return {str(name): head(column) for name, column in given.items()}
        return given if isinstance(given, str | bytes) else listed(given)[:KEPT]
    except Exception:  # noqa: BLE001 (whatever it is, it is shown as it is)
        return given


def brief(value: Any) -> str:
    """A value as text for people: itself where that is short, else its type. An array may have a million lines."""
    text = shown(value)
    return text if len(text) <= 100 and text.isprintable() else f"a value of the type {type(value).__name__}"


def is_single(value: Any) -> bool:
    """Whether a time or a duration is one value for all rows, rather than a column."""
    return isinstance(value, str | int | float | timedelta) or hasattr(value, "tzinfo")


def _values(where: str, column: Any) -> list[Any]:
    field, _, name = where.partition(".")
    try:
        if isinstance(column, str | bytes | Mapping):
            raise TypeError  # noqa: TRY301 (they can be iterated over, and yet are no columns)
        values = listed(column)
    except TypeError:
        msg = f"{where}: got {brief(column)}, allowed: a column: a list, an array or a Series"
        raise EventError(msg) from None
    if field in TABLES and not name and not all(isinstance(value, Mapping) for value in values):
        msg = f"{field}: got {brief(column)}, allowed: a DataFrame or a mapping of columns, or a mapping for each row"
        raise EventError(msg)
    if field == "features":
        return values  # checked one by one anyway, and NaN is missing there
    if field in NAMES:
        return [None if is_missing(value) else whole(value) for value in values]
    return [None if is_missing(value) else value for value in values]


def whole(value: Any) -> Any:
    """A whole number for a float that is one, and can be told from its neighbours."""
    return int(value) if isinstance(value, float) and value.is_integer() and abs(value) < MAX_INTEGER else value


def _records(table: Mapping[str, list[Any]], *, drop: bool) -> Iterator[Any]:
    for row in zip(*table.values(), strict=True):
        record = dict(zip(table, row, strict=True))
        # A class without a probability is left out; so is a row without any.
        yield ({name: value for name, value in record.items() if value is not None} or None) if drop else record


def _common(lengths: Mapping[str, int]) -> int:
    by_length: dict[int, list[str]] = defaultdict(list)
    for name, length in lengths.items():
        by_length[length].append(name)
    if len(by_length) > 1:
        told = "; ".join(
            f"{length:,} of {', '.join(names[:3])}{f' and {len(names) - 3} more' if len(names) > 3 else ''}"
            for length, names in by_length.items()
        )
        msg = f"rows: got {told}, allowed: the same number in every column"
        raise EventError(msg)
    return next(iter(by_length), 0)
