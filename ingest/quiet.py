"""Say the same trouble at most every half minute."""

from __future__ import annotations

import logging
import time
from typing import Any

QUIET_SECONDS = 30.0


class Quiet:
    """Warnings that do not flood a log.

    Args:
        log: Where they go.
    """

    def __init__(self, log: logging.Logger) -> None:
        self._log = log
        self._said: dict[str, float] = {}

    def say(self, topic: str, message: str, *values: Any) -> None:
        """Warn, unless something on this topic was said a moment ago."""
        now = time.monotonic()
        if now - self._said.get(topic, -QUIET_SECONDS) >= QUIET_SECONDS:
            self._said[topic] = now
            self._log.warning(message, *values)
