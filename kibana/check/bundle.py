"""Saved objects as Kibana exports them, one JSON object a line, with the JSON inside their strings decoded."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from .finding import Finding

Json = Mapping[str, Any]

# Where attributes hold JSON as text: path, what it decodes to, whether it must be there.
_TEXTS: dict[str, tuple[tuple[str, type, bool], ...]] = {
    "dashboard": (
        ("panelsJSON", list, True),
        ("optionsJSON", dict, True),
        ("kibanaSavedObjectMeta.searchSourceJSON", dict, True),
        ("controlGroupInput.panelsJSON", dict, False),
        ("controlGroupInput.ignoreParentSettingsJSON", dict, False),
    ),
    "search": (("kibanaSavedObjectMeta.searchSourceJSON", dict, True),),
    "index-pattern": (
        ("fieldFormatMap", dict, False),
        ("runtimeFieldMap", dict, False),
        ("fieldAttrs", dict, False),
        ("fields", list, False),
        ("sourceFilters", list, False),
        ("typeMeta", dict, False),
    ),
}


@dataclass(frozen=True, slots=True)
class Reference:
    """How a saved object names another."""

    name: str
    type: str
    id: str


@dataclass(frozen=True, slots=True)
class SavedObject:
    """One line of a bundle; `attributes` are decoded, `whole` is as it stands in the file."""

    type: str
    id: str
    attributes: Json
    references: tuple[Reference, ...]
    whole: Json

    @property
    def title(self) -> str:
        """What people see; the id where there is none."""
        own = self.attributes
        return str((own.get("name") if self.type in ("tag", "index-pattern") else None) or own.get("title") or self.id)

    @property
    def where(self) -> str:
        """The place that findings name."""
        return self.title if self.type == "dashboard" else f"{self.type} {self.title}"

    @property
    def panels(self) -> tuple[Panel, ...]:
        """The panels of a dashboard; none of others."""
        return tuple(Panel(self, panel) for panel in self.attributes.get("panelsJSON") or ())

    @property
    def controls(self) -> Mapping[str, Json]:
        """The controls of a dashboard by their ids, in no order."""
        return (self.attributes.get("controlGroupInput") or {}).get("panelsJSON") or {}

    @property
    def source(self) -> Json:
        """Query and filters of a dashboard or a saved search."""
        return (self.attributes.get("kibanaSavedObjectMeta") or {}).get("searchSourceJSON") or {}

    def target(self, name: str) -> str | None:
        """The id that a reference points to; None where there is no such reference."""
        return next((reference.id for reference in self.references if reference.name == name), None)


@dataclass(frozen=True, slots=True)
class Panel:
    """One panel of a dashboard."""

    dashboard: SavedObject
    whole: Json

    @property
    def index(self) -> str:
        """Its id in the dashboard."""
        return str(self.whole.get("panelIndex", ""))

    @property
    def type(self) -> str:
        """Such as `lens`."""
        return str(self.whole.get("type", ""))

    @property
    def configuration(self) -> Json:
        """What is in it."""
        return self.whole.get("embeddableConfig") or {}

    @property
    def attributes(self) -> Json:
        """The visualization that a Lens panel holds by value, or the links of a links panel."""
        return self.configuration.get("attributes") or {}

    @property
    def state(self) -> Json:
        """The state of a Lens panel."""
        return self.attributes.get("state") or {}

    @property
    def visualization(self) -> Json:
        """How a Lens panel draws its columns."""
        return self.state.get("visualization") or {}

    @property
    def layers(self) -> Mapping[str, Json]:
        """The layers of a Lens panel whose columns are fields and functions of them."""
        return ((self.state.get("datasourceStates") or {}).get("formBased") or {}).get("layers") or {}

    @property
    def annotations(self) -> tuple[Json, ...]:
        """The layers of annotations of a chart."""
        layers = self.visualization.get("layers") or ()
        return tuple(layer for layer in layers if layer.get("layerType") == "annotations")

    @property
    def title(self) -> str:
        """What people see above it."""
        texts = (self.configuration.get("title"), self.whole.get("title"), self.attributes.get("title"))
        return str(next((text for text in texts if text), ""))

    @property
    def description(self) -> str:
        """The longer text behind its title."""
        return f"{self.configuration.get('description') or ''} {self.attributes.get('description') or ''}"

    @property
    def where(self) -> str:
        """The place that findings name."""
        return f"{self.dashboard.title} / {self.title or f'{self.type} {self.index}'}"

    @property
    def drilldowns(self) -> tuple[Json, ...]:
        """Where a click leads."""
        actions = (self.configuration.get("enhancements") or {}).get("dynamicActions") or {}
        return tuple(actions.get("events") or ())


@dataclass(frozen=True, slots=True)
class Bundle:
    """All saved objects of a file."""

    objects: tuple[SavedObject, ...]

    def of(self, kind: str) -> Iterator[SavedObject]:
        """The objects of a type."""
        return (found for found in self.objects if found.type == kind)

    def find(self, kind: str, identity: str | None) -> SavedObject | None:
        """The object of this type and id."""
        return next((found for found in self.of(kind) if found.id == identity), None)


def read(text: str) -> tuple[Bundle, list[Finding]]:
    """The saved objects of a file, and what cannot be read in it."""
    objects, findings = [], []
    for number, line in enumerate(text.splitlines(), start=1):
        if not line.strip():
            continue
        try:
            whole = json.loads(line)
            if "exportedCount" in whole:
                continue
            kind, identity = str(whole["type"]), str(whole["id"])
            references = tuple(Reference(each["name"], each["type"], each["id"]) for each in whole["references"])
            attributes = dict(whole["attributes"])
        except (ValueError, KeyError, TypeError) as error:
            allowed = "a JSON object with `type`, `id`, `attributes` and `references`"
            findings.append(
                Finding(f"line {number}", "line cannot be read", f"{type(error).__name__} {error}", allowed)
            )
            continue
        decoded, wrong = _decoded(f"{kind} {identity}", kind, attributes)
        findings += wrong
        objects.append(SavedObject(kind, identity, decoded, references, whole))
    return Bundle(tuple(objects)), findings


def _decoded(where: str, kind: str, attributes: Json) -> tuple[Json, list[Finding]]:
    decoded, findings = copy.deepcopy(dict(attributes)), []
    for path, expected, required in _TEXTS.get(kind, ()):
        *parents, name = path.split(".")
        inside = decoded
        for parent in parents:
            inside = inside.get(parent) or {}
        if name not in inside and not required:
            continue
        text = inside.pop(name, None)
        try:
            if not isinstance(value := json.loads(text), expected):
                msg = type(value).__name__
                raise TypeError(msg)  # noqa: TRY301 (told in the same words as text that is no JSON)
            inside[name] = value
        except (ValueError, TypeError) as error:
            allowed = f"a string that holds JSON, of a {'list' if expected is list else 'object'}"
            findings.append(Finding(where, f"{path} cannot be read", _short(text, error), allowed))
    return decoded, findings


def _short(text: object, error: Exception) -> str:
    return f"{str(text)[:60]!r} ({error})"
