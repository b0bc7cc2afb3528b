"""rsyslog with the very file that the docs ship: from the lines that the logger writes to the data streams."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import structlog
from elasticsearch import Elasticsearch, NotFoundError
from pretended import Server
from recording import Proxy
from serving import serving

from driftline.ingest import ModelLogger, Streams, configure
from driftline.ingest.events import document_id

DOCS = Path(__file__).parents[2] / "docs" / "how-to"
SHIPPED = DOCS / "shippers" / "rsyslog.conf"
PLACES = ("/var/spool/rsyslog", "/var/log/shop", "127.0.0.1:9200", "deadletter-default", r"namespace\":\"default")


class Rsyslog:
    """A real rsyslogd that runs the documented configuration, in folders of its own."""

    def __init__(self, folder: Path, url: str, namespace: str, program: str) -> None:
        self.folder, self.program = folder, program
        self.logs, self.work = folder / "logs", folder / "work"
        self.logs.mkdir()
        self.work.mkdir()
        text = SHIPPED.read_text()
        here = (str(self.work), str(self.logs), url.removeprefix("http://"), f"deadletter-{namespace}")
        for place, own in zip(PLACES, (*here, rf"namespace\":\"{namespace}"), strict=True):
            assert place in text
            text = text.replace(place, own)
        self.file = folder / "rsyslog.conf"
        self.file.write_text(text)
        self.process: subprocess.Popen[bytes] | None = None

    def check(self) -> str:
        """What rsyslogd has to say against the configuration; nothing when it is right."""
        command = [self.program, "-N1", "-f", str(self.file)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        return "" if done.returncode == 0 else done.stdout + done.stderr

    def said(self) -> str:
        """What it wrote."""
        return (self.folder / "log").read_text()

    def start(self) -> None:
        """Start it."""
        pid = self.folder / "pid"
        pid.unlink(missing_ok=True)  # one that was killed leaves it
        with (self.folder / "log").open("ab") as log:
            command = [self.program, "-n", "-f", str(self.file), "-i", str(pid)]
            self.process = subprocess.Popen(command, stdout=log, stderr=subprocess.STDOUT)

    def stop(self, how: signal.Signals = signal.SIGTERM) -> None:
        """Stop it, and wait until it is gone."""
        if self.process is not None:
            self.process.send_signal(how)
            self.process.wait(60)
            self.process = None


@pytest.fixture
def rsyslog(tmp_path) -> Iterator[Callable[[str, str], Rsyslog]]:
    """Make an rsyslogd that ships to a cluster; without rsyslog CI fails, and anybody else's test is skipped."""
    made: list[Rsyslog] = []

    def make(url: str, namespace: str) -> Rsyslog:
        program = shutil.which("rsyslogd", path=f"{os.environ['PATH']}{os.pathsep}/usr/sbin")
        if program is None:
            give_up("rsyslogd is not installed")
        made.append(Rsyslog(tmp_path, url, namespace, program))
        if "could not load module" in (said := made[0].check()):
            give_up(f"rsyslog has not all modules: {said}")
        assert said == ""
        return made[0]

    yield make
    for running in made:
        running.stop(signal.SIGKILL)


def give_up(reason: str) -> Any:
    """In CI everything must be there."""
    if "CI" in os.environ:
        pytest.fail(reason)
    pytest.skip(f"{reason}: apt-get install rsyslog rsyslog-elasticsearch")


class Door:
    """An address at which Elasticsearch appears when it is opened, and where nothing is before."""

    def __init__(self, target: str, port: int) -> None:
        self.url = f"http://127.0.0.1:{port}"
        self._target, self._port = target, port
        self._server: Proxy | None = None

    def open(self) -> None:
        """Let requests through."""
        self._server = Proxy(self._target, self._port)
        threading.Thread(target=self._server.serve_forever).start()

    def close(self) -> None:
        """Let none through."""
        if self._server is not None:
            self._server.shutdown()
            self._server.server_close()


@pytest.fixture
def door(elasticsearch_url, free_port) -> Iterator[Door]:
    """A door to the cluster, still closed."""
    made = Door(elasticsearch_url, free_port())
    yield made
    made.close()


