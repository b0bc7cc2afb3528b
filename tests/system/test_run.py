"""`driftline run`: analyses as data comes, outlives a cluster that is away, and stops cleanly."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from elasticsearch import ApiError, Elasticsearch
from synthetic import documents, sample

from driftline.ingest.events import Task
from driftline.ingest.shipper import Shipper

CONFIGURATION = "models: [{name: m, task: regression, window: 1h}]"


class Run:
    """A running `driftline run`."""

    def __init__(self, folder: Path, url: str, namespace: str) -> None:
        (folder / "monitors.yml").write_text(CONFIGURATION)
        self.log = folder / "log"
        command = [
            sys.executable,
            "-m",
            "driftline.cli",
            "run",
            "--every",
            "1s",
            "--namespace",
            namespace,
            "--url",
            url,
        ]
        with self.log.open("w") as output:
            self.process = subprocess.Popen(
                command, cwd=folder, stdout=output, stderr=subprocess.STDOUT, env=os.environ | {"PYTHONUNBUFFERED": "1"}
            )

    def wait_for(self, text: str, seconds: float = 60) -> str:
        """Wait until this is in its log."""
        due = time.monotonic() + seconds
        while text not in (said := self.log.read_text()):
            assert self.process.poll() is None, said
            assert time.monotonic() < due, said
            time.sleep(0.1)
        return said

    def stop(self) -> int:
        """Ask it to stop, and wait for its exit code."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(60)


@pytest.fixture
def runs() -> Iterator[list[Run]]:
    """What was started; none outlives the test."""
    started: list[Run] = []
    yield started
    for run in started:
        if run.process.poll() is None:
            run.process.kill()
        run.process.wait(10)


def measured(client: Elasticsearch, index: str) -> int:
    """How many metrics there are; an index that is just being made has no shard yet that could answer."""
    try:
        return int(client.options(max_retries=0).count(index=index)["count"])
    except ApiError as error:
        if error.status_code in (404, 503):
            return 0
        raise


def test_it_analyses_what_comes_and_stops_on_sigterm(tmp_path, runs, client, elasticsearch_url, streams):
    """Predictions logged while it runs are analysed at a next turn; SIGTERM ends it with exit code 0."""
    run = Run(tmp_path, elasticsearch_url, streams.namespace)
    runs.append(run)
    run.wait_for("analysed")
    yesterday = datetime.now(UTC) - timedelta(days=1)
    with Shipper(elasticsearch_url, namespace=streams.namespace, block=True) as shipper:
        for document in documents(sample(Task.REGRESSION, 200, days=0.04, start=yesterday), streams.namespace):
            shipper.send(document)
    due = time.monotonic() + 60
    while not measured(client, streams.metrics):
        assert time.monotonic() < due, run.log.read_text()
        time.sleep(0.2)
    assert run.stop() == 0
    said = run.log.read_text()
    assert "stopped" in said
    assert "Traceback" not in said


def test_a_cluster_that_is_away_is_said_and_tried_again(tmp_path, runs, free_port):
    """It does not end because Elasticsearch does not answer."""
    run = Run(tmp_path, f"http://127.0.0.1:{free_port()}", "default")
    runs.append(run)
    said = run.wait_for("turn failed")
    assert "cannot be reached" in said
    time.sleep(1.5)
    assert run.process.poll() is None
    assert run.stop() == 0
    assert "Traceback" not in run.log.read_text()
