"""How long trouble must last before it calls, by whom it calls; what is far beyond doubt calls at once. Pure."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from .notices import ORDER
from .records import Incident, Severity

if TYPE_CHECKING:
    from ..settings import Node

AT_ONCE = timedelta(0)


@dataclass(frozen=True, slots=True)
class Patience:
    """How long an incident must have lasted to call; until then it calls less, and in the digest it is at once.

    Attributes:
        page: From the start of its first bad window, to page.
        ticket: The same, to be a ticket.
    """

    page: timedelta = AT_ONCE
    ticket: timedelta = AT_ONCE

    @classmethod
    def parse(cls, node: Node | None) -> Patience:
        """`wait` of a model in monitors.yml.

        Raises:
            ConfigError: Something in it is not allowed.
        """
        if node is None:
            return cls()
        node.keys({"page", "ticket"})
        page, ticket = (node.get(name) for name in ("page", "ticket"))
        return cls(page.length() if page else AT_ONCE, ticket.length() if ticket else AT_ONCE)

    def of(self, incident: Incident, now: datetime, known: Severity | None = None) -> Incident:
        """The incident as people are told of it: it calls no more than it has lasted for.

        Args:
            incident: The incident as it stands.
            now: When this is; one that is over has lasted until its end.
            known: The worst severity that people know of, which is not taken back.
        """
        if incident.severe:
            return incident
        lasted = (incident.until or now) - incident.since
        needed = {Severity.PAGE: self.page, Severity.TICKET: self.ticket, Severity.DIGEST: AT_ONCE}
        reached = max((severity for severity in ORDER if lasted >= needed[severity]), key=ORDER.index)
        allowed = max(reached, known or reached, key=ORDER.index)
        return replace(incident, severity=min(incident.severity, allowed, key=ORDER.index))
