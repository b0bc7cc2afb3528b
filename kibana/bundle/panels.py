"""Panels of a dashboard: text, links, saved searches and charts, each with what it refers to. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from driftline.analyzers.settings import Node

from .charts import CHARTS, attributes
from .shapes import Json, kuery

COLUMNS = 48
"""How wide Kibana's grid is."""
KINDS = (*CHARTS, "search", "text")


@dataclass(frozen=True, slots=True)
class Place:
    """Where a panel lies, in cells of the grid."""

    x: int
    y: int
    width: int
    height: int


@dataclass(frozen=True, slots=True)
class Target:
    """A dashboard that others lead to: its id, its name in links, and the question that it answers."""

    identity: str
    name: str
    question: str


@dataclass(frozen=True, slots=True)
class Panel:
    """A panel as a dashboard holds it, and its references there."""

    body: Json
    references: tuple[Json, ...] = ()


def panel(node: Node, dashboard: str, place: Place, targets: Mapping[str, Target]) -> Panel:
    """A panel from its source.

    Args:
        node: `id`, unique in its dashboard; `title`, `description`; `onward`, short names of dashboards to go on to;
            and one of `text`, `search` or a kind of chart.
        dashboard: Short name of its dashboard, which its id begins with.
        place: Where it lies.
        targets: Dashboards by their short names.
    """
    node.keys({"id", "title", "description", "width", "onward", *KINDS}, {"id"})
    kinds = [kind for kind in KINDS if node.value.get(kind) is not None]
    if len(kinds) != 1:
        node.refuse(f"a panel that has one of {', '.join(KINDS)}")
    identity = f"{dashboard}-{node['id'].text()}"
    if kinds == ["text"]:
        return markdown(identity, node["text"].text(), place)
    title = node["title"].text()
    if kinds == ["search"]:
        return _search(identity, title, node["search"].text(), place)
    given = node.get("description")
    chart = attributes(node[kinds[0]], kinds[0], title, given.text() if given else "")
    onward = [targets[item.choice(targets)] for item in node.list("onward")]
    return _lens(identity, chart, onward, place)


def markdown(identity: str, content: str, place: Place) -> Panel:
    """Text."""
    vis = {
        "type": "markdown",
        "id": "",
        "title": "",
        "description": "",
        "params": {"fontSize": 12, "openLinksInNewTab": False, "markdown": content},
        "uiState": {},
        "data": {"aggs": [], "searchSource": {"query": kuery(), "filter": []}},
    }
    config = {"savedVis": vis, "hidePanelTitles": True, "enhancements": {}}
    return Panel(_panel("visualization", identity, config, place))


def links(identity: str, targets: Iterable[tuple[Target, bool]], place: Place) -> Panel:
    """Links to dashboards with the time range, and where it says so with the filters."""
    items, references = [], []
    for order, (target, filtered) in enumerate(targets):
        name = f"link_{target.identity}_dashboard"
        options = {"openInNewTab": False, "useCurrentDateRange": True, "useCurrentFilters": filtered}
        items.append(
            {
                "type": "dashboardLink",
                "id": target.identity,
                "order": order,
                "label": target.name,
                "destinationRefName": name,
                "options": options,
            }
        )
        references.append({"type": "dashboard", "id": target.identity, "name": f"{identity}:{name}"})
    config = {"attributes": {"layout": "horizontal", "links": items}, "hidePanelTitles": True, "enhancements": {}}
    return Panel(_panel("links", identity, config, place), tuple(references))


def _search(identity: str, title: str, search: str, place: Place) -> Panel:
    # The reference is found by the name without the panel's id, which is before it in the dashboard's references.
    body = _panel("search", identity, {"title": title, "enhancements": {}}, place) | {
        "panelRefName": f"panel_{identity}"
    }
    return Panel(body, ({"type": "search", "id": search, "name": f"{identity}:panel_{identity}"},))


def _lens(identity: str, chart: Json, onward: Iterable[Target], place: Place) -> Panel:
    references = [{**item, "name": f"{identity}:{item['name']}"} for item in chart["references"]]
    events = []
    for target in onward:
        events.append(_event(f"to-{target.identity}", "DASHBOARD_TO_DASHBOARD_DRILLDOWN", target.question))
        name = f"{identity}:drilldown:DASHBOARD_TO_DASHBOARD_DRILLDOWN:to-{target.identity}:dashboardId"
        references.append({"type": "dashboard", "id": target.identity, "name": name})
    layers = list(chart["state"]["datasourceStates"]["formBased"]["layers"].values())
    # A single number has nothing to click, and Kibana opens Discover from charts of one layer alone.
    one = len(layers) == len(chart["references"]) == 1
    if one and any(column["isBucketed"] for column in layers[0]["columns"].values()):
        events.append(_event("to-discover", "OPEN_IN_DISCOVER_DRILLDOWN", "Show the documents"))
    config = {
        "attributes": chart,
        "title": chart["title"],
        "description": chart["description"],
        "hidePanelTitles": False,
        "syncColors": False,
        "syncCursor": True,
        "syncTooltips": False,
        "filters": [],
        "query": kuery(),
        "enhancements": {"dynamicActions": {"events": events}},
    }
    return Panel(_panel("lens", identity, config, place), tuple(references))


def _event(identity: str, factory: str, name: str) -> Json:
    to_discover = factory == "OPEN_IN_DISCOVER_DRILLDOWN"
    config = {"openInNewTab": False} if to_discover else {"useCurrentFilters": True, "useCurrentDateRange": True}
    action = {"factoryId": factory, "name": name, "config": config}
    # The only trigger that Kibana has for both.
    return {"eventId": identity, "triggers": ["FILTER_TRIGGER"], "action": action}


def _panel(kind: str, identity: str, config: Json, place: Place) -> Json:
    grid = {"x": place.x, "y": place.y, "w": place.width, "h": place.height, "i": identity}
    return {"type": kind, "panelIndex": identity, "gridData": grid, "embeddableConfig": config}
