"""Incidents as the pages list them: what `driftline alerts list` prints, by column. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from ..alerts import documents, output
from ..alerts.records import Document

LISTED = 20
Query = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Line:
    """One incident.

    Attributes:
        id: Its id.
        cells: Texts by the columns of `driftline alerts list`.
    """

    id: str
    cells: Mapping[str, str]


def of_model(model: str, begun: Query | None, over: Query | None) -> dict[str, Any]:
    """What asks for the incidents of a model, the newest first.

    Args:
        model: Name of the model.
        begun: What they match; None: whenever they began.
        over: What they do not match; None: also those that are over.
    """
    of = [{"term": {"event.dataset": documents.INCIDENT}}, {"term": {"model.name": model}}]
    return {
        "size": LISTED,
        "track_total_hits": True,
        "query": {"bool": {"filter": [*of, *([begun] if begun else [])], "must_not": [over] if over else []}},
        "sort": [{"incident.since": "desc"}],
        "_source": {"excludes": ["incident.evidence"]},
    }


def change(source: Document) -> str:
    """What changed, in words."""
    text: str = source.get("message") or source.get("event", {}).get("action", "")
    return text


def incidents(found: Iterable[Document]) -> list[Line]:
    """The lines of some incidents, as stored."""
    known = map(documents.to_incident, found)
    return [Line(one.id, dict(zip(output.COLUMNS, map(str, output.incident_row(one)), strict=True))) for one in known]
