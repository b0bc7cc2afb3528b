"""Following log files: each line once, whatever happens to the files and to the process."""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import orjson
import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from driftline.ingest.counters import Stats
from driftline.ingest.sources import files as log_files
from driftline.ingest.sources import places, tails
from driftline.ingest.sources.files import Files, run
from driftline.ingest.sources.places import Places
from driftline.ingest.sources.settle import IncompleteError
from driftline.ingest.sources.shipped import BATCH, Job
from driftline.ingest.streams import Streams


class Recorder:
    """Stands in for a shipper: notes what it is given, and stores it or not."""

    def __init__(self) -> None:
        self.streams = Streams("default")
        self.url = "http://127.0.0.1:9"
        self.trouble: Exception | None = None
        self.got: list[tuple[str, bool]] = []
        self.letters: list[dict[str, Any]] = []
        self.stores = True

    def send_encoded(self, dataset: str, identity: str, source: bytes, *, again: bool = False) -> bool:
        """Take an event."""
        assert orjson.loads(source)["event"]["dataset"] == dataset
        self.got.append((identity, again))
        return True

    def send(self, document: dict[str, Any], *, again: bool = False) -> bool:
        """Take a dead letter."""
        self.got.append((document["event"]["id"], again))
        self.letters.append(document)
        return True

    def flush(self, timeout: float | None = None) -> bool:
        """Whether all is stored."""
        del timeout
        return self.stores

    def stats(self) -> Stats:
        """How much waits."""
        return Stats(accepted=0 if self.stores else 1)

    @property
    def ids(self) -> list[str]:
        """What it was given, in order."""
        return [identity for identity, _ in self.got]


def event(number: object) -> str:
    """The line of an event, with its newline."""
    fields = {"@timestamp": "2024-05-01T00:00:00Z", "event": {"id": str(number), "dataset": "driftline.predictions"}}
    return orjson.dumps(fields).decode() + "\n"


def events(*numbers: object) -> str:
    """The lines of some events."""
    return "".join(map(event, numbers))


@pytest.fixture
def shipper() -> Recorder:
    """Where events go."""
    return Recorder()


@pytest.fixture
def start(tmp_path: Path, shipper: Recorder) -> Iterator[Callable[..., Files]]:
    """A process that follows the logs of this test, from where the one before it stopped."""
    begun: list[Files] = []

    def begin(*patterns: str, once: bool = False) -> Files:
        names = patterns or ("logs/*.jsonl",)
        (tmp_path / "logs").mkdir(exist_ok=True)
        begun.append(Files([str(tmp_path / name) for name in names], Places(tmp_path / "state"), Job(shipper, once)))
        return begun[-1]

    yield begin
    for files in begun:
        files.close()


@pytest.fixture
def log(tmp_path: Path) -> Path:
    """A log file that is there."""
    (tmp_path / "logs").mkdir()
    file = tmp_path / "logs" / "a.jsonl"
    file.touch()
    return file


def append(file: Path, text: str) -> None:
    """Write at the end."""
    with file.open("a") as output:
        output.write(text)


def turn(files: Files) -> None:
    """One turn of following: look, ship, keep."""
    files.look()
    while files.ship():
        pass
    files.keep()


def test_what_is_appended_is_shipped_and_half_a_line_waits(start, log, shipper):
    """A line counts when its newline is there."""
    files = start()
    append(log, event(1))
    turn(files)
    append(log, event(2)[:40])
    turn(files)
    assert shipper.ids == ["1"]
    append(log, event(2)[40:] + event(3))
    turn(files)
    assert shipper.ids == ["1", "2", "3"]


@pytest.mark.parametrize("pattern", ["logs/*.jsonl", "logs/*"])
def test_a_renamed_file_is_read_to_its_end_and_not_twice(start, log, shipper, pattern):
    """Whether its new name matches or not; the writer may even write to it for a while."""
    files = start(pattern)
    append(log, event(1))
    turn(files)
    append(log, event(2))
    old = log.rename(log.with_name("a.jsonl.1"))
    log.write_text(events(4, 5))
    turn(files)
    append(old, event(3))
    turn(files)
    assert sorted(shipper.ids) == ["1", "2", "3", "4", "5"]


