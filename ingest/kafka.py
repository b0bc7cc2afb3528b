"""Carries documents to a Kafka topic in the background; `driftline ship --kafka` takes them from there."""

from __future__ import annotations

import atexit
import os
import threading
import time
import weakref
from collections.abc import Mapping
from typing import Any, Self

from .confluent import KafkaError, KafkaException, Message, Producer, SettingsError
from .counters import Counters, Stats, log
from .events import to_json
from .streams import Streams

WAIT_SECONDS = 0.1
PURGED = frozenset({KafkaError._PURGE_QUEUE, KafkaError._PURGE_INFLIGHT})  # noqa: SLF001 (its public names)
DEFAULTS: Mapping[str, Any] = {
    "enable.idempotence": True,
    # A broker that is away for long costs memory, which is bounded, and no events.
    "delivery.timeout.ms": 0,
    "queue.buffering.max.kbytes": 64 * 1024,
    "linger.ms": 50,
    "compression.type": "lz4",
    "log_level": 2,
}
_abandoned: list[Producer] = []
# What a parent process made is never freed in a child: its threads did not come along, and freeing waits for them.


class KafkaShipper:
    """Sends documents to a topic, and stands in for a `Shipper` where a service logs.

    The key of a message is its `event.id`, so that a prediction and its outcome are in one partition; its value is the
    JSON of the document. Kafka away: messages wait in memory. A full memory drops what comes, counts it and says so.

    Args:
        brokers: Where Kafka is: `host:port`, several with commas between.
        topic: The topic, which is there already.
        namespace: Namespace that the documents are of.
        block: Whether a full queue makes the caller wait, which is for batch jobs.
        queue_size: Documents that may wait.
        settings: Further settings of librdkafka, such as credentials, which win.

    Attributes:
        streams: Names of the data streams.
        trouble: What the client said last; None when it delivered something since.

    Raises:
        SettingsError: The settings are none.
    """

    def __init__(
        self,
        brokers: str,
        topic: str,
        *,
        namespace: str = "default",
        block: bool = False,
        queue_size: int = 50_000,
        settings: Mapping[str, Any] | None = None,
    ) -> None:
        self.streams = Streams(namespace)
        self._topic = topic
        self._block = block
        self._settings = {**DEFAULTS, "queue.buffering.max.messages": queue_size, **(settings or {})}
        self._settings["bootstrap.servers"] = brokers
        self._settings["error_cb"] = self._troubled
        self._reset()
        self._started()
        reference = weakref.ref(self)
        os.register_at_fork(after_in_child=lambda: _after_fork(reference))
        atexit.register(_close, reference)

    def _reset(self) -> None:
        self._starting = threading.Lock()
        self._counters = Counters()
        self._closed = False
        self._producer: Producer | None = None
        self.trouble: KafkaError | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def send(self, document: Mapping[str, Any], *, again: bool = False) -> bool:
        """Take a document; returns at once, whatever Kafka does.

        Args:
            document: An event as it is stored.
            again: Nothing here: who reads the topic tells by the id whether it has come before.

        Returns:
            Whether it was taken; False when the queue is full or the shipper is closed.

        Raises:
            TypeError: The document cannot be written as JSON.
        """
        del again
        value, key = to_json(document), str(document["event"]["id"])
        self._counters.count(accepted=1)
        try:
            if self._produce(key, value):
                return True
        except KafkaException as error:
            # Too large, for one; it would be refused again.
            self._lose(error.args[0], value)
            return True
        self._counters.count(accepted=-1, dropped=1)
        dropped = self._counters["dropped"]
        self._counters.say("drop", "driftline: the queue is full or closed; %d documents dropped so far", dropped)
        return False

    def stats(self) -> Stats:
        """What was done so far."""
        if self._producer is not None:
            self._producer.poll(0)
        # Those that were accepted last: none is to be done before it is accepted.
        done = {name: self._counters[name] for name in ("sent", "lost", "dropped")}
        return Stats(accepted=self._counters["accepted"], **done)

    def flush(self, timeout: float | None = None) -> bool:
        """Wait until Kafka has everything taken so far, or refused it; False when the time was up before."""
        due = float("inf") if timeout is None else time.monotonic() + timeout
        # In short steps, so that Ctrl-C ends the wait.
        while self._producer is not None and self._producer.flush(max(0.0, min(WAIT_SECONDS, due - time.monotonic()))):
            if time.monotonic() >= due:
                return False
        return True

    def close(self, timeout: float = 30.0) -> Stats:
        """Send what is left, for at most `timeout` seconds, and stop. What is left then is counted as dropped."""
        if not self._closed:
            self._closed = True
            self.flush(timeout)
            left = self.stats().waiting
            if left and self._producer is not None:
                self._producer.purge()
                self._counters.count(accepted=-left, dropped=left)
                log.warning("driftline: %d documents did not reach Kafka before the end; they are dropped", left)
        return self.stats()

    def _started(self) -> Producer:
        with self._starting:
            if self._producer is None:
                try:
                    self._producer = Producer(self._settings)
                except KafkaException as error:
                    msg = f"settings of Kafka: {error.args[0].str()}"
                    raise SettingsError(msg) from error
            return self._producer

    def _produce(self, key: str, value: bytes) -> bool:
        """Hand a message to the client; False when it cannot take it."""
        full = False
        while not self._closed:
            producer = self._started()
            try:
                producer.produce(self._topic, value, key, on_delivery=self._delivered)
            except BufferError:
                if full and not self._block:
                    return False
                # What was delivered leaves the queue when that is heard of.
                producer.poll(WAIT_SECONDS if full else 0)
                full = True
            else:
                producer.poll(0)
                return True
        return False

    def _delivered(self, error: KafkaError | None, message: Message) -> None:
        if error is None:
            self.trouble = None
            self._counters.count(sent=1)
        elif error.code() not in PURGED:  # else it is counted as dropped
            self._lose(error, message.value() or b"")

    def _lose(self, error: KafkaError, value: bytes) -> None:
        self._counters.count(lost=1)
        log.error("driftline: Kafka refuses a document, which is lost: %s: %s", error.str(), value.decode())

    def _troubled(self, error: KafkaError) -> None:
        self.trouble = error
        self._counters.say("trouble", "driftline: Kafka: %s; trying again", error.str())


def _close(reference: weakref.ref[KafkaShipper]) -> None:
    if shipper := reference():
        shipper.close()


def _after_fork(reference: weakref.ref[KafkaShipper]) -> None:
    if shipper := reference():
        if shipper._producer is not None:  # noqa: SLF001 (of the same module)
            _abandoned.append(shipper._producer)  # noqa: SLF001
        shipper._reset()  # noqa: SLF001
