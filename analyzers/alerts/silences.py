"""Silences: who asked for quiet about what, why, and until when. Pure.

A silence always ends: at its expiry, on recovery where it is of one incident, or when somebody takes it back.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields, replace
from datetime import datetime, timedelta
from typing import Any

from ..profiles.store import document_id
from ..windows import iso, parse_moment
from .documents import SILENCE
from .records import Alert, Document, Incident, State

WARNING = timedelta(hours=1)
"""So long before a silence ends, it is said that the trouble is still there."""


@dataclass(frozen=True, slots=True)
class Matcher:
    """What a silence is about: all that is named must match; what is None matches everything.

    Attributes:
        incident: Id of one incident.
        model: Name of the model.
        kind: Kind of trouble.
        measure: Name of the measure.
        feature: Name of the feature.
        segment: `name=value`.
    """

    incident: str | None = None
    model: str | None = None
    kind: str | None = None
    measure: str | None = None
    feature: str | None = None
    segment: str | None = None

    def covers(self, incident: Incident, alerts: Iterable[Alert]) -> bool:
        """Whether it is about an incident: about all that is wrong in it, so that no new trouble hides behind it."""
        if self.incident is not None and self.incident != incident.id:
            return False
        return all(self._matches(alert) for alert in alerts)

    def _matches(self, alert: Alert) -> bool:
        series = alert.series
        segment = "=".join(series.segment) if series.segment else None
        wanted = (
            (self.model, series.model),
            (self.kind, alert.kind.value),
            (self.measure, series.measure),
            (self.feature, series.feature),
            (self.segment, segment),
        )
        return all(asked is None or asked == found for asked, found in wanted)

    def __str__(self) -> str:
        return " ".join(f"{field.name}={value}" for field in fields(self) if (value := getattr(self, field.name)))


@dataclass(frozen=True, slots=True)
class Silence:
    """Quiet about what matches.

    Attributes:
        id: Of what it is about and when it was asked for.
        matcher: What it is about.
        owner: Who asked for it.
        reason: Why.
        starts: From when on.
        ends: When it expires.
        ended: When it ended before that; None if it did not.
        ended_by: Who, or what, ended it.
    """

    id: str
    matcher: Matcher
    owner: str
    reason: str
    starts: datetime
    ends: datetime
    ended: datetime | None = None
    ended_by: str | None = None

    @classmethod
    def new(cls, matcher: Matcher, owner: str, reason: str, starts: datetime, length: timedelta) -> Silence:
        """A silence from now on."""
        identity = document_id("silence", str(matcher), owner, iso(starts))[:12]
        return cls(identity, matcher, owner, reason, starts, starts + length)

    def is_on(self, now: datetime) -> bool:
        """Whether it holds."""
        return self.starts <= now < (min(self.ends, self.ended) if self.ended else self.ends)

    def end(self, now: datetime, by: str) -> Silence:
        """The silence, taken back."""
        return replace(self, ended=now, ended_by=by)


def silencing(
    silences: Iterable[Silence], incident: Incident, alerts: Iterable[Alert], now: datetime
) -> Silence | None:
    """The silence that is on and about an incident, the one that lasts longest; None where there is none."""
    known = list(alerts)
    found = [silence for silence in silences if silence.is_on(now) and silence.matcher.covers(incident, known)]
    return max(found, key=lambda silence: silence.ends, default=None)


def ended(silences: Iterable[Silence], incidents: Iterable[Incident], now: datetime) -> list[Silence]:
    """The silences of single incidents that end, since these are over."""
    over = {incident.id for incident in incidents if incident.state is State.RESOLVED}
    return [silence.end(now, "recovery") for silence in silences if silence.matcher.incident in over]


def of_silence(silence: Silence) -> dict[str, Any]:
    """A silence as stored."""
    told = {name: value for name in Matcher.__slots__ if (value := getattr(silence.matcher, name)) is not None}
    ended = {"ended": iso(silence.ended), "ended_by": silence.ended_by} if silence.ended else {}
    return {
        "@timestamp": iso(silence.starts),
        "event": {"dataset": SILENCE, "kind": "event", "id": silence.id},
        "message": silence.reason,
        "user": {"name": silence.owner},
        "silence": {
            "id": silence.id,
            "matcher": told,
            "reason": silence.reason,
            "owner": silence.owner,
            "starts": iso(silence.starts),
            "ends": iso(silence.ends),
            **ended,
        },
    }


def to_silence(document: Document) -> Silence:
    """The silence that a document tells of."""
    found: Mapping[str, Any] = document["silence"]
    return Silence(
        found["id"],
        Matcher(**found["matcher"]),
        found["owner"],
        found["reason"],
        parse_moment(found["starts"]),
        parse_moment(found["ends"]),
        parse_moment(found["ended"]) if "ended" in found else None,
        found.get("ended_by"),
    )
