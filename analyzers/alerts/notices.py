"""What people are told of an incident, and when: once each, by ids that do not depend on when it is decided. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from ..profiles.store import document_id
from ..settings import Node
from ..windows import parse_moment
from .records import Incident, Notice, Severity, State, Telling
from .silences import WARNING, Silence

ORDER = (Severity.DIGEST, Severity.TICKET, Severity.PAGE)
SUPPRESSED = "suppressed"
"""The state of a notice that a silence kept back."""
HISTORY = timedelta(days=1)
"""An incident that was over for so long when it was found out is recorded, and told to nobody."""


@dataclass(frozen=True, slots=True)
class Repeat:
    """When people are told again of what is still on.

    Attributes:
        first: So long after they were told first.
        factor: Each pause is so many times the one before.
        longest: No pause is longer.
    """

    first: timedelta = timedelta(hours=4)
    factor: float = 2.0
    longest: timedelta = timedelta(days=7)

    @classmethod
    def parse(cls, node: Node | None) -> Repeat:
        """`repeat` of a model in monitors.yml.

        Raises:
            ConfigError: Something in it is not allowed.
        """
        default = cls()
        if node is None:
            return default
        node.keys({"first", "factor", "longest"})
        first, factor, longest = (node.get(name) for name in ("first", "factor", "longest"))
        return cls(
            first.length() if first else default.first,
            factor.number(low=1, high=10) if factor else default.factor,
            longest.length() if longest else default.longest,
        )

    def due(self, elapsed: timedelta) -> int:
        """How many reminders are due after so long."""
        count, pause, at = 0, self.first, self.first
        while at <= elapsed:
            count += 1
            pause = min(self.longest, pause * self.factor)
            at += pause
        return count


@dataclass(frozen=True, slots=True)
class Told:
    """What was told of an incident before.

    Attributes:
        rounds: How often people were told that it is over.
        opened: When they were told of it first, since then; None if they were not.
        severity: The worst severity they know of, since then.
        reminders: How often they were reminded, since then.
        silences: Ids of the silences that kept notices back.
        warned: Ids of the silences of whose end they were warned.
    """

    rounds: int = 0
    opened: datetime | None = None
    severity: Severity | None = None
    reminders: int = 0
    silences: frozenset[str] = frozenset()
    warned: frozenset[str] = frozenset()

    @classmethod
    def of(cls, notices: Iterable[Mapping[str, Any]]) -> Told:
        """What the notices of an incident, as stored, have told; those that were silenced have told nothing."""
        told = cls()
        for notice in sorted(notices, key=lambda notice: notice["decided"]):
            told = told.and_then(notice)
        return told

    def and_then(self, notice: Mapping[str, Any]) -> Told:
        """What was told with one more notice."""
        if notice["state"] == SUPPRESSED:
            return replace(self, silences=self.silences | {notice["silence"]})
        match Telling(notice["telling"]):
            case Telling.RESOLVED:
                return Told(self.rounds + 1, silences=self.silences, warned=self.warned)
            case Telling.OPENED | Telling.ESCALATED:
                opened = self.opened or parse_moment(notice["decided"])
                return replace(self, opened=opened, severity=Severity(notice["severity"]))
            case Telling.REMINDER:
                return replace(self, reminders=self.reminders + 1)
            case Telling.SILENCE_ENDS:
                return replace(self, warned=self.warned | {notice["silence"]})
            case _:
                return self


@dataclass(frozen=True, slots=True)
class Saying:
    """A notice, and what is stored with it.

    Attributes:
        notice: The notice.
        silence: Id of the silence that it is about, or that keeps it back.
        suppressed: Whether nobody is told, since a silence is on.
    """

    notice: Notice
    silence: str | None = None
    suppressed: bool = False


def decide(
    incident: Incident,
    document: Mapping[str, Any],
    told: Told,
    silence: Silence | None,
    repeat: Repeat,
    now: datetime,
    *,
    acknowledged: bool,
) -> list[Saying]:
    """What is to be told of an incident now.

    Args:
        incident: The incident as it stands.
        document: The same as stored, with its evidence.
        told: What was told of it before.
        silence: The silence that is on and about it; None where there is none.
        repeat: When people are told again.
        now: When this is.
        acknowledged: Whether somebody looks after it, so that nobody needs to be reminded.
    """
    say = partial(_notice, incident, document, told, now)
    if incident.state is State.RESOLVED:
        return [Saying(say(telling)) for telling in _of_the_end(incident, told, silence, now)]
    if silence is not None:
        return _of_the_silence(silence, told, now, say)
    if told.opened is None:
        return [Saying(say(Telling.OPENED))]
    if told.severity is not None and ORDER.index(incident.severity) > ORDER.index(told.severity):
        return [Saying(say(Telling.ESCALATED, incident.severity.value))]
    waits = acknowledged or incident.severity is Severity.DIGEST
    if not waits and repeat.due(now - told.opened) > told.reminders:
        return [Saying(say(Telling.REMINDER, str(told.reminders + 1)))]
    return []


def _notice(
    incident: Incident, document: Mapping[str, Any], told: Told, now: datetime, telling: Telling, *key: str
) -> Notice:
    return Notice(
        id=document_id("notice", incident.id, telling, str(told.rounds), *key),
        telling=telling,
        incident=incident.id,
        model=incident.model,
        severity=incident.severity,
        decided=now,
        title=incident.title,
        document=document,
    )


def _of_the_end(incident: Incident, told: Told, silence: Silence | None, now: datetime) -> Iterator[Telling]:
    if told.opened is not None:
        yield Telling.RESOLVED
    elif not told.rounds and silence is None and incident.until is not None and now - incident.until <= HISTORY:
        yield Telling.OPENED
        yield Telling.RESOLVED


def _of_the_silence(silence: Silence, told: Told, now: datetime, say: Callable[..., Notice]) -> list[Saying]:
    found = []
    if told.opened is None and silence.id not in told.silences:
        found.append(Saying(say(Telling.OPENED, silence.id), silence.id, suppressed=True))
    if silence.ends - now <= WARNING and silence.id not in told.warned:
        found.append(Saying(say(Telling.SILENCE_ENDS, silence.id), silence.id))
    return found
