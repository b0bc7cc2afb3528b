"""Columns of a chart: what it counts by, and what it counts. Pure."""

from __future__ import annotations

from collections.abc import Mapping

from driftline.analyzers.settings import Node

from .shapes import Json, kuery

AGGREGATIONS = {
    "average": "average",
    "max": "max",
    "median": "median",
    "min": "min",
    "sum": "sum",
    "unique": "unique_count",
}
FORMATS: Mapping[str, Json] = {
    "percent": {"id": "percent", "params": {"decimals": 1}},
    "number": {"id": "number", "params": {"decimals": 3}},
    "whole": {"id": "number", "params": {"decimals": 0}},
}
_RECORDS = "___records___"
_EMPTY_IS_NULL = ("count", "unique_count", "sum", "min", "max")


def bucket(node: Node, values: Mapping[str, str]) -> Json:
    """A column that others are counted by.

    Args:
        node: `time` and how often, `every`; or `field`, how many of its values, `top`, and their `order`: the label of
            a value, largest first, or `name`, by themselves. `missing`: documents without the field are a row, too;
            `rest`: so are all other values together.
        values: Labels of what is counted, and the ids of their columns.
    """
    if node.mapping().get("time"):
        return _time(node)
    node.keys({"field", "top", "order", "label", "missing", "rest"}, {"field", "top"})
    field = node["field"].text()
    params = {
        "size": node["top"].whole(1, 1000),
        **_order(node, values),
        "otherBucket": bool(node.value.get("rest")),
        "missingBucket": bool(node.value.get("missing")),
        "parentFormat": {"id": "terms"},
        "include": [],
        "exclude": [],
        "includeIsRegex": False,
        "excludeIsRegex": False,
    }
    return {
        **_label(node, f"Top values of {field}"),
        "dataType": "string",
        "operationType": "terms",
        "isBucketed": True,
        "scale": "ordinal",
        "sourceField": field,
        "params": params,
    }


def value(node: Node) -> Json:
    """A column that is counted.

    Args:
        node: `of`, which is `count`, or an aggregation and a field, such as `average metric.value` or
            `p95 event.duration`; its `label`; `where`, KQL of the documents that count; `format`; `zero`, whether
            nothing is shown as 0; `colour`, which its chart reads.
    """
    node.keys({"of", "label", "where", "format", "zero", "colour"}, {"of", "label"})
    operation, field, params = _operation(node["of"])
    if operation in _EMPTY_IS_NULL:
        params["emptyAsNull"] = not node.value.get("zero", False)
    if shown := node.get("format"):
        params["format"] = FORMATS[shown.choice(FORMATS)]
    column = {
        **_label(node, ""),
        "dataType": "number",
        "operationType": operation,
        "isBucketed": False,
        "scale": "ratio",
        "sourceField": field,
        "params": params,
    }
    return {**column, "filter": kuery(where.text())} if (where := node.get("where")) else column


def static(label: str, number: float) -> Json:
    """A column that is always the same, for a line across a chart."""
    return {
        "label": label,
        "customLabel": True,
        "dataType": "number",
        "operationType": "static_value",
        "isBucketed": False,
        "isStaticValue": True,
        "scale": "ratio",
        "params": {"value": str(number)},
        "references": [],
    }


def _time(node: Node) -> Json:
    node.keys({"time", "every", "label", "empty"})
    every = node.get("every")
    params = {
        "interval": every.text() if every else "auto",
        "includeEmptyRows": bool(node.value.get("empty", True)),
        "dropPartials": False,
    }
    return {
        **_label(node, node["time"].text()),
        "dataType": "date",
        "operationType": "date_histogram",
        "isBucketed": True,
        "scale": "interval",
        "sourceField": node["time"].text(),
        "params": params,
    }


def _order(node: Node, values: Mapping[str, str]) -> Json:
    order = node.get("order")
    if order and order.value == "name":
        return {"orderBy": {"type": "alphabetical"}, "orderDirection": "asc"}
    column = values[order.choice(values)] if order else next(iter(values.values()))
    return {"orderBy": {"type": "column", "columnId": column}, "orderDirection": "desc"}


def _operation(node: Node) -> tuple[str, str, Json]:
    name, _, field = node.text().partition(" ")
    if name == "count" and not field:
        return "count", _RECORDS, {}
    if name in AGGREGATIONS and field:
        return AGGREGATIONS[name], field, {}
    if not (name[0] == "p" and name[1:].isdigit() and field):
        node.refuse(f"count, or one of {', '.join(AGGREGATIONS)} or a percentile such as p95, and a field")
    return "percentile", field, {"percentile": int(name[1:])}


def _label(node: Node, default: str) -> Json:
    label = node.get("label")
    return {"label": label.text(), "customLabel": True} if label else {"label": default}
