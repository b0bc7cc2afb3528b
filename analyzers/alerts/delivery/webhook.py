"""Notices to a service of one's own: the whole of each as JSON, signed, under an idempotency key."""

from __future__ import annotations

import hashlib
import hmac
import time
from typing import Any

import orjson
import urllib3

from ..documents import of_notice
from ..records import Notice
from .channel import TIMEOUT, RefusedError, RetryError, Sent, unlogged
from .secrets import SecretError
from .settings import Webhook

TOO_MANY, TOO_EARLY, REQUEST_TIMEOUT = 429, 425, 408
SIGNATURE, TIMESTAMP, KEY = "X-Driftline-Signature", "X-Driftline-Timestamp", "Idempotency-Key"


class WebhookChannel:
    """Sends notices to an address.

    The signature is `sha256=` and the hexadecimal HMAC-SHA256 (https://www.rfc-editor.org/rfc/rfc2104) of the time
    stamp, a dot and the body. Who honours the idempotency key is told each thing once.
    """

    def __init__(self, address: Webhook) -> None:
        self._address = address

    def send(self, notice: Notice, thread: str | None) -> Sent:
        """Post a notice."""
        del thread  # the incident's id is in the document
        body = orjson.dumps(of_notice(notice))
        headers = {"Content-Type": "application/json", KEY: notice.id}
        try:
            url = self._address.url.reveal()
            if self._address.key is not None:
                stamp = str(int(time.time()))
                headers |= {TIMESTAMP: stamp, SIGNATURE: signature(self._address.key.reveal(), stamp, body)}
        except SecretError as error:
            raise RetryError(str(error)) from None
        post(url, body, headers)
        return Sent()


def signature(key: str, stamp: str, body: bytes) -> str:
    """What a receiver compares with, in constant time."""
    digest = hmac.new(key.encode(), stamp.encode() + b"." + body, hashlib.sha256).hexdigest()
    return f"sha256={digest}"


def post(url: str, body: bytes, headers: dict[str, Any]) -> None:
    """One POST, of which no error tells the address: it may hold a token.

    Raises:
        RetryError: Nobody answered, or said that it is too much or too early, or an error of the server's own.
        RefusedError: Any other answer that is none of success.
    """
    try:
        # Redirects are not followed: they would take the notice where nobody sent it.
        with unlogged():
            answer = urllib3.request(
                "POST", url, body=body, headers=headers, timeout=TIMEOUT, retries=False, redirect=False
            )
    except (urllib3.exceptions.HTTPError, ValueError) as error:
        msg = f"no answer ({type(error).__name__})"
        raise RetryError(msg) from None
    if answer.status >= 500 or answer.status in (TOO_MANY, TOO_EARLY, REQUEST_TIMEOUT):
        msg = f"HTTP {answer.status}"
        raise RetryError(msg)
    if not 200 <= answer.status < 300:
        msg = f"HTTP {answer.status}"
        raise RefusedError(msg)
