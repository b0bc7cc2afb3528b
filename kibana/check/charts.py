"""The columns of a Lens panel, and what its visualization draws of them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from .bundle import Json, Panel
from .finding import Finding, NotUnderstoodError, refuse

SERIES = (
    "line", "area", "area_stacked", "area_percentage_stacked", "bar", "bar_stacked", "bar_percentage_stacked",
    "bar_horizontal", "bar_horizontal_stacked", "bar_horizontal_percentage_stacked",
)  # fmt: skip
PIES = ("pie", "donut", "treemap", "mosaic", "waffle")


@dataclass(frozen=True, slots=True)
class Accessor:
    """A place in a visualization that shows a column.

    Attributes:
        name: The key in the visualization's state.
        layer: The layer of the column.
        column: Its id; None where the place is empty.
        bucketed: Whether it must be a bucket, must not, or may be either (None).
        required: Whether Kibana draws nothing without it.
    """

    name: str
    layer: str
    column: str | None
    bucketed: bool | None
    required: bool = False


def check(panel: Panel) -> Iterator[Finding]:
    """Whether the panel's visualization and its columns belong together."""
    if not panel.title.strip():
        yield Finding(panel.where, "title is empty", repr(panel.title), "a text")
    yield from _only_form_based(panel)
    for layer in panel.layers.values():
        yield from _columns(panel.where, layer)
    try:
        found = accessors(panel)
    except NotUnderstoodError as error:
        yield error.at(panel.where)
        return
    yield from _accessed(panel, found)
    yield from _unused(panel, found)


def accessors(panel: Panel) -> list[Accessor]:
    """All places of a panel's visualization that show a column.

    Raises:
        NotUnderstoodError: The visualization is none of those known here.
    """
    kind = str(panel.attributes.get("visualizationType"))
    if kind not in _READERS:
        refuse("type of visualization", kind, ", ".join(_READERS))
    return list(_READERS[kind](panel.visualization))


def _xy(state: Json) -> Iterator[Accessor]:
    if not (layers := state.get("layers")):
        refuse("layers of visualization", layers, "at least one")
    for each in layers:
        layer, kind = str(each.get("layerId")), each.get("layerType", "data")
        if kind == "annotations":
            continue
        if kind not in ("data", "referenceLine"):
            refuse("type of layer", kind, "data, referenceLine, annotations")
        columns = list(each.get("accessors") or ()) or [None]
        yield from (Accessor("accessors", layer, column, bucketed=False, required=True) for column in columns)
        yield from (
            Accessor("yConfig", layer, style.get("forAccessor"), bucketed=False) for style in each.get("yConfig") or ()
        )
        if kind == "data":
            if each.get("seriesType") not in SERIES:
                refuse("type of series", each.get("seriesType"), ", ".join(SERIES))
            yield Accessor("xAccessor", layer, each.get("xAccessor"), bucketed=True)
            yield Accessor("splitAccessor", layer, each.get("splitAccessor"), bucketed=True)


def _metric(state: Json) -> Iterator[Accessor]:
    layer = str(state.get("layerId"))
    yield Accessor("metricAccessor", layer, state.get("metricAccessor"), bucketed=False, required=True)
    for name in ("secondaryMetricAccessor", "maxAccessor"):
        yield Accessor(name, layer, state.get(name), bucketed=False)
    yield Accessor("breakdownByAccessor", layer, state.get("breakdownByAccessor"), bucketed=True)
    if trend := state.get("trendlineLayerId"):
        names = {"trendlineMetricAccessor": False, "trendlineTimeAccessor": True}
        yield from (Accessor(name, str(trend), state.get(name), kind, required=True) for name, kind in names.items())
        yield Accessor(
            "trendlineSecondaryMetricAccessor",
            str(trend),
            state.get("trendlineSecondaryMetricAccessor"),
            bucketed=False,
        )


def _table(state: Json) -> Iterator[Accessor]:
    layer = str(state.get("layerId"))
    columns = [each.get("columnId") for each in state.get("columns") or ()] or [None]
    yield from (Accessor("columns", layer, column, bucketed=None, required=True) for column in columns)
    if sorting := state.get("sorting"):
        yield Accessor("sorting", layer, sorting.get("columnId"), bucketed=None)


def _heatmap(state: Json) -> Iterator[Accessor]:
    layer = str(state.get("layerId"))
    yield Accessor("xAccessor", layer, state.get("xAccessor"), bucketed=True, required=True)
    yield Accessor("yAccessor", layer, state.get("yAccessor"), bucketed=True)
    yield Accessor("valueAccessor", layer, state.get("valueAccessor"), bucketed=False, required=True)


