"""A folder of segments: what was taken from a service and is not in Elasticsearch yet, kept on disk.

Several processes may share a folder. Each writes segments of its own and sends what is in them; those of a process
that has ended are taken over by the next that looks, be it a sibling or the next start.
"""

from __future__ import annotations

import contextlib
import logging
import os
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from .segment import DAMAGED, SUFFIX, Segment

log = logging.getLogger("driftline.spool")

SEGMENT_BYTES = 16 * 1024 * 1024
LOOK_SECONDS = 0.5
"""A full spool is looked at again after this time."""
LOOK_AROUND_SECONDS = 5.0
"""How often a process looks for what others left."""


@dataclass(slots=True)
class Batch:
    """Events to send together.

    Attributes:
        events: The events, as `_bulk` takes them.
        since: When the first of them was taken, in seconds since 1970.
        again: Whether they may have been sent before, by a process that ended since.
        segment: Where they lie, None for those that lie in memory alone.
        start: Their first byte there.
        end: The byte behind the last.
        size: How many they were at first.
    """

    events: Sequence[bytes]
    since: float
    again: bool = False
    segment: Segment | None = None
    start: int = 0
    end: int = 0
    size: int = 0


class Spool:
    """Events on disk, in order, until they are settled.

    Args:
        folder: Where they are kept; made if need be, for this user alone. It belongs to one cluster.
        capacity: Bytes that the folder may hold, those of all processes together.
        sync_every: Seconds between two calls of fdatasync(2), 0 for one with each event, None for none: then an event
            outlives the process however it ends, and the machine's own crash only once the kernel has written it.

    Raises:
        OSError: The folder cannot be made or written.
    """

    def __init__(self, folder: Path, capacity: int, sync_every: float | None = None) -> None:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        if not os.access(folder, os.W_OK | os.X_OK):
            raise PermissionError(13, "Permission denied", str(folder))
        self.folder = folder
        self._capacity = capacity
        self._segment_bytes = max(4096, min(SEGMENT_BYTES, capacity // 16))
        self._sync_every = sync_every
        self._segments: list[Segment] = []
        self._active: Segment | None = None
        self._full_since = -LOOK_SECONDS
        self._closed = False
        # A signal handler of the service may log while the same thread is just logging: hence one that may be entered
        # twice. Reading has a lock of its own, so that no log call waits for it.
        self._writing = threading.RLock()
        self._reading = threading.RLock()
        self._synced = time.monotonic()
        self._looked = -LOOK_AROUND_SECONDS
        self._taken = 0
        self.appended = 0
        self.settled = 0
        self.inherited = 0

    @property
    def spooled(self) -> int:
        """Events that are not settled; those of other processes count from when they are taken over and read."""
        return self.appended + self.inherited - self.settled

    def append(self, event: bytes) -> bool:
        """Keep an event; False when the spool is full or the disk takes nothing."""
        with self._writing:
            active = self._active
            if (active is None or active.end >= self._segment_bytes) and (active := self._begin()) is None:
                return False
            if not active.append(event):
                self._full_since = time.monotonic()
                self._seal()
                return False
            self.appended += 1
            if self._sync_every is not None and time.monotonic() - self._synced >= self._sync_every:
                self.sync()
            return True

    def sync(self) -> None:
        """Have the disk hold what was written."""
        with self._writing:
            self._synced = time.monotonic()
            if self._active:
                self._active.sync()

    def tend(self) -> None:
        """What is to be done now and then: write to the disk what is due, and take over what ended processes left."""
        now = time.monotonic()
        if self._sync_every and now - self._synced >= self._sync_every:
            self.sync()
        if now - self._looked >= LOOK_AROUND_SECONDS:
            self._looked = now
            self.take_over()

    def _begin(self) -> Segment | None:
        if self._closed or time.monotonic() - self._full_since < LOOK_SECONDS:
            return None
        self._seal()
        try:
            if self._size() + self._segment_bytes > self._capacity:
                raise OSError  # noqa: TRY301 (full, whether by our measure or by the disk's)
            self._active = Segment.create(self.folder)
        except OSError:
            self._full_since = time.monotonic()
            return None
        self._segments.append(self._active)
        return self._active

    def _seal(self) -> None:
        if self._active:
            self._active.sealed = True
            self._active = None

    def _size(self) -> int:
        return sum(_size_of(entry) for entry in os.scandir(self.folder))

    @property
    def untaken(self) -> int:
        """Events of this process that wait to be taken."""
        return self.appended - self._taken

    def holds(self, many: int) -> bool:
        """Whether so many events wait to be taken; what others left is always enough."""
        left = any(segment.inherited and segment.read < segment.end for segment in list(self._segments))
        return left or self.untaken >= many

    @property
    def is_left(self) -> bool:
        """Whether there are files from before, which need not be sent: others may hold them."""
        return any(self.folder.glob(f"*{SUFFIX}"))

    def take_over(self) -> None:
        """Take over what processes left that have ended."""
        with self._reading:
            mine = {segment.path for segment in self._segments}
            left = (path for path in sorted(self.folder.glob(f"*{SUFFIX}")) if path not in mine)
            found = [segment for path in left if (segment := Segment.take_over(path))]
            with self._writing:
                self._segments = sorted([*self._segments, *found], key=lambda segment: segment.path.name)

    def take(self, most: int, most_bytes: int) -> Batch | None:
        """The next events to send; None when there are none."""
        with self._reading:
            for segment in list(self._segments):
                if segment.read < segment.end:
                    chunk = segment.next(most, most_bytes)
                    size = len(chunk.events)
                    if segment.inherited:
                        self.inherited += size
                    else:
                        self._taken += size
                    if size:
                        return Batch(
                            chunk.events, chunk.since, segment.inherited, segment, chunk.start, chunk.end, size
                        )
                    segment.settle(chunk.start, chunk.end)
                self._drop_if_finished(segment)
        return None

    def done(self, batch: Batch) -> None:
        """Note that a batch need not be sent again."""
        segment = batch.segment
        with self._reading:
            if segment not in self._segments:  # it was let go meanwhile
                return
            self.settled += batch.size
            segment.settle(batch.start, batch.end)
            self._drop_if_finished(segment)

    def _drop_if_finished(self, segment: Segment) -> None:
        with self._writing:
            if segment in self._segments and segment.sealed and segment.finished:
                self._segments.remove(segment)
                self._delete(segment)

    def _delete(self, segment: Segment) -> None:
        if segment.damaged:
            kept = segment.path.with_suffix(DAMAGED)
            log.error("driftline: %d bytes of %s fit no checksum; the file is kept", segment.damaged, kept)
        segment.delete()

    def keep(self, events: Sequence[bytes]) -> int:
        """Have events outlive the process that could not send them; how many could not. Here all of them do."""
        del events
        return 0

    @property
    def oldest(self) -> float | None:
        """When the first event was taken that nobody sends yet, in seconds since 1970."""
        with self._reading:
            moments = (segment.oldest() for segment in self._segments)
            return min((moment for moment in moments if moment is not None), default=None)

    def close(self) -> None:
        """Let all segments go; what is not settled is taken over by the next process that looks."""
        with self._reading, self._writing:
            self._seal()
            self._closed = True
            for segment in self._segments:
                if segment.finished:
                    self._delete(segment)
                else:
                    segment.release()
            self._segments = []

    def forget(self) -> None:
        """After a fork, in the child: the segments stay the parent's."""
        for segment in self._segments:
            # The lock is the parent's as long as it lives; a copy of the descriptor would keep it when it has ended.
            segment.release()
        self._segments = []


def _size_of(entry: os.DirEntry[str]) -> int:
    with contextlib.suppress(OSError):
        return entry.stat().st_size
    return 0
