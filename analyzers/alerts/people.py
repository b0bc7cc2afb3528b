"""What people ask and say of incidents: which are on, who looks after them, what they were worth."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Any

import orjson

from ..measures import Status, alerting
from ..profiles.store import document_id
from ..windows import Window, WindowSize, iso
from . import documents
from .records import Alert, Document, Incident, Severity, State
from .silences import Silence, to_silence

if TYPE_CHECKING:
    from ..cluster import Cluster
    from ..measures import Estimate

FEWEST_CHARACTERS = 4


class Worth(StrEnum):
    """What an incident was worth to those who were told of it."""

    USEFUL = "useful"
    NOISE = "noise"
    EXPECTED = "expected"


class UnknownError(LookupError):
    """No such incident or silence, or more than one; the text says which there are."""


@dataclass(frozen=True, slots=True)
class Whole:
    """An incident with all that belongs to it.

    Attributes:
        incident: The incident.
        document: The same as stored.
        alerts: Its alerts.
        notices: What was told of it, as stored.
        said: What people said of it: acknowledgements and feedback, as stored.
    """

    incident: Incident
    document: Document
    alerts: Sequence[Alert]
    notices: Sequence[Document]
    said: Sequence[Document]

    @property
    def parent(self) -> Alert:
        """The alert that explains the others."""
        return next(alert for alert in self.alerts if alert.id == self.incident.parent)


@dataclass(frozen=True, slots=True)
class Precision:
    """How often the incidents of one rule were worth it.

    Attributes:
        model: Name of the model.
        measure: The measure of the alert that explains the others.
        useful: How often they were useful, by what people said last of each.
        noise: How often they were noise.
        expected: How often they were right, and known before.
    """

    model: str
    measure: str
    useful: int
    noise: int
    expected: int

    @property
    def estimate(self) -> Estimate:
        """Share of the useful ones among useful and noise; without a value where nobody said either."""
        return alerting.precision(self.useful, self.noise)


def incidents(
    cluster: Cluster, model: str | None, since: datetime | None, *, over: bool
) -> list[tuple[Incident, Document]]:
    """The incidents that are on, the worst first; with `over` also those that are over, the last first."""
    filters: list[Mapping[str, Any]] = [{"term": {"model.name": model}}] if model else []
    if since is not None:
        filters.append({"range": {"incident.since": {"gte": iso(since)}}})
    absent = [] if over else [{"term": {"incident.state": State.RESOLVED.value}}]
    query = {"bool": {"filter": filters, "must_not": absent}}
    found = [(documents.to_incident(document), document) for document in cluster.alerting(documents.INCIDENT, query)]
    return sorted(found, key=lambda pair: _urgency(pair[0]))


def _urgency(incident: Incident) -> tuple[Any, ...]:
    severities = list(Severity)
    on = incident.state is not State.RESOLVED
    return (not on, severities.index(incident.severity) if on else 0, -incident.since.timestamp(), incident.id)


def whole(cluster: Cluster, identity: str) -> Whole:
    """An incident, by its id or the beginning of it, with all that belongs to it.

    Raises:
        UnknownError: There is none, or more than one.
    """
    document = _one(cluster, documents.INCIDENT, "incident.id", identity)
    incident = documents.to_incident(document)
    alerts = map(documents.to_alert, _of(cluster, documents.ALERT, "alert.incident", incident.id))
    said = [
        *_of(cluster, documents.ACKNOWLEDGEMENT, "acknowledgement.incident", incident.id),
        *_of(cluster, documents.FEEDBACK, "feedback.incident", incident.id),
    ]
    return Whole(
        incident,
        document,
        sorted(alerts, key=lambda alert: _reading(incident, alert)),
        _of(cluster, documents.NOTICE, "notice.incident", incident.id),
        said,
    )


def _reading(incident: Incident, alert: Alert) -> tuple[Any, ...]:
    """The order to read alerts in: what explains the others, the whole before its parts, small windows before large."""
    part, length = alert.series.segment is not None, WindowSize(alert.series.size).seconds
    return alert.id != incident.parent, part, length, alert.since, alert.id


def _of(cluster: Cluster, dataset: str, field: str, value: str) -> list[Document]:
    return list(cluster.alerting(dataset, {"term": {field: value}}))


def _one(cluster: Cluster, dataset: str, field: str, identity: str) -> Document:
    what = dataset.rpartition(".")[2]
    if len(identity) < FEWEST_CHARACTERS:
        msg = f"{what}: got {identity!r}, allowed: an id, or its first {FEWEST_CHARACTERS} characters or more"
        raise UnknownError(msg)
    found = list(cluster.alerting(dataset, {"prefix": {field: identity}}))
    if len(found) != 1:
        known = ", ".join(document["event"]["id"] for document in found[:5])
        msg = f"{what}: {identity!r} is {'none' if not found else f'more than one: {known}'}"
        raise UnknownError(msg)
    return found[0]


def silences(cluster: Cluster, now: datetime, *, over: bool) -> list[Silence]:
    """The silences that are on; with `over` all of them."""
    found = map(to_silence, cluster.alerting(documents.SILENCE, {"match_all": {}}))
    return [silence for silence in found if over or silence.is_on(now)]


def silence(cluster: Cluster, identity: str) -> Silence:
    """A silence, by its id or the beginning of it.

    Raises:
        UnknownError: There is none, or more than one.
    """
    return to_silence(_one(cluster, documents.SILENCE, "silence.id", identity))


def acknowledge(cluster: Cluster, incident: Incident, who: str, note: str | None, now: datetime) -> None:
    """Note that somebody looks after an incident, so that nobody is reminded of it."""
    told = {"incident": incident.id} | ({"note": note} if note else {})
    _say(cluster, documents.ACKNOWLEDGEMENT, incident, who, now, {"acknowledgement": told})


def judge(cluster: Cluster, found: Whole, worth: Worth, who: str, note: str | None, now: datetime) -> None:
    """Note what an incident was worth, and what the month's feedback makes of its rule: `alert_precision`."""
    told = {"incident": found.incident.id, "verdict": worth.value, "rule": rule(found)}
    _say(cluster, documents.FEEDBACK, found.incident, who, now, {"feedback": told | ({"note": note} if note else {})})
    month = WindowSize("month").at(now)
    of_month = {"range": {"@timestamp": month.range()}}
    query = {"bool": {"filter": [of_month, {"term": {"model.name": found.incident.model}}]}}
    rules = precisions(cluster.alerting(documents.FEEDBACK, query))
    (mine,) = [one for one in rules if one.measure == told["rule"]]
    document = metric(mine, month, now)
    identity = document_id(mine.model, mine.measure, alerting.PRECISION, iso(month.start))
    action = {"index": {"_index": cluster.streams.metrics, "_id": identity}}
    cluster.write([orjson.dumps(action), orjson.dumps(document)])


