"""Notices to Alertmanager's interface of version 2, https://prometheus.io/docs/alerting/latest/alerts_api/."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import orjson
import urllib3

from ...windows import iso
from ..records import Notice, Severity, Telling
from .channel import RetryError, Sent
from .secrets import Secret, SecretError
from .settings import Alertmanager
from .templates import Templates
from .webhook import post

STAYS = timedelta(days=7)
"""How long an alert stays on that is not told of again: reminders come sooner."""
NOT_FOR_IT = (Telling.DIGEST, Telling.OVERFLOW, Telling.SILENCE_ENDS)


class AlertmanagerChannel:
    """Posts an incident as one alert: on from `startsAt` to `endsAt`, which a recovery brings forward."""

    def __init__(self, address: Alertmanager, templates: Templates) -> None:
        self._address = address
        self._templates = templates

    def send(self, notice: Notice, thread: str | None) -> Sent:
        """Post the alert as it stands."""
        del thread  # the same labels are the same alert
        if notice.telling in NOT_FOR_IT:
            return Sent(remark="Alertmanager is told of incidents only")
        headers = {"Content-Type": "application/json"}
        try:
            url = self._address.url.reveal() if isinstance(self._address.url, Secret) else self._address.url
            if self._address.password is not None:
                login = f"{self._address.user}:{self._address.password.reveal()}"
                headers |= urllib3.make_headers(basic_auth=login)
        except SecretError as error:
            raise RetryError(str(error)) from None
        post(f"{url.rstrip('/')}/api/v2/alerts", orjson.dumps(self._alerts(notice)), headers)
        return Sent()

    def _alerts(self, notice: Notice) -> list[dict[str, Any]]:
        """The alert as it stands; one that changed its severity, by which it is routed, is over with the old one."""
        over = notice.telling is Telling.RESOLVED
        on = [] if over else [self._alert(notice, notice.severity, notice.decided + STAYS)]
        ended = over or notice.telling is Telling.ESCALATED
        others = [severity for severity in Severity if over or severity is not notice.severity]
        return [*on, *(self._alert(notice, severity, notice.decided) for severity in others if ended)]

    def _alert(self, notice: Notice, severity: Severity, until: datetime) -> dict[str, Any]:
        found = notice.document.get("incident", {})
        links = found.get("evidence", {}).get("links", {})
        labels = {
            "alertname": "DriftlineIncident",
            "incident": notice.incident,
            "model": notice.model,
            "severity": severity.value,
            "kind": found.get("kind", ""),
        }
        annotations = {"summary": notice.title, "description": self._templates.text(notice)}
        annotations |= {"runbook_url": links["runbook"]} if "runbook" in links else {}
        alert = {
            "labels": {name: value for name, value in labels.items() if value},
            "annotations": annotations,
            "startsAt": found.get("since", iso(notice.decided)),
            "endsAt": iso(until),
        }
        link = links.get("dashboard", "")
        return alert | ({"generatorURL": link} if link.startswith("http") else {})
