"""The searches of panels: the layers and annotations of charts, and saved searches."""

from __future__ import annotations

from collections.abc import Iterator

from . import charts, filters, layers, references
from .bundle import Bundle, Json, Panel, SavedObject
from .fields import Use
from .filters import Query
from .finding import refuse
from .layers import Row
from .searches import MAY_BE_EMPTY, Search, context, period, searched

# How many documents of a saved search are looked at.
DOCUMENTS = 10


def of_panel(bundle: Bundle, panel: Panel) -> list[Search]:
    """The searches of a Lens panel: of its layers, and of its annotations.

    Raises:
        NotUnderstoodError: Something in it is not known here.
    """
    found = []
    shown = {accessor.layer for accessor in charts.accessors(panel)}
    for identity, layer in panel.layers.items():
        view = view_of(bundle, panel, references.layer_name(identity))
        plan = layers.plan(layer)
        if view is None or identity not in shown or not (plan.asked or plan.buckets):
            continue
        queries = _queries(panel, layer)
        found.append(
            Search(
                where=panel.where,
                kind="layer",
                view=view,
                queries=queries,
                body={"size": 0, "aggs": plan.aggregations()},
                uses=(*searched(queries), *plan.uses),
                rows=plan.rows,
                shown=plan.shown,
                period=period(panel.dashboard),
                may_be_empty=MAY_BE_EMPTY in panel.description,
            )
        )
    for layer in panel.annotations:
        found += _annotations(bundle, panel, layer)
    return found


def _queries(panel: Panel, layer: Json) -> tuple[Query, ...]:
    outside = () if layer.get("ignoreGlobalFilters") else context(panel.dashboard)
    inside: list[Query] = []
    for holder in (panel.configuration, panel.state):
        inside += filters.of_text(holder.get("query"))
        inside += filters.of_filters(holder.get("filters"))
    return (*outside, *inside)


def view_of(bundle: Bundle, panel: Panel, name: str) -> SavedObject | None:
    """The data view that a panel's reference of this name leads to."""
    return bundle.find("index-pattern", panel.dashboard.target(f"{panel.index}:{name}"))


def _annotations(bundle: Bundle, panel: Panel, layer: Json) -> Iterator[Search]:
    view = view_of(bundle, panel, references.annotation_name(str(layer.get("layerId"))))
    outside = () if layer.get("ignoreGlobalFilters") else _queries(panel, layer)
    for each in layer.get("annotations") or ():
        if each.get("type") == "manual":
            continue
        if each.get("type") != "query":
            refuse("type of annotation", each.get("type"), "query, manual")
        if (kind := (each.get("filter") or {}).get("type")) != "kibana_query":
            refuse("type of annotation's filter", kind, "kibana_query")
        if view is None:
            continue
        time_field = str(each.get("timeField") or view.attributes.get("timeFieldName"))
        queries = (*outside, *filters.of_text(each.get("filter")))
        texts = [each.get("textField"), *(each.get("extraFields") or ())]
        yield Search(
            where=f"{panel.where} / annotation {each.get('label')}",
            kind="annotation",
            view=view,
            queries=queries,
            body={"size": 1, "sort": [{time_field: "asc"}]},
            uses=(
                *searched(queries),
                Use(time_field, "date", "annotation"),
                *(Use(str(text), "mapped", "annotation") for text in texts if text),
            ),
            rows=None,
            period=period(panel.dashboard),
            may_be_empty=MAY_BE_EMPTY in panel.description,
        )


def of_shown(bundle: Bundle, panel: Panel) -> list[Search]:
    """The search of a panel that shows a saved one, within its dashboard.

    Raises:
        NotUnderstoodError: Something in it is not known here.
    """
    saved = bundle.find("search", panel.dashboard.target(references.search_name(panel)))
    return of_saved(bundle, saved, panel.where, context(panel.dashboard)) if saved else []


def of_saved(bundle: Bundle, owner: SavedObject, where: str, outside: tuple[Query, ...] = ()) -> list[Search]:
    """A saved search; `outside` is what a dashboard adds.

    Raises:
        NotUnderstoodError: Something in it is not known here.
    """
    own, source = owner.attributes, owner.source
    if own.get("isTextBasedQuery"):
        refuse("language of query", "'esql'", "kuery")
    name = str(source.get("indexRefName", references.SOURCE_INDEX))
    view = bundle.find("index-pattern", owner.target(name))
    if view is None:
        return []
    queries = (*outside, *filters.of_text(source.get("query")), *filters.of_filters(source.get("filter")))
    sort = [(str(field), str(direction)) for field, direction in own.get("sort") or ()]
    if odd := [direction for _, direction in sort if direction not in ("asc", "desc")]:
        refuse("direction of sort", odd[0], "asc, desc")
    if not (shown := [str(column) for column in own.get("columns") or ()]):
        refuse("columns of saved search", shown, "at least one")
    uses = [Use(column, "mapped", "a column") for column in shown]
    uses += [Use(field, "aggregatable", "sort") for field, _ in sort]
    if breakdown := own.get("breakdownField"):
        uses.append(Use(str(breakdown), "aggregatable", "breakdown"))
    body = {
        "size": DOCUMENTS,
        "_source": False,
        "fields": shown,
        "sort": [{field: {"order": order, "unmapped_type": "boolean"}} for field, order in sort],
    }
    return [
        Search(
            where=where,
            kind="search",
            view=view,
            queries=queries,
            body=body,
            uses=(*searched(queries), *uses),
            rows=_documents,
            period=period(owner),
            may_be_empty=MAY_BE_EMPTY in str(own.get("description") or ""),
        )
    ]


def _documents(response: Json) -> list[Row]:
    """The first documents, by field; of several values the first."""
    return [{name: values[0] for name, values in (hit.get("fields") or {}).items()} for hit in response["hits"]["hits"]]
