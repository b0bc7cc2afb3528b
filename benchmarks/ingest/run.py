"""`make bench-ingest`: what the way to Elasticsearch carries, and what it costs the service.

All figures are ratios or times of one run on one machine, side by side. Without ELASTICSEARCH_URL a node of its own is
started for it.
"""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial

import click
from benchmarks.figures import Figure, publish
from benchmarks.ingest import throughput
from benchmarks.nodes import cluster

from driftline.analyzers import setup
from driftline.ingest.client import connect

Kind = tuple[str, str]
"""How is logged, and how Elasticsearch does."""
CALL_ROUNDS = 9
UNREACHABLE = "http://127.0.0.1:9"
"""Port 9 is that of the discard protocol, on which nothing listens."""


@contextmanager
def answering(how: str) -> Iterator[str]:
    """An Elasticsearch that is overloaded or slow."""
    command = [sys.executable, "-m", "benchmarks.ingest.answers", how]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert process.stdout
    yield f"http://127.0.0.1:{process.stdout.readline().strip()}"
    process.kill()
    process.communicate()


def call(url: str, mode: str) -> dict[str, float]:
    """The percentiles of the log call in one run, in microseconds."""
    command = [sys.executable, "-m", "benchmarks.ingest.calls", url, mode]
    percentiles: dict[str, float] = json.loads(
        subprocess.run(command, check=True, capture_output=True, text=True).stdout
    )
    return percentiles


def sending(url: str, count: int, rounds: int) -> list[Figure]:
    """Throughput: medians of the rounds' ratios."""
    took = throughput.measure(url, count, rounds, click.echo)

    def ratio(slow: str, fast: str) -> float:
        return statistics.median(s / f for s, f in zip(took[slow], took[fast], strict=True))

    rates = [Figure(f"{way}, documents/s", round(count / statistics.median(took[way]))) for way in took]
    return [
        *rates,
        Figure.at_least("memory against the firehose", ratio("firehose", "memory"), 0.75),
        Figure.at_least("durable against the firehose", ratio("firehose", "durable"), 0.75),
        Figure.at_least("memory against streaming_bulk", ratio("streaming_bulk", "memory"), 2.5),
        Figure.at_least("memory against parallel_bulk", ratio("parallel_bulk", "memory"), 1.8),
        # The helpers keep nothing on disk, so what does is only told beside them.
        Figure("durable against streaming_bulk", round(ratio("streaming_bulk", "durable"), 4)),
        Figure("durable against parallel_bulk", round(ratio("parallel_bulk", "durable"), 4)),
        Figure("durable against memory", round(ratio("memory", "durable"), 4)),
        Figure("firehose against streaming_bulk", round(ratio("streaming_bulk", "firehose"), 4)),
        Figure("firehose against parallel_bulk", round(ratio("parallel_bulk", "firehose"), 4)),
    ]


def least(kinds: Mapping[Kind, Callable[[], dict[str, float]]]) -> dict[Kind, dict[str, float]]:
    """The least of all rounds for each kind, as others on the machine only add; each kind has its turn in each round.

    Whoever else is on the machine comes and goes within minutes: kinds that are measured one after the other would
    differ by that.
    """
    found: dict[Kind, dict[str, float]] = {}
    for number in range(CALL_ROUNDS):
        for kind, measure in kinds.items():
            took = measure()
            click.echo(
                f"round {number + 1}: log call, {', '.join(kind)}: p50 {took['p50']:.1f} us, p99 {took['p99']:.1f} us"
            )
            found[kind] = {name: min(value, found.get(kind, took)[name]) for name, value in took.items()}
    return found


def logging(url: str) -> list[Figure]:
    """The log call, with an Elasticsearch that is well, away, overloaded and slow."""
    with answering("overloaded") as overloaded, answering("slow") as slow:
        states = {"up": url, "away": UNREACHABLE, "answering 429": overloaded, "taking 500 ms": slow}
        kinds = [
            ("ecs-logging", "up"),
            ("proxy", "up"),
            ("idle", "up"),
            *((mode, name) for mode in ("durable", "memory") for name in states),
        ]
        found = least({kind: partial(call, states[kind[1]], kind[0]) for kind in kinds})
    formatter, proxy, idle = (found.pop((mode, "up")) for mode in ("ecs-logging", "proxy", "idle"))
    figures = [
        Figure("logging with ecs-logging, p50 us", formatter["p50"]),
        Figure("logging with ecs-logging, p99 us", formatter["p99"]),
        Figure("log call, memory, through structlog's proxy, Elasticsearch up, p50 us", proxy["p50"]),
        Figure("log call, durable, of an idle service, Elasticsearch up, p99 us", idle["p99"]),
    ]
    for (mode, name), took in found.items():
        figures.append(Figure.at_most(f"log call, {mode}, Elasticsearch {name}, p50 us", took["p50"], 15))
        figures.append(Figure.at_most(f"log call, {mode}, Elasticsearch {name}, p99 us", took["p99"], 60))
        figures.append(Figure(f"log call, {mode}, Elasticsearch {name}, p99.9 us", took["p99.9"]))
    for mode in ("durable", "memory"):
        own = found[mode, "up"]["p50"]
        worst = max(found[mode, name]["p50"] for name in states)
        figures.append(Figure.at_least(f"logging with ecs-logging against {mode}", formatter["p50"] / own, 4))
        figures.append(Figure.at_most(f"log call, {mode}, p50 at worst against Elasticsearch up", worst / own, 1.2))
    return figures


@click.command()
@click.option("--count", default=200_000, show_default=True, help="Documents a way and round.")
@click.option("--rounds", default=7, show_default=True, help="How often each way has its turn.")
def main(count: int, rounds: int) -> None:
    """Measure, print the table, and write benchmarks/results/ingest.json."""
    with cluster() as url:
        with connect(url) as client:
            setup.install(client)
        figures = [*logging(url), *sending(url, count, rounds)]
    sys.exit(publish("ingest", figures))


if __name__ == "__main__":
    main()
