"""Carries documents to Elasticsearch in the background, so that no service waits for it or fails with it."""

from __future__ import annotations

import atexit
import logging
import os
import queue
import random
import threading
import time
import weakref
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Self

import orjson

from .client import connect, explain
from .events import Source, dead_letter, document_id
from .streams import Streams

if TYPE_CHECKING:
    from elasticsearch import Elasticsearch

log = logging.getLogger("driftline.shipper")

ANSWER = "errors,items.*.status,items.*.error"
RETRYABLE = frozenset({429, 502, 503, 504})
"""Statuses that mean later, not never."""
NO_STREAM = 404
"""No template makes the data stream yet: later, too. A plain index of the wrong types would be hard to get rid of."""
CONFLICT = 409
TOO_LARGE = 413
BACKOFF_BASE = 0.1
BACKOFF_CAP = 10.0
CLOSING_PAUSE = 0.5
WAKE_SECONDS = 0.05
QUIET_SECONDS = 30.0
"""The same trouble is said at most once in this time."""


@dataclass(frozen=True, slots=True)
class Stats:
    """What a shipper has done so far, in documents.

    Attributes:
        accepted: Taken from the caller.
        sent: Stored by Elasticsearch.
        duplicates: Found stored already: sent before, under the same id.
        retried: Attempts that were repeated.
        dead: Refused for good, and stored whole as dead letters.
        lost: Refused for good, and so was the dead letter; logged.
        dropped: Not taken, because the queue was full or the shipper closed.
    """

    accepted: int = 0
    sent: int = 0
    duplicates: int = 0
    retried: int = 0
    dead: int = 0
    lost: int = 0
    dropped: int = 0

    @property
    def waiting(self) -> int:
        """Documents that are on their way."""
        return self.accepted - self.sent - self.duplicates - self.dead - self.lost


@dataclass(frozen=True, slots=True)
class _Item:
    action: bytes
    source: bytes
    letter: bool = False

    @property
    def size(self) -> int:
        return len(self.action) + len(self.source)


