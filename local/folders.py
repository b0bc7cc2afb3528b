"""Folders of a local node: who may enter them, who owns them, who works in them."""

from __future__ import annotations

import fcntl
import os
import pwd
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from .errors import LocalError

Say = Callable[[str], None]
"""Called with what is being done now, a few words each time."""

UNPRIVILEGED = "nobody"
"""Elasticsearch refuses to run as root: then it runs as this user."""


def other_user() -> str | None:
    """The user that Elasticsearch has to run as, where it is not the one who calls."""
    return UNPRIVILEGED if os.geteuid() == 0 else None


def make(folder: Path) -> Path:
    """Make a folder, with its parents, that the user that Elasticsearch runs as can enter.

    Raises:
        LocalError: That user cannot enter a folder that was there before.
    """
    if other_user() is None:
        folder.mkdir(parents=True, exist_ok=True)
        return folder
    # Root may have a umask that closes what it makes to everyone else.
    for missing in reversed([path for path in (folder, *folder.parents) if not path.exists()]):
        missing.mkdir(exist_ok=True)
        missing.chmod(0o755)
    for path in (folder, *folder.resolve().parents):
        if not path.stat().st_mode & 0o001:
            msg = (
                f"Elasticsearch does not run as root, so it runs as {UNPRIVILEGED}, who may not enter {path}: "
                f"choose a --home elsewhere, or `chmod o+x {path}`"
            )
            raise LocalError(msg)
    return folder


def hand_over(folder: Path, user: str) -> None:
    """Give a folder and all that is in it to a user.

    Raises:
        LocalError: There is no such user.
    """
    try:
        account = pwd.getpwnam(user)
    except KeyError:
        msg = f"Elasticsearch does not run as root, and there is no user {user} to run it as: run this as another user"
        raise LocalError(msg) from None
    for path, _, names in os.walk(folder):
        for entry in (Path(path), *(Path(path) / name for name in names)):
            os.chown(entry, account.pw_uid, account.pw_gid, follow_symlinks=False)


@contextmanager
def locked(folder: Path, say: Say) -> Iterator[None]:
    """Let only one process at a time work in a folder; the system frees the lock of a process that dies."""
    with (folder / ".lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say("waiting for another driftline that is at work here")
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield
