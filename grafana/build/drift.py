"""What does the model see that is not as it was?"""

from __future__ import annotations

from grafana_foundation_sdk.models.dashboard import Panel

from . import live, variables
from .page import Band, Page
from .panels import MAY_BE_EMPTY, bars, grid, heat, lines
from .queries import BY_VERSION, ONE_SEGMENT, VERSION, count, largest, mean, over_time, rows, smallest
from .sources import DISTRIBUTIONS

_MEASURE = f"{ONE_SEGMENT} AND metric.name:$measure"
_FEATURE = f"{_MEASURE} AND feature.name:$feature"
_SHARES = "(missing_rate OR unseen_rate OR out_of_range_rate OR constant)"


def page() -> Page:
    """The dashboard of drift and of the quality of features."""
    return Page(
        name="drift",
        title="Driftline: drift",
        question="What does the model see or say that is not as it was? Which features moved, since when, and how.",
        variables=(
            *variables.of_one_model(),
            variables.segment(),
            variables.measure("drift"),
            variables.feature(),
        ),
        bands=(
            Band(12, (_by_feature(),)),
            Band(10, (_movers(), _alarms())),
            Band(9, (_one_feature(), _distribution())),
            Band(9, (_quality(), _causes())),
        ),
        folded=(live.TITLE, live.measure("$measure")),
    )


def _by_feature() -> Panel:
    return heat(
        "$measure, by feature",
        "The largest value in a step: darker is further from the reference.",
        over_time(_MEASURE, largest("metric.value"), ("feature.name",)),
        scheme="Oranges",
        steps=200,
    )


def _movers() -> Panel:
    return grid(
        "What moved most, by $measure",
        "Over the windows in the time range that could be judged, the largest value first.",
        rows(
            f"{_MEASURE} AND NOT metric.status:insufficient_data",
            (largest("metric.value"), mean("metric.value", 2)),
            ("feature.name", "model.version"),
            order="1",
        ),
        {"feature.name": "Feature", "model.version": "Version", "Max": "Largest", "Average": "Mean"},
        properties={"Largest": {"decimals": 3, "custom.cellOptions": {"type": "gauge"}}, "Mean": {"decimals": 3}},
    )


def _alarms() -> Panel:
    return heat(
        "Series that fire, by feature",
        "How many measures of drift and quality of a feature have an alarm with the windows that begin in a step. "
        f"{MAY_BE_EMPTY}",
        over_time(
            f"{ONE_SEGMENT} AND metric.family:(drift OR quality) AND metric.alarm:firing",
            count(),
            ("feature.name",),
            gaps=False,
        ),
    )


def _one_feature() -> Panel:
    return lines(
        "$measure of $feature, by version",
        "The value and its 95 % interval. Blue lines are changes, red ones incidents.",
        over_time(_FEATURE, mean("metric.value"), BY_VERSION, alias=VERSION),
        over_time(_FEATURE, smallest("metric.lower"), BY_VERSION, alias=f"{VERSION} lower", ref="B"),
        over_time(_FEATURE, largest("metric.upper"), BY_VERSION, alias=f"{VERSION} upper", ref="C"),
        least=0,
    )


def _distribution() -> Panel:
    return bars(
        "Distribution of $feature",
        "Of all predictions: the mean share of each bin over the windows in the time range, and that in the reference. "
        "Stored are the features that moved most, in the largest windows, and those in alarm, in windows of any size: "
        f"choose the largest size to see most, and one version. {MAY_BE_EMPTY}",
        rows(
            '_index:"driftline-distributions-${namespace}" AND model.name:$model AND model.version:$version '
            "AND window.size:$size AND feature.name:$feature",
            (mean("distribution.share"), mean("distribution.reference_share", 2)),
            ("distribution.bin",),
            source=DISTRIBUTIONS,
        ),
        {
            "distribution.bin": "Bin",
            "Average distribution.share": "Share",
            "Average distribution.reference_share": "Reference",
        },
        unit="percentunit",
    )


def _quality() -> Panel:
    return lines(
        "Quality of $feature",
        "Shares that are missing, in no known category or outside the reference's range; 1: stuck at one value.",
        over_time(
            f"{ONE_SEGMENT} AND feature.name:$feature AND metric.name:{_SHARES}",
            mean("metric.value"),
            ("metric.name", "model.version"),
            alias="{{term metric.name}} {{term model.version}}",
        ),
        unit="percentunit",
        least=0,
    )


def _causes() -> Panel:
    return grid(
        "What happened to features",
        f"Where counts tell the cause of drift: how many verdicts name it, and its share of the change. {MAY_BE_EMPTY}",
        rows(
            f"{ONE_SEGMENT} AND _exists_:metric.cause.kind AND NOT metric.status:ok",
            (count(), mean("metric.cause.confidence", 2)),
            ("feature.name", "metric.cause.kind"),
        ),
        {
            "feature.name": "Feature",
            "metric.cause.kind": "Cause",
            "Count": "Verdicts",
            "Average": "Share of the change",
        },
        properties={"Share of the change": {"unit": "percentunit"}},
    )