def test_a_file_renamed_while_nothing_ran_is_read_to_its_end(start, log, shipper):
    """It is looked for in its folder, by what it is."""
    append(log, event(1))
    files = start()
    turn(files)
    files.close()
    append(log, event(2))
    log.rename(log.with_name("a.jsonl.1"))
    log.write_text(event(3))
    turn(start())
    turn(start())
    assert sorted(shipper.ids) == ["1", "2", "3"]


def test_a_deleted_file_is_read_to_its_end(start, log, shipper):
    """As long as it is held it is there."""
    append(log, event(1))
    files = start()
    turn(files)
    append(log, event(2))
    log.unlink()
    turn(files)
    assert shipper.ids == ["1", "2"]


@pytest.mark.parametrize("after", [events(3), events(*range(3, 9))], ids=["shorter", "longer"])
@pytest.mark.parametrize("restarted", [False, True])
def test_a_file_that_is_cut_off_is_read_from_its_beginning(start, log, shipper, after, restarted):
    """As `copytruncate` does it; it shows in its size, or in its first bytes when it has grown again meanwhile."""
    append(log, events(1, 2))
    files = start()
    turn(files)
    with log.open("r+") as output:
        output.truncate()
        output.write(after)
    turn(start() if restarted else files)
    assert shipper.ids == ["1", "2", *(str(orjson.loads(line)["event"]["id"]) for line in after.splitlines())]


def test_files_that_come_later_are_found_and_compressed_ones_are_not(start, log, shipper):
    """Patterns are expanded again while following, folders in folders too."""
    files = start("logs/**/*.jsonl*")
    turn(files)
    (log.parent / "deep" / "er").mkdir(parents=True)
    (log.parent / "deep" / "er" / "b.jsonl").write_text(event(1))
    (log.parent / "c.jsonl.1.gz").write_text(event(2))
    (log.parent / "d.jsonl").mkdir()
    turn(files)
    assert shipper.ids == ["1"]


def test_a_file_with_two_names_is_one(start, log, shipper):
    """A link to the newest log is common."""
    append(log, event(1))
    (log.parent / "current.jsonl").symlink_to(log)
    (log.parent / "hard.jsonl").hardlink_to(log)
    turn(start("logs/*.jsonl", "logs/*.jsonl"))
    assert shipper.ids == ["1"]


def test_another_file_with_the_number_of_one_that_is_gone_is_read_whole(start, log, shipper, tmp_path):
    """A disk uses numbers again; the first bytes tell files apart."""
    append(log, events(1, 2, 3))
    turn(start())
    (note,) = (tmp_path / "state").iterdir()
    other = log.with_name("b.jsonl")
    other.write_text(events(4, 5, 6, 7))
    log.unlink()
    status = other.stat()
    note.rename(note.with_name(f"{status.st_dev}-{status.st_ino}.json"))
    turn(start())
    assert shipper.ids == [str(number) for number in range(1, 8)]


def test_a_restart_goes_on_behind_what_was_kept_and_marks_what_may_have_been_sent(start, log, shipper, monkeypatch):
    """A process that died may have sent a batch more than it noted; nobody has sent what comes after that."""
    monkeypatch.setattr(log_files, "BATCH", 3)
    append(log, events(*range(10)))
    files = start()
    files.ship()
    files.keep()
    files.ship()  # and dies
    shipper.got.clear()
    turn(start())
    assert shipper.got == [(str(number), number < 6) for number in range(3, 10)]
    shipper.got.clear()
    append(log, event(10))
    log.with_name("new.jsonl").write_text(event(11))
    files = start()
    log.with_name("newer.jsonl").write_text(event(12))
    turn(files)
    assert sorted(shipper.got) == [("10", True), ("11", True), ("12", False)]


def test_a_place_is_kept_only_when_all_before_it_is_stored(start, log, shipper, tmp_path):
    """What Elasticsearch has not is read again."""
    append(log, events(1, 2))
    shipper.stores = False
    with pytest.raises(IncompleteError, match="files: not everything is stored: Elasticsearch takes nothing"):
        run(start(once=True), Job(shipper, once=True, patience=0))
    assert [place.offset for place in Places(tmp_path / "state").known.values()] == [0]
    shipper.stores = True
    assert run(start(once=True), Job(shipper, once=True)).events == 2


