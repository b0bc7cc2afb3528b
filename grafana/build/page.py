"""A dashboard from bands of panels: where they stand, what stands around them, and how it is written."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from grafana_foundation_sdk.builders import dashboard as build
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models.dashboard import (
    Dashboard,
    DashboardCursorSync,
    DashboardLinkType,
    DataSourceRef,
    GridPos,
    Panel,
    RowPanel,
)

from .panels import words
from .sources import ALERTS, CHANGES

WIDTH = 24
"""Columns of Grafana's grid."""
TAG = "driftline"


@dataclass(frozen=True, slots=True)
class Band:
    """Panels side by side, as wide as one another.

    Attributes:
        height: In rows of Grafana's grid, of 30 pixels each.
        panels: From left to right; their number divides 24.
    """

    height: int
    panels: tuple[Panel, ...]


@dataclass(frozen=True, slots=True)
class Page:
    """A dashboard.

    Attributes:
        name: Its file is `<name>.json`, its uid `driftline-<name>`.
        title: Its title.
        question: What it answers, in a sentence or two; stands on top.
        variables: What people choose from, in order: a list may depend on the choices before it.
        bands: Panels, from top to bottom.
        folded: Panels below, in a row that is closed at first; its title and its bands.
    """

    name: str
    title: str
    question: str
    variables: tuple[build.QueryVariable, ...]
    bands: tuple[Band, ...]
    folded: tuple[str, tuple[Band, ...]]

    @property
    def uid(self) -> str:
        """The uid, which links lead to."""
        return f"driftline-{self.name}"


def text_of(page: Page) -> str:
    """The dashboard as Grafana reads it; the same for the same page, always."""
    written: dict[str, Any] = json.loads(JSONEncoder().encode(_dashboard(page)))
    for annotation in written["annotations"]["list"]:
        annotation.update(_ANNOTATIONS[annotation["name"]])
    return json.dumps(written, indent=2, sort_keys=True, ensure_ascii=False) + "\n"


_ANNOTATIONS: dict[str, dict[str, str]] = {
    "Changes": {
        "query": "data_stream.namespace:$namespace AND model.name:$model",
        "timeField": "@timestamp",
        "textField": "message",
        "tagsField": "event.action",
    },
    "Incidents": {
        "query": '_index:"driftline-alerts-${namespace}" AND event.dataset:driftline.incident AND model.name:$model',
        "timeField": "event.start",
        "timeEndField": "event.end",
        "textField": "message",
        "tagsField": "incident.severity",
    },
}
"""What Elasticsearch's annotations say beside the fields that all have: the SDK knows only those, so they come last."""


def _dashboard(page: Page) -> Dashboard:
    dashboard = (
        build.Dashboard(page.title)
        .uid(page.uid)
        .description(page.question)
        .tags([TAG])
        .timezone("utc")
        .time("now-30d", "now")
        .refresh("5m")
        .tooltip(DashboardCursorSync.CROSSHAIR)
        .variables(list(page.variables))
        .annotations([_annotation("Changes", CHANGES, "blue"), _annotation("Incidents", ALERTS, "red")])
        .link(
            build.DashboardLink("Driftline")
            .type(DashboardLinkType.DASHBOARDS)
            .tags([TAG])
            .as_dropdown(False)
            .include_vars(True)
            .keep_time(True)
        )
        .build()
    )
    dashboard.panels = list(_placed(page))
    return dashboard


def _annotation(name: str, source: DataSourceRef, colour: str) -> build.AnnotationQuery:
    return build.AnnotationQuery().name(name).datasource(source).enable(True).icon_color(colour)


def _placed(page: Page) -> Iterator[Panel | RowPanel]:
    title, folded = page.folded
    above = (Band(2, (words(f"**{page.question}**"),)), *page.bands)
    yield from _stacked(above, top=0, first=1)
    below = sum(band.height for band in above)
    number = sum(len(band.panels) for band in above) + 1
    row = build.Row(title).collapsed(True).id(number).grid_pos(GridPos(h=1, w=WIDTH, x=0, y=below)).build()
    row.panels = list(_stacked(folded, top=below + 1, first=number + 1))
    yield row


def _stacked(bands: Sequence[Band], top: int, first: int) -> Iterator[Panel]:
    number = first
    for band in bands:
        width = WIDTH // len(band.panels)
        for position, panel in enumerate(band.panels):
            panel.id_val = number
            panel.grid_pos = GridPos(h=band.height, w=width, x=position * width, y=top)
            panel.datasource = panel.targets[0].datasource if panel.targets else None  # type: ignore[attr-defined]
            number += 1
            yield panel
        top += band.height
