"""What Kibana accepts as rules and connectors: their shapes, checked before anything is written or sent. Pure.

Kibana refuses what it does not know, and so do these: every key is one that is listed, every value one that is allowed.
Source: https://www.elastic.co/docs/api/doc/kibana/group/endpoint-alerting, and of parameters
https://github.com/elastic/kibana/tree/main/src/platform/packages/shared/response-ops/rule_params.
"""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Mapping
from typing import Any

from ...settings import Node

ID = re.compile(r"[A-Za-z0-9_.-]{1,300}")
ALLOWED_ID = "letters, digits, `_`, `.` and `-`, at most 300"
_LENGTH = re.compile(r"[1-9][0-9]*[smhd]")
_GROUPS = {".es-query": "query matched", ".index-threshold": "threshold met"}
_RECOVERED = "recovered"
_BETWEEN = ("between", "notBetween")
_COMPARATORS = (">", ">=", "<", "<=", *_BETWEEN)
_MEANS = ("avg", "sum", "min", "max")
_NOTIFY = ("onActionGroupChange", "onActiveAlert", "onThrottleInterval")
_LOG_LEVELS = ("trace", "debug", "info", "warn", "error", "fatal")

_RULE = {"name", "rule_type_id", "consumer", "schedule", "params"}
_RULE_MAY = {"actions", "tags", "enabled", "alert_delay", "flapping", "artifacts"}
_COMPARED = {"timeField", "timeWindowSize", "timeWindowUnit", "threshold", "thresholdComparator"}
_COMPARED_MAY = {"index", "aggType", "aggField", "groupBy", "termField", "termSize"}
_QUERIES = {
    "esQuery": {"index", "esQuery"},
    "esqlQuery": {"esqlQuery"},
    "searchSource": {"searchConfiguration"},
}
"""What each way of searching needs; the keys of the others are refused."""


def check_rule(identity: str, body: Mapping[str, Any]) -> None:
    """Check the body of `POST /api/alerting/rule/{id}`.

    Raises:
        ConfigError: It would be refused; the text names where, what and what is allowed.
    """
    node = _root("rule", identity, body)
    node.keys(_RULE | _RULE_MAY, required=_RULE)
    node["name"].text()
    kind = node["rule_type_id"].choice(list(_GROUPS))
    node["consumer"].choice(["stackAlerts"])
    node["schedule"].keys({"interval"}, required={"interval"})
    check_length(node["schedule"]["interval"])
    params = node["params"]
    (_es_query if kind == ".es-query" else _index_threshold)(params)
    for action in node.list("actions"):
        _action(action, _GROUPS[kind])
    for tag in node.list("tags"):
        tag.text()
    _handling(node)


def check_connector(identity: str, body: Mapping[str, Any]) -> None:
    """Check the body of `POST /api/actions/connector/{id}`.

    Raises:
        ConfigError: It would be refused.
    """
    node = _root("connector", identity, body)
    keys = {"name", "connector_type_id", "config", "secrets"}
    node.keys(keys, required=keys)
    node["name"].text()
    config = node["config"]
    if node["connector_type_id"].choice([".index", ".server-log"]) == ".server-log":
        config.keys(())
    else:
        config.keys({"index", "refresh", "executionTimeField"}, required={"index"})
        config["index"].text()
        if config.get("refresh"):
            _flag(config["refresh"])
        if config.get("executionTimeField"):
            config["executionTimeField"].text()
    node["secrets"].keys(())


def check_references(rules: Mapping[str, Mapping[str, Any]], connectors: Collection[str]) -> None:
    """Check that the actions of rules go to connectors that there are.

    Raises:
        ConfigError: One does not.
    """
    for identity, body in rules.items():
        for action in _root("rule", identity, body).list("actions"):
            action["id"].choice(sorted(connectors))


def check_length(node: Node) -> None:
    """A length of time as Kibana and Watcher write it, such as `5m`."""
    if not _LENGTH.fullmatch(node.text()):
        node.refuse("a length such as 30s, 5m, 1h, 1d")


def check_indices(node: Node) -> None:
    """A list of names of indices, at least one."""
    names = [item.text() for item in node.items()]
    if not names:
        node.refuse("a list of at least one index")


def exclusive(node: Node, wanted: Collection[str], all_of_them: Collection[str]) -> str:
    """The one key of these that is there.

    Raises:
        ConfigError: None is, or several are, or one that is not wanted.
    """
    found = [key for key in all_of_them if key in node.mapping()]
    if len(found) != 1 or found[0] not in wanted:
        node.refuse(f"exactly one of {', '.join(sorted(wanted))}")
    return found[0]


def _flag(node: Node) -> None:
    if not isinstance(node.value, bool):
        node.refuse("true or false")


def _root(kind: str, identity: str, body: Mapping[str, Any]) -> Node:
    if not ID.fullmatch(identity):
        Node(f"{kind} {identity}", "id", identity).refuse(ALLOWED_ID)
    return Node(f"{kind} {identity}", "", body)


