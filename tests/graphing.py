"""What Grafana would send for a dashboard: the values of its variables, and the searches of its panels.

Written after Grafana's sources: the Elasticsearch data source puts variables into queries in Lucene's syntax, and its
back end turns a target into one search with a query of the time range and the query string, and nested aggregations.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

Document = dict[str, Any]
Ask = Callable[[str, Document], Document]
"""Sends a search to an index or pattern, and returns the answer, which may be an error."""

ALL = "$__all"
_VARIABLE = re.compile(r"\$(\w+)|\$\{(\w+)(?::(\w+))?\}")
_ESCAPED = re.compile(r'([!*+\-=<>\s&|()\[\]{}^~?:\\/"])')
_REGULAR = re.compile(r"[$^*{}\[\]'+?.()|]")
_NAMES = {
    "count": "Count",
    "avg": "Average",
    "max": "Max",
    "min": "Min",
    "sum": "Sum",
    "cardinality": "Unique Count",
}


class UnknownVariableError(Exception):
    """A text names a variable that the dashboard has not, or not yet."""


@dataclass(frozen=True, slots=True)
class Period:
    """A time range, and how wide Grafana's steps in it are."""

    since: datetime
    until: datetime
    step: str = "12h"

    def filter(self, field: str) -> Document:
        """Documents whose time is in it."""
        ends = {"gte": _milliseconds(self.since), "lte": _milliseconds(self.until), "format": "epoch_millis"}
        return {"range": {field: ends}}


@dataclass(frozen=True, slots=True)
class Value:
    """What a variable holds: one value, several, or a text that stands for all and goes in as it is."""

    values: tuple[str, ...]
    several: bool = False
    raw: str | None = None


def lucene(value: Value) -> str:
    """A value as the Elasticsearch data source writes it."""
    if value.raw is not None:
        return value.raw
    escaped = [_ESCAPED.sub(r"\\\1", one) for one in value.values]
    if not value.several:
        return escaped[0]
    return "(" + " OR ".join(f'"{one}"' for one in escaped) + ")" if escaped else "__empty__"


def promql(value: Value) -> str:
    """A value as the Prometheus data source writes it: one as it is, several as a quoted regular expression."""
    if not value.several:
        return value.values[0]
    escaped = [_REGULAR.sub(r"\\\\\g<0>", one) for one in value.values]
    return escaped[0] if len(escaped) == 1 else f"({'|'.join(escaped)})"


def filled(text: str, values: Mapping[str, Value], write: Callable[[Value], str] = lucene) -> str:
    """A text with the values of its variables.

    Raises:
        UnknownVariableError: A variable has no value.
    """

    def put(match: re.Match[str]) -> str:
        name = match[1] or match[2]
        if name.startswith("__"):
            return match[0]
        if name not in values:
            raise UnknownVariableError(name)
        return write(values[name])

    return _VARIABLE.sub(put, text)


def named(text: str) -> set[str]:
    """The variables that a text names, without those of Grafana itself."""
    names = {match[1] or match[2] for match in _VARIABLE.finditer(text)}
    return {name for name in names if not name.startswith("__")}


def values(
    dashboard: Document, indices: Mapping[str, str], ask: Ask, period: Period, chosen: Mapping[str, str]
) -> dict[str, Value]:
    """The values that the variables have when the dashboard is opened, with some chosen by hand.

    Args:
        dashboard: The dashboard.
        indices: Index of each data source, by uid.
        ask: Sends searches.
        period: The time range.
        chosen: Values instead of the first, by name of the variable.

    Raises:
        UnknownVariableError: A list depends on a variable that comes after it.
        LookupError: A list is empty, is an error, or has not what was chosen.
    """
    found: dict[str, Value] = {}
    for variable in dashboard["templating"]["list"]:
        name = variable["name"]
        options = _options(variable, found, indices, ask, period)
        if name in chosen:
            if chosen[name] not in options:
                msg = f"variable {name}: {chosen[name]} is not in {options}"
                raise LookupError(msg)
            options = [chosen[name]]
        if not options:
            msg = f"variable {name}: nothing to choose from"
            raise LookupError(msg)
        everything = name not in chosen and variable.get("current", {}).get("value") == ALL
        raw = variable.get("allValue") if everything else None
        picked = options if everything else options[:1]
        found[name] = Value(tuple(picked), several=variable.get("multi", False) or everything, raw=raw)
    return found


def _options(
    variable: Document, before: Mapping[str, Value], indices: Mapping[str, str], ask: Ask, period: Period
) -> list[str]:
    body = variable_search(variable, before, period)
    answer = ask(indices[variable["datasource"]["uid"]], body)
    if failed := failure(answer):
        msg = f"variable {variable['name']}: {failed}"
        raise LookupError(msg)
    keys = [str(bucket["key"]) for bucket in answer.get("aggregations", {}).get("1", {}).get("buckets", ())]
    pattern = variable.get("regex")
    if not pattern:
        return sorted(keys)
    matches = [re.search(pattern.strip("/"), key) for key in keys]
    return sorted(match[1] for match in matches if match)


