"""Whom a broken promise calls: what the burn rate of its budget says, whatever it may cost. Pure."""

from __future__ import annotations

from collections.abc import Iterable

from ..measures import Status
from .notices import ORDER
from .records import Alert, Kind, Severity


def severity(alerts: Iterable[Alert], otherwise: Severity = Severity.DIGEST) -> Severity:
    """Whom the objectives among some alerts call.

    Args:
        alerts: Those of an incident.
        otherwise: Whom it calls for other reasons: never less than that.
    """
    told = [_of(alert) for alert in alerts if alert.kind is Kind.OBJECTIVE]
    return max([otherwise, *told], key=ORDER.index)


def _of(alert: Alert) -> Severity:
    # The peak is the highest burn rate, which need not be that of a page.
    seen = {document["metric"].get("status") for document in (alert.first, alert.peak, alert.latest)}
    return Severity.PAGE if Status.CRITICAL in seen else Severity.TICKET
