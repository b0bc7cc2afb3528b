"""Conditions as watches, as `PUT _watcher/watch/{id}` takes them. Pure.

A watch says when something begins, and again while it lasts; unlike a rule it never says that it is over.
Source: https://www.elastic.co/docs/explore-analyze/alerting/watcher.
"""

from __future__ import annotations

from datetime import timedelta

from driftline.ingest.streams import Streams

from ...reading import kql
from .conditions import Condition
from .kibana import DATASET, LEVELS, SHOWN, Body, duration, guide

NOW = "{{ctx.trigger.scheduled_time}}"
AN_HOUR, A_DAY = timedelta(hours=1), timedelta(days=1)
"""A watch cannot tell that something began from that it lasts, so what is to be said once is said once a day."""
BUCKETS = "ctx.payload.aggregations.groups.buckets"

_DOCUMENT = (
    "['@timestamp': ctx.trigger.triggered_time, 'message': ctx.metadata.name,"
    " 'event': ['kind': 'alert', 'dataset': ctx.metadata.dataset, 'action': 'fired'],"
    " 'rule': ['id': ctx.watch_id, 'name': ctx.metadata.name, 'category': ctx.metadata.severity],"
    " 'model': ['name': ctx.metadata.model], 'labels': ['group': {group}]]"
)
_ONE = f"return {_DOCUMENT.replace('{group}', repr('all'))}"
_EACH = (
    f"return ['_doc': {BUCKETS}.stream()"
    f".map(b -> {_DOCUMENT.replace('{group}', 'b.key')}).collect(Collectors.toList())]"
)


def watch(condition: Condition, streams: Streams, runbooks: str) -> Body:
    """The watch of a condition; `runbooks` is the address of the folder of runbooks."""
    # All groups share one throttle: what begins while another is told of waits until that is over.
    throttle = AN_HOUR if condition.group else condition.repeat or A_DAY
    return {
        "trigger": {"schedule": {"interval": duration(condition.every)}},
        "input": {"search": {"request": _request(condition)}},
        "condition": _condition(condition),
        "throttle_period": duration(throttle),
        "metadata": {
            "managed_by": "driftline",
            "name": condition.title,
            "model": condition.model,
            "severity": condition.severity.value,
            "dataset": DATASET,
            "guide": guide(condition, runbooks),
        },
        "actions": {
            "log": {"logging": {"level": LEVELS[condition.severity], "text": _text(condition)}},
            "store": {
                "transform": {"script": {"lang": "painless", "source": _EACH if condition.group else _ONE}},
                # A data stream takes only new documents.
                "index": {"index": streams.of(DATASET), "op_type": "create"},
            },
        },
    }


def _request(condition: Condition) -> Body:
    period = {"gte": f"{NOW}||-{duration(condition.within)}", "lte": NOW}
    body: Body = {
        "size": SHOWN if condition.line else 0,
        "query": {"bool": {"filter": [{"range": {condition.time: period}}, kql.parse(condition.kuery)]}},
        "sort": [{condition.time: "desc"}],
    }
    if condition.group:
        body["aggs"] = {"groups": {"terms": {"field": condition.group, "size": condition.groups}}}
    elif condition.mean:
        body["aggs"] = {"mean": {"avg": {"field": condition.mean}}}
    # An index that is not there yet is empty.
    options = {"ignore_unavailable": True, "allow_no_indices": True, "expand_wildcards": ["open"]}
    return {"indices": [condition.index], "indices_options": options, "body": body}


def _condition(condition: Condition) -> Body:
    comparison = "lt" if condition.below else "gt"
    if condition.group:
        some = {"value": condition.threshold, "quantifier": "some"}
        return {"array_compare": {BUCKETS: {"path": "doc_count", comparison: some}}}
    path = "ctx.payload.aggregations.mean.value" if condition.mean else "ctx.payload.hits.total"
    return {"compare": {path: {comparison: condition.threshold}}}


def _text(condition: Condition) -> str:
    if not condition.line:
        return "{{ctx.metadata.name}}"
    return f"{{{{ctx.metadata.name}}}}: {{{{#ctx.payload.hits.hits}}}}{condition.line}; {{{{/ctx.payload.hits.hits}}}}"