def variable_search(variable: Document, before: Mapping[str, Value], period: Period) -> Document:
    """The search for the options of a variable."""
    query = json.loads(variable["query"])
    assert query["find"] == "terms"
    filters = [period.filter("@timestamp"), _query_string(filled(query["query"], before))]
    terms = {"field": query["field"], "size": 500, "order": {"_key": "asc"}}
    return {"size": 0, "query": {"bool": {"filter": filters}}, "aggs": {"1": {"terms": terms}}}


def search(target: Document, found: Mapping[str, Value], period: Period) -> Document:
    """The search of a panel's target."""
    query = filled(target["query"], found)
    body: Document = {
        "size": 0,
        "query": {"bool": {"filter": [period.filter("@timestamp"), _query_string(query)]}},
    }
    level = body
    for bucket in target["bucketAggs"]:
        inside = level.setdefault("aggs", {})
        inside[bucket["id"]] = level = _bucket(bucket, target["metrics"], period)
    inner = {metric["id"]: _metric(metric) for metric in target["metrics"] if metric["type"] != "count"}
    if inner:
        level.setdefault("aggs", {}).update(inner)
    return body


def annotation_search(annotation: Document, found: Mapping[str, Value], period: Period) -> Document:
    """The search of an annotation: what begins or ends in the time range."""
    times = [annotation[field] for field in ("timeField", "timeEndField") if field in annotation]
    within = {"bool": {"should": [period.filter(time) for time in times], "minimum_should_match": 1}}
    return {
        "size": 10_000,
        "query": {"bool": {"filter": [within, _query_string(filled(annotation["query"], found))]}},
        "fields": [{"field": time, "format": "strict_date_optional_time_nanos"} for time in times],
    }


def _query_string(query: str) -> Document:
    return {"query_string": {"query": query, "analyze_wildcard": True}}


def _bucket(bucket: Document, metrics: list[Document], period: Period) -> Document:
    settings = bucket["settings"]
    if bucket["type"] == "date_histogram":
        interval = period.step if settings["interval"] == "auto" else settings["interval"]
        bounds = {"min": _milliseconds(period.since), "max": _milliseconds(period.until)}
        histogram = {"fixed_interval": interval, "min_doc_count": int(settings["min_doc_count"])}
        histogram |= {"field": bucket["field"], "extended_bounds": bounds, "format": "epoch_millis"}
        return {"date_histogram": histogram}
    assert bucket["type"] == "terms", bucket["type"]
    order = settings["orderBy"]
    made: Document = {
        "terms": {
            "field": bucket["field"],
            "size": int(settings["size"]),
            "min_doc_count": int(settings["min_doc_count"]),
            "order": {order: settings["order"]},
        }
    }
    for metric in metrics:
        if metric["id"] == order:
            made["aggs"] = {order: _metric(metric)}
    return made


def _metric(metric: Document) -> Document:
    return {metric["type"]: {"field": metric["field"]}}


def failure(answer: Document) -> str:
    """What went wrong with a search; also where it did on some shards alone, which is no error of the whole."""
    shards = answer.get("_shards", {})
    wrong = answer.get("error") or shards.get("failures") or shards.get("failed")
    return json.dumps(wrong) if wrong else ""


def columns(target: Document) -> list[str]:
    """What Grafana calls the columns of a table made from a target."""
    kinds = [metric["type"] for metric in target["metrics"]]
    names = [bucket["field"] for bucket in target["bucketAggs"]]
    for metric in target["metrics"]:
        name = _NAMES[metric["type"]]
        names.append(f"{name} {metric['field']}" if kinds.count(metric["type"]) > 1 else name)
    return names


def drawn(target: Document, answer: Document) -> dict[str, int]:
    """How many values each metric of a target has in an answer, by the metric's id; none where nothing was found."""
    counts: dict[str, int] = {}
    for leaf in _leaves(target["bucketAggs"], answer.get("aggregations", {})):
        for metric in target["metrics"]:
            counted = metric["type"] == "count"
            value = leaf["doc_count"] if counted else leaf[metric["id"]]["value"]
            counts[metric["id"]] = counts.get(metric["id"], 0) + (value is not None)
    return counts


def _leaves(buckets: list[Document], level: Document) -> Iterator[Document]:
    if not buckets:
        yield level
        return
    for bucket in level.get(buckets[0]["id"], {}).get("buckets", ()):
        if bucket["doc_count"]:
            yield from _leaves(buckets[1:], bucket)


def _milliseconds(moment: datetime) -> int:
    return round(moment.timestamp() * 1000)