def test_a_file_is_known_as_soon_as_it_is_seen(start, log, shipper):
    """The process may die, and the file be renamed out of the patterns, before anything of it is stored."""
    append(log, events(1, 2))
    start().ship()
    log.rename(log.with_name("a.jsonl.1"))
    turn(start())
    assert shipper.got == [(number, True) for number in ("1", "2", "1", "2")]


def test_a_torn_note_costs_nothing_but_time(start, log, shipper, tmp_path):
    """The file is read again, and what was stored before is found stored by its id."""
    append(log, events(1, 2))
    turn(start())
    for note in (tmp_path / "state").iterdir():
        note.write_text(note.read_text()[:20])
    turn(start())
    assert shipper.got == [(number, True) for number in ("1", "2", "1", "2")]


@pytest.mark.parametrize(("last", "found"), [(event(3)[:-1], ["1", "2", "3"]), (event(3)[:-9], ["1", "2"])])
def test_once_ends_at_the_end_and_takes_a_last_line_that_is_whole(start, log, shipper, last, found):
    """A line without its newline is taken where nothing is waited for; half of one is left for the next time."""
    append(log, events(1, 2) + last)
    for _ in range(2):
        run(start(once=True), Job(shipper, once=True))
        assert shipper.ids == found
    append(log, event(3)[len(last) :] + event(4))
    run(start(once=True), Job(shipper, once=True))
    assert shipper.ids == ["1", "2", "3", "4"]


def test_lines_of_others_are_counted_and_broken_ones_are_dead_letters(start, log, shipper):
    """The letter says at which byte of which file the line stands."""
    append(log, 'hello\n\n{"message": "x"}\n' + event(1) + event(2)[:80] + event(3))
    done = run(start(once=True), Job(shipper, once=True))
    assert (done.events, done.passed, done.refused) == (1, 2, 1)
    (letter,) = shipper.letters
    begin = len('hello\n\n{"message": "x"}\n' + event(1))
    assert letter["event"]["reason"] == done.reason
    assert done.reason.startswith(f"byte {begin}: it is no whole JSON object")
    assert letter["log"]["file"]["path"] == str(log)
    assert done.done == done.total == log.stat().st_size


def test_a_line_without_end_does_not_fill_the_memory(start, log, shipper, monkeypatch):
    """It comes in pieces, and what follows it is read as ever."""
    monkeypatch.setattr(tails, "MAX_LINE", 100)
    append(log, "x" * 1000 + "\n" + '{"a":"driftline.' + "x" * 150 + "\n")
    append(log, '{"event":{"id":"1","dataset":"driftline.changes"}}\n')
    done = run(start(once=True), Job(shipper, once=True))
    assert (done.events, done.refused) == (1, 1)


def test_all_files_move_on_together(start, log, shipper, monkeypatch):
    """A file with a year of lines does not keep another waiting."""
    monkeypatch.setattr(log_files, "BATCH", 10)
    append(log, events(*range(100)))
    log.with_name("b.jsonl").write_text(events("b1", "b2"))
    start().ship()
    assert {"b1", "b2"} < set(shipper.ids)
    assert len(shipper.ids) <= 10


def test_a_file_that_nobody_writes_to_is_let_go_and_taken_up_again(start, log, shipper):
    """Old logs keep no descriptors."""
    append(log, event(1))
    files = start()
    turn(files)
    os.utime(log, (0, 0))
    turn(files)
    assert not any(tail.is_open for tail in files._tails.values())
    append(log, event(2))
    log.rename(log.with_name("a.jsonl.1"))
    turn(files)
    assert shipper.ids == ["1", "2"]


@pytest.mark.parametrize("pattern", ["logs/*.jsonl", "logs/*"])
@pytest.mark.parametrize("once", [False, True])
def test_half_a_line_that_is_left_behind_is_a_dead_letter(start, log, shipper, pattern, once):
    """Its service died, and its file was renamed: nobody will write the other half. One still in place waits."""
    append(log, event(1) + event(2)[:-10])
    os.utime(log, (0, 0))
    turn(start(pattern, once=once))
    assert not shipper.letters
    old = log.rename(log.with_name("a.jsonl.1"))
    os.utime(old, (0, 0))
    files = start(pattern, once=once)
    turn(files)
    turn(files)
    (letter,) = shipper.letters
    assert json.loads(letter["event"]["original"]) == event(2)[:-10]
    files.look()
    assert not any(tail.is_open for tail in files._tails.values())


