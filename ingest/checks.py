"""What a field of an event may be: each check gives the value as it is stored, or says what is wrong with it."""

from __future__ import annotations

import math
import os
import random
import time
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any, NoReturn

MAX_ID_BYTES = 480
"""The longest id: Elasticsearch takes 512 bytes, and an outcome's `_id` adds a digest to that of its prediction."""
MAX_INTEGER = 2**53
"""The largest integer that a double, and so Elasticsearch, holds exactly."""


_CHANCE = random.Random()  # noqa: S311 (ids are to differ, not to be secret)
# Of its own, so that no `random.seed` of the service makes ids repeat; and a child does not go on with its parent's.
os.register_at_fork(after_in_child=_CHANCE.seed)

WITHHELD = "<withheld>"
"""Stands for what may not leave the service."""


class EventError(ValueError):
    """An event is not what it should be; the text names the field, what it got, and what is allowed."""


def shown(value: Any) -> str:
    """A value as text for people; it never raises, whatever the value is."""
    try:
        return str(value) if isinstance(value, BaseException) else repr(value)
    except Exception:  # noqa: BLE001 (a stranger's __repr__ may raise anything)
        return f"<{type(value).__name__} that cannot be shown>"


def uuid7() -> str:
    """A UUID whose first 48 bits are the time in milliseconds, so that an id tells when its prediction was made.

    Source: RFC 9562, section 5.7, https://www.rfc-editor.org/rfc/rfc9562#name-uuid-version-7.
    """
    # The log call waits for this, often with cold caches: `hex` alone is sooner there than several ways of formatting.
    # The 1 before all others keeps zeros; 72 bits are random, and the first two behind those of the variant are 0.
    digits = hex(1 << 120 | time.time_ns() // 1_000_000 << 72 | _CHANCE.getrandbits(72))
    return f"{digits[3:11]}-{digits[11:15]}-7{digits[15:18]}-8{digits[18:21]}-{digits[21:]}"


def refuse(name: str, got: Any, allowed: str) -> NoReturn:
    """Raise the error of a field.

    Raises:
        EventError: Always.
    """
    # A name may come from the event itself, and then hold what no encoding can write.
    where = name.encode(errors="backslashreplace").decode()
    msg = f"{where}: got {shown(got)}, allowed: {allowed}"
    raise EventError(msg)


def text(name: str, value: Any) -> str:
    """A text that is not empty."""
    if not isinstance(value, str) or not value:
        refuse(name, value, "a text that is not empty")
    return value


def identity(value: Any, *, required: bool = False) -> str:
    """The id of an event; a new one for None, unless it is required."""
    if value is None and not required:
        return uuid7()
    if isinstance(value, int) and not isinstance(value, bool):
        value = str(value)
    # Ids that were withheld are all the same: two events would be one document.
    if not isinstance(value, str) or value in ("", WITHHELD) or len(value.encode()) > MAX_ID_BYTES:
        refuse("id", value, f"a text of 1 to {MAX_ID_BYTES} bytes")
    return value


def now() -> str:
    """The time as ISO 8601 text in UTC, with microseconds."""
    digits = str(time.time_ns())
    return f"{_second(digits[:-9])}.{digits[-9:-3]}Z"


@lru_cache(maxsize=4)
def _second(seconds: str) -> str:
    # The log call waits for this: the date is worked out once a second.
    return datetime.fromtimestamp(int(seconds), UTC).strftime("%Y-%m-%dT%H:%M:%S")


def moment(value: Any) -> str:
    """A time as ISO 8601 text in UTC; now for None."""
    if value is None:
        return now()
    try:
        if isinstance(value, int | float) and not isinstance(value, bool):
            value = datetime.fromtimestamp(value, UTC)
        found = datetime.fromisoformat(value) if isinstance(value, str) else value
        if found.tzinfo is not None:
            precision = "microseconds" if found.microsecond % 1000 else "milliseconds"
            return str(found.astimezone(UTC).isoformat(timespec=precision).replace("+00:00", "Z"))
    except (AttributeError, TypeError, ValueError, OverflowError):
        pass
    refuse("timestamp", value, "a datetime or an ISO 8601 text, either with a time zone, or seconds since 1970")


def duration(value: Any) -> int:
    """Seconds as whole nanoseconds."""
    seconds = value.total_seconds() if isinstance(value, timedelta) else number("duration", value)
    if seconds < 0:
        refuse("duration", value, "seconds, not below 0, or a timedelta")
    return round(seconds * 1e9)


def number(name: str, value: Any) -> float:
    """A finite number."""
    value = native(value)
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        refuse(name, value, "a finite number")
    return float(value)


def probability(name: str, value: Any) -> float:
    """A number from 0 to 1."""
    if type(value) is float and 0.0 <= value <= 1.0:
        return value
    value = native(value)
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= 1:
        refuse(name, value, "a probability, a number from 0 to 1")
    return float(value)


def label(name: str, value: Any) -> str:
    """A class as text."""
    if type(value) is str and value:
        return value
    value = native(value)
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value)
    return text(name, value)


