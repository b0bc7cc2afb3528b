"""Broken copies of what is shipped for Kibana: each fault that shows without Elasticsearch is found, as what it is."""

from __future__ import annotations

import copy
import json
from pathlib import Path

import pytest
from bundles import Copy
from kibana.check import bundle, structure

SHIPPED = (Path(__file__).parents[2] / "kibana" / "driftline.ndjson").read_text(encoding="utf-8")


def found(text):
    """What the checker says of a text, without Elasticsearch."""
    read, findings = bundle.read(text)
    return [*findings, *structure.check(read)]


def id_is_there_twice(broken):
    """Two objects have one id."""
    first, second = broken.objects[:2]
    second["id"] = first["id"]


def reference_leads_nowhere_data_view(broken):
    """A data view is gone."""
    broken.objects.remove(broken.some("index-pattern", lambda each: "metrics" in each["id"]))


def reference_leads_nowhere_tag(broken):
    """The tag is gone."""
    broken.objects.remove(broken.some("tag"))


def reference_leads_nowhere_saved_search(broken):
    """A panel shows a saved search that is gone."""
    board = broken.some("dashboard", lambda each: any(other["type"] == "search" for other in each["references"]))
    next(each for each in board["references"] if each["type"] == "search")["id"] = "gone"


def reference_leads_nowhere_drilldown(broken):
    """A drilldown leads to a dashboard that is gone, which Kibana would not say."""
    board = broken.some("dashboard", lambda each: any("drilldown" in other["name"] for other in each["references"]))
    next(each for each in board["references"] if "drilldown" in each["name"])["id"] = "gone"


def reference_is_missing_layer(broken):
    """A layer has no data view."""
    panel = broken.chart()
    name = f"{panel.whole['panelIndex']}:indexpattern-datasource-layer"
    panel.board["references"] = [each for each in panel.board["references"] if not each["name"].startswith(name)]


def reference_is_missing_link(broken):
    """A link has no dashboard."""
    panel = broken.panel(lambda panel: panel.whole["type"] == "links")
    panel.lens["links"][0]["destinationRefName"] = "link_gone_dashboard"


def reference_is_missing_search_index(broken):
    """A saved search has no data view."""
    broken.some("search")["references"] = []


def reference_is_not_used(broken):
    """A reference is left over."""
    board = broken.some("dashboard")
    view = broken.some("index-pattern")
    board["references"].append(
        {"type": "index-pattern", "id": view["id"], "name": "gone:indexpattern-datasource-layer-x"}
    )


def reference_is_to_the_wrong_type(broken):
    """A layer's reference is to a tag."""
    panel, tag = broken.chart(), broken.some("tag")
    name = f"{panel.whole['panelIndex']}:indexpattern-datasource-layer"
    reference = next(each for each in panel.board["references"] if each["name"].startswith(name))
    reference |= {"type": "tag", "id": tag["id"]}


def reference_is_there_twice(broken):
    """A name refers to two things."""
    board = broken.some("dashboard")
    board["references"].append(dict(board["references"][0]))


def references_of_panel_and_dashboard_differ(broken):
    """A panel's own reference is to another data view than its dashboard's."""
    panel = broken.chart()
    own = panel.lens["references"][0]
    own["id"] = broken.some("index-pattern", lambda each: each["id"] != own["id"])["id"]


def type_migration_version_is_too_new(broken):
    """A dashboard of a later Kibana."""
    broken.some("dashboard")["typeMigrationVersion"] = "10.4.0"


def type_migration_version_is_missing(broken):
    """A saved search without a version would run through all old migrations."""
    del broken.some("search")["typeMigrationVersion"]


def core_migration_version(broken):
    """A data view without the version of the core."""
    del broken.some("index-pattern")["coreMigrationVersion"]


def type_of_saved_object(broken):
    """A map."""
    broken.some("tag")["type"] = "map"


def attribute_is_unknown(broken):
    """A dashboard with an attribute that Kibana refuses."""
    broken.some("dashboard")["attributes"]["colour"] = "red"


