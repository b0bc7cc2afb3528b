"""Alerts of one model that began together, as one incident, with the one that explains the others. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

from ..causes.cause import Kind as Cause
from ..firing import Level
from ..measures import by_name
from ..profiles.store import document_id
from ..windows import WindowSize, iso, parse_moment
from .kinds import RANK
from .records import Alert, Incident, Kind, Resolution, Severity, State

LONG_AGO = datetime.min.replace(tzinfo=UTC)
NAMED = 3
"""So many features are named in a title."""


@dataclass(slots=True)
class _Group:
    """An incident in the making: from when on, of what, and until when its alerts were on (None: they are)."""

    id: str
    since: datetime
    subjects: set[tuple[Kind, str, str]] = field(default_factory=set)
    until: datetime | None = LONG_AGO

    def add(self, alert: Alert) -> None:
        self.subjects.add(_subject(alert))
        on = self.until is None or alert.until is None
        self.until = None if on else max(self.until, alert.until)  # type: ignore[type-var]

    def is_on(self, moment: datetime) -> bool:
        return self.until is None or self.until > moment


def grouped(alerts: Iterable[Alert], together: timedelta, known: Mapping[str, datetime]) -> list[Alert]:
    """The alerts, each with the incident it belongs to.

    An alert belongs to an incident that is on if it began with it, or if it tells the same of what is already part of
    it: the same kind of trouble with the same feature, or the same measure of the model. So one fault stays one
    incident, as it reaches more measures, segments and larger windows, and a second fault is a second one.

    Args:
        alerts: Those of one model that have fired; with the incident that they belong to, where that is known.
        together: Alerts that begin within so long begin together.
        known: When each incident that is known began, by its id.
    """
    groups: dict[str, _Group] = {}
    found = []
    for alert in sorted(alerts, key=_by_onset):
        if alert.incident is not None:
            group = groups.get(alert.incident) or _Group(alert.incident, known.get(alert.incident, alert.since))
        else:
            group = _joined(alert, groups.values(), together) or _Group(_identity(alert), alert.since)
        groups[group.id] = group
        group.add(alert)
        found.append(replace(alert, incident=group.id))
    return found


def members(alerts: Iterable[Alert]) -> dict[str, list[Alert]]:
    """Alerts by the incident that they belong to; those that belong to none are left out."""
    found: dict[str, list[Alert]] = {}
    for alert in alerts:
        if alert.incident is not None:
            found.setdefault(alert.incident, []).append(alert)
    return found


def _by_onset(alert: Alert) -> tuple[datetime, bool, datetime, int, str]:
    assert alert.fired is not None
    # Those whose incident is known come first, so that it is there for the others to join.
    return alert.fired, alert.incident is None, alert.since, RANK[alert.kind], alert.id


def _identity(alert: Alert) -> str:
    return document_id("incident", alert.id)


def _joined(alert: Alert, groups: Iterable[_Group], together: timedelta) -> _Group | None:
    on = [group for group in groups if group.is_on(alert.since)]
    same = [group for group in on if _subject(alert) in group.subjects]
    begun = [group for group in on if abs(alert.since - group.since) <= together]
    # A larger window began before the trouble in it did.
    wider = [group for group in on if alert.since <= group.since <= parse_moment(alert.first["window"]["end"])]
    return next(iter([*same, *begun, *wider]), None)


def _subject(alert: Alert) -> tuple[Kind, str, str]:
    series = alert.series
    return alert.kind, series.version, series.feature or series.measure


def parent(alerts: Sequence[Alert]) -> Alert:
    """The alert that explains the others: of the kind that causes the rest, the first, the whole before its parts."""
    return min(alerts, key=_explains)


def _explains(alert: Alert) -> tuple[int, float, datetime, bool, str]:
    return RANK[alert.kind], _length(alert), alert.since, alert.series.segment is not None, alert.id


def incident(identity: str, alerts: Sequence[Alert]) -> Incident:
    """The incident that alerts make up; what it costs and whom it calls is found out later.

    Args:
        identity: Its id.
        alerts: Its alerts, all of one model.
    """
    chosen = parent(alerts)
    state = _state(alerts)
    over = [alert for alert in alerts if alert.until is not None]
    last = max(over, key=lambda alert: alert.until or alert.since) if state is State.RESOLVED else None
    kinds = Counter(alert.kind for alert in alerts)
    return Incident(
        id=identity,
        model=chosen.series.model,
        kind=chosen.kind,
        state=state,
        severity=Severity.DIGEST,
        since=since(alerts),
        fired=min(alert.fired for alert in alerts if alert.fired is not None),
        until=last.until if last else None,
        resolution=_resolution(alerts) if last else None,
        parent=chosen.id,
        alerts={kind: kinds[kind] for kind in Kind if kind in kinds},
        impact=None,
        title=title(chosen, alerts),
        severe=any(alert.peak.get("metric", {}).get("level") == Level.SEVERE for alert in alerts),
    )


def since(alerts: Sequence[Alert]) -> datetime:
    """When it began: of what the alert that fired first saw in its first window, as the smallest windows tell it."""
    first = min(alerts, key=lambda alert: (alert.fired or alert.since, _length(alert), alert.since))
    end = parse_moment(first.first["window"]["end"])
    inside = [alert for alert in alerts if first.since <= alert.since < end]
    smallest = min(map(_length, inside))
    return min(alert.since for alert in inside if _length(alert) == smallest)


def _length(alert: Alert) -> float:
    return WindowSize(alert.series.size).seconds


def _state(alerts: Sequence[Alert]) -> State:
    states = {alert.state for alert in alerts}
    return next(state for state in (State.FIRING, State.UNKNOWN, State.RESOLVED) if state in states)


def _resolution(alerts: Sequence[Alert]) -> Resolution:
    found = {alert.resolution for alert in alerts}
    return next(why for why in (Resolution.RECOVERED, Resolution.RETIRED, Resolution.RETRACTED) if why in found)


def title(chosen: Alert, alerts: Sequence[Alert]) -> str:
    """One line: the model, what happened, and since when."""
    return f"{chosen.series.model}: {_what(chosen, alerts)} since {iso(since(alerts))[:16]}Z"


def _what(chosen: Alert, alerts: Sequence[Alert]) -> str:
    cause = chosen.peak["metric"].get("cause", {})
    counts = Counter(a.series.feature for a in alerts if a.kind is chosen.kind and a.series.feature is not None)
    features = [name for name, _ in counts.most_common()]
    if cause.get("kind", Cause.MOVED) != Cause.MOVED and len(features) == 1:
        return f"{features[0]}: {cause['text'].rstrip('.')}"
    if features:
        named = ", ".join(features[:NAMED])
        more = f" and {len(features) - NAMED:,} more" if len(features) > NAMED else ""
        return f"{_FEATURES[chosen.kind]} {named}{more}"
    name = by_name(chosen.series.measure).title
    metric = chosen.peak["metric"]
    value, before = metric.get("value"), metric.get("reference_value")
    told = f" {value:.4g}" if value is not None else ""
    return f"{name}{told}{f' (reference {before:.4g})' if before is not None else ''}"


_FEATURES = {
    Kind.INGEST: "no data for",
    Kind.SERVICE: "trouble with",
    Kind.QUALITY: "broken data in",
    Kind.FEATURE: "moved:",
    Kind.DRIFT: "moved:",
    Kind.PERFORMANCE: "worse:",
    Kind.FAIRNESS: "unequal treatment by",
    Kind.OBJECTIVE: "objective missed:",
}
