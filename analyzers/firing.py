"""When verdicts become an alarm, and when it is over: m of k windows to fire, k of k calm ones to clear. Pure.

One window may be odd; a fault stays. To clear, it is not enough that a window is no longer bad enough: it must be calm,
which is further down, so that what hovers about the floor does not fire and clear again and again (hysteresis). A
window of which nothing is known neither fires nor clears. A window that is very bad, and very surely so, fires alone.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum


class Level(StrEnum):
    """What one window says of one series."""

    SEVERE = "severe"
    BAD = "bad"
    BETWEEN = "between"
    CALM = "calm"
    UNKNOWN = "unknown"


WRONG = (Level.SEVERE, Level.BAD)
"""The levels that raise alarms."""


class Alarm(StrEnum):
    """Where a series stands after a window."""

    NONE = "none"
    PENDING = "pending"
    FIRING = "firing"


@dataclass(frozen=True, slots=True)
class Rule:
    """When it fires and clears.

    Attributes:
        fire: So many bad windows ...
        of: ... of the last so many fire.
        clear: So many calm windows in a row clear.
    """

    fire: int = 2
    of: int = 3
    clear: int = 3

    @classmethod
    def parse(cls, text: str) -> Rule:
        """A rule such as `2 of 3`, which clears after as many windows as it looks at.

        Raises:
            ValueError: The text is none.
        """
        words = text.split()
        if len(words) == 3 and words[1] == "of" and words[0].isdecimal() and words[2].isdecimal():
            fire, of = int(words[0]), int(words[2])
            if 1 <= fire <= of <= 100:
                return cls(fire, of, of)
        msg = f"got {text!r}, allowed: m of k windows, such as `2 of 3`, at most `100 of 100`"
        raise ValueError(msg)


def alarms(levels: Iterable[Level], rule: Rule, *, firing: bool = False) -> Iterator[Alarm]:
    """Where a series stands after each of its windows.

    Args:
        levels: What the windows say, in order of time.
        rule: When it fires and clears.
        firing: Whether it fires before the first of them.
    """
    recent: list[Level] = []
    calm = 0
    for level in levels:
        if level is not Level.UNKNOWN:
            recent = [*recent, level][-rule.of :]
            calm = calm + 1 if level is Level.CALM else 0
        wrong = sum(known in WRONG for known in recent)
        if not firing and (wrong >= rule.fire or level is Level.SEVERE):
            firing = True
        elif firing and calm >= rule.clear:
            firing, recent, wrong = False, [], 0
        yield Alarm.FIRING if firing else Alarm.PENDING if wrong else Alarm.NONE
