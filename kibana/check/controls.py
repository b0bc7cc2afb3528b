"""The searches of controls: which values they offer, and whether all panels know their field."""

from __future__ import annotations

from collections.abc import Iterator

from . import panels, references
from .bundle import Bundle, Json, SavedObject
from .fields import Use
from .layers import Row
from .searches import Search, period


def of_control(bundle: Bundle, dashboard: SavedObject, identity: str, where: str) -> Iterator[Search]:
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
            period=period(dashboard),
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
            views = [panels.view_of(bundle, panel, name) for name in names]
        yield from (view for view in views if view is not None)


def _obeys(layer: Json) -> bool:
    return not layer.get("ignoreGlobalFilters")
