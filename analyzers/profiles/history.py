"""The stored profiles of one model: windows, references and bins, read and written."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby, product
from typing import TYPE_CHECKING, Any

import orjson

from driftline.ingest.events import SEGMENTS

from ..windows import Window, iso, parse_moment
from .arrivals import FIELDS as ARRIVALS
from .arrivals import Arrivals
from .binning import Binning
from .profile import Profile
from .request import CROSS, Counting, search_body, segment_body, segment_profiles
from .store import document_id, from_document, to_document

if TYPE_CHECKING:
    from ..cluster import Cluster

    Segment = tuple[str, str] | None
    Segmented = Mapping[Segment, Profile]
else:
    Segmented = Mapping

MAX_BUCKETS = 50_000
"""Buckets asked for in one search, below Elasticsearch's default `search.max_buckets` of 65,536."""
MOST_VERSIONS = 10_000
EXPECTED_VALUES = 10
"""Values that a segment is taken to have as long as the reference does not tell."""


@dataclass(frozen=True, slots=True)
class Kept:
    """A window that was profiled: of what content, how many predictions, so many labelled, and judged how."""

    version: str
    size: str
    window: Window
    content: str
    judged: str
    binning: str
    as_of: str
    predictions: int
    labelled: int


@dataclass(frozen=True, slots=True)
class Counted:
    """A window of one version, and its profiles."""

    version: str
    window: Window
    profiles: Segmented


