"""Notices as text for people: titles, short texts and mails, by templates that users may replace."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import jinja2

from ...reading.output import minute, number
from ...windows import parse_moment
from ..records import Notice

TITLE, TEXT, HTML = "title.txt.j2", "text.txt.j2", "mail.html.j2"
OWN = Path(__file__).with_name("templates")


class Templates:
    """The templates of Driftline, or those of the same names in a folder of one's own.

    They are given `notice` (`telling`, `severity`, `title`, `model`, `incident`), `incident`, `evidence`, `lasted`
    (days, hours and minutes, once it is over), `items` (of a digest), and the filters `number` and `minute`.
    """

    def __init__(self, folder: Path | None = None) -> None:
        folders = [*([folder] if folder else []), OWN]
        self._environment = jinja2.Environment(
            loader=jinja2.FileSystemLoader(folders),
            autoescape=jinja2.select_autoescape(["html.j2"]),
            undefined=jinja2.ChainableUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        self._environment.filters |= {"number": number, "minute": minute}

    def title(self, notice: Notice) -> str:
        """One line."""
        return " ".join(self._rendered(TITLE, notice).split())

    def text(self, notice: Notice) -> str:
        """Some lines for a phone."""
        return self._rendered(TEXT, notice).strip()

    def html(self, notice: Notice) -> str:
        """The whole for a mail."""
        return self._rendered(HTML, notice)

    def _rendered(self, name: str, notice: Notice) -> str:
        incident = notice.document.get("incident", {})
        return self._environment.get_template(name).render(
            notice=notice,
            incident=incident,
            evidence=incident.get("evidence", {}),
            lasted=lasted(incident),
            items=notice.document.get("items", []),
        )


def lasted(incident: dict[str, Any]) -> str | None:
    """For how long an incident was on; None as long as it is."""
    if "until" not in incident:
        return None
    length = parse_moment(incident["until"]) - parse_moment(incident["since"])
    days, rest = divmod(length, timedelta(days=1))
    hours, minutes = divmod(int(rest.total_seconds()) // 60, 60)
    parts = ((days, "d"), (hours, "h"), (minutes, "min"))
    return " ".join(f"{count} {unit}" for count, unit in parts if count) or "0 min"
