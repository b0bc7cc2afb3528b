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
PATIENCE = 3
"""After so many tries a page goes over the other channels as well."""
PLANNED = "planned"
UNDER_WAY = (Stage.WAITING, Stage.SENDING, Stage.SENT)


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
        self._send_all()
        return self.done

    # Plan

    def _plan(self) -> None:
        """Store over which channels each new notice goes; what is beyond a cap is held back, and that is told."""
        taken = Counter(self._taken())
        for document in self._documents(NOTICE, {"term": {"notice.state": "decided"}}):
            notice = to_notice(document)
            told = self._told(notice.incident) if notice.telling is Telling.RESOLVED else ()
            found = routing.planned(notice, self.notify, self.now, taken, told)
            self._create(found)
            taken.update(one.channel for one in found if one.stage is Stage.WAITING)
            for one in found:
                if one.stage is Stage.HELD:
                    self._tell(routing.overflow(one, self.notify, self.now), one.channel)
            self._mark(notice.id)

    def _told(self, incident: str) -> Iterator[str]:
        """The channels that were told of an incident, or are about to be."""
        for document in self._documents(DELIVERY, {"term": {"notice.incident": incident}}):
            if (delivery := to_delivery(document)).stage in UNDER_WAY:
                yield delivery.channel

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

    def _send_all(self) -> None:
        """Send what is due, in order: nothing of an incident overtakes what its channel has not taken yet."""
        hits = sorted(self._hits(_unfinished()), key=lambda hit: routing.order(to_delivery(hit["_source"])))
        behind: set[tuple[str, str]] = set()
        down: set[str] = set()
        for hit in hits:
            delivery = to_delivery(hit["_source"])
            thread = (delivery.incident, delivery.channel)
            due = delivery.next is not None and delivery.next <= self.now
            if due and thread not in behind and delivery.channel not in down:
                stage = self._send(hit)
                if stage is Stage.WAITING:
                    # What does not answer would hold up the whole round.
                    down.add(delivery.channel)
                if stage in (Stage.SENT, Stage.FAILED):
                    continue
            if delivery.incident:
                behind.add(thread)

    def _send(self, hit: Hit) -> Stage:
        """Hand one over; where it stands then."""
        delivery = to_delivery(hit["_source"])
        claimed = replace(delivery, stage=Stage.SENDING, tries=delivery.tries + 1, next=self.now + LEASE)
        channel = self.channels.get(delivery.channel)
        document = self.cluster.document(self.index, delivery.notice)
        if channel is None or document is None:
            return self._end(replace(delivery, stage=Stage.FAILED, next=None, error="no such channel any more"))
        if self.cluster.update([(hit, of_delivery(claimed))]):
            return Stage.SENDING  # another analyzer has it
        notice = to_notice(document)
        try:
            sent = channel.send(notice, self._thread(delivery))
        except RetryError as error:
            return self._later(claimed, notice, str(error))
        except RefusedError as error:
            return self._failed(claimed, notice, str(error))
        told = replace(claimed, stage=Stage.SENT, next=None, sent=self.now)
        return self._end(replace(told, error=sent.remark, reference=sent.reference))

    def _thread(self, delivery: Delivery) -> str | None:
        """What the channel calls the first notice of the same incident that it took."""
        if not delivery.incident:
            return None
        terms = {"notice.incident": delivery.incident, "delivery.channel": delivery.channel}
        query = {"bool": {"filter": [{"term": {name: value}} for name, value in terms.items()]}}
        found = (to_delivery(document) for document in self._documents(DELIVERY, query))
        return next((one.reference for one in found if one.stage is Stage.SENT and one.reference), None)

    def _later(self, delivery: Delivery, notice: Notice, error: str) -> Stage:
        if self.now - delivery.planned >= GIVEN_UP:
            return self._failed(delivery, notice, f"given up: {error}")
        if delivery.tries == PATIENCE:
            # Somebody must hear of a page, whatever is wrong with this channel.
            self._create(routing.fallbacks(delivery, notice, self.notify, self.now))
        due = self.now + timedelta(seconds=pause(delivery.id, delivery.tries))
        self.done.errors.append(f"{delivery.channel}: {error}; tried again at {due:%H:%M:%S}")
        return self._end(replace(delivery, stage=Stage.WAITING, next=due, error=error))

    def _failed(self, delivery: Delivery, notice: Notice, error: str) -> Stage:
        self.done.errors.append(f"{delivery.channel}: {error}: {delivery.title}")
        self._create(routing.fallbacks(delivery, notice, self.notify, self.now))
        return self._end(replace(delivery, stage=Stage.FAILED, next=None, error=error))

    # Documents

    def _end(self, delivery: Delivery) -> Stage:
        self.done.stages[delivery.stage.value] += 1
        self._store([delivery])
        return delivery.stage

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


def _unfinished() -> Mapping[str, Any]:
    """What is to be sent, and what an analyzer has begun to send, and may have died since."""
    return {"terms": {"delivery.state": [Stage.WAITING.value, Stage.SENDING.value]}}


def pause(identity: str, tries: int) -> float:
    """Seconds until the next try: twice as long each time, with jitter that is always the same for the same try."""
    digest = hashlib.sha256(f"{identity}/{tries}".encode()).digest()
    share = int.from_bytes(digest[:4], "big") / 2**32
    return float(min(LONGEST_PAUSE, FIRST_PAUSE * 2 ** (tries - 1)) * (0.5 + share / 2))
