"""Events that wait in memory, and on disk when there are too many of them."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Sequence

from .spool import Batch, Spool


class Memory:
    """A bounded queue; what does not fit in goes to a spool, if there is one.

    What is in memory is gone when the process is killed, and that is never more than `size` events.

    Args:
        size: Events that may wait in memory or be on their way from there.
        overflow: Where others go.
    """

    def __init__(self, size: int, overflow: Spool | None) -> None:
        self._size = size
        self._overflow = overflow
        self._queue: deque[tuple[float, bytes]] = deque()
        # The same thread may log in a signal handler while it is just logging.
        self._lock = threading.RLock()
        self._appended = 0
        self._on_the_way = 0

    @property
    def appended(self) -> int:
        """Events taken."""
        return self._appended + (self._overflow.appended if self._overflow else 0)

    @property
    def inherited(self) -> int:
        """Events of processes that have ended."""
        return self._overflow.inherited if self._overflow else 0

    @property
    def spooled(self) -> int:
        """Events on disk."""
        return self._overflow.spooled if self._overflow else 0

    def append(self, event: bytes) -> bool:
        """Keep an event; False when there is no room."""
        with self._lock:
            if len(self._queue) + self._on_the_way < self._size:
                self._queue.append((time.time(), event))
                self._appended += 1
                return True
        return self._overflow.append(event) if self._overflow else False

    def take(self, most: int, most_bytes: int) -> Batch | None:
        """The next events to send; None when there are none."""
        with self._lock:
            events: list[bytes] = []
            since, size = (self._queue[0][0] if self._queue else 0.0), 0
            while self._queue and len(events) < most and size < most_bytes:
                event = self._queue.popleft()[1]
                events.append(event)
                size += len(event)
            self._on_the_way += len(events)
        if events:
            return Batch(events, since, size=len(events))
        return self._overflow.take(most, most_bytes) if self._overflow else None

    def done(self, batch: Batch) -> None:
        """Note that a batch need not be sent again."""
        if batch.segment and self._overflow:
            self._overflow.done(batch)
        else:
            with self._lock:
                self._on_the_way -= batch.size

    def keep(self, events: Sequence[bytes]) -> int:
        """Have events outlive the process that could not send them, and all that still wait; how many could not."""
        with self._lock:
            left = [*events, *(event for _, event in self._queue)]
            self._queue.clear()
            self._size = 0
        if not self._overflow:
            return len(left)
        kept = sum(self._overflow.append(event) for event in left)
        self._appended -= kept  # the spool counts them now
        return len(left) - kept

    @property
    def untaken(self) -> int:
        """Events in memory that wait to be taken."""
        return len(self._queue)

    def holds(self, many: int) -> bool:
        """Whether so many events wait to be taken."""
        return len(self._queue) >= many or (self._overflow is not None and self._overflow.holds(many))

    @property
    def is_left(self) -> bool:
        """Whether there may be events on disk of processes that have ended."""
        return self._overflow is not None and self._overflow.is_left

    @property
    def oldest(self) -> float | None:
        """When the first event was taken that nobody sends yet, in seconds since 1970."""
        with self._lock:
            if self._queue:
                return self._queue[0][0]
        return self._overflow.oldest if self._overflow else None

    def tend(self) -> None:
        """What is to be done now and then."""
        if self._overflow:
            self._overflow.tend()

    def close(self) -> None:
        """Let everything go."""
        if self._overflow:
            self._overflow.close()

    def forget(self) -> None:
        """After a fork, in the child: what waits is the parent's."""
        if self._overflow:
            self._overflow.forget()
