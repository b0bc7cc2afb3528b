"""The straight line from alarms to notices: read, find alerts, group, weigh, gather evidence, decide, store."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from ..windows import Window, parse_moment
from . import documents, incidents, lifecycle, notices, promised
from .impact import impact
from .lifecycle import Horizon
from .notices import Told
from .records import Alert, Incident, Resolution, State
from .silences import Silence, ended, of_silence, silencing
from .standstill import standstill
from .store import Store

if TYPE_CHECKING:
    from ..cluster import Cluster
    from ..monitors import Model
    from .notices import Saying

    Gather = Callable[[Incident, Sequence[Alert]], Mapping[str, object]]


@dataclass(frozen=True, slots=True)
class Changed:
    """The windows of one size: how far they reach, and from which one on their verdicts have changed."""

    horizon: Horizon
    since: datetime | None


@dataclass(frozen=True, slots=True)
class Outcome:
    """What one evaluation of one model did.

    Attributes:
        incidents: Those that are on, or changed.
        sayings: What is to be told.
    """

    incidents: Sequence[Incident]
    sayings: Sequence[Saying]


def evaluate(cluster: Cluster, model: Model, changed: Sequence[Changed], now: datetime, gather: Gather) -> Outcome:
    """Bring the alerts, incidents and notices of a model up to date.

    Args:
        cluster: Where everything is.
        model: The model.
        changed: What has changed, of each size of windows.
        now: When this is.
        gather: Finds the evidence on an incident.
    """
    return _Evaluation(cluster, model, changed, now, gather).run()


class _Evaluation:
    def __init__(
        self, cluster: Cluster, model: Model, changed: Sequence[Changed], now: datetime, gather: Gather
    ) -> None:
        self.model = model
        self.changed = changed
        self.now = now
        self.gather = gather
        self.store = Store(cluster, model.name)

    def run(self) -> Outcome:
        reached = [c.horizon.reach(c.since) for c in self.changed if c.since is not None]
        stored = self.store.alerts(min(reached, default=self.now))
        alerts, gone = self._alerts(stored)
        fired = [alert for alert in alerts if alert.fired is not None]
        identities = {alert.incident for alert in fired if alert.incident is not None}
        known = self.store.incidents(identities)
        together = timedelta(seconds=self.model.window.seconds * self.model.alarm.of)
        fired = incidents.grouped(fired, together, {identity: found.since for identity, found in known.items()})
        pending = [alert for alert in alerts if alert.fired is None]
        found = list(self._incidents(fired, known))
        silences = self.store.silences(self.now)
        sayings = self._sayings(found, fired, silences)
        before = {alert.id: alert for alert in stored}
        fresh = [documents.of_alert(a) for a in [*fired, *pending] if before.get(a.id) != a]
        fresh += [documents.of_incident(i) for i in found if known.get(i.id) != i]
        fresh += [of_silence(silence) for silence in ended(silences, found, self.now)]
        self.store.write(sayings, fresh, gone)
        return Outcome(found, sayings)

    # Alerts

    def _alerts(self, stored: Sequence[Alert]) -> tuple[list[Alert], list[str]]:
        """The alerts as they are now, and the ids of pending ones that came to nothing."""
        alerts: list[Alert] = []
        for changed in self.changed:
            horizon = changed.horizon
            of_size = [alert for alert in stored if alert.series.size == horizon.size.text]
            if changed.since is None:
                found = [a if a.state is State.RESOLVED else lifecycle.aged(a, horizon) for a in of_size]
            else:
                reach = horizon.reach(changed.since)
                found = list(reconciled(self._found(horizon, reach, of_size), of_size, reach, self.now))
            alerts += self._with_standstill(horizon, found) if horizon.size == self.model.window else found
        gone = [alert.id for alert in alerts if alert.fired is None and alert.state is State.RESOLVED]
        return [alert for alert in alerts if alert.id not in gone], gone

    def _found(self, horizon: Horizon, reach: datetime, stored: Sequence[Alert]) -> Iterator[Alert]:
        on = {alert.series: alert for alert in stored if alert.until is None or alert.until >= reach}
        for series, windows in self.store.series(horizon.size.text, reach, on).items():
            known = on.get(series)
            carried = known is not None and known.since < reach
            counted = parse_moment(known.latest["window"]["start"]) if known is not None and carried else None
            yield from lifecycle.alerts(series, windows, horizon, counted)

    def _with_standstill(self, horizon: Horizon, found: list[Alert]) -> list[Alert]:
        """The alerts, and that of the silence of the whole model, for as long as nothing is heard of it."""
        if not horizon.is_silent():
            return found
        still = standstill(self.store.last_throughput(horizon.size.text), horizon)
        if still is None:
            return found
        same = next((alert for alert in found if alert.id == still.id), None)
        known = replace(still, fired=same.fired, incident=same.incident) if same else still
        return [*(alert for alert in found if alert.id != still.id), known]

    # Incidents

    def _incidents(self, fired: Sequence[Alert], known: Mapping[str, Incident]) -> Iterator[Incident]:
        for identity, alerts in incidents.members(fired).items():
            found, before = incidents.incident(identity, alerts), known.get(identity)
            if (
                before is not None
                and _same(found, before)
                and promised.severity(alerts, before.severity) is before.severity
            ):
                yield replace(found, severity=before.severity, impact=before.impact, evidence=before.evidence)
                continue
            found = self._weighed(found, alerts)
            # Rows that were found before may have been deleted since.
            found = replace(found, evidence=before.evidence if before else {})
            yield replace(found, evidence=dict(self.gather(found, alerts)))

    def _weighed(self, found: Incident, alerts: Sequence[Alert]) -> Incident:
        costs = self.model.costs
        parent = next(alert for alert in alerts if alert.id == found.parent)
        period = Window(found.since, found.until or self.now)
        windows = self.store.costs(parent.series.version, self.model.window.text, period)
        if "metric" in parent.latest and parent.series.measure == "throughput":
            windows = [*windows, [parent.latest]]
        told = impact(self.model.task, costs, windows)
        return replace(found, impact=told, severity=promised.severity(alerts, costs.severity(told)))

    def _sayings(self, found: Sequence[Incident], fired: Sequence[Alert], silences: Sequence[Silence]) -> list[Saying]:
        identities = [incident.id for incident in found]
        said, acknowledged = self.store.notices(identities), self.store.acknowledged(identities)
        members = incidents.members(fired)
        sayings: list[Saying] = []
        for whole in found:
            told = Told.of(said.get(whole.id, ()))
            incident = self.model.patience.of(whole, self.now, told.severity)
            sayings += notices.decide(
                incident,
                documents.of_incident(incident),
                told,
                silencing(silences, incident, members[incident.id], self.now),
                self.model.repeat,
                self.now,
                acknowledged=incident.id in acknowledged,
            )
        return sayings


def _same(found: Incident, before: Incident) -> bool:
    def told(incident: Incident) -> tuple[object, ...]:
        return (
            *(incident.state, incident.parent, dict(incident.alerts), incident.until, incident.title),
            incident.severe,
        )

    return told(found) == told(before)


def reconciled(found: Iterable[Alert], stored: Sequence[Alert], reach: datetime, now: datetime) -> Iterator[Alert]:
    """What is found now, under the ids that it is known by, and what was known and is not found any more. Pure.

    Args:
        found: The alerts that the windows from `reach` on make.
        stored: Those that are known.
        reach: The first window that was read.
        now: When this is.
    """
    by_series: dict[str, list[Alert]] = {}
    for alert in stored:
        by_series.setdefault(alert.series.fingerprint, []).append(alert)
    for alert in found:
        known = by_series.get(alert.series.fingerprint, [])
        same = next((other for other in known if other.id == alert.id or _overlap(other, alert)), None)
        if same is not None:
            known.remove(same)
        yield alert if same is None else _continued(same, alert, reach)
    for left in by_series.values():
        yield from (_not_found(alert, reach, now) for alert in left)


def _continued(known: Alert, found: Alert, reach: datetime) -> Alert:
    """An alert that goes on: what lies before the windows that were read is taken from what is known."""
    # When people could first know is when it was first found to fire.
    found = replace(found, id=known.id, incident=known.incident, fired=known.fired or found.fired)
    if known.since >= reach:
        return found
    return replace(
        found,
        since=known.since,
        first=known.first,
        peak=max(known.peak, found.peak, key=lifecycle.badness),
        bad=known.bad + found.bad,
        flaps=max(known.flaps, found.flaps),
    )


def _not_found(alert: Alert, reach: datetime, now: datetime) -> Alert:
    if alert.resolution is not None and (alert.resolution is Resolution.RETRACTED or alert.since < reach):
        return alert
    # Of one that began before the windows that were read, none of them being bad tells that it is over.
    why = Resolution.RETRACTED if alert.since >= reach else Resolution.RECOVERED
    return replace(alert, state=State.RESOLVED, until=alert.until or now, resolution=why)


def _overlap(one: Alert, other: Alert) -> bool:
    later = max(one.since, other.since)
    return all(alert.until is None or later < alert.until for alert in (one, other))
