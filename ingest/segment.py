"""One file of the spool: events on disk, each with its length, its time and a checksum.

A segment belongs to one process at a time, which holds an exclusive lock on it (flock(2)). The kernel gives the lock
back when the process ends, however it ends, so that another may take the segment over.
"""

from __future__ import annotations

import fcntl
import os
import struct
import time
import zlib
from contextlib import suppress
from dataclasses import dataclass
from math import inf
from pathlib import Path

SUFFIX = ".segment"
DAMAGED = ".damaged"
MAGIC = b"drftln02"
HEADER = struct.Struct("<8sQ")
"""Magic number; up to which byte everything is settled."""
MARKER = b"\xf5evt"
"""Begins a record. 0xf5 occurs in no UTF-8 text, so that no event can hold it."""
RECORD = struct.Struct("<4sIdI")
"""Marker, length of the event in bytes, time in seconds since 1970, Adler-32 of the event seeded with its length.

The log call waits for the checksum. That of CRC-32 is looked up in kilobytes of tables, which a service that did
something else meanwhile has to fetch into its caches again; Adler-32 (RFC 1950, section 8.2) needs none, and takes two
thirds of the time then.
"""
ROOM = 1.25
"""Bytes read for an event, in the mean length of those before: what is read and not handed out is read again."""


@dataclass(frozen=True, slots=True)
class Chunk:
    """What was read at one go.

    Attributes:
        events: The events.
        start: The byte at which reading began.
        end: The byte behind the last event.
        since: Time of the first event, in seconds since 1970.
    """

    events: list[bytes]
    start: int
    end: int
    since: float


