"""What the tests share: one Elasticsearch for the whole run, and a namespace of its own for each test."""

from __future__ import annotations

import os
import shutil
import socket
import tempfile
import uuid
from collections.abc import Iterator
from pathlib import Path

import hypothesis
import pytest
from elasticsearch import Elasticsearch

from driftline.analyzers import setup
from driftline.ingest.client import connect
from driftline.ingest.streams import Streams
from driftline.local import node

hypothesis.settings.register_profile("driftline", deadline=None, derandomize="CI" in os.environ)
hypothesis.settings.load_profile("driftline")


def free_port() -> int:
    """A port that nothing listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture(scope="session")
def node_folder() -> Iterator[Path]:
    """A folder that the user that Elasticsearch runs as can enter; gone in the end."""
    folder = Path(tempfile.mkdtemp(prefix="driftline-test-", dir="/var/tmp"))
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def elasticsearch_url(node_folder: Path) -> Iterator[str]:
    """The cluster at ELASTICSEARCH_URL, else a node started for this run; no cluster is a failure."""
    if given := os.environ.get("ELASTICSEARCH_URL"):
        if not node.answers(given):
            pytest.fail(f"ELASTICSEARCH_URL is {given}, and no Elasticsearch answers there")
        yield given
        return
    home = node_folder / "shared"
    settings = node.Settings(home, node.default_home() / "distributions", free_port(), "1g")
    started = node.start(settings)
    os.environ["ELASTICSEARCH_URL"] = started.url
    yield started.url
    del os.environ["ELASTICSEARCH_URL"]
    node.stop(home)


@pytest.fixture(scope="session")
def client(elasticsearch_url: str) -> Iterator[Elasticsearch]:
    """A client of the cluster, with Driftline set up in it."""
    with connect(elasticsearch_url) as connected:
        setup.install(connected)
        yield connected


@pytest.fixture
def namespace() -> str:
    """A namespace that no other test has."""
    return f"t{uuid.uuid4().hex[:12]}"


@pytest.fixture
def streams(client: Elasticsearch, namespace: str) -> Iterator[Streams]:
    """The names in this test's namespace; the plain indices are deleted in the end."""
    names = Streams(namespace)
    yield names
    for index in (names.profiles, names.metrics, names.alerts):
        client.indices.delete(index=index, ignore_unavailable=True)
