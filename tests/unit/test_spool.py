"""The spool: what was appended is there, in order, whoever reads it and however its writer ended."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from driftline.ingest.segment import HEADER, MARKER, RECORD, Segment
from driftline.ingest.spool import Spool

MANY, MUCH = 1_000, 1_000_000


def drain(spool: Spool) -> list[bytes]:
    """Everything that can be taken, settled."""
    found: list[bytes] = []
    while batch := spool.take(MANY, MUCH):
        found += batch.events
        spool.done(batch)
    return found


def events(count: int, size: int = 10) -> list[bytes]:
    """So many different events."""
    return [b"%d:" % number + b"x" * size for number in range(count)]


@pytest.fixture
def spool(tmp_path: Path) -> Spool:
    """A roomy spool."""
    return Spool(tmp_path / "spool", 10_000_000)


def test_what_was_appended_comes_in_its_order_and_once(spool):
    """In batches that are no larger than asked for."""
    for event in events(25):
        assert spool.append(event)
    batches = [batch.events for batch in iter(lambda: spool.take(10, MUCH), None)]
    assert [len(batch) for batch in batches] == [10, 10, 5]
    assert [event for batch in batches for event in batch] == events(25)
    assert spool.take(10, MUCH) is None


def test_a_batch_is_about_as_large_as_asked_for_and_never_empty(spool):
    """One event that is larger than the limit is a batch of its own."""
    sent = [b"a" * 100, b"b" * 5_000, b"c" * 5_000]
    for event in sent:
        spool.append(event)
    batches = [list(batch.events) for batch in iter(lambda: spool.take(MANY, 1_000), None)]
    assert batches == [[sent[0]], [sent[1]], [sent[2]]]


@given(
    written=st.lists(st.binary(max_size=300).filter(lambda event: MARKER not in event), max_size=40),
    most=st.integers(1, 7),
)
def test_any_events_survive(tmp_path_factory, written, most):
    """Empty ones and such of any bytes, whatever the size of the batches."""
    spool = Spool(tmp_path_factory.mktemp("spool"), 10_000_000)
    for event in written:
        assert spool.append(event)
    found = [event for batch in iter(lambda: spool.take(most, 64), None) for event in batch.events]
    spool.close()
    assert found == written


def test_settled_files_are_deleted_and_others_are_kept(tmp_path):
    """The folder holds what is not settled and nothing else, once the spool is closed."""
    spool = Spool(tmp_path, 16 * 4096)
    for event in events(30, 1_000):
        assert spool.append(event)
    assert len(list(tmp_path.iterdir())) > 2
    first = spool.take(3, MUCH)
    spool.done(first)
    spool.close()
    again = Spool(tmp_path, 16 * 4096)
    again.take_over()
    assert drain(again) == events(30, 1_000)[3:]
    assert (again.inherited, again.spooled) == (27, 0)
    again.close()
    assert list(tmp_path.iterdir()) == []


def test_batches_settled_out_of_order_are_not_sent_again(tmp_path):
    """What lies behind one that is not settled is sent again, and nothing before it."""
    spool = Spool(tmp_path, 10_000_000)
    for event in events(30):
        spool.append(event)
    one, two, three = (spool.take(10, MUCH) for _ in range(3))
    spool.done(three)
    spool.done(one)
    spool.close()
    again = Spool(tmp_path, 10_000_000)
    again.take_over()
    batch = again.take(MANY, MUCH)
    assert list(batch.events) == events(30)[10:]
    assert batch.again
    assert list(two.events) == events(30)[10:20]


def test_a_full_spool_takes_nothing_until_there_is_room(tmp_path, monkeypatch):
    """The bound holds for all processes together; what is there stays as it was."""
    monkeypatch.setattr("driftline.ingest.spool.LOOK_SECONDS", 0.0)
    one, other = Spool(tmp_path, 20 * 4096), Spool(tmp_path, 20 * 4096)
    taken = [event for event in events(200, 1_000) if one.append(event) or other.append(event)]
    assert 50 < len(taken) < 90
    assert sum(file.stat().st_size for file in tmp_path.iterdir()) <= 20 * 4096 + 2 * 1_100
    assert not one.append(b"no room")
    found = drain(one) + drain(other)
    assert sorted(found) == sorted(taken)
    assert one.append(b"room")


def test_two_on_one_folder_share_nothing_but_the_folder(tmp_path):
    """Each sends its own, as long as both live."""
    one, other = Spool(tmp_path, 10_000_000), Spool(tmp_path, 10_000_000)
    one.append(b"one")
    other.append(b"other")
    for spool in (one, other):
        spool.take_over()
    assert (drain(one), drain(other)) == ([b"one"], [b"other"])


WRITER = """
import os, signal, sys
from pathlib import Path
from driftline.ingest.spool import Spool
spool = Spool(Path(sys.argv[1]), 10_000_000)
for number in range(500):
    assert spool.append(b"%d" % number)
