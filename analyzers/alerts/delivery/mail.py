"""Notices by mail: one incident is one thread (https://www.rfc-editor.org/rfc/rfc5322#section-3.6.4).

Apprise sends mail as well, and lets nobody set the headers that make a thread.
"""

from __future__ import annotations

import smtplib
import ssl
from email.message import EmailMessage
from email.utils import formatdate

from ..records import Notice
from .channel import TIMEOUT, RefusedError, RetryError, Sent
from .secrets import SecretError
from .settings import Encryption, Mail
from .templates import Templates

PERMANENT = 500
"""From this answer on the server will not take the mail later either."""


class MailChannel:
    """Sends the title and the long text, plain and as HTML."""

    def __init__(self, address: Mail, templates: Templates) -> None:
        self._address = address
        self._templates = templates

    def send(self, notice: Notice, thread: str | None) -> Sent:
        """Hand a mail to the server."""
        message = self._message(notice, thread)
        try:
            password = self._address.password.reveal() if self._address.password else None
            refused = self._deliver(message, password)
        except SecretError as error:
            raise RetryError(str(error)) from None
        except smtplib.SMTPResponseException as error:
            msg = f"SMTP {error.smtp_code}"
            raise (RefusedError if error.smtp_code >= PERMANENT else RetryError)(msg) from None
        except smtplib.SMTPRecipientsRefused as error:
            permanent = all(code >= PERMANENT for code, _ in error.recipients.values())
            msg = f"no recipient was taken: {', '.join(sorted(error.recipients))}"
            raise (RefusedError if permanent else RetryError)(msg) from None
        except (OSError, smtplib.SMTPException) as error:
            msg = f"{self._address.server}:{self._address.port}: {type(error).__name__}"
            raise RetryError(msg) from None
        remark = f"not taken for {', '.join(sorted(refused))}" if refused else None
        return Sent(thread or str(message["Message-ID"]), remark)

    def _message(self, notice: Notice, thread: str | None) -> EmailMessage:
        message = EmailMessage()
        message["Subject"] = self._templates.title(notice)
        message["From"] = self._address.sender
        message["To"] = ", ".join(self._address.recipients)
        message["Date"] = formatdate(notice.decided.timestamp())
        # The same notice, sent again, is the same mail.
        message["Message-ID"] = f"<{notice.id}@driftline>"
        if thread is not None:
            message["In-Reply-To"] = message["References"] = thread
        message.set_content(self._templates.text(notice))
        message.add_alternative(self._templates.html(notice), subtype="html")
        return message

    def _deliver(self, message: EmailMessage, password: str | None) -> dict[str, tuple[int, bytes]]:
        address = self._address
        context = ssl.create_default_context()
        server: smtplib.SMTP = (
            smtplib.SMTP_SSL(address.server, address.port, timeout=TIMEOUT, context=context)
            if address.encryption is Encryption.TLS
            else smtplib.SMTP(address.server, address.port, timeout=TIMEOUT)
        )
        with server:
            if address.encryption is Encryption.STARTTLS:
                server.starttls(context=context)
            if address.user is not None and password is not None:
                server.login(address.user, password)
            return server.send_message(message)
