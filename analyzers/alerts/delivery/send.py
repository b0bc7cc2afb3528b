"""One round of sending, where somebody is to be told."""

from __future__ import annotations

from collections import Counter
from datetime import datetime
from typing import TYPE_CHECKING

from . import outbox

if TYPE_CHECKING:
    from ...cluster import Cluster
    from .settings import Notify


def send_notices(cluster: Cluster, notify: Notify, now: datetime) -> outbox.Done:
    """Send what was decided; without a channel nothing is sent, and notices stay as they are."""
    if not notify.channels:
        return outbox.Done(Counter(), [])
    from .channels import channels  # noqa: PLC0415 (apprise and jinja2 come with an extra)

    return outbox.deliver(cluster, notify, channels(notify), now)
