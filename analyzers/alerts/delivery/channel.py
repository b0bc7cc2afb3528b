"""What every channel can do, and how it says that it could not."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Protocol

from ..records import Notice

TIMEOUT = 10.0
"""Seconds that a receiver has to answer: much less than the lease of a delivery."""


@dataclass(frozen=True, slots=True)
class Sent:
    """A notice was taken.

    Attributes:
        reference: What later notices of the same incident refer to, such as a `Message-ID`; None where there is none.
        remark: What did not go as it should, though the notice was taken.
    """

    reference: str | None = None
    remark: str | None = None


@contextmanager
def unlogged() -> Iterator[None]:
    """What the libraries that send would log holds addresses, and with them tokens."""
    loggers = [logging.getLogger(name) for name in ("apprise", "urllib3.connectionpool")]
    before = [logger.disabled for logger in loggers]
    for logger in loggers:
        logger.disabled = True
    try:
        yield
    finally:
        for logger, was in zip(loggers, before, strict=True):
            logger.disabled = was


class RetryError(Exception):
    """The notice was not taken, and may be later. The text holds no secret."""


class RefusedError(Exception):
    """The notice was not taken, and never will be. The text holds no secret."""


class Channel(Protocol):
    """A way to people, or to a system that tells them."""

    def send(self, notice: Notice, thread: str | None) -> Sent:
        """Hand a notice over.

        Args:
            notice: What to tell.
            thread: The reference of the first notice of this incident that this channel took; None for the first.

        Raises:
            RetryError: It was not taken, and may be later.
            RefusedError: It was not taken, and never will be.
        """
        ...
