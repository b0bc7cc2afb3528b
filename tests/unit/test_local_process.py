"""Processes that outlive the command that started them."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from driftline.local import process


def launch(tmp_path: Path, script: str) -> int:
    """Start a shell script as Elasticsearch is started."""
    return process.launch(["sh", "-c", script], tmp_path, dict(os.environ), tmp_path / "log", None)


def wait_for(path: Path) -> None:
    """Wait until a script has written a file."""
    due = time.monotonic() + 30
    while not path.exists():
        assert time.monotonic() < due
        time.sleep(0.01)


def test_it_leads_a_session_of_its_own(tmp_path: Path) -> None:
    """The closing of a terminal reaches only the session of that terminal."""
    pid = launch(tmp_path, "sleep 60")
    assert os.getsid(pid) == os.getpgid(pid) == pid
    assert os.getsid(0) != pid
    process.end(pid)


def test_all_of_the_group_ends(tmp_path: Path) -> None:
    """A process that the first one started ends too, also when the first one is gone before."""
    pid = launch(tmp_path, "sleep 60 & touch started; exit 0")
    wait_for(tmp_path / "started")
    assert process.runs(pid)
    process.end(pid)
    assert not process.runs(pid)


def test_one_that_ignores_sigterm_is_killed(tmp_path: Path) -> None:
    """SIGKILL follows when SIGTERM does not help."""
    pid = launch(tmp_path, "trap '' TERM; touch started; while true; do sleep 0.05; done")
    wait_for(tmp_path / "started")
    process.end(pid, seconds=0.3)
    assert not process.runs(pid)
    assert process.start_time(pid) is None


@pytest.mark.skipif(not Path("/proc/self").exists(), reason="only Linux tells a process that ended from one that runs")
def test_one_that_ended_unasked_does_not_run() -> None:
    """Where nobody collects ended processes, as in many containers, they do not count as running."""
    ended = subprocess.Popen([sys.executable, "-c", ""], start_new_session=True)
    os.waitid(os.P_PID, ended.pid, os.WEXITED | os.WNOWAIT)
    assert not process.runs(ended.pid)
    assert process.start_time(ended.pid) is None
    ended.wait()


def test_start_times_tell_processes_apart() -> None:
    """The time is the same each time it is asked for, and there is none of a number that nobody has."""
    assert process.start_time(os.getpid()) == process.start_time(os.getpid()) is not None
    assert process.start_time(2**22 + 1) is None


def test_the_log_takes_both_outputs(tmp_path: Path) -> None:
    """What Java says of itself goes where Elasticsearch writes."""
    pid = launch(tmp_path, "echo out; echo error >&2; touch done")
    wait_for(tmp_path / "done")
    process.end(pid)
    assert (tmp_path / "log").read_text().split() == ["out", "error"]
