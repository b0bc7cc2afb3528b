"""Shipping log files into a real Elasticsearch: exactly once, through rotation, truncation and SIGKILL."""

from __future__ import annotations

import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import orjson
import pytest
from elasticsearch import Elasticsearch
from faults import Fault, proxy

from driftline.ingest.events import Outcome, Prediction, Source, document_id
from driftline.ingest.streams import Streams

START = 1_714_521_600


@pytest.fixture
def environment(tmp_path: Path, elasticsearch_url: str) -> dict[str, str]:
    """An environment with a state folder of its own."""
    return os.environ | {"ELASTICSEARCH_URL": elasticsearch_url, "XDG_STATE_HOME": str(tmp_path / "state")}


@pytest.fixture
def begin(
    tmp_path: Path, environment: dict[str, str], streams: Streams
) -> Iterator[Callable[..., subprocess.Popen[str]]]:
    """Start `driftline ship` as a process; what a failed test left running is killed."""
    begun: list[subprocess.Popen[str]] = []

    def ship(*arguments: str) -> subprocess.Popen[str]:
        command = [
            sys.executable,
            "-m",
            "driftline.cli",
            "ship",
            "--files",
            str(tmp_path / "logs" / "*.jsonl"),
            "--json",
        ]
        command += ["--namespace", streams.namespace, *arguments]
        pipes: dict[str, Any] = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
        begun.append(subprocess.Popen(command, env=environment, **pipes))
        return begun[-1]

    yield ship
    for process in begun:
        process.kill()
        process.communicate()


def line(number: int) -> bytes:
    """A line as the logger writes it: every third is an outcome."""
    source = Source("api", namespace="default")
    if number % 3 == 0:
        document = Outcome(id=f"p{number}", label="late", timestamp=START + number).to_document(source)
    else:
        fields: dict[str, Any] = {"score": number % 100 / 100, "features": {"a": number, "carrier": "ü"}}
        document = Prediction(
            model="m", task="binary", id=f"p{number}", timestamp=START + number, **fields
        ).to_document(source)
    return orjson.dumps(document) + b"\n"


def expected(numbers: range) -> dict[str, set[str]]:
    """The `_id`s of these lines, by kind."""
    found: dict[str, set[str]] = {"driftline.outcomes": set(), "driftline.predictions": set()}
    for number in numbers:
        document = orjson.loads(line(number))
        found[document["event"]["dataset"]].add(document_id(document))
    return found


def ids(client: Elasticsearch, stream: str) -> list[str]:
    """The `_id` of every document of a data stream."""
    if not client.indices.exists(index=stream):
        return []
    client.indices.refresh(index=stream)
    found: list[str] = []
    body: dict[str, Any] = {"size": 10_000, "sort": ["event.id", "@timestamp"], "_source": False}
    while True:
        hits = client.search(index=stream, **body)["hits"]["hits"]
        found += [hit["_id"] for hit in hits]
        if len(hits) < 10_000:
            return found
        body["search_after"] = hits[-1]["sort"]


def stored(client: Elasticsearch, stream: str) -> int:
    """How many documents a data stream holds."""
    if not client.indices.exists(index=stream):
        return 0
    client.indices.refresh(index=stream)
    return int(client.count(index=stream)["count"])


def assert_exact(client: Elasticsearch, streams: Streams, numbers: range) -> None:
    """Each of these lines is stored, and none twice."""
    for dataset, wanted in expected(numbers).items():
        found = ids(client, streams.of(dataset))
        assert len(found) == len(set(found))
        assert set(found) == wanted


def wait_until(condition: Callable[[], bool]) -> None:
    """Wait for something that another process does."""
    due = time.monotonic() + 120
    while not condition():
        assert time.monotonic() < due
        time.sleep(0.1)


def write(file: Path, numbers: range) -> None:
    """Append lines, the last one in two halves."""
    *whole, last = map(line, numbers)
    with file.open("ab", buffering=0) as output:
        output.write(b"".join(whole) + last[:50])
        time.sleep(0.01)
        output.write(last[50:])


