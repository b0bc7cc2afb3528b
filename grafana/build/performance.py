"""How good is the model, and where is it worse?"""

from __future__ import annotations

from grafana_foundation_sdk.models.dashboard import DataTransformerConfig, Panel

from . import live, variables
from .page import Band, Page
from .panels import MAY_BE_EMPTY, grid, lines, verdicts
from .queries import BY_SEGMENT, BY_VERSION, SIZE, VERSION, WHOLE, count, largest, mean, over_time, smallest

FAMILIES = "(classification OR regression OR calibration)"
_ONE = f"{WHOLE} AND metric.name:$measure"
_ENDS = DataTransformerConfig(
    id_val="reduce", options={"reducers": ["lastNotNull", "min", "max", "mean"], "mode": "seriesToRows"}
)


def page() -> Page:
    """The dashboard of one model's performance."""
    return Page(
        name="performance",
        title="Driftline: model performance",
        question="How good is the model, since when, and in which segment? Realised and estimated, with intervals.",
        variables=(
            *variables.of_one_model(),
            variables.measure(FAMILIES),
        ),
        bands=(
            Band(10, (_with_interval(),)),
            Band(9, (_by_segment(), _coverage())),
            Band(10, (_all_measures(), _verdicts())),
            Band(8, (_samples(),)),
        ),
        folded=(live.TITLE, live.measure("$measure")),
    )


def _with_interval() -> Panel:
    return lines(
        "$measure, by version",
        "Of all predictions: the value and its 95 % interval, what it was in the reference, and, dotted, what was "
        "estimated before labels came, for measures that can be estimated. Steps wider than a window show the mean of "
        "values and the widest interval. Blue lines are changes, red ones incidents.",
        over_time(_ONE, mean("metric.value"), BY_VERSION, alias=VERSION),
        over_time(_ONE, smallest("metric.lower"), BY_VERSION, alias=f"{VERSION} lower", ref="B"),
        over_time(_ONE, largest("metric.upper"), BY_VERSION, alias=f"{VERSION} upper", ref="C"),
        over_time(_ONE, mean("metric.reference_value"), BY_VERSION, alias=f"{VERSION} reference", ref="D"),
        over_time(
            f"{WHOLE} AND metric.name:estimated_${{measure}}",
            mean("metric.value"),
            BY_VERSION,
            alias=f"{VERSION} estimated",
            ref="E",
        ),
    )


def _by_segment() -> Panel:
    return lines(
        "$measure, by $dimension",
        "The same of each segment.",
        over_time(
            f"{BY_SEGMENT} AND metric.name:$measure",
            mean("metric.value"),
            ("segment.value", "model.version"),
            alias="{{term segment.value}} {{term model.version}}",
        ),
    )


def _coverage() -> Panel:
    return lines(
        "Labels",
        "Share of the predictions whose label is known, and, where it is known how many labels will come, the share of "
        "these that are there: performance on few or early labels may move yet.",
        over_time(_ONE, mean("metric.label_coverage"), BY_VERSION, alias=f"{VERSION} known"),
        over_time(_ONE, mean("metric.label_maturity"), BY_VERSION, alias=f"{VERSION} of those to come", ref="B"),
        unit="percentunit",
        least=0,
    )


def _all_measures() -> Panel:
    return grid(
        "All measures",
        "Of all predictions: the last window in the time range, and all of them.",
        over_time(
            f"{WHOLE} AND metric.family:{FAMILIES}",
            mean("metric.value"),
            ("metric.name", "model.version"),
            alias="{{term metric.name}} {{term model.version}}",
        ),
        {"Field": "Measure", "Last *": "Last", "Min": "Smallest", "Max": "Largest", "Mean": "Mean"},
        properties={name: {"decimals": 4} for name in ("Last", "Smallest", "Largest", "Mean")},
        transformations=(_ENDS,),
    )


def _verdicts() -> Panel:
    return verdicts(
        "Verdicts on performance",
        "Of all these measures and of estimates, on all predictions and in segments, by the windows that begin in a "
        f"step; without those that are ok. {MAY_BE_EMPTY}",
        over_time(
            f"{SIZE} AND metric.family:({FAMILIES} OR estimation) AND NOT metric.status:ok",
            count(),
            ("metric.status",),
        ),
    )


def _samples() -> Panel:
    return lines(
        "Predictions that $measure was measured on",
        "In a window, whose outcome is known where the measure needs it.",
        over_time(_ONE, mean("metric.sample_size"), BY_VERSION, alias=VERSION),
        least=0,
    )
