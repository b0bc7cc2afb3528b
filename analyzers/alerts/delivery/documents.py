"""Deliveries as documents of `driftline-alerts`, and notices back from theirs. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from ...profiles.store import document_id
from ...windows import iso, parse_moment
from ..records import Document, Notice, Severity, Telling

DELIVERY = "driftline.delivery"


class Stage(StrEnum):
    """Where a delivery stands."""

    WAITING = "waiting"  # to be sent when it is due
    SENDING = "sending"  # an analyzer has it; due again when its lease is over
    SENT = "sent"
    FAILED = "failed"  # refused, or given up
    HELD = "held"  # beyond what the channel takes; told of in an overflow notice and the next digest
    DIGEST = "digest"  # to be told in the next digest
    COLLECTED = "collected"  # it is in a digest
    SUPPRESSED = "suppressed"  # nobody is told any more: it was too old


@dataclass(frozen=True, slots=True)
class Delivery:
    """One notice on its way over one channel.

    Attributes:
        notice: Id of the notice.
        channel: Name of the channel.
        telling: What the notice says.
        incident: Id of the incident.
        model: Name of the model.
        severity: Whom the notice calls.
        title: One line.
        decided: When the notice was decided on.
        planned: When it was decided over which channels it goes.
        stage: Where it stands.
        tries: How often it was handed to the channel.
        next: When there is something to do: send it, take it from one that has died, collect it; None: never.
        error: Why the last try failed.
        reference: What the channel calls it; of what was collected or held, the id of the digest that tells it.
        sent: When the channel took it.
    """

    notice: str
    channel: str
    telling: Telling
    incident: str
    model: str
    severity: Severity
    title: str
    decided: datetime
    planned: datetime
    stage: Stage
    tries: int = 0
    next: datetime | None = None
    error: str | None = None
    reference: str | None = None
    sent: datetime | None = None

    @classmethod
    def of(cls, notice: Notice, channel: str, stage: Stage, planned: datetime, due: datetime | None) -> Delivery:
        """A delivery of a notice, as it begins."""
        about = (notice.telling, notice.incident, notice.model, notice.severity, notice.title, notice.decided)
        return cls(notice.id, channel, *about, planned, stage, next=due)

    @property
    def id(self) -> str:
        """The same for the same notice and channel, always."""
        return document_id("delivery", self.notice, self.channel)


def of_delivery(delivery: Delivery) -> dict[str, Any]:
    """A delivery as stored."""
    state = {
        "channel": delivery.channel,
        "state": delivery.stage.value,
        "planned": iso(delivery.planned),
        "tries": delivery.tries,
        "next": iso(delivery.next) if delivery.next else None,
        "error": delivery.error,
        "reference": delivery.reference,
        "sent": iso(delivery.sent) if delivery.sent else None,
    }
    return {
        "@timestamp": iso(delivery.decided),
        "event": {"dataset": DELIVERY, "kind": "event", "id": delivery.id},
        "message": delivery.title,
        "model": {"name": delivery.model},
        "notice": {
            "id": delivery.notice,
            "telling": delivery.telling.value,
            "incident": delivery.incident,
            "severity": delivery.severity.value,
        },
        "delivery": {name: value for name, value in state.items() if value is not None},
    }


def to_delivery(document: Document) -> Delivery:
    """The delivery that a document tells of."""
    notice, found = document["notice"], document["delivery"]
    return Delivery(
        notice=notice["id"],
        channel=found["channel"],
        telling=Telling(notice["telling"]),
        incident=notice["incident"],
        model=document["model"]["name"],
        severity=Severity(notice["severity"]),
        title=document["message"],
        decided=parse_moment(document["@timestamp"]),
        planned=parse_moment(found["planned"]),
        stage=Stage(found["state"]),
        tries=found["tries"],
        next=parse_moment(found["next"]) if "next" in found else None,
        error=found.get("error"),
        reference=found.get("reference"),
        sent=parse_moment(found["sent"]) if "sent" in found else None,
    )


def to_notice(document: Document) -> Notice:
    """The notice that a document tells of; what was left out of the search is left out of its document."""
    notice = document["notice"]
    return Notice(
        id=notice["id"],
        telling=Telling(notice["telling"]),
        incident=notice["incident"],
        model=document["model"]["name"],
        severity=Severity(notice["severity"]),
        decided=parse_moment(notice["decided"]),
        title=document["message"],
        document=notice.get("document", {}),
    )