def test_the_place_of_a_file_that_is_long_gone_is_forgotten(start, log, tmp_path):
    """Notes do not pile up; that of a disk that is away for a day stays."""
    append(log, event(1))
    turn(start())
    log.unlink()
    (note,) = (tmp_path / "state").iterdir()
    start()
    assert note.exists()
    long_ago = note.stat().st_mtime - places.FORGET_SECONDS - 1
    os.utime(note, (long_ago, long_ago))
    start()
    assert not note.exists()


@pytest.mark.skipif(not Path("/proc/self/mem").exists(), reason="a file that root cannot read is needed: /proc")
def test_a_file_that_cannot_be_read_stops_no_other(start, log, shipper, caplog):
    """It is said, once, and `--once` says in the end that not everything is shipped."""
    append(log, event(1))
    (log.parent / "0.jsonl").symlink_to("/proc/self/mem")
    files = start()
    turn(files)
    turn(files)
    assert shipper.ids == ["1"]
    assert caplog.text.count("0.jsonl: Input/output error; the other files are shipped") == 1


class Following(RuleBasedStateMachine):
    """A writer, a rotation, a follower that may die at any moment: everything arrives, and nothing twice unmarked."""

    def __init__(self) -> None:
        super().__init__()
        self._folder = tempfile.TemporaryDirectory()
        self.log = Path(self._folder.name) / "a.jsonl"
        self.shipper = Recorder()
        self.written = 0
        self.rest = b""
        self.rotations = 0

    @initialize(pattern=st.sampled_from(["*.jsonl", "*.jsonl*"]))
    def begin(self, pattern: str) -> None:
        """A process begins; the patterns may match rotated files or not."""
        self.pattern = pattern
        self.files = Files([str(self.log.with_name(pattern))], Places(self.log.parent / "state"), Job(self.shipper))

    @rule(count=st.integers(1, 30), cut=st.integers(0, 80))
    def write(self, count: int, cut: int) -> None:
        """Some lines, the last of which may be half written."""
        text = self.rest + events(*range(self.written, self.written + count)).encode()
        self.written += count
        self.rest = text[len(text) - cut :] if cut else b""
        with self.log.open("ab") as output:
            output.write(text[: len(text) - cut])

    @precondition(lambda self: not self.rest and self.log.exists())
    @rule()
    def rotate(self) -> None:
        """The log is renamed; the next write makes a new one. One that was never seen is found by its new name only."""
        if tails.key_of(self.log.stat()) not in self.files._places.known and self.pattern == "*.jsonl":
            return
        self.rotations += 1
        self.log.rename(f"{self.log}.{self.rotations}")

    @rule()
    def ship_and_keep(self) -> None:
        """A batch that is stored and noted."""
        self.files.look()
        self.files.ship()
        self.files.keep()

    @rule(shipped=st.booleans())
    def die_and_begin_again(self, shipped: bool) -> None:  # noqa: FBT001 (hypothesis names its arguments)
        """Killed before or after a batch was sent, and never after it was noted."""
        if shipped:
            self.files.look()
            self.files.ship()
        self.files.close()
        self.begin(self.pattern)

    @invariant()
    def nothing_twice_unmarked(self) -> None:
        """What is sent a second time is marked so."""
        seen: set[str] = set()
        for identity, again in self.shipper.got:
            assert identity not in seen or again
            seen.add(identity)

    def teardown(self) -> None:
        """In the end everything has arrived."""
        with self.log.open("ab") as output:
            output.write(self.rest)
        if hasattr(self, "files"):
            turn(self.files)
            self.files.close()
        assert {str(number) for number in range(self.written)} == set(self.shipper.ids)
        self._folder.cleanup()


TestFollowing = Following.TestCase
TestFollowing.settings = settings(max_examples=60, stateful_step_count=25, deadline=None)


def test_a_batch_of_one_file_is_never_larger_than_what_is_marked_after_a_crash(start, log, shipper):
    """Else some of what a dead process sent would be sent again unmarked."""
    append(log, events(*range(BATCH + 500)))
    for once in (True, False):
        shipper.got.clear()
        start(once=once).ship()
        assert len(shipper.got) == BATCH
