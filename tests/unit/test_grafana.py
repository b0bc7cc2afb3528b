"""Grafana's dashboards: built anew they are those in the repository, and each way to break one is noticed."""

from __future__ import annotations

import copy
import json
import re
from pathlib import Path

import graphing
import inspecting
import pytest
import yaml
from grafana.build import __main__ as build
from grafana_foundation_sdk.cog import plugins
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models.dashboard import Dashboard
from graphing import Value

from driftline.analyzers.alerts.export import gauges

ONLY_ELASTICSEARCH = ("query", "timeField", "timeEndField", "textField", "tagsField")
"""Fields of an annotation that the SDK does not know."""
LABELS = re.compile(r"(driftline_\w+)(?:\{([^}]*)\})?")


@pytest.fixture
def dashboards():
    """Copies of those in the repository, by uid."""
    return copy.deepcopy(inspecting.shipped())


def problems(dashboards):
    """What is wrong with them, in one text."""
    return "\n".join(inspecting.structure(dashboards.values(), inspecting.provisioned_sources()))


def panel(dashboard, title):
    """The panel with this title."""
    (found,) = [one for one in inspecting.panels(dashboard) if one["title"] == title]
    return found


def test_built_anew_they_are_the_same():
    """`make grafana` writes what is there, and nothing else is there."""
    folder = inspecting.GRAFANA / "dashboards"
    assert {file.name: file.read_text(encoding="utf-8") for file in folder.iterdir()} == build.texts()


def test_the_sdk_reads_them_and_writes_the_same(dashboards):
    """Each is a dashboard of Grafana 11.6 to the letter, but for what only Elasticsearch's annotations have."""
    plugins.register_default_plugins()
    for dashboard in dashboards.values():
        for annotation in dashboard["annotations"]["list"]:
            assert all(annotation.pop(field, True) for field in ONLY_ELASTICSEARCH)
        assert dashboard == json.loads(JSONEncoder().encode(Dashboard.from_json(dashboard)))


def test_the_four_dashboards_are_sound(dashboards):
    """Grid, ids, variables, columns, data sources and links; no mean mixes what must be apart."""
    assert set(dashboards) == {f"driftline-{name}" for name in ("fleet", "performance", "drift", "service")}
    assert problems(dashboards) == ""


def test_each_says_what_it_answers_and_leads_to_the_others(dashboards):
    """The first line is a question, and a link to all of them keeps time and variables."""
    for dashboard in dashboards.values():
        assert "?" in dashboard["panels"][0]["options"]["content"]
        (link,) = dashboard["links"]
        assert link["includeVars"]
        assert link["keepTime"]
        assert link["tags"] == dashboard["tags"] == ["driftline"]


def test_prometheus_is_asked_for_gauges_that_there_are(dashboards):
    """Metrics are Driftline's gauges, labels are theirs, and all these panels say that they may be empty."""
    known = {gauge.name: set(gauge.labels) for gauge in gauges.GAUGES}
    asked = [pair for dashboard in dashboards.values() for pair in inspecting.targets(dashboard, "prometheus")]
    assert asked
    for shown, target in asked:
        assert inspecting.MAY_BE_EMPTY in shown["description"]
        for name, labels in LABELS.findall(target["expr"]):
            assert set(re.findall(r"(\w+)=", labels or "")) <= known[name], target["expr"]


def test_runbooks_are_there(dashboards):
    """A kind of incident leads to a page that there is."""
    (link,) = re.findall(r"https://[^\"$]+", json.dumps(dashboards["driftline-fleet"]["panels"]))
    assert (Path(inspecting.GRAFANA).parent / link.partition("/main/")[2]).is_dir()


def _overlap(dashboards):
    dashboards["driftline-drift"]["panels"][2]["gridPos"]["y"] -= 1


def _too_wide(dashboards):
    dashboards["driftline-drift"]["panels"][2]["gridPos"]["x"] = 20


def _same_id(dashboards):
    dashboards["driftline-drift"]["panels"][2]["id"] = 2


def _same_uid(dashboards):
    dashboards["driftline-drift"]["uid"] = "driftline-fleet"


def _unknown_source(dashboards):
    panel(dashboards["driftline-fleet"], "Traffic")["targets"][0]["datasource"]["uid"] = "metrics"


def _other_type(dashboards):
    panel(dashboards["driftline-fleet"], "Traffic")["datasource"]["type"] = "prometheus"


def _unknown_variable(dashboards):
    target = panel(dashboards["driftline-fleet"], "Traffic")["targets"][0]
    target["query"] = target["query"].replace("$size", "$window")


def _variable_too_late(dashboards):
    variables = dashboards["driftline-drift"]["templating"]["list"]
    variables.append(variables.pop(1))


def _variable_for_nothing(dashboards):
    fleet = dashboards["driftline-fleet"]
    for shown in inspecting.panels(fleet):
        for target in shown["targets"]:
            for key in ("query", "expr"):
                target[key] = target.get(key, "").replace("$size", "1d")


