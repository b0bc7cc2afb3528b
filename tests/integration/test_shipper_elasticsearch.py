"""The logger and the shipper with a real Elasticsearch: exactly once, and nothing is lost without a word."""

from __future__ import annotations

import json
import math
from datetime import UTC, datetime
from typing import Any

import pytest
import structlog
from elastic_transport import NdjsonSerializer
from elasticsearch import Elasticsearch, OrjsonSerializer

from driftline.ingest import ModelLogger, Shipper, driftline_processors
from driftline.ingest.events import Outcome, Prediction, Source


def stored(client: Elasticsearch, stream: str) -> dict[str, dict[str, Any]]:
    """The documents of a data stream by their `_id`."""
    client.indices.refresh(index=stream)
    hits = client.search(index=stream, size=1000)["hits"]["hits"]
    return {hit["_id"]: hit["_source"] for hit in hits}


def prediction(number: int, namespace: str, **fields: Any) -> dict[str, Any]:
    """A prediction."""
    source = Source(namespace=namespace)
    return Prediction(model="m", task="regression", value=number, id=f"p{number}", **fields).to_document(source)


def test_what_is_sent_twice_by_two_at_once_is_stored_once(client, elasticsearch_url, streams):
    """Ids make a repeat a no-op, wherever it comes from."""
    documents = [prediction(number, streams.namespace) for number in range(500)]
    options = {"namespace": streams.namespace, "batch_size": 50, "max_age": 0.05, "block": True}
    with Shipper(elasticsearch_url, **options) as one, Shipper(elasticsearch_url, **options) as other:
        for document in documents:
            assert one.send(document)
            assert other.send(document)
        assert one.flush(60)
        assert other.flush(60)
        first, second = one.stats(), other.stats()
    assert first.sent + second.sent == first.duplicates + second.duplicates == 500
    assert stored(client, streams.predictions).keys() == {f"p{number}" for number in range(500)}


def test_batches_take_the_short_way_both_there_and_back(client, elasticsearch_url, streams, monkeypatch):
    """Elasticsearch writes its answers as ours expect them; else all would be slower, and nobody would know."""
    read: list[bytes] = []
    monkeypatch.setattr(NdjsonSerializer, "dumps", None)
    monkeypatch.setattr(OrjsonSerializer, "loads", lambda _, data: (read.append(data), json.loads(data))[1])
    with Shipper(elasticsearch_url, namespace=streams.namespace, max_age=0.05) as shipper:
        for number in range(20):
            shipper.send(prediction(number, streams.namespace))
        assert shipper.flush(60)
        shipper.send(prediction(0, streams.namespace))
    assert len(stored(client, streams.predictions)) == 20
    assert [len(json.loads(answer)["items"]) for answer in read if b'"items"' in answer] == [1]


def test_an_outcome_and_its_correction_are_two_documents(client, elasticsearch_url, streams):
    """The same report again is not a third one."""
    at = datetime(2024, 5, 1, tzinfo=UTC)
    with Shipper(elasticsearch_url, namespace=streams.namespace, max_age=0.05) as shipper:
        for label in ("late", "on_time", "late"):
            shipper.send(Outcome(id="p1", label=label, timestamp=at).to_document(Source(namespace=streams.namespace)))
        assert shipper.flush(60)
        assert (shipper.stats().sent, shipper.stats().duplicates) == (2, 1)
    found = stored(client, streams.outcomes)
    assert sorted(document["outcome"]["label"] for document in found.values()) == ["late", "on_time"]
    assert all(document["event"]["ingested"] for document in found.values())


def test_what_elasticsearch_refuses_is_kept_whole_with_its_reason(client, elasticsearch_url, streams):
    """The rest of the batch is stored; the dead letter is one, also when the event is sent again."""
    poisoned = prediction(1, streams.namespace) | {"prediction": {"value": "not a number"}}
    with Shipper(elasticsearch_url, namespace=streams.namespace, max_age=0.05) as shipper:
        for document in (prediction(0, streams.namespace), poisoned, prediction(2, streams.namespace), poisoned):
            shipper.send(document)
        assert shipper.flush(60)
        stats = shipper.stats()
    assert (stats.sent, stats.dead, stats.lost) == (2, 2, 0)
    assert stored(client, streams.predictions).keys() == {"p0", "p2"}
    (letter,) = stored(client, streams.deadletter).values()
    assert json.loads(letter["event"]["original"]) == poisoned
    assert "prediction.value" in letter["event"]["reason"]
    assert letter["error"]["type"] == "document_parsing_exception"


