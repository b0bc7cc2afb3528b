"""Where a click on a panel leads."""

from __future__ import annotations

from collections.abc import Iterator

from .bundle import Json, Panel
from .finding import Finding

FACTORIES = ("DASHBOARD_TO_DASHBOARD_DRILLDOWN", "OPEN_IN_DISCOVER_DRILLDOWN")
TRIGGER = "FILTER_TRIGGER"
# What costs more than the Basic licence.
LICENCES = {"URL_DRILLDOWN": "gold"}


def check(panel: Panel) -> Iterator[Finding]:
    """Whether each drilldown is one that a Basic licence has, and starts from a filter."""
    identities = [event.get("eventId") for event in panel.drilldowns]
    if len(set(identities)) < len(identities) or not all(identities):
        yield Finding(panel.where, "id of drilldown", repr(identities), "one for each")
    columns = [column for layer in panel.layers.values() for column in (layer.get("columns") or {}).values()]
    if panel.drilldowns and panel.layers and not any(column.get("isBucketed") for column in columns):
        yield Finding(panel.where, "nothing to click on", "only metrics", "a bucket, whose value becomes the filter")
    for event in panel.drilldowns:
        yield from _one(panel, event)


def _one(panel: Panel, event: Json) -> Iterator[Finding]:
    action = event.get("action") or {}
    factory = action.get("factoryId")
    if factory in LICENCES:
        yield Finding(panel.where, "licence of drilldown", f"{factory} ({LICENCES[factory]})", "what is in Basic")
        return
    if factory not in FACTORIES:
        yield Finding(panel.where, "type of drilldown", repr(factory), ", ".join(FACTORIES))
    if event.get("triggers") != [TRIGGER]:
        yield Finding(panel.where, "trigger of drilldown", repr(event.get("triggers")), repr([TRIGGER]))
    if not str(action.get("name") or "").strip():
        yield Finding(panel.where, "name of drilldown is empty", repr(action.get("name")), "a text")
    if panel.type != "lens":
        yield Finding(panel.where, "panel has drilldowns", repr(panel.type), "'lens'")
    if factory == "OPEN_IN_DISCOVER_DRILLDOWN" and len(panel.layers) != 1:
        yield Finding(panel.where, "Discover shows one layer", f"{len(panel.layers)} layers", "1")
