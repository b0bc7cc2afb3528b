"""What Elasticsearch accepts as watches, as far as ours go: checked before anything is written or sent. Pure.

Source: https://github.com/elastic/elasticsearch-specification/tree/main/specification/watcher.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ...settings import Node
from .shapes import ALLOWED_ID, ID, check_indices, check_length, exclusive

_WATCH = {"trigger", "input", "actions"}
_WATCH_MAY = {"condition", "transform", "throttle_period", "metadata"}
_SCHEDULES = ("interval", "cron", "hourly", "daily", "weekly", "monthly", "yearly")
_CONDITIONS = ("always", "never", "compare", "array_compare", "script")
_COMPARISONS = ("eq", "not_eq", "gt", "gte", "lt", "lte")
_REQUEST = {"indices", "indices_options", "body", "search_type"}
_FREE_ACTIONS = ("logging", "index")
_ACTION_MAY = {"condition", "transform", "throttle_period", "foreach", "max_iterations"}
_LOG_LEVELS = ("trace", "debug", "info", "warn", "error")


def check_watch(identity: str, body: Mapping[str, Any]) -> None:
    """Check the body of `PUT _watcher/watch/{id}`.

    Raises:
        ConfigError: It would be refused; the text names where, what and what is allowed.
    """
    node = Node(f"watch {identity}", "", body)
    if not ID.fullmatch(identity):
        node.child("id", identity).refuse(ALLOWED_ID)
    node.keys(_WATCH | _WATCH_MAY, required=_WATCH)
    node["trigger"].keys({"schedule"}, required={"schedule"})
    schedule = node["trigger"]["schedule"]
    if exclusive(schedule, ["interval"], _SCHEDULES) == "interval":
        check_length(schedule["interval"])
    _input(node["input"])
    if condition := node.get("condition"):
        _condition(condition)
    if throttle := node.get("throttle_period"):
        check_length(throttle)
    if metadata := node.get("metadata"):
        metadata.mapping()
    if not node["actions"].mapping():
        node["actions"].refuse("at least one action")
    for name in node["actions"].mapping():
        _action(node["actions"][name])


def _input(node: Node) -> None:
    node.keys({"search"}, required={"search"})
    node["search"].keys({"request", "extract", "timeout"}, required={"request"})
    request = node["search"]["request"]
    request.keys(_REQUEST, required={"indices", "body"})
    check_indices(request["indices"])
    request["body"].keys({"size", "query", "sort", "aggs", "_source", "track_total_hits"}, required={"query"})


def _condition(node: Node) -> None:
    kind = exclusive(node, _CONDITIONS, _CONDITIONS)
    if kind == "compare":
        _path(node["compare"], "path: {comparison: value}")
        for path in node["compare"].mapping():
            _comparison(node["compare"][path])
    elif kind == "array_compare":
        _path(node["array_compare"], "path of an array: {path, comparison}")
        for path in node["array_compare"].mapping():
            _array_comparison(node["array_compare"][path])


def _path(node: Node, allowed: str) -> None:
    paths = list(node.mapping())
    if len(paths) != 1 or not paths[0].startswith("ctx."):
        node.refuse(f"one {allowed}, with a path that begins with ctx.")


def _comparison(node: Node) -> None:
    node.keys(_COMPARISONS)
    if len(node.mapping()) != 1:
        node.refuse(f"exactly one of {', '.join(_COMPARISONS)}")


def _array_comparison(node: Node) -> None:
    node.keys({"path", *_COMPARISONS}, required={"path"})
    name = exclusive(node, _COMPARISONS, _COMPARISONS)
    node[name].keys({"value", "quantifier"}, required={"value"})
    if quantifier := node[name].get("quantifier"):
        quantifier.choice(["some", "all"])


def _action(node: Node) -> None:
    node.keys({*_FREE_ACTIONS, *_ACTION_MAY})
    kind = exclusive(node, _FREE_ACTIONS, _FREE_ACTIONS)
    if kind == "logging":
        node["logging"].keys({"text", "level", "category"}, required={"text"})
        node["logging"]["text"].text()
        if level := node["logging"].get("level"):
            level.choice(_LOG_LEVELS)
    else:
        node["index"].keys({"index", "op_type", "doc_id", "execution_time_field", "refresh"}, required={"index"})
        node["index"]["index"].text()
        if kind_of_write := node["index"].get("op_type"):
            kind_of_write.choice(["index", "create"])
    if throttle := node.get("throttle_period"):
        check_length(throttle)
    if transform := node.get("transform"):
        transform.keys({"script"}, required={"script"})
        transform["script"].keys({"lang", "source", "params"}, required={"source"})
        transform["script"]["source"].text()
