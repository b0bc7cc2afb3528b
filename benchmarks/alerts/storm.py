"""Ten thousand series that fire at once, on a real Elasticsearch: how long until all of it is evaluated and written."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta

import orjson
from benchmarks.figures import Figure
from benchmarks.nodes import cluster as running

from driftline.analyzers import monitors, setup
from driftline.analyzers.alerts import evaluate
from driftline.analyzers.alerts.lifecycle import Horizon
from driftline.analyzers.cluster import Cluster
from driftline.analyzers.windows import iso
from driftline.ingest.client import connect
from driftline.ingest.streams import Streams

SERIES, WINDOWS, ONSET = 10_000, 12, 9
HOUR = timedelta(hours=1)
START = datetime(2024, 1, 1, tzinfo=UTC)
MODEL = monitors.parse("models: [{name: m, task: binary, positive_class: a, window: 1h}]").models[0]
AT_ONCE = 5_000


def _metrics(index: str) -> Iterator[tuple[bytes, bytes]]:
    """Metrics as the judge writes them: quiet, then bad, in all series at once."""
    for hour in range(WINDOWS):
        bad = hour >= ONSET
        start, end = iso(START + hour * HOUR), iso(START + (hour + 1) * HOUR)
        for number in range(SERIES):
            document = {
                "@timestamp": start,
                "model": {"name": MODEL.name, "version": "1"},
                "window": {"start": start, "end": end, "size": "1h"},
                "feature": {"name": f"feature-{number}"},
                "metric": {
                    "name": "psi",
                    "family": "drift",
                    "value": 0.4 if bad else 0.01,
                    "lower": 0.3,
                    "upper": 0.5,
                    "threshold": 0.25,
                    "q_value": 1e-6,
                    "sample_size": 1_000,
                    "reference_size": 100_000,
                    "status": "critical" if bad else "ok",
                    "level": "bad" if bad else "calm",
                    "alarm": ("pending" if hour == ONSET else "firing") if bad else "none",
                },
            }
            yield orjson.dumps({"index": {"_index": index}}), orjson.dumps(document)


def figures(say: Callable[[str], None]) -> list[Figure]:
    """The part's figures."""
    with running() as url, connect(url) as client:
        setup.install(client)
        there = Cluster(client, Streams(f"storm{time.time_ns()}"))
        _write(there)
        now = START + WINDOWS * HOUR
        horizon = Horizon(MODEL.window, MODEL.alarm, timedelta(0), now, now, lambda _: now)
        changed = [evaluate.Changed(horizon, START)]
        began = time.perf_counter()
        found = evaluate.evaluate(there, MODEL, changed, now, lambda _incident, _alerts: {})
        took = time.perf_counter() - began
        say(f"  {SERIES:,} series: {len(found.incidents)} incidents in {took:.1f} s")
        began = time.perf_counter()
        evaluate.evaluate(there, MODEL, changed, now, lambda _incident, _alerts: {})
        again = time.perf_counter() - began
        firing = {"term": {"alert.state": "firing"}}
        stored = client.count(index=there.streams.alerts, query=firing)["count"]
    return [
        Figure.at_most(f"storm of {SERIES:,} series: seconds until evaluated and written", took, 30),
        Figure(f"storm of {SERIES:,} series: seconds of the next evaluation", round(again, 1)),
        Figure.at_most(f"storm of {SERIES:,} series: incidents", len(found.incidents), 20),
        Figure.at_least(f"storm of {SERIES:,} series: alerts that can be asked for", stored, SERIES),
    ]


def _write(there: Cluster) -> None:
    lines: list[bytes] = []
    for pair in _metrics(there.streams.metrics):
        lines += pair
        if len(lines) >= 2 * AT_ONCE:
            there.write(lines)
            lines = []
    there.write(lines)
    there.refresh(there.streams.metrics)
