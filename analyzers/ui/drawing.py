"""Small charts as plain geometry, so that a page is drawn before any script could run. Pure.

All lengths are in the units of a chart's own `viewBox`; the page stretches them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby

WIDTH, HEIGHT = 300.0, 80.0
EDGE = 4.0
"""What is left free around a line, so that its marks are whole."""
STEPS = 5
"""How many shades a heat strip has."""


@dataclass(frozen=True, slots=True)
class Point:
    """One window of a course.

    Attributes:
        at: When it began, milliseconds since 1970.
        value: What was measured, None where that is not defined.
        lower: Lower end of its interval.
        upper: Upper end.
        status: Its verdict.
    """

    at: float
    value: float | None
    lower: float | None = None
    upper: float | None = None
    status: str = ""


@dataclass(frozen=True, slots=True)
class Course:
    """A line over time with its interval.

    Attributes:
        line: Path of the values.
        band: Path around the intervals.
        marks: Where verdicts stand: x, y, verdict.
        rule: Height of the reference's value, None without one.
        changes: Where something was changed: x.
        low: The value at the lower edge.
        high: The value at the upper edge.
    """

    line: str
    band: str
    marks: tuple[tuple[float, float, str], ...]
    rule: float | None
    changes: tuple[float, ...]
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Run:
    """Neighbouring windows of a heat strip that look alike.

    Attributes:
        start: Number of the first window.
        length: How many there are.
        shade: 1 to `STEPS`, 0 where nothing was measured.
    """

    start: int
    length: int
    shade: int


def course(
    points: Sequence[Point], reference: float | None, changes: Iterable[float] = (), marked: Sequence[str] = ()
) -> Course | None:
    """The chart of some windows in order of time; None where none has a value.

    Args:
        points: The windows.
        reference: The value of the reference.
        changes: When something was changed, milliseconds since 1970.
        marked: The verdicts that get a mark.
    """
    known = [point for point in points if point.value is not None]
    if not known:
        return None
    heights = [height for point in known for height in (point.value, point.lower, point.upper) if height is not None]
    low, high = _room([*heights, *([reference] if reference is not None else [])])
    first, last = points[0].at, points[-1].at

    def x(at: float) -> float:
        share = (at - first) / (last - first) if last > first else 0.5
        return round(EDGE + share * (WIDTH - 2 * EDGE), 1)

    def y(value: float) -> float:
        return round(HEIGHT - EDGE - (value - low) / (high - low) * (HEIGHT - 2 * EDGE), 1)

    pieces = [list(piece) for there, piece in groupby(points, lambda point: point.value is not None) if there]
    return Course(
        line="".join(_line([(x(p.at), y(p.value)) for p in piece if p.value is not None]) for piece in pieces),
        band="".join(_band(piece, x, y) for piece in pieces),
        marks=tuple((x(p.at), y(p.value), p.status) for p in known if p.value is not None and p.status in marked),
        rule=y(reference) if reference is not None else None,
        changes=tuple(x(at) for at in changes if first <= at <= last),
        low=low,
        high=high,
    )


def _room(heights: Sequence[float]) -> tuple[float, float]:
    low, high = min(heights), max(heights)
    half = abs(low) / 2 or 0.5
    return (low, high) if high > low else (low - half, high + half)


def _line(corners: Sequence[tuple[float, float]]) -> str:
    # A single window between two without a value would be a line without length.
    drawn = corners if len(corners) > 1 else [corners[0], (corners[0][0] + 1, corners[0][1])]
    return "M" + "L".join(f"{x:g},{y:g}" for x, y in drawn)


def _band(piece: Sequence[Point], x: Callable[[float], float], y: Callable[[float], float]) -> str:
    ends = [(x(p.at), y(p.upper), y(p.lower)) for p in piece if p.lower is not None and p.upper is not None]
    if len(ends) < 2:
        return ""
    return _line([(at, upper) for at, upper, _ in ends] + [(at, lower) for at, _, lower in reversed(ends)]) + "Z"


def bars(counts: Sequence[int]) -> Iterator[tuple[float, float, float, float]]:
    """Bars side by side: x, y, width and height of each that is not 0."""
    most, width = max(counts, default=0), WIDTH / max(len(counts), 1)
    for number, count in enumerate(counts):
        if count:
            # A bar that is there can be seen.
            height = max(3.0, count / most * HEIGHT)
            yield round(number * width, 1), round(HEIGHT - height, 1), round(width * 0.8, 1), round(height, 1)


def shades(most: float) -> tuple[float, ...]:
    """The values from which on a strip gets darker: squares, since distances of distributions crowd near zero."""
    return tuple(most * (step / STEPS) ** 2 for step in range(1, STEPS))


def runs(values: Sequence[float | None], bounds: Sequence[float]) -> list[Run]:
    """A heat strip: windows of one shade together."""
    found: list[Run] = []
    for shade, group in groupby(values, lambda value: _shade(value, bounds)):
        length = sum(1 for _ in group)
        found.append(Run(found[-1].start + found[-1].length if found else 0, length, shade))
    return found


def _shade(value: float | None, bounds: Sequence[float]) -> int:
    return 0 if value is None else 1 + sum(value >= bound for bound in bounds)
