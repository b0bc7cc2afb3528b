"""The keys that the checker knows: one that it does not know could change what a panel asks for."""

from __future__ import annotations

from collections.abc import Iterator

from .bundle import Json, Panel
from .finding import Finding

_LOOKS = {"title", "description", "hidePanelTitles", "hidePanelBorders", "enhancements"}
PANELS = {
    "lens": _LOOKS | {"attributes", "query", "filters", "syncColors", "syncCursor", "syncTooltips"},
    "search": _LOOKS,
    "links": _LOOKS | {"attributes"},
    "visualization": _LOOKS | {"savedVis"},
}
STATE = {"adHocDataViews", "datasourceStates", "filters", "internalReferences", "query", "visualization"}
LAYER = {"columnOrder", "columns", "incompleteColumns", "sampling", "ignoreGlobalFilters"}
COLUMN = {
    "customLabel", "dataType", "isBucketed", "isStaticValue", "label", "operationType", "params", "references", "scale",
    "sourceField", "filter", "timeShift", "reducedTimeRange", "timeScale",
}  # fmt: skip
CONTROL = {
    "id", "dataViewId", "fieldName", "title", "searchTechnique", "selectedOptions", "singleSelect", "sort", "exclude",
    "existsSelected", "value", "step", "runPastTimeout", "enhancements",
}  # fmt: skip


def of_panel(panel: Panel) -> Iterator[Finding]:
    """The keys of a panel that are not known."""
    yield from _odd(panel.where, "embeddableConfig", panel.configuration, PANELS[panel.type])
    if panel.type == "lens":
        yield from _odd(panel.where, "state", panel.state, STATE)
    for layer in panel.layers.values():
        yield from _odd(panel.where, "layer", layer, LAYER)
        for column in (layer.get("columns") or {}).values():
            yield from _odd(panel.where, "column", column, COLUMN)


def of_control(where: str, control: Json) -> Iterator[Finding]:
    """The keys of a control that are not known."""
    yield from _odd(where, "control", control.get("explicitInput") or {}, CONTROL)


def _odd(where: str, what: str, held: Json, known: set[str]) -> Iterator[Finding]:
    for key in sorted(held.keys() - known):
        yield Finding(where, f"key of {what} is unknown", repr(key), ", ".join(sorted(known)))