def _same_letter(dashboards):
    panel(dashboards["driftline-performance"], "Labels")["targets"][1]["refId"] = "A"


def _no_description(dashboards):
    del panel(dashboards["driftline-performance"], "Labels")["description"]


def _ordered_by_nothing(dashboards):
    shown = panel(dashboards["driftline-drift"], "What moved most, by $measure")
    shown["targets"][0]["bucketAggs"][0]["settings"]["orderBy"] = "7"


def _unknown_column(dashboards):
    panel(dashboards["driftline-fleet"], "Incidents")["targets"][0]["metrics"].pop(1)


def _unknown_look(dashboards):
    override = panel(dashboards["driftline-fleet"], "Incidents")["fieldConfig"]["overrides"][0]
    override["matcher"]["options"] = "Began"


def _unknown_order(dashboards):
    panel(dashboards["driftline-fleet"], "Incidents")["options"]["sortBy"][0]["displayName"] = "Min"


def _unknown_matrix(dashboards):
    panel(dashboards["driftline-fleet"], "Verdicts by model")["targets"][0]["bucketAggs"].pop(1)


def _unknown_dashboard(dashboards):
    del dashboards["driftline-performance"]


def _mixed_sizes(dashboards):
    target = panel(dashboards["driftline-fleet"], "Traffic")["targets"][0]
    target["query"] = target["query"].replace(" AND window.size:$size", "")


def _mixed_segments(dashboards):
    target = panel(dashboards["driftline-fleet"], "Traffic")["targets"][0]
    target["query"] = target["query"].replace(" AND NOT _exists_:segment.name", "")


def _mixed_versions(dashboards):
    panel(dashboards["driftline-fleet"], "Traffic")["targets"][0]["bucketAggs"].pop(1)


def _mixed_features(dashboards):
    target = panel(dashboards["driftline-drift"], "$measure of $feature, by version")["targets"][0]
    target["query"] = target["query"].replace(" AND feature.name:$feature", "")


def _mixed_measures(dashboards):
    target = panel(dashboards["driftline-service"], "Throughput")["targets"][0]
    target["query"] = target["query"].replace(" AND metric.name:throughput", "")
    target["bucketAggs"].pop(0)


MUTATIONS = {
    _overlap: "lies over",
    _too_wide: "does not fit the grid",
    _same_id: "panel id 2 is there twice",
    _same_uid: "2 dashboards have this uid",
    _unknown_source: "data source metrics (elasticsearch) is not provisioned",
    _other_type: "data source driftline-metrics (prometheus) is not provisioned",
    _unknown_variable: "there is no variable window",
    _variable_too_late: "asks for model, which is not before it",
    _variable_for_nothing: "variable size is not used",
    _same_letter: "targets are ['A', 'A']",
    _no_description: "has no description",
    _ordered_by_nothing: "is ordered by 7, which is not there",
    _unknown_column: "no column is called Max",
    _unknown_look: "no column is called Began",
    _unknown_order: "no column is called Min",
    _unknown_matrix: "no column is called metric.status",
    _unknown_dashboard: "there is no dashboard driftline-performance",
    _mixed_sizes: "mixes sizes of windows",
    _mixed_segments: "mixes segments",
    _mixed_versions: "mixes versions",
    _mixed_features: "mixes features",
    _mixed_measures: "mixes measures",
}
"""Ways to break a dashboard, and what is then said."""


@pytest.mark.parametrize("break_it", MUTATIONS, ids=lambda function: function.__name__)
def test_what_is_broken_is_noticed(dashboards, break_it):
    """One change, and the inspection names it."""
    break_it(dashboards)
    assert MUTATIONS[break_it] in problems(dashboards)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (Value(("arrival-delay",)), r"arrival\-delay"),
        (Value(("every minute",)), r"every\ minute"),
        (Value(("a b", 'c"d'), several=True), r'("a\ b" OR "c\"d")'),
        (Value(("a",), several=True, raw="(*:* AND NOT _exists_:x)"), "(*:* AND NOT _exists_:x)"),
        (Value((), several=True), "__empty__"),
    ],
)
def test_values_are_written_for_lucene_as_grafana_does(value, expected):
    """A word is escaped, several are quoted, and a text for all goes in as it is."""
    assert graphing.filled("x:$name y:${name} z:${name:lucene} $__all", {"name": value}) == (
        f"x:{expected} y:{expected} z:{expected} $__all"
    )


def test_provisioning_is_what_grafana_reads():
    """Every data source has a uid and takes its address from the environment; dashboards are not changed in place."""
    text = (inspecting.GRAFANA / "provisioning" / "datasources" / "driftline.yml").read_text()
    for source in yaml.safe_load(text)["datasources"]:
        assert source["uid"].startswith("driftline-")
        assert source["url"] in {"$ELASTICSEARCH_URL", "$PROMETHEUS_URL"}
        assert source["type"] == "prometheus" or source["jsonData"]["timeField"] == "@timestamp"
