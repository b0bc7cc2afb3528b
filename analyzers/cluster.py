"""What the analyzer asks of Elasticsearch: the only module here that talks to it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, cast

import orjson
from elasticsearch import AuthorizationException, Elasticsearch, NotFoundError

from driftline.ingest import events
from driftline.ingest.streams import Streams

from .windows import Window, WindowSize, parse_moment

if TYPE_CHECKING:
    Hit = Mapping[str, Any]

PAGE = 10_000
"""Buckets or documents in one page: `index.max_result_window`."""
PAGE_OF_ALERTS = 1_000
"""An incident holds its evidence, an alert three metrics: too much of them for pages of ten thousand."""
CONFLICT = 409
SEED = 0


class StoreError(RuntimeError):
    """Elasticsearch did not store a document; the text names it and the reason."""


@dataclass(frozen=True, slots=True)
class Content:
    """What a window holds, told cheaply: when this differs from what was profiled, the window is stale.

    Attributes:
        version: Model version.
        window: The window.
        digest: Changes whenever a prediction or an outcome is added or corrected.
        as_of: When the last of it reached Elasticsearch, ISO 8601.
    """

    version: str
    window: Window
    digest: str
    as_of: str


@dataclass(frozen=True, slots=True)
class Cluster:
    """An Elasticsearch, and the names of Driftline's streams in it."""

    client: Elasticsearch
    streams: Streams

    @property
    def url(self) -> str:
        """Its address, as people are told."""
        return str(self.client.transport.node_pool.all()[0].base_url)

    def has_templates(self) -> bool:
        """Whether `driftline setup` has run, as far as one may ask."""
        try:
            return bool(self.client.indices.exists_index_template(name="driftline-profiles"))
        except AuthorizationException:
            return True

    def search(self, index: str, body: Mapping[str, Any]) -> Mapping[str, Any]:
        """One search; an index that does not exist yet is empty."""
        answer = self.client.search(index=index, body=dict(body), ignore_unavailable=True, allow_no_indices=True)
        return dict(answer)

    def search_many(self, index: str, bodies: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
        """Several searches of an index in one request, answered in their order.

        Raises:
            StoreError: One of them failed.
        """
        return self.search_each([(index, body) for body in bodies])

    def search_each(self, asked: Sequence[tuple[str, Mapping[str, Any]]]) -> list[Mapping[str, Any]]:
        """Several searches in one request, each of an index of its own, answered in their order.

        Raises:
            StoreError: One of them failed.
        """
        searches = [
            part for index, body in asked for part in ({"index": index, "ignore_unavailable": True}, dict(body))
        ]
        # A search that fails inside the request has no error of its own: the page of one would have raised.
        answers = list(self.client.msearch(searches=searches)["responses"]) if searches else []
        for (index, _), answer in zip(asked, answers, strict=True):
            if "error" in answer:
                msg = f"{index}: {answer['error'].get('reason', answer['error'])}"
                raise StoreError(msg)
        return answers

    def count_predictions(self, body: Mapping[str, Any]) -> Mapping[str, Any]:
        """One search of the predictions."""
        return self.search(self.streams.predictions, body)

    def features(self) -> Mapping[str, Any]:
        """The field capabilities of all features."""
        return self._fields(events.FEATURES)

    def segments(self) -> Mapping[str, Any]:
        """The field capabilities of all segments."""
        return self._fields(events.SEGMENTS)

    def _fields(self, below: str) -> Mapping[str, Any]:
        answer = self.client.field_caps(
            index=self.streams.predictions, fields=f"{below}.*", ignore_unavailable=True, allow_no_indices=True
        )
        return dict(answer)

    def refresh(self, *indices: str) -> None:
        """Make what was written visible to searches."""
        self.client.indices.refresh(index=",".join(indices), ignore_unavailable=True)

    # Windows

    def contents(self, query: Mapping[str, Any], size: WindowSize) -> Iterator[Content]:
        """What each model version's windows of predictions hold, page by page."""
        sources = [
            {"version": {"terms": {"field": events.MODEL_VERSION}}},
            {"start": {"date_histogram": {"field": events.TIMESTAMP, **size.interval}}},
        ]
        composite: dict[str, Any] = {"size": PAGE, "sources": sources}
        while True:
            aggregation = {"windows": {"composite": composite, "aggs": _content_aggregations()}}
            answer = self.count_predictions({"size": 0, "query": query, "aggs": aggregation})
            if "aggregations" not in answer:
                return
            found = answer["aggregations"]["windows"]
            for bucket in found["buckets"]:
                start = datetime.fromtimestamp(bucket["key"]["start"] / 1000, UTC)
                yield _content(bucket["key"]["version"], size.at(start), bucket, bucket["doc_count"])
            if "after_key" not in found:
                return
            composite = {**composite, "after": found["after_key"]}

    def content(self, query: Mapping[str, Any], window: Window) -> Content:
        """What one period holds, all model versions together."""
        body = {"size": 0, "track_total_hits": True, "query": query, "aggs": _content_aggregations()}
        answer = self.count_predictions(body)
        return _content("", window, answer.get("aggregations", {}), answer["hits"]["total"]["value"])

    def sample(self, query: Mapping[str, Any], fields: Sequence[str], size: int) -> list[Hit]:
        """A random sample of the predictions that match, with their time and these fields: the same one each time."""
        score = {"query": query, "random_score": {"seed": SEED, "field": "_seq_no"}, "boost_mode": "replace"}
        body = {"size": size, "query": {"function_score": score}, "_source": [events.TIMESTAMP, *fields]}
        return list(self.count_predictions(body)["hits"]["hits"])

    # Outcomes

    def first(self, query: Mapping[str, Any]) -> datetime | None:
        """When the first of the predictions that match was made; None when there is none."""
        aggregation = {"min": {"field": events.TIMESTAMP, "format": "strict_date_time"}}
        answer = self.search(self.streams.predictions, {"size": 0, "query": query, "aggs": {"first": aggregation}})
        text = answer.get("aggregations", {}).get("first", {}).get("value_as_string")
        return parse_moment(text) if text else None

    def waiting_outcomes(self, statuses: Sequence[str], size: int) -> Iterator[tuple[list[Hit], int]]:
        """The outcomes of these statuses as they are now, in batches, each with the number of all."""
        query = {"terms": {events.OUTCOME_STATUS: list(statuses)}}
        try:
            snapshot = self.client.open_point_in_time(index=self.streams.outcomes, keep_alive="5m")["id"]
        except NotFoundError:
            return
        after: list[Any] | None = None
        try:
            while True:
                page = self.client.search(
                    pit={"id": snapshot, "keep_alive": "5m"},
                    query=query,
                    size=size,
                    sort=["_shard_doc"],
                    search_after=after,
                    track_total_hits=after is None,
                    source_includes=[events.TIMESTAMP, "event", "outcome"],
                )
                if after is None:
                    total = page["hits"]["total"]["value"]
                hits = page["hits"]["hits"]
                if not hits:
                    return
                yield hits, total
                after = hits[-1]["sort"]
        finally:
            self.client.close_point_in_time(id=snapshot)

    def predictions_by_id(self, ids: Sequence[str]) -> list[Hit]:
        """The predictions of these ids, with what their evaluation needs."""
        body = {
            "size": PAGE,
            "query": {"terms": {"_id": list(ids)}},
            "seq_no_primary_term": True,
            "_source": [events.TIMESTAMP, "model", "prediction", "outcome"],
        }
        return list(self.count_predictions(body)["hits"]["hits"])

    def joined_outcomes(self, ids: Sequence[str]) -> Iterator[Mapping[str, Any]]:
        """The outcomes that were joined to the predictions of these ids before."""
        if not ids:
            return
        filters = [{"terms": {events.EVENT_ID: list(ids)}}, {"term": {events.OUTCOME_STATUS: "joined"}}]
        # Two reports of one prediction at one moment differ by label or value, or are the same document.
        keys = (events.EVENT_ID, events.TIMESTAMP, events.OUTCOME_LABEL, events.OUTCOME_VALUE)
        sort = [{key: "asc"} for key in keys]
        after: dict[str, Any] = {}
        while True:
            body = {"size": PAGE, "query": {"bool": {"filter": filters}}, "sort": sort, **after}
            hits = self.search(self.streams.outcomes, body)["hits"]["hits"]
            yield from (hit["_source"] for hit in hits)
            if len(hits) < PAGE:
                return
            after = {"search_after": hits[-1]["sort"]}

    def update(self, updates: Iterable[tuple[Hit, Mapping[str, Any]]]) -> set[str]:
        """Merge fields into documents of data streams, unless they changed since they were read.

        Returns:
            Ids of the documents that did change since.
        """
        operations: list[bytes] = []
        for hit, fields in updates:
            guard = {f"if{key}": hit[key] for key in ("_seq_no", "_primary_term") if key in hit}
            action = {"update": {"_index": hit["_index"], "_id": hit["_id"], **guard}}
            operations += (orjson.dumps(action), orjson.dumps({"doc": fields}))
        return {item["_id"] for item in self._bulk(operations) if item["status"] == CONFLICT}

    # Doubles

    def tagged_streams(self, streams: Sequence[str], tag: str) -> list[str]:
        """Those of the data streams that hold events with this tag."""
        body = {"size": 0, "query": {"term": {events.TAGS: tag}}, "aggs": {"of": {"terms": {"field": events.DATASET}}}}
        answer = self.search(",".join(streams), body).get("aggregations", {"of": {"buckets": []}})
        found = {self.streams.of(bucket["key"]) for bucket in answer["of"]["buckets"]}
        return [stream for stream in streams if stream in found]

    def tagged(self, stream: str, tag: str, size: int) -> list[Hit]:
        """Some events with this tag."""
        body = {"size": size, "query": {"term": {events.TAGS: tag}}, "_source": False}
        return list(self.search(stream, body)["hits"]["hits"])

    def copies(self, stream: str, ids: Sequence[str]) -> list[Hit]:
        """Every document of these ids, in whichever backing index, with its tags."""
        body = {"size": PAGE, "query": {"terms": {"_id": list(ids)}}, "_source": [events.TAGS]}
        return list(self.search(stream, body)["hits"]["hits"])

    # Results

    def stored(self, query: Mapping[str, Any], source: Sequence[str]) -> Iterator[Hit]:
        """The stored profiles that match, with these fields, by start of window."""
        sort = [{"window.start": "asc"}, {"model.version": "asc"}, {"segment.name": "asc"}, {"segment.value": "asc"}]
        # Profiles are tens of kilobytes each; without them a page may be full.
        size = 100 if "profile" in source else PAGE
        after: dict[str, Any] = {}
        while True:
            body = {"size": size, "query": query, "_source": list(source), "sort": sort, **after}
            hits = self.search(self.streams.profiles, body)["hits"]["hits"]
            yield from hits
            if len(hits) < size:
                return
            after = {"search_after": hits[-1]["sort"]}

    def metrics(self, query: Mapping[str, Any], source: Sequence[str]) -> Iterator[Hit]:
        """The metrics that match, with these fields, by start of window."""
        keys = ("window.start", "model.version", "metric.name", "feature.name", "segment.name", "segment.value")
        return self._pages(self.streams.metrics, query, source, keys)

    def distributions(self, query: Mapping[str, Any], source: Sequence[str]) -> Iterator[Hit]:
        """The rows of distributions that match, with these fields, by start of window."""
        keys = ("window.start", "model.version", "feature.name", "distribution.position")
        return self._pages(self.streams.distributions, query, source, keys)

    def _pages(self, index: str, query: Mapping[str, Any], source: Sequence[str], keys: Sequence[str]) -> Iterator[Hit]:
        after: dict[str, Any] = {}
        while True:
            body = {"size": PAGE, "query": query, "_source": list(source), "sort": [{k: "asc"} for k in keys], **after}
            hits = self.search(index, body)["hits"]["hits"]
            yield from hits
            if len(hits) < PAGE:
                return
            after = {"search_after": hits[-1]["sort"]}

    def alerting(
        self, dataset: str, query: Mapping[str, Any], excluded: Sequence[str] = ()
    ) -> Iterator[Mapping[str, Any]]:
        """The documents of one kind in `driftline-alerts` that match, without these fields, by time."""
        return (hit["_source"] for hit in self.alerting_hits(dataset, query, excluded))

    def alerting_hits(self, dataset: str, query: Mapping[str, Any], excluded: Sequence[str] = ()) -> Iterator[Hit]:
        """The same as hits, which can be updated unless they change meanwhile."""
        filtered = {"bool": {"filter": [{"term": {"event.dataset": dataset}}, query]}}
        sort = [{"@timestamp": "asc"}, {"event.id": "asc"}]
        after: dict[str, Any] = {}
        while True:
            page = {"size": PAGE_OF_ALERTS, "sort": sort, "seq_no_primary_term": True, **after}
            body = {"query": filtered, "_source": {"excludes": excluded}, **page}
            hits = self.search(self.streams.alerts, body)["hits"]["hits"]
            yield from hits
            if len(hits) < PAGE_OF_ALERTS:
                return
            after = {"search_after": hits[-1]["sort"]}

    def document(self, index: str, identity: str) -> Mapping[str, Any] | None:
        """One document's source, None where there is none."""
        try:
            return dict(self.client.get(index=index, id=identity)["_source"])
        except NotFoundError:
            return None

    def write(self, operations: Sequence[bytes]) -> None:
        """One bulk write of actions and bodies.

        Raises:
            StoreError: A document was not stored.
        """
        self._stored(self._bulk(operations))

    def create(self, operations: Sequence[bytes]) -> None:
        """One bulk write of documents that are to be stored once; what is there already stays as it is.

        Raises:
            StoreError: A document was not stored.
        """
        self._stored(item for item in self._bulk(operations) if item["status"] != CONFLICT)

    def _stored(self, items: Iterable[Mapping[str, Any]]) -> None:
        for item in items:
            if "error" in item:
                reason = item["error"]
                msg = f"{item['_index']}/{item['_id']}: {reason['type']}: {reason['reason']}"
                raise StoreError(msg)

    def _bulk(self, operations: Sequence[bytes]) -> Iterator[Mapping[str, Any]]:
        if not operations:
            return
        # The client passes bytes through as they are; its type says only mappings.
        answer = self.client.bulk(operations=cast("Sequence[dict[str, Any]]", operations))
        for item in answer["items"]:
            (result,) = item.values()
            yield result


def _content_aggregations() -> dict[str, Any]:
    return {
        "ingested": {"max": {"field": events.EVENT_INGESTED}},
        "labelled": {"value_count": {"field": events.OUTCOME_TIMESTAMP}},
        "joined": {"max": {"field": events.OUTCOME_JOINED}},
        "revisions": {"sum": {"field": events.OUTCOME_REVISION}},
    }


def _content(version: str, window: Window, found: Mapping[str, Any], count: int) -> Content:
    ingested, joined = (found.get(name, {}).get("value") or 0 for name in ("ingested", "joined"))
    labelled, revisions = (found.get(name, {}).get("value") or 0 for name in ("labelled", "revisions"))
    as_of = datetime.fromtimestamp(max(ingested, joined) / 1000, UTC)
    digest = f"{count}/{int(ingested)}/{int(labelled)}/{int(joined)}/{int(revisions)}"
    return Content(version, window, digest, as_of.isoformat(timespec="milliseconds").replace("+00:00", "Z"))
