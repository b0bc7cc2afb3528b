"""However a process ends, what its shipper took is sent, or on disk for the next start."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pytest
from pretended import Server

from driftline.ingest import Shipper

BEGIN = """
import asyncio, multiprocessing, os, signal, sys, threading, time
from driftline.ingest import ModelLogger, Shipper, configure
url, spool = sys.argv[1], sys.argv[2] or None
shipper = Shipper(url, spool=spool, max_age=600)
configure("job", shipper=shipper)
model = ModelLogger("m", "regression")
def log(first, count=50):
    for number in range(first, first + count):
        model.prediction(id=f"p{number}", value=number)
"""


@pytest.fixture(params=["memory", "durable"])
def spool(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """A folder for the spool, or none."""
    return str(tmp_path / "spool") if request.param == "durable" else ""


def run(script: str, server: Server, spool: str) -> subprocess.CompletedProcess[str]:
    """Run a process to its end; from a file, since a worker that is not forked imports it anew."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "script.py"
        path.write_text(BEGIN + script)
        command = [sys.executable, "-W", "ignore", str(path), server.url, spool]
        return subprocess.run(command, check=False, timeout=90, capture_output=True, text=True)


def stored(server: Server) -> set[str]:
    """Ids of the predictions."""
    return {i for i, found in server.stored.items() if found["event"]["dataset"] == "driftline.predictions"}


def expected(*firsts: int) -> set[str]:
    """The ids of some calls of `log`."""
    return {f"p{first + number}" for first in firsts for number in range(50)}


def test_a_sigterm_that_nobody_handles_lets_what_waits_be_sent(server, spool):
    """The process dies of the signal nevertheless, as whoever sent it expects."""
    done = run("log(0); os.kill(os.getpid(), signal.SIGTERM); time.sleep(60)", server, spool)
    assert done.returncode == -signal.SIGTERM, done.stderr
    assert stored(server) == expected(0)


def test_a_sigterm_while_logging_does_not_hang(server, spool):
    """The signal may come in the middle of a log call, with its locks in hand."""
    script = """
log(0)
threading.Timer(0.3, os.kill, (os.getpid(), signal.SIGTERM)).start()
first = 50
while True:
    log(first)
    first += 50
"""
    done = run(script, server, spool)
    assert done.returncode == -signal.SIGTERM, done.stderr
    assert len(stored(server)) > 50


def test_a_sigterm_that_the_service_handles_is_left_to_it(server, spool):
    """Its handler runs, and what waits is sent at its exit."""
    script = """
def handle(*_):
    print("handled")
    sys.exit(3)
signal.signal(signal.SIGTERM, handle)
log(0); os.kill(os.getpid(), signal.SIGTERM); time.sleep(60)
"""
    done = run(script, server, spool)
    assert (done.returncode, done.stdout) == (3, "handled\n"), done.stderr
    assert stored(server) == expected(0)


@pytest.mark.parametrize("method", ["fork", "forkserver"])
def test_workers_of_multiprocessing_send_what_they_took(server, spool, method):
    """They end without running what is registered with atexit."""
    script = f"""
if __name__ == "__main__":
    log(0)
    context = multiprocessing.get_context("{method}")
    children = [context.Process(target=log, args=(first,)) for first in (100, 200)]
    for child in children: child.start()
    for child in children: child.join()
    assert [child.exitcode for child in children] == [0, 0]
"""
    done = run(script, server, spool)
    assert done.returncode == 0, done.stderr
    assert stored(server) == expected(0, 100, 200)


def test_a_service_of_asyncio_ends_as_any_other(server, spool):
    """The log call never blocks the loop, and nothing has to be awaited."""
    script = """
async def handle(first):
    log(first)
    await asyncio.sleep(0)
async def main():
    await asyncio.gather(*(handle(first) for first in range(0, 500, 50)))
asyncio.run(main())
"""
    done = run(script, server, spool)
    assert done.returncode == 0, done.stderr
    assert stored(server) == expected(*range(0, 500, 50))