def panels_json_cannot_be_read(broken):
    """The panels are no JSON."""
    broken.some("dashboard")["attributes"]["panelsJSON"] = '[{"type": "lens"'


def search_source_json_cannot_be_read(broken):
    """The query of a saved search is a list."""
    broken.some("search")["attributes"]["kibanaSavedObjectMeta"]["searchSourceJSON"] = "[]"


def title_is_empty_dashboard(broken):
    """A dashboard without a title."""
    broken.some("dashboard")["attributes"]["title"] = " "


def title_is_empty_panel(broken):
    """A chart without a title."""
    panel = broken.chart()
    panel.lens["title"] = ""
    panel.configuration.pop("title", None)


def period_of_dashboard_missing(broken):
    """A dashboard that is to restore a time it does not say."""
    broken.some("dashboard", lambda each: each["attributes"]["timeRestore"])["attributes"].pop("timeFrom")


def period_of_dashboard(broken):
    """A dashboard of the last thirty of nothing."""
    broken.some("dashboard", lambda each: each["attributes"]["timeRestore"])["attributes"]["timeFrom"] = "now-30"


def grid_data_i_is_not_panel_index(broken):
    """A panel's place is another's."""
    broken.chart().whole["gridData"]["i"] = "another"


def panel_index_is_there_twice(broken):
    """Two panels of one id."""
    panels = broken.some("dashboard")["attributes"]["panelsJSON"]
    panels[1]["panelIndex"] = panels[0]["panelIndex"]


def panel_is_outside_the_grid(broken):
    """A panel too wide."""
    broken.chart().whole["gridData"]["w"] = 49


def panels_overlap(broken):
    """Two panels in one place."""
    panels = broken.some("dashboard")["attributes"]["panelsJSON"]
    panels[1]["gridData"] |= {key: panels[0]["gridData"][key] for key in "xy"}


def section_of_panel(broken):
    """A panel in a section that is not there."""
    broken.chart().whole["gridData"]["sectionId"] = "gone"


def type_of_panel(broken):
    """A panel of a kind that the checker does not know."""
    broken.chart().whole["type"] = "aiops_change_point_chart"


def key_of_embeddable_config_is_unknown(broken):
    """A panel with a period of its own, which its query would have to keep to."""
    broken.chart().configuration["timeRange"] = {"from": "now-7d", "to": "now"}


def key_of_column_is_unknown(broken):
    """A column with a setting that the checker does not know."""
    next(iter(broken.chart().columns.values()))["samplingRate"] = 0.5


def key_of_control_is_unknown(broken):
    """A control with a setting that the checker does not know."""
    board = broken.some("dashboard", _has_controls)
    next(iter(board["attributes"]["controlGroupInput"]["panelsJSON"].values()))["explicitInput"]["useGlobal"] = False


def panel_ref_name(broken):
    """A saved search under a name that Kibana does not look up."""
    panel = broken.panel(lambda panel: panel.whole["type"] == "search")
    panel.whole["panelRefName"] = f"{panel.whole['panelIndex']}:panel_{panel.whole['panelIndex']}"


def text_is_empty(broken):
    """A text panel without text."""
    panel = broken.panel(lambda panel: panel.whole["type"] == "visualization")
    panel.configuration["savedVis"]["params"]["markdown"] = ""


def links_are_missing(broken):
    """A links panel without links."""
    broken.panel(lambda panel: panel.whole["type"] == "links").lens["links"] = []


def column_order_is_not_the_columns(broken):
    """A column is not in the order."""
    broken.chart().layer["columnOrder"].pop()


def bucket_stands_after_a_metric(broken):
    """Buckets inside a metric."""
    broken.chart("lnsXY", "date_histogram").layer["columnOrder"].reverse()


def label_of_column_is_empty(broken):
    """A column that nobody can name."""
    next(iter(broken.chart().columns.values()))["label"] = ""


def column_is_incomplete(broken):
    """A column that its editor did not finish."""
    broken.chart().layer["incompleteColumns"] = {"x": {"operationType": "sum"}}


