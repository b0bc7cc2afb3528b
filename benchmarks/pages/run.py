"""`make bench-pages`: how soon something is on the screen, with a million metrics behind the pages.

Each page is opened in a real Chromium by somebody who was never there: an empty profile each time.
"""

from __future__ import annotations

import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import urlsplit

from benchmarks.figures import Figure
from benchmarks.nodes import cluster as running
from benchmarks.pages import world
from benchmarks.parts import command
from playwright.sync_api import Browser
from tests import browsing

from driftline.analyzers import setup
from driftline.analyzers.alerts import people
from driftline.analyzers.cluster import Cluster
from driftline.analyzers.report import gather, page, scripts
from driftline.ingest.client import connect
from driftline.ingest.streams import Streams

VISITS = 7
GOAL = 1_000


@contextmanager
def _served(namespace: str, url: str) -> Iterator[str]:
    asked = [sys.executable, "-m", "driftline.cli", "ui", "--namespace", namespace, "--url", url, "--port", "0"]
    with subprocess.Popen(asked, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            yield process.stdout.readline().split(" ")[0].rstrip("/")
        finally:
            process.send_signal(signal.SIGINT)
            process.wait(20)


def figures(say: Callable[[str], None]) -> list[Figure]:
    """All figures."""
    with running() as url, connect(url) as client:
        setup.install(client)
        there = Cluster(client, Streams(f"pages{time.time_ns()}"))
        try:
            world.build(there, say)
            return _measured(there, url, say)
        finally:
            for index in (there.streams.metrics, there.streams.alerts, there.streams.profiles):
                client.indices.delete(index=index, ignore_unavailable=True)


def _measured(there: Cluster, url: str, say: Callable[[str], None]) -> list[Figure]:
    incident = people.incidents(there, world.ANALYSED, None, over=True)[0][0].id
    paths = {
        "fleet": "/?days=365",
        "model": "/model?name=model-0",
        "search": "/predictions?q=evaluation.correct:+false",
        "incident": f"/incident/{incident}",
    }
    found: list[Figure] = []
    with tempfile.TemporaryDirectory() as folder, browsing.running(browsing.program()) as browser:
        with _served(there.streams.namespace, url) as address:
            for name, path in paths.items():
                found += _page(browser, name, address + path, say)
        file = Path(folder) / "report.html"
        told = gather.incident(there, incident, datetime.now(UTC))
        file.write_text(page.html(told, scripts.inlined()), encoding="utf-8")
        return [*found, *_page(browser, "report", file.as_uri(), say)]


def _page(browser: Browser, name: str, address: str, say: Callable[[str], None]) -> list[Figure]:
    painted, outside, size = [], 0, 0
    for _ in range(VISITS):
        with browsing.visit(browser, address) as seen:
            painted.append(seen.painted())
            size = len(seen.page.content().encode())
            outside += sum(urlsplit(request).netloc != urlsplit(address).netloc for request in seen.requests)
    say(f"  {name}: {', '.join(f'{took:.0f}' for took in painted)} ms")
    return [
        Figure.at_most(f"{name}: milliseconds to the first contentful paint, median", statistics.median(painted), GOAL),
        Figure(f"{name}: milliseconds to it, slowest of {VISITS}", round(max(painted))),
        Figure(f"{name}: kilobytes of the page", round(size / 1_000, 1)),
        Figure.at_most(f"{name}: requests to elsewhere", outside, 0),
    ]


if __name__ == "__main__":
    command("pages", {"pages": figures})()
