"""What the cells of a table mean: texts that are numbers, times, truth values, and classes written as 1.0."""

from __future__ import annotations

import math
import re
from datetime import UTC, date, datetime, tzinfo
from typing import Any

from ..checks import EventError


def number(name: str, value: Any) -> Any:
    """The number in a cell.

    Raises:
        EventError: It is a text, and no number.
    """
    if not isinstance(value, str):
        return value
    try:
        return float(value)
    except ValueError:
        msg = f"{name}: got {value!r}, allowed: a number"
        raise EventError(msg) from None


_WHOLE = re.compile(r"(-?\d+)\.0+")
TRUTHS = {"True": "true", "TRUE": "true", "False": "false", "FALSE": "false"}
"""Truth values as pandas, and as spreadsheets and R write them, and as a service logs them."""


def label(value: Any) -> Any:
    """A value as the text that a service would log."""
    if isinstance(value, float):
        return str(int(value)) if value.is_integer() else value
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    return TRUTHS.get(value, value) if isinstance(value, str) else value


def group(value: Any) -> Any:
    """A class or a segment as a service would log it: many tools write columns of whole numbers with gaps as 1.0."""
    if isinstance(value, str) and (whole := _WHOLE.fullmatch(value)):
        return whole[1]
    return label(value)


NO_NUMBER = frozenset({"", "na", "n/a", "nan", "null", "none"})
"""What stands in a column of numbers where there is none."""


def is_number(text: str) -> bool:
    """Whether a text is a number, or says that there is none."""
    try:
        return text.lower() in NO_NUMBER or (math.isfinite(float(text)) and "_" not in text)
    except ValueError:
        return False


def moment(value: Any, unit: int | None, zone: tzinfo | None) -> datetime | None:
    """The time in a cell; None when it holds none, or one without a zone while `zone` is None.

    Args:
        value: The cell.
        unit: Parts of a second since 1970 that a number counts.
        zone: Of times that name none.
    """
    try:
        if unit is not None:
            return datetime.fromtimestamp(float(value) / unit, UTC)
        if isinstance(value, str):
            value = datetime.fromisoformat(value)
        elif isinstance(value, date) and not isinstance(value, datetime):
            value = datetime(value.year, value.month, value.day)  # noqa: DTZ001 (its zone follows)
        if not isinstance(value, datetime):
            return None
        zoned: datetime = value if value.tzinfo is not None else value.replace(tzinfo=zone)
    except (TypeError, ValueError, OverflowError):
        return None
    return zoned if zoned.tzinfo is not None else None
