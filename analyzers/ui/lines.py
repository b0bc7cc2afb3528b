"""Incidents as the pages list them: what `driftline alerts list` prints, by column. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from ..alerts import documents, output
from ..alerts.records import Document


@dataclass(frozen=True, slots=True)
class Line:
    """One incident.

    Attributes:
        id: Its id.
        cells: Texts by the columns of `driftline alerts list`.
    """

    id: str
    cells: Mapping[str, str]


def incidents(found: Iterable[Document]) -> list[Line]:
    """The lines of some incidents, as stored."""
    known = map(documents.to_incident, found)
    return [Line(one.id, dict(zip(output.COLUMNS, map(str, output.incident_row(one)), strict=True))) for one in known]
