"""How incidents are printed for people."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from ..measures import by_name
from ..reading.output import interval, minute, number
from ..windows import iso
from .people import Precision, Whole
from .records import Alert, Document, Impact, Incident
from .silences import Silence

COLUMNS = ("severity", "state", "since", "until", "model", "kind", "alerts", "what", "loss a day", "id")
ALERT_COLUMNS = (
    "state", "since", "until", "size", "measure", "feature", "segment", "worst", "interval", "reference", "threshold",
    "n", "bad", "cause",
)  # fmt: skip
SILENCE_COLUMNS = ("id", "ends", "owner", "about", "reason", "ended")
PRECISION_COLUMNS = ("model", "rule", "useful", "noise", "expected", "precision", "interval")
SHORT = 8


def incident_row(incident: Incident) -> Sequence[str]:
    """One line of the list."""
    return (
        incident.severity,
        incident.state,
        minute(iso(incident.since)),
        minute(iso(incident.until)) if incident.until else "",
        incident.model,
        incident.kind,
        f"{sum(incident.alerts.values()):,}",
        what(incident),
        loss(incident.impact),
        incident.id[:SHORT],
    )


def what(incident: Incident) -> str:
    """An incident's title without the model and the time, which stand beside it."""
    text = incident.title.removeprefix(f"{incident.model}: ")
    return text.rpartition(" since ")[0] or text


def loss(impact: Impact | None) -> str:
    """What an incident costs a day; nothing where that is not known."""
    if impact is None:
        return ""
    return f"{number(impact.loss)} {impact.unit} ({impact.share:.1%}, {impact.basis})"


def alert_row(alert: Alert) -> Sequence[str]:
    """One line of an incident's alerts: the worst window of each."""
    metric = alert.peak["metric"]
    return (
        alert.state,
        minute(iso(alert.since)),
        minute(iso(alert.until)) if alert.until else "",
        alert.series.size,
        alert.series.measure,
        alert.series.feature or "",
        "=".join(alert.series.segment) if alert.series.segment else "",
        number(metric.get("value")),
        interval(metric.get("lower"), metric.get("upper")),
        number(metric.get("reference_value")),
        number(metric.get("threshold")),
        f"{metric.get('sample_size', 0):,}",
        f"{alert.bad:,}",
        metric.get("cause", {}).get("text", ""),
    )


def silence_row(silence: Silence) -> Sequence[str]:
    """One line a silence."""
    ended = f"{minute(iso(silence.ended))} by {silence.ended_by}" if silence.ended else ""
    return (silence.id, minute(iso(silence.ends)), silence.owner, str(silence.matcher), silence.reason, ended)


def precision_row(found: Precision) -> Sequence[str]:
    """One line a rule."""
    told = found.estimate
    interval = f"{told.lower:.2f} to {told.upper:.2f}" if told.lower is not None and told.upper is not None else ""
    value = "" if told.value is None else f"{told.value:.2f}"
    return (found.model, found.measure, str(found.useful), str(found.noise), str(found.expected), value, interval)


def story(found: Whole) -> Iterator[str]:
    """An incident in sentences, a line each."""
    incident = found.incident
    yield incident.title
    until = f", until {minute(iso(incident.until))} ({incident.resolution})" if incident.until else ""
    yield f"{incident.severity}, {incident.state}, since {minute(iso(incident.since))}{until}; id {incident.id}"
    if incident.impact:
        impact = incident.impact
        yield (
            f"cost: {number(impact.loss)} {impact.unit} a day, at least {number(impact.at_least)}, "
            f"{impact.share:.1%} of {number(impact.predictions)} predictions a day ({impact.basis})"
        )
    parent = found.parent.series
    yield f"explained by: {by_name(parent.measure).title} of {parent.feature or 'the model'}"
    yield from _evidence(incident.evidence)
    for document in found.said:
        yield _said(document)


def _evidence(evidence: Any) -> Iterator[str]:
    if cause := evidence.get("cause"):
        yield f"likely cause: {cause['text']}"
    for change in evidence.get("changes", ()):
        yield f"changed before: {minute(change['@timestamp'])} {change.get('message') or change.get('action')}"
    for part in evidence.get("affected", ()):
        segment = part["segment"]
        yield f"affected: {segment['name']}={segment['value']}, {part['share']:.1%} of the predictions"
    if checked := evidence.get("checked"):
        yield f"looked at and fine: {', '.join(checked)}"
    if exemplars := evidence.get("exemplars"):
        yield f"predictions to look at: {', '.join(row['id'] for row in exemplars)}"
    if ordinary := evidence.get("ordinary"):
        yield f"beside ordinary ones: {', '.join(row['id'] for row in ordinary)}"
    for command in evidence.get("commands", ()):
        yield f"  {command}"
    if runbook := evidence.get("links", {}).get("runbook"):
        yield f"runbook: {runbook}"


def _said(document: Document) -> str:
    who, when = document["user"]["name"], minute(document["@timestamp"])
    if "feedback" in document:
        told = document["feedback"]
        return f"{when} {who}: {told['verdict']}{_note(told)}"
    return f"{when} {who} looks after it{_note(document['acknowledgement'])}"


def _note(told: Document) -> str:
    return f": {told['note']}" if "note" in told else ""


def as_json(found: Whole) -> dict[str, Any]:
    """An incident with all that belongs to it, for machines."""
    return {
        "incident": found.document,
        "alerts": [{"id": alert.id, "peak": alert.peak, "state": alert.state} for alert in found.alerts],
        "notices": [notice["notice"] for notice in found.notices],
        "said": list(found.said),
    }


def rows(incidents: Iterable[Incident]) -> list[Sequence[str]]:
    """The lines of the list."""
    return [incident_row(incident) for incident in incidents]
