"""Windows of time: their sizes, how they align, and when they are complete. No clock in here."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}
_LENGTH = re.compile(r"([1-9][0-9]*)([smhd])")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
ALLOWED_LENGTHS = "a length such as 30s, 5m, 1h, 1d"
ALLOWED_SIZES = f"{ALLOWED_LENGTHS}, or a calendar unit: week, month"


def parse_length(text: str) -> timedelta:
    """A length of time such as `90s`, `5m`, `6h`, `1d`.

    Raises:
        ValueError: The text is no such length.
    """
    match = _LENGTH.fullmatch(text)
    if not match:
        msg = f"got {text!r}, allowed: {ALLOWED_LENGTHS}"
        raise ValueError(msg)
    return timedelta(**{_UNITS[match[2]]: int(match[1])})


@dataclass(frozen=True, slots=True, order=True)
class Window:
    """The half-open interval `[start, end)`, in UTC."""

    start: datetime
    end: datetime

    @classmethod
    def from_document(cls, bounds: Mapping[str, Any]) -> Window:
        """The window whose `start` and `end` a stored document tells."""
        return cls(parse_moment(bounds["start"]), parse_moment(bounds["end"]))

    @property
    def seconds(self) -> float:
        """The length in seconds."""
        return (self.end - self.start).total_seconds()

    def range(self) -> dict[str, str]:
        """The window as an Elasticsearch `range` query takes it."""
        return {"gte": iso(self.start), "lt": iso(self.end)}


@dataclass(frozen=True, slots=True)
class WindowSize:
    """A size of window: a fixed length, aligned to 1970-01-01T00:00Z, or a calendar week or month in UTC.

    Weeks begin on Monday, as in ISO 8601 and in Elasticsearch's `calendar_interval`.
    """

    text: str

    def __post_init__(self) -> None:
        if self.text not in ("week", "month"):
            try:
                parse_length(self.text)
            except ValueError:
                msg = f"got {self.text!r}, allowed: {ALLOWED_SIZES}"
                raise ValueError(msg) from None

    @property
    def interval(self) -> dict[str, str]:
        """The size as Elasticsearch's `date_histogram` takes it."""
        kind = "calendar_interval" if self.text in ("week", "month") else "fixed_interval"
        return {kind: self.text}

    @property
    def seconds(self) -> float:
        """The length in seconds, of a month on average."""
        match self.text:
            case "week":
                return 7 * 86_400.0
            case "month":
                return 365.25 / 12 * 86_400.0
            case _:
                return parse_length(self.text).total_seconds()

    def at(self, moment: datetime) -> Window:
        """The window that holds this moment."""
        day = moment.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
        match self.text:
            case "week":
                start = day - timedelta(days=day.weekday())
                return Window(start, start + timedelta(days=7))
            case "month":
                start = day.replace(day=1)
                return Window(start, (start + timedelta(days=32)).replace(day=1))
            case _:
                length = parse_length(self.text)
                start = moment - (moment - _EPOCH) % length
                return Window(start.astimezone(UTC), (start + length).astimezone(UTC))

    def before(self, moment: datetime, count: int) -> datetime:
        """The start of the window so many before the one that holds this moment."""
        window = self.at(moment)
        for _ in range(count):
            window = self.at(window.start - timedelta(microseconds=1))
        return window.start

    def between(self, start: datetime, end: datetime) -> Iterator[Window]:
        """The windows that overlap `[start, end)`, in order."""
        window = self.at(start)
        while window.start < end:
            yield window
            window = self.at(window.end)

    def holds(self, smaller: WindowSize) -> bool:
        """Whether windows of this size are whole sums of windows of the smaller size."""
        if smaller.text in ("week", "month"):
            return False
        inner = parse_length(smaller.text)
        outer = timedelta(days=1) if self.text in ("week", "month") else parse_length(self.text)
        return outer % inner == timedelta(0) and self != smaller


def complete(window: Window, lateness: timedelta, now: datetime) -> bool:
    """Whether no event of the window is expected any more."""
    return window.end + lateness <= now


def iso(moment: datetime) -> str:
    """The moment as Driftline writes it: ISO 8601, UTC, milliseconds, `Z`."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def parse_moment(text: str) -> datetime:
    """A date or date and time in ISO 8601; UTC where no offset is given.

    Raises:
        ValueError: The text is no such date.
    """
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        msg = f"got {text!r}, allowed: an ISO 8601 date or time such as 2013-01-31 or 2013-01-31T06:00:00Z"
        raise ValueError(msg) from None
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