def test_a_cluster_that_may_hold_no_more_shards_loses_nothing(client, elasticsearch_url, streams, caplog):
    """No data stream can begin there, not even that of dead letters: all waits until there is room."""

    def allow(shards: int | None) -> None:
        client.cluster.put_settings(transient={"cluster.max_shards_per_node": shards})

    allow(1)
    try:
        with Shipper(elasticsearch_url, namespace=streams.namespace, max_age=0.05, report_every=None) as shipper:
            for number in range(20):
                shipper.send(prediction(number, streams.namespace))
            assert not shipper.flush(1)
            assert (shipper.stats().waiting, shipper.stats().dead, shipper.stats().lost) == (20, 0, 0)
            allow(None)
            assert shipper.flush(60)
            stats = shipper.stats()
    finally:
        allow(None)
    assert (stats.sent, stats.dead, stats.lost) == (20, 0, 0)
    assert stored(client, streams.predictions).keys() == {f"p{number}" for number in range(20)}
    assert "maximum normal shards open" in caplog.text


def test_an_index_that_is_blocked_or_closed_loses_nothing(client, elasticsearch_url, streams):
    """Somebody does that to it, and undoes it."""
    with Shipper(elasticsearch_url, namespace=streams.namespace, max_age=0.05, report_every=None) as shipper:
        shipper.send(prediction(0, streams.namespace))
        assert shipper.flush(60)
        (index,) = client.indices.get(index=streams.predictions)
        client.indices.put_settings(index=index, settings={"index.blocks.write": True})
        shipper.send(prediction(1, streams.namespace))
        assert not shipper.flush(1)
        client.indices.put_settings(index=index, settings={"index.blocks.write": None})
        assert shipper.flush(60)
        client.indices.close(index=index)
        shipper.send(prediction(2, streams.namespace))
        assert not shipper.flush(1)
        client.indices.open(index=index)
        assert shipper.flush(60)
        assert (shipper.stats().sent, shipper.stats().dead, shipper.stats().lost) == (3, 0, 0)
    assert stored(client, streams.predictions).keys() == {"p0", "p1", "p2"}


def test_from_the_log_call_to_the_document(client, elasticsearch_url, streams):
    """A service logs a prediction, its outcome and a change, and one event that is wrong: all of them can be found."""
    with Shipper(elasticsearch_url, namespace=streams.namespace, max_age=0.05) as shipper:
        log = structlog.wrap_logger(
            structlog.testing.CapturingLogger(),
            processors=driftline_processors("api", namespace=streams.namespace, shipper=shipper),
        )
        model = ModelLogger("delay", "binary", "2", log)
        identity = model.prediction(score=0.75, label="late", features={"temp": -3.5, "carrier": "UA", "gust": None})
        model.outcome(identity, label="on_time")
        model.change("model-deployed", "version 2")
        model.prediction(score=math.nan, features={"temp": 1.0})
        assert shipper.flush(60)
    (found,) = stored(client, streams.predictions).values()
    assert found["features"] == {"temp": -3.5, "carrier": "UA"}
    assert found["event"]["id"] == identity
    (outcome,) = stored(client, streams.outcomes).values()
    assert (outcome["event"]["id"], outcome["outcome"]) == (identity, {"label": "on_time", "status": "pending"})
    (change,) = stored(client, streams.changes).values()
    assert change["event"]["action"] == "model-deployed"
    (letter,) = stored(client, streams.deadletter).values()
    assert letter["event"]["reason"].startswith("score: got nan, allowed")
    assert json.loads(letter["event"]["original"])["features"] == {"temp": 1.0}


