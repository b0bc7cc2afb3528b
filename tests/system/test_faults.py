"""Processes killed, connections broken, disks full: what was taken is stored once, or a dead letter, or was counted.

Each of these runs ends with sums that must be exact.
"""

from __future__ import annotations

import os
import random
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from elasticsearch import Elasticsearch, helpers
from faults import Fault, Proxy, proxy

from driftline.analyzers import setup
from driftline.ingest import Prediction, Shipper, Source, Stats
from driftline.ingest.client import connect
from driftline.local import node

SERVICE = Path(__file__).parents[1] / "accepting.py"
MIXED = [*[Fault.NONE] * 5, Fault.RESET, Fault.UNANSWERED, Fault.HALF, Fault.OVERLOADED, Fault.UNAVAILABLE]


@pytest.fixture
def broken(elasticsearch_url: str) -> Iterator[Proxy]:
    """A way to the cluster on which half of all requests go wrong, each in its way."""
    chance = random.Random(11)
    with proxy(elasticsearch_url) as running:
        running.choose = lambda _: chance.choice(MIXED)
        yield running


@pytest.fixture
def start(tmp_path: Path, namespace: str) -> Iterator[Callable[..., subprocess.Popen[bytes]]]:
    """Start a service on the spool of this test; none outlives the test."""
    started: list[subprocess.Popen[bytes]] = []

    def begin(url: str, prefix: str, mode: str = "durable") -> subprocess.Popen[bytes]:
        spool = str(tmp_path / "spool") if mode == "durable" else ""
        command = [sys.executable, str(SERVICE), url, namespace, spool, str(tmp_path / "receipts"), prefix, mode]
        started.append(subprocess.Popen(command, stderr=subprocess.DEVNULL))
        return started[-1]

    yield begin
    for process in started:
        process.kill()
        process.wait(10)


def receipts(folder: Path) -> list[str]:
    """The ids of what was taken; a line that a kill cut in half is none."""
    path = folder / "receipts"
    return path.read_text().split("\n")[:-1] if path.exists() else []


def stored(client: Elasticsearch, stream: str) -> list[str]:
    """The ids in a data stream, each as often as it is there."""
    client.indices.refresh(index=stream, ignore_unavailable=True)
    hits = helpers.scan(client, index=stream, query={"_source": ["event.id"]}, ignore_unavailable=True, size=5_000)
    return sorted(hit["_source"]["event"]["id"] for hit in hits)


def grow(folder: Path, process: subprocess.Popen[bytes], by: int = 1) -> None:
    """Wait until a service has taken more."""
    before, due = len(receipts(folder)), time.monotonic() + 60
    while len(receipts(folder)) < before + by:
        assert process.poll() is None
        assert time.monotonic() < due
        time.sleep(0.01)


def drain(url: str, namespace: str, spool: Path) -> Stats:
    """The next start: sends what others left."""
    return Shipper(url, namespace=namespace, spool=spool, batch_size=500).close(timeout=180)


def prediction(identity: str, namespace: str, value: Any = 1.0) -> dict[str, Any]:
    """A prediction."""
    event = Prediction(model="m", task="regression", value=1.0, id=identity).to_document(Source(namespace=namespace))
    return event | {"prediction": {"value": value}}


def assert_exactly_once(taken: list[str], found: list[str], *, unsure: int) -> None:
    """All that was taken is there, nothing twice, and no more besides than could be written before its receipt."""
    assert len(found) == len(set(found))
    assert set(taken) <= set(found)
    assert len(set(found) - set(taken)) <= unsure


def test_a_service_killed_at_twenty_moments_loses_and_doubles_nothing(broken, start, tmp_path, client, streams):
    """SIGKILL at random moments, on a network where half of all requests fail: each receipt has one document."""
    chance = random.Random(3)
    for life in range(20):
        process = start(broken.url, f"life{life}")
        grow(tmp_path, process)
        time.sleep(chance.uniform(0, 0.5))
        process.send_signal(signal.SIGKILL)
        process.wait(10)
    taken = receipts(tmp_path)
    assert len(taken) > 2_000
    drain(broken.url, streams.namespace, tmp_path / "spool")
    assert {fault for fault, times in broken.suffered.items() if times} >= set(MIXED)
    assert_exactly_once(taken, stored(client, streams.predictions), unsure=20)
    assert list((tmp_path / "spool").iterdir()) == []


def test_two_services_on_one_spool_do_not_get_in_each_other_s_way(broken, start, tmp_path, client, streams):
    """Both write and send at once; one is killed, and the other sends what it left, without a restart."""
    first, second = start(broken.url, "first"), start(broken.url, "second")
    for process in (first, second):
        grow(tmp_path, process, 500)
    first.send_signal(signal.SIGKILL)
    first.wait(10)
    left = [identity for identity in receipts(tmp_path) if identity.startswith("first")]
    assert left
    due = time.monotonic() + 90
    while not set(left) <= set(stored(client, streams.predictions)):
        assert second.poll() is None
        assert time.monotonic() < due
        time.sleep(0.5)
    second.send_signal(signal.SIGTERM)
    assert second.wait(60) == -signal.SIGTERM
    drain(broken.url, streams.namespace, tmp_path / "spool")
    assert_exactly_once(receipts(tmp_path), stored(client, streams.predictions), unsure=2)