@dataclass(frozen=True, slots=True)
class History:
    """The stored profiles of one model."""

    cluster: Cluster
    model: str

    # Windows

    def kept(self, size: str, period: Window | None = None) -> dict[tuple[str, datetime], Kept]:
        """The windows of one size that were profiled, by version and start."""
        fields = ["model.version", "window", "content", "judged", "binning.version", "as_of"]
        fields += ["profile.predictions", "profile.labelled"]
        query = stored_query(self.model, "window", size=size, whole=True, period=period)
        found = (_kept(hit["_source"]) for hit in self.cluster.stored(query, fields))
        return {(kept.version, kept.window.start): kept for kept in found}

    def last(self, size: str, empty: str) -> dict[str, datetime]:
        """When the last window of one size ended that holds predictions, by version.

        Args:
            size: The size of windows.
            empty: The content of a window without predictions.
        """
        query = stored_query(self.model, "window", size=size, whole=True)
        query["bool"]["must_not"] = [*query["bool"]["must_not"], {"term": {"content": empty}}]
        last = {"last": {"max": {"field": "window.end"}}}
        versions = {"versions": {"terms": {"field": "model.version", "size": MOST_VERSIONS}, "aggs": last}}
        answer = self.cluster.search(self.cluster.streams.profiles, {"size": 0, "query": query, "aggs": versions})
        buckets = answer.get("aggregations", {}).get("versions", {}).get("buckets", ())
        return {bucket["key"]: parse_moment(bucket["last"]["value_as_string"]) for bucket in buckets}

    def arrivals(self, size: str, binning: Binning) -> Iterator[tuple[Window, Arrivals]]:
        """How the labels of each window of one size came."""
        query = stored_query(self.model, "window", size=size, whole=True, binning=binning.version)
        for hit in self.cluster.stored(query, ["window", *ARRIVALS]):
            yield Window.from_document(hit["_source"]["window"]), Arrivals.from_document(hit["_source"]["profile"])

    def count(
        self, query: Mapping[str, Any], counting: Counting, segments: Sequence[str], expected: Mapping[str, int]
    ) -> Segmented:
        """Count the predictions that match, per segment: one search, more only where the bucket limit asks for it."""
        values = [_expected(name, expected) for name in segments]
        if counting.buckets * (1 + sum(values)) <= MAX_BUCKETS:
            answer = self.cluster.count_predictions(search_body(query, counting, segments))
            counted = self._whole(answer, counting)
            if counted:
                counted.update(segment_profiles(answer["aggregations"], counting, segments).items())
            return counted
        found: dict[Segment, Profile] = self._whole(
            self.cluster.count_predictions(search_body(query, counting, ())), counting
        )
        for name, number in zip(segments, values, strict=True):
            found.update(self._in_parts(query, counting, name, number, found))
        return found

    def _in_parts(
        self, query: Mapping[str, Any], counting: Counting, name: str, number: int, found: Segmented
    ) -> Segmented:
        """Count one segment in several searches; an intersection for each value of all its parts but the last."""
        *outer, last = name.split(CROSS)
        seen = [[key[1] for key in found if key is not None and key[0] == part] for part in outer]
        counted: dict[Segment, Profile] = {}
        for chosen in product(*seen):
            terms = [{"term": {f"{SEGMENTS}.{part}": value}} for part, value in zip(outer, chosen, strict=True)]
            narrow = {"bool": {"filter": [query, *terms]}} if terms else query
            within = math.ceil(number / max(1, math.prod(map(len, seen))))
            parts = math.ceil(2 * within * counting.buckets / MAX_BUCKETS)
            for part in range(parts):
                body = segment_body(narrow, counting, last, part, parts)
                answer = self.cluster.count_predictions(body).get("aggregations", {"segment0": {"buckets": []}})
                for (_, value), profile in segment_profiles(answer, counting, [last]).items():
                    counted[name, CROSS.join((*chosen, value))] = profile
        return counted

    @staticmethod
    def _whole(answer: Mapping[str, Any], counting: Counting) -> dict[Segment, Profile]:
        if "aggregations" not in answer:
            return {}
        return {None: counting.profile(answer["aggregations"], answer["hits"]["total"]["value"])}

    def profiles(self, version: str, size: str, period: Window, binning: Binning) -> Iterator[tuple[Segment, Profile]]:
        """The stored profiles of a version's windows in a period, per segment."""
        query = stored_query(self.model, "window", size=size, version=version, period=period, binning=binning.version)
        for hit in self.cluster.stored(query, ["segment", "profile"]):
            yield _segment(hit["_source"]), from_document(hit["_source"]["profile"], binning)

    def windows(self, size: str, period: Window, binning: Binning) -> Iterator[Counted]:
        """The stored windows of one size that begin in a period, of all versions, in order of time."""
        query = stored_query(self.model, "window", size=size, period=period, binning=binning.version)
        hits = (hit["_source"] for hit in self.cluster.stored(query, ["model", "window", "segment", "profile"]))
        for (_, version), parts in groupby(hits, lambda hit: (hit["window"]["start"], hit["model"]["version"])):
            found = list(parts)
            profiles = {_segment(part): from_document(part["profile"], binning) for part in found}
            yield Counted(version, Window.from_document(found[0]["window"]), profiles)

    def keep(self, kept: Kept, profiles: Segmented) -> Iterator[bytes]:
        """The bulk actions that store a window's profiles, the one that says what they are of last."""
        state = {"content": kept.content, "judged": kept.judged, "as_of": kept.as_of}
        for segment in sorted(profiles, key=lambda segment: segment is None):
            body = _body("window", kept.version, kept.size, kept.window, segment, profiles[segment])
            yield from self._index(_identity(kept), segment, body | state)

    def mark(self, kept: Kept) -> Iterator[bytes]:
        """The bulk action that says how a window was judged."""
        action = {"update": {"_index": self.cluster.streams.profiles, "_id": document_id(self.model, *_identity(kept))}}
        yield orjson.dumps(action)
        yield orjson.dumps({"doc": {"judged": kept.judged}})

    # References and bins

    def reference(self, period: Window, binning: Binning, content: str) -> Segmented:
        """The stored reference of a period, per segment; empty when there is none of this content."""
        query = stored_query(self.model, "reference", period=period, binning=binning.version)
        hits = [hit["_source"] for hit in self.cluster.stored(query, ["segment", "profile", "content", "window"])]
        exact = [hit for hit in hits if hit["content"] == content and Window.from_document(hit["window"]) == period]
        return {_segment(hit): from_document(hit["profile"], binning) for hit in exact}

    def keep_reference(self, period: Window, counting: Counting, profiles: Segmented, content: str) -> None:
        """Store a reference."""
        operations: list[bytes] = []
        for segment, profile in profiles.items():
            identity = ("reference", counting.binning.version, iso(period.start), iso(period.end))
            body = _body("reference", None, None, period, segment, profile) | {"content": content}
            operations += self._index(identity, segment, body)
        self.cluster.write(operations)

    def binning(self, period: Window | None, key: str) -> Binning | None:
        """The stored bins of a reference period, None when none were chosen yet."""
        found = self.cluster.document(self.cluster.streams.profiles, self._binning_id(period, key))
        return Binning.from_document(found["binning"]["content"]) if found else None

    def keep_binning(self, period: Window | None, key: str, binning: Binning) -> None:
        """Store bins, so that they stay as they are."""
        body: dict[str, Any] = {
            "kind": "binning",
            "model": {"name": self.model},
            "binning": {"version": binning.version, "content": binning.to_document()},
        }
        action = {"index": {"_index": self.cluster.streams.profiles, "_id": self._binning_id(period, key)}}
        self.cluster.write([orjson.dumps(action), orjson.dumps(body)])

    def _binning_id(self, period: Window | None, key: str) -> str:
        bounds = (iso(period.start), iso(period.end)) if period else ()
        return document_id("binning", self.model, key, *bounds)

    def _index(self, identity: Sequence[str], segment: Segment, body: dict[str, Any]) -> tuple[bytes, bytes]:
        key = document_id(self.model, *identity, *(segment or ()))
        body["model"] = {"name": self.model, **body["model"]}
        action = {"index": {"_index": self.cluster.streams.profiles, "_id": key}}
        return orjson.dumps(action), orjson.dumps(body)


