"""Which model is in trouble?"""

from __future__ import annotations

from grafana_foundation_sdk.models.dashboard import DataTransformerConfig, Panel

from . import live, variables
from .page import Band, Page
from .panels import MAY_BE_EMPTY, VERDICTS, grid, heat, lines, number, verdicts
from .queries import MODEL, MODELS_OWN, OPEN, count, largest, mean, over_time, rows, smallest
from .sources import ALERTS

RUNBOOKS = "https://github.com/driftline/driftline/blob/main/docs/runbooks"
_SIZED = f"{MODEL} AND window.size:$size"
_TO_MODEL = {
    "title": "Performance of this model",
    "url": "/d/driftline-performance?var-namespace=${namespace}&var-model=${__value.raw}&${__url_time_range}",
}
_MATRIX = DataTransformerConfig(
    id_val="groupingToMatrix",
    options={"rowField": "model.name", "columnField": "metric.status", "valueField": "Count", "emptyValue": "zero"},
)


def page() -> Page:
    """The dashboard of all models."""
    return Page(
        name="fleet",
        title="Driftline: fleet",
        question="Which model is in trouble? Verdicts and alarms by model and time, incidents, and traffic.",
        variables=(variables.namespace(), variables.models(), variables.size(MODEL)),
        bands=(
            Band(
                6,
                (
                    number(
                        "Open incidents",
                        "Incidents that are not resolved: those that began in the last five years where the time range "
                        f"ends now, else those that began in it. {MAY_BE_EMPTY}",
                        over_time(f"{OPEN} AND NOT incident.state:resolved", count(), source=ALERTS, gaps=False),
                        red=1,
                        total=True,
                        back="5y",
                    ),
                    _judged(),
                    _by_status(),
                ),
            ),
            Band(
                9,
                (
                    heat(
                        "Series that fire, by model",
                        "How many series (a measure, of a feature, in a segment) have an alarm with the windows that "
                        "begin in a step; a step without a cell has none, or was not judged.",
                        over_time(f"{_SIZED} AND metric.alarm:firing", count(), ("model.name",), gaps=False),
                    ),
                    verdicts(
                        "Verdicts that are not ok",
                        "How many, by the windows that begin in a step.",
                        over_time(f"{_SIZED} AND NOT metric.status:ok", count(), ("metric.status",)),
                    ),
                ),
            ),
            Band(9, (_incidents(),)),
            Band(
                8,
                (
                    lines(
                        "Traffic",
                        "Predictions a second, the mean over each window.",
                        over_time(
                            f"{_SIZED} AND NOT _exists_:segment.name AND {MODELS_OWN} AND metric.name:throughput",
                            mean("metric.value"),
                            ("model.name", "model.version"),
                            alias="{{term model.name}} {{term model.version}}",
                        ),
                        unit="reqps",
                        least=0,
                    ),
                ),
            ),
        ),
        folded=(live.TITLE, live.fleet()),
    )


def _judged() -> Panel:
    return grid(
        "Judged up to",
        "End of the last window of each model in the time range that was judged.",
        rows(_SIZED, (largest("window.end"),), ("model.name",)),
        {"model.name": "Model", "Max": "Judged up to"},
        properties={"Judged up to": {"unit": "dateTimeAsIso"}, "Model": {"links": [_TO_MODEL]}},
    )


def _by_status() -> Panel:
    colours = {
        status: {"custom.cellOptions": {"type": "color-text"}, "color": {"mode": "fixed", "fixedColor": colour}}
        for status, colour in VERDICTS.items()
    }
    return grid(
        "Verdicts by model",
        "How many verdicts of each kind there are in the time range, of all measures, features and segments.",
        rows(_SIZED, (count(),), ("model.name", "metric.status")),
        {},
        properties=colours,
        transformations=(_MATRIX,),
    )


def _incidents() -> Panel:
    return grid(
        "Incidents",
        "Incidents that began in the time range, the latest first: of what kind they are, since when, until when, and "
        f"what they cost a day. `driftline alerts show ID` has the evidence. {MAY_BE_EMPTY}",
        rows(
            OPEN,
            (smallest("event.start"), largest("event.end", 2), mean("incident.impact.loss", 3)),
            ("incident.severity", "model.name", "incident.kind", "incident.state", "incident.id"),
            source=ALERTS,
        ),
        {
            "incident.severity": "Severity",
            "model.name": "Model",
            "incident.kind": "Kind",
            "incident.state": "State",
            "Min": "Since",
            "Max": "Until",
            "Average": "Loss a day",
            "incident.id": "Incident",
        },
        properties={
            "Since": {"unit": "dateTimeAsIso"},
            "Until": {"unit": "dateTimeAsIso"},
            "Loss a day": {"decimals": 1},
            "Kind": {"links": [{"title": "Runbook", "url": f"{RUNBOOKS}/${{__value.raw}}.md", "targetBlank": True}]},
            "Model": {"links": [_TO_MODEL]},
        },
        latest_by="Since",
    )
