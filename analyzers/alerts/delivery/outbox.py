"""Notices out of the index and to people, so that a crash between any two steps neither loses nor doubles one.

Notices are decided and stored before this looks at them. Each step has ids that are made of what it is about, and is
stored before the next one begins: which channels a notice goes over, that an analyzer is about to send it, and that it
was taken. Killed in between, the next analyzer does the step again; a receiver that honours the idempotency key, which
is the notice's id, is told once.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import orjson

from ..documents import NOTICE, of_notice
from ..records import Document, Notice, Telling
from . import routing
from .channel import Channel, RefusedError, RetryError
from .documents import DELIVERY, Delivery, Stage, of_delivery, to_delivery, to_notice

if TYPE_CHECKING:
    from ...cluster import Cluster, Hit
    from .settings import Notify

LEASE = timedelta(minutes=2)
"""So long others leave a delivery alone that an analyzer has begun to send."""
FIRST_PAUSE, LONGEST_PAUSE = 30.0, 3_600.0
"""Seconds between tries."""
GIVEN_UP = timedelta(days=1)
"""A notice that was not taken for so long is not tried any more."""
PLANNED = "planned"


@dataclass(slots=True)
class Done:
    """What one round did: deliveries by where they stand now."""

    stages: Counter[str]
    errors: list[str]


def deliver(cluster: Cluster, notify: Notify, channels: Mapping[str, Channel], now: datetime) -> Done:
    """Plan what was decided, collect digests that are due, and send what is.

    Args:
        cluster: Where notices and deliveries are.
        notify: Who is told, over what, and when not.
        channels: The channels, by the names that `notify` gives them.
        now: When this is.
    """
    return _Round(cluster, notify, channels, now).run()


class _Round:
    def __init__(self, cluster: Cluster, notify: Notify, channels: Mapping[str, Channel], now: datetime) -> None:
        self.cluster = cluster
        self.notify = notify
        self.channels = channels
        self.now = now
        self.index = cluster.streams.alerts
        self.done = Done(Counter(), [])

    def run(self) -> Done:
        self.cluster.refresh(self.index)
        self._plan()
        self._collect()
        self.cluster.refresh(self.index)
        for hit in self._hits(_due(self.now)):
            self._send(hit)
        return self.done

    # Plan

    def _plan(self) -> None:
        """Store over which channels each new notice goes; what is beyond a cap is held back, and that is told."""
        taken = Counter(self._taken())
        held: dict[str, list[Delivery]] = {}
        for document in self._documents(NOTICE, {"term": {"notice.state": "decided"}}):
            notice = to_notice(document)
            found = routing.planned(notice, self.notify, self.now, taken)
            self._create(found)
            taken.update(one.channel for one in found if one.stage is Stage.WAITING)
            for one in found:
                if one.stage is Stage.HELD:
                    held.setdefault(one.channel, []).append(one)
            self._mark(notice.id)
        for channel, parts in held.items():
            self._tell(routing.overflow(channel, parts, self.notify, self.now), channel)

    def _taken(self) -> Iterator[str]:
        start, _ = self.notify.cap.period(self.now)
        planned = {"range": {"delivery.planned": {"gte": start.isoformat()}}}
        others = {"terms": {"delivery.state": [Stage.HELD, Stage.DIGEST, Stage.COLLECTED, Stage.SUPPRESSED]}}
        query = {"bool": {"filter": [planned], "must_not": others}}
        yield from (to_delivery(document).channel for document in self._documents(DELIVERY, query))

    def _tell(self, notice: Notice, channel: str) -> None:
        """Store a notice that the outbox itself has to say, and its delivery."""
        document = of_notice(notice)
        document["notice"]["state"] = PLANNED
        self.cluster.create([orjson.dumps(_create(self.index, notice.id)), orjson.dumps(document)])
        self._create([routing.of_itself(notice, channel, self.now)])

    # Collect

    def _collect(self) -> None:
        """Store the digests that are due; what is in one, as it is stored, is told."""
        query = {
            "bool": {
                "filter": [
                    {"terms": {"delivery.state": [Stage.DIGEST.value, Stage.HELD.value]}},
                    {"range": {"delivery.next": {"lte": self.now.isoformat()}}},
                ]
            }
        }
        groups: dict[tuple[str, datetime], list[Delivery]] = {}
        for document in self._documents(DELIVERY, query):
            part = to_delivery(document)
            if part.next is not None:
                groups.setdefault((part.channel, part.next), []).append(part)
        for (channel, due), parts in groups.items():
            made = routing.digest(channel, due, parts, self.now)
            self._tell(made, channel)
            stored = self.cluster.document(self.index, made.id)
            inside = routing.items(stored) if stored else set()
            self._store(routing.collected(part, made.id) for part in parts if part.id in inside)

    # Send

    def _send(self, hit: Hit) -> None:
        delivery = to_delivery(hit["_source"])
        claimed = replace(delivery, stage=Stage.SENDING, tries=delivery.tries + 1, next=self.now + LEASE)
        channel = self.channels.get(delivery.channel)
        document = self.cluster.document(self.index, delivery.notice)
        if channel is None or document is None:
            self._end(replace(delivery, stage=Stage.FAILED, next=None, error="no such channel any more"))
            return
        if self.cluster.update([(hit, of_delivery(claimed))]):
            return  # another analyzer has it
        notice = to_notice(document)
        try:
            sent = channel.send(notice, self._thread(delivery))
        except RetryError as error:
            self._later(claimed, notice, str(error))
        except RefusedError as error:
            self._failed(claimed, notice, str(error))
        else:
            told = replace(claimed, stage=Stage.SENT, next=None, sent=self.now)
            self._end(replace(told, error=sent.remark, reference=sent.reference))

    def _thread(self, delivery: Delivery) -> str | None:
        """What the channel calls the first notice of the same incident that it took."""
        if not delivery.incident:
            return None
        terms = {"notice.incident": delivery.incident, "delivery.channel": delivery.channel}
        query = {"bool": {"filter": [{"term": {name: value}} for name, value in terms.items()]}}
        found = (to_delivery(document) for document in self._documents(DELIVERY, query))
        return next((one.reference for one in found if one.stage is Stage.SENT and one.reference), None)

    def _later(self, delivery: Delivery, notice: Notice, error: str) -> None:
        if self.now - delivery.planned >= GIVEN_UP and delivery.telling is not Telling.TEST:
            self._failed(delivery, notice, f"given up: {error}")
            return
        due = self.now + timedelta(seconds=pause(delivery.id, delivery.tries))
        self.done.errors.append(f"{delivery.channel}: {error}; tried again at {due:%H:%M:%S}")
        self._end(replace(delivery, stage=Stage.WAITING, next=due, error=error))

    def _failed(self, delivery: Delivery, notice: Notice, error: str) -> None:
        self.done.errors.append(f"{delivery.channel}: {error}: {delivery.title}")
        self._create(routing.fallbacks(delivery, notice, self.notify, self.now))
        self._end(replace(delivery, stage=Stage.FAILED, next=None, error=error))

    # Documents

    def _end(self, delivery: Delivery) -> None:
        self.done.stages[delivery.stage.value] += 1
        self._store([delivery])

    def _create(self, deliveries: Iterable[Delivery]) -> None:
        lines = [
            line
            for delivery in deliveries
            for line in (orjson.dumps(_create(self.index, delivery.id)), orjson.dumps(of_delivery(delivery)))
        ]
        self.cluster.create(lines)

    def _store(self, deliveries: Iterable[Delivery]) -> None:
        lines = [
            line
            for delivery in deliveries
            for line in (
                orjson.dumps({"index": {"_index": self.index, "_id": delivery.id}}),
                orjson.dumps(of_delivery(delivery)),
            )
        ]
        self.cluster.write(lines)

    def _mark(self, notice: str) -> None:
        action, change = {"update": {"_index": self.index, "_id": notice}}, {"doc": {"notice": {"state": PLANNED}}}
        self.cluster.write([orjson.dumps(action), orjson.dumps(change)])

    def _documents(self, dataset: str, query: Mapping[str, Any]) -> Iterator[Document]:
        return (hit["_source"] for hit in self.cluster.alerting_hits(dataset, query))

    def _hits(self, query: Mapping[str, Any]) -> Sequence[Hit]:
        return list(self.cluster.alerting_hits(DELIVERY, query))


def _create(index: str, identity: str) -> Mapping[str, Any]:
    return {"create": {"_index": index, "_id": identity}}


def _due(now: datetime) -> Mapping[str, Any]:
    """What is to be sent, and what an analyzer had begun to send that has died since."""
    states = {"terms": {"delivery.state": [Stage.WAITING.value, Stage.SENDING.value]}}
    return {"bool": {"filter": [states, {"range": {"delivery.next": {"lte": now.isoformat()}}}]}}


def pause(identity: str, tries: int) -> float:
    """Seconds until the next try: twice as long each time, with jitter that is always the same for the same try."""
    digest = hashlib.sha256(f"{identity}/{tries}".encode()).digest()
    share = int.from_bytes(digest[:4], "big") / 2**32
    return float(min(LONGEST_PAUSE, FIRST_PAUSE * 2 ** (tries - 1)) * (0.5 + share / 2))
