"""Columns of Lens as aggregations, and what aggregations answer as values of columns."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from . import filters
from .bundle import Json
from .fields import RECORDS, Need, Use
from .filters import Query
from .finding import refuse

Aggregations = dict[str, Any]
Value = float | str | bool | None

# How many buckets Kibana aims at for an automatic interval.
AUTOMATIC = 50


@dataclass(frozen=True, slots=True)
class Operation:
    """A function of one field.

    Attributes:
        need: What it asks of the field.
        build: From field and parameters to the aggregation.
        read: From the aggregation's answer to the value.
        path: What follows its name where buckets are ordered by it.
    """

    need: Need
    build: Callable[[str, Json], Json]
    read: Callable[[Json], Value]
    path: Callable[[Json], str] = lambda _: ""


def _plain(name: str, need: Need = "number") -> Operation:
    return Operation(need, lambda field, _: {name: {"field": field}}, lambda answer: answer["value"])


def _first_value(answer: Json) -> Value:
    return next(iter(answer["values"].values()), None)


def _percents(of: Callable[[Json], float]) -> Operation:
    return Operation(
        "number",
        lambda field, params: {"percentiles": {"field": field, "percents": [of(params)]}},
        _first_value,
        lambda params: f"[{float(of(params))}]",
    )


def _latest(answer: Json) -> Value:
    hits = answer["hits"]["hits"]
    return next((values[0] for hit in hits for values in (hit.get("fields") or {}).values()), None)


OPERATIONS: Mapping[str, Operation] = {
    "count": Operation("mapped", lambda field, _: {"value_count": {"field": field}}, lambda answer: answer["value"]),
    "sum": _plain("sum"),
    "average": _plain("avg"),
    "min": _plain("min", "number or date"),
    "max": _plain("max", "number or date"),
    "unique_count": _plain("cardinality", "aggregatable"),
    "median": _percents(lambda _: 50.0),
    "percentile": _percents(lambda params: float(params["percentile"])),
    "percentile_rank": Operation(
        "number",
        lambda field, params: {"percentile_ranks": {"field": field, "values": [float(params["value"])]}},
        _first_value,
        lambda params: f"[{float(params['value'])}]",
    ),
    "standard_deviation": Operation(
        "number",
        lambda field, _: {"extended_stats": {"field": field}},
        lambda answer: answer["std_deviation"],
        lambda _: ".std_deviation",
    ),
    # Kibana asks for `top_metrics`, which says the same in fewer bytes and is not in every distribution.
    "last_value": Operation(
        "aggregatable",
        lambda field, params: {
            "top_hits": {"size": 1, "_source": False, "fields": [field], "sort": [{params["sortField"]: "desc"}]}
        },
        _latest,
    ),
}


@dataclass(frozen=True, slots=True)
class Metric:
    """A column that is one number of each bucket.

    Attributes:
        name: Its id.
        aggregation: What to ask; None where the count of documents is the answer.
        condition: The filter around it; None without one.
        order: What buckets are ordered by to be ordered by it.
        read: From the aggregation's answer to the value.
        uses: What it asks of fields.
    """

    name: str
    aggregation: Json | None
    condition: Query | None
    order: str
    read: Callable[[Json], Value]
    uses: tuple[Use, ...]

    @property
    def counted(self) -> bool:
        """Whether it is the number of documents that its filter lets through."""
        return self.condition is not None and "aggs" not in (self.aggregation or {})

    def value(self, bucket: Json) -> Value:
        """Its value in a bucket; None where its filter leaves nothing that it could be of."""
        if self.aggregation is None:
            return int(bucket["doc_count"])
        answer = bucket[self.name]
        if self.condition is None or self.counted:
            return self.read(answer)
        return self.read(answer[self.name]) if answer["doc_count"] else None


def metric(name: str, column: Json) -> Metric:
    """The metric that a column is.

    Raises:
        NotUnderstoodError: Its operation, or something about it, is not known here.
    """
    for key in ("timeShift", "reducedTimeRange", "timeScale"):
        if column.get(key):
            refuse(f"{key} of column", column[key], "none")
    kind = str(column.get("operationType"))
    if kind not in OPERATIONS:
        refuse("operation of column", kind, ", ".join((*OPERATIONS, "static_value", "formula")))
    field = str(column.get("sourceField") or RECORDS)
    condition = next(iter(filters.of_text(column.get("filter"))), None)
    uses = tuple(Use(each, "searchable", f"the filter of {kind}") for each in filters.fields(condition or {}))
    if field != RECORDS:
        return _of_field(Metric(name, None, condition, name, OPERATIONS[kind].read, uses), kind, field, column)
    if kind != "count":
        refuse("field of column", field, f"a field, as {kind} is of one")
    around = None if condition is None else {"filter": condition}
    order = "_count" if condition is None else name
    return Metric(name, around, condition, order, lambda answer: int(answer["doc_count"]), uses)


def _of_field(begun: Metric, kind: str, field: str, column: Json) -> Metric:
    params, name = column.get("params") or {}, begun.name
    inner, path = _built(OPERATIONS[kind], field, params, kind)
    uses = (*begun.uses, Use(field, OPERATIONS[kind].need, kind))
    if kind == "last_value":
        uses += (Use(str(params["sortField"]), "date", kind),)
    if begun.condition is None:
        return replace(begun, aggregation=inner, order=name + path, uses=uses)
    around = {"filter": begun.condition, "aggs": {name: inner}}
    return replace(begun, aggregation=around, order=f"{name}>{name}{path}", uses=uses)


def _built(operation: Operation, field: str, params: Json, kind: str) -> tuple[Json, str]:
    try:
        return operation.build(field, params), operation.path(params)
    except (KeyError, TypeError, ValueError) as error:
        refuse(f"parameters of {kind}", dict(params), f"what it needs ({error})")


@dataclass(frozen=True, slots=True)
class Bucket:
    """A column that parts the documents."""

    name: str
    aggregation: Json
    uses: tuple[Use, ...]
    ordered_by: Metric | None = None


def bucket(name: str, column: Json, metrics: Mapping[str, Metric]) -> Bucket:
    """The buckets that a column makes.

    Raises:
        NotUnderstoodError: Its operation, or something about it, is not known here.
    """
    kind, params = str(column.get("operationType")), column.get("params") or {}
    if kind not in _BUCKETS:
        refuse("operation of bucket", kind, ", ".join(_BUCKETS))
    return _BUCKETS[kind](name, str(column.get("sourceField") or ""), params, metrics)


def _dates(name: str, field: str, params: Json, _: Mapping[str, Metric]) -> Bucket:
    interval = str(params.get("interval", "auto"))
    uses = (Use(field, "date", "date_histogram"),)
    if interval == "auto":
        return Bucket(name, {"auto_date_histogram": {"field": field, "buckets": AUTOMATIC}}, uses)
    if not re.fullmatch(r"\d+(ms|[smhdwMqy])", interval):
        refuse("interval of date_histogram", interval, "auto, or a number and a unit")
    # Only one of a unit follows the calendar.
    key = "calendar_interval" if re.fullmatch(r"1[mhdwMqy]", interval) else "fixed_interval"
    if key == "fixed_interval" and interval[-1] in "wMqy":
        refuse("interval of date_histogram", interval, "one week, month, quarter or year")
    least = 0 if params.get("includeEmptyRows", True) else 1
    return Bucket(name, {"date_histogram": {"field": field, key: interval, "min_doc_count": least}}, uses)


def _terms(name: str, field: str, params: Json, metrics: Mapping[str, Metric]) -> Bucket:
    if params.get("secondaryFields"):
        refuse("fields of terms", [field, *params["secondaryFields"]], "one field")
    asked: dict[str, Any] = {"field": field, "size": int(params.get("size", 5))}
    by, direction = params.get("orderBy") or {}, str(params.get("orderDirection", "desc"))
    ordered_by = _ordering(by, params, metrics)
    if ordered_by is None:
        asked["order"] = {"_key": direction}
    else:
        asked["order"] = {ordered_by.order: direction}
    for key in ("include", "exclude"):
        if chosen := params.get(key):
            as_pattern = params.get(f"{key}IsRegex")
            asked[key] = str(chosen[0]) if as_pattern else list(chosen)
    uses = (Use(field, "aggregatable", "terms"), *(ordered_by.uses if ordered_by else ()))
    return Bucket(name, {"terms": asked}, uses, ordered_by)


def _ordering(by: Json, params: Json, metrics: Mapping[str, Metric]) -> Metric | None:
    kind = by.get("type")
    if kind == "alphabetical":
        return None
    if kind == "custom":
        return metric("order", params.get("orderAgg") or {})
    if kind != "column":
        refuse("order of terms", kind, "column, alphabetical, custom")
    column = str(by.get("columnId"))
    if column not in metrics:
        refuse("order of terms", column, "a metric of the same layer that is no formula")
    if metrics[column].aggregation is not None and "top_hits" in str(metrics[column].aggregation):
        refuse("order of terms", "last_value", "a number")
    return metrics[column]


def _range(name: str, field: str, params: Json, _: Mapping[str, Metric]) -> Bucket:
    uses = (Use(field, "number", "range"),)
    if params.get("type") == "histogram":
        if (bars := params.get("maxBars", "auto")) == "auto":
            return Bucket(name, {"variable_width_histogram": {"field": field, "buckets": AUTOMATIC}}, uses)
        return Bucket(name, {"histogram": {"field": field, "interval": float(bars)}}, uses)
    ranges = [{key: each[key] for key in ("from", "to") if each.get(key) is not None} for each in params["ranges"]]
    return Bucket(name, {"range": {"field": field, "ranges": ranges}}, uses)


def _filters(name: str, _: str, params: Json, __: Mapping[str, Metric]) -> Bucket:
    chosen: dict[str, Json] = {}
    uses: list[Use] = []
    for each in params.get("filters") or ():
        text = each.get("input") or {}
        query = (filters.of_text(text) or [{"match_all": {}}])[0]
        chosen[str(each.get("label") or text.get("query") or "*")] = query
        uses += (Use(field, "searchable", "filters") for field in filters.fields(query))
    if not chosen:
        refuse("filters of column", [], "at least one")
    return Bucket(name, {"filters": {"filters": chosen}}, tuple(uses))


_BUCKETS: Mapping[str, Callable[[str, str, Json, Mapping[str, Metric]], Bucket]] = {
    "date_histogram": _dates,
    "terms": _terms,
    "range": _range,
    "filters": _filters,
}