def test_rotation_truncation_and_a_stop_lose_and_double_nothing(client, streams, begin, tmp_path):
    """Renamed, cut off, written anew, stopped and started: every line is stored, under its own id."""
    log = tmp_path / "logs" / "a.jsonl"
    log.parent.mkdir()
    shipping = begin()
    write(log, range(500))
    wait_until(lambda: len(ids(client, streams.predictions)) == expected_predictions(500))
    write(log, range(500, 1000))
    log.rename(log.with_suffix(".jsonl.1"))
    write(log, range(1000, 2000))
    log.rename(log.with_name("older.jsonl"))  # still matches
    write(log, range(2000, 3000))
    wait_until(lambda: len(ids(client, streams.predictions)) == expected_predictions(3000))
    shutil.copy(log, log.with_suffix(".jsonl.2"))
    os.truncate(log, 0)
    write(log, range(3000, 5000))
    wait_until(lambda: len(ids(client, streams.predictions)) == expected_predictions(5000))
    shipping.send_signal(signal.SIGTERM)
    said, wrong = shipping.communicate(timeout=60)
    assert (shipping.returncode, wrong) == (0, "")
    assert json.loads(said)["documents"]["stored"] == 5000
    write(log, range(5000, 6000))
    log.rename(log.with_suffix(".jsonl.3"))
    write(log, range(6000, 6500))
    done = json.loads(begin("--once").communicate(timeout=60)[0])
    assert done["documents"] | {"stored": 1500, "stored_before": 0, "refused": 0} == done["documents"]
    assert_exact(client, streams, range(6500))
    one = client.get(index=only_index(client, streams.predictions), id="p1")["_source"]
    assert one["features"] == {"a": 1, "carrier": "ü"}


def expected_predictions(count: int) -> int:
    """How many of so many lines are predictions."""
    return len(expected(range(count))["driftline.predictions"])


def only_index(client: Elasticsearch, stream: str) -> str:
    """The index behind a data stream."""
    (name,) = client.indices.get(index=stream)
    return str(name)


def test_killed_again_and_again_it_loses_and_doubles_nothing(client, streams, begin, tmp_path, elasticsearch_url):
    """SIGKILL at random moments, while a writer goes on and rotates."""
    random.seed(3)
    log = tmp_path / "logs" / "a.jsonl"
    log.parent.mkdir()
    written = interrupted = 0
    with proxy(elasticsearch_url) as slow:
        # Else all may be shipped before it is killed.
        slow.choose = lambda _: Fault.SLOW
        for turn in range(5):
            write(log, range(written, written + 20_000))
            written += 20_000
            seen = stored(client, streams.predictions)
            shipping = begin("--url", slow.url)
            # From the first document on, anywhere in the work: between sending, storing and noting.
            wait_until(lambda seen=seen: stored(client, streams.predictions) > seen)
            time.sleep(random.uniform(0, 0.3))
            shipping.kill()
            shipping.communicate()
            interrupted += stored(client, streams.predictions) < expected_predictions(written)
            if turn % 2:
                log.rename(log.with_suffix(f".jsonl.{turn}"))
    done = begin("--once")
    said, wrong = done.communicate(timeout=120)
    assert done.returncode == 0, wrong
    assert interrupted
    assert_exact(client, streams, range(written))
    assert json.loads(said)["refused"] == 0


def test_broken_lines_are_found_in_the_dead_letters(client, streams, begin, tmp_path):
    """By file and by reason; the line is there as it was."""
    log = tmp_path / "logs" / "a.jsonl"
    log.parent.mkdir()
    log.write_bytes(
        line(1) + line(2)[:99] + line(4) + b"plain text\n" + b'{"event":{"dataset":"driftline.outcomes"}}\n'
    )
    done = json.loads(begin("--once").communicate(timeout=60)[0])
    assert (done["events"], done["passed"], done["refused"]) == (1, 1, 2)
    client.indices.refresh(index=streams.deadletter)
    query = {"term": {"log.file.path": str(log)}}
    letters = [hit["_source"]["event"] for hit in client.search(index=streams.deadletter, query=query)["hits"]["hits"]]
    originals = {json.loads(letter["original"]) for letter in letters if "whole JSON" in letter["reason"]}
    assert originals == {(line(2)[:99] + line(4)[:-1]).decode()}
    assert min(letter["reason"].split(": ")[1] for letter in letters).startswith("event.id is missing")
