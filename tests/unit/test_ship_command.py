"""`driftline ship --files` against a pretended Elasticsearch: what it says, and what it does when nothing works."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from driftline.cli import main
from driftline.ingest import ModelLogger, Shipper, driftline_processors, render_json
from driftline.ingest.sources.settle import IncompleteError, settle

KAFKA = ["ship", "--kafka", "b:1", "--topic", "t"]


@pytest.fixture
def ship(tmp_path, monkeypatch, server) -> Callable[..., Result]:
    """Run the command in a folder of its own."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))

    def run(*arguments: str, url: str | None = server.url) -> Result:
        where = ("--url", url) if url else ()
        return CliRunner().invoke(main, ["ship", *arguments, *where], catch_exceptions=False)

    return run


def line(number: int) -> str:
    """The line of a prediction, with its newline."""
    document = {"event": {"id": f"p{number}", "dataset": "driftline.predictions"}, "@timestamp": "2024-05-01T00:00:00Z"}
    return json.dumps(document) + "\n"


def test_what_the_logger_wrote_is_stored(ship, server):
    """Predictions, outcomes, changes and rejected ones, each in the stream of its kind; a second run finds nothing."""
    import structlog  # noqa: PLC0415 (a set-up of this test's own)

    with Path("a.jsonl").open("w") as output:
        log = structlog.wrap_logger(
            structlog.WriteLogger(output),
            processors=[*driftline_processors("api"), structlog.processors.add_log_level, render_json],
        )
        model = ModelLogger("m", "binary", "1", log)
        identity = model.prediction(score=0.5, features={"a": 1})
        model.outcome(identity, label="yes")
        model.change("model-deployed")
        model.prediction(score=2.0)
        log.info("started", port=80)
    first, second = ship("--files", "*.jsonl", "--once"), ship("--files", "*.jsonl", "--once", "--json")
    assert (first.exit_code, second.exit_code) == (0, 0)
    assert first.stdout == "files: 4 events, 1 other lines passed over\n4 documents stored\n"
    kinds = sorted(found["event"]["dataset"].removeprefix("driftline.") for found in server.stored.values())
    assert kinds == ["changes", "deadletter", "outcomes", "predictions"]
    assert server.stored[identity]["features"] == {"a": 1}
    told = json.loads(second.stdout)
    assert told["events"] == 0
    assert told["documents"] == {"stored": 0, "stored_before": 0, "refused": 0, "lost": 0}


def test_broken_lines_are_told_and_end_well(ship, server):
    """They are in the dead letters; the summary tells the first reason."""
    Path("a.jsonl").write_text(line(1) + '{"event":{"dataset":"driftline.predictions"}}\n' + line(2)[:50] + "\n")
    done = ship("--files", "a.jsonl", "--once")
    assert done.exit_code == 0
    first, second = done.stdout.splitlines()
    assert first.startswith(
        "files: 1 events; 2 broken ones kept as dead letters, the first: byte 98: event.id is missi"
    )
    assert second == "3 documents stored"
    reasons = {
        found["event"]["reason"].partition(":")[0] for found in server.stored.values() if "kind" in found["event"]
    }
    assert reasons == {"byte 98", "byte 144"}


def test_places_are_kept_for_each_namespace_and_folder(ship, server):
    """What went to one place has not gone to another; a state folder of one's own is used."""
    Path("a.jsonl").write_text(line(1))
    targets: list[str] = []
    server.behave = lambda _, pairs: (targets.extend(action["_index"] for action, _ in pairs), (200, None))[1]
    for arguments in ((), (), ("--namespace", "shop"), ("--state", "mine"), ("--state", "mine")):
        assert ship("--files", "a.jsonl", "--once", *arguments).exit_code == 0
    assert targets == [f"logs-driftline.predictions-{name}" for name in ("default", "shop", "default")]
    assert list(Path("mine").rglob("*.json"))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((), "give --files or --kafka: one of them, and not both"),
        (("--files", "a", "--kafka", "b:1", "--topic", "t"), "give --files or --kafka: one of them, and not both"),
        (("--kafka", "b:1"), "--kafka needs --topic"),
        (("--files", "a", "--topic", "t"), "--topic: only with --kafka"),
        (("--kafka", "b:1", "--topic", "t", "--state", "s"), "--state: only with --files"),
        (("--files", "none-*", "--once"), "--files: got 'none-*', and no file matches"),
        (("--files", "a", "--namespace", "A-b"), "--namespace: got 'A-b', allowed: lower-case letters"),
        (("--files", "a", "--url", "ftp://x"), "got 'ftp://x' as the address of Elasticsearch"),
        (("--kafka", "b:1", "--topic", "t", "--kafka-config", "none"), "none: cannot be read: No such file"),
        (
            ("--kafka", "b:1", "--topic", "t", "--kafka-config", "bad"),
            "bad: line 2: got no setting, allowed: name=value",
        ),
        (("--kafka", "b:1", "--topic", "t", "--kafka-config", "odd"), 'No such configuration property: "no.such"'),
    ],
)
def test_a_wrong_request_ends_with_code_2(ship, server, arguments, message):
    """One clear line, no traceback, and no secret in it."""
    Path("bad").write_text("# ours\npassword secret\n")
    Path("odd").write_text("no.such=x\n")
    done = ship(*arguments, url=None if "--url" in arguments else server.url)
    assert done.exit_code == 2
    assert message in done.stderr
    assert "secret" not in done.stderr


