"""What changed around the onset: changes that were logged, and versions that began to predict. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from driftline.ingest import events

from ...windows import Window, iso, parse_moment
from ..records import Document
from .shape import MOST, cut

MOST_READ = 200
"""Changes that are read; of more, the first ones."""
FIRST_SEEN = "version-first-seen"


def logged_body(model: str, period: Window) -> dict[str, Any]:
    """The search of the changes of a model, or of none by name, in a period."""
    of_model = {"term": {events.MODEL_NAME: model}}
    of_none = {"bool": {"must_not": [{"exists": {"field": events.MODEL_NAME}}]}}
    whose = {"bool": {"should": [of_model, of_none], "minimum_should_match": 1}}
    in_period = {"range": {events.TIMESTAMP: period.range()}}
    return {
        "size": MOST_READ,
        "query": {"bool": {"filter": [whose, in_period]}},
        "sort": [{events.TIMESTAMP: "asc"}, {events.EVENT_ID: "asc"}],
    }


def versions_body(model: str, size: str) -> dict[str, Any]:
    """The search for when each version of a model was first seen, told by its stored windows."""
    terms = {"kind": "window", "model.name": model, "window.size": size}
    first = {"first": {"min": {"field": "window.start"}}}
    return {
        "size": 0,
        "query": {"bool": {"filter": [{"term": {name: value}} for name, value in terms.items()]}},
        "aggs": {"versions": {"terms": {"field": events.MODEL_VERSION, "size": 1_000}, "aggs": first}},
    }


def first_seen(answer: Mapping[str, Any]) -> dict[str, datetime]:
    """When each version was first seen; the very first one, which is no change, left out."""
    buckets = answer.get("aggregations", {}).get("versions", {}).get("buckets", [])
    found = {bucket["key"]: parse_moment(bucket["first"]["value_as_string"]) for bucket in buckets}
    first = min(found.values(), default=None)
    return {version: start for version, start in found.items() if start != first}


def changes(
    logged: Iterable[Document], versions: Mapping[str, datetime], since: datetime, period: Window
) -> list[dict[str, Any]]:
    """The changes in a period, the one nearest to the onset first.

    Args:
        logged: Documents of changes.
        versions: When each version but the first was first seen.
        since: The onset.
        period: When to look.
    """
    found = [_change(document) for document in logged]
    announced = {document.get("model", {}).get("version") for document in logged}
    found += [
        {
            events.TIMESTAMP: iso(start),
            "action": FIRST_SEEN,
            "message": f"version {cut(version)} makes its first predictions",
        }
        for version, start in versions.items()
        if version not in announced and period.start <= start < period.end
    ]
    return sorted(found, key=lambda change: abs(parse_moment(change[events.TIMESTAMP]) - since))[:MOST]


def _change(document: Document) -> dict[str, Any]:
    version = document.get("model", {}).get("version")
    return {
        events.TIMESTAMP: document[events.TIMESTAMP],
        "action": cut(document["event"]["action"]),
        "message": cut(document.get("message", "")),
        **({"version": cut(version)} if version else {}),
    }
