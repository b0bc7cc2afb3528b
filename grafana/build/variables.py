"""What people choose from: each list holds what the time range and the choices before it leave."""

from __future__ import annotations

import json

from grafana_foundation_sdk.builders.dashboard import QueryVariable
from grafana_foundation_sdk.models.dashboard import VariableOption, VariableRefresh, VariableSort

from .queries import MODEL, NAMESPACE, NO_SEGMENT, SIZE
from .sources import METRICS

_OF_VERSION = f"{MODEL} AND model.version:$version"
_ALL = VariableOption(text="All", value="$__all", selected=True)


def _terms(name: str, label: str, field: str, query: str = "*") -> QueryVariable:
    return (
        QueryVariable(name)
        .label(label)
        .datasource(METRICS)
        .query(json.dumps({"find": "terms", "field": field, "query": query}))
        .refresh(VariableRefresh.ON_TIME_RANGE_CHANGED)
        .sort(VariableSort.ALPHABETICAL_ASC)
    )


def of_one_model() -> tuple[QueryVariable, ...]:
    """What the dashboards of one model begin with."""
    return namespace(), model(), version(), size(), dimension()


def namespace() -> QueryVariable:
    """The namespace, which is a part of the index's name."""
    return _terms("namespace", "Namespace", "_index").regex("/^driftline-metrics-(.+)$/")


def model() -> QueryVariable:
    """One model."""
    return _terms("model", "Model", "model.name", NAMESPACE)


def models() -> QueryVariable:
    """One or more models, at first all."""
    return model().multi(True).include_all(True).current(_ALL)


def version() -> QueryVariable:
    """One or more versions of the models, at first all; each is a series of its own."""
    query = f"{MODEL} AND NOT model.version:\\*"
    return _terms("version", "Version", "model.version", query).multi(True).include_all(True).current(_ALL)


def size(within: str = _OF_VERSION) -> QueryVariable:
    """One size of windows, of those `within` a query."""
    return _terms("size", "Window size", "window.size", within)


def dimension() -> QueryVariable:
    """What segments are made by, such as a region."""
    return _terms("dimension", "Segments by", "segment.name", SIZE)


def segment() -> QueryVariable:
    """One segment; `All` is the whole model, whose metrics name no segment."""
    return (
        _terms("segment", "Segment", "segment.value", f"{SIZE} AND segment.name:$dimension")
        .description("All: all predictions of the model")
        .include_all(True)
        .all_value(NO_SEGMENT)
        .current(_ALL)
    )


def measure(families: str) -> QueryVariable:
    """One measure of these families, such as `drift` or `(classification OR regression)`."""
    return _terms("measure", "Measure", "metric.name", f"{SIZE} AND metric.family:{families}")


def feature() -> QueryVariable:
    """One feature that has the measure; scores and predicted classes are there as `prediction.score` and the like."""
    query = f"{SIZE} AND metric.name:$measure AND _exists_:feature.name"
    return _terms("feature", "Feature", "feature.name", query)
