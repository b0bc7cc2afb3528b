"""Broken copies of a bundle for Kibana: the JSON inside its strings decoded, changed, and encoded again."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

_TEXTS = ("panelsJSON", "optionsJSON", "searchSourceJSON", "ignoreParentSettingsJSON", "runtimeFieldMap")


@dataclass
class Copy:
    """The objects of a bundle, to be changed."""

    objects: list[dict[str, Any]]

    @classmethod
    def of(cls, text: str) -> Copy:
        """A copy of the text of a file."""
        return cls([_decoded(json.loads(line)) for line in text.splitlines()])

    def text(self) -> str:
        """The text of a file again."""
        return "\n".join(json.dumps(_encoded(each)) for each in self.objects)

    def some(self, kind: str, wanted: Callable[[dict[str, Any]], Any] = lambda _: True) -> dict[str, Any]:
        """The first object of a type that is as wanted."""
        return next(each for each in self.objects if each["type"] == kind and wanted(each))

    def panel(self, wanted: Callable[[Panel], Any]) -> Panel:
        """The first panel that is as wanted."""
        panels = (
            Panel(board, panel)
            for board in self.objects
            if board["type"] == "dashboard"
            for panel in board["attributes"]["panelsJSON"]
        )
        return next(panel for panel in panels if wanted(panel))

    def chart(self, kind: str = "", operation: str = "") -> Panel:
        """The first Lens panel of a visualization that has a column of an operation."""
        return self.panel(
            lambda panel: (
                panel.whole["type"] == "lens"
                and kind in panel.lens["visualizationType"]
                and any(operation in column["operationType"] for column in panel.columns.values())
                and "may be empty" not in str(panel.lens.get("description"))
            )
        )


@dataclass
class Panel:
    """A panel and its dashboard, to be changed."""

    board: dict[str, Any]
    whole: dict[str, Any]

    @property
    def where(self) -> str:
        """The place that findings name."""
        title = self.configuration.get("title") or self.lens.get("title")
        return f"{self.board['attributes']['title']} / {title or self.whole['type'] + ' ' + self.whole['panelIndex']}"

    @property
    def configuration(self) -> dict[str, Any]:
        """What is in it."""
        return self.whole["embeddableConfig"]

    @property
    def lens(self) -> dict[str, Any]:
        """The visualization that it holds."""
        return self.configuration.get("attributes") or {}

    @property
    def state(self) -> dict[str, Any]:
        """Its state."""
        return self.lens["state"]

    @property
    def visualization(self) -> dict[str, Any]:
        """How it draws."""
        return self.state["visualization"]

    @property
    def layer(self) -> dict[str, Any]:
        """Its first layer."""
        return next(iter(self.state["datasourceStates"]["formBased"]["layers"].values()))

    @property
    def columns(self) -> dict[str, Any]:
        """The columns of its first layer."""
        return self.layer["columns"]

    def column(self, operation: str) -> dict[str, Any]:
        """The first column of an operation."""
        return next(column for column in self.columns.values() if operation in column["operationType"])

    @property
    def events(self) -> list[dict[str, Any]]:
        """Its drilldowns."""
        return ((self.configuration.get("enhancements") or {}).get("dynamicActions") or {}).get("events") or []


def _decoded(value: Any) -> Any:
    if isinstance(value, dict):
        return {
            key: json.loads(inner) if key in _TEXTS and isinstance(inner, str) else _decoded(inner)
            for key, inner in value.items()
        }
    return value


def _encoded(value: Any) -> Any:
    if isinstance(value, dict):
        return {
            key: json.dumps(inner) if key in _TEXTS and not isinstance(inner, str) else _encoded(inner)
            for key, inner in value.items()
        }
    return value
