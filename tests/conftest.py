"""What the tests share: one Elasticsearch for the whole run, and a namespace of its own for each test."""

from __future__ import annotations

import os
import shutil
import socket
import tempfile
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import bcrypt
import hypothesis
import pytest
from elasticsearch import ApiError, Elasticsearch, TransportError

from driftline.analyzers import setup
from driftline.ingest.client import connect
from driftline.ingest.streams import Streams
from driftline.local import kafka as local_kafka
from driftline.local import node
from driftline.local.errors import LocalError

hypothesis.settings.register_profile("driftline", deadline=None, derandomize="CI" in os.environ)
hypothesis.settings.load_profile("driftline")


@pytest.fixture(scope="session")
def free_port() -> Callable[[], int]:
    """Find a port that nothing listens on."""

    def find() -> int:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            return int(probe.getsockname()[1])

    return find


@pytest.fixture(scope="session")
def node_folder() -> Iterator[Path]:
    """A folder that the user that Elasticsearch runs as can enter; gone in the end."""
    folder = Path(tempfile.mkdtemp(prefix="driftline-test-", dir="/var/tmp"))
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def distributions() -> Path:
    """Where the unpacked Elasticsearch is, which outlives a run as Maven's own cache does."""
    return node.default_home() / "distributions"


@pytest.fixture(scope="session")
def elasticsearch_url(node_folder: Path, distributions: Path, free_port: Callable[[], int]) -> Iterator[str]:
    """The cluster at ELASTICSEARCH_URL, else a node started for this run; no cluster is a failure, never a skip."""
    if given := os.environ.get("ELASTICSEARCH_URL"):
        _must_answer(given)
        yield given
        return
    home = node_folder / "shared"
    try:
        started = node.start(node.Settings(home, distributions, free_port()))
        # What the tests start as processes finds it too.
        os.environ["ELASTICSEARCH_URL"] = started.url
        yield started.url
    finally:
        os.environ.pop("ELASTICSEARCH_URL", None)
        node.stop(home)


def _must_answer(url: str) -> None:
    try:
        with connect(url, max_retries=0, request_timeout=10) as client:
            client.info()
    except (ApiError, TransportError) as error:
        pytest.fail(f"ELASTICSEARCH_URL is {url}, which cannot be used: {error}")


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
    for index in (names.profiles, names.metrics, names.distributions, names.alerts):
        client.indices.delete(index=index, ignore_unavailable=True)


@pytest.fixture(scope="session")
def kafka(distributions: Path, free_port: Callable[[], int]) -> Iterator[str]:
    """The address of a Kafka broker that is started for this run; where there can be none, CI fails and people skip."""
    with tempfile.TemporaryDirectory(prefix="driftline-test-", dir="/var/tmp") as folder:
        try:
            broker = local_kafka.start(Path(folder), distributions, free_port(), free_port())
        except LocalError as error:
            if "CI" in os.environ:
                pytest.fail(str(error))
            pytest.skip(f"no Kafka: {error}")
        try:
            yield broker.address
        finally:
            local_kafka.stop(broker)


@dataclass(frozen=True)
class Secured:
    """A cluster that asks who one is, and who may do all there."""

    url: str
    user: str
    password: str

    def connect(self) -> Elasticsearch:
        """A client of who may do all."""
        return connect(self.url, basic_auth=(self.user, self.password))

    def set_up(self, role: str) -> Elasticsearch:
        """Such a client, where Driftline is set up and this role can be given."""
        admin = self.connect()
        setup.install(admin)
        # A node from the distribution that tests use does not tell that it has security on.
        (found,) = [asset for asset in setup.assets() if asset.kind == "roles" and asset.name == role]
        admin.security.put_role(name=found.name, body=found.body)
        return admin


@pytest.fixture(scope="session")
def secured(node_folder: Path, distributions: Path, free_port: Callable[[], int]) -> Iterator[Secured]:
    """A second node, with security on and TLS off."""
    home = node_folder / "secured"
    user, password = "admin", uuid.uuid4().hex
    hashed = bcrypt.hashpw(password.encode(), bcrypt.gensalt(rounds=4, prefix=b"2a")).decode()
    try:
        started = node.start(node.Settings(home, distributions, free_port(), "512m", superuser=f"{user}:{hashed}"))
        yield Secured(started.url, user, password)
    finally:
        node.stop(home)