def stored_query(
    model: str,
    kind: str,
    *,
    size: str | None = None,
    version: str | None = None,
    period: Window | None = None,
    binning: str | None = None,
    whole: bool = False,
) -> dict[str, Any]:
    """The query of stored profiles of one kind: `window`, `reference`, `training` or `binning`. Pure.

    Args:
        model: Name of the model.
        kind: The kind.
        size: Size of the windows; None, as below: any.
        version: Version of the model.
        period: When they begin.
        binning: Version of the bins.
        whole: Only those of all predictions, and of no segment.
    """
    terms = {
        "kind": kind,
        "model.name": model,
        "window.size": size,
        "model.version": version,
        "binning.version": binning,
    }
    filters: list[Mapping[str, Any]] = [{"term": {k: v}} for k, v in terms.items() if v is not None]
    if period is not None:
        filters.append({"range": {"window.start": period.range()}})
    nothing = [{"exists": {"field": "segment.name"}}] if whole else []
    return {"bool": {"filter": filters, "must_not": nothing}}


def _expected(name: str, expected: Mapping[str, int]) -> int:
    if name in expected:
        return expected[name]
    return math.prod(expected.get(part, EXPECTED_VALUES) for part in name.split(CROSS))


def _identity(kept: Kept) -> tuple[str, str, str, str]:
    return ("window", kept.version, kept.size, iso(kept.window.start))


def _body(
    kind: str, version: str | None, size: str | None, window: Window, segment: Segment, profile: Profile
) -> dict[str, Any]:
    found: dict[str, Any] = {
        "@timestamp": iso(window.start),
        "kind": kind,
        "model": {} if version is None else {"version": version},
        "window": {"start": iso(window.start), "end": iso(window.end), **({"size": size} if size else {})},
        "binning": {"version": profile.binning},
        "profile": to_document(profile),
    }
    if segment is not None:
        found["segment"] = {"name": segment[0], "value": segment[1]}
    return found


def _kept(source: Mapping[str, Any]) -> Kept:
    return Kept(
        version=source["model"]["version"],
        size=source["window"]["size"],
        window=Window.from_document(source["window"]),
        content=source["content"],
        judged=source["judged"],
        binning=source["binning"]["version"],
        as_of=source["as_of"],
        predictions=source["profile"]["predictions"],
        labelled=source["profile"]["labelled"],
    )


def _segment(source: Mapping[str, Any]) -> Segment:
    segment = source.get("segment")
    return (segment["name"], segment["value"]) if segment else None