class Segment:
    """One file of the spool, held by this process.

    Attributes:
        path: The file.
        end: The byte behind the last event.
        read: Up to which byte events were handed out.
        inherited: Whether another process wrote it.
        sealed: Whether nothing is appended any more.
        damaged: Bytes that no checksum fits.
    """

    def __init__(self, path: Path, descriptor: int, end: int, settled: int, *, inherited: bool) -> None:
        self.path = path
        self._descriptor = descriptor
        self.end = end
        self.read = settled
        self.inherited = inherited
        self.sealed = inherited
        self.damaged = 0
        self._settled = settled
        self._ahead: dict[int, int] = {}
        self._room = inf

    @classmethod
    def create(cls, folder: Path) -> Segment:
        """A new segment in the folder.

        Raises:
            OSError: It cannot be written.
        """
        path = folder / f"{time.time_ns():020d}-{os.getpid()}-{os.urandom(4).hex()}{SUFFIX}"
        # Locked before it has the name that others look for.
        unnamed = path.with_suffix(".new")
        descriptor = os.open(unnamed, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            if os.pwrite(descriptor, HEADER.pack(MAGIC, HEADER.size), 0) < HEADER.size:
                raise OSError(28, "No space left on device", str(folder))  # noqa: TRY301 (as a full disk would raise)
            unnamed.rename(path)
        except OSError:
            os.close(descriptor)
            unnamed.unlink(missing_ok=True)
            raise
        return cls(path, descriptor, HEADER.size, HEADER.size, inherited=False)

    @classmethod
    def take_over(cls, path: Path) -> Segment | None:
        """The segment of a process that has ended; None while one holds it, or when it is gone or no segment."""
        try:
            descriptor = os.open(path, os.O_RDWR | os.O_CLOEXEC)
        except OSError:
            return None
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            status = os.fstat(descriptor)
            magic, settled = HEADER.unpack(os.pread(descriptor, HEADER.size, 0).ljust(HEADER.size, b"\0"))
        except OSError:
            os.close(descriptor)
            return None
        # Without a link, the process that held it a moment ago was done with it.
        if magic != MAGIC or not status.st_nlink:
            os.close(descriptor)
            return None
        return cls(path, descriptor, status.st_size, min(settled, status.st_size), inherited=True)

    def append(self, event: bytes) -> bool:
        """Write an event behind the others; False when the disk takes it only in part, and then none of it."""
        record = RECORD.pack(MARKER, len(event), time.time(), zlib.adler32(event, len(event))) + event
        try:
            whole = os.pwrite(self._descriptor, record, self.end) == len(record)
        except OSError:
            whole = False
        if whole:
            self.end += len(record)
        else:
            with suppress(OSError):
                os.ftruncate(self._descriptor, self.end)
        return whole

    def sync(self) -> None:
        """Have the disk hold what was written, so that it outlives the machine too."""
        os.fdatasync(self._descriptor)

    def next(self, most: int, most_bytes: int) -> Chunk:
        """The next events, at most so many and about so many bytes; one at least, if there is one."""
        size = int(min(most_bytes, most * self._room))
        while True:
            data = os.pread(self._descriptor, min(size, self.end - self.read), self.read)
            final = self.read + size >= self.end
            # What was written a moment ago comes from memory; what was on the disk meanwhile is checked.
            found = _scan(data, most, final=final, check=self.sealed)
            if found.events or final:
                break
            size *= 2  # one event, or one damage, is larger than all that was asked for
        start, self.read = self.read, self.read + found.size
        self.damaged += found.damaged
        if found.events:
            self._room = ROOM * found.size / len(found.events)
        return Chunk(found.events, start, self.read, found.since)

    def oldest(self) -> float | None:
        """Time of the first event that was not handed out, None when there is none."""
        if self.read >= self.end:
            return None
        head = os.pread(self._descriptor, RECORD.size, self.read)
        if len(head) < RECORD.size:
            return None
        marker, _, moment, _ = RECORD.unpack(head)
        return float(moment) if marker == MARKER else None

    def settle(self, start: int, end: int) -> None:
        """Note that all events from one byte to another need not be sent again, even if this process is killed."""
        self._ahead[start] = end
        before = self._settled
        while self._settled in self._ahead:
            self._settled = self._ahead.pop(self._settled)
        if self._settled != before:
            os.pwrite(self._descriptor, HEADER.pack(MAGIC, self._settled), 0)

    @property
    def finished(self) -> bool:
        """Whether all its events are settled."""
        return self._settled >= self.end

    def delete(self) -> None:
        """Let it go, and the file with it; a damaged one is kept aside."""
        with suppress(OSError):
            if self.damaged:
                self.path.rename(self.path.with_suffix(DAMAGED))
            else:
                self.path.unlink()
        self.release()

    def release(self) -> None:
        """Let it go; another process, or the next start, takes it over."""
        with suppress(OSError):
            os.close(self._descriptor)
        self._descriptor = -1  # another file may get the number


@dataclass(frozen=True, slots=True)
class _Found:
    events: list[bytes]
    size: int
    since: float
    damaged: int


def _scan(data: bytes, most: int, *, final: bool, check: bool) -> _Found:
    """The events at the beginning of these bytes; behind them nothing comes if they are final."""
    events: list[bytes] = []
    position = damaged = 0
    since = 0.0
    # Looked up once: the service waits for the interpreter while this goes on.
    unpack, size, total = RECORD.unpack_from, RECORD.size, len(data)
    while len(events) < most and position + size <= total:
        marker, length, moment, checksum = unpack(data, position)
        begin = position + size
        stop = begin + length
        if marker == MARKER and stop <= total:
            event = data[begin:stop]
            if not check or zlib.adler32(event, length) == checksum:
                since = since or moment
                events.append(event)
                position = stop
                continue
        elif marker == MARKER and not final:
            break
        follower = data.find(MARKER, position + 1)
        if follower < 0:
            # Half an event at the very end was being written when its process was killed: nobody was told it is kept.
            torn = final and marker == MARKER and stop > total
            damaged += 0 if torn else total - position
            position = total
            break
        damaged += follower - position
        position = follower
    return _Found(events, total if final and not events else position, since, damaged)
