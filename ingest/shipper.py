"""Carries documents to Elasticsearch in the background, so that no service waits for it or fails with it."""

from __future__ import annotations

import logging
import os
import random
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Self

from . import endings
from .bulk import LONGEST_ID, Bulk, encode, resent, stampable
from .client import connect, is_loopback
from .counters import Counters, Stats, log
from .events import document_id, report, to_json
from .memory import Memory
from .spool import Batch, Spool
from .streams import Streams

if TYPE_CHECKING:
    from elasticsearch import Elasticsearch

    Buffer = Memory | Spool

BACKOFF_BASE = 0.1
BACKOFF_CAP = 10.0
CLOSING_PAUSE = 0.5
WAKE_SECONDS = 0.05
ROOM_SECONDS = 0.01
DONE = ("sent", "duplicates", "dead", "lost")
THREAD = "driftline-shipper-"
SPOOL_BYTES = 1024 * 1024 * 1024


class Shipper:
    """Takes documents at once, and a few threads send them in batches until they are stored.

    Documents carry ids, so that sending one again stores nothing twice. Elasticsearch away or overloaded: batches are
    tried again with growing, random pauses ("full jitter", https://aws.amazon.com/blogs/architecture/
    exponential-backoff-and-jitter/), while the documents wait where the mode says:

    - `durable`, the default with a `spool`: each document is in a file before `send` returns. What was taken outlives
      the process, also one that is killed; the next start, or a sibling on the same folder, sends it.
    - `memory`: a bounded queue. What does not fit in goes to the spool, if there is one. What is in the queue when the
      process is killed is lost: at most `queue_size` documents and those being sent.

    When there is no room, what comes is dropped, counted and said; with `block` the caller waits instead, which is for
    batch jobs.

    Args:
        url: Where Elasticsearch is; default `ELASTICSEARCH_URL`, else the local one.
        namespace: Namespace of the data streams.
        spool: A folder on a local disk for what waits, shared by the processes that ship to the same cluster.
        mode: Where documents wait; see above.
        spool_bytes: What the folder may hold.
        sync_every: Seconds between two calls of fdatasync(2) on the spool, 0 for one with each document: then documents
            outlive the machine's crash as well, for milliseconds each. None leaves that to the kernel.
        client: A function that makes a client, instead of the default one.
        queue_size: Documents that may wait in memory.
        batch_size: Documents in one request at most; fewer if so many do not fit into the queue for each worker, twice.
        batch_bytes: Bytes in one request, about.
        max_age: Seconds that a document waits for company.
        workers: Threads that send.
        compress: Whether requests are compressed; by default they are unless Elasticsearch is on this machine.
        block: Whether `send` waits for room.
        report_every: Seconds between two reports of the counters to Elasticsearch, None for none.
        on_sigterm: Whether a SIGTERM that nobody else handles lets what waits be sent first.

    Attributes:
        streams: Names of the data streams.
        url: Where Elasticsearch is, as it was given.

    Raises:
        ValueError: The namespace or the mode is not allowed.
        OSError: The spool cannot be written.
    """

    def __init__(  # noqa: PLR0913 (limits are keywords, each with a default)
        self,
        url: str | None = None,
        *,
        namespace: str = "default",
        spool: str | Path | None = None,
        mode: Literal["durable", "memory"] | None = None,
        spool_bytes: int = SPOOL_BYTES,
        sync_every: float | None = None,
        client: Callable[[], Elasticsearch] | None = None,
        queue_size: int = 50_000,
        batch_size: int = 2_000,
        batch_bytes: int = 4 * 1024 * 1024,
        max_age: float = 1.0,
        workers: int = 3,
        compress: bool | None = None,
        block: bool = False,
        report_every: float | None = 60.0,
        on_sigterm: bool = True,
    ) -> None:
        chosen = mode or ("durable" if spool else "memory")
        if chosen not in ("durable", "memory") or (chosen == "durable" and not spool):
            msg = f"mode: got {mode!r}, allowed: 'memory', or 'durable' with a folder for the spool"
            raise ValueError(msg)
        self.streams = Streams(namespace)
        self.url = url
        self._connect = client or (lambda: _connected(url))
        self._compress = not is_loopback(url) if compress is None else compress
        self._spool = (Path(spool), spool_bytes, sync_every) if spool else None
        self._durable = chosen == "durable"
        self._queue_size = queue_size
        # Those on their way, and those that wait for company, must leave room for what comes meanwhile.
        fitting = batch_size if self._durable else max(1, min(batch_size, queue_size // (2 * max(1, workers))))
        self._batch = (fitting, batch_bytes)
        self._max_age = max_age
        self._workers = workers
        self._block = block
        self._report_every = report_every
        self._on_sigterm = on_sigterm
        self._reset()
        endings.at_fork(self)
        if self._buffer.is_left:
            self._start()

    def begin_afresh(self) -> None:
        """In a forked child: threads do not cross a fork, and what waits is the parent's to send."""
        self._buffer.forget()
        self._reset()

    def _reset(self) -> None:
        spool = Spool(*self._spool) if self._spool else None
        self._buffer: Buffer = spool if spool and self._durable else Memory(self._queue_size, spool)
        self._counters = Counters()
        self._bulk: Bulk | None = None
        self._client: Elasticsearch | None = None
        self._starting = threading.RLock()
        self._threads: list[threading.Thread] = []
        self._logs = False
        self._closing = threading.Event()
        self._deadline = float("inf")
        # Set when enough waits for a batch, or when somebody cannot wait until there is.
        self._hurry = threading.Event()
        self._turn = threading.Lock()
        self._untaken = 0
        self._in_flight: dict[int, Batch] = {}
        self._reported = time.monotonic()
        self._service: Any = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def trouble(self) -> Exception | None:
        """Why the last request failed; None when it did not."""
        return self._bulk.trouble if self._bulk else None

    def send(self, document: Mapping[str, Any], *, again: bool = False) -> bool:
        """Take a document; returns at once, whatever Elasticsearch does.

        Args:
            document: The document, with `event.dataset` and `event.id`.
            again: Whether this very event may have been sent before, by a process that ended since.

        Returns:
            Whether it was taken; False when there is no room or the shipper is closed.

        Raises:
            TypeError: The document cannot be written as JSON.
        """
        event = encode(self.streams.of(document["event"]["dataset"]), document_id(document), to_json(document))
        if not self._logs:
            self._service = document.get("service")
        return self._take(resent(event) if again else event)

    def send_encoded(self, dataset: str, identity: str, source: bytes, *, again: bool = False) -> bool:
        """Take a document that is JSON already; it is stored as it is.

        Args:
            dataset: The kind of document, such as `driftline.predictions`.
            identity: Its `_id`.
            source: The document.
            again: Whether this very event may have been sent before, by a process that ended since.

        Returns:
            Whether it was taken.

        Raises:
            ValueError: The source is no JSON, or the id is none.
        """
        if not 0 < len(identity.encode()) <= LONGEST_ID:
            msg = f"_id: got {identity!r}, allowed: a text of 1 to {LONGEST_ID} bytes"
            raise ValueError(msg)
        event = encode(self.streams.of(dataset), identity, stampable(source))
        return self._take(resent(event) if again else event)

    def _take(self, event: bytes) -> bool:
        if self._closing.is_set():
            return self._drop()
        if not self._logs:
            self._begin()
        while not self._buffer.append(event):
            if not self._block or self._closing.is_set():
                return self._drop()
            self._hurry.set()
            time.sleep(ROOM_SECONDS)
        self._untaken += 1
        if self._untaken >= self._batch[0] and self._untaken >= self._enough and not self._hurry.is_set():
            self._hurry.set()
        return True

    def stats(self) -> Stats:
        """What was done so far."""
        buffer, counters = self._buffer, self._counters
        # Before those that were accepted: in between, more may be, and none is to be done before it is accepted.
        done = {name: counters[name] for name in (*DONE, "retried", "dropped")}
        moments = [batch.since for batch in list(self._in_flight.values())]
        since = min(filter(None, [*moments, buffer.oldest]), default=None)
        return Stats(
            accepted=buffer.appended + buffer.inherited - counters["given_up"],
            recovered=buffer.inherited,
            spooled=buffer.spooled,
            lag=max(0.0, time.time() - since) if since else 0.0,
            **done,
        )

    def flush(self, timeout: float | None = None) -> bool:
        """Wait until everything taken so far is stored or given up; False when the time was up before."""
        due = float("inf") if timeout is None else time.monotonic() + timeout
        while True:
            self._hurry.set()
            if self._counters.wait_for(self._settled, max(0.0, min(WAKE_SECONDS, due - time.monotonic()))):
                return True
            if time.monotonic() >= due:
                return False

    def _settled(self) -> bool:
        done = sum(self._counters[name] for name in (*DONE, "given_up"))
        return self._buffer.appended + self._buffer.inherited == done and not self._in_flight

    def close(self, timeout: float = 30.0) -> Stats:
        """Send what is left, for at most `timeout` seconds, and stop.

        What is left then stays in the spool for the next start; without one it is counted as dropped, and said.
        """
        with self._starting:
            if self._closing.is_set():
                return self.stats()
            self._deadline = time.monotonic() + timeout
            self._closing.set()
        while any(thread.is_alive() for thread in self._threads) and time.monotonic() < self._deadline + 1:
            self._hurry.set()
            for thread in self._threads:
                thread.join(WAKE_SECONDS)
        self._let_go()
        return self.stats()

    def _let_go(self) -> None:
        if self._report_every is not None and self._threads and self.trouble is None:
            self._report()
        left = [event for batch in list(self._in_flight.values()) if not batch.segment for event in batch.events]
        self._in_flight.clear()
        if dropped := self._buffer.keep(left):
            self._counters.count(dropped=dropped, given_up=dropped)
            log.warning("driftline: %d documents were not stored before the end; they are dropped", dropped)
        elif waiting := self.stats().waiting:
            log.warning("driftline: %d documents wait in the spool for the next start", waiting)
        self._buffer.close()
        if self._client is not None:
            self._client.close()

    def _drop(self) -> bool:
        self._counters.count(dropped=1)
        dropped = self._counters["dropped"]
        self._counters.say("drop", "driftline: the queue is full or closed; %d documents dropped so far", dropped)
        return False

    def _begin(self) -> None:
        self._start()
        self._logs = True
        # Only now, after the client: what is registered last runs first, and the client's connections end at exit.
        endings.at_exit(self, on_sigterm=self._on_sigterm)

    def _start(self) -> None:
        with self._starting:
            if self._threads or self._closing.is_set():
                return
            self._client = self._connect()
            logging.getLogger("elastic_transport.node_pool").addFilter(_is_not_ours)
            self._bulk = Bulk(self._client, self.streams, self._counters, self.url, compress=self._compress)
            self._threads = [
                threading.Thread(target=self._work, name=f"{THREAD}{number}", daemon=True)
                for number in range(self._workers)
            ]
            for thread in self._threads:
                thread.start()

    def _work(self) -> None:
        own = threading.get_ident()
        while True:
            closing = self._closing.is_set()
            if batch := self._next(own):
                if not self._deliver(batch):
                    return
                self._in_flight.pop(own, None)
                self._counters.count()
                if self._buffer.holds(self._enough):
                    self._hurry.set()
            elif closing:
                return
            self._report_if_due()
            if closing and time.monotonic() > self._deadline:
                return

    def _next(self, own: int) -> Batch | None:
        """The next batch: as soon as enough waits, else what has come after a while.

        One thread waits at a time. Did all of them, each full batch would wake them all, and the others would send what
        came meanwhile in requests of a few events, and take the interpreter from the service to do so.
        """
        with self._turn:
            self._buffer.tend()
            self._hurry.clear()
            if not self._closing.is_set() and not self._buffer.holds(self._enough):
                self._hurry.wait(self._max_age)
            if batch := self._buffer.take(*self._batch):
                self._untaken = self._buffer.untaken
                self._in_flight[own] = batch
            return batch

    @property
    def _enough(self) -> int:
        """A full batch, and one more for each on its way: another thread is for when those before it fall behind."""
        return self._batch[0] * (1 + len(self._in_flight))

    def _deliver(self, batch: Batch) -> bool:
        """Send a batch; False when there was no time for all of it."""
        assert self._bulk is not None
        batch.events = self._bulk.deliver(batch.events, again=batch.again, pause=self._pause)
        if not batch.events:
            self._buffer.done(batch)
        return not batch.events

    def _pause(self, attempt: int) -> bool:
        """Wait before the next attempt; False when there is no time for one."""
        # Jitter needs no secret randomness.
        pause = random.uniform(0, min(BACKOFF_CAP, BACKOFF_BASE * 2 ** min(attempt, 16)))  # noqa: S311
        if self._closing.wait(pause):
            # Whoever closes waits for us: short pauses, yet never none at all.
            time.sleep(max(0.0, min(pause, CLOSING_PAUSE, self._deadline - time.monotonic())))
        return time.monotonic() <= self._deadline

    def _report_if_due(self) -> None:
        due = self._report_every is not None and time.monotonic() - self._reported >= self._report_every
        if due and self.trouble is None:
            self._report()

    def _report(self) -> None:
        """Have Elasticsearch know how shipping goes, so that a dashboard tells when it does not."""
        self._reported = time.monotonic()
        if self._bulk:
            self._bulk.tell(report(self.stats().to_document(), self._service, os.getpid(), self.streams.namespace))


def _connected(url: str | None) -> Elasticsearch:
    from .serializers import serializers  # noqa: PLC0415 (it loads the client)

    # Retries are ours: the client's own would repeat a batch without a pause.
    return connect(url, max_retries=0, retry_on_timeout=False, serializers=serializers())


def _is_not_ours(record: logging.LogRecord) -> bool:
    # The client's library warns of each attempt that fails; that Elasticsearch is away is said here, once in a while.
    return not str(record.threadName).startswith(THREAD)
