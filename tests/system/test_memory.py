"""The analyzer's memory grows with bins and features, not with traffic."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import orjson
import pytest
from elasticsearch import Elasticsearch

BATCH = 5_000
FEW, MANY = 100_000, 1_000_000
MEBIBYTE = 1 << 20

ANALYZE = """
import re, resource, sys
from datetime import UTC, datetime
from driftline.analyzers import monitors, pipeline
from driftline.analyzers.cluster import Cluster
from driftline.ingest.client import connect

url, namespace, model = sys.argv[1:]
text = (
    "models: [{name: %s, task: binary, positive_class: 'yes', window: 1d, "
    "reference: {start: 2024-01-01, end: 2024-01-02}}]" % model
)
configuration = monitors.parse(text, namespace=namespace)
with connect(url) as client:
    _, (summary,) = pipeline.analyze(Cluster(client, configuration.streams), configuration, datetime.now(UTC))
assert summary.analysed == 1, summary
if sys.platform == "linux":
    # Not getrusage: Linux hands a child the peak of the process that it was forked from.
    print(1024 * int(re.search(r"VmHWM:\\s+(\\d+)", open("/proc/self/status").read())[1]))
else:
    print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
"""


def bodies(index: str, model: str, count: int) -> Iterator[list[bytes]]:
    """Predictions of one day in bulk requests, written as fast as can be."""
    rng = np.random.default_rng(0)
    for first in range(0, count, BATCH):
        numbers = rng.normal(size=(BATCH, 5)).round(6).tolist()
        scores = rng.beta(2, 5, BATCH).round(6).tolist()
        lines: list[bytes] = []
        for i in range(BATCH):
            row, score = numbers[i], scores[i]
            document = {
                "@timestamp": 1_704_067_200_000 + (first + i) % 86_400_000,
                "event": {"id": f"{model}{first + i}", "dataset": "driftline.predictions"},
                "model": {"name": model, "version": "1", "task": "binary"},
                "prediction": {"score": score, "label": "yes" if score > 0.5 else "no"},
                "features": {"a": row[0], "b": row[1], "c": row[2], "d": row[3], "e": row[4], "k": "xyz"[i % 3]},
            }
            lines += (b'{"create":{"_index":"%s","_id":"%s%d"}}' % (index.encode(), model.encode(), first + i),)
            lines.append(orjson.dumps(document))
        yield lines


@pytest.fixture
def stored(client: Elasticsearch, streams) -> None:
    """A day with few and a day with many predictions, of two models."""
    with ThreadPoolExecutor(2) as threads:
        for model, count in (("few", FEW), ("many", MANY)):
            pending = []
            for lines in bodies(streams.predictions, model, count):
                pending.append(threads.submit(client.bulk, operations=lines, filter_path="errors"))
                if len(pending) > 4:
                    assert not pending.pop(0).result()["errors"]
            assert not any(future.result()["errors"] for future in pending)
    client.indices.refresh(index=streams.predictions)


def peak(url: str, namespace: str, model: str) -> int:
    """Peak memory in bytes of a process that analyses the model's day."""
    command = [sys.executable, "-c", ANALYZE, url, namespace, model]
    return int(subprocess.run(command, capture_output=True, text=True, check=True).stdout)


@pytest.mark.usefixtures("stored")
def test_ten_times_the_predictions_take_the_same_memory(elasticsearch_url, streams):
    """A window of a million predictions takes as much as one of a hundred thousand, within 10 MiB."""
    few, many = (peak(elasticsearch_url, streams.namespace, model) for model in ("few", "many"))
    assert abs(many - few) < 10 * MEBIBYTE, f"{few / MEBIBYTE:.1f} and {many / MEBIBYTE:.1f} MiB"
