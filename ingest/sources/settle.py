"""Wait until everything that a source has sent is stored, so that its place may be kept."""

from __future__ import annotations

import time
from collections.abc import Callable

from ..client import explain
from ..shipper import Shipper

PATIENCE = 60.0
"""Seconds without any progress after which a job gives up."""
CLOSING_PATIENCE = 20.0
"""The same once it was told to stop: whoever stops it would kill it soon."""
HOPELESS = frozenset({401, 403})
"""Statuses that waiting does not change."""
LOOK_SECONDS = 0.5


class IncompleteError(RuntimeError):
    """Not everything was stored; the same command goes on from there."""


def settle(
    shipper: Shipper, what: str, patience: float = PATIENCE, stopping: Callable[[], bool] = lambda: False
) -> None:
    """Wait until everything that the shipper took is stored, or kept as a dead letter, or lost with a word.

    Args:
        shipper: Has the documents.
        what: Where they come from, for the error.
        patience: Seconds without any progress after which it gives up.
        stopping: Whether the job was told to stop; its patience is short then.

    Raises:
        IncompleteError: Elasticsearch refuses the credentials, takes nothing for so long, or the shipper dropped some.
    """
    before, since = shipper.stats(), time.monotonic()
    while not shipper.flush(LOOK_SECONDS):
        now, trouble = shipper.stats(), shipper.trouble
        if now.waiting != before.waiting:
            before, since = now, time.monotonic()
        limit = min(patience, CLOSING_PATIENCE) if stopping() else patience
        if getattr(trouble, "status_code", None) in HOPELESS or time.monotonic() - since > limit:
            reason = explain(trouble, shipper.url) if trouble else "Elasticsearch takes nothing"
            msg = f"{what}: not everything is stored: {reason}; the same command goes on from there"
            raise IncompleteError(msg)
    if dropped := shipper.stats().dropped:
        msg = f"{what}: {dropped:,} documents are not stored; the log says why"
        raise IncompleteError(msg)
