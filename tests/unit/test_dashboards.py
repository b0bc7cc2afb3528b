"""The Kibana dashboards: made from their sources, complete, and such that no control empties a panel."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml
from kibana.bundle.__main__ import SOURCES, TARGET, bundle
from kibana.bundle.charts import CHARTS
from kibana.bundle.columns import bucket, value
from kibana.bundle.dashboards import dashboards

from driftline.analyzers import setup
from driftline.analyzers.alerts.evidence import links
from driftline.analyzers.settings import ConfigError, Node

TEMPLATES = Path(__file__).parents[2] / "index-templates"
OBJECTS = [json.loads(line) for line in TARGET.read_text(encoding="utf-8").splitlines()]
DASHBOARDS = {item["id"]: item for item in OBJECTS if item["type"] == "dashboard"}
VIEWS = {item["id"]: item for item in OBJECTS if item["type"] == "index-pattern"}
SEARCHES = {item["id"]: item for item in OBJECTS if item["type"] == "search"}


def node(given):
    """A source."""
    return Node("x.yaml", "", given)


def panels(dashboard):
    """Its panels."""
    return json.loads(dashboard["attributes"]["panelsJSON"])


def mapped():
    """The fields of each index pattern that has a template."""
    found = {}
    for path in (TEMPLATES / "indices").glob("*.json"):
        template = json.loads(path.read_text())
        parts = [json.loads((TEMPLATES / "components" / f"{n}.json").read_text()) for n in template["composed_of"]]
        fields = set()
        for part in (template, *parts):
            fields |= set(leaves(part["template"].get("mappings", {}).get("properties", {})))
        found[template["index_patterns"][0]] = fields
    return found


def leaves(properties, path=""):
    """Names of fields, dotted."""
    for name, given in properties.items():
        if "properties" in given:
            yield from leaves(given["properties"], f"{path}{name}.")
        else:
            yield f"{path}{name}"


def test_the_committed_file_is_what_the_sources_give():
    """`make dashboards` writes it anew, and always the same."""
    assert bundle(SOURCES) == TARGET.read_text(encoding="utf-8")
    assert setup.dashboards() == TARGET.read_bytes()


def test_all_that_is_referred_to_is_in_the_file():
    """Kibana itself looks for data views and searches alone."""
    known = {(item["type"], item["id"]) for item in OBJECTS}
    assert len(known) == len(OBJECTS)
    assert {(r["type"], r["id"]) for item in OBJECTS for r in item["references"]} <= known


def test_links_in_alerts_lead_to_what_is_there():
    """Incidents link to dashboards and data views by their ids."""
    assert set(links.DASHBOARDS.values()) <= DASHBOARDS.keys()
    assert {links.PREDICTIONS, links.METRICS} <= VIEWS.keys()


def test_each_dashboard_begins_with_its_question():
    """It is the first panel's first line, and the dashboard's description."""
    for dashboard in DASHBOARDS.values():
        first = panels(dashboard)[0]
        question = dashboard["attributes"]["description"]
        assert question.endswith("?")
        assert first["embeddableConfig"]["savedVis"]["params"]["markdown"].startswith(f"**{question}**")
        assert (first["gridData"]["x"], first["gridData"]["y"]) == (0, 0)


def test_panels_fill_the_grid_without_overlaps():
    """No two panels share a cell, and none reaches beyond the 48 columns."""
    for dashboard in DASHBOARDS.values():
        cells = set()
        for panel in panels(dashboard):
            grid = panel["gridData"]
            own = {
                (x, y) for x in range(grid["x"], grid["x"] + grid["w"]) for y in range(grid["y"], grid["y"] + grid["h"])
            }
            assert not own & cells, panel["panelIndex"]
            assert max(x for x, _ in own) < 48
            cells |= own


def shown(dashboard):
    """Each panel that shows data, with the data view that filters must fit."""
    references = {item["name"]: item["id"] for item in dashboard["references"]}
    for panel in panels(dashboard):
        identity = panel["panelIndex"]
        if panel["type"] == "lens":
            yield identity, references[f"{identity}:indexpattern-datasource-layer-data"]
        if panel["type"] == "search":
            search = SEARCHES[references[f"{identity}:panel_{identity}"]]
            yield identity, search["references"][0]["id"]


@pytest.mark.parametrize("name", DASHBOARDS)
def test_no_control_empties_a_panel(name):
    """A filter on a field that an index lacks finds nothing: each panel's index has the fields of all controls."""
    fields = mapped()
    group = DASHBOARDS[name]["attributes"]["controlGroupInput"]
    wanted = {item["explicitInput"]["fieldName"] for item in json.loads(group["panelsJSON"]).values()}
    assert wanted or name == "driftline-pipeline-health"
    for identity, view in shown(DASHBOARDS[name]):
        title = VIEWS[view]["attributes"]["title"]
        assert wanted <= fields[title], identity


