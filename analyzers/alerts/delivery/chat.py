"""Notices to chat, pagers and all else that apprise has an address for, https://github.com/caronc/apprise/wiki."""

from __future__ import annotations

from typing import TYPE_CHECKING

import apprise

from ..records import Notice, Severity, Telling
from .channel import RefusedError, RetryError, Sent, unlogged
from .secrets import SecretError

if TYPE_CHECKING:
    from .settings import Chat
    from .templates import Templates


class ChatChannel:
    """Sends the title and a short text."""

    def __init__(self, address: Chat, templates: Templates) -> None:
        self._address = address
        self._templates = templates

    def send(self, notice: Notice, thread: str | None) -> Sent:
        """Hand a notice to apprise."""
        del thread  # apprise has no word for it
        try:
            url = self._address.url.reveal()
        except SecretError as error:
            raise RetryError(str(error)) from None
        text = self._templates.text(notice) or notice.title  # an empty one would be refused
        with unlogged():
            target = apprise.Apprise()
            if not target.add(url):
                msg = f"{self._address.url.reference}: no address that apprise knows"
                raise RefusedError(msg)
            taken = target.notify(body=text, title=self._templates.title(notice), notify_type=_kind(notice))
        if not taken:
            msg = "apprise could not deliver it"
            raise RetryError(msg)
        return Sent()


def _kind(notice: Notice) -> apprise.NotifyType:
    if notice.telling is Telling.RESOLVED:
        return apprise.NotifyType.SUCCESS
    calls = {Severity.PAGE: apprise.NotifyType.FAILURE, Severity.TICKET: apprise.NotifyType.WARNING}
    return calls.get(notice.severity, apprise.NotifyType.INFO)
