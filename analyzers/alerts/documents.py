"""Alerts and incidents as documents of `driftline-alerts`, and back. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from datetime import datetime
from typing import Any

from ..windows import iso, parse_moment
from .records import Alert, Basis, Document, Impact, Incident, Kind, Notice, Resolution, Series, Severity, State

ALERT = "driftline.alert"
INCIDENT = "driftline.incident"
NOTICE = "driftline.notice"
SILENCE = "driftline.silence"
ACKNOWLEDGEMENT = "driftline.acknowledgement"
FEEDBACK = "driftline.feedback"


def of_alert(alert: Alert) -> dict[str, Any]:
    """An alert as stored."""
    series = alert.series
    found: dict[str, Any] = {
        "@timestamp": iso(alert.since),
        "event": _event(ALERT, alert.id, alert.since, alert.until),
        "model": {"name": series.model, "version": series.version},
        "window": {"size": series.size},
        "metric": {"name": series.measure},
        "alert": _defined(
            {
                "id": alert.id,
                "fingerprint": series.fingerprint,
                "kind": alert.kind.value,
                "state": alert.state.value,
                "since": iso(alert.since),
                "fired": _moment(alert.fired),
                "until": _moment(alert.until),
                "resolution": alert.resolution.value if alert.resolution else None,
                "bad": alert.bad,
                "flaps": alert.flaps,
                "incident": alert.incident,
                "first": alert.first,
                "peak": alert.peak,
                "latest": alert.latest,
            }
        ),
    }
    if series.feature is not None:
        found["feature"] = {"name": series.feature}
    if series.segment is not None:
        found["segment"] = {"name": series.segment[0], "value": series.segment[1]}
    return found


def to_alert(document: Document) -> Alert:
    """The alert that a document tells of."""
    found = document["alert"]
    return Alert(
        id=found["id"],
        series=Series.of(document),
        kind=Kind(found["kind"]),
        state=State(found["state"]),
        since=parse_moment(found["since"]),
        fired=_parsed(found, "fired"),
        until=_parsed(found, "until"),
        resolution=Resolution(found["resolution"]) if "resolution" in found else None,
        bad=found["bad"],
        flaps=found["flaps"],
        first=found["first"],
        peak=found["peak"],
        latest=found["latest"],
        incident=found.get("incident"),
    )


def of_incident(incident: Incident) -> dict[str, Any]:
    """An incident as stored."""
    return {
        "@timestamp": iso(incident.since),
        "event": _event(INCIDENT, incident.id, incident.since, incident.until),
        "message": incident.title,
        "model": {"name": incident.model},
        "incident": _defined(
            {
                "id": incident.id,
                "kind": incident.kind.value,
                "state": incident.state.value,
                "severity": incident.severity.value,
                "since": iso(incident.since),
                "fired": iso(incident.fired),
                "until": _moment(incident.until),
                "resolution": incident.resolution.value if incident.resolution else None,
                "parent": incident.parent,
                "severe": incident.severe,
                "alerts": {kind.value: count for kind, count in incident.alerts.items()},
                "impact": asdict(incident.impact) if incident.impact else None,
                "evidence": dict(incident.evidence) or None,
            }
        ),
    }


def to_incident(document: Document) -> Incident:
    """The incident that a document tells of."""
    found = document["incident"]
    impact = found.get("impact")
    return Incident(
        id=found["id"],
        model=document["model"]["name"],
        kind=Kind(found["kind"]),
        state=State(found["state"]),
        severity=Severity(found["severity"]),
        since=parse_moment(found["since"]),
        fired=parse_moment(found["fired"]),
        until=_parsed(found, "until"),
        resolution=Resolution(found["resolution"]) if "resolution" in found else None,
        parent=found["parent"],
        alerts={Kind(kind): count for kind, count in found["alerts"].items()},
        impact=Impact(**{**impact, "basis": Basis(impact["basis"])}) if impact else None,
        title=document["message"],
        severe=found.get("severe", False),
        evidence=found.get("evidence", {}),
    )


def of_notice(notice: Notice) -> dict[str, Any]:
    """A notice as it is stored when it is decided on."""
    return {
        "@timestamp": iso(notice.decided),
        "event": {"dataset": NOTICE, "kind": "alert", "id": notice.id},
        "message": notice.title,
        "model": {"name": notice.model},
        "notice": {
            "id": notice.id,
            "telling": notice.telling.value,
            "incident": notice.incident,
            "severity": notice.severity.value,
            "decided": iso(notice.decided),
            "state": "decided",
            "document": dict(notice.document),
        },
    }


def _event(dataset: str, identity: str, since: datetime, until: datetime | None) -> dict[str, Any]:
    end = {"end": iso(until)} if until else {}
    return {"dataset": dataset, "kind": "alert", "id": identity, "start": iso(since), **end}


def _moment(moment: datetime | None) -> str | None:
    return iso(moment) if moment else None


def _parsed(found: Mapping[str, Any], key: str) -> datetime | None:
    return parse_moment(found[key]) if key in found else None


def _defined(fields: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in fields.items() if value is not None}