@pytest.mark.parametrize("name", DASHBOARDS)
def test_drilldowns_carry_no_filter_that_empties_their_target(name):
    """What can be clicked on a panel that leads on is known to every panel of where it leads."""
    fields = mapped()
    for panel in panels(DASHBOARDS[name]):
        if panel["type"] != "lens":
            continue
        events = panel["embeddableConfig"]["enhancements"]["dynamicActions"]["events"]
        state = panel["embeddableConfig"]["attributes"]["state"]
        (*_, layer) = state["datasourceStates"]["formBased"]["layers"].values()
        clicked = {c["sourceField"] for c in layer["columns"].values() if c["operationType"] == "terms"}
        for event in events:
            target = event["eventId"].removeprefix("to-")
            for identity, view in shown(DASHBOARDS[target]) if target in DASHBOARDS else ():
                title = VIEWS[view]["attributes"]["title"]
                assert clicked <= fields[title], (panel["panelIndex"], identity)


def test_averages_are_of_one_size_of_window():
    """A mean of days, weeks and months, or of segments and the whole, is of nothing: means are split by series."""
    for dashboard in DASHBOARDS.values():
        for panel in panels(dashboard):
            if panel["type"] != "lens":
                continue
            attributes = panel["embeddableConfig"]["attributes"]
            columns = attributes["state"]["datasourceStates"]["formBased"]["layers"]["data"]["columns"].values()
            ours = ("metric.", "distribution.")
            means = [c for c in columns if c["operationType"] == "average" and c["sourceField"].startswith(ours)]
            if means:
                assert "series" in {c["sourceField"] for c in columns}, panel["panelIndex"]


def test_a_column_counts_what_is_asked():
    """Aggregation, field, filter and format are Lens' own names."""
    column = value(node({"of": "p95 event.duration", "label": "Slow", "where": "a : *", "format": "percent"}))
    assert (column["operationType"], column["params"]["percentile"]) == ("percentile", 95)
    assert column["filter"] == {"language": "kuery", "query": "a : *"}
    assert column["params"]["format"]["id"] == "percent"
    ordered = bucket(node({"field": "model.name", "top": 5, "order": "Slow"}), {"Fast": "a", "Slow": "b"})
    assert ordered["params"]["orderBy"] == {"type": "column", "columnId": "b"}
    assert bucket(node({"time": "@timestamp", "every": "1M"}), {})["params"]["interval"] == "1M"


@pytest.mark.parametrize(
    ("kind", "given", "said"),
    [
        ("metric", {"view": "v", "value": {"of": "mean x", "label": "L"}}, r"value\.of: got 'mean x', allowed"),
        ("metric", {"view": "v", "valu": {}}, r"valu: unknown 'valu' \(did you mean 'value'\?\)"),
        ("table", {"view": "v", "rows": [], "values": [{"of": "count", "label": "N"}], "sort": "M"}, "sort: got 'M'"),
        ("xy", {"view": "v", "type": "bars", "x": {}, "values": [{}]}, "x is missing|type: got 'bars', allowed: line"),
        ("heatmap", {"view": "v", "x": {"time": "t"}, "y": {"time": "t"}, "value": {"of": "count", "label": "N"},
                     "colours": [[1, "#a"], [0, "#b"]]}, "colours: got"),
    ],
)  # fmt: skip
def test_a_wrong_chart_is_said(kind, given, said):
    """File, path, value and what is allowed."""
    with pytest.raises(ConfigError, match=rf"x\.yaml: (?:{said})"):
        CHARTS[kind](node(given))


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda s: s["rows"][0]["panels"][0].update(width=9), r"rows\[0\]\.panels: got .* 48 wide together, not 49"),
        (lambda s: s["rows"][0]["panels"][0].update(onward=["flet"]), r"got 'flet', allowed: fleet"),
        (lambda s: s["rows"][0]["panels"][0].update(text="and text"), r"a panel that has one of"),
        (lambda s: s["rows"][0]["panels"][1].update(id="models"), r"panels whose ids differ"),
    ],
)
def test_a_wrong_dashboard_is_said(change, said):
    """Rows are filled, ids differ, and what is led to is there."""
    source = yaml.safe_load((SOURCES / "dashboards" / "fleet.yaml").read_text(encoding="utf-8"))
    others = ("performance", "drift", "fairness", "service", "pipeline")
    sources = {
        name: node(yaml.safe_load((SOURCES / "dashboards" / f"{name}.yaml").read_text(encoding="utf-8")))
        for name in others
    }
    change(source)
    with pytest.raises(ConfigError, match=said):
        dashboards({"fleet": node(source), **sources})


def test_the_page_says_what_there_is():
    """How many objects an import makes, and which question each dashboard answers."""
    page = (SOURCES.parent / "docs" / "how-to" / "open-the-dashboards.md").read_text(encoding="utf-8")
    assert f"{len(DASHBOARDS)} `dashboard/`, {len(VIEWS)} `index-pattern/`, {len(SEARCHES)} `search/`" in page
    for dashboard in DASHBOARDS.values():
        name = dashboard["attributes"]["title"].removeprefix("Driftline · ")
        assert f"| {name} | {dashboard['attributes']['description']} |" in page