batch = spool.take(100, 1_000_000)
spool.done(batch)
os.kill(os.getpid(), signal.SIGKILL)
"""


def test_what_a_killed_process_left_is_taken_over(tmp_path):
    """All that it had taken and not settled, by one alone of those who look."""
    done = subprocess.run([sys.executable, "-c", WRITER, str(tmp_path)], check=False, timeout=60)
    assert done.returncode == -signal.SIGKILL
    one, other = Spool(tmp_path, 10_000_000), Spool(tmp_path, 10_000_000)
    one.take_over()
    other.take_over()
    assert drain(one) == [b"%d" % number for number in range(100, 500)]
    assert drain(other) == []
    one.close()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork on this system")
@pytest.mark.filterwarnings("ignore:This process.*is multi-threaded:DeprecationWarning")
def test_a_child_that_outlives_its_parent_does_not_keep_its_files(tmp_path):
    """A forked worker forgets what its parent holds, so that others can take it over."""
    script = """
import os, sys, time
from pathlib import Path
from driftline.ingest.spool import Spool
spool = Spool(Path(sys.argv[1]), 10_000_000)
spool.append(b"left")
if os.fork() == 0:
    spool.forget()
    time.sleep(20)
os._exit(0)
"""
    subprocess.run([sys.executable, "-c", script, str(tmp_path)], check=True, timeout=60)
    heir = Spool(tmp_path, 10_000_000)
    heir.take_over()
    assert drain(heir) == [b"left"]


def written(folder: Path, sent: list[bytes]) -> Path:
    """The file of a process that ended."""
    segment = Segment.create(folder)
    for event in sent:
        assert segment.append(event)
    segment.release()
    return segment.path


def test_half_an_event_at_the_end_was_never_taken(tmp_path):
    """A process killed while it wrote: what was whole is there, and the file is no cause for alarm."""
    path = written(tmp_path, events(5))
    torn = RECORD.pack(MARKER, 100, 0.0, 0) + b"half"
    with path.open("ab") as file:
        file.write(torn)
    spool = Spool(tmp_path, 10_000_000)
    spool.take_over()
    assert drain(spool) == events(5)
    assert list(tmp_path.iterdir()) == []


@given(at=st.integers(HEADER.size, HEADER.size + 20 * (RECORD.size + 12) - 1), value=st.integers(0, 255))
def test_a_damaged_byte_costs_one_event_and_the_file_is_kept(tmp_path_factory, at, value):
    """Wherever it is: all others are read, and nothing that was not written."""
    folder = tmp_path_factory.mktemp("damaged")
    sent = [b"%012d" % number for number in range(20)]
    path = written(folder, sent)
    content = bytearray(path.read_bytes())
    changed = content[at] != value
    content[at] = value
    path.write_bytes(content)
    spool = Spool(folder, 10_000_000)
    spool.take_over()
    found = drain(spool)
    spool.close()
    assert set(found) <= set(sent)
    assert len(found) >= 19
    # A change of the time alone is no loss; that of the last length looks like half an event.
    if changed and len(found) == 19 and sent[19] in found:
        assert [file.suffix for file in folder.iterdir()] == [".damaged"]


def test_what_is_no_segment_is_left_alone(tmp_path):
    """Another's file of that name is neither read nor deleted."""
    stranger = tmp_path / "notes.segment"
    stranger.write_text("not yours")
    spool = Spool(tmp_path, 10_000_000)
    spool.take_over()
    assert spool.take(MANY, MUCH) is None
    assert stranger.read_text() == "not yours"


def test_a_folder_that_cannot_be_written_is_told_at_once(tmp_path):
    """At set-up, not with the first prediction."""
    (tmp_path / "file").write_text("")
    with pytest.raises(OSError, match="file"):
        Spool(tmp_path / "file" / "spool", 10_000_000)


@pytest.mark.parametrize(("every", "calls"), [(None, 0), (0.0, 5), (3_600.0, 0)])
def test_the_disk_is_asked_as_often_as_was_said(tmp_path, monkeypatch, every, calls):
    """Never, with each event, or after a time."""
    seen: list[int] = []
    monkeypatch.setattr(os, "fdatasync", seen.append)
    spool = Spool(tmp_path, 10_000_000, every)
    for event in events(5):
        spool.append(event)
    assert len(seen) == calls
