"""Which channel is told of a notice, and when. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from ...profiles.store import document_id
from ...windows import iso
from ..records import Kind, Notice, Severity, Telling
from .documents import Delivery, Stage
from .settings import Alertmanager, Notify, following

if TYPE_CHECKING:
    from ..records import Document

TOO_OLD = timedelta(days=1)
"""What was decided so long ago, before there was a channel, is told to nobody."""


def planned(
    notice: Notice, notify: Notify, now: datetime, taken: Mapping[str, int], told: Iterable[str] = ()
) -> list[Delivery]:
    """The deliveries of a notice: over the channels of its route, and a recovery over all that were told before.

    Args:
        notice: The notice.
        notify: Who is told, over what, and when not.
        now: When this is.
        taken: How many notices each channel was given in the present length of time of its cap.
        told: The channels that were told of its incident before.
    """
    kind = notice.document.get("incident", {}).get("kind")
    fitting = (
        route for route in notify.routes if route.fits(notice.severity, notice.model, Kind(kind) if kind else None)
    )
    route = next(fitting, None)
    before = [name for name in told if name in notify.channels] if notice.telling is Telling.RESOLVED else []
    names = dict.fromkeys([*(route.to if route else ()), *before])
    return [_planned(notice, name, notify, now, taken.get(name, 0)) for name in names]


def _planned(notice: Notice, channel: str, notify: Notify, now: datetime, taken: int) -> Delivery:
    if now - notice.decided > TOO_OLD:
        return Delivery.of(notice, channel, Stage.SUPPRESSED, now, None)
    if notice.severity is Severity.DIGEST and notice.telling is not Telling.TEST:
        if isinstance(notify.channels[channel], Alertmanager):
            return Delivery.of(notice, channel, Stage.SUPPRESSED, now, None)
        return Delivery.of(notice, channel, Stage.DIGEST, now, following(notify.digest, now, notify.zone))
    quiet = notify.quiet.over(now, notify.zone) if notify.quiet and notice.severity in notify.quiet.severities else None
    # Whoever was told that it is on must hear that it is over.
    if taken >= notify.cap.notices and notice.telling is not Telling.RESOLVED:
        return Delivery.of(notice, channel, Stage.HELD, now, notify.cap.period(now)[1])
    return Delivery.of(notice, channel, Stage.WAITING, now, quiet or now)


def overflow(held: Delivery, notify: Notify, now: datetime) -> Notice:
    """The notice that more notices are held back: one for each channel and length of time."""
    start, end = notify.cap.period(now)
    title = (
        f"more than {notify.cap.notices} notices for {held.channel}: the others are told together at {end:%H:%M} UTC; "
        "`driftline alerts list` shows all incidents"
    )
    return Notice(
        id=document_id("overflow", held.channel, iso(start)),
        telling=Telling.OVERFLOW,
        incident="",
        model=held.model,
        severity=held.severity,
        decided=now,
        title=title,
        document={},
    )


def digest(channel: str, due: datetime, parts: Sequence[Delivery], now: datetime) -> Notice:
    """The notice that tells of many: what a channel's digest holds, or what was held back."""
    items = [
        {"delivery": part.id, "telling": part.telling.value, "severity": part.severity.value, "title": part.title}
        for part in parts
    ]
    models = {part.model for part in parts}
    return Notice(
        id=document_id("digest", channel, iso(due)),
        telling=Telling.DIGEST,
        incident="",
        model=next(iter(models)) if len(models) == 1 else "",
        severity=Severity.DIGEST,
        decided=now,
        title=f"{len(items)} {'notice' if len(items) == 1 else 'notices'} in this digest",
        document={"items": items},
    )


def of_itself(notice: Notice, channel: str, now: datetime) -> Delivery:
    """The delivery of an overflow notice or a digest, which no route and no cap stands in the way of."""
    return Delivery.of(notice, channel, Stage.WAITING, now, now)


def fallbacks(failed: Delivery, notice: Notice, notify: Notify, now: datetime) -> list[Delivery]:
    """A page that a channel will not take goes to all others."""
    if failed.severity is not Severity.PAGE:
        return []
    return [Delivery.of(notice, name, Stage.WAITING, now, now) for name in notify.channels if name != failed.channel]


def collected(part: Delivery, into: str) -> Delivery:
    """A part of a digest, once it is in one."""
    return replace(part, stage=Stage.COLLECTED, next=None, reference=into)


def order(delivery: Delivery) -> tuple[datetime, bool, str]:
    """The order to send in: what is on before that it is over, also where both were decided at once."""
    return delivery.decided, delivery.telling is Telling.RESOLVED, delivery.id


def items(document: Document) -> set[str]:
    """The deliveries that a digest, as stored, tells of."""
    return {item["delivery"] for item in document["notice"].get("document", {}).get("items", ())}
