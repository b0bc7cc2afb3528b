"""Stop when told to, with the work at hand done."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

SIGNALS = (signal.SIGTERM, signal.SIGINT)


@contextmanager
def on_signals() -> Iterator[Callable[[], bool]]:
    """Take SIGTERM and SIGINT as the wish to stop; a second one of either ends the process as usual.

    Gives a function that says whether one came. Only for the main thread.
    """
    # No event of threading: a handler that interrupts a wait for it would wait for its lock for ever.
    asked: list[int] = []
    before = {number: signal.getsignal(number) for number in SIGNALS}

    def restore() -> None:
        for number, handler in before.items():
            signal.signal(number, handler)

    def ask(number: int, _: FrameType | None) -> None:
        asked.append(number)
        restore()

    for number in SIGNALS:
        signal.signal(number, ask)
    try:
        yield lambda: bool(asked)
    finally:
        restore()
