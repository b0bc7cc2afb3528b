"""What alerting would have made of a stretch of history: the same alerts and incidents, from metrics alone. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from ..alarms import rule_of
from ..firing import WRONG, Level, Rule, alarms
from ..windows import Window, WindowSize
from . import impact, incidents, lifecycle, promised
from .lifecycle import Horizon, Seen
from .records import Alert, Document, Incident, Series, Severity

if TYPE_CHECKING:
    from ..monitors import Model


@dataclass(frozen=True, slots=True)
class Replay:
    """What was found.

    Attributes:
        incidents: The incidents, in order of time.
        alerts: Their alerts.
        period: From the first window to the end of the last.
    """

    incidents: Sequence[Incident]
    alerts: Sequence[Alert]
    period: Window | None

    def count(self, severity: Severity) -> int:
        """How many incidents call so."""
        return sum(incident.severity is severity for incident in self.incidents)

    @property
    def flaps(self) -> int:
        """How often alerts fired again soon after they were over."""
        return sum(alert.flaps for alert in self.alerts)

    @property
    def time_on(self) -> timedelta:
        """How long incidents were on, added up."""
        if self.period is None:
            return timedelta(0)
        end = self.period.end
        return sum(((found.until or end) - found.since for found in self.incidents), timedelta(0))


def replay(model: Model, documents: Iterable[Document], rules: Mapping[str, Rule]) -> Replay:
    """The incidents that metrics make.

    Args:
        model: The model, with what alerting needs to know of it.
        documents: Its metrics, in order of time within each size of windows.
        rules: When a series fires and clears, by size of windows; those of other sizes are left out.
    """
    series: dict[Series, list[Document]] = {}
    last: dict[str, datetime] = {}
    costs: dict[tuple[str, Window], list[Document]] = {}
    first: datetime | None = None
    for document in documents:
        found, window = Series.of(document), Window.from_document(document["window"])
        if found.size not in rules:
            continue
        series.setdefault(found, []).append(_kept(document))
        last[found.version] = max(last.get(found.version, window.end), window.end)
        first = window.start if first is None else min(first, window.start)
        if found.size == model.window.text and found.segment is None and found.measure in impact.MEASURES:
            costs.setdefault((found.version, window), []).append(document)
    if first is None:
        return Replay((), (), None)
    end = max(last.values())
    raised = []
    for one, windows in series.items():
        at = Horizon(WindowSize(one.size), rule_of(one.measure, rules[one.size]), timedelta(0), end, end, last.get)
        seen = _seen(windows, at.rule)
        raised += [alert for alert in lifecycle.alerts(one, seen, at) if alert.fired is not None]
    together = timedelta(seconds=model.window.seconds * model.alarm.of)
    grouped = incidents.grouped(raised, together, {})
    return Replay(_incidents(model, grouped, costs, end), grouped, Window(first, end))


def _kept(document: Document) -> Document:
    """What is needed of a metric; most windows are well, and a year of them is to fit into memory."""
    metric = document["metric"]
    if Level(metric["level"]) in WRONG:
        return document
    told = {key: metric[key] for key in ("name", "level", "value", "reference_value") if key in metric}
    return {"model": document["model"], "window": document["window"], "metric": told}


def _seen(windows: Sequence[Document], rule: Rule) -> list[Seen]:
    levels = [Level(document["metric"]["level"]) for document in windows]
    return [
        Seen(Window.from_document(document["window"]), level, alarm, document)
        for document, level, alarm in zip(windows, levels, alarms(levels, rule), strict=True)
    ]


def _incidents(
    model: Model, alerts: Sequence[Alert], costs: Mapping[tuple[str, Window], Sequence[Document]], end: datetime
) -> list[Incident]:
    found = []
    for identity, parts in incidents.members(alerts).items():
        whole = incidents.incident(identity, parts)
        version = incidents.parent(parts).series.version
        inside = [
            told
            for (of_version, window), told in costs.items()
            if of_version == version and whole.since <= window.start < (whole.until or end)
        ]
        cost = impact.impact(model.task, model.costs, inside)
        whole = replace(whole, impact=cost, severity=promised.severity(parts, model.costs.severity(cost)))
        found.append(model.patience.of(whole, end))
    return sorted(found, key=lambda incident: (incident.fired, incident.id))
