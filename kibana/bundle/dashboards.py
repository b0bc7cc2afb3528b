"""Dashboards: a question, links to the others, controls, and rows of panels. Pure functions of their sources."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from driftline.analyzers.settings import Node

from .panels import COLUMNS, Panel, Place, Target, links, markdown, panel
from .shapes import TAGGED, Json, kuery, saved, text, view_reference

_QUESTION, _LINKS, _HEADING = 4, 3, 3
"""How high they are."""
_ORDER = ("fleet", "performance", "drift", "fairness", "service", "pipeline")
"""In which order links name the dashboards: as somebody on call asks."""
_UNFILTERED = ("pipeline",)
"""Dashboards whose documents are of no single model: a filter on one would empty them."""


def dashboards(sources: Mapping[str, Node]) -> list[Json]:
    """All dashboards.

    Args:
        sources: Their sources by short name, each with `id`, `title`, `question`, `advice`, `controls` and `rows`.

    Raises:
        ConfigError: A source is not as it should be; the text says what, where, and what is allowed.
    """
    targets = {name: _target(sources[name]) for name in sorted(sources, key=_ORDER.index)}
    return [_dashboard(name, source, targets) for name, source in sources.items()]


def _target(source: Node) -> Target:
    source.keys({"id", "title", "question", "advice", "controls", "rows"}, {"id", "title", "question", "rows"})
    return Target(source["id"].text(), source["title"].text(), source["question"].text())


def _dashboard(name: str, source: Node, targets: Mapping[str, Target]) -> Json:
    panels = list(_panels(name, source, targets))
    found = [item.body["panelIndex"] for item in panels]
    if len(set(found)) != len(found):
        source["rows"].refuse("panels whose ids differ")
    controls, of_controls = _controls(name, source)
    attributes = {
        "title": f"Driftline · {targets[name].name}",
        "description": targets[name].question,
        "timeRestore": True,
        "timeFrom": "now-30d",
        "timeTo": "now",
        "refreshInterval": {"pause": True, "value": 60000},
        "version": 1,
        "optionsJSON": text(_OPTIONS),
        "kibanaSavedObjectMeta": {"searchSourceJSON": text({"query": kuery(), "filter": []})},
        "controlGroupInput": controls,
        "panelsJSON": text([item.body for item in panels]),
    }
    references = [reference for item in panels for reference in item.references]
    return saved("dashboard", targets[name].identity, attributes, [*references, *of_controls, TAGGED])


_OPTIONS = {
    "useMargins": True,
    "syncColors": False,
    "syncCursor": True,
    "syncTooltips": False,
    "hidePanelTitles": False,
}


def _panels(name: str, source: Node, targets: Mapping[str, Target]) -> Iterator[Panel]:
    advice = source.get("advice")
    asked = f"**{targets[name].question}** {advice.text() if advice else ''}".strip()
    yield markdown(f"{name}-question", asked, Place(0, 0, COLUMNS, _QUESTION))
    filtered = [(target, short not in _UNFILTERED) for short, target in targets.items()]
    yield links(f"{name}-links", filtered, Place(0, _QUESTION, COLUMNS, _LINKS))
    y = _QUESTION + _LINKS
    for row in source.list("rows"):
        row.keys({"heading", "height", "panels"})
        if heading := row.get("heading"):
            identity = f"{name}-heading-{y}"
            yield markdown(identity, f"### {heading.text()}", Place(0, y, COLUMNS, _HEADING))
            y += _HEADING
        if not row.get("panels"):
            continue
        height = row["height"].whole(3, 60)
        yield from _row(name, row, y, height, targets)
        y += height


def _row(name: str, row: Node, y: int, height: int, targets: Mapping[str, Target]) -> Iterator[Panel]:
    nodes = list(row.list("panels"))
    widths = [given.whole(4, COLUMNS) if (given := node.get("width")) else COLUMNS // len(nodes) for node in nodes]
    if sum(widths) != COLUMNS:
        row["panels"].refuse(f"panels that are {COLUMNS} wide together, not {sum(widths)}")
    x = 0
    for node, width in zip(nodes, widths, strict=True):
        yield panel(node, name, Place(x, y, width, height), targets)
        x += width


def _controls(name: str, source: Node) -> tuple[Json, list[Json]]:
    panels, references = {}, []
    for order, node in enumerate(source.list("controls")):
        node.keys({"label", "field", "view", "single"}, {"label", "field", "view"})
        identity = f"{name}-{node['label'].text().lower()}"
        explicit = {
            "id": identity,
            "title": node["label"].text(),
            "dataViewId": node["view"].text(),
            "fieldName": node["field"].text(),
            "searchTechnique": "prefix",
            "selectedOptions": [],
            "singleSelect": bool(node.value.get("single")),
            "sort": {"by": "_count", "direction": "desc"},
        }
        panels[identity] = {
            "type": "optionsListControl",
            "order": order,
            "grow": False,
            "width": "medium",
            "explicitInput": explicit,
        }
        references.append(view_reference(node["view"].text(), f"controlGroup_{identity}:optionsListDataView"))
    ignore = dict.fromkeys(("ignoreFilters", "ignoreQuery", "ignoreTimerange", "ignoreValidations"), False)
    group = {
        "controlStyle": "oneLine",
        "chainingSystem": "HIERARCHICAL",
        "showApplySelections": False,
        "ignoreParentSettingsJSON": text(ignore),
        "panelsJSON": text(panels),
    }
    return group, references