def test_what_could_not_be_sent_waits_for_the_next_start(server, tmp_path):
    """In both modes a spool keeps what was left when the process had to end, and says so."""
    for mode in ("durable", "memory"):
        folder = tmp_path / mode
        server.behave = lambda *_: (503, None)
        script = f"""
shipper = Shipper(url, spool={str(folder)!r}, mode={mode!r}, max_age=0.01)
configure("job", shipper=shipper)
log(0)
print(shipper.close(timeout=0.5))
"""
        done = run(script, server, "")
        assert "spooled=50" in done.stdout, done.stderr
        assert "dropped=0" in done.stdout
        assert "50 documents wait in the spool for the next start" in done.stderr
        server.behave = None
        server.stored.clear()
        with Shipper(server.url, spool=folder, max_age=0.01) as heir:
            pass  # it logs nothing itself
        assert heir.stats().recovered == 50
        assert stored(server) == expected(0)
        assert {tuple(document.get("tags", ())) for i, document in server.stored.items() if i in expected(0)} == {
            ("resent",)
        }


def test_what_does_not_fit_into_memory_goes_to_the_spool(server, tmp_path):
    """While Elasticsearch is away; afterwards all of it is sent."""
    server.behave = lambda *_: (503, None)
    shipper = Shipper(server.url, spool=tmp_path, mode="memory", queue_size=10, max_age=0.01)
    for number in range(100):
        document = {"event": {"dataset": "driftline.changes", "id": f"c{number}"}, "value": number}
        assert shipper.send(document)
    assert shipper.stats().spooled == 90
    assert shipper.stats().lag > 0
    server.behave = None
    assert shipper.flush(30)
    stats = shipper.close()
    assert (stats.sent, stats.dropped, stats.spooled, stats.lag) == (100, 0, 0, 0.0)
    assert {f"c{number}" for number in range(100)} <= server.stored.keys()


@pytest.mark.parametrize("mode", ["memory", "durable"])
def test_what_piled_up_is_sent_without_waiting_for_company(server, tmp_path, mode):
    """Batch after batch, once Elasticsearch is back; only the rest, less than a batch, waits for its age."""
    server.behave = lambda *_: (503, None)
    shipper = Shipper(server.url, spool=tmp_path, mode=mode, batch_size=10, max_age=600, report_every=None)
    for number in range(200):
        assert shipper.send({"event": {"dataset": "driftline.changes", "id": f"c{number}"}, "value": number})
    server.behave = None
    due = time.monotonic() + 60
    while len(server.stored) < 190:
        assert time.monotonic() < due
        time.sleep(0.01)
    assert shipper.close().sent == 200


def test_a_busy_shipper_reports_too(server):
    """There need be no pause for it."""
    shipper = Shipper(server.url, batch_size=10, max_age=0.01, report_every=0.05)
    due = time.monotonic() + 60
    number = 0
    while not any(document["event"]["dataset"] == "driftline.shipper" for document in list(server.stored.values())):
        shipper.send({"event": {"dataset": "driftline.changes", "id": f"c{number}"}, "value": number})
        number += 1
        assert time.monotonic() < due
    shipper.close()


def test_shippers_report_what_they_did(server):
    """At the end, and now and then before; a cluster that does not take reports is none the worse."""
    with Shipper(server.url, max_age=0.01, report_every=0.05) as shipper:
        document = {"event": {"dataset": "driftline.changes", "id": "c"}, "service": {"name": "checkout"}}
        shipper.send(document)
        assert shipper.flush(30)
    reports = [d for d in server.stored.values() if d["event"]["dataset"] == "driftline.shipper"]
    assert reports
    last = max(reports, key=lambda found: found["@timestamp"])
    assert last["service"] == {"name": "checkout"}
    assert json.loads(json.dumps(last["shipper"]))["sent"] == 1
    assert shipper.stats().accepted == 1


@pytest.mark.parametrize(("mode", "spool"), [("durable", None), ("fast", "folder")])
def test_a_mode_that_is_none_is_told(mode, spool):
    """With what is allowed."""
    with pytest.raises(ValueError, match=r"mode: got '(durable|fast)', allowed: 'memory', or 'durable' with a folder"):
        Shipper(mode=mode, spool=spool)
