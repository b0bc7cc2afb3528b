"""Read what a page tells of."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ..alerts.records import Incident
    from ..cluster import Cluster
    from ..windows import Window
    from .found import Found


def incident(cluster: Cluster, identity: str, now: datetime) -> Found:
    """What the page of an incident tells.

    Args:
        cluster: Where it is.
        identity: The incident's id, or the beginning of it.
        now: The time.

    Raises:
        UnknownError: There is no such incident, or more than one.
    """
    raise NotImplementedError(cluster, identity, now)


def period(cluster: Cluster, model: str, asked: Window, now: datetime) -> Found:
    """What the page of a period of a model tells."""
    raise NotImplementedError(cluster, model, asked, now)


def worst(cluster: Cluster) -> Incident | None:
    """The worst incident that is on; None where none is."""
    raise NotImplementedError(cluster)
