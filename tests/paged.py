"""A model that goes wrong in its last days, analysed on a real Elasticsearch, and the pages over it."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

from synthetic import EPOCH, documents, sample

from driftline.analyzers import monitors, pipeline
from driftline.analyzers.cluster import Cluster
from driftline.ingest.events import Change, Source, Task
from driftline.ingest.shipper import Shipper

MODEL = "churn <b>&amp;"
"""A name that must be written as text and asked for as it is."""
QUIET, BROKEN, ROWS = 24, 4, 300
MONITORS = """
models:
  - name: 'churn <b>&amp;'
    task: binary
    positive_class: 'yes'
    window: 1d
    rollups: [week]
    lateness: 6h
    segments: [region]
    reference: {start: 2024-01-01, end: 2024-01-15}
    objectives: {right: {of: correct, target: 0.6, period: 7d}}
"""


def build(cluster: Cluster, url: str) -> None:
    """Write the predictions, what became of them and a change, and analyse all of it."""
    broken_from = EPOCH + timedelta(days=QUIET)
    quiet = sample(Task.BINARY, QUIET * ROWS, seed=1, days=QUIET)
    broken = sample(Task.BINARY, BROKEN * ROWS, seed=2, shift=1.5, days=BROKEN, start=broken_from)
    namespace = cluster.streams.namespace
    change = Change(action="deployed", message="a form without <i>age</i>", model=MODEL, timestamp=broken_from)
    events = [
        *(document for found in (quiet, broken) for document in documents(found, namespace, model=MODEL)),
        change.to_document(Source("test", namespace=namespace)),
    ]
    with Shipper(url, namespace=namespace, block=True, max_age=0.05) as shipper:
        for event in events:
            shipper.send(event)
        assert shipper.flush(120)
    now = EPOCH + timedelta(days=QUIET + BROKEN, hours=12)
    pipeline.analyze(cluster, monitors.parse(MONITORS, namespace=namespace), now)
    cluster.refresh(cluster.streams.metrics, cluster.streams.alerts, cluster.streams.predictions)


@contextmanager
def served(namespace: str, url: str) -> Iterator[str]:
    """The address of the pages, served by `driftline ui` until Ctrl+C."""
    command = [sys.executable, "-m", "driftline.cli", "ui", "--namespace", namespace, "--url", url, "--port", "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            yield process.stdout.readline().split(" ")[0].rstrip("/")
        finally:
            process.send_signal(signal.SIGINT)
            assert process.wait(20) == 0
