"""Have a shipper send what it holds when its process ends, and begin afresh in a forked one."""

from __future__ import annotations

import atexit
import os
import signal
import sys
import threading
import weakref
from types import FrameType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .shipper import Shipper

_shippers: weakref.WeakSet[Shipper] = weakref.WeakSet()
_terminating: dict[str, bool] = {}


def at_exit(shipper: Shipper, *, on_sigterm: bool) -> None:
    """Close the shipper when the process ends: by itself, as a child of multiprocessing, or by SIGTERM.

    A SIGTERM that the service handles itself is left alone: a service that then ends by itself is met at its exit.
    """
    reference = weakref.ref(shipper)
    atexit.register(_close, reference)
    if util := sys.modules.get("multiprocessing.util"):
        # A child of multiprocessing ends without running what atexit holds.
        util.Finalize(None, _close, args=(reference,), exitpriority=10)
    main = threading.current_thread() is threading.main_thread()
    if on_sigterm and main and signal.getsignal(signal.SIGTERM) is signal.SIG_DFL:
        signal.signal(signal.SIGTERM, _terminate)


def _close(reference: weakref.ref[Shipper]) -> None:
    if shipper := reference():
        shipper.close()


def _terminate(number: int, _frame: FrameType | None) -> None:
    if _terminating.get("closed"):
        # Die of the signal, as whoever sent it expects.
        signal.signal(number, signal.SIG_DFL)
        os.kill(os.getpid(), number)
    elif not _terminating:
        # The main thread was interrupted anywhere, perhaps with a lock in its hands that closing needs: it must go on.
        _terminating["closed"] = False
        threading.Thread(target=_close_all, args=(number,), name="driftline-sigterm").start()


def _close_all(number: int) -> None:
    for shipper in list(_shippers):
        shipper.close()
    _terminating["closed"] = True
    os.kill(os.getpid(), number)


def at_fork(shipper: Shipper) -> None:
    """Let the shipper begin afresh in every child that is forked."""
    _shippers.add(shipper)


def _begin_afresh() -> None:
    _terminating.clear()
    for shipper in list(_shippers):
        shipper.begin_afresh()


os.register_at_fork(after_in_child=_begin_afresh)
