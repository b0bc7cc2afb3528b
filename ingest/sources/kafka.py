"""Ship the events of a Kafka topic: offsets are committed only after Elasticsearch has what is before them."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterable, Mapping
from typing import Any

from ..confluent import Consumer, KafkaError, KafkaException, Message, SettingsError, TopicPartition
from ..counters import Counters
from ..events import Source
from .lines import BrokenError, Event, as_text, letter, parse
from .settle import IncompleteError
from .shipped import BATCH, BATCH_BYTES, Job, Shipped

log = logging.getLogger("driftline.ship")

POLL_SECONDS = 0.5
BATCH_SECONDS = 2.0
"""How long messages of a slow topic wait for company before they are committed."""
START_SECONDS = 10.0
# ruff: noqa: SLF001 (the client's own names for local errors begin with an underscore)
EXPELLED = frozenset(
    {
        KafkaError.ILLEGAL_GENERATION,
        KafkaError.UNKNOWN_MEMBER_ID,
        KafkaError.STALE_MEMBER_EPOCH,
        KafkaError.FENCED_INSTANCE_ID,
        KafkaError._ASSIGNMENT_LOST,
    }
)
"""Answers to a commit that mean: others read these partitions by now, from the last commit on."""
REFUSED = frozenset(
    {
        KafkaError.TOPIC_AUTHORIZATION_FAILED,
        KafkaError.GROUP_AUTHORIZATION_FAILED,
        KafkaError.CLUSTER_AUTHORIZATION_FAILED,
        KafkaError.SASL_AUTHENTICATION_FAILED,
        KafkaError._AUTHENTICATION,
    }
)
"""Errors that waiting does not change."""


class TopicError(RuntimeError):
    """A topic cannot be read; the text says which and why."""


class Topic:
    """One member of a consumer group that ships what it reads.

    Args:
        brokers: Where Kafka is.
        name: The topic.
        group: The consumer group.
        job: How to ship.
        settings: Further settings of librdkafka, such as credentials.

    Attributes:
        shipped: What was done so far.

    Raises:
        SettingsError: The settings are none.
        TopicError: Kafka is not reached, or has no such topic.
    """

    def __init__(self, brokers: str, name: str, group: str, job: Job, settings: Mapping[str, Any]) -> None:
        self.shipped = Shipped()
        self._brokers = brokers
        self._name = name
        self._job = job
        self._source = Source(namespace=job.shipper.streams.namespace)
        self._counters = Counters()
        self._trouble = ""
        self._next: dict[int, int] = {}
        """By partition, the offset to commit."""
        self._again: dict[int, int] = {}
        self._batch, self._size, self._since = 0, 0, time.monotonic()
        self._assigned: set[int] = set()
        self._joined = False
        self._at_end: set[int] = set()
        self._consumer = self._connect(group, settings)
        try:
            self._ends = self._look()
        except BaseException:
            self._consumer.close()
            raise
        self._consumer.subscribe([name], self._on_assign, self._on_revoke, self._on_lost)

    def finished(self) -> bool:
        """Whether all partitions of this member are read to the end that they had, and that is committed."""
        return self._joined and self._assigned <= self._at_end and not self._next

    def read(self) -> bool:
        """Take the next message; False when there is none for now.

        Raises:
            TopicError: Kafka does not allow it.
            IncompleteError: Not everything was stored.
        """
        message = self._consumer.poll(POLL_SECONDS)
        if message is None:
            return False
        if error := message.error():
            self._heard(error, message.partition())
        else:
            self._take(message)
        return True

    def due(self) -> bool:
        """Whether it is time to commit."""
        return (
            self._batch >= BATCH
            or self._size >= BATCH_BYTES
            or (self._batch > 0 and time.monotonic() - self._since > BATCH_SECONDS)
        )

    def commit(self) -> bool:
        """Commit what is stored; False when Kafka does not take the offsets, so that they are committed later.

        Raises:
            IncompleteError: Not everything was stored.
            TopicError: Kafka does not allow it.
        """
        if self._next:
            self._job.settle(f"topic {self._name}")
            self.shipped.total = self.shipped.done + self._lag()
            offsets = [TopicPartition(self._name, partition, offset) for partition, offset in self._next.items()]
            if error := self._committed(offsets):
                self._refused(error)
            else:
                self._next.clear()
        self._batch, self._size, self._since = 0, 0, time.monotonic()
        return not self._next

    def leave(self) -> None:
        """Leave the group, so that others need not wait for it; only what was committed before counts."""
        self._next.clear()
        self._consumer.close()

    def _take(self, message: Message) -> None:
        partition, offset, value = message.partition(), message.offset(), message.value() or b""
        assert partition is not None
        assert offset is not None
        again = self._again.get(partition, 0) > 0
        self._again[partition] = self._again.get(partition, 0) - again
        try:
            self.shipped.send(self._job.shipper, _event(value), again=again)
        except BrokenError as error:
            where = f"topic {self._name}, partition {partition}, offset {offset}"
            self.shipped.refuse(self._job.shipper, letter(error, where, self._source), again=again)
        self.shipped.done += 1
        self._batch += 1
        self._size += len(value)
        self._next[partition] = offset + 1
        if partition in self._ends and offset + 1 >= self._ends[partition]:
            self._at_end.add(partition)

    def _heard(self, error: KafkaError, partition: int | None) -> None:
        if error.code() == KafkaError._PARTITION_EOF:
            if partition is not None:
                self._at_end.add(partition)
        elif error.fatal() or error.code() in REFUSED:
            raise TopicError(self._text(error.str()))
        else:
            self._on_trouble(error)

    def _refused(self, error: KafkaError) -> None:
        if error.code() in EXPELLED:
            log.warning("driftline: the group goes on without this member, which joins again: %s", error.str())
            self._next.clear()
            self._joined = False
        elif error.code() in REFUSED:
            raise TopicError(self._text(error.str()))
        else:
            self._counters.say("commit", "driftline: Kafka takes no offsets for now: %s; trying again", error.str())

    def _committed(self, offsets: list[TopicPartition]) -> KafkaError | None:
        try:
            answers = self._consumer.commit(offsets=offsets, asynchronous=False)
        except KafkaException as error:
            found: KafkaError = error.args[0]
            return found
        return next((answer.error for answer in answers if answer.error), None)

    def _lag(self) -> int:
        """Messages behind those read, as far as is known."""
        left = 0
        for partition, offset in self._next.items():
            _, high = self._consumer.get_watermark_offsets(TopicPartition(self._name, partition), cached=True)
            left += max(0, high - offset)
        return left

    def _on_assign(self, _: Consumer, partitions: Iterable[TopicPartition]) -> None:
        for partition in partitions:
            self._assigned.add(partition.partition)
            # Whoever read it before may have died between storing and committing.
            self._again[partition.partition] = BATCH
        self._joined = True

    def _on_revoke(self, _: Consumer, partitions: Iterable[TopicPartition]) -> None:
        self.commit()
        self._without(partitions)

    def _on_lost(self, _: Consumer, partitions: Iterable[TopicPartition]) -> None:
        self._without(partitions)

    def _without(self, partitions: Iterable[TopicPartition]) -> None:
        for partition in partitions:
            self._assigned.discard(partition.partition)
            self._at_end.discard(partition.partition)
            self._next.pop(partition.partition, None)
        self._joined = False

    def _on_trouble(self, error: KafkaError) -> None:
        self._trouble = str(error.str())
        self._counters.say("trouble", "driftline: Kafka: %s; trying again", error.str())

    def _connect(self, group: str, settings: Mapping[str, Any]) -> Consumer:
        ours = {
            "bootstrap.servers": self._brokers,
            "group.id": group,
            "enable.auto.commit": False,
            "enable.auto.offset.store": False,
            "enable.partition.eof": self._job.once,
            "error_cb": self._on_trouble,
        }
        try:
            return Consumer({"auto.offset.reset": "earliest", "log_level": 2, **settings, **ours})
        except KafkaException as error:
            msg = f"settings of Kafka: {error.args[0].str()}"
            raise SettingsError(msg) from error

    def _look(self) -> dict[int, int]:
        """Where the partitions end, for who ends there."""
        try:
            topics = self._consumer.list_topics(timeout=START_SECONDS).topics
            if self._name not in topics:
                names = ", ".join(sorted(name for name in topics if not name.startswith("__"))) or "none"
                msg = f"--topic: got {self._name!r}, allowed: the topics of Kafka at {self._brokers}: {names}"
                raise TopicError(msg)
            return {
                number: self._consumer.get_watermark_offsets(TopicPartition(self._name, number), START_SECONDS)[1]
                for number in (topics[self._name].partitions if self._job.once else ())
            }
        except KafkaException as error:
            self._consumer.poll(0)  # lets the client say more
            raise TopicError(self._text(self._trouble or error.args[0].str())) from error

    def _text(self, reason: str) -> str:
        return f"Kafka at {self._brokers}, topic {self._name}: {reason}"


def _event(value: bytes) -> Event:
    event = parse(value)
    if event is None:
        msg = "it is no event of Driftline's: its event.dataset is none of ours"
        raise BrokenError(msg, as_text(value))
    return event


def run(topic: Topic, job: Job) -> Shipped:
    """Ship until told to stop, or once, and leave the group.

    Raises:
        TopicError: Kafka does not allow it.
        IncompleteError: Not everything was stored and committed.
    """
    try:
        while not job.stopping() and not (job.once and topic.finished()):
            if not topic.read() or topic.due():
                topic.commit()
                job.progress(topic.shipped)
        finished = topic.finished()  # who has left the group has no partitions any more
        if not topic.commit():
            msg = "all is stored, yet Kafka does not take the offsets; the same command goes on from there"
            raise IncompleteError(msg)
    finally:
        topic.leave()
    if job.once and not finished:
        msg = "stopped before the end; the same command goes on from there"
        raise IncompleteError(msg)
    return topic.shipped
