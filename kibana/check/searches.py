"""What Kibana asks Elasticsearch for a bundle: one search for each layer, control, saved search and annotation."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

from . import charts, filters, layers, references
from .bundle import Bundle, Json, Panel, SavedObject
from .fields import Use
from .filters import Query
from .finding import Finding, NotUnderstoodError, refuse, unreadable
from .layers import Row, Shown

MAY_BE_EMPTY = "driftline: may be empty"


@dataclass(frozen=True, slots=True)
class Period:
    """From when to when, as Elasticsearch reads dates: `2013-01-01`, `now-1h`, `now/d`."""

    since: str
    until: str


@dataclass(frozen=True, slots=True)
class Search:
    """One search.

    Attributes:
        where: The place that findings name.
        kind: `layer`, `control`, `search` or `annotation`.
        view: The data view.
        queries: What documents must match, besides the period.
        body: The rest of the request.
        uses: What it asks of fields.
        rows: From the answer to rows; None where hits are all there is to see.
        period: What the dashboard opens with.
        may_be_empty: Whether nothing found is no fault.
        shown: What is not to be empty in all rows.
    """

    where: str
    kind: str
    view: SavedObject
    queries: tuple[Query, ...]
    body: Json
    uses: tuple[Use, ...]
    rows: Callable[[Json], list[Row]] | None
    period: Period
    may_be_empty: bool = False
    shown: tuple[Shown, ...] = ()

    @property
    def time_field(self) -> str | None:
        """The field that the period is about."""
        return self.view.attributes.get("timeFieldName")

    @property
    def runtime(self) -> Json:
        """The fields that the data view computes."""
        return self.view.attributes.get("runtimeFieldMap") or {}

    def index(self, namespace: str) -> str:
        """The data view's indices in a namespace, in place of its `*`.

        Raises:
            NotUnderstoodError: The pattern does not end with `-*`.
        """
        patterns = str(self.view.attributes.get("title")).split(",")
        if odd := [pattern for pattern in patterns if not pattern.endswith("-*") or pattern.count("*") > 1]:
            refuse("indices of data view", ", ".join(odd), "a name that ends with -*")
        return ",".join(pattern.removesuffix("*") + namespace for pattern in patterns)

    def request(self, period: Period, *more: Query) -> dict[str, Any]:
        """The body of the request; `more` is what people filter by."""
        within: list[Query] = []
        if self.time_field:
            within = [{"range": {self.time_field: {"gte": period.since, "lte": period.until}}}]
        query = {"bool": {"filter": [*within, *self.queries, *more]}}
        runtime = {"runtime_mappings": dict(self.runtime)} if self.runtime else {}
        return {"track_total_hits": True, "query": query, **runtime, **self.body}


def of_bundle(bundle: Bundle) -> tuple[list[Search], list[Finding]]:
    """All searches of a bundle, and what cannot be made one."""
    found: list[Search] = []
    findings: list[Finding] = []
    for owner in bundle.objects:
        makers: list[tuple[str, Callable[[], Iterable[Search]]]] = []
        if owner.type == "search":
            makers = [(owner.where, partial(_saved, bundle, owner, owner.where, ()))]
        elif owner.type == "dashboard":
            makers = list(_of_dashboard(bundle, owner))
        for where, make in makers:
            try:
                found += make()
            except NotUnderstoodError as error:
                findings.append(error.at(where))
            except (AttributeError, LookupError, TypeError, ValueError) as error:
                findings.append(unreadable(where, error))
    return found, findings


def _of_dashboard(bundle: Bundle, dashboard: SavedObject) -> Iterator[tuple[str, Callable[[], Iterable[Search]]]]:
    for panel in dashboard.panels:
        if panel.type == "lens":
            yield panel.where, partial(of_panel, bundle, panel)
        elif panel.type == "search":
            yield panel.where, partial(_shown, bundle, panel)
    for identity, control in dashboard.controls.items():
        where = f"{dashboard.title} / control {(control.get('explicitInput') or {}).get('title') or identity}"
        yield where, partial(_control, bundle, dashboard, identity, where)


def of_panel(bundle: Bundle, panel: Panel) -> list[Search]:
    """The searches of a Lens panel: of its layers, and of its annotations.

    Raises:
        NotUnderstoodError: Something in it is not known here.
    """
    found = []
    shown = {accessor.layer for accessor in charts.accessors(panel)}
    for identity, layer in panel.layers.items():
        view = _view(bundle, panel, references.layer_name(identity))
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
                uses=(*_searched(queries, "a filter"), *plan.uses),
                rows=plan.rows,
                shown=plan.shown,
                period=_period(panel.dashboard),
                may_be_empty=MAY_BE_EMPTY in panel.description,
            )
        )
    for layer in panel.annotations:
        found += _annotations(bundle, panel, layer)
    return found


def context(dashboard: SavedObject) -> tuple[Query, ...]:
    """What a dashboard filters all its panels by when it opens: its query, its filters, what its controls select.

    Raises:
        NotUnderstoodError: Something of it is not known here.
    """
    source = dashboard.source
    selected = [query for control in dashboard.controls.values() for query in _selected(control)]
    return (*filters.of_text(source.get("query")), *filters.of_filters(source.get("filter")), *selected)


def _selected(control: Json) -> Iterator[Query]:
    settings = control.get("explicitInput") or {}
    field, chosen = settings.get("fieldName"), settings.get("selectedOptions")
    query: Query | None = {"terms": {field: chosen}} if chosen else None
    if settings.get("existsSelected"):
        query = {"exists": {"field": field}}
    if value := settings.get("value"):
        low, high = value
        query = {"range": {field: {"gte": low, "lte": high}}}
    if query is not None:
        yield {"bool": {"must_not": [query]}} if settings.get("exclude") else query


def _queries(panel: Panel, layer: Json) -> tuple[Query, ...]:
    outside = () if layer.get("ignoreGlobalFilters") else context(panel.dashboard)
    inside: list[Query] = []
    for holder in (panel.configuration, panel.state):
        inside += filters.of_text(holder.get("query"))
        inside += filters.of_filters(holder.get("filters"))
    return (*outside, *inside)


def _searched(queries: tuple[Query, ...], by: str) -> Iterator[Use]:
    return (Use(field, "searchable", by) for query in queries for field in filters.fields(query))


def _view(bundle: Bundle, panel: Panel, name: str) -> SavedObject | None:
    return bundle.find("index-pattern", panel.dashboard.target(f"{panel.index}:{name}"))


def _period(owner: SavedObject) -> Period:
    own = owner.attributes
    return Period(str(own.get("timeFrom") or "now-15m"), str(own.get("timeTo") or "now"))


def _annotations(bundle: Bundle, panel: Panel, layer: Json) -> Iterator[Search]:
    view = _view(bundle, panel, references.annotation_name(str(layer.get("layerId"))))
    outside = () if layer.get("ignoreGlobalFilters") else _queries(panel, layer)
    for each in layer.get("annotations") or ():
        if each.get("type") == "manual":
            continue
        if each.get("type") != "query":
            refuse("type of annotation", each.get("type"), "query, manual")
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
                *_searched(queries, "a filter"),
                Use(time_field, "date", "annotation"),
                *(Use(str(text), "mapped", "annotation") for text in texts if text),
            ),
            rows=None,
            period=_period(panel.dashboard),
            may_be_empty=MAY_BE_EMPTY in panel.description,
        )


def _shown(bundle: Bundle, panel: Panel) -> list[Search]:
    saved = bundle.find("search", panel.dashboard.target(references.search_name(panel)))
    return _saved(bundle, saved, panel.where, context(panel.dashboard)) if saved else []


def _saved(bundle: Bundle, owner: SavedObject, where: str, outside: tuple[Query, ...]) -> list[Search]:
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
    body = {"size": 1, "sort": [{field: {"order": order, "unmapped_type": "boolean"}} for field, order in sort]}
    return [
        Search(
            where=where,
            kind="search",
            view=view,
            queries=queries,
            body=body,
            uses=(*_searched(queries, "a filter"), *uses),
            rows=None,
            period=_period(owner),
            may_be_empty=MAY_BE_EMPTY in str(own.get("description") or ""),
        )
    ]


def _control(bundle: Bundle, dashboard: SavedObject, identity: str, where: str) -> Iterator[Search]:
    """The values that a control offers, in its own data view and in those that it filters.

    A filter on a field that a data view has not leaves its panels empty: so the field must be in all of them.
    """
    control = dashboard.controls[identity]
    name = references.control_name(identity, control)
    own = bundle.find("index-pattern", dashboard.target(name)) if name else None
    if own is None:
        return
    field = str((control.get("explicitInput") or {}).get("fieldName"))
    slider = control.get("type") == "rangeSliderControl"
    asked = {"stats": {"field": field}} if slider else {"terms": {"field": field, "size": 10}}
    others = {view.id: view for view in _filtered(bundle, dashboard) if view.id != own.id}
    for view in (own, *others.values()):
        yield Search(
            where=where if view is own else f"{where} on {view.title}",
            kind="control",
            view=view,
            queries=(),
            body={"size": 0, "aggs": {"values": asked}},
            uses=(Use(field, "number" if slider else "aggregatable", "a control"),),
            rows=_slider_rows if slider else _list_rows,
            period=_period(dashboard),
            may_be_empty=view is not own,
        )


def _list_rows(response: Json) -> list[Row]:
    buckets = (response.get("aggregations") or {"values": {"buckets": []}})["values"]["buckets"]
    return [{"value": bucket["key"]} for bucket in buckets]


def _slider_rows(response: Json) -> list[Row]:
    values = (response.get("aggregations") or {"values": {"count": 0}})["values"]
    return [{"min": values["min"], "max": values["max"]}] if values["count"] else []


def _filtered(bundle: Bundle, dashboard: SavedObject) -> Iterator[SavedObject]:
    """The data views of all panels that obey the dashboard's controls."""
    for panel in dashboard.panels:
        if panel.type == "search":
            saved = bundle.find("search", dashboard.target(references.search_name(panel)))
            name = str(saved.source.get("indexRefName", references.SOURCE_INDEX)) if saved else ""
            views = [bundle.find("index-pattern", saved.target(name))] if saved else []
        else:
            names = [references.layer_name(key) for key, layer in panel.layers.items() if _obeys(layer)]
            names += [references.annotation_name(str(each["layerId"])) for each in panel.annotations if _obeys(each)]
            views = [_view(bundle, panel, name) for name in names]
        yield from (view for view in views if view is not None)


def _obeys(layer: Json) -> bool:
    return not layer.get("ignoreGlobalFilters")