def test_in_memory_a_kill_costs_at_most_the_queue(elasticsearch_url, start, tmp_path, client, streams):
    """The bound that is documented holds, with Elasticsearch slow enough for the queue to be full."""
    with proxy(elasticsearch_url) as slow:
        slow.choose = lambda _: Fault.SLOW
        process = start(slow.url, "life", "memory")
        grow(tmp_path, process, 2_000)
        process.send_signal(signal.SIGKILL)
        process.wait(10)
        time.sleep(1)  # what was on its way arrives
    taken, found = receipts(tmp_path), stored(client, streams.predictions)
    assert len(found) == len(set(found))
    lost = set(taken) - set(found)
    assert 0 < len(lost) <= 500
    assert found


def test_elasticsearch_killed_and_restarted_under_load(node_folder, distributions, free_port, tmp_path):
    """SIGKILL of the cluster: the service goes on logging, and everything is stored once the cluster is back."""
    settings = node.Settings(node_folder / "killed", distributions, free_port(), "512m")
    started = node.start(settings)
    halt = threading.Event()
    taken: list[str] = []
    try:
        with connect(started.url) as client:
            setup.install(client)
        shipper = Shipper(started.url, spool=tmp_path, batch_size=200, max_age=0.05)

        def log() -> None:
            while not halt.is_set():
                identity = f"p{len(taken)}"
                if shipper.send(prediction(identity, "default")):
                    taken.append(identity)
                time.sleep(0.0005)

        service = threading.Thread(target=log)
        service.start()
        time.sleep(3)
        os.killpg(started.pid, signal.SIGKILL)
        time.sleep(3)
        assert service.is_alive()
        assert shipper.stats().waiting > 0
        node.start(settings)
        time.sleep(2)
        halt.set()
        service.join()
        assert shipper.flush(120)
        stats = shipper.close()
        with connect(started.url) as client:
            found = stored(client, "logs-driftline.predictions-default")
    finally:
        halt.set()
        node.stop(settings.home)
    assert (stats.accepted, stats.dropped, stats.dead, stats.waiting) == (len(taken), 0, 0, 0)
    assert sorted(taken) == found


def test_a_poisoned_event_in_each_batch_takes_nothing_with_it(broken, tmp_path, client, streams):
    """Whatever else goes wrong with its batch: it is a dead letter once, and the others are stored once."""
    shipper = Shipper(broken.url, namespace=streams.namespace, spool=tmp_path, batch_size=50, max_age=0.02)
    for number in range(2_000):
        poisoned = number % 50 == 7
        assert shipper.send(prediction(f"p{number}", streams.namespace, "not a number" if poisoned else number))
    assert shipper.flush(180)
    stats = shipper.close()
    bad = {f"p{number}" for number in range(7, 2_000, 50)}
    assert (stats.accepted, stats.sent + stats.duplicates, stats.dead) == (2_000, 1_960, 40)
    assert stored(client, streams.predictions) == sorted({f"p{n}" for n in range(2_000)} - bad)
    assert len(stored(client, streams.deadletter)) == 40


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A folder on a disk of one megabyte."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mounted = shutil.which("mount") and os.geteuid() == 0 and not subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(folder)], check=False, capture_output=True
    ).returncode  # fmt: skip
    if not mounted:
        pytest.skip("only root can mount a small disk")
    yield folder
    subprocess.run(["umount", "--lazy", str(folder)], check=True)


def test_a_full_disk_drops_and_counts_what_it_cannot_hold(small_disk, elasticsearch_url, client, streams, caplog):
    """While Elasticsearch is away the disk fills up: the rest is counted as dropped, and what was taken is stored."""
    with proxy(elasticsearch_url) as way:
        way.choose = lambda _: Fault.UNAVAILABLE
        shipper = Shipper(way.url, namespace=streams.namespace, spool=small_disk, max_age=0.02)
        taken = [n for n in range(10_000) if shipper.send(prediction(f"p{n}", streams.namespace))]
        stats = shipper.stats()
        assert 1_000 < len(taken) < 10_000
        assert (stats.accepted, stats.dropped) == (len(taken), 10_000 - len(taken))
        assert caplog.text.count("documents dropped so far") == 1
        way.choose = lambda _: Fault.NONE
        assert shipper.flush(60)
        time.sleep(0.6)  # a full disk is looked at again after half a second
        assert shipper.send(prediction("later", streams.namespace))
        assert shipper.close().waiting == 0
    assert stored(client, streams.predictions) == sorted(["later", *(f"p{n}" for n in taken)])
