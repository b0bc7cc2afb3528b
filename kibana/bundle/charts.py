"""Lens charts: their columns and how these are shown. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from driftline.analyzers.settings import Node

from .columns import bucket, static, value
from .shapes import Json, kuery, view_reference

CHANGES = "driftline-changes"
"""The data view of the changes that are drawn on charts."""
SERIES = ("line", "bar", "bar_stacked", "bar_horizontal", "bar_percentage_stacked", "area", "area_stacked")
_LAYER = "data"
_CHART_KEYS = frozenset({"view", "query"})


@dataclass(frozen=True, slots=True)
class Chart:
    """A chart in the making.

    Attributes:
        kind: Kibana's name of the visualization.
        layers: Columns by layer, each in the order in which they nest.
        shown: The visualization's state.
        references: Of layers that have no columns.
    """

    kind: str
    layers: Mapping[str, Mapping[str, Json]]
    shown: Json
    references: tuple[Json, ...] = ()


def attributes(node: Node, kind: str, title: str, description: str) -> Json:
    """A chart as Lens takes it by value; `references` inside it name its data views."""
    chart = CHARTS[kind](node)
    view = node["view"].text()
    query = node.get("query")
    of_layers = [view_reference(view, f"indexpattern-datasource-layer-{layer}") for layer in chart.layers]
    layers = {
        layer: {"columns": columns, "columnOrder": list(columns), "incompleteColumns": {}, "sampling": 1}
        for layer, columns in chart.layers.items()
    }
    state = {
        "visualization": chart.shown,
        "query": kuery(query.text() if query else ""),
        "filters": [],
        "datasourceStates": {"formBased": {"layers": layers}},
        "internalReferences": [],
        "adHocDataViews": {},
    }
    return {
        "title": title,
        "description": description,
        "type": "lens",
        "visualizationType": chart.kind,
        "references": [*of_layers, *chart.references],
        "state": state,
    }


def _metric(node: Node) -> Chart:
    """One number."""
    node.keys(_CHART_KEYS | {"value", "colours"}, {"view", "value"})
    shown = {
        "layerId": _LAYER,
        "layerType": "data",
        "metricAccessor": "value",
        "secondaryTrend": {"type": "none"},
        "secondaryLabelPosition": "before",
    }
    if colours := node.get("colours"):
        shown |= {"palette": _palette(colours), "applyColorTo": "background"}
    return Chart("lnsMetric", {_LAYER: {"value": value(node["value"])}}, shown)


def _table(node: Node) -> Chart:
    """Rows and columns; `across` makes a column of each value of a field."""
    node.keys(_CHART_KEYS | {"rows", "across", "values", "sort"}, {"view", "rows", "values"})
    values = _values(node)
    ids = _ids(values)
    buckets = {f"row-{place}": bucket(row, ids) for place, row in enumerate(node.list("rows"))}
    columns = [{"columnId": key, "isMetric": False, "isTransposed": False} for key in buckets]
    if across := node.get("across"):
        buckets["across"] = bucket(across, ids)
        columns.append({"columnId": "across", "isMetric": False, "isTransposed": True})
    for key, item in zip(values, node.list("values"), strict=True):
        painted = item.get("colour")
        paint = {"colorMode": "cell", "palette": _palette(painted)} if painted else {}
        columns.append({"columnId": key, "isMetric": True, "isTransposed": False, **paint})
    shown: Json = {"layerId": _LAYER, "layerType": "data", "columns": columns}
    if sort := node.get("sort"):
        shown["sorting"] = {"columnId": ids[sort.choice(ids)], "direction": "desc"}
    return Chart("lnsDatatable", {_LAYER: {**buckets, **values}}, shown)


def _heatmap(node: Node) -> Chart:
    """Cells whose colour is a value."""
    node.keys(_CHART_KEYS | {"x", "y", "value", "colours"}, {"view", "x", "y", "value", "colours"})
    counted = value(node["value"])
    ids = {counted["label"]: "value"}
    shown = {
        "shape": "heatmap",
        "layerId": _LAYER,
        "layerType": "data",
        "xAccessor": "x",
        "yAccessor": "y",
        "valueAccessor": "value",
        "palette": _palette(node["colours"]),
        "legend": {"type": "heatmap_legend", "isVisible": True, "position": "right"},
        "gridConfig": {
            "type": "heatmap_grid",
            "isCellLabelVisible": False,
            "isXAxisLabelVisible": True,
            "isXAxisTitleVisible": False,
            "isYAxisLabelVisible": True,
            "isYAxisTitleVisible": False,
        },
    }
    # The outer column first: the rows are the same in all cells.
    columns = {"y": bucket(node["y"], ids), "x": bucket(node["x"], ids), "value": counted}
    return Chart("lnsHeatmap", {_LAYER: columns}, shown)


def _xy(node: Node) -> Chart:
    """Lines or bars over time or categories, with lines across (`lines`) and changes drawn on them (`changes`)."""
    node.keys(
        _CHART_KEYS | {"type", "x", "by", "values", "colours", "lines", "changes", "bounds"},
        {"view", "type", "x", "values"},
    )
    kind = node["type"].choice(SERIES)
    values = _values(node)
    ids = _ids(values)
    by = node.get("by")
    columns = {**({"by": bucket(by, ids)} if by else {}), "x": bucket(node["x"], ids), **values}
    layer: Json = {
        "layerId": _LAYER,
        "layerType": "data",
        "seriesType": kind,
        "xAccessor": "x",
        "accessors": list(values),
        "position": "top",
        "showGridlines": False,
        "colorMapping": _colour_mapping(node.get("colours")),
    }
    if by:
        layer["splitAccessor"] = "by"
    if by and by["top"].value == 1:
        # One line of each value, so that these have their own names and colours.
        layer["collapseFn"] = "avg"
    colours = [(key, item.get("colour")) for key, item in zip(values, node.list("values"), strict=True)]
    if painted := [{"forAccessor": key, "color": colour.text()} for key, colour in colours if colour]:
        layer["yConfig"] = painted
    layers, more, references = {_LAYER: columns}, [layer], []
    if node.get("lines"):
        across, drawn = _lines(node)
        layers["lines"] = across
        more.append(drawn)
    if node.value.get("changes"):
        more.append(_changes())
        references.append(view_reference(CHANGES, "xy-visualization-layer-changes"))
    shown = {
        "preferredSeriesType": kind,
        "valueLabels": "hide",
        "legend": {"isVisible": True, "position": "right", "shouldTruncate": False},
        "fittingFunction": "Linear" if kind == "line" else "None",
        "yLeftExtent": {"mode": "dataBounds" if node.value.get("bounds") == "data" else "full"},
        "axisTitlesVisibilitySettings": {"x": False, "yLeft": False, "yRight": False},
        "layers": more,
    }
    return Chart("lnsXY", layers, shown, tuple(references))


CHARTS: Mapping[str, Callable[[Node], Chart]] = {"metric": _metric, "table": _table, "heatmap": _heatmap, "xy": _xy}
"""The kinds of charts, by the key that they have in a panel."""


def _values(node: Node) -> dict[str, Json]:
    return {f"value-{place}": value(item) for place, item in enumerate(node.list("values"))}


def _ids(values: Mapping[str, Json]) -> dict[str, str]:
    return {column["label"]: key for key, column in values.items()}


def _lines(node: Node) -> tuple[dict[str, Json], Json]:
    columns, shown = {}, []
    for place, item in enumerate(node.list("lines")):
        item.keys({"at", "label", "colour"}, {"at", "label", "colour"})
        columns[f"line-{place}"] = static(item["label"].text(), item["at"].number())
        shown.append(
            {
                "forAccessor": f"line-{place}",
                "axisMode": "left",
                "color": item["colour"].text(),
                "lineStyle": "dashed",
                "textVisibility": True,
            }
        )
    return columns, {"layerId": "lines", "layerType": "referenceLine", "accessors": list(columns), "yConfig": shown}


def _changes() -> Json:
    annotation = {
        "type": "query",
        "id": "change",
        "label": "Change",
        "key": {"type": "point_in_time"},
        "timeField": "@timestamp",
        "filter": {"type": "kibana_query", **kuery("event.action : *")},
        "textVisibility": True,
        "textField": "event.action",
        "extraFields": ["model.name", "model.version"],
        "icon": "tag",
        "color": "#6092C0",
        "lineStyle": "dashed",
        "lineWidth": 1,
        "isHidden": False,
    }
    return {
        "layerId": "changes",
        "layerType": "annotations",
        "persistanceType": "byValue",
        # A window or a segment that is chosen is no field of a change.
        "ignoreGlobalFilters": True,
        "annotations": [annotation],
    }


def _palette(node: Node) -> Json:
    """Colours by the value from which on they hold."""
    pairs = [(item.value[0], item.value[1]) for item in node.items() if isinstance(item.value, list)]
    if len(pairs) < 2 or pairs != sorted(pairs, key=lambda pair: pair[0]):
        node.refuse("a list of two or more pairs of a number and a colour, the numbers rising")
    starts = [start for start, _ in pairs]
    ends = [*starts[1:], starts[-1] + 1]
    params = {
        "name": "custom",
        "reverse": False,
        "rangeType": "number",
        "rangeMin": starts[0],
        "rangeMax": None,
        "progression": "fixed",
        "continuity": "above",
        "steps": len(pairs),
        "maxSteps": max(5, len(pairs)),
        "colorStops": [{"color": colour, "stop": start} for start, colour in pairs],
        "stops": [{"color": colour, "stop": end} for end, (_, colour) in zip(ends, pairs, strict=True)],
    }
    return {"type": "palette", "name": "custom", "params": params}


def _colour_mapping(node: Node | None) -> Json:
    assignments = [
        {
            "rule": {"type": "matchExactly", "values": [name]},
            "color": {"type": "colorCode", "colorCode": colour},
            "touched": False,
        }
        for name, colour in (node.mapping() if node else {}).items()
    ]
    return {
        "assignments": assignments,
        "specialAssignments": [{"rule": {"type": "other"}, "color": {"type": "loop"}, "touched": False}],
        "paletteId": "eui_amsterdam_color_blind",
        "colorMode": {"type": "categorical"},
    }