def metric(found: Precision, window: Window, now: datetime) -> dict[str, Any]:
    """The precision of a rule as it is stored in the monitoring index. Pure."""
    told, bounds = found.estimate, {"start": iso(window.start), "end": iso(window.end), "size": "month"}
    numbers = {"value": told.value, "lower": told.lower, "upper": told.upper}
    return {
        "@timestamp": bounds["start"],
        "model": {"name": found.model, "version": "*"},
        "window": bounds,
        "feature": {"name": found.measure},
        "metric": {
            "name": alerting.PRECISION,
            "family": "alerting",
            **{name: number for name, number in numbers.items() if number is not None},
            "sample_size": told.sample_size,
            "status": (Status.OK if told.sample_size else Status.INSUFFICIENT).value,
            "judged": iso(now),
            "revision": 0,
        },
    }


def rule(found: Whole) -> str:
    """The rule that an incident came of: the measure of the alert that explains the others."""
    return found.parent.series.measure


def _say(cluster: Cluster, dataset: str, incident: Incident, who: str, now: datetime, told: Mapping[str, Any]) -> None:
    # One a person and incident: what is said again replaces what was said before.
    identity = document_id(dataset, incident.id, who)
    document = {
        "@timestamp": iso(now),
        "event": {"dataset": dataset, "kind": "event", "id": identity},
        "user": {"name": who},
        "model": {"name": incident.model},
        **told,
    }
    index = cluster.streams.alerts
    cluster.write([orjson.dumps({"index": {"_index": index, "_id": identity}}), orjson.dumps(document)])
    cluster.refresh(index)


def precision(cluster: Cluster, model: str | None = None) -> list[Precision]:
    """How often the incidents of each rule were worth it, by what people said."""
    query: Mapping[str, Any] = {"term": {"model.name": model}} if model else {"match_all": {}}
    return precisions(cluster.alerting(documents.FEEDBACK, query))


def precisions(feedback: Iterable[Document]) -> list[Precision]:
    """The same, of feedback as stored, in order of time. Pure; what was said last of an incident counts."""
    last = {document["feedback"]["incident"]: document for document in feedback}
    rules: dict[tuple[str, str], list[str]] = {}
    for document in last.values():
        key = document["model"]["name"], document["feedback"]["rule"]
        rules.setdefault(key, []).append(document["feedback"]["verdict"])
    return [_precision(model, measure, verdicts) for (model, measure), verdicts in sorted(rules.items())]


def _precision(model: str, measure: str, verdicts: Sequence[str]) -> Precision:
    return Precision(model, measure, *(verdicts.count(worth.value) for worth in Worth))
