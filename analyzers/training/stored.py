"""A training set's bins and profiles as documents of `driftline-profiles`, under ids that a second run replaces."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import orjson

from ..profiles.binning import Binning
from ..profiles.store import document_id, from_document, to_document
from .learn import Learnt

if TYPE_CHECKING:
    from ..cluster import Cluster
    from ..monitors import Model
    from ..profiles.history import Segment
    from ..profiles.profile import Profile

KIND = "training"


@dataclass(frozen=True, slots=True)
class TrainingSet:
    """What monitors.yml says with `reference: {kind: file}`: windows are compared with what was stored here."""


@dataclass(frozen=True, slots=True)
class Stored:
    """A training set that was stored.

    Attributes:
        learnt: Its bins and profiles.
        content: The digest of those.
        as_of: When it was stored, ISO 8601.
    """

    learnt: Learnt
    content: str
    as_of: str


def find(cluster: Cluster, model: Model) -> Stored | None:
    """What is stored for a model as monitors.yml has it now; None for nothing."""
    whole = cluster.document(cluster.streams.profiles, _id(model, None))
    if whole is None:
        return None
    binning = Binning.from_document(whole["binning"]["content"])
    query = {"bool": {"filter": [*_of(model), {"term": {"content": whole["content"]}}]}}
    hits = (hit["_source"] for hit in cluster.stored(query, ["segment", "profile"]))
    profiles: dict[Segment, Profile] = {None: from_document(whole["profile"], binning)}
    for hit in hits:
        if segment := hit.get("segment"):
            profiles[segment["name"], segment["value"]] = from_document(hit["profile"], binning)
    return Stored(Learnt(binning, profiles), whole["content"], whole["as_of"])


def keep(cluster: Cluster, model: Model, learnt: Learnt, as_of: str) -> bool:
    """Store a training set in the place of the one that was stored before.

    Returns:
        Whether it differs from that.
    """
    index, content = cluster.streams.profiles, learnt.content
    cluster.refresh(index)
    before = cluster.document(index, _id(model, None))
    written = dict(_documents(model, learnt, as_of))
    old = {hit["_id"] for hit in cluster.stored({"bool": {"filter": _of(model)}}, ["kind"])} - written.keys()
    operations: list[bytes] = []
    for identity, body in written.items():
        operations += (orjson.dumps({"index": {"_index": index, "_id": identity}}), orjson.dumps(body))
    operations += (orjson.dumps({"delete": {"_index": index, "_id": identity}}) for identity in sorted(old))
    cluster.write(operations)
    cluster.refresh(index)
    return before is None or before["content"] != content


def _documents(model: Model, learnt: Learnt, as_of: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """The documents by id; the one of all rows, which holds the bins and is looked for first, comes last."""
    content = learnt.content
    for segment in sorted(learnt.profiles, key=lambda segment: (segment is None, segment or ())):
        body: dict[str, Any] = {
            "kind": KIND,
            "model": {"name": model.name},
            "binning": {"version": learnt.binning.version},
            "profile": to_document(learnt.profiles[segment]),
            "content": content,
            "as_of": as_of,
        }
        if segment is None:
            body["binning"]["content"] = learnt.binning.to_document()
        else:
            body["segment"] = {"name": segment[0], "value": segment[1]}
        yield _id(model, segment), body


def _of(model: Model) -> list[dict[str, Any]]:
    return [{"term": {"kind": KIND}}, {"term": {"model.name": model.name}}]


def _id(model: Model, segment: tuple[str, str] | None) -> str:
    # What the table was read for is part of it: bins of other features are of no use.
    key = repr((model.task, model.positive_class, model.features, model.segments))
    return document_id(KIND, model.name, key, *(segment or ()))
