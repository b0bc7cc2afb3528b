"""Where to look further: addresses in Kibana, the runbook, and commands that show the same without Kibana. Pure."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from typing import TYPE_CHECKING

from ...windows import Window, iso
from ..records import Kind, Series
from . import kuery, rison
from .shape import Links

if TYPE_CHECKING:
    from ..places import Places

PREDICTIONS, METRICS = "driftline-predictions", "driftline-metrics"
"""The data views."""
DASHBOARDS: Mapping[Kind, str] = {
    Kind.INGEST: "driftline-pipeline-health",
    Kind.SERVICE: "driftline-service",
    Kind.QUALITY: "driftline-drift",
    Kind.FEATURE: "driftline-drift",
    Kind.DRIFT: "driftline-drift",
    Kind.PERFORMANCE: "driftline-model-performance",
    Kind.FAIRNESS: "driftline-fairness",
    Kind.OBJECTIVE: "driftline-fleet",
}


def links(
    places: Places, kind: Kind, series: Series, period: Window, indices: tuple[str, str], predictions: str
) -> Links:
    """All links of an incident.

    Args:
        places: Where they lead.
        kind: What kind of trouble it is.
        series: Whose metrics it is about.
        period: The time to look at.
        indices: The namespace, and the name of the monitoring index.
        predictions: KQL of the predictions behind it.
    """
    namespace, index = indices
    of_namespace = kuery.equals("data_stream.namespace", namespace)
    of_index = kuery.equals("_index", index)
    model = kuery.equal_to({"model.name": series.model, "model.version": series.version})
    return {
        "runbook": f"{places.runbooks}/{kind.value}.md",
        "discover": discover(places.kibana, PREDICTIONS, period, kuery.both(of_namespace, predictions)),
        # Shippers and dead letters know no model.
        "dashboard": dashboard(places.kibana, DASHBOARDS[kind], period, "" if kind is Kind.INGEST else model),
        "metrics": discover(places.kibana, METRICS, period, kuery.both(of_index, of_metrics(series))),
    }


def of_metrics(series: Series) -> str:
    """KQL of the metric documents of a series."""
    segment = series.segment or (None, None)
    given = kuery.equal_to(
        {
            "model.name": series.model,
            "model.version": series.version,
            "window.size": series.size,
            "metric.name": series.measure,
            "feature.name": series.feature,
            "segment.name": segment[0],
            "segment.value": segment[1],
        }
    )
    absent = [] if series.segment else [kuery.neither(kuery.exists("segment.name"))]
    return kuery.both(given, *absent)


def discover(base: str, view: str, period: Window, kql: str) -> str:
    """The address of Discover with a data view, a fixed period and a query."""
    state: rison.Value = {
        "dataSource": {"type": "dataView", "dataViewId": view},
        "query": {"language": "kuery", "query": kql},
    }
    return f"{base}/app/discover#/?_g={_time(period)}&_a={rison.parameter(state)}"


def dashboard(base: str, identity: str, period: Window, kql: str) -> str:
    """The address of a dashboard with a fixed period and a query."""
    state: rison.Value = {"query": {"language": "kuery", "query": kql}}
    return f"{base}/app/dashboards#/view/{identity}?_g={_time(period)}&_a={rison.parameter(state)}"


def _time(period: Window) -> str:
    return rison.parameter({"time": {"from": iso(period.start), "to": iso(period.end)}})


def predictions_command(kql: str, period: Window | None, namespace: str, sort: str | None = None) -> str:
    """The command that lists predictions."""
    words = ["driftline", "predictions", kql, "--namespace", namespace]
    words += ["--since", iso(period.start), "--until", iso(period.end)] if period else []
    return shlex.join([*words, *(["--sort", sort] if sort else [])])


def metrics_command(series: Series, period: Window, namespace: str) -> str:
    """The command that lists the metrics of a series."""
    words = ["driftline", "metrics", "--namespace", namespace, "--model", series.model, "--version", series.version]
    words += ["--measure", series.measure, "--window", series.size]
    words += ["--feature", series.feature or "", "--segment", "=".join(series.segment) if series.segment else "none"]
    return shlex.join([*words, "--since", iso(period.start), "--until", iso(period.end)])
