"""Processes that outlive the command that started them: told apart, and ended as a group."""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from .errors import LocalError

STOP_SECONDS = 30

_children: dict[int, subprocess.Popen[bytes]] = {}
# Held, because the interpreter takes a process object that is dropped while its process runs for a mistake.


def launch(command: Sequence[str], cwd: Path, environment: Mapping[str, str], log: Path, user: str | None) -> int:
    """Start a process that outlives this one and its terminal.

    It leads a session and a group of its own, reads nothing, and writes to a log.

    Returns:
        Its number.
    """
    with log.open("wb") as output:
        process = subprocess.Popen(  # noqa: S603 (the command is ours)
            command,
            cwd=cwd,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            user=user,
            group=_group_of(user),
            extra_groups=[] if user else None,
            start_new_session=True,
        )
    _children[process.pid] = process
    return process.pid


def _group_of(user: str | None) -> int | None:
    return pwd.getpwnam(user).pw_gid if user else None


def end(group: int, seconds: float = STOP_SECONDS) -> None:
    """End all processes of a group: asked with SIGTERM, made to with SIGKILL, and waited for.

    Raises:
        LocalError: They do not end.
    """
    for number in (signal.SIGTERM, signal.SIGKILL):
        with suppress(ProcessLookupError):
            os.killpg(group, number)
        due = time.monotonic() + seconds
        while time.monotonic() < due:
            if not runs(group):
                return
            time.sleep(0.1)
    msg = f"the processes of group {group} do not end, not even by SIGKILL"
    raise LocalError(msg)


def runs(group: int) -> bool:
    """Whether any process of a group runs; one that has ended and whom nobody has asked for does not."""
    if child := _children.get(group):
        if child.poll() is None:
            return True
        del _children[group]
    if not Path("/proc/self").exists():
        return _answers_signals(group)
    return any(_is_of(path, group) for path in Path("/proc").glob("[0-9]*/stat"))


def _is_of(stat: Path, group: int) -> bool:
    fields = _fields(stat)
    return bool(fields) and fields[0] not in "ZX" and int(fields[2]) == group


def _answers_signals(group: int) -> bool:
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def start_time(pid: int) -> str | None:
    """When a process began, in the system's own words; None when it does not run.

    Together with the number it names one process for good: numbers are used again.
    """
    if not Path("/proc/self").exists():
        return _start_time_by_ps(pid)
    fields = _fields(Path(f"/proc/{pid}/stat"))
    # Field 22 of proc_pid_stat(5), counted from 1, of which two stand before the closing bracket.
    return None if not fields or fields[0] in "ZX" else fields[19]


def _fields(stat: Path) -> list[str]:
    """The fields of /proc/pid/stat after the name, which may hold blanks and brackets: state, parent, group, ..."""
    try:
        return stat.read_text(errors="replace").rpartition(")")[2].split()
    except OSError:
        return []


def _start_time_by_ps(pid: int) -> str | None:
    """The same where there is no /proc, as on macOS."""
    ps = shutil.which("ps")
    if ps is None:
        return None
    done = subprocess.run([ps, "-o", "lstart=", "-p", str(pid)], capture_output=True, text=True, check=False)  # noqa: S603
    return done.stdout.strip() or None
