"""Queries and filters as Kibana stores them, as Elasticsearch queries."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from driftline.analyzers.reading import kql

from .bundle import Json
from .finding import refuse

Query = dict[str, Any]

_OF_ONE_FIELD = ("match", "match_phrase", "range", "wildcard", "term", "terms", "prefix")
_OF_NONE = ("match_all", "match_none")
_CLAUSES = ("filter", "must", "should", "must_not")


def of_text(query: Json | None) -> list[Query]:
    """The query of a search bar, `{query, language}`; nothing of an empty one.

    Raises:
        NotUnderstoodError: It is not in the part of KQL that is known here.
    """
    text = str((query or {}).get("query") or "")
    if query is None or not text.strip():
        return []
    if query.get("language") != "kuery":
        refuse("language of query", query.get("language"), "'kuery'")
    try:
        return [kql.parse(text)]
    except kql.QueryError as error:
        refuse("KQL cannot be read", text, " ".join(str(error).split()))


def of_filters(filters: object) -> list[Query]:
    """The filters that are switched on, in their order.

    Raises:
        NotUnderstoodError: One is of a kind that is not known here.
    """
    return [_of_filter(each) for each in filters or () if not _meta(each).get("disabled")]  # type: ignore[attr-defined]


def _meta(each: Json) -> Json:
    return each.get("meta") or {}


def _of_filter(each: Json) -> Query:
    meta = _meta(each)
    if meta.get("type") == "combined":
        parts = of_filters(meta.get("params"))
        relation = meta.get("relation")
        if relation not in ("AND", "OR"):
            refuse("relation of filters", relation, "AND, OR")
        joined: Query = {"filter": parts} if relation == "AND" else {"should": parts, "minimum_should_match": 1}
        query: Query = {"bool": joined}
    elif each.get("query"):
        query = dict(each["query"])
    else:
        refuse("filter has no query", {key: value for key, value in each.items() if key != "meta"}, "a `query`")
    return {"bool": {"must_not": [query]}} if meta.get("negate") else query


def by_value(query: Json) -> bool:
    """Whether a query asks for a certain text, which may be misspelt; a range or `field : *` cannot be."""
    if parts := query.get("bool"):
        several = (part for clause in _CLAUSES for part in parts.get(clause) or ())
        return any(by_value(part) for part in several)
    return not query.keys() <= {"range", "exists", *_OF_NONE}


def fields(query: Json) -> Iterator[str]:
    """The fields that a query looks at.

    Raises:
        NotUnderstoodError: It has a clause that is not known here.
    """
    for name, inside in query.items():
        if name in _OF_ONE_FIELD:
            yield from (key for key in inside if key != "boost")
        elif name == "exists":
            yield str(inside["field"])
        elif name == "bool":
            for clause in _CLAUSES:
                parts = inside.get(clause) or ()
                for part in [parts] if isinstance(parts, dict) else parts:
                    yield from fields(part)
        elif name not in _OF_NONE:
            refuse("clause of query", name, ", ".join((*_OF_ONE_FIELD, "exists", "bool", *_OF_NONE)))
