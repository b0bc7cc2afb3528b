"""From the windows of a series to its alerts: when each began, fired, and was over. Pure.

`metric.alarm` tells where verdicts stand after each window. An alert is one stretch of it, as people see it: what
clears and fires again soon after is the same alert, which then takes longer to be over each time (so that nothing flaps
at people), and what is not heard of any more is unknown, never well again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from ..firing import WRONG, Alarm, Level, Rule
from ..measures import Direction, by_name
from ..objectives.setting import EVERY_VERSION
from ..profiles.store import document_id
from ..windows import Window, WindowSize, iso
from .kinds import kind_of
from .records import Alert, Document, Resolution, Series, State

LONGEST_HOLD = 8
"""A flapping alert takes at most so many times as long to be over."""
RETIRED_AFTER = timedelta(days=30)
"""A model that has made no predictions for so long makes none any more."""


@dataclass(frozen=True, slots=True)
class Seen:
    """One window of a series.

    Attributes:
        window: The window.
        level: What it says of the series.
        alarm: Where the series stands after it.
        document: The metric.
    """

    window: Window
    level: Level
    alarm: Alarm
    document: Document


@dataclass(frozen=True, slots=True)
class Horizon:
    """How far the windows of one size reach.

    Attributes:
        size: Their size.
        rule: When a series of them fires and clears.
        lateness: How long after its end a window waits for events still on their way.
        now: When this is.
        last: End of the last window of the model that holds predictions; None without one.
        of_version: The same for one version.
    """

    size: WindowSize
    rule: Rule
    lateness: timedelta
    now: datetime
    last: datetime | None
    of_version: Callable[[str], datetime | None]

    def end(self, version: str) -> datetime | None:
        """End of the last window of a version that holds predictions; None without one."""
        return self.last if version == EVERY_VERSION else self.of_version(version)

    def is_retired(self, version: str) -> bool:
        """Whether a version makes no predictions any more: others do, or the model has made none for long."""
        own = self.end(version)
        if own is None or self.last is None or self.now - self.last > RETIRED_AFTER:
            return True
        # A version with little traffic may be silent for a while, at night or in a quiet hour.
        return self.last - own >= min(RETIRED_AFTER, self._windows(LONGEST_HOLD * self.rule.clear))

    def is_silent(self, version: str | None = None) -> bool:
        """Whether windows that should be complete by now are not there, of a version or of the model."""
        last = self.last if version is None else self.end(version)
        return last is None or self.now - self.lateness - last >= self._windows(self.rule.of + 1)

    def reach(self, since: datetime) -> datetime:
        """The first window of which more must be known than is stored, when windows from a time on have changed."""
        return self.size.before(since, 2 * LONGEST_HOLD * self.rule.clear)

    def _windows(self, count: int) -> timedelta:
        return timedelta(seconds=self.size.seconds * count)


def alerts(
    series: Series, windows: Sequence[Seen], horizon: Horizon, counted: datetime | None = None
) -> Iterator[Alert]:
    """The alerts of one series, in order of time.

    Args:
        series: The series.
        windows: Its windows, in order of time; it may have fired before the first of them.
        horizon: How far windows reach.
        counted: Bad windows that begin up to then are counted already, in an alert that is known.
    """
    for stretch in _stretches(windows, horizon.rule):
        found = _alert(series, stretch, windows, horizon)
        yield (
            found if counted is None else replace(found, bad=_bad_after(windows[stretch.first : stretch.end], counted))
        )
    if windows and windows[-1].alarm is Alarm.PENDING and not horizon.is_retired(series.version):
        yield _pending(series, windows)


@dataclass(slots=True)
class _Stretch:
    """From which window to which an alert fired; `end` is the first window that is calm enough, None while it is on."""

    first: int
    fired: int
    end: int | None
    flaps: int = 0


def _stretches(windows: Sequence[Seen], rule: Rule) -> list[_Stretch]:
    found: list[_Stretch] = []
    for began, ended in _firing(windows):
        last = found[-1] if found else None
        if last is not None and last.end is not None and began - last.end <= rule.clear * _hold(last.flaps + 1):
            last.flaps, last.end = last.flaps + 1, ended
        else:
            found.append(_Stretch(_first_bad(windows, began), began, ended))
    return [replace(stretch, end=_held(stretch, windows, rule)) for stretch in found]


def _firing(windows: Sequence[Seen]) -> Iterator[tuple[int, int | None]]:
    began: int | None = None
    for position, seen in enumerate(windows):
        fires = seen.alarm is Alarm.FIRING
        if fires and began is None:
            began = position
        elif not fires and began is not None:
            yield began, position
            began = None
    if began is not None:
        yield began, None


def _first_bad(windows: Sequence[Seen], began: int) -> int:
    first = began
    for position in range(began - 1, -1, -1):
        if windows[position].alarm is not Alarm.PENDING:
            break
        if windows[position].level in WRONG:
            first = position
    return first


def _hold(flaps: int) -> int:
    return int(min(LONGEST_HOLD, 2**flaps))


def _held(stretch: _Stretch, windows: Sequence[Seen], rule: Rule) -> int | None:
    """The window with which a stretch is over: later than it cleared, the more often it has flapped."""
    if stretch.end is None or not stretch.flaps:
        return stretch.end
    end = stretch.end + rule.clear * (_hold(stretch.flaps) - 1)
    return end if end < len(windows) else None


def _alert(series: Series, stretch: _Stretch, windows: Sequence[Seen], horizon: Horizon) -> Alert:
    upto = len(windows) if stretch.end is None else stretch.end + 1
    inside = windows[stretch.first : upto]
    bad = [seen for seen in inside if seen.level in WRONG]
    until, resolution = _over(series, stretch, windows, horizon)
    fired = windows[stretch.fired].window.end
    return Alert(
        id=document_id(series.fingerprint, iso(inside[0].window.start)),
        series=series,
        kind=kind_of(bad[0].document if bad else inside[0].document),
        state=State.RESOLVED if until else _state(inside, horizon),
        since=inside[0].window.start,
        fired=fired,
        until=until,
        resolution=resolution,
        bad=len(bad),
        flaps=stretch.flaps,
        first=inside[0].document,
        peak=worst(bad or inside),
        latest=_latest(inside),
    )


def _bad_after(windows: Iterable[Seen], counted: datetime) -> int:
    return sum(seen.level in WRONG and seen.window.start > counted for seen in windows)


def _over(
    series: Series, stretch: _Stretch, windows: Sequence[Seen], horizon: Horizon
) -> tuple[datetime | None, Resolution | None]:
    if stretch.end is not None:
        return windows[stretch.end].window.end, Resolution.RECOVERED
    if horizon.is_retired(series.version):
        return windows[-1].window.end, Resolution.RETIRED
    return None, None


def _state(inside: Sequence[Seen], horizon: Horizon) -> State:
    tail = inside[-horizon.rule.of :]
    nothing_told = len(tail) == horizon.rule.of and all(seen.level is Level.UNKNOWN for seen in tail)
    silent = horizon.is_silent(inside[-1].document["model"]["version"])
    return State.UNKNOWN if nothing_told or silent else State.FIRING


def aged(alert: Alert, horizon: Horizon) -> Alert:
    """An alert that is on, of whose series nothing new has come."""
    if horizon.is_retired(alert.series.version):
        last = horizon.end(alert.series.version) or horizon.now
        return replace(alert, state=State.RESOLVED, until=last, resolution=Resolution.RETIRED)
    silent = alert.fired is not None and horizon.is_silent(alert.series.version)
    return replace(alert, state=State.UNKNOWN) if silent else alert


def _pending(series: Series, windows: Sequence[Seen]) -> Alert:
    inside = windows[_first_bad(windows, len(windows)) :]
    return Alert(
        id=document_id(series.fingerprint, iso(inside[0].window.start)),
        series=series,
        kind=kind_of(inside[0].document),
        state=State.PENDING,
        since=inside[0].window.start,
        fired=None,
        until=None,
        resolution=None,
        bad=sum(seen.level in WRONG for seen in inside),
        flaps=0,
        first=inside[0].document,
        peak=worst([seen for seen in inside if seen.level in WRONG]),
        latest=_latest(inside),
    )


def _latest(inside: Sequence[Seen]) -> Document:
    told = [seen for seen in inside if seen.level is not Level.UNKNOWN]
    return (told or inside)[-1].document


def worst(windows: Iterable[Seen]) -> Document:
    """The metric of the window that is furthest on the wrong side."""
    return max((seen.document for seen in windows), key=badness)


def badness(document: Document) -> float:
    """How far a metric is on the wrong side, in its own unit: comparable within a series only."""
    metric: dict[str, Any] = document["metric"]
    value = metric.get("value")
    if value is None:
        return float("-inf")
    match by_name(metric["name"]).direction:
        case Direction.HIGHER:
            return float(value)
        case Direction.LOWER:
            return -float(value)
        case _:
            return abs(float(value) - float(metric.get("reference_value") or 0.0))
