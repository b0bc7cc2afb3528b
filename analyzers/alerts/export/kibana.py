"""Conditions as Kibana rules, and the connectors that they act by, as the HTTP API takes them. Pure.

Only what the free licence has: `.es-query` and `.index-threshold` rules, `.index` and `.server-log` connectors. Bodies
are of `POST /api/alerting/rule/{id}` and `POST /api/actions/connector/{id}`.
Source: https://www.elastic.co/docs/api/doc/kibana/group/endpoint-alerting.
"""

from __future__ import annotations

import hashlib
from datetime import timedelta
from typing import Any

import orjson

from driftline.ingest.streams import Streams

from ...reading import kql
from ..records import Severity
from .conditions import Condition

Body = dict[str, Any]

DATASET = "driftline.rules"
"""Dataset of what rules and watches say."""
SHOWN = 5
"""Documents that a rule fetches to tell of."""
LEVELS = {Severity.PAGE: "error", Severity.TICKET: "warn", Severity.DIGEST: "info"}
_UNITS = (("d", 86_400), ("h", 3_600), ("m", 60), ("s", 1))


def rule(condition: Condition, streams: Streams, runbooks: str) -> Body:
    """The rule of a condition; `runbooks` is the address of the folder of runbooks."""
    # What counts predictions themselves shows none of them, and needs no query of its own.
    is_threshold = condition.index == streams.predictions
    group = "threshold met" if is_threshold else "query matched"
    text = guide(condition, runbooks)
    # Kibana does not give guides back: the digest shows whether the one that is there is this one.
    tags = ["driftline", f"severity:{condition.severity}", f"guide:{hashlib.sha256(text.encode()).hexdigest()[:8]}"]
    return {
        "name": condition.title,
        "rule_type_id": ".index-threshold" if is_threshold else ".es-query",
        "consumer": "stackAlerts",
        "tags": [*tags, f"model:{condition.model}"] if condition.model else tags,
        "schedule": {"interval": duration(condition.every)},
        "params": _index_threshold(condition) if is_threshold else _es_query(condition),
        "actions": _actions(condition, streams, group),
        "alert_delay": {"active": condition.checks},
        "flapping": {"look_back_window": 20, "status_change_threshold": 4},
        "artifacts": {"investigation_guide": {"blob": text}},
    }


def connectors(streams: Streams) -> dict[str, Body]:
    """The connectors by their ids: one writes to the data stream of what rules say, one to the log of Kibana."""
    return {
        _connector(streams, "rules"): {
            "name": f"Driftline {streams.namespace}: what rules say",
            "connector_type_id": ".index",
            "config": {"index": streams.of(DATASET), "refresh": False, "executionTimeField": "@timestamp"},
            "secrets": {},
        },
        _connector(streams, "server-log"): {
            "name": f"Driftline {streams.namespace}: server log",
            "connector_type_id": ".server-log",
            "config": {},
            "secrets": {},
        },
    }


def guide(condition: Condition, runbooks: str) -> str:
    """What to do, as Markdown."""
    pages = ", ".join(f"[{kind}]({runbooks}/{kind}.md)" for kind in condition.kinds)
    return f"{condition.help}\n\nRunbooks: {pages}."


def length(period: timedelta) -> tuple[int, str]:
    """A length as number and unit, in the largest unit in which it is whole."""
    seconds = int(period.total_seconds())
    return next((seconds // size, unit) for unit, size in _UNITS if seconds % size == 0)


def duration(period: timedelta) -> str:
    """A length as text, such as `90m`."""
    number, unit = length(period)
    return f"{number}{unit}"


def _compared(condition: Condition) -> Body:
    size, unit = length(condition.within)
    grouped = {"groupBy": "top", "termField": condition.group, "termSize": condition.groups}
    return {
        "index": [condition.index],
        "timeField": condition.time,
        "timeWindowSize": size,
        "timeWindowUnit": unit,
        "aggType": "avg" if condition.mean else "count",
        **({"aggField": condition.mean} if condition.mean else {}),
        **(grouped if condition.group else {"groupBy": "all"}),
        "thresholdComparator": "<" if condition.below else ">",
        "threshold": [condition.threshold],
    }


def _es_query(condition: Condition) -> Body:
    return {
        "searchType": "esQuery",
        **_compared(condition),
        "esQuery": orjson.dumps({"query": kql.parse(condition.kuery)}).decode(),
        "size": SHOWN if condition.line else 0,
        # What was found before is still so: left out, the alert would be over after one run.
        "excludeHitsFromPreviousRun": False,
    }


def _index_threshold(condition: Condition) -> Body:
    return {**_compared(condition), "filterKuery": condition.kuery}


def _actions(condition: Condition, streams: Streams, group: str) -> list[Body]:
    told = f"{{{{#context.hits}}}}{condition.line}; {{{{/context.hits}}}}" if condition.line else "{{context.message}}"
    log, index = _connector(streams, "server-log"), _connector(streams, "rules")
    message = f"{{{{rule.name}}}}: {told}"
    return [
        {
            "id": log,
            "group": group,
            "params": {"level": LEVELS[condition.severity], "message": message},
            "frequency": _frequency(condition.repeat),
        },
        _stored(index, condition, group, "fired", message),
        _stored(index, condition, "recovered", "recovered", "{{rule.name}}: recovered"),
    ]


def _frequency(repeat: timedelta | None = None) -> Body:
    if repeat is None:
        return {"summary": False, "notify_when": "onActionGroupChange", "throttle": None}
    return {"summary": False, "notify_when": "onThrottleInterval", "throttle": duration(repeat)}


def _stored(connector: str, condition: Condition, group: str, action: str, message: str) -> Body:
    document: Body = {
        "event": {"kind": "alert", "dataset": DATASET, "action": action},
        "message": message,
        "rule": {"id": "{{rule.id}}", "name": "{{rule.name}}", "category": condition.severity.value},
        "labels": {"group": "{{alert.id}}"},
    }
    if condition.model is not None:
        document["model"] = {"name": condition.model}
    return {
        "id": connector,
        "group": group,
        "params": {"documents": [document]},
        "frequency": _frequency(),
    }


def _connector(streams: Streams, what: str) -> str:
    return f"driftline-{streams.namespace}-{what}"
