"""What Kibana and Watcher would make of a rule or a watch at some time: their searches, run on Elasticsearch."""

from __future__ import annotations

import json
import operator
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from elasticsearch import Elasticsearch

from driftline.analyzers.reading import kql
from driftline.analyzers.windows import iso

COMPARISONS = {
    ">": operator.gt, ">=": operator.ge, "<": operator.lt, "<=": operator.le,
    "gt": operator.gt, "gte": operator.ge, "lt": operator.lt, "lte": operator.le,
    "eq": operator.eq, "not_eq": operator.ne,
}  # fmt: skip
ALL = "all"


@dataclass(frozen=True)
class Seen:
    """What it has to say: of which groups, and the documents that it tells of."""

    groups: frozenset[str]
    hits: tuple[Mapping[str, Any], ...]


def of_rule(client: Elasticsearch, rule: Mapping[str, Any], now: datetime) -> Seen:
    """What a rule would find: the period, its query, and an aggregation per group, as Kibana searches."""
    params = rule["params"]
    if rule["rule_type_id"] == ".es-query":
        query = json.loads(params["esQuery"])["query"]
    else:
        query = kql.parse(params["filterKuery"])
    length = f"{params['timeWindowSize']}{params['timeWindowUnit']}"
    period = {"gte": f"{iso(now)}||-{length}", "lte": iso(now), "format": "strict_date_optional_time"}
    value: dict[str, Any] = {}
    if params["aggType"] != "count":
        value = {"value": {params["aggType"]: {"field": params["aggField"]}}}
    grouped = params["groupBy"] == "top"
    terms = {"groups": {"terms": {"field": params.get("termField"), "size": params.get("termSize")}, "aggs": value}}
    body = {
        "size": params.get("size", 0),
        "track_total_hits": True,
        "query": {"bool": {"filter": [{"range": {params["timeField"]: period}}, query]}},
        "sort": [{params["timeField"]: {"order": "desc"}}],
        "aggs": terms if grouped else value,
    }
    found = client.search(
        index=",".join(params["index"]), body=body, ignore_unavailable=True, allow_no_indices=True
    ).body
    passes = COMPARISONS[params["thresholdComparator"]]
    if grouped:
        # Without an index there is no aggregation either.
        buckets = found.get("aggregations", {"groups": {"buckets": []}})["groups"]["buckets"]
        told = {bucket["key"]: bucket["value"]["value"] if value else bucket["doc_count"] for bucket in buckets}
    else:
        total = found["hits"]["total"]["value"]
        told = {ALL: found.get("aggregations", {}).get("value", {}).get("value") if value else total}
    groups = frozenset(key for key, one in told.items() if one is not None and passes(one, params["threshold"][0]))
    return Seen(groups, tuple(found["hits"]["hits"]))


def of_watch(
    client: Elasticsearch, identity: str, watch: Mapping[str, Any], now: datetime
) -> tuple[Seen, list[dict[str, Any]]]:
    """What a watch would find, and the documents that its action would store."""
    request = json.loads(
        json.dumps(watch["input"]["search"]["request"]).replace("{{ctx.trigger.scheduled_time}}", iso(now))
    )
    options = request["indices_options"]
    payload = client.search(
        index=",".join(request["indices"]),
        body=request["body"],
        rest_total_hits_as_int=True,
        ignore_unavailable=options["ignore_unavailable"],
        allow_no_indices=options["allow_no_indices"],
        expand_wildcards=options["expand_wildcards"],
    ).body
    times = {"scheduled_time": iso(now), "triggered_time": iso(now)}
    context = {"payload": payload, "trigger": times, "watch_id": identity, "metadata": watch["metadata"]}
    ((kind, condition),) = watch["condition"].items()
    groups = (_array_compare if kind == "array_compare" else _compare)(condition, context)
    stored = _transformed(client, watch["actions"]["store"]["transform"], context) if groups else []
    return Seen(frozenset(groups), tuple(payload["hits"]["hits"])), stored


def _compare(condition: Mapping[str, Any], context: Mapping[str, Any]) -> set[str]:
    ((path, comparison),) = condition.items()
    ((name, bound),) = comparison.items()
    value = _at(context, path.removeprefix("ctx."))
    return {ALL} if value is not None and COMPARISONS[name](value, bound) else set()


def _array_compare(condition: Mapping[str, Any], context: Mapping[str, Any]) -> set[str]:
    ((path, told),) = condition.items()
    ((name, some),) = [(key, value) for key, value in told.items() if key != "path"]
    assert some["quantifier"] == "some"
    buckets = _at(context, path.removeprefix("ctx.")) or []
    return {bucket["key"] for bucket in buckets if COMPARISONS[name](_at(bucket, told["path"]), some["value"])}


def _transformed(
    client: Elasticsearch, transform: Mapping[str, Any], context: Mapping[str, Any]
) -> list[dict[str, Any]]:
    """What the script of a transform makes, run as painless by Elasticsearch."""
    source = transform["script"]["source"]
    # What can be run apart from a watch gives its result as text.
    body = source.replace("ctx.", "params.ctx.").replace("return ", "return Json.dump(", 1) + ")"
    script = {"lang": "painless", "source": body, "params": {"ctx": context}}
    headers = {"content-type": "application/json", "accept": "application/json"}
    answer = client.perform_request("POST", "/_scripts/painless/_execute", body={"script": script}, headers=headers)
    made = json.loads(answer.body["result"])
    return list(made["_doc"]) if "_doc" in made else [made]


def rendered(template: str, context: Mapping[str, Any]) -> str:
    """A Mustache template, filled, as far as ours go: variables, and sections of an object that may be missing."""

    def section(found: re.Match[str]) -> str:
        inner = _at(context, found[1])
        return rendered(found[2], inner) if inner else ""

    text = re.sub(r"\{\{#([\w.]+)\}\}(.*?)\{\{/\1\}\}", section, template)

    def variable(found: re.Match[str]) -> str:
        value = _at(context, found[1])
        return "" if value is None else str(value)

    return re.sub(r"\{\{([\w.]+)\}\}", variable, text)


def _at(document: Any, path: str) -> Any:
    for step in path.split("."):
        document = document.get(step) if isinstance(document, Mapping) else None
    return document
