"""How long the log call takes in the service's thread, whatever Elasticsearch does meanwhile.

    python -m benchmarks.ingest.calls URL MODE      durable, memory, proxy, idle, or ecs-logging

The service is busy: a model of scikit-learn predicts the 20 rows of a request, each row is logged, and the next request
is there. The first call of a request, which p99 is about, finds in the caches what the model left of them.
A service that waits for its requests lends the caches to whoever else is on the machine meanwhile, so that the first
call is about those others: `idle` (durable, with a wait between requests and nothing else) tells how it is then.

The logger is assembled once, as structlog's page on performance advises; `proxy` is in memory, too, through that which
`structlog.get_logger()` gives. https://www.structlog.org/en/stable/performance.html

Each kind is measured in a process of its own; this prints the percentiles of its calls in microseconds, as JSON.
"""

from __future__ import annotations

import json
import logging
import random
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import ecs_logging
import numpy as np
import structlog
from sklearn.ensemble import GradientBoostingClassifier

from driftline.ingest import Shipper, configure

from . import made

CALLS = 40_000
FIRST = 4_000
"""Calls that are not counted: caches fill, threads start."""
ROWS = 20
"""Rows of a request."""
WAIT = 0.002
"""Seconds between two requests to a service that is idle."""
QUANTILES = {"p50": 0.5, "p99": 0.99, "p99.9": 0.999}


def _shipping(url: str, mode: str, folder: Path) -> tuple[Callable[[dict[str, Any]], Any], Callable[[], Any]]:
    spool = folder / "spool" if mode in {"durable", "idle"} else None
    shipper = Shipper(url, namespace=f"c{time.time_ns()}", spool=spool, queue_size=2 * CALLS)
    configure("checkout", version="1.0", environment="production", shipper=shipper)
    log = structlog.get_logger() if mode == "proxy" else structlog.get_logger().bind()

    def call(features: dict[str, Any]) -> None:
        log.info(
            "prediction", model="fraud", task="binary", model_version="1.0", score=0.31, label="fine",
            features=features, segments={"channel": "web"},
        )  # fmt: skip

    def check() -> None:
        assert shipper.stats().dropped == 0
        shipper.close(timeout=0)

    return call, check


def _formatting(folder: Path) -> tuple[Callable[[dict[str, Any]], Any], Callable[[], Any]]:
    handler = logging.FileHandler(folder / "log.jsonl")
    handler.setFormatter(ecs_logging.StdlibFormatter())
    log = logging.getLogger("checkout")
    log.addHandler(handler)
    log.setLevel(logging.INFO)
    log.propagate = False

    def call(features: dict[str, Any]) -> None:
        log.info(
            "prediction",
            extra={
                "model": {"name": "fraud", "task": "binary", "version": "1.0"},
                "prediction": {"score": 0.31, "label": "fine"},
                "features": features,
                "segments": {"channel": "web"},
            },
        )

    return call, lambda: None


def _predicting() -> Callable[[], Any]:
    chance = np.random.default_rng(7)
    rows = chance.normal(size=(1_000, len(made.NUMBERS) + len(made.WORDS)))
    model = GradientBoostingClassifier(random_state=7).fit(rows, rows.sum(axis=1) > 0)
    return lambda: model.predict_proba(rows[:ROWS])


def main() -> None:
    """Measure one kind."""
    url, mode = sys.argv[1:]
    logging.disable(logging.WARNING) if mode != "ecs-logging" else None
    chance = random.Random(7)
    rows = [made.features(chance) for _ in range(1_000)]
    between = partial(time.sleep, WAIT) if mode == "idle" else _predicting()
    took = []
    with tempfile.TemporaryDirectory(prefix="driftline-calls-") as folder:
        call, check = _formatting(Path(folder)) if mode == "ecs-logging" else _shipping(url, mode, Path(folder))
        for number in range(CALLS):
            if number % ROWS == 0:
                between()
            row = rows[number % len(rows)]
            began = time.perf_counter_ns()
            call(row)
            took.append(time.perf_counter_ns() - began)
        check()
    counted = sorted(took[FIRST:])
    print(json.dumps({name: counted[int(len(counted) * q)] / 1_000 for name, q in QUANTILES.items()}))


if __name__ == "__main__":
    main()
