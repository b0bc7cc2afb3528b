"""One log file that is read on and on, whatever it is called by now."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import BinaryIO

import orjson

from .places import Key, Place

MAX_LINE = 16 * 1024 * 1024
"""Bytes of the longest line. A longer one, which Elasticsearch would hardly take, comes in pieces."""
IDLE_SECONDS = 300.0
"""A file that nobody has written to for so long is closed; it is opened again when it grows."""


class Tail:
    """One file, known by its identity.

    Args:
        key: Device and inode.
        place: How far it is read.
        again: Lines from here on that may have been sent before, by a process that died.

    Attributes:
        path: Its name by now.
        place: How far it is read.
        end: Where reading ends, in bytes; None: nowhere.
    """

    def __init__(self, key: Key, place: Place, again: int) -> None:
        self.key = key
        self.path = place.path
        self.place = place
        self.end: int | None = None
        self._again = again
        self._handle: BinaryIO | None = None

    @property
    def is_open(self) -> bool:
        """Whether the file is held, so that it is read to its end even when it is renamed or deleted."""
        return self._handle is not None

    @property
    def size(self) -> int:
        """Bytes that the file has; those read so far when it is gone."""
        try:
            return os.fstat(self._handle.fileno()).st_size if self._handle else Path(self.path).stat().st_size
        except OSError:
            return self.place.offset

    def was_sent(self) -> bool:
        """Whether the next line may have been sent before; asked once for each."""
        if self._again == 0:
            return False
        self._again -= 1
        return True

    def read(self, lines: int, size: int) -> list[tuple[int, bytes]]:
        """The next whole lines, each with the byte where it begins; the place moves behind them.

        Args:
            lines: How many at most.
            size: After how many bytes it is enough.

        Raises:
            OSError: The file cannot be read.
        """
        handle = self._open()
        if handle is None:
            return []
        if not self.place.fits(handle.fileno()):
            # Cut off, as `copytruncate` does, or another file that got the number of one that is gone.
            self.place = Place(self.place.path)
        found = self._lines(handle, lines, size)
        if not found and self._is_left(handle):
            found = self._lines(handle, lines, size, left=True)
        if found:
            begin, last = found[-1]
            self.place = self.place.moved(handle.fileno(), begin + len(last))
        return found

    def _lines(self, handle: BinaryIO, lines: int, size: int, *, left: bool = False) -> list[tuple[int, bytes]]:
        begin = offset = self.place.offset
        found: list[tuple[int, bytes]] = []
        handle.seek(offset)
        while len(found) < lines and offset - begin < size and (self.end is None or offset < self.end):
            line = handle.readline(MAX_LINE)
            if not line or not (left or self._is_whole(line)):
                break
            found.append((offset, line))
            offset += len(line)
        return found

    def _is_whole(self, line: bytes) -> bool:
        if line.endswith(b"\n") or len(line) == MAX_LINE:
            return True
        # Half a line waits for its newline; where nothing more is waited for, an object that is closed is a line.
        return self.end is not None and _is_object(line)

    def _is_left(self, handle: BinaryIO) -> bool:
        """Whether half a line ends a file that was renamed or deleted, and that nobody writes to any more."""
        status = os.fstat(handle.fileno())
        if status.st_size <= self.place.offset or status.st_mtime > time.time() - IDLE_SECONDS:
            return False
        return not _is_at(self.place.path, self.key)

    def find(self) -> bool:
        """Look for the file where it was, under any name; False when it is gone."""
        if _is_at(self.path, self.key):
            return True
        found = _renamed(self.path, self.key)
        self.path = found or self.path
        return found is not None

    def close(self) -> None:
        """Let the file go."""
        if self._handle is not None:
            self._handle.close()
            self._handle = None

    def close_if_idle(self) -> None:
        """Let the file go when it is read to its end and nobody has written to it for a while."""
        if self._handle is not None:
            status = os.fstat(self._handle.fileno())
            if status.st_size <= self.place.offset and status.st_mtime < time.time() - IDLE_SECONDS:
                self.close()

    def _open(self) -> BinaryIO | None:
        """The file; None when it is gone."""
        if self._handle is None and self.find():
            handle = Path(self.path).open("rb")  # noqa: SIM115 (kept)
            if key_of(os.fstat(handle.fileno())) == self.key:
                self._handle = handle
            else:
                handle.close()  # Renamed just now: next time.
        return self._handle


def _is_at(path: str, key: Key) -> bool:
    try:
        return key_of(Path(path).stat()) == key
    except FileNotFoundError:
        return False


def _renamed(path: str, key: Key) -> str | None:
    """The name that a file has by now in the folder where it was."""
    try:
        with os.scandir(Path(path).parent) as entries:
            # The number of an entry costs no look at the file; its device does.
            same = [entry.path for entry in entries if entry.inode() == key[1]]
        return next((found for found in same if key_of(Path(found).stat()) == key), None)
    except FileNotFoundError:
        return None


def key_of(status: os.stat_result) -> Key:
    """What a file keeps when it is renamed."""
    return status.st_dev, status.st_ino


def _is_object(line: bytes) -> bool:
    try:
        return isinstance(orjson.loads(line), dict)
    except orjson.JSONDecodeError:
        return False
