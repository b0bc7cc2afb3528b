"""References that move with the window: the last days, or the same hours of the last weeks. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum

from .windows import Window

DAY = timedelta(days=1)


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
    """

    length: timedelta
    gap: timedelta = timedelta(0)
    season: Season | None = None

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

    def cell(self, moment: datetime) -> int:
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
