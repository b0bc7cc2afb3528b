"""Alerting rules for Prometheus, over the metrics that the exporter publishes. Pure.

Source: https://prometheus.io/docs/prometheus/latest/configuration/alerting_rules/.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from ...measures import Measure, Subject
from ...monitors import Model, Monitors
from ..kinds import kind_of
from ..records import Kind, Severity
from . import gauges
from .conditions import MINUTE, longest, slug
from .kibana import duration

ANALYSIS_IS_LATE = timedelta(hours=1)
"""`driftline run` analyses once a minute unless it is told otherwise."""

_OF_FEATURES = (Subject.NUMERIC, Subject.CATEGORICAL, Subject.DISTRIBUTION)


@dataclass(frozen=True, slots=True)
class AlertRule:
    """One alerting rule.

    Attributes:
        alert: Its name.
        expr: What it asks, in PromQL.
        lasting: How long it must be so.
        severity: Whom it calls; None where the series says it.
        labels: Further labels.
        summary: One line, as a template.
        description: What it means, as a template.
        runbook: Name of the runbook, as a template.
    """

    alert: str
    expr: str
    lasting: timedelta
    severity: Severity | None
    labels: Mapping[str, str]
    summary: str
    description: str
    runbook: str

    def body(self, runbooks: str) -> dict[str, Any]:
        """The rule as `rule_files` hold it; `runbooks` is the address of the folder of runbooks."""
        severity = {"severity": self.severity.value} if self.severity else {}
        return {
            "alert": self.alert,
            "expr": self.expr,
            "for": duration(self.lasting),
            "labels": severity | dict(self.labels),
            "annotations": {
                "summary": self.summary,
                "description": self.description,
                "runbook_url": f"{runbooks}/{self.runbook}.md",
            },
        }


def rules(monitors: Monitors, runbooks: str) -> dict[str, Any]:
    """The content of a rule file: a group for the analyzer, and one for each model."""
    namespace = monitors.streams.namespace
    groups: dict[str, list[AlertRule]] = {f"driftline-{namespace}": of_analyzer(namespace)}
    for model in monitors.models:
        groups[f"driftline-{namespace}-{slug(model.name)}"] = of_model(model, namespace)
    return {"groups": [{"name": name, "rules": [one.body(runbooks) for one in some]} for name, some in groups.items()]}


def of_analyzer(namespace: str) -> list[AlertRule]:
    """The rules on the analyzer itself."""
    labels = {"driftline_namespace": namespace}
    last = gauges.LAST_SUCCESS.name
    return [
        AlertRule(
            "DriftlineAnalysisLate",
            f"time() - max({last}) > {ANALYSIS_IS_LATE.total_seconds():.0f}",
            5 * MINUTE,
            Severity.TICKET,
            labels,
            "No analysis came to its end for an hour",
            "`driftline run` does not run, or fails; until it is repaired no other Driftline alert means anything.",
            Kind.INGEST.value,
        ),
        AlertRule(
            "DriftlineAbsent",
            f"absent({last})",
            15 * MINUTE,
            Severity.TICKET,
            labels,
            "Prometheus gets no metrics of Driftline",
            "The exporter does not run or is not scraped; until that is repaired no Driftline alert means anything.",
            Kind.INGEST.value,
        ),
    ]


def of_model(model: Model, namespace: str) -> list[AlertRule]:
    """The rules on one model: its incidents, its series that fire, and whether its windows are judged at all."""
    labels = {"driftline_namespace": namespace}
    name, size = json.dumps(model.name, ensure_ascii=False), json.dumps(model.window.text)
    severities = f"{Severity.PAGE}|{Severity.TICKET}"
    incidents = f'{gauges.INCIDENT_OPEN.name}{{model={name},severity=~"{severities}"}}'
    return [
        AlertRule(
            "DriftlineIncidentOpen",
            f"max by (model, severity, kind) ({incidents}) > 0",
            2 * MINUTE,
            None,
            labels,
            "{{ $labels.model }}: an incident is open ({{ $labels.kind }})",
            "Alerts of this model began together; `driftline alerts list` says what they cost.",
            "{{ $labels.kind }}",
        ),
        *(_firing(model, kind, names, labels) for kind, names in measures_by_kind(model.measures).items()),
        AlertRule(
            "DriftlineWindowsLate",
            f"time() - max by (model) ({gauges.WINDOW_END.name}{{model={name},window={size}}})"
            f" > {windows_are_late(model).total_seconds():.0f}",
            5 * MINUTE,
            Severity.TICKET,
            labels,
            "{{ $labels.model }}: no new window was judged",
            "Predictions do not arrive, or the analyzer does not run.",
            Kind.INGEST.value,
        ),
    ]


def windows_are_late(model: Model) -> timedelta:
    """How old the end of the last judged window may be: as the next one lasts and waits, and half as much again."""
    window = longest(model.window)
    return window + model.lateness + max(window / 2, 30 * MINUTE)


def measures_by_kind(measures: tuple[Measure, ...]) -> dict[Kind, list[str]]:
    """The names of measures by the kind of trouble that they tell of."""
    found: dict[Kind, list[str]] = {}
    for measure in measures:
        # What is of features may be of answers, too, which only a metric itself tells apart.
        of_whom = {"feature": {"name": "any"}} if measure.subject in _OF_FEATURES else {}
        kind = kind_of({"metric": {"name": measure.name}, **of_whom})
        found.setdefault(kind, []).append(measure.name)
    return found


def _firing(model: Model, kind: Kind, names: list[str], labels: Mapping[str, str]) -> AlertRule:
    of_model = f"model={json.dumps(model.name, ensure_ascii=False)},window={json.dumps(model.window.text)}"
    of_kind = f'{gauges.ALARM.name}{{{of_model},measure=~"{"|".join(names)}"}}'
    return AlertRule(
        "DriftlineSeriesFiring",
        f"count by (model, measure) ({of_kind} == 2)",
        5 * MINUTE,
        Severity.DIGEST,
        {**labels, "kind": kind.value},
        "{{ $labels.model }}: {{ $labels.measure }} fires",
        "Series of this measure that were bad in as many windows as make an alarm: {{ $value }}. "
        "`driftline metrics --alarm firing` lists them.",
        kind.value,
    )