class Shipper:
    """A bounded queue and a few threads that send what is in it, in batches, until it is stored.

    Documents carry ids, so that sending one again stores nothing twice. Elasticsearch away or overloaded: batches are
    tried again with growing, random pauses ("full jitter", https://aws.amazon.com/blogs/architecture/
    exponential-backoff-and-jitter/), while the queue takes what it can. A full queue drops what comes, counts it and
    says so; with `block` the caller waits instead, which is for batch jobs.

    Args:
        url: Where Elasticsearch is; default `ELASTICSEARCH_URL`, else the local one.
        namespace: Namespace of the data streams.
        client: A function that makes a client, instead of the default one.
        queue_size: Documents that may wait.
        batch_size: Documents in one request at most.
        batch_bytes: Bytes in one request at most.
        max_age: Seconds that a document waits for company.
        workers: Threads that send.
        block: Whether a full queue makes the caller wait.

    Attributes:
        streams: Names of the data streams.
        url: Where Elasticsearch is, as it was given.
        trouble: Why the last request failed; None when it did not.
    """

    def __init__(  # noqa: PLR0913 (limits are keywords, each with a default)
        self,
        url: str | None = None,
        *,
        namespace: str = "default",
        client: Callable[[], Elasticsearch] | None = None,
        queue_size: int = 50_000,
        batch_size: int = 2_000,
        batch_bytes: int = 5 * 1024 * 1024,
        max_age: float = 1.0,
        workers: int = 2,
        block: bool = False,
    ) -> None:
        self.streams = Streams(namespace)
        self.url = url
        # Retries are ours: the client's own would repeat a batch without a pause.
        self._connect = client or (lambda: connect(url, max_retries=0, retry_on_timeout=False))
        self._limits = (queue_size, batch_size, batch_bytes, max_age, workers)
        self._block = block
        self._reset()
        reference = weakref.ref(self)
        os.register_at_fork(after_in_child=lambda: _after_fork(reference))

    def _reset(self) -> None:
        self._queue: queue.Queue[_Item | None] = queue.Queue(self._limits[0])
        self._counts = dict.fromkeys(Stats.__dataclass_fields__, 0)
        self._lock = threading.Condition()
        self._threads: list[threading.Thread] = []
        self._closing = threading.Event()
        self._deadline = float("inf")
        self._said: dict[str, float] = {}
        self._client: Elasticsearch | None = None
        self.trouble: Exception | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def send(self, document: Mapping[str, Any]) -> bool:
        """Take a document; returns at once, whatever Elasticsearch does.

        Returns:
            Whether it was taken; False when the queue is full or the shipper is closed.

        Raises:
            TypeError: The document cannot be written as JSON.
        """
        item = self._encode(document)
        if self._closing.is_set():
            return self._drop()
        if not self._threads:
            self._start()
        with self._lock:
            self._counts["accepted"] += 1
        try:
            self._queue.put(item, block=self._block)
        except queue.Full:
            with self._lock:
                self._counts["accepted"] -= 1
            return self._drop()
        return True

    def stats(self) -> Stats:
        """What was done so far."""
        with self._lock:
            return Stats(**self._counts)

    def flush(self, timeout: float | None = None) -> bool:
        """Wait until everything taken so far is stored or given up; False when the time was up before."""
        due = float("inf") if timeout is None else time.monotonic() + timeout
        while True:
            self._wake()
            with self._lock:
                if self._lock.wait_for(self._settled, max(0.0, min(WAKE_SECONDS, due - time.monotonic()))):
                    return True
            if time.monotonic() >= due:
                return False

    def close(self, timeout: float = 30.0) -> Stats:
        """Send what is left, for at most `timeout` seconds, and stop. What is left then is counted as dropped."""
        if not self._closing.is_set():
            self._deadline = time.monotonic() + timeout
            self._closing.set()
            while any(thread.is_alive() for thread in self._threads) and time.monotonic() < self._deadline + 1:
                self._wake()
                for thread in self._threads:
                    thread.join(WAKE_SECONDS)
            with self._lock:
                left = Stats(**self._counts).waiting
                self._counts["dropped"] += left
                self._counts["accepted"] -= left
            if left:
                log.warning("driftline: %d documents were not stored before the end; they are dropped", left)
            if self._client is not None:
                self._client.close()
        return self.stats()

    def _settled(self) -> bool:
        return Stats(**self._counts).waiting == 0

    def _wake(self) -> None:
        """Let workers send what they have, instead of waiting for company. One may wake twice, and another not."""
        if self._queue.empty():  # else nobody waits
            for _ in self._threads:
                with suppress(queue.Full):
                    self._queue.put_nowait(None)

    def _drop(self) -> bool:
        with self._lock:
            self._counts["dropped"] += 1
            dropped = self._counts["dropped"]
        self._say("drop", "driftline: the queue is full or closed; %d documents dropped so far", dropped)
        return False

    def _encode(self, document: Mapping[str, Any]) -> _Item:
        index = self.streams.of(document["event"]["dataset"])
        action = {"create": {"_index": index, "_id": document_id(document)}}
        return _Item(orjson.dumps(action), orjson.dumps(document))

    def _start(self) -> None:
        with self._lock:
            if self._threads or self._closing.is_set():
                return
            self._client = self._connect()
            # Only now, after the client: what is registered last runs first, and the client's connections end at exit.
            atexit.register(_close, weakref.ref(self))
            self._threads = [
                threading.Thread(target=self._work, name=f"driftline-shipper-{number}", daemon=True)
                for number in range(self._limits[4])
            ]
        for thread in self._threads:
            thread.start()

    def _work(self) -> None:
        while not (self._closing.is_set() and self._queue.empty()):
            batch = self._batch()
            if batch:
                self._deliver(batch)

    def _batch(self) -> list[_Item]:
        _, most, most_bytes, age, _ = self._limits
        batch: list[_Item] = []
        size, due = 0, time.monotonic() + age
        while len(batch) < most and size < most_bytes:
            wait = 0.0 if self._closing.is_set() else max(0.0, due - time.monotonic())
            try:
                item = self._queue.get(timeout=wait) if wait else self._queue.get_nowait()
            except queue.Empty:
                break
            if item is None:
                break
            batch.append(item)
            size += item.size
        return batch

    def _deliver(self, batch: Sequence[_Item]) -> None:
        attempt = 0
        while batch:
            if time.monotonic() > self._deadline:
                return
            batch = self._try(batch)
            if batch:
                self._pause(attempt)
                attempt += 1

    def _pause(self, attempt: int) -> None:
        # Jitter needs no secret randomness.
        pause = random.uniform(0, min(BACKOFF_CAP, BACKOFF_BASE * 2 ** min(attempt, 16)))  # noqa: S311
        if self._closing.wait(pause):
            # Whoever closes waits for us: short pauses, yet never none at all.
            time.sleep(max(0.0, min(pause, CLOSING_PAUSE, self._deadline - time.monotonic())))

    def _try(self, batch: Sequence[_Item]) -> Sequence[_Item]:
        """Send a batch once; returns what is to be sent again."""
        from elasticsearch import ApiError, TransportError  # noqa: PLC0415 (only a process that ships needs it)

        client = self._client
        assert client is not None
        lines: list[Any] = [line for item in batch for line in (item.action, item.source)]
        try:
            answer = client.bulk(operations=lines, require_data_stream=True, filter_path=ANSWER)
            results = list(zip(batch, answer["items"], strict=True))
        except ApiError as error:
            if error.status_code == TOO_LARGE and len(batch) > 1:
                middle = len(batch) // 2
                return [*self._try(batch[:middle]), *self._try(batch[middle:])]
            if error.status_code == TOO_LARGE:
                return self._refused(batch[0], {"type": "too_large", "reason": explain(error, self.url)})
            return self._later(batch, error)
        except (TransportError, KeyError, TypeError, ValueError) as error:
            # All but the first: something between here and Elasticsearch answers in its place.
            return self._later(batch, error)
        self.trouble = None
        return self._sort_out(results) if answer["errors"] else self._stored(batch)

    def _later(self, batch: Sequence[_Item], error: Exception) -> Sequence[_Item]:
        self.trouble = error
        self._count("retried", len(batch))
        self._say("trouble", "driftline: %s; trying again", explain(error, self.url))
        return batch

    def _stored(self, batch: Sequence[_Item]) -> Sequence[_Item]:
        letters = sum(item.letter for item in batch)
        self._count("dead", letters)
        self._count("sent", len(batch) - letters)
        return []

    def _sort_out(self, results: Iterable[tuple[_Item, Mapping[str, Any]]]) -> Sequence[_Item]:
        later: list[_Item] = []
        letters: list[_Item] = []
        reason = ""
        for item, outer in results:
            (result,) = outer.values()
            if "error" not in result:
                self._stored([item])
            elif result["status"] == CONFLICT:
                self._count("dead" if item.letter else "duplicates", 1)
            elif result["status"] == NO_STREAM:
                reason = "has no template for its data streams: run `driftline setup`"
                later.append(item)
            elif result["status"] in RETRYABLE:
                reason = f"takes no documents for now: {result['error'].get('reason')}"
                later.append(item)
            else:
                letters += self._refused(item, result["error"])
        return [*letters, *(self._later(later, RuntimeError(reason)) if later else ())]

    def _refused(self, item: _Item, error: Mapping[str, Any]) -> Sequence[_Item]:
        """What to send instead of a document that Elasticsearch refuses: a dead letter that holds it whole."""
        reason = str(error.get("reason", error))
        if cause := error.get("caused_by"):
            reason = f"{reason}: {cause.get('reason', cause)}"
        if item.letter:
            log.error("driftline: a dead letter is refused and lost: %s: %s", reason, item.source.decode())
            self._count("lost", 1)
            return []
        self._say("dead", "driftline: Elasticsearch refuses a document, kept as a dead letter: %s", reason)
        source = Source(namespace=self.streams.namespace)
        letter = dead_letter(orjson.loads(item.source), reason, str(error.get("type")), source)
        return [replace(self._encode(letter), letter=True)]

    def _count(self, name: str, number: int) -> None:
        with self._lock:
            self._counts[name] += number
            self._lock.notify_all()

    def _say(self, topic: str, message: str, *values: Any) -> None:
        now = time.monotonic()
        if now - self._said.get(topic, -QUIET_SECONDS) >= QUIET_SECONDS:
            self._said[topic] = now
            log.warning(message, *values)


def _close(reference: weakref.ref[Shipper]) -> None:
    if shipper := reference():
        shipper.close()


def _after_fork(reference: weakref.ref[Shipper]) -> None:
    # Threads do not cross a fork, and the parent sends what waits in its own queue: the child begins afresh.
    if shipper := reference():
        shipper._reset()  # noqa: SLF001 (of the same module)
