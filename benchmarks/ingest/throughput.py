"""How many documents a second reach Elasticsearch, by each way there is, in turns against the same cluster."""

from __future__ import annotations

import random
import shutil
import tempfile
import time
import uuid
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import orjson
from elasticsearch import Elasticsearch, helpers

from driftline.ingest.client import connect
from driftline.ingest.events import Dataset
from driftline.ingest.shipper import Shipper
from driftline.ingest.streams import Streams

from . import made

BATCH = 2_000
Documents = Sequence[dict[str, Any]]
Way = Callable[[str, Documents, str], float]


def firehose(url: str, documents: Documents, namespace: str) -> float:
    """NDJSON that was encoded before the clock started, over three threads: the most that the cluster takes."""
    index = Streams(namespace).predictions
    lines = [
        b"%b\n%b\n" % (orjson.dumps({"create": {"_index": index, "_id": d["event"]["id"]}}), orjson.dumps(d))
        for d in documents
    ]
    bodies = [b"".join(lines[start : start + BATCH]) for start in range(0, len(lines), BATCH)]
    headers = {"accept": "application/json", "content-type": "application/x-ndjson"}
    parameters = {"filter_path": "errors,items.*.status,items.*.error"}
    with connect(url) as client, ThreadPoolExecutor(3) as pool:

        def send(body: bytes) -> None:
            answer: Any = client.perform_request("POST", "/_bulk", params=parameters, headers=headers, body=body)
            assert not answer["errors"]

        began = time.perf_counter()
        list(pool.map(send, bodies))
        return time.perf_counter() - began


def _actions(documents: Documents, namespace: str) -> Iterator[dict[str, Any]]:
    index = Streams(namespace).predictions
    for document in documents:
        yield {"_op_type": "create", "_index": index, "_id": document["event"]["id"], "_source": document}


def _bulk(url: str, helper: Callable[[Elasticsearch], Iterable[tuple[bool, Any]]]) -> float:
    with connect(url) as client:
        began = time.perf_counter()
        deque((ok for ok, _ in helper(client)), maxlen=0)
        return time.perf_counter() - began


def streaming_bulk(url: str, documents: Documents, namespace: str) -> float:
    """The helper of the official client, with orjson and large batches."""
    return _bulk(url, lambda client: helpers.streaming_bulk(client, _actions(documents, namespace), chunk_size=BATCH))


def parallel_bulk(url: str, documents: Documents, namespace: str) -> float:
    """Its threaded sibling."""
    return _bulk(
        url,
        lambda client: helpers.parallel_bulk(
            client, _actions(documents, namespace), chunk_size=BATCH, thread_count=3, queue_size=8
        ),
    )


def _ship(shipper: Shipper, documents: Documents) -> float:
    began = time.perf_counter()
    for document in documents:
        shipper.send(document)
    assert shipper.flush(600)
    took = time.perf_counter() - began
    stats = shipper.close()
    assert stats.sent == len(documents), stats
    return took


def memory(url: str, documents: Documents, namespace: str) -> float:
    """Driftline's shipper, with its queue in memory."""
    return _ship(Shipper(url, namespace=namespace, block=True), documents)


def durable(url: str, documents: Documents, namespace: str) -> float:
    """Driftline's shipper, with each document on disk before the call returns."""
    folder = tempfile.mkdtemp(prefix="driftline-spool-")
    try:
        return _ship(Shipper(url, namespace=namespace, spool=folder), documents)
    finally:
        shutil.rmtree(folder)


def compressed(url: str, documents: Documents, namespace: str) -> float:
    """The same, with compressed requests, as it is done to another machine."""
    return _ship(Shipper(url, namespace=namespace, block=True, compress=True), documents)


WAYS = (firehose, streaming_bulk, parallel_bulk, memory, durable, compressed)


def measure(url: str, count: int, rounds: int, say: Callable[[str], None]) -> dict[str, list[float]]:
    """Seconds that each way took, per round; the ways take turns, each time in another order, by chance.

    A first round is not counted: meanwhile Java compiles what Elasticsearch does most.
    """
    took: dict[str, list[float]] = {way.__name__: [] for way in WAYS}
    say("warming up")
    deque(_round(url, count, WAYS), maxlen=0)
    chance = random.Random(7)
    for number in range(rounds):
        for way, seconds in _round(url, count, chance.sample(WAYS, len(WAYS))):
            took[way].append(seconds)
            say(f"round {number + 1}: {way:<15} {count / seconds:>9,.0f} documents/s")
    return took


def _round(url: str, count: int, ways: Iterable[Way]) -> Iterator[tuple[str, float]]:
    """Each way once, with the seconds it took.

    Each is given a data stream of its own, and the next begins when its merges are done and it is empty: else that
    would pay for them, and for what Elasticsearch flushes of it later.
    """
    with connect(url) as client:
        for way in ways:
            namespace = f"b{uuid.uuid4().hex[:12]}"
            seconds = way(url, made.documents(count, namespace), namespace)
            index = Streams(namespace).of(Dataset.PREDICTIONS)
            client.indices.refresh(index=index)
            stored = client.count(index=index)["count"]
            assert stored == count, f"{way.__name__}: {stored} of {count} are stored"
            while client.indices.stats(metric="merge")["_all"]["total"]["merges"]["current"]:
                time.sleep(0.2)
            _empty(client, index)
            yield way.__name__, seconds


def _empty(client: Elasticsearch, stream: str) -> None:
    """Delete all documents. The local node has no call that deletes a data stream, and the index written to stays."""
    full = [*client.indices.get(index=stream)]
    client.indices.rollover(alias=stream)
    client.indices.delete(index=full)
