"""What Kibana asks Elasticsearch for a bundle."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from functools import partial

from . import controls, panels
from .bundle import Bundle, SavedObject
from .fields import Use
from .finding import Finding, NotUnderstoodError, unreadable
from .searches import Period, Search


def of_bundle(bundle: Bundle) -> tuple[list[Search], list[Finding]]:
    """All searches of a bundle, and what cannot be made one."""
    found: list[Search] = []
    findings: list[Finding] = []
    for owner in bundle.objects:
        makers: list[tuple[str, Callable[[], Iterable[Search]]]] = []
        if owner.type == "search":
            makers = [(owner.where, partial(panels.of_saved, bundle, owner, owner.where))]
        elif owner.type == "index-pattern":
            makers = [(owner.where, partial(_of_view, owner))]
        elif owner.type == "dashboard":
            makers = list(_of_dashboard(bundle, owner))
        for where, make in makers:
            try:
                found += make()
            except NotUnderstoodError as error:
                findings.append(error.at(where))
            except (AttributeError, LookupError, TypeError, ValueError) as error:
                findings.append(unreadable(where, error))
    return found, findings


def _of_dashboard(bundle: Bundle, dashboard: SavedObject) -> Iterator[tuple[str, Callable[[], Iterable[Search]]]]:
    for panel in dashboard.panels:
        if panel.type == "lens":
            yield panel.where, partial(panels.of_panel, bundle, panel)
        elif panel.type == "search":
            yield panel.where, partial(panels.of_shown, bundle, panel)
    for identity, control in dashboard.controls.items():
        where = f"{dashboard.title} / control {(control.get('explicitInput') or {}).get('title') or identity}"
        yield where, partial(controls.of_control, bundle, dashboard, identity, where)


def _of_view(view: SavedObject) -> Iterator[Search]:
    """The fields that a data view computes, which fail for all who open it if one does; and those that it formats."""
    computed = view.attributes.get("runtimeFieldMap") or {}
    yield Search(
        where=view.where,
        kind="data view",
        view=view,
        queries=(),
        body={"size": 0, "aggs": {name: {"terms": {"field": name}} for name in computed}},
        uses=tuple(Use(name, "mapped", "a format") for name in view.attributes.get("fieldFormatMap") or {}),
        rows=None,
        period=Period("now-15m", "now"),
        may_be_empty=True,
    )