def test_a_feature_that_changes_its_type_is_kept(client, elasticsearch_url, streams):
    """Text today and a number tomorrow, or the other way round: both predictions are stored as they were sent."""
    sent = [
        prediction(0, streams.namespace, features={"a": "low", "b": 1}),
        prediction(1, streams.namespace, features={"a": 3, "b": "high"}),
    ]
    with Shipper(elasticsearch_url, namespace=streams.namespace, max_age=0.05) as shipper:
        for document in sent:
            shipper.send(document)
        assert shipper.flush(60)
        assert shipper.stats().sent == 2
    found = stored(client, streams.predictions)
    assert [found[f"p{number}"]["features"] for number in (0, 1)] == [{"a": "low", "b": 1}, {"a": 3, "b": "high"}]


def test_reports_can_be_charted(client, elasticsearch_url, streams):
    """How a shipper does is in a data stream of its own, with numbers that can be added up."""
    with Shipper(elasticsearch_url, namespace=streams.namespace, max_age=0.02) as shipper:
        source = Source("checkout", "1.2", "production", streams.namespace)
        shipper.send(Prediction(model="m", task="regression", value=1.0).to_document(source))
        assert shipper.flush(60)
    client.indices.refresh(index=streams.shipper)
    sums = {name: {"sum": {"field": f"shipper.{name}"}} for name in ("sent", "dropped", "lag")}
    by_service = {"terms": {"field": "service.name"}, "aggs": sums}
    (bucket,) = client.search(index=streams.shipper, size=0, aggs={"s": by_service})["aggregations"]["s"]["buckets"]
    assert (bucket["key"], bucket["sent"]["value"], bucket["dropped"]["value"]) == ("checkout", 1.0, 0.0)


def test_an_event_that_another_shipper_brings_says_when_it_arrived_too(client, streams):
    """Ours writes the time itself; for others the data stream's pipeline does."""
    document = prediction(1, streams.namespace)
    client.index(index=streams.predictions, id="p1", op_type="create", document=document)
    assert "ingested" not in document["event"]
    assert stored(client, streams.predictions)["p1"]["event"]["ingested"]


def test_a_compressed_request_holds_the_same(client, elasticsearch_url, streams):
    """As they go to another machine."""
    with Shipper(elasticsearch_url, namespace=streams.namespace, max_age=0.02, compress=True) as shipper:
        for number in range(100):
            shipper.send(prediction(number, streams.namespace))
        assert shipper.flush(60)
    assert stored(client, streams.predictions).keys() == {f"p{number}" for number in range(100)}


def test_documents_that_are_json_already_are_stored_as_they_are(client, elasticsearch_url, streams):
    """Also those of many lines, and those that say when they arrived elsewhere; what is no document is refused."""
    texts = [
        b'{"@timestamp":"2024-05-01T00:00:00Z","event":{"id":"a"},"features":{"x":1.50}}',
        b'{\n"@timestamp": "2024-05-01T00:00:00Z",\n"event": {"id": "b"}\n}',
        b'{"@timestamp":"2024-05-01T00:00:00Z","event":{"id":"c","ingested":"2001-01-01T00:00:00Z"}}',
    ]
    with Shipper(elasticsearch_url, namespace=streams.namespace, max_age=0.02) as shipper:
        for identity, text in zip("abc", texts, strict=True):
            assert shipper.send_encoded("driftline.predictions", identity, text)
        for wrong in (b"[1]", b"{}", b"no json", b'{"event": 3}'):
            with pytest.raises(ValueError, match=r"allowed: a JSON object with `event`|unexpected|expected"):
                shipper.send_encoded("driftline.predictions", "d", wrong)
        for identity in ("", "x" * 513):
            with pytest.raises(ValueError, match="_id: got '"):
                shipper.send_encoded("driftline.predictions", identity, texts[0])
        assert shipper.send_encoded("driftline.predictions", "x" * 512, texts[0])
        assert shipper.flush(60)
        assert shipper.stats().sent == 4
    found = stored(client, streams.predictions)
    assert found.pop("x" * 512)
    assert found.keys() == {"a", "b", "c"}
    assert all(document["event"]["ingested"] > "2026" for document in found.values())
    assert found["a"]["features"] == {"x": 1.5}
