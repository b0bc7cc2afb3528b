"""What the metrics for Prometheus are called: the one place with their names, which rules and exporter share."""

from __future__ import annotations

from dataclasses import dataclass

SERIES = ("model", "version", "measure", "feature", "segment_name", "segment_value", "window")
"""What tells one series of metrics from another; a label that says nothing is empty."""


@dataclass(frozen=True, slots=True)
class Gauge:
    """A metric that Prometheus scrapes.

    Attributes:
        name: Its name.
        help: What it says, in one line.
        labels: Names of its labels.
    """

    name: str
    help: str
    labels: tuple[str, ...] = ()


VALUE = Gauge("driftline_metric_value", "Value of the last window that could be judged.", SERIES)
LOWER = Gauge("driftline_metric_lower", "Lower end of its 95 % interval.", SERIES)
UPPER = Gauge("driftline_metric_upper", "Upper end of its 95 % interval.", SERIES)
STATUS = Gauge("driftline_metric_status", "Verdict: 0 ok, 1 warning, 2 critical, -1 insufficient data.", SERIES)
ALARM = Gauge("driftline_alarm", "Alarm of the series: 0 none, 1 pending, 2 firing.", SERIES)
INCIDENT_OPEN = Gauge("driftline_incident_open", "Incidents that are open.", ("model", "severity", "kind"))
WINDOW_END = Gauge(
    "driftline_window_end_timestamp_seconds", "End of the last window that was judged.", ("model", "window")
)
LAST_SUCCESS = Gauge("driftline_analyzer_last_success_timestamp_seconds", "When an analysis last came to its end.")

GAUGES = (VALUE, LOWER, UPPER, STATUS, ALARM, INCIDENT_OPEN, WINDOW_END, LAST_SUCCESS)
