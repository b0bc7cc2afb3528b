"""The Elasticsearch that a benchmark measures against: the one at ELASTICSEARCH_URL, else one of its own."""

from __future__ import annotations

import os
import shutil
import socket
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import click

from driftline.local import node

HEAP = "4g"
"""A small production node's. With the demo's 1g, what is measured under load is mostly the garbage collector."""


@contextmanager
def cluster() -> Iterator[str]:
    """The cluster to measure against."""
    if url := os.environ.get("ELASTICSEARCH_URL"):
        yield url
        return
    folder = Path(tempfile.mkdtemp(prefix="driftline-bench-", dir="/var/tmp"))
    folder.chmod(0o755)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    try:
        click.echo("starting Elasticsearch")
        started = node.start(node.Settings(folder / "node", node.default_home() / "distributions", port, HEAP))
        yield started.url
    finally:
        node.stop(folder / "node")
        shutil.rmtree(folder, ignore_errors=True)