def column_is_not_used(broken):
    """A column that nothing shows."""
    panel = broken.chart()
    metric = next(column for column in panel.columns.values() if not column["isBucketed"])
    panel.columns["left-over"] = copy.deepcopy(metric)
    panel.layer["columnOrder"].append("left-over")


def part_of_column_is_missing(broken):
    """A formula refers to a column that is not there."""
    panel = broken.chart()
    next(column for column in panel.columns.values() if not column["isBucketed"])["references"] = ["gone"]


def accessor_is_no_column(broken):
    """A chart draws a column that is not there."""
    broken.chart("lnsXY").visualization["layers"][0]["accessors"] = ["gone"]


def accessor_is_empty(broken):
    """A chart draws nothing."""
    broken.chart("lnsXY").visualization["layers"][0]["accessors"] = []


def accessor_is_of_the_wrong_kind(broken):
    """A chart has a number for its axis of time."""
    layer = broken.chart("lnsXY", "date_histogram").visualization["layers"][0]
    layer["xAccessor"] = layer["accessors"][0]


def layer_is_not_used(broken):
    """A layer that nothing shows."""
    panel = broken.chart()
    layers = panel.state["datasourceStates"]["formBased"]["layers"]
    layers["left-over"] = copy.deepcopy(panel.layer)


def layers_are_missing(broken):
    """A chart of nothing."""
    broken.chart().state["datasourceStates"]["formBased"]["layers"] = {}


def type_of_visualization(broken):
    """A visualization that the checker does not know."""
    broken.chart().lens["visualizationType"] = "lnsChoropleth"


def type_of_series(broken):
    """A chart of a kind that there is not."""
    broken.chart("lnsXY").visualization["layers"][0]["seriesType"] = "spiral"


def language_of_query(broken):
    """A chart in ES|QL, whose query is not run here."""
    broken.chart().state["query"] = {"esql": "FROM driftline-metrics-*"}


def source_of_layers(broken):
    """A layer in ES|QL beside the others."""
    broken.chart().state["datasourceStates"]["textBased"] = {"layers": {"x": {}}}


def data_view_of_its_own(broken):
    """A data view that only one panel knows."""
    broken.chart().state["adHocDataViews"] = {"x": {"title": "driftline-metrics-*"}}


def trigger_of_drilldown(broken):
    """A drilldown on a click, which Kibana does not have."""
    broken.panel(lambda panel: panel.events).events[0]["triggers"] = ["VALUE_CLICK_TRIGGER"]


def licence_of_drilldown(broken):
    """A link to a page, which costs a Gold licence."""
    broken.panel(lambda panel: panel.events).events[-1]["action"]["factoryId"] = "URL_DRILLDOWN"


def type_of_drilldown(broken):
    """A drilldown that there is not."""
    broken.panel(lambda panel: panel.events).events[-1]["action"]["factoryId"] = "OPEN_IN_MAPS"


def name_of_drilldown_is_empty(broken):
    """A drilldown without a name in the menu."""
    broken.panel(lambda panel: panel.events).events[0]["action"]["name"] = ""


def nothing_to_click_on(broken):
    """A drilldown on a single number, which is no filter."""
    panel = broken.panel(lambda panel: panel.events)
    for column in panel.columns.values():
        column["isBucketed"] = False


def type_of_control(broken):
    """A control that the checker does not know."""
    board = broken.some("dashboard", _has_controls)
    next(iter(board["attributes"]["controlGroupInput"]["panelsJSON"].values()))["type"] = "esqlControl"


def field_name_of_control_is_empty(broken):
    """A control of nothing."""
    board = broken.some("dashboard", _has_controls)
    next(iter(board["attributes"]["controlGroupInput"]["panelsJSON"].values()))["explicitInput"]["fieldName"] = ""


def _has_controls(board):
    return (board["attributes"].get("controlGroupInput") or {}).get("panelsJSON")


def cannot_be_read(broken):
    """A panel's place is a text."""
    broken.chart().whole["gridData"] = "top left"