_NAMES: set[str] = set()
"""Names that were found to be right: the same few come with every event."""
_MOST_NAMES = 10_000


def name(where: str, given: Any) -> str:
    """The name of a feature, a segment or a class, which becomes the name of a field."""
    if given in _NAMES:
        return str(given)
    if not isinstance(given, str) or not given or "." in given or given != given.strip():
        refuse(f"a name in {where}", given, "a text without dots, and without spaces at its ends")
    if len(_NAMES) < _MOST_NAMES:
        _NAMES.add(given)
    return given


def features(given: Mapping[str, Any]) -> dict[str, Any]:
    """Features by name, without the missing ones. The log call waits for this: the usual ones go the short way."""
    if type(given) is dict and _NAMES.issuperset(given) and _are_plain(given.values()):
        return given.copy()
    found: dict[str, Any] = {}
    for key, value in given.items():
        kind = type(value)
        if kind is float:
            if value - value != 0.0:  # NaN or infinite
                if value != value:  # noqa: PLR0124 (NaN is what differs from itself)
                    continue
                refuse(f"features.{key}", value, "a finite number")
        elif kind is not str and (value := _other_feature(key, value)) is None:
            continue
        if key not in _NAMES:
            name("features", key)
        found[key] = value
    return found


def _are_plain(values: Iterable[Any]) -> bool:
    """Whether all are texts and numbers that are stored as they are; False, too, when that takes a closer look."""
    total = 0.0
    for value in values:
        kind = type(value)
        if kind is float:
            total += value
        elif kind is not str and (kind is not int or not -MAX_INTEGER <= value <= MAX_INTEGER):
            return False
    return total - total == 0.0  # one number that is not finite makes a sum that is not


def _other_feature(key: str, given: Any) -> Any:
    if is_missing(given):
        return None
    value = native(given)
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return value if -MAX_INTEGER <= value <= MAX_INTEGER else number(f"features.{key}", value)
    if isinstance(value, float):
        return None if math.isnan(value) else number(f"features.{key}", value)
    if not isinstance(value, str):
        refuse(f"features.{key}", value, "a number, a text, a truth value, or None for a missing one")
    return value


def is_missing(value: Any) -> bool:
    """Whether a value says that there is none: None, NaN, and pandas' NA and NaT."""
    if value is None or type(value).__name__ in ("NAType", "NaTType"):
        return True
    return isinstance(value, float) and math.isnan(value)


def segments(given: Mapping[str, Any]) -> dict[str, str]:
    """Segments by name, without the missing ones. The log call waits for this, too."""
    found: dict[str, str] = {}
    for key, value in given.items():
        if type(value) is str and value:
            found[key if key in _NAMES else name("segments", key)] = value
        elif not is_missing(value):
            found[name("segments", key)] = label(f"segments.{key}", value)
    return found


def native(value: Any) -> Any:
    """The Python value of a NumPy or pandas scalar, without importing either."""
    item = getattr(value, "item", None)
    if getattr(getattr(value, "dtype", None), "kind", "") in ("m", "M"):
        return value  # a time would become a number
    return item() if callable(item) and getattr(value, "ndim", 0) == 0 else value


def labels(given: Mapping[str, Any]) -> dict[str, Any]:
    """Whatever else was logged, as texts."""
    return {"labels": {str(key): str(value) for key, value in given.items()}} if given else {}


def error(given: BaseException | str) -> dict[str, str]:
    """Why there is no answer."""
    if isinstance(given, BaseException):
        return {"type": type(given).__name__, "message": shown(given) or type(given).__name__}
    return {"message": text("error", given)}
