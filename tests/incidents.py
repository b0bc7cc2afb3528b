"""Alerts and incidents made from metric documents, where a test needs them without the machinery that finds them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from driftline.analyzers.alerts.kinds import kind_of
from driftline.analyzers.alerts.records import Alert, Incident, Kind, Series, Severity, State
from driftline.analyzers.windows import parse_moment

WRONG = ("warning", "critical")


def alerts(metrics: Iterable[Mapping[str, Any]]) -> list[Alert]:
    """An alert for each series of which some window is wrong."""
    series: dict[Series, list[Mapping[str, Any]]] = {}
    for metric in metrics:
        series.setdefault(Series.of(metric), []).append(metric)
    return [alert(found) for found in series.values() if any(m["metric"]["status"] in WRONG for m in found)]


def alert(windows: Iterable[Mapping[str, Any]]) -> Alert:
    """The alert of one series, which still fires."""
    found = sorted(windows, key=lambda metric: metric["window"]["start"])
    wrong = [metric for metric in found if metric["metric"]["status"] in WRONG]
    series = Series.of(found[0])

    def change(metric):
        values = metric["metric"]
        return abs(values["value"] - values.get("reference_value", 0.0))

    return Alert(
        id=series.fingerprint,
        series=series,
        kind=kind_of(wrong[0]),
        state=State.FIRING,
        since=parse_moment(wrong[0]["window"]["start"]),
        fired=parse_moment(wrong[-1]["window"]["end"]),
        until=None,
        resolution=None,
        bad=len(wrong),
        flaps=0,
        first=wrong[0],
        peak=max(wrong, key=change),
        latest=found[-1],
        incident="i",
    )


def incident(members: list[Alert], parent: Alert) -> Incident:
    """The incident of some alerts."""
    kinds = [alert.kind for alert in members]
    return Incident(
        id="i",
        model=parent.series.model,
        kind=parent.kind,
        state=State.FIRING,
        severity=Severity.TICKET,
        since=min(alert.since for alert in members),
        fired=max(alert.fired for alert in members if alert.fired is not None),
        until=None,
        resolution=None,
        parent=parent.id,
        alerts={kind: kinds.count(kind) for kind in Kind if kind in kinds},
        impact=None,
        title="m: something is wrong",
    )
