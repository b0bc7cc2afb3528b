"""Does the service answer, in time and without errors, and do labels come?"""

from __future__ import annotations

from grafana_foundation_sdk.models.dashboard import Panel

from . import live, variables
from .page import Band, Page
from .panels import MAY_BE_EMPTY, lines, verdicts
from .queries import BY_SEGMENT, SIZE, WHOLE, count, mean, over_time

_MEASURES = "latency_p50|latency_p95|latency_p99|throughput|error_rate|label_coverage"


def page() -> Page:
    """The dashboard of the service around one model."""
    return Page(
        name="service",
        title="Driftline: service",
        question="Does the service answer, in time and without errors? Latency, throughput, errors, delay of labels.",
        variables=variables.of_one_model(),
        bands=(
            Band(
                9,
                (
                    _of(
                        "Latency",
                        f"Percentiles of how long a prediction took, where services log it. {MAY_BE_EMPTY}",
                        "(latency_p50 OR latency_p95 OR latency_p99)",
                        unit="ns",
                    ),
                    _of("Throughput", "Predictions a second, the mean over each window.", "throughput", unit="reqps"),
                ),
            ),
            Band(
                9,
                (
                    _of("Errors", "Share of the predictions that failed.", "error_rate", unit="percentunit"),
                    lines(
                        "Throughput, by $dimension",
                        "Predictions a second of each segment.",
                        over_time(
                            f"{BY_SEGMENT} AND metric.name:throughput",
                            mean("metric.value"),
                            ("segment.value", "model.version"),
                            alias="{{term segment.value}} {{term model.version}}",
                        ),
                        unit="reqps",
                        least=0,
                    ),
                ),
            ),
            Band(
                9,
                (
                    _of(
                        "Delay of labels",
                        "Percentiles of the time from a prediction to its outcome.",
                        "(label_delay_p50 OR label_delay_p95)",
                        unit="s",
                    ),
                    _of(
                        "Labels",
                        "Share of the predictions whose outcome is known.",
                        "label_coverage",
                        unit="percentunit",
                    ),
                ),
            ),
            Band(
                8,
                (
                    verdicts(
                        "Verdicts on the service",
                        "On all predictions and in segments, by the windows that begin in a step; without those that "
                        f"are ok. {MAY_BE_EMPTY}",
                        over_time(
                            f"{SIZE} AND metric.family:service AND NOT metric.status:ok", count(), ("metric.status",)
                        ),
                    ),
                ),
            ),
        ),
        folded=(live.TITLE, live.measure(_MEASURES)),
    )


def _of(title: str, description: str, measures: str, *, unit: str) -> Panel:
    return lines(
        title,
        description,
        over_time(
            f"{WHOLE} AND metric.name:{measures}",
            mean("metric.value"),
            ("metric.name", "model.version"),
            alias="{{term metric.name}} {{term model.version}}",
        ),
        unit=unit,
        least=0,
    )
