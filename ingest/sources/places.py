"""How far sources have come, kept in files of a state folder: each is whole, or the one before it."""

from __future__ import annotations

import hashlib
import json
import os
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

HEAD = 1024
"""Bytes at the beginning of a file that tell it from another with its number."""
FORGET_SECONDS = 7 * 24 * 3600
"""How long the place of a file that is gone is kept: a disk may only be away."""

Key = tuple[int, int]
"""Device and inode: what a file keeps when it is renamed."""


def home() -> Path:
    """The folder of Driftline's own notes: `XDG_STATE_HOME`, else `~/.local/state`."""
    return Path(os.environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state") / "driftline"


def write(file: Path, content: Mapping[str, Any]) -> None:
    """Write a note, whole or not at all, also when the power fails.

    Raises:
        OSError: It cannot be written.
    """
    file.parent.mkdir(parents=True, exist_ok=True)
    fresh = file.with_suffix(".new")
    with fresh.open("w") as output:
        json.dump(content, output)
        output.flush()
        os.fsync(output.fileno())
    fresh.replace(file)


@dataclass(frozen=True, slots=True)
class Place:
    """How far a file is read.

    Attributes:
        path: Its name when it was first seen.
        offset: Bytes that are read.
        head: How many bytes of its beginning the digest is of.
        digest: SHA-256 of them.
    """

    path: str
    offset: int = 0
    head: int = 0
    digest: str = hashlib.sha256().hexdigest()

    def fits(self, descriptor: int) -> bool:
        """Whether an open file is still the one that was read so far: neither cut off nor written anew."""
        return os.fstat(descriptor).st_size >= self.offset and _digest(descriptor, self.head) == self.digest

    def moved(self, descriptor: int, offset: int) -> Place:
        """The place further on in an open file."""
        head = min(HEAD, offset)
        digest = self.digest if head == self.head else _digest(descriptor, head)
        return replace(self, offset=offset, head=head, digest=digest)


def _digest(descriptor: int, size: int) -> str:
    return hashlib.sha256(os.pread(descriptor, size, 0)).hexdigest()


class Places:
    """The places of files by what they are, not by what they are called: one note for each.

    Args:
        folder: Where the notes are.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.known = dict(_read(folder))

    def keep(self, key: Key, place: Place) -> None:
        """Note a place.

        Raises:
            OSError: It cannot be written.
        """
        if self.known.get(key) != place:
            write(self._file(key), asdict(place))
            self.known[key] = place

    def forget_if_old(self, key: Key) -> None:
        """Drop the note of a file that is gone, if it is gone for long."""
        file = self._file(key)
        if file.exists() and file.stat().st_mtime < time.time() - FORGET_SECONDS:
            file.unlink(missing_ok=True)
            self.known.pop(key, None)

    def _file(self, key: Key) -> Path:
        return self._folder / f"{key[0]}-{key[1]}.json"


def _read(folder: Path) -> list[tuple[Key, Place]]:
    """All notes; one that cannot be read is none: its file is read again, and nothing is stored twice."""
    found = []
    for file in sorted(folder.glob("*-*.json")):
        try:
            device, inode = file.stem.split("-")
            place = Place(**json.loads(file.read_text()))
            found.append(((int(device), int(inode)), place))
        except (OSError, ValueError, TypeError):
            continue
    return found
