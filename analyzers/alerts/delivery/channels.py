"""The channels that monitors.yml names."""

from __future__ import annotations

from collections.abc import Mapping
from typing import assert_never

from .alertmanager import AlertmanagerChannel
from .channel import Channel
from .chat import ChatChannel
from .mail import MailChannel
from .settings import Address, Alertmanager, Chat, Mail, Notify, Webhook
from .templates import Templates
from .webhook import WebhookChannel


def channels(notify: Notify) -> Mapping[str, Channel]:
    """The channels by name, ready to send."""
    templates = Templates(notify.templates)
    return {name: _channel(address, templates) for name, address in notify.channels.items()}


def _channel(address: Address, templates: Templates) -> Channel:
    match address:
        case Webhook():
            return WebhookChannel(address)
        case Chat():
            return ChatChannel(address, templates)
        case Mail():
            return MailChannel(address, templates)
        case Alertmanager():
            return AlertmanagerChannel(address, templates)
        case _:
            assert_never(address)
