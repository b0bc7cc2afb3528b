"""`driftline load` against a pretended Elasticsearch: what it sends, says, and does when nothing works."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from pretended import Server

from driftline.cli import main
from driftline.ingest.events import Source
from driftline.ingest.shipper import Shipper
from driftline.ingest.sources import history, mapping

MAPPING = """
id: key
timestamp: at
model: {value: m}
task: {value: binary}
score: p
outcome: truth
features: rest
"""
ROWS = ["key,at,p,truth,age", *(f"k{n},2024-05-01T00:{n:02}:00Z,0.5,{'late' if n % 2 else ''},{n}" for n in range(20))]


@pytest.fixture
def load(tmp_path, monkeypatch, server) -> Callable[..., Result]:
    """Run the command in a folder that holds t.csv and m.yml."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    Path("t.csv").write_text("\n".join(ROWS))
    Path("m.yml").write_text(MAPPING)

    def run(*arguments: str, url: str | None = server.url) -> Result:
        where = ("--url", url) if url else ()
        return CliRunner().invoke(main, ["load", *arguments, *where], catch_exceptions=False)

    return run


def kinds(server: Server) -> list[str]:
    """The kinds of documents that are stored, in order."""
    return sorted(found["event"]["dataset"].removeprefix("driftline.") for found in server.stored.values())


def test_every_row_is_stored_and_a_second_load_finds_it_stored(load, server):
    """Each prediction and each outcome is there once, and the summary says so."""
    first, second = load("t.csv", "--mapping", "m.yml"), load("t.csv", "--mapping", "m.yml", "--json")
    assert (first.exit_code, second.exit_code) == (0, 0)
    assert first.stdout == "t.csv: 20 rows, 20 predictions, 10 outcomes\n30 documents stored\n"
    found = json.loads(second.stdout)
    assert found["documents"] == {"stored": 0, "stored_before": 30, "refused": 0}
    assert found["files"][0] | {"rows": 20, "resumed": 0, "refused": 0} == found["files"][0]
    assert kinds(server) == ["outcomes"] * 10 + ["predictions"] * 20
    assert server.stored["k3"]["features"] == {"age": 3.0}
    assert not list(Path("state").rglob("*.json"))


def test_several_files_are_loaded_with_one_mapping(load, server):
    """The service and the namespace are those of the options."""
    Path("more.jsonl").write_text(
        json.dumps({"key": "x", "at": "2024-05-02T00:00:00Z", "p": 1, "truth": None, "age": 1})
    )
    done = load("t.csv", "more.jsonl", "--mapping", "m.yml", "--service", "batch", "--namespace", "shop")
    assert done.exit_code == 0
    assert "more.jsonl: 1 rows, 1 predictions, 0 outcomes" in done.stdout
    assert server.stored["x"]["service"] == {"name": "batch"}
    assert server.stored["x"]["data_stream"]["namespace"] == "shop"


def test_bad_rows_are_dead_letters_and_the_rest_is_loaded(load, server):
    """The whole row is kept with its number and the reason, and the summary counts it."""
    with Path("t.csv").open("a") as file:
        file.write("\nb1,2024-05-01T00:00:00Z,1.5,late,1\nb2,2024\nb3,2024-05-01T00:00:00Z,nan,,1")
    done = load("t.csv", "--mapping", "m.yml")
    assert done.exit_code == 0
    assert "3 rows refused and kept as dead letters, the first: row 21: score: got 1.5, allowed" in done.stdout
    letters = [found["event"] for found in server.stored.values() if "reason" in found["event"]]
    assert sorted(letter["reason"].split(":")[0] for letter in letters) == ["row 21", "row 22", "row 23"]
    assert json.loads(next(letter["original"] for letter in letters if "row 21" in letter["reason"]))["key"] == "b1"
    assert kinds(server).count("predictions") == 20