def stored(client: Elasticsearch, stream: str) -> dict[str, dict[str, Any]]:
    """The documents of a data stream by their `_id`."""
    try:
        client.indices.refresh(index=stream)
        hits = client.search(index=stream, size=10_000)["hits"]["hits"]
    except NotFoundError:
        return {}
    return {hit["_id"]: hit["_source"] for hit in hits}


def wait_for(condition: Callable[[], bool], what: Callable[[], Any]) -> None:
    """Wait until something is so."""
    due = time.monotonic() + 120
    while not condition():
        assert time.monotonic() < due, what()
        time.sleep(0.2)


def log_events(file: Path, namespace: str, count: int) -> list[dict[str, Any]]:
    """What a service logs to a file: predictions, two outcomes for every tenth, and one change."""
    try:
        configure("shop", namespace=namespace, file=file)
        model = ModelLogger("m", "binary", "1")
        model.change("model-deployed")
        structlog.get_logger().info("request done", status=200)
        for number in range(count):
            identity = model.prediction(score=0.1 + 0.2, label="é\u2028", features={"n": 2**53 - 1, "x": number / 7})
            if number % 10 == 0:
                model.outcome(identity, label="yes", timestamp="2024-05-01T00:00:00Z")
                model.outcome(identity, label="no", timestamp="2024-05-01T00:00:00Z")
    finally:
        structlog.get_config()["logger_factory"]._file.close()
        structlog.reset_defaults()
    lines = file.read_text().split("\n")[:-1]
    return [document for line in lines if "event" in (document := json.loads(line))]


def assert_all_there(client: Elasticsearch, streams: Streams, documents: list[dict[str, Any]]) -> None:
    """Each document is in the stream of its dataset, once, under its id, as it was logged."""
    for stream in (streams.predictions, streams.outcomes, streams.changes):
        expected = {document_id(d): d for d in documents if streams.of(d["data_stream"]["dataset"]) == stream}
        found = stored(client, stream)
        for document in found.values():
            assert document["event"].pop("ingested")
        assert found == expected


def test_every_line_arrives_once(client, streams, door, rsyslog):
    """Though Elasticsearch is away, rsyslogd is killed and stopped, and lines are written twice or are broken."""
    running = rsyslog(door.url, streams.namespace)
    documents = log_events(running.logs / "a.jsonl", streams.namespace, 1_000)
    running.start()
    # What waits is on the disk, and the place in the file is kept: only then is it killed.
    wait_for(lambda: any(running.work.glob("imfile-state*")), lambda: list(running.work.iterdir()))
    running.stop(signal.SIGKILL)
    door.open()
    running.start()
    documents += log_events(running.logs / "b.jsonl", streams.namespace, 1_500)
    wait_for(lambda: len(stored(client, streams.predictions)) >= 1_000, running.said)
    running.stop()
    lines = (running.logs / "b.jsonl").read_text().split("\n")
    with (running.logs / "b.jsonl").open("ab") as file:
        file.write("\n".join([*lines[:100], ""]).encode())
        file.write(b'not JSON \xff "\n\n[1]\n{"torn": "driftline.predictions\n')
    running.start()
    documents += log_events(running.logs / "c.jsonl", streams.namespace, 1_500)
    expected = {document_id(d) for d in documents}
    found: set[str] = set()
    names = (streams.predictions, streams.outcomes, streams.changes)

    def arrived() -> bool:
        found.update(*(stored(client, name) for name in names))
        return expected <= found and len(stored(client, streams.deadletter)) >= 3

    assert len(expected) > 4_800
    wait_for(arrived, lambda: (len(expected - found), running.said()))
    running.stop()
    assert_all_there(client, streams, documents)
    letters = [letter["event"] for letter in stored(client, streams.deadletter).values()]
    assert {letter["original"] for letter in letters} == {
        'not JSON   "',
        "[1]",
        '{"torn": "driftline.predictions',
    }
    assert {letter["reason"] for letter in letters} == {"the line is not one JSON object"}
    assert not (running.work / "driftline-unsent.json").exists()


