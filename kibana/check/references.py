"""References between saved objects: which there must be, and which there are.

Kibana itself checks only those to data views and saved searches when it imports; a dashboard, tag or link that leads
nowhere shows when somebody clicks. So all are checked here, against the bundle alone.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from .bundle import Bundle, Json, Panel, Reference, SavedObject
from .finding import Finding

SOURCE_INDEX = "kibanaSavedObjectMeta.searchSourceJSON.index"
_CONTROL_REFERENCES = {"optionsListControl": "optionsListDataView", "rangeSliderControl": "rangeSliderDataView"}


@dataclass(frozen=True, slots=True)
class Needed:
    """A reference that something in an object speaks of."""

    where: str
    name: str
    type: str


def layer_name(layer: str) -> str:
    """The name of the reference from a layer to its data view."""
    return f"indexpattern-datasource-layer-{layer}"


def annotation_name(layer: str) -> str:
    """The name of the reference from a layer of annotations to its data view."""
    return f"xy-visualization-layer-{layer}"


def control_name(identity: str, control: Json) -> str | None:
    """The name of the reference from a control to its data view; None for one of time."""
    ending = _CONTROL_REFERENCES.get(control.get("type", ""))
    return f"controlGroup_{identity}:{ending}" if ending else None


def drilldown_name(panel: str, event: Json) -> str:
    """The name of the reference from a drilldown to its dashboard."""
    return f"{panel}:drilldown:DASHBOARD_TO_DASHBOARD_DRILLDOWN:{event.get('eventId')}:dashboardId"


def search_name(panel: Panel) -> str:
    """The name of the reference from a panel to the saved search that it shows."""
    return f"{panel.index}:panel_{panel.index}"


def check(bundle: Bundle) -> Iterator[Finding]:
    """Whether each reference that is needed is there, is used, and leads to something in the bundle."""
    for owner in bundle.objects:
        yield from _leading_nowhere(bundle, owner)
        yield from _matched(owner.where, needed(owner), owner.references)
        for panel in owner.panels:
            if panel.type == "lens":
                yield from _own_references(panel)


def needed(owner: SavedObject) -> list[Needed]:
    """The references that an object's attributes speak of, without its tags."""
    if owner.type not in ("dashboard", "search"):
        return []
    found = [Needed(owner.where, name, "index-pattern") for name in _of_filters(owner.source.get("filter"), "")]
    if owner.type == "search":
        return [*found, Needed(owner.where, str(owner.source.get("indexRefName", SOURCE_INDEX)), "index-pattern")]
    for identity, control in owner.controls.items():
        if name := control_name(identity, control):
            found.append(Needed(f"{owner.where} / control {identity}", name, "index-pattern"))
    for panel in owner.panels:
        found += _of_panel(panel)
    return found


def _of_panel(panel: Panel) -> Iterator[Needed]:
    def need(name: str, kind: str) -> Needed:
        return Needed(panel.where, name, kind)

    if panel.type == "search":
        yield need(search_name(panel), "search")
    for name in _of_lens(panel):
        yield need(f"{panel.index}:{name}", "index-pattern")
    for link in panel.attributes.get("links") or () if panel.type == "links" else ():
        if link.get("type") == "dashboardLink":
            yield need(f"{panel.index}:{link.get('destinationRefName')}", "dashboard")
    for event in panel.drilldowns:
        if (event.get("action") or {}).get("factoryId") == "DASHBOARD_TO_DASHBOARD_DRILLDOWN":
            yield need(drilldown_name(panel.index, event), "dashboard")


def _of_lens(panel: Panel) -> Iterator[str]:
    yield from (layer_name(layer) for layer in panel.layers)
    yield from (annotation_name(str(layer.get("layerId"))) for layer in panel.annotations)
    yield from _of_filters(panel.state.get("filters"), "")


def _of_filters(filters: object, prefix: str) -> Iterator[str]:
    for each in filters if isinstance(filters, list) else ():
        if name := (each.get("meta") or {}).get("indexRefName"):
            yield f"{prefix}{name}"


def _own_references(panel: Panel) -> Iterator[Finding]:
    """A Lens panel repeats its references without its id in front, and they say the same."""
    held = panel.attributes.get("references") or ()
    own = tuple(Reference(str(each["name"]), str(each["type"]), str(each["id"])) for each in held)
    yield from _matched(panel.where, [Needed(panel.where, name, "index-pattern") for name in _of_lens(panel)], own)
    for reference in own:
        outer = panel.dashboard.target(f"{panel.index}:{reference.name}")
        if outer is not None and outer != reference.id:
            yield Finding(panel.where, "references of panel and dashboard differ", repr(reference.id), repr(outer))


def _matched(where: str, wanted: list[Needed], held: tuple[Reference, ...]) -> Iterator[Finding]:
    names = [reference.name for reference in held]
    for name in sorted({name for name in names if names.count(name) > 1}):
        yield Finding(where, "reference is there twice", repr(name), "each name once")
    types = {reference.name: reference.type for reference in held}
    for need in wanted:
        if need.name not in types:
            yield Finding(need.where, "reference is missing", "none", f"{need.name!r} to a {need.type}")
        elif types[need.name] != need.type:
            yield Finding(need.where, "reference is to the wrong type", types[need.name], need.type)
    spoken = {need.name for need in wanted}
    for reference in held:
        if reference.type == "tag" and reference.name == f"tag-ref-{reference.id}":
            continue
        if reference.name not in spoken:
            yield Finding(where, "reference is not used", repr(reference.name), "what the attributes speak of")


def _leading_nowhere(bundle: Bundle, owner: SavedObject) -> Iterator[Finding]:
    for reference in owner.references:
        if bundle.find(reference.type, reference.id) is None:
            got = f"{reference.type} {reference.id!r} by {reference.name!r}"
            yield Finding(owner.where, "reference leads nowhere", got, "an object of this bundle")
