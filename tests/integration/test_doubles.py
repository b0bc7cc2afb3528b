"""Exactly once, across rollovers too: what was stored twice is found by its tag, and the later copy deleted."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from faults import Fault, proxy

from driftline.analyzers import doubles, monitors, pipeline
from driftline.analyzers.cluster import Cluster
from driftline.ingest import Outcome, Prediction, Shipper, Source
from driftline.ingest.spool import Spool

NOW = datetime(2024, 5, 2, tzinfo=UTC)


def documents(namespace: str, count: int) -> list[dict[str, Any]]:
    """Predictions of one day, and their outcomes."""
    source, at = Source(namespace=namespace), datetime(2024, 5, 1, 12, tzinfo=UTC)
    made = [Prediction(model="m", task="regression", value=n, id=f"p{n}", timestamp=at) for n in range(count)]
    known = [Outcome(id=f"p{n}", value=n + 1.0, timestamp=at) for n in range(count)]
    return [event.to_document(source) for event in (*made, *known)]


def copies(client, stream):
    """How many documents a stream holds, and how many of them are different and carry a tag."""
    client.indices.refresh(index=stream)
    hits = client.search(index=stream, size=1_000)["hits"]["hits"]
    return len(hits), len({hit["_id"] for hit in hits}), sum("tags" in hit["_source"] for hit in hits)


@pytest.fixture
def cluster(client, streams):
    """The cluster, as the analyzer sees it."""
    return Cluster(client, streams)


def test_a_rollover_between_a_lost_answer_and_the_next_attempt_doubles_nothing_in_the_end(
    elasticsearch_url, client, streams, cluster
):
    """Stored, not answered, rolled over, sent again: two copies, until the analyzer's next turn; then one."""
    with proxy(elasticsearch_url) as way:

        def choose(number: int) -> Fault:
            if number > 2:
                return Fault.NONE
            if number == 2:
                # The first attempt has been stored; its answer never came.
                for stream in (streams.predictions, streams.outcomes):
                    client.indices.rollover(alias=stream)
            return Fault.UNANSWERED if number == 1 else Fault.UNAVAILABLE

        way.choose = choose
        with Shipper(way.url, namespace=streams.namespace, workers=1, max_age=0.3, report_every=None) as shipper:
            for document in documents(streams.namespace, 50):
                shipper.send(document)
            assert shipper.flush(60)
            assert shipper.stats().sent == 100
    assert copies(client, streams.predictions) == (100, 50, 50)
    assert copies(client, streams.outcomes) == (100, 50, 50)
    text = "models: [{name: m, task: regression, window: 1d}]"
    joined, (summary,) = pipeline.analyze(cluster, monitors.parse(text, namespace=streams.namespace), NOW)
    assert copies(client, streams.predictions) == (50, 50, 0)
    assert copies(client, streams.outcomes) == (50, 50, 0)
    assert (joined.joined, summary.windows) == (50, 1)
    found = client.search(index=streams.metrics, query={"term": {"metric.name": "mae"}})["hits"]["hits"]
    assert found[0]["_source"]["metric"]["sample_size"] == 50


def test_the_copy_that_was_stored_first_stays(elasticsearch_url, client, streams, cluster):
    """It may hold an outcome by now."""
    predictions = documents(streams.namespace, 5)[:5]
    with Shipper(elasticsearch_url, namespace=streams.namespace, max_age=0.02) as shipper:
        for document in predictions:
            shipper.send(document)
        assert shipper.flush(60)
        client.indices.refresh(index=streams.predictions)
        client.update_by_query(
            index=streams.predictions, script={"source": "ctx._source.outcome = ['value': 7.0]"}, refresh=True
        )
        client.indices.rollover(alias=streams.predictions)
        for document in predictions[:3]:
            shipper.send(document, again=True)
        assert shipper.flush(60)
    assert copies(client, streams.predictions) == (8, 5, 3)
    assert doubles.remove(cluster) == 3
    assert doubles.remove(cluster) == 0
    hits = client.search(index=streams.predictions)["hits"]["hits"]
    assert [hit["_source"]["outcome"]["value"] for hit in hits] == [7.0] * 5


def test_what_was_sent_again_and_is_single_only_loses_its_tag(tmp_path, elasticsearch_url, client, streams, cluster):
    """The tag of a spool that was taken over goes; a tag of the user's stays."""
    left = Shipper(elasticsearch_url, namespace=streams.namespace, spool=tmp_path, max_age=600, workers=0)
    for document in documents(streams.namespace, 3)[:3]:
        left.send(document | {"tags": ["canary"]})
    left.close(timeout=0)
    assert any(tmp_path.iterdir())
    with Shipper(elasticsearch_url, namespace=streams.namespace, spool=tmp_path, max_age=0.02) as heir:
        heir.send(documents(streams.namespace, 4)[3])
        assert heir.flush(60)
    assert isinstance(heir._buffer, Spool)
    assert heir.stats().recovered == 3
    assert doubles.remove(cluster) == 0
    client.indices.refresh(index=streams.predictions)
    hits = [hit["_source"] for hit in client.search(index=streams.predictions)["hits"]["hits"]]
    assert sorted(str(hit.get("tags")) for hit in hits) == ["None", "['canary']", "['canary']", "['canary']"]


def test_a_namespace_without_any_stream_has_no_doubles(cluster):
    """The first turn of all finds nothing, and says nothing."""
    assert doubles.remove(cluster) == 0
