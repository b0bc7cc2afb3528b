"""References that move with the window: the last days, or the same hours of the last weeks, holidays apart. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from enum import StrEnum

from .windows import Window

DAY = timedelta(days=1)
SUNDAY = 6

Cell = tuple[bool, int | None]
"""Windows that are compared with each other: whether of days off, and of which season; None: of all seasons."""


class Season(StrEnum):
    """What counts as the same time: windows are compared with those of the same season alone."""

    HOUR_OF_DAY = "hour_of_day"
    DAY_OF_WEEK = "day_of_week"
    HOUR_OF_WEEK = "hour_of_week"


@dataclass(frozen=True, slots=True)
class Moving:
    """A reference that moves with the window.

    Attributes:
        length: How far it reaches back.
        gap: How long before the window's day it ends.
        season: Which windows of it count; None: all, a rolling reference.
        holidays: Days, in UTC and in order, that are unlike others.
    """

    length: timedelta
    gap: timedelta = timedelta(0)
    season: Season | None = None
    holidays: tuple[date, ...] = ()

    @property
    def kind(self) -> str:
        """As in monitors.yml and in `reference.kind`."""
        return "seasonal" if self.season else "rolling"

    @property
    def longest(self) -> float:
        """The length of a season in seconds."""
        return 86_400.0 if self.season is Season.DAY_OF_WEEK else 3_600.0

    def period(self, window: Window) -> Window:
        """The period that a window is compared with.

        It moves by whole days, so that all windows of a day share one reference and what is learnt from it.
        """
        day = window.start.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
        end = day - self.gap
        return Window(end - self.length, end)

    def is_holiday(self, window: Window) -> bool:
        """Whether a window begins on a holiday; one that is longer than a day is more than that."""
        return window.seconds <= DAY.total_seconds() and _day(window) in self.holidays

    def cell(self, window: Window) -> Cell:
        """What a window is compared with; one that is longer than a season holds several, and so with all of them."""
        off = self.is_holiday(window)
        whole = self.season is None or window.seconds > self.longest
        return off, None if whole else self._season(window, off=off)

    def cells(self, window: Window, days_off: Collection[date]) -> Iterator[Cell]:
        """What a window of the reference is part of.

        Args:
            window: The window.
            days_off: The days that holidays are compared with, as `days_off` gives them.
        """
        for off, is_part in ((False, not self.is_holiday(window)), (True, _day(window) in days_off)):
            if is_part:
                yield off, None
                if self.season is not None:
                    yield off, self._season(window, off=off)

    def _season(self, window: Window, *, off: bool) -> int:
        # Days off are few, and alike whatever their weekday: only their hours are told apart.
        if off:
            return 0 if self.season is Season.DAY_OF_WEEK else window.start.astimezone(UTC).hour
        return self.season_of(window.start)

    def days_off(self, period: Window) -> frozenset[date]:
        """The days of a period that holidays are compared with: its own holidays, or else its Sundays."""
        if not self.holidays:
            return frozenset()
        count = (period.end - period.start) // DAY
        days = [(period.start + number * DAY).astimezone(UTC).date() for number in range(count)]
        return frozenset(day for day in days if day in self.holidays) or frozenset(
            day for day in days if day.weekday() == SUNDAY
        )

    def season_of(self, moment: datetime) -> int:
        """The season of a moment, in UTC, counted from 0; always 0 without seasons."""
        moment = moment.astimezone(UTC)
        match self.season:
            case Season.HOUR_OF_DAY:
                return moment.hour
            case Season.DAY_OF_WEEK:
                return moment.weekday()
            case Season.HOUR_OF_WEEK:
                return 24 * moment.weekday() + moment.hour
            case _:
                return 0


def _day(window: Window) -> date:
    return window.start.astimezone(UTC).date()
