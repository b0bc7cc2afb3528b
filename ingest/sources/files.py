"""Ship the events in JSON lines files: from where it stopped, through rotation, and without storing anything twice."""

from __future__ import annotations

import glob
import logging
import stat
import time
from collections.abc import Sequence
from fnmatch import fnmatch
from pathlib import Path

from ..events import Source
from .lines import BLANK, BrokenError, letter, parse
from .places import Key, Place, Places
from .settle import IncompleteError
from .shipped import BATCH, BATCH_BYTES, Job, Shipped
from .tails import Tail, key_of

log = logging.getLogger("driftline.ship")

POLL_SECONDS = 0.5
"""Between two looks at files that do not grow."""
COMPRESSED = (".gz", ".bz2", ".xz", ".zst")
"""Rotated files that were read before they were compressed."""


class Files:
    """The log files that match some patterns, each known by what it is and not by its name.

    Args:
        patterns: Names with wildcards, `**` for folders in folders.
        places: How far each file is read.
        job: How to ship.

    Attributes:
        shipped: What was done so far.
        found: Whether the patterns named any file, now or before.
        problems: What is wrong with files that cannot be read, by name.
    """

    def __init__(self, patterns: Sequence[str], places: Places, job: Job) -> None:
        self._patterns = [str(Path(pattern).expanduser().absolute()) for pattern in patterns]
        self._places = places
        self._shipper = job.shipper
        self._source = Source(namespace=job.shipper.streams.namespace)
        self._once = job.once
        self.shipped = Shipped()
        self.problems: dict[str, str] = {}
        # A file that was renamed out of the patterns while nothing ran is still to be read to its end.
        self._tails = {key: Tail(key, place, BATCH) for key, place in places.known.items() if self._is_mine(place.path)}
        self.found = bool(self._tails)
        # What a process that died has sent is in the files that are there when the next one begins.
        self.look(BATCH)
        self.found = self.found or bool(self._tails)
        for tail in self._tails.values() if job.once else ():
            tail.end = tail.size

    def look(self, again: int = 0) -> None:
        """See which files there are by now.

        Args:
            again: First lines of new ones that may have been sent before.

        Raises:
            OSError: A new one cannot be noted.
        """
        seen = self._matching()
        for key, path in seen.items():
            if key not in self._tails:
                place = self._places.known.get(key) or Place(path)
                self._tails[key] = Tail(key, place, again)
                # At once: it may be renamed out of the patterns, and this process die, before anything of it is stored.
                self._places.keep(key, place)
            self._tails[key].path = path
        for key in self._tails.keys() - seen.keys():
            self._let_go(self._tails[key])

    def ship(self) -> int:
        """Send the next lines, wherever there are some; returns how many."""
        # All files at the same pace; or one after the other, so that few are open at once.
        shares = 1 if self._once else max(1, len(self._tails))
        count, before = 0, self.shipped.done
        for tail in list(self._tails.values()):
            if self._once and (count >= BATCH or self.shipped.done - before >= BATCH_BYTES):
                break
            try:
                lines = tail.read(max(1, BATCH // shares), BATCH_BYTES // shares)
            except OSError as error:
                self._problem(tail.path, error)
                continue
            count += len(lines)
            for begin, line in lines:
                self._send(tail, begin, line)
            if self._once and not lines:
                tail.close()
        return count

    def keep(self) -> None:
        """Note how far every file is read; only for what is stored.

        Raises:
            OSError: It cannot be noted.
        """
        left = 0
        for tail in self._tails.values():
            self._places.keep(tail.key, tail.place)
            left += max(0, tail.size - tail.place.offset)
            tail.close_if_idle()
        self.shipped.total = self.shipped.done + left

    def close(self) -> None:
        """Let all files go."""
        for tail in self._tails.values():
            tail.close()

    def _send(self, tail: Tail, begin: int, line: bytes) -> None:
        again = tail.was_sent()
        self.shipped.done += len(line)
        try:
            event = parse(line)
            if event is not None:
                self.shipped.send(self._shipper, event, again=again)
            elif line.strip(BLANK):
                self.shipped.passed += 1
        except BrokenError as error:
            found = letter(error, f"byte {begin:,}", self._source, tail.path)
            self.shipped.refuse(self._shipper, found, again=again)

    def _matching(self) -> dict[Key, str]:
        """The files that match the patterns by now; one that has two names is one."""
        found: dict[Key, str] = {}
        for pattern in self._patterns:
            for path in sorted(glob.glob(pattern, recursive=True)):  # noqa: PTH207 (takes absolute patterns)
                if path.endswith(COMPRESSED):
                    continue
                try:
                    status = Path(path).stat()
                except OSError as error:
                    self._problem(path, error)
                    continue
                if stat.S_ISREG(status.st_mode):
                    found.setdefault(key_of(status), path)
        return found

    def _let_go(self, tail: Tail) -> None:
        """Follow a file that the patterns name no more, unless it is gone or has nothing new."""
        if tail.is_open:
            return
        found = tail.find()
        if not found:
            self._places.forget_if_old(tail.key)
        if not found or tail.size == tail.place.offset:
            del self._tails[tail.key]

    def _is_mine(self, path: str) -> bool:
        # To fnmatch a star stands for slashes too, and two stars for one folder at least.
        return any(fnmatch(path, pattern) or fnmatch(path, pattern.replace("**/", "")) for pattern in self._patterns)

    def _problem(self, path: str, error: OSError) -> None:
        if isinstance(error, FileNotFoundError):
            return  # It went between two looks.
        text = f"{path}: {error.strerror or error}"
        if self.problems.get(path) != text:
            self.problems[path] = text
            log.warning("driftline: %s; the other files are shipped", text)


def run(files: Files, job: Job) -> Shipped:
    """Ship until told to stop, or once.

    Raises:
        IncompleteError: Not everything was stored, or read.
        OSError: It cannot be noted how far it came.
    """
    looked = time.monotonic()
    count = 1
    try:
        while not job.stopping() and (count or not job.once):
            count = files.ship()
            if count:
                job.settle("files")
            files.keep()
            job.progress(files.shipped)
            if not count and not job.once:
                time.sleep(POLL_SECONDS)
            if not job.once and time.monotonic() - looked >= POLL_SECONDS:
                files.look()
                looked = time.monotonic()
    finally:
        files.close()
    if job.once and count:
        msg = "stopped before the end; the same command goes on from there"
        raise IncompleteError(msg)
    if job.once and files.problems:
        msg = f"not everything is shipped: {'; '.join(files.problems.values())}"
        raise IncompleteError(msg)
    return files.shipped