def _es_query(params: Node) -> None:
    own = {key for keys in _QUERIES.values() for key in keys} | {"searchType", "size", "excludeHitsFromPreviousRun"}
    params.keys(_COMPARED | _COMPARED_MAY | own, required=_COMPARED | {"searchType", "size"})
    way = params["searchType"].choice(list(_QUERIES))
    needed = _QUERIES[way]
    for other in {key for keys in _QUERIES.values() for key in keys} - needed:
        if other in params.value:
            params.child(other, params.value[other]).refuse(f"nothing: not with searchType {way}")
    for key in sorted(needed):
        if key not in params.value:
            params.refuse(f"a mapping with {key}, as searchType is {way}")
    params["size"].whole(0, 10_000)
    if params.get("excludeHitsFromPreviousRun"):
        _flag(params["excludeHitsFromPreviousRun"])
    if way == "esQuery":
        check_indices(params["index"])
        _query(params["esQuery"])
    _compared(params, several=True)


def _query(node: Node) -> None:
    try:
        found = json.loads(node.text())
    except ValueError:
        node.refuse("a text that is JSON")
    if not isinstance(found, dict) or set(found) != {"query"} or not isinstance(found["query"], dict):
        node.refuse('JSON such as {"query": {...}}')


def _index_threshold(params: Node) -> None:
    params.keys(_COMPARED | _COMPARED_MAY | {"filterKuery"}, required=_COMPARED | {"index", "aggType", "groupBy"})
    index = params["index"]
    if isinstance(index.value, str):
        index.text()
    else:
        check_indices(index)
    if params.get("filterKuery"):
        params["filterKuery"].text()
    _compared(params, several=False)


def _compared(params: Node, *, several: bool) -> None:
    """What both types of rule share: period, aggregation, groups and threshold."""
    params["timeField"].text()
    params["timeWindowSize"].whole(1, 1_000_000)
    params["timeWindowUnit"].choice(["s", "m", "h", "d"])
    comparator = params["thresholdComparator"].choice(_COMPARATORS)
    bounds = [item.number() for item in params["threshold"].items()]
    if len(bounds) != (2 if comparator in _BETWEEN else 1):
        params["threshold"].refuse(f"{'two numbers' if comparator in _BETWEEN else 'one number'} with {comparator}")
    aggregation = params.get("aggType")
    takes_field = aggregation is not None and aggregation.choice(["count", *_MEANS]) != "count"
    _only_if(params, "aggField", wanted=takes_field)
    group = params.get("groupBy")
    grouped = group is not None and group.choice(["all", "top"]) == "top"
    _only_if(params, "termField", wanted=grouped)
    _only_if(params, "termSize", wanted=grouped)
    if grouped:
        field = params["termField"]
        if several and not isinstance(field.value, str):
            if not 2 <= len([item.text() for item in field.items()]) <= 4:
                field.refuse("one field, or a list of two to four")
        else:
            field.text()
        params["termSize"].whole(1, 1_000)


def _only_if(node: Node, key: str, *, wanted: bool) -> None:
    if wanted != (key in node.mapping()):
        node.child(key, node.value.get(key)).refuse("a value here" if wanted else "nothing here")


def _action(node: Node, group: str) -> None:
    keys = {"id", "group", "params", "frequency"}
    node.keys(keys, required=keys)
    node["id"].text()
    node["group"].choice([group, _RECOVERED])
    if "documents" in node["params"].mapping():
        node["params"].keys({"documents"})
        if not [document.mapping() for document in node["params"]["documents"].items()]:
            node["params"]["documents"].refuse("a list of at least one document")
    else:
        node["params"].keys({"level", "message"}, required={"level", "message"})
        node["params"]["level"].choice(_LOG_LEVELS)
        node["params"]["message"].text()
    frequency = node["frequency"]
    frequency.keys({"summary", "notify_when", "throttle"}, required={"summary", "notify_when"})
    _flag(frequency["summary"])
    throttled = frequency["notify_when"].choice(_NOTIFY) == "onThrottleInterval"
    if "throttle" not in frequency.value:
        frequency.refuse("a mapping with throttle, null where there is none")
    if throttled:
        check_length(frequency["throttle"])
    elif frequency.value["throttle"] is not None:
        frequency["throttle"].refuse("null, unless notify_when is onThrottleInterval")


def _handling(node: Node) -> None:
    if delay := node.get("alert_delay"):
        delay.keys({"active"}, required={"active"})
        delay["active"].whole(1, 1_000)
    if flapping := node.get("flapping"):
        needed = {"look_back_window", "status_change_threshold"}
        flapping.keys({*needed, "enabled"}, required=needed)
        back = flapping["look_back_window"].whole(2, 20)
        flapping["status_change_threshold"].whole(2, back)
    if artifacts := node.get("artifacts"):
        artifacts.keys({"dashboards", "investigation_guide"})
        if len([item["id"].text() for item in artifacts.list("dashboards")]) > 10:
            artifacts["dashboards"].refuse("at most 10 dashboards")
        if guide := artifacts.get("investigation_guide"):
            guide.keys({"blob"}, required={"blob"})
            guide["blob"].text()
