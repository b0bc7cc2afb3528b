"""What is exported is accepted by the models of the shapes, and broken copies are not."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from driftline.analyzers import monitors
from driftline.analyzers.alerts.export import files, shapes, watch_shapes
from driftline.analyzers.settings import ConfigError

TEXT = """
namespace: shop
models:
  - name: churn
    task: binary
    positive_class: left
    window: 1h
    lateness: 10m
    measures: {psi: {}, recall: {}, latency_p95: {critical: {above: 200000000}}, latency_p99: {warning: {above: 1}}}
  - name: Prix d'été "2024" \\ * and
    task: regression
    window: month
"""
MADE = files.export(monitors.parse(TEXT))
RULE = MADE.rules["driftline-shop-churn-critical"]
THRESHOLD = MADE.rules["driftline-shop-churn-slow"]
CONNECTOR = MADE.connectors["driftline-shop-rules"]
WATCH = MADE.watches["driftline-shop-churn-critical"]
LACKING: Any = object()


def changed(body: dict[str, Any], path: str, value: Any) -> dict[str, Any]:
    """A copy with one value set, or taken out."""
    found = copy.deepcopy(body)
    *above, last = [int(step) if step.isdigit() else step for step in path.split("/")]
    node: Any = found
    for step in above:
        node = node[step]
    if value is LACKING:
        del node[last]
    else:
        node[last] = value
    return found


def test_all_that_is_exported_is_accepted():
    """Rules, connectors and watches of several models, one with a name that is hard to quote."""
    assert len(MADE.rules) == len(MADE.watches) == 7 + 6 + 1
    for identity, body in MADE.rules.items():
        shapes.check_rule(identity, body)
    for identity, body in MADE.connectors.items():
        shapes.check_connector(identity, body)
    for identity, body in MADE.watches.items():
        watch_shapes.check_watch(identity, body)
    shapes.check_references(MADE.rules, MADE.connectors)


@pytest.mark.parametrize(
    ("path", "value", "said"),
    [
        ("name", LACKING, "name is missing"),
        ("consumer", "alerts", "consumer: got 'alerts', allowed: stackAlerts"),
        ("rule_type_id", ".es_query", "allowed: .es-query"),
        ("throttle", "1h", "unknown 'throttle'"),
        ("schedule/interval", "5 minutes", "schedule.interval"),
        ("schedule/interval", 5, "allowed: a text"),
        ("params/searchType", "dsl", "allowed: esQuery"),
        ("params/esQuery", {"query": {}}, "params.esQuery"),
        ("params/esQuery", "{", "a text that is JSON"),
        ("params/esQuery", '{"match_all": {}}', "JSON such as"),
        ("params/searchConfiguration", {"index": "x"}, "params.searchConfiguration"),
        ("params/esqlQuery", {"esql": "FROM x"}, "not with searchType esQuery"),
        ("params/filterKuery", "a: b", "unknown 'filterKuery'"),
        ("params/size", 10_001, "a whole number from 0 to 10000"),
        ("params/size", LACKING, "size is missing"),
        ("params/index", [], "at least one index"),
        ("params/index", "driftline-metrics", "allowed: a list"),
        ("params/timeWindowSize", 0, "a whole number from 1"),
        ("params/timeWindowUnit", "w", "allowed: s, m, h, d"),
        ("params/thresholdComparator", "=>", "allowed: >, >="),
        ("params/thresholdComparator", "between", "two numbers with between"),
        ("params/threshold", 0, "allowed: a list"),
        ("params/threshold", [0, 1], "one number with >"),
        ("params/aggType", "avg", "params.aggField"),
        ("params/aggField", "metric.value", "allowed: nothing here"),
        ("params/groupBy", "all", "params.term"),
        ("params/groupBy", "row", "allowed: all, top"),
        ("params/termField", ["a"], "two to four"),
        ("params/termSize", 1_001, "params.termSize"),
        ("params/termSize", LACKING, "allowed: a value here"),
        ("params/excludeHitsFromPreviousRun", "false", "true or false"),
        ("actions/0/group", "threshold met", "allowed: query matched, recovered"),
        ("actions/0/frequency/throttle", LACKING, "null where there is none"),
        ("actions/0/frequency/throttle", "1h", "null, unless"),
        ("actions/0/frequency/notify_when", "onThrottleInterval", "throttle"),
        ("actions/0/frequency/notify_when", "always", "notify_when"),
        ("actions/0/frequency/summary", LACKING, "summary is missing"),
        ("actions/0/frequency", LACKING, "frequency is missing"),
        ("actions/0/params/level", "warning", "allowed: trace"),
        ("actions/1/params/documents", [], "at least one document"),
        ("alert_delay/active", 0, "alert_delay.active"),
        ("flapping/look_back_window", 21, "a whole number from 2 to 20"),
        ("flapping/status_change_threshold", 21, "status_change_threshold"),
        ("artifacts/dashboards", [{"id": str(n)} for n in range(11)], "at most 10"),
        ("artifacts/investigation_guide", {"text": "x"}, "blob"),
    ],
)
def test_broken_rules_are_refused(path, value, said):
    """Each error says where and what, of rules that are right but for one thing."""
    with pytest.raises(ConfigError) as caught:
        shapes.check_rule("r", changed(RULE, path, value))
    assert said in str(caught.value)


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("params/esQuery", "{}"),
        ("params/size", 0),
        ("params/groupBy", LACKING),
        ("params/filterKuery", ""),
        ("params/aggField", LACKING),
        ("params/index", LACKING),
        ("actions/0/group", "query matched"),
    ],
)
def test_broken_threshold_rules_are_refused(path, value):
    """The other type of rule has keys and groups of its own."""
    assert THRESHOLD["rule_type_id"] == ".index-threshold"
    body = changed(THRESHOLD, path, value)
    if path == "params/filterKuery":
        shapes.check_rule("r", changed(THRESHOLD, path, LACKING))
        body["params"]["filterKuery"] = ["a"]
    with pytest.raises(ConfigError):
        shapes.check_rule("r", body)


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("secrets", LACKING),
        ("secrets", {"token": "t"}),
        ("connector_type_id", ".slack"),
        ("connector_type_id", ".server-log"),
        ("config/index", LACKING),
        ("config/op_type", "create"),
        ("config/refresh", "false"),
    ],
)
def test_broken_connectors_are_refused(path, value):
    """Also those that need a licence that is paid for."""
    with pytest.raises(ConfigError):
        shapes.check_connector("c", changed(CONNECTOR, path, value))


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("trigger", LACKING),
        ("trigger/schedule/interval", "5 min"),
        ("trigger/schedule/cron", "0 * * * * ?"),
        ("input/search/request/indices", []),
        ("input/search/request/body/query", LACKING),
        ("input/search/request/index", "x"),
        ("condition/always", {}),
        ("condition", {"compare": {"payload.hits.total": {"gt": 0}}}),
        ("condition", {"compare": {"ctx.payload.hits.total": {">": 0}}}),
        ("condition", {"array_compare": {"ctx.payload.a": {"gt": {"value": 0}}}}),
        ("condition", {"array_compare": {"ctx.payload.a": {"path": "b", "gt": {"value": 0, "quantifier": "any"}}}}),
        ("actions", {}),
        ("actions/log/webhook", {}),
        ("actions/log/logging/level", "warning"),
        ("actions/store/index/op_type", "update"),
        ("actions/store/transform", {"painless": "x"}),
        ("throttle_period", "soon"),
        ("enabled", True),
    ],
)
def test_broken_watches_are_refused(path, value):
    """Each is right but for one thing."""
    with pytest.raises(ConfigError):
        watch_shapes.check_watch("w", changed(WATCH, path, value))


@pytest.mark.parametrize("identity", ["", "a b", "a/b", "é", "x" * 301])
def test_ids_that_addresses_do_not_take_are_refused(identity):
    """They are part of an address, and names of files."""
    for check, body in (
        (shapes.check_rule, RULE),
        (shapes.check_connector, CONNECTOR),
        (watch_shapes.check_watch, WATCH),
    ):
        with pytest.raises(ConfigError):
            check(identity, body)


def test_a_rule_that_acts_by_a_connector_that_is_not_there_is_refused():
    """Kibana would refuse to make it."""
    with pytest.raises(ConfigError, match=r"actions\[0\].id: got 'driftline-shop-server-log', allowed: other"):
        shapes.check_references({"r": RULE}, ["other"])
