"""Whether Kibana could load a bundle: ids, types, versions, keys, panels and their places."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from itertools import combinations

from . import charts, drilldowns, keys, references
from .bundle import Bundle, Json, Panel, SavedObject
from .finding import Finding, guarded

CORE_VERSION = "8.8.0"
# The latest version of each type that the oldest supported Kibana, 9.4, knows; it refuses newer ones.
VERSIONS = {
    "dashboard": (10, 3, 0),
    "search": (10, 11, 0),
    "index-pattern": (8, 0, 0),
    "tag": (8, 0, 0),
}
KEYS = {
    "dashboard": {
        "title", "description", "panelsJSON", "optionsJSON", "kibanaSavedObjectMeta", "timeRestore", "timeFrom",
        "timeTo", "refreshInterval", "controlGroupInput", "sections", "version",
    },
    "search": {
        "title", "description", "columns", "sort", "grid", "hideChart", "isTextBasedQuery", "timeRestore", "timeRange",
        "kibanaSavedObjectMeta", "rowHeight", "sampleSize", "breakdownField", "viewMode", "density", "rowsPerPage",
        "headerRowHeight", "hideAggregatedPreview", "usesAdHocDataView", "refreshInterval",
    },
    "index-pattern": {
        "title", "name", "timeFieldName", "allowHidden", "sourceFilters", "fields", "fieldAttrs", "fieldFormatMap",
        "runtimeFieldMap", "typeMeta", "allowNoIndex",
    },
    "tag": {"name", "description", "color"},
}  # fmt: skip
PANELS = ("lens", "search", "visualization", "links")
CONTROLS = ("optionsListControl", "rangeSliderControl", "timeSlider")
COLUMNS = 48
DATE = re.compile(r"now([-+]\d+[smhdwMy])*(/[smhdwMy])?|\d{4}-\d{2}-\d{2}(T[\d:.]+Z?)?")


def check(bundle: Bundle) -> list[Finding]:
    """All faults that can be seen without Elasticsearch."""
    findings = [*_ids(bundle), *guarded("references", partial(references.check, bundle))]
    for owner in bundle.objects:
        findings += guarded(owner.where, partial(_object, owner))
        if owner.type == "dashboard":
            findings += guarded(owner.where, partial(_dashboard, owner))
            for panel in owner.panels:
                findings += guarded(panel.where, partial(_panel, panel))
    return findings


def _ids(bundle: Bundle) -> Iterator[Finding]:
    # Kibana keeps ids apart by type; links and scripts do not.
    seen: dict[str, SavedObject] = {}
    for owner in bundle.objects:
        if owner.id in seen:
            yield Finding(owner.where, "id is there twice", repr(owner.id), f"once; {seen[owner.id].where} has it")
        seen[owner.id] = owner


def _object(owner: SavedObject) -> Iterator[Finding]:
    if owner.type not in VERSIONS:
        yield Finding(owner.where, "type of saved object", repr(owner.type), ", ".join(VERSIONS))
        return
    yield from _version(owner)
    for key in sorted(owner.attributes.keys() - KEYS[owner.type]):
        yield Finding(owner.where, "attribute is unknown", repr(key), f"those of a {owner.type}")
    name = "name" if owner.type in ("tag", "index-pattern") else "title"
    if not str(owner.attributes.get(name) or "").strip():
        yield Finding(owner.where, "title is empty", repr(owner.attributes.get(name)), f"a text in `{name}`")
    if owner.type == "index-pattern" and not str(owner.attributes.get("title") or "").strip():
        yield Finding(owner.where, "data view has no indices", "none", "a pattern in `title`")


def _version(owner: SavedObject) -> Iterator[Finding]:
    latest = ".".join(map(str, VERSIONS[owner.type]))
    version = str(owner.whole.get("typeMigrationVersion") or "")
    parts = version.split(".")
    if len(parts) != 3 or not all(part.isdigit() for part in parts):
        yield Finding(owner.where, "typeMigrationVersion is missing", repr(version), f"at most {latest}")
    elif tuple(map(int, parts)) > VERSIONS[owner.type]:
        yield Finding(owner.where, "typeMigrationVersion is too new", version, f"at most {latest}")
    if (core := owner.whole.get("coreMigrationVersion")) != CORE_VERSION:
        yield Finding(owner.where, "coreMigrationVersion", repr(core), CORE_VERSION)


def _dashboard(dashboard: SavedObject) -> Iterator[Finding]:
    yield from _period(dashboard)
    indices = [panel.index for panel in dashboard.panels]
    for index in sorted({index for index in indices if indices.count(index) > 1}):
        yield Finding(dashboard.where, "panelIndex is there twice", repr(index), "each once")
    yield from _overlaps(dashboard)
    for identity, control in dashboard.controls.items():
        yield from _control(f"{dashboard.title} / control {identity}", identity, control)


def _period(dashboard: SavedObject) -> Iterator[Finding]:
    own = dashboard.attributes
    for key in ("timeFrom", "timeTo") if own.get("timeRestore") else ():
        if not DATE.fullmatch(str(own.get(key) or "")):
            allowed = "a date, or date maths such as now-7d/d"
            yield Finding(dashboard.where, "period of dashboard", f"{key} {own.get(key)!r}", allowed)


def _panel(panel: Panel) -> Iterator[Finding]:
    if panel.type not in PANELS:
        yield Finding(panel.where, "type of panel", repr(panel.type), ", ".join(PANELS))
        return
    yield from _place(panel)
    yield from keys.of_panel(panel)
    yield from drilldowns.check(panel)
    if panel.type == "lens":
        yield from charts.check(panel)
    elif panel.type == "search":
        yield from _by_reference(panel)
    elif panel.type == "visualization":
        yield from _markdown(panel)
    elif panel.type == "links":
        yield from _links(panel)


def _place(panel: Panel) -> Iterator[Finding]:
    grid = panel.whole.get("gridData") or {}
    if grid.get("i") != panel.index or not panel.index:
        yield Finding(panel.where, "gridData.i is not panelIndex", repr(grid.get("i")), repr(panel.index))
    place = _rectangle(panel)
    if place is None:
        yield Finding(panel.where, "place of panel", repr(dict(grid)), "whole numbers x, y, w, h; w and h from 1")
    elif place.right > COLUMNS:
        yield Finding(
            panel.where, "panel is outside the grid", f"x {place.left} to {place.right}", f"{COLUMNS} columns"
        )
    section = grid.get("sectionId")
    sections = {(each.get("gridData") or {}).get("i") for each in panel.dashboard.attributes.get("sections") or ()}
    if section is not None and section not in sections:
        yield Finding(panel.where, "section of panel", repr(section), "one of the dashboard's sections")


@dataclass(frozen=True, slots=True)
class _Rectangle:
    """A place on the grid of a section; right and bottom are the first column and row outside it."""

    section: str | None
    left: int
    top: int
    right: int
    bottom: int

    def meets(self, other: _Rectangle) -> bool:
        across = self.left < other.right and other.left < self.right
        return self.section == other.section and across and self.top < other.bottom and other.top < self.bottom


def _rectangle(panel: Panel) -> _Rectangle | None:
    grid = panel.whole.get("gridData") or {}
    x, y, width, height = (grid.get(key) for key in "xywh")
    if not (isinstance(x, int) and isinstance(y, int) and isinstance(width, int) and isinstance(height, int)):
        return None
    if min(x, y) < 0 or min(width, height) < 1:
        return None
    return _Rectangle(grid.get("sectionId"), x, y, x + width, y + height)


def _overlaps(dashboard: SavedObject) -> Iterator[Finding]:
    placed = [(panel, place) for panel in dashboard.panels if (place := _rectangle(panel)) is not None]
    for (first, one), (second, other) in combinations(placed, 2):
        if one.meets(other):
            got = f"the place of {first.title or first.index!r}"
            yield Finding(second.where, "panels overlap", got, "a place of its own")


def _by_reference(panel: Panel) -> Iterator[Finding]:
    wanted = f"panel_{panel.index}"
    if panel.whole.get("panelRefName") != wanted:
        yield Finding(panel.where, "panelRefName", repr(panel.whole.get("panelRefName")), repr(wanted))


def _markdown(panel: Panel) -> Iterator[Finding]:
    visualization = panel.configuration.get("savedVis") or {}
    if visualization.get("type") != "markdown":
        yield Finding(panel.where, "type of visualization", repr(visualization.get("type")), "'markdown'")
    elif not str((visualization.get("params") or {}).get("markdown") or "").strip():
        yield Finding(panel.where, "text is empty", "none", "a text in `markdown`")


def _links(panel: Panel) -> Iterator[Finding]:
    links = panel.attributes.get("links") or ()
    if not links:
        yield Finding(panel.where, "links are missing", "none", "at least one")
    for link in links:
        if link.get("type") not in ("dashboardLink", "externalLink"):
            yield Finding(panel.where, "type of link", repr(link.get("type")), "dashboardLink, externalLink")


def _control(where: str, identity: str, control: Json) -> Iterator[Finding]:
    if control.get("type") not in CONTROLS:
        yield Finding(where, "type of control", repr(control.get("type")), ", ".join(CONTROLS))
        return
    settings = control.get("explicitInput") or {}
    yield from keys.of_control(where, control)
    if settings.get("id", identity) != identity:
        yield Finding(where, "id of control", repr(settings.get("id")), repr(identity))
    if control["type"] == "timeSlider":
        return
    for key in ("fieldName", "title"):
        if not str(settings.get(key) or "").strip():
            yield Finding(where, f"{key} of control is empty", repr(settings.get(key)), "a text")
