"""A canary in every place of every event: with privacy nobody ever sees it, and without it everybody does."""

from __future__ import annotations

import logging
import math
import re
from collections.abc import Iterator
from typing import Any

import pytest
import structlog
from elasticsearch import Elasticsearch
from recording import Proxy
from serving import serving

from driftline.ingest import ModelLogger, Privacy, Shipper, Streams, configure

CANARIES: set[str] = set()
PRIVACY = Privacy(
    drop=["email", "features.address", "error"],
    hash=["id", "user_id", "labels.who", "clash", "gender", "trace_id"],
    truncate={"message": 5},
    keys="2026-11:secret",
)
PLACES = {"requests", "documents", "dead letters", "reasons", "files", "log", "output"}


def canary() -> str:
    """A value that nothing else has."""
    CANARIES.add(f"canary{len(CANARIES):03}")
    return max(CANARIES)


class Strange:
    """An object that no field takes, and that shows what it holds."""

    def __init__(self) -> None:
        self.canary = canary()

    def __repr__(self) -> str:
        return f"Strange({self.canary})"


RIGHT: list[dict[str, Any]] = [
    {"features": {"email": canary(), "address": canary(), "age": 41, "gone": None}},
    {"segments": {"gender": canary()}},
    {"labels": {"who": canary(), "deep": {"email": canary()}}},
    {"user_id": canary(), "customer": {"email": canary()}, "others": [{"email": canary()}]},
    {"trace_id": canary()},
    {"id": canary()},
    {"score": None, "error": ValueError(f"no model for {canary()}")},
    {"score": None, "error": f"no model for {canary()}"},
    {"features": {"clash": canary()}},  # Elasticsearch refuses it, and quotes it
]
WRONG: list[dict[str, Any]] = [
    {"score": math.nan, "features": {"email": canary(), "age": 41}},
    {"task": "none", "labels": {"who": canary()}, "user_id": canary()},
    {"task": canary()},
    {"score": canary()},
    {"timestamp": canary()},
    {"duration": canary()},
    {"probabilities": canary()},
    {"id": canary().encode()},
    {"id": [canary()]},
    {"trace_id": {"email": canary()}},
    {"features": [canary()]},
    {"features": canary()},
    {"features": {"email": {"deep": [canary()]}, "age": Strange()}},
    {"features": {"unwritable": "\ud800", "email": canary()}},
    {"segments": Strange()},
    {"segments": {"region": [Strange()]}},
    {"labels": {Strange(): 1}, "score": 2},
    {"error": Strange()},
    {"exc_info": (ValueError, ValueError(canary()), None), "score": 2},
]

OTHERS: list[tuple[str, dict[str, Any]]] = [
    ("outcome", {"id": canary(), "label": "yes", "user_id": canary()}),
    ("outcome", {"id": canary(), "user_id": canary()}),
    ("change", {"action": "model-deployed", "message": f"by {canary()}"}),
    ("change", {"action": None, "message": f"by {canary()}"}),
]
HELPED = [canary(), canary(), canary()]


@pytest.fixture
def proxy(elasticsearch_url: str) -> Iterator[Proxy]:
    """A proxy in front of Elasticsearch."""
    with serving(Proxy(elasticsearch_url)) as running:
        yield running


def log_everything() -> None:
    """Log every event, right and wrong, as a service does."""
    log = structlog.get_logger()
    for fields in [*RIGHT, *WRONG]:
        log.info("prediction", **{"model": "m", "task": "binary", "score": 0.5} | fields)
    for name, fields in OTHERS:
        log.info(name, **fields)
    model = ModelLogger("m", "binary")
    model.prediction(score=0.5, features={"email": HELPED[0]}, email=HELPED[1])
    model.outcome(HELPED[2], label="no")


def stored(client: Elasticsearch, stream: str) -> list[dict[str, Any]]:
    """The documents of a data stream."""
    client.indices.refresh(index=stream)
    return [hit["_source"] for hit in client.search(index=stream, size=1000)["hits"]["hits"]]


def prepare(client: Elasticsearch, streams: Streams) -> None:
    """Make a field of the data stream an object, so that a text in its place is refused."""
    document = {"@timestamp": "2024-05-01T00:00:00Z", "features": {"clash": {"a": 1}}}
    client.index(index=streams.predictions, op_type="create", document=document, refresh=True)


@pytest.mark.parametrize("privacy", [PRIVACY, None], ids=["with", "without"])
def test_a_canary_is_nowhere(client, streams, proxy, tmp_path, capfd, caplog, privacy):
    """In no request, document, dead letter, reason, file, log line or output; without privacy it is in all of them."""
    caplog.set_level(logging.DEBUG)
    prepare(client, streams)
    options: dict[str, Any] = {"namespace": streams.namespace, "max_age": 0.05, "spool": tmp_path / "spool"}
    try:
        with Shipper(proxy.url, **options) as shipper:
            configure("api", shipper=shipper, privacy=privacy)
            log_everything()
            assert shipper.flush(60)
            stats = shipper.stats()
        configure("api", namespace=streams.namespace, file=tmp_path / "events.jsonl", privacy=privacy)
        log_everything()
        structlog.get_config()["logger_factory"]._file.close()
        configure("api", namespace=streams.namespace, privacy=privacy)
        log_everything()
    finally:
        structlog.reset_defaults()
    output = capfd.readouterr()
    letters = stored(client, streams.deadletter)
    seen: dict[str, Any] = {
        "requests": proxy.requests,
        "documents": [stored(client, stream) for stream in (streams.predictions, streams.outcomes, streams.changes)],
        "dead letters": [letter["event"]["original"] for letter in letters],
        "reasons": [letter["event"]["reason"] for letter in letters],
        "files": {str(file): file.read_bytes() for file in tmp_path.rglob("*") if file.is_file()},
        "log": [record.getMessage() for record in caplog.records],
        "output": (output.out, output.err),
    }
    assert all(seen[place] for place in PLACES)
    found = {place: set(re.findall("canary[0-9]+", repr(what))) for place, what in seen.items()}
    if privacy is not None:
        assert found == {place: set() for place in PLACES}
    else:
        assert all(found.values()), found
        assert found["requests"] == found["files"] == CANARIES
    # What was private is gone, and nothing else.
    assert (stats.lost, stats.dropped, stats.waiting) == (0, 0, 0)
    assert stats.accepted == len(RIGHT) + len(WRONG) + len(OTHERS) + 2
    assert "clash" in repr(seen["reasons"])


@pytest.mark.parametrize("privacy", [PRIVACY, None], ids=["with", "without"])
def test_a_canary_does_not_wait_on_the_disk(free_port, tmp_path, capfd, privacy):
    """While Elasticsearch is away, what waits in the spool is what would have been sent."""
    try:
        with Shipper(f"http://127.0.0.1:{free_port()}", spool=tmp_path) as shipper:
            configure("api", shipper=shipper, privacy=privacy)
            log_everything()
            shipper.close(timeout=0)
    finally:
        structlog.reset_defaults()
    waiting = b"".join(file.read_bytes() for file in tmp_path.rglob("*") if file.is_file())
    assert waiting.count(b'{"create":') == len(RIGHT) + len(WRONG) + len(OTHERS) + 2
    assert set(re.findall("canary[0-9]+", repr(waiting))) == (set() if privacy else CANARIES)
    capfd.readouterr()