def test_a_cluster_that_is_away_or_not_set_up_or_refuses_ends_with_code_1(ship, server):
    """And with what to do about it; nothing is noted as shipped."""
    Path("a.jsonl").write_text(line(1))
    gone = ship("--files", "a.jsonl", "--once", url="http://127.0.0.1:9")
    assert gone.exit_code == 1
    assert gone.stderr.startswith("driftline: Elasticsearch at http://127.0.0.1:9 cannot be reached: ")
    server.ready = False
    bare = ship("--files", "a.jsonl", "--once")
    assert bare.exit_code == 1
    assert "run `driftline setup`" in bare.stderr
    server.ready = True
    server.behave = lambda *_: (401, None)
    refused = ship("--files", "a.jsonl", "--once")
    assert refused.exit_code == 1
    assert "refuses the credentials (HTTP 401)" in refused.stderr
    server.behave = None
    assert ship("--files", "a.jsonl", "--once").stdout.endswith("1 documents stored\n")


def test_a_document_that_cannot_even_be_a_dead_letter_does_not_stop_the_rest(ship, server):
    """It is in the log, the exit code tells, and the next run does not hang on it."""

    def behave(_, pairs):
        return 200, [
            {"status": 400, "error": {"reason": "no"}}
            if action["_id"] != "p2"
            else server.store(action["_id"], document)
            for action, document in pairs
        ]

    server.behave = behave
    Path("a.jsonl").write_text(line(1) + line(2))
    done = ship("--files", "a.jsonl", "--once")
    assert done.exit_code == 1
    assert "1 documents are refused, and so are their dead letters" in done.stderr
    assert set(server.stored) == {"p2"}
    assert ship("--files", "a.jsonl", "--once").exit_code == 0


def test_without_kafka_s_client_it_says_what_to_install(server):
    """One line, and exit code 1."""
    code = f"import sys; sys.modules['confluent_kafka'] = None; from driftline.cli import main; main({KAFKA!r})"
    environment = os.environ | {"ELASTICSEARCH_URL": server.url}
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert done.stderr == "driftline: Kafka needs `pip install 'driftline[kafka]'`\n"


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_stops_it_with_everything_stored_and_code_0(tmp_path, server, number):
    """It follows until then."""
    log = tmp_path / "a.jsonl"
    log.write_text(line(1))
    command = [sys.executable, "-m", "driftline.cli", "ship", "--files", str(log), "--url", server.url, "--json"]
    environment = os.environ | {"XDG_STATE_HOME": str(tmp_path)}
    with subprocess.Popen(
        command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as running:
        wait_until(lambda: "p1" in server.stored)
        with log.open("a") as output:
            output.write(line(2))
        wait_until(lambda: "p2" in server.stored)
        running.send_signal(number)
        said, wrong = running.communicate(timeout=30)
    assert (running.returncode, wrong) == (0, "")
    assert json.loads(said)["documents"]["stored"] == 2


def wait_until(condition: Callable[[], bool]) -> None:
    """Wait for something that another process does."""
    due = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < due
        time.sleep(0.02)


def test_who_is_told_to_stop_waits_a_shorter_while(server, monkeypatch):
    """Else whoever stops it would kill it."""
    monkeypatch.setattr("driftline.ingest.sources.settle.CLOSING_PATIENCE", 0.3)
    server.behave = lambda *_: (503, None)
    shipper = Shipper(server.url, max_age=0.01)
    shipper.send(json.loads(line(1)))
    with pytest.raises(IncompleteError, match="HTTP 503"):
        settle(shipper, "x", float("inf"), lambda: True)
    shipper.close(timeout=0)


def test_it_starts_with_little_installed():
    """Neither what analyses nor Kafka's client is needed to ship files."""
    code = (
        "import sys\n"
        "for name in ('pyarrow', 'numpy', 'scipy', 'apscheduler', 'confluent_kafka'): sys.modules[name] = None\n"
        "from driftline.cli import main\n"
        "main(['ship', '--help'])\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "--files" in done.stdout
