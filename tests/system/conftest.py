"""What several tests look at: the demo from January to April, run once."""

from __future__ import annotations

import os
import subprocess
import sys
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
from elasticsearch import Elasticsearch

from driftline.ingest.streams import Streams

ROOT = Path(__file__).parents[2]
UNTIL = "2013-05-02"


@pytest.fixture(scope="session")
def spring_page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the demo of `spring` writes the page of its gravest incident."""
    if given := os.environ.get("DRIFTLINE_DEMO_NAMESPACE"):
        pytest.skip(f"the demo was run before, in namespace {given}")
    return tmp_path_factory.mktemp("spring") / "report.html"


@pytest.fixture(scope="session")
def spring(elasticsearch_url: str, client: Elasticsearch, request: pytest.FixtureRequest) -> Iterator[Streams]:
    """Where the demo's data until 1 May lie; `DRIFTLINE_DEMO_NAMESPACE`, where it is set, saves the run."""
    if given := os.environ.get("DRIFTLINE_DEMO_NAMESPACE"):
        yield Streams(given)
        return
    names = Streams(f"t{uuid.uuid4().hex[:12]}")
    command = [sys.executable, "-m", "demo", "--until", UNTIL, "--namespace", names.namespace]
    command += ["--report", str(request.getfixturevalue("spring_page"))]
    environment = os.environ | {"ELASTICSEARCH_URL": elasticsearch_url}
    # Told to stop if it takes longer than ever seen, or CI would wait for ever.
    ran = subprocess.run(command, cwd=ROOT, env=environment, text=True, capture_output=True, timeout=600, check=False)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    yield names
    for index in (names.profiles, names.metrics, names.alerts):
        client.indices.delete(index=index, ignore_unavailable=True)