MUTATIONS = {
    id_is_there_twice: "id is there twice",
    reference_leads_nowhere_data_view: "reference leads nowhere",
    reference_leads_nowhere_tag: "reference leads nowhere",
    reference_leads_nowhere_saved_search: "reference leads nowhere",
    reference_leads_nowhere_drilldown: "reference leads nowhere",
    reference_is_missing_layer: "reference is missing",
    reference_is_missing_link: "reference is missing",
    reference_is_missing_search_index: "reference is missing",
    reference_is_not_used: "reference is not used",
    reference_is_to_the_wrong_type: "reference is to the wrong type",
    reference_is_there_twice: "reference is there twice",
    references_of_panel_and_dashboard_differ: "references of panel and dashboard differ",
    type_migration_version_is_too_new: "typeMigrationVersion is too new",
    type_migration_version_is_missing: "typeMigrationVersion is missing",
    core_migration_version: "coreMigrationVersion",
    type_of_saved_object: "type of saved object",
    attribute_is_unknown: "attribute is unknown",
    panels_json_cannot_be_read: "panelsJSON cannot be read",
    search_source_json_cannot_be_read: "kibanaSavedObjectMeta.searchSourceJSON cannot be read",
    title_is_empty_dashboard: "title is empty",
    title_is_empty_panel: "title is empty",
    period_of_dashboard_missing: "period of dashboard",
    period_of_dashboard: "period of dashboard",
    grid_data_i_is_not_panel_index: "gridData.i is not panelIndex",
    panel_index_is_there_twice: "panelIndex is there twice",
    panel_is_outside_the_grid: "panel is outside the grid",
    panels_overlap: "panels overlap",
    section_of_panel: "section of panel",
    type_of_panel: "type of panel",
    key_of_embeddable_config_is_unknown: "key of embeddableConfig is unknown",
    key_of_column_is_unknown: "key of column is unknown",
    key_of_control_is_unknown: "key of control is unknown",
    panel_ref_name: "panelRefName",
    text_is_empty: "text is empty",
    links_are_missing: "links are missing",
    column_order_is_not_the_columns: "columnOrder is not the columns",
    bucket_stands_after_a_metric: "bucket stands after a metric",
    label_of_column_is_empty: "label of column is empty",
    column_is_incomplete: "column is incomplete",
    column_is_not_used: "column is not used",
    part_of_column_is_missing: "part of column is missing",
    accessor_is_no_column: "accessor is no column",
    accessor_is_empty: "accessor is empty",
    accessor_is_of_the_wrong_kind: "accessor is of the wrong kind",
    layer_is_not_used: "layer is not used",
    layers_are_missing: "layers are missing",
    type_of_visualization: "type of visualization",
    type_of_series: "type of series",
    language_of_query: "language of query",
    source_of_layers: "source of layers",
    data_view_of_its_own: "data view of its own",
    trigger_of_drilldown: "trigger of drilldown",
    licence_of_drilldown: "licence of drilldown",
    type_of_drilldown: "type of drilldown",
    name_of_drilldown_is_empty: "name of drilldown is empty",
    nothing_to_click_on: "nothing to click on",
    type_of_control: "type of control",
    field_name_of_control_is_empty: "fieldName of control is empty",
    cannot_be_read: "cannot be read",
}


def test_what_is_shipped_is_sound():
    """Nothing is wrong with the bundle itself, and a copy that nobody broke is the same."""
    assert not found(SHIPPED)
    assert not found(Copy.of(SHIPPED).text())


@pytest.mark.parametrize(("mutation", "expected"), MUTATIONS.items(), ids=lambda each: getattr(each, "__name__", ""))
def test_a_broken_copy_is_caught(mutation, expected):
    """The finding says what is broken."""
    broken = Copy.of(SHIPPED)
    mutation(broken)
    assert expected in {finding.what for finding in found(broken.text())}


@pytest.mark.parametrize(
    "line", ["{", "[]", '{"type": "tag"}', json.dumps({"type": "tag", "id": "t", "attributes": 1})]
)
def test_a_line_that_is_no_saved_object_is_told(line):
    """With its number."""
    assert [("line 1", "line cannot be read")] == [(finding.where, finding.what) for finding in found(line)]
