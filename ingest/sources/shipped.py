"""What a source has shipped so far, and how it is to ship."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from ..shipper import Shipper
from .lines import BrokenError, Event, as_text
from .settle import PATIENCE, settle

BATCH = 10_000
"""Lines or messages between two notes of how far a source is read. As many may be sent again after a crash."""
BATCH_BYTES = 32 * 1024 * 1024
"""The same in bytes, so that long lines do not fill the memory."""


@dataclass(slots=True)
class Shipped:
    """What a source has shipped so far.

    Attributes:
        events: Events handed to the shipper.
        passed: Lines that are none of ours.
        refused: Lines or messages that are no events, kept as dead letters.
        reason: Why the first of them was refused.
        done: Bytes of files, or messages of a topic, that are read.
        total: How many there are.
    """

    events: int = 0
    passed: int = 0
    refused: int = 0
    reason: str | None = None
    done: int = 0
    total: int = 0

    def send(self, shipper: Shipper, event: Event, *, again: bool) -> None:
        """Send an event as it is.

        Raises:
            BrokenError: The shipper finds that it cannot be stored.
        """
        try:
            shipper.send_encoded(event.dataset, event.identity, event.source, again=again)
        except ValueError as error:
            raise BrokenError(str(error), as_text(event.source)) from error
        self.events += 1

    def refuse(self, shipper: Shipper, letter: Mapping[str, Any], *, again: bool) -> None:
        """Send a dead letter."""
        shipper.send(letter, again=again)
        self.refused += 1
        self.reason = self.reason or str(letter["event"]["reason"])


@dataclass(frozen=True, slots=True)
class Job:
    """How a source is to ship.

    Attributes:
        shipper: Sends the events; should wait when it is full.
        once: Whether to end at the end of what is there now, instead of following it.
        stopping: Whether to stop.
        progress: Called after every batch that is stored.
        patience: Seconds without any progress after which it gives up.
    """

    shipper: Shipper
    once: bool = False
    stopping: Callable[[], bool] = lambda: False
    progress: Callable[[Shipped], None] = lambda _: None
    patience: float = PATIENCE

    def settle(self, what: str) -> None:
        """Wait until everything that was sent is stored; see `settle`.

        Raises:
            IncompleteError: Not everything was stored.
        """
        settle(self.shipper, what, self.patience, self.stopping)
