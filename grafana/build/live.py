"""What Prometheus knows, for those who let it scrape Driftline's gauges; the folded row of each dashboard."""

from __future__ import annotations

from driftline.analyzers.alerts.export import gauges

from .page import Band
from .panels import MAY_BE_EMPTY, lines, number
from .queries import prometheus_now, prometheus_over_time

TITLE = "From Prometheus, where it scrapes Driftline's gauges"
_FOR_WHOM = f"Empty unless something exports Driftline's gauges to Prometheus. {MAY_BE_EMPTY}"
_FIRING = 2
_TOO_OLD = 3600


def fleet() -> tuple[Band, ...]:
    """Of all models: incidents, alarms, and how old the last analysis and the last windows are; ages are in seconds."""
    return (
        Band(
            6,
            (
                number(
                    "Open incidents now",
                    f"By model and severity. {_FOR_WHOM}",
                    prometheus_now(
                        f'sum by (model, severity) ({gauges.INCIDENT_OPEN.name}{{model=~"$model"}})',
                        "{{model}} {{severity}}",
                    ),
                    red=1,
                    total=False,
                ),
                number(
                    "Last analysis, ago",
                    _FOR_WHOM,
                    prometheus_now(f"time() - max({gauges.LAST_SUCCESS.name})", "analysis"),
                    unit="s",
                    red=_TOO_OLD,
                    total=False,
                ),
            ),
        ),
        Band(
            8,
            (
                lines(
                    "Series that fire now",
                    _FOR_WHOM,
                    prometheus_over_time(
                        f'count by (model) ({gauges.ALARM.name}{{model=~"$model"}} == {_FIRING})', "{{model}}"
                    ),
                    least=0,
                ),
                lines(
                    "End of the last window, ago",
                    _FOR_WHOM,
                    prometheus_over_time(
                        f'time() - max by (model) ({gauges.WINDOW_END.name}{{model=~"$model",window="$size"}})',
                        "{{model}}",
                    ),
                    unit="s",
                    least=0,
                ),
            ),
        ),
    )


def measure(names: str) -> tuple[Band, ...]:
    """Of one model: the last value of measures of all predictions and of each feature, and the largest verdict.

    Args:
        names: Names of measures, as a regular expression or a variable.
    """
    of_whole = f'{{model="$model",version=~"$version",window="$size",segment_name="",measure=~"{names}"}}'
    labels = "{{measure}} {{feature}} {{version}}"
    return (
        Band(
            8,
            (
                lines(
                    "Last values",
                    f"Of all predictions. {_FOR_WHOM}",
                    prometheus_over_time(f"{gauges.VALUE.name}{of_whole}", labels),
                ),
                lines(
                    "Last verdicts",
                    f"0 ok, 1 warning, 2 critical, -1 insufficient data. {_FOR_WHOM}",
                    prometheus_over_time(f"{gauges.STATUS.name}{of_whole}", labels),
                ),
            ),
        ),
    )