def test_what_elasticsearch_refuses_is_a_dead_letter(client, elasticsearch_url, streams, rsyslog):
    """Whole, with its reason, and one however often it is sent; one that is refused itself is kept in a file."""
    running = rsyslog(elasticsearch_url, streams.namespace)
    (_, prediction, *_) = log_events(running.folder / "a", streams.namespace, 1)
    refused = prediction | {"prediction": {"score": "high"}}
    nameless = prediction | {"event": {"dataset": "driftline.predictions"}}
    letter = prediction | {
        "@timestamp": "never",
        "data_stream": prediction["data_stream"] | {"dataset": "driftline.deadletter"},
    }
    lines = [json.dumps(document) for document in (refused, nameless, letter, refused, nameless, prediction)]
    (running.logs / "a.jsonl").write_text("\n".join([*lines, ""]))
    running.start()
    lost = running.work / "driftline-lost.jsonl"
    wait_for(
        lambda: lost.exists() and len(stored(client, streams.deadletter)) >= 2,
        running.said,
    )
    running.stop()
    assert stored(client, streams.predictions).keys() == {document_id(prediction)}
    found = {
        e["event"]["reason"]: json.loads(e["event"]["original"]) for e in stored(client, streams.deadletter).values()
    }
    (missing, reason) = sorted(found, key=lambda text: "prediction.score" in text)
    assert missing == "event.id, event.hash of an outcome, or data_stream.namespace is missing"
    assert (found[missing], found[reason]) == (nameless, refused)
    assert [json.loads(line) for line in lost.read_text().splitlines()] == [letter]


def test_a_secured_cluster_takes_lines_from_a_user_with_the_role_of_a_writer(secured, namespace, rsyslog):
    """With the settings that the file shows as a comment; dead letters, too."""
    comment = '# uid="driftline" pwd="..." usehttps="on" tls.cacert="/etc/rsyslog.d/ca.pem"'
    running = rsyslog(secured.url, namespace)
    text = running.file.read_text()
    assert text.count(comment) == 2
    running.file.write_text(text.replace(comment, 'uid="driftline" pwd="a-password"'))
    documents = log_events(running.logs / "a.jsonl", namespace, 20)
    (running.logs / "b.jsonl").write_text("broken\n")
    with secured.set_up("driftline-writer") as client:
        client.security.put_user(username="driftline", password="a-password", roles=["driftline-writer"])
        streams = Streams(namespace)
        running.start()
        wait_for(
            lambda: len(stored(client, streams.outcomes)) == 4 and len(stored(client, streams.deadletter)) == 1,
            running.said,
        )
        assert_all_there(client, streams, documents)


@pytest.fixture
def moody() -> Iterator[Server]:
    """A pretended Elasticsearch, which can refuse whole requests when it is told to."""
    with serving(Server()) as running:
        yield running


def test_some_documents_that_come_too_soon_are_sent_again(moody, rsyslog):
    """An overloaded cluster takes a part of a batch."""
    running = rsyslog(moody.url, "shop")

    def behave(attempt: int, pairs: list[Any]) -> tuple[int, list[dict[str, Any]] | None]:
        busy = {"status": 429, "error": {"type": "es_rejected_execution_exception", "reason": "queue is full"}}
        items = [busy if attempt < 3 and n % 3 == 0 else moody.store(a["_id"], d) for n, (a, d) in enumerate(pairs)]
        return 200, items

    moody.behave = behave
    documents = log_events(running.logs / "a.jsonl", "shop", 100)
    running.start()
    wait_for(lambda: len(moody.stored) >= len(documents), running.said)
    assert moody.stored == {document_id(document): document for document in documents}


@pytest.mark.parametrize("status", [401, 413, 429, 503])
def test_a_batch_that_is_refused_whole_can_be_sent_again(moody, rsyslog, status):
    """It is kept in a file, and the command that the page shows brings its lines back."""
    running = rsyslog(moody.url, "shop")
    moody.behave = lambda attempt, _: (status if attempt == 1 else 200, None)
    documents = log_events(running.logs / "a.jsonl", "shop", 100)
    running.start()
    unsent = running.work / "driftline-unsent.json"
    wait_for(lambda: unsent.exists() and unsent.read_bytes().endswith(b"\n"), lambda: list(running.work.iterdir()))
    (command,) = [
        block.split("```")[0]
        for block in (DOCS / "use-another-shipper.md").read_text().split("```sh\n")[1:]
        if "driftline-unsent.json" in block.split("```")[0]
    ]
    for place, own in zip(PLACES, (str(running.work), str(running.logs)), strict=False):
        command = command.replace(place, own)
    subprocess.run(command, shell=True, check=True)
    wait_for(lambda: len(moody.stored) >= len(documents), running.said)
    assert moody.stored == {document_id(document): document for document in documents}