def _pie(state: Json) -> Iterator[Accessor]:
    if state.get("shape") not in PIES:
        refuse("shape of visualization", state.get("shape"), ", ".join(PIES))
    for each in state.get("layers") or ():
        layer = str(each.get("layerId"))
        for name, bucketed, required in (
            ("primaryGroups", True, False), ("secondaryGroups", True, False), ("metrics", False, True),
        ):  # fmt: skip
            columns = list(each.get(name) or ()) or [None]
            yield from (Accessor(name, layer, column, bucketed, required) for column in columns)


def _gauge(state: Json) -> Iterator[Accessor]:
    layer = str(state.get("layerId"))
    yield Accessor("metricAccessor", layer, state.get("metricAccessor"), bucketed=False, required=True)
    for name in ("minAccessor", "maxAccessor", "goalAccessor"):
        yield Accessor(name, layer, state.get(name), bucketed=False)


def _cloud(state: Json) -> Iterator[Accessor]:
    layer = str(state.get("layerId"))
    yield Accessor("tagAccessor", layer, state.get("tagAccessor"), bucketed=True, required=True)
    yield Accessor("valueAccessor", layer, state.get("valueAccessor"), bucketed=False, required=True)


_READERS: Mapping[str, Callable[[Json], Iterator[Accessor]]] = {
    "lnsXY": _xy,
    "lnsMetric": _metric,
    "lnsDatatable": _table,
    "lnsHeatmap": _heatmap,
    "lnsPie": _pie,
    "lnsGauge": _gauge,
    "lnsTagcloud": _cloud,
}


def _only_form_based(panel: Panel) -> Iterator[Finding]:
    sources = panel.state.get("datasourceStates") or {}
    for name, source in sources.items():
        if name != "formBased" and (source or {}).get("layers"):
            yield Finding(panel.where, "source of layers", repr(name), "'formBased'")
    if "esql" in (panel.state.get("query") or {}):
        yield Finding(panel.where, "language of query", "'esql'", "kuery, lucene")
    if panel.state.get("adHocDataViews"):
        yield Finding(panel.where, "data view of its own", "adHocDataViews", "data views of this bundle")
    if not panel.layers:
        yield Finding(panel.where, "layers are missing", "none", "at least one")


def _columns(where: str, layer: Json) -> Iterator[Finding]:
    columns, order = layer.get("columns") or {}, list(layer.get("columnOrder") or ())
    if sorted(order) != sorted(columns):
        odd = sorted(set(order) ^ set(columns)) or order
        yield Finding(where, "columnOrder is not the columns", ", ".join(map(repr, odd)), "each column once")
    if layer.get("incompleteColumns"):
        yield Finding(where, "column is incomplete", ", ".join(layer["incompleteColumns"]), "none")
    for identity, column in columns.items():
        for part in column.get("references") or ():
            if part not in columns:
                yield Finding(where, "part of column is missing", repr(part), f"a column, as {identity!r} refers to it")
        if not str(column.get("label") or "").strip():
            yield Finding(where, "label of column is empty", repr(column.get("label")), "a text")
    buckets = [bool(columns[each].get("isBucketed")) for each in order if each in columns]
    if buckets != sorted(buckets, reverse=True):
        yield Finding(where, "bucket stands after a metric", ", ".join(order), "buckets first in columnOrder")


def _accessed(panel: Panel, found: list[Accessor]) -> Iterator[Finding]:
    for accessor in found:
        name = accessor.name
        if accessor.column is None:
            if accessor.required:
                yield Finding(panel.where, "accessor is empty", f"no {name}", "a column of its layer")
            continue
        columns = (panel.layers.get(accessor.layer) or {}).get("columns") or {}
        if (column := columns.get(accessor.column)) is None:
            yield Finding(panel.where, "accessor is no column", f"{name} {accessor.column!r}", "a column of its layer")
        elif accessor.bucketed is not None and bool(column.get("isBucketed")) != accessor.bucketed:
            allowed = "a bucket" if accessor.bucketed else "a metric"
            yield Finding(panel.where, "accessor is of the wrong kind", f"{name} {column.get('label')!r}", allowed)


def _unused(panel: Panel, found: list[Accessor]) -> Iterator[Finding]:
    shown = {(accessor.layer, accessor.column) for accessor in found}
    for identity, layer in panel.layers.items():
        if identity not in {accessor.layer for accessor in found}:
            yield Finding(panel.where, "layer is not used", repr(identity), "layers that the visualization shows")
            continue
        columns = layer.get("columns") or {}
        parts = {part for column in columns.values() for part in column.get("references") or ()}
        for column in columns:
            if (identity, column) not in shown and column not in parts:
                got = f"{columns[column].get('label')!r} ({column})"
                yield Finding(panel.where, "column is not used", got, "columns that the visualization shows")
