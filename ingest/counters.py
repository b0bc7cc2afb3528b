"""What a shipper has done so far, counted by several threads, and said without saying it twice."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

log = logging.getLogger("driftline.shipper")

QUIET_SECONDS = 30.0
"""The same trouble is said at most once in this time."""


@dataclass(frozen=True, slots=True)
class Stats:
    """What a shipper has done so far, in documents.

    Attributes:
        accepted: Taken from the caller, or over from a process that ended.
        recovered: Of these, taken over from a process that ended.
        sent: Stored by Elasticsearch.
        duplicates: Found stored already: sent before, under the same id.
        retried: Attempts that were repeated.
        dead: Refused for good, and stored whole as dead letters.
        lost: Refused for good, and so was the dead letter; logged.
        dropped: Not taken, because there was no room or the shipper was closed; or given up at the end.
        spooled: On disk, waiting to be sent, by this process or the next.
        lag: Seconds since the oldest document was taken that is not stored yet; 0 when none waits.
    """

    accepted: int = 0
    recovered: int = 0
    sent: int = 0
    duplicates: int = 0
    retried: int = 0
    dead: int = 0
    lost: int = 0
    dropped: int = 0
    spooled: int = 0
    lag: float = 0.0

    @property
    def waiting(self) -> int:
        """Documents that are on their way."""
        return self.accepted - self.sent - self.duplicates - self.dead - self.lost

    def to_document(self) -> dict[str, int | float]:
        """The numbers as the fields of `shipper`."""
        return {**asdict(self), "waiting": self.waiting}


class Counters:
    """Numbers that several threads count, and others wait for."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._numbers: dict[str, int] = {}
        self._said: dict[str, float] = {}

    def count(self, **numbers: int) -> None:
        """Add to some numbers."""
        with self._changed:
            for name, number in numbers.items():
                self._numbers[name] = self._numbers.get(name, 0) + number
            self._changed.notify_all()

    def __getitem__(self, name: str) -> int:
        return self._numbers.get(name, 0)

    def wait_for(self, reached: Callable[[], bool], seconds: float) -> bool:
        """Wait until counting makes something true."""
        with self._changed:
            return self._changed.wait_for(reached, seconds)

    def say(self, topic: str, message: str, *values: Any) -> None:
        """Warn of something, unless that was done a moment ago."""
        now = time.monotonic()
        if now - self._said.get(topic, -QUIET_SECONDS) >= QUIET_SECONDS:
            self._said[topic] = now
            log.warning(message, *values)
