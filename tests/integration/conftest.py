"""Write synthetic predictions to the cluster, and analyse them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

import pytest
from elasticsearch import Elasticsearch

from driftline.analyzers import monitors, pipeline
from driftline.analyzers.cluster import Cluster
from driftline.ingest.shipper import Shipper
from driftline.ingest.streams import Streams

LONG_AFTER = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.fixture
def ship(elasticsearch_url: str, streams: Streams) -> Callable[[Iterable[Mapping[str, Any]]], None]:
    """Send documents to this test's namespace and wait until they are stored."""

    def send(documents: Iterable[Mapping[str, Any]]) -> None:
        with Shipper(elasticsearch_url, namespace=streams.namespace, block=True, max_age=0.05) as shipper:
            for document in documents:
                shipper.send(document)
            assert shipper.flush(60)
            stats = shipper.stats()
        assert stats.dead + stats.lost + stats.dropped == 0, stats

    return send


@pytest.fixture
def cluster(client: Elasticsearch, streams: Streams) -> Cluster:
    """The cluster, seen in this test's namespace."""
    return Cluster(client, streams)


@pytest.fixture
def analyze(cluster: Cluster) -> Callable[..., list[pipeline.Summary]]:
    """Analyse with the text of a monitors.yml."""

    def run(text: str, now: datetime = LONG_AFTER, **options: Any) -> list[pipeline.Summary]:
        configuration = monitors.parse(text, namespace=cluster.streams.namespace)
        return pipeline.analyze(cluster, configuration, now, **options)[1]

    return run


@pytest.fixture
def metrics(cluster: Cluster) -> Callable[..., dict[tuple[Any, ...], dict[str, Any]]]:
    """All metrics of a model, by (measure, feature, segment value, window size, start)."""

    def read(model: str = "m") -> dict[tuple[Any, ...], dict[str, Any]]:
        cluster.refresh(cluster.streams.metrics)
        found: dict[tuple[Any, ...], dict[str, Any]] = {}
        after: dict[str, Any] = {}
        while True:
            query = {"term": {"model.name": model}}
            body = {
                "size": 10_000,
                "query": query,
                "sort": ["window.start", "metric.name", "feature.name", "segment.value"],
                **after,
            }
            hits = cluster.search(cluster.streams.metrics, body)["hits"]["hits"]
            for hit in hits:
                source = hit["_source"]
                key = (
                    source["metric"]["name"],
                    source.get("feature", {}).get("name"),
                    source.get("segment", {}).get("value"),
                    source["window"]["size"],
                    source["window"]["start"],
                )
                found[key] = source
            if len(hits) < 10_000:
                return found
            after = {"search_after": hits[-1]["sort"]}

    return read
