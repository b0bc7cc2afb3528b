"""The page of one prediction: what the model saw, what it said, what was true, and what went on at the time."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import orjson

from driftline.ingest import events

from . import lines

if TYPE_CHECKING:
    from ..cluster import Cluster

    Found = Mapping[str, Any]

FIRST = ("service", "trace", "prediction", "outcome", "evaluation", "error")
"""Fields of the answer, in the order in which it came about."""


@dataclass(frozen=True, slots=True)
class Page:
    """What the page tells.

    Attributes:
        identity: The prediction's id.
        model: Its model.
        version: Its version.
        at: When it was made, as stored.
        facts: What is stored of the answer, its outcome and its evaluation: field and value.
        features: What the model saw.
        segments: Groups that it belongs to.
        outcomes: What was reported of it: when, what, its status.
        incidents: The incidents of the model that were on at that time.
        changes: What had changed last before it: when, and what.
        document: The whole document as JSON.
    """

    identity: str
    model: str
    version: str
    at: str
    facts: Sequence[tuple[str, str]]
    features: Sequence[tuple[str, str]]
    segments: Sequence[tuple[str, str]]
    outcomes: Sequence[tuple[str, str, str]]
    incidents: Sequence[lines.Line]
    changes: Sequence[tuple[str, str]]
    document: str


def of_id(identity: str) -> dict[str, Any]:
    """What asks for the documents about a prediction, in its stream or in that of the outcomes."""
    query = {"term": {events.EVENT_ID: identity}}
    return {"size": lines.LISTED, "track_total_hits": False, "query": query, "sort": [{events.TIMESTAMP: "asc"}]}


def incidents_at(model: str, at: str) -> dict[str, Any]:
    """What asks for the incidents of a model that were on at a time."""
    begun, over = ({"range": {f"incident.{bound}": {"lte": at}}} for bound in ("since", "until"))
    return lines.of_model(model, begun, over)


def changes_before(model: str, at: str) -> dict[str, Any]:
    """What asks for the last changes of a model before a time."""
    filters = [{"term": {"model.name": model}}, {"range": {events.TIMESTAMP: {"lte": at}}}]
    query = {"bool": {"filter": filters}}
    return {"size": 5, "track_total_hits": False, "query": query, "sort": [{events.TIMESTAMP: "desc"}]}


def read(cluster: Cluster, identity: str) -> Page | None:
    """Ask the cluster, and make the view; None where there is no such prediction."""
    streams = cluster.streams
    found = cluster.count_predictions(of_id(identity))["hits"]["hits"]
    if not found:
        return None
    source = found[0]["_source"]
    model, at = source["model"]["name"], source[events.TIMESTAMP]
    reported = cluster.search(streams.outcomes, of_id(identity))["hits"]["hits"]
    on = cluster.search(streams.alerts, incidents_at(model, at))["hits"]["hits"]
    changed = cluster.search(streams.changes, changes_before(model, at))["hits"]["hits"]
    return view(*([hit["_source"] for hit in hits] for hits in (found, reported, on, changed)))


def view(found: Sequence[Found], reported: Sequence[Found], on: Sequence[Found], changed: Sequence[Found]) -> Page:
    """The page of the documents that were found. Pure."""
    source = found[0]
    told = {name: source[name] for name in FIRST if name in source}
    return Page(
        identity=source["event"]["id"],
        model=source["model"]["name"],
        version=source["model"].get("version", events.UNVERSIONED),
        at=source[events.TIMESTAMP],
        facts=list(flat(told)),
        features=list(flat(source.get(events.FEATURES, {}))),
        segments=list(flat(source.get(events.SEGMENTS, {}))),
        outcomes=[_outcome(document) for document in reported],
        incidents=lines.incidents(on),
        changes=[(c[events.TIMESTAMP], lines.change(c)) for c in changed],
        document=orjson.dumps(source, option=orjson.OPT_INDENT_2).decode(),
    )


def _outcome(document: Found) -> tuple[str, str, str]:
    outcome = document["outcome"]
    return document[events.TIMESTAMP], text(outcome.get("label", outcome.get("value"))), outcome.get("status", "")


def flat(fields: Found, prefix: str = "") -> Iterator[tuple[str, str]]:
    """The leaves of an object: their names with dots, and their values as text."""
    for name, value in fields.items():
        if isinstance(value, Mapping):
            yield from flat(value, f"{prefix}{name}.")
        else:
            yield prefix + name, text(value)


def text(value: Any) -> str:
    """A stored value as it is, for people."""
    return value if isinstance(value, str) else orjson.dumps(value).decode()