def test_an_interrupted_load_goes_on_after_what_was_stored(load, server, monkeypatch):
    """Nothing that Elasticsearch had acknowledged is sent again; the note is gone in the end."""
    monkeypatch.setattr(history, "CHECKPOINT", 5)
    server.behave = lambda *_: (200, None) if len(server.stored) < 14 else (401, None)
    failed = load("t.csv", "--mapping", "m.yml")
    assert failed.exit_code == 1
    assert "the same command goes on from there" in failed.stderr
    assert "refuses the credentials (HTTP 401)" in failed.stderr
    attempts = []
    server.behave = lambda _, pairs: (attempts.extend(action["_id"] for action, _ in pairs), (200, None))[1]
    done = load("t.csv", "--mapping", "m.yml")
    assert done.exit_code == 0
    assert "10 rows had been loaded before" in done.stdout
    assert {"k9", "k10"} & set(attempts) == {"k10"}
    assert kinds(server) == ["outcomes"] * 10 + ["predictions"] * 20
    assert not list(Path("state").rglob("*.json"))


def test_a_restart_begins_at_the_first_row(load, server, monkeypatch):
    """For whoever emptied the cluster meanwhile."""
    monkeypatch.setattr(history, "CHECKPOINT", 5)
    server.behave = lambda *_: (200, None) if len(server.stored) < 14 else (403, None)
    assert load("t.csv", "--mapping", "m.yml").exit_code == 1
    server.stored.clear()
    server.behave = None
    assert load("t.csv", "--mapping", "m.yml", "--restart").exit_code == 0
    assert len(server.stored) == 30


def test_a_cluster_that_takes_nothing_is_given_up_after_a_while(tmp_path, server):
    """A load does not hang; what it waited for is said."""
    server.behave = lambda *_: (503, None)
    (tmp_path / "t.csv").write_text("\n".join(ROWS))
    columns = mapping.parse({"id": "key", "outcome": "truth", "outcome_timestamp": "at"})
    shipper = Shipper(server.url, block=True, max_age=0.01)
    state = tmp_path / "state.json"
    with pytest.raises(history.IncompleteError, match="HTTP 503"):
        history.load(tmp_path / "t.csv", columns, shipper, Source(), state, patience=0.5)
    shipper.close(timeout=0)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((), "Missing option '--mapping'"),
        (("--mapping", "none.yml"), "none.yml: cannot be read"),
        (("--mapping", "m.yml", "--namespace", "A-b"), "--namespace: got 'A-b', allowed: lower-case letters"),
        (("--mapping", "m.yml", "--url", "ftp://x"), "got 'ftp://x' as the address of Elasticsearch"),
    ],
)
def test_a_wrong_request_ends_with_code_2(load, arguments, message):
    """One clear line, and no traceback."""
    done = load("t.csv", *arguments, url=None)
    assert done.exit_code == 2
    assert message in done.stderr


def test_a_mapping_that_fits_no_row_is_told_before_anything_is_sent(load, server):
    """Else a whole file would end among the dead letters."""
    Path("m.yml").write_text(MAPPING.replace("score: p", "score: at"))
    done = load("t.csv", "--mapping", "m.yml")
    assert done.exit_code == 2
    assert "m.yml: none of the first 20 rows of t.csv can be used; the first, row 1: score: got" in done.stderr
    Path("m.yml").write_text(MAPPING.replace("score: p", "score: q"))
    assert "m.yml: score: got 'q', allowed: the columns of t.csv" in load("t.csv", "--mapping", "m.yml").stderr
    assert not server.stored


def test_a_cluster_that_is_not_there_or_not_set_up_ends_with_code_1(load, server):
    """And with what to do about it."""
    gone = load("t.csv", "--mapping", "m.yml", url="http://127.0.0.1:9")
    assert gone.exit_code == 1
    assert gone.stderr.startswith("driftline: Elasticsearch at http://127.0.0.1:9 cannot be reached: ")
    server.ready = False
    bare = load("t.csv", "--mapping", "m.yml")
    assert bare.exit_code == 1
    assert "run `driftline setup`" in bare.stderr
    assert not server.stored


def test_a_dry_run_prints_documents_and_needs_no_cluster(load):
    """To look at before a million rows are sent."""
    done = load("t.csv", "--mapping", "m.yml", "--dry-run", url="http://127.0.0.1:9")
    assert done.exit_code == 0
    assert '"id": "k0"' in done.stdout
    assert '"dataset": "driftline.outcomes"' in done.stdout


def test_the_example_mapping_is_printed(load):
    """And can be used as it is, but for the names of the columns."""
    done = load("--example-mapping", url=None)
    assert done.exit_code == 0
    assert done.stdout == mapping.EXAMPLE
