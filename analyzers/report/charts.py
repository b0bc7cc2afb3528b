"""The charts as Vega-Lite specifications: plain dicts made of plain rows. Pure.

Colours are names of `style.css`, so that light, dark and print share one drawing. Source of the grammar:
https://vega.github.io/vega-lite/docs/.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any

from ..reading.search import WRONG
from ..windows import parse_moment
from .found import Line, Mover
from .limits import limits
from .words import interval, number, share, window_name

Spec = dict[str, Any]
Rows = Sequence[Mapping[str, Any]]

SCHEMA = "https://vega.github.io/schema/vega-lite/v6.json"
STATUSES = ("ok", "warning", "critical", "insufficient_data")
SHAPES = ("circle", "triangle-up", "diamond", "cross")
COLOURS = [f"var(--{status})" for status in ("ok", "warning", "critical", "unknown")]
NAMES = "{'insufficient_data': 'too few samples'}[datum.value] || datum.value"
LABELS = {"grid": False, "labelLimit": {"expr": "windowSize()[0] < 600 ? 130 : 230"}}
"""An axis of names; on a phone they leave more than half of the width to the chart."""
TEXT = {"labelColor": "var(--soft)", "titleColor": "var(--soft)", "labelFontSize": 12, "titleFontSize": 12}
CONFIG: Spec = {
    "font": "system-ui, sans-serif",
    "background": "transparent",
    "view": {"stroke": None},
    "axis": TEXT
    | {
        "gridColor": "var(--line)",
        "domainColor": "var(--line)",
        "tickColor": "var(--line)",
        "titleFontWeight": "normal",
    },
    "legend": TEXT
    | {"orient": "bottom", "symbolStrokeColor": "var(--ink)", "symbolFillColor": "transparent", "symbolSize": 60},
    "text": {"color": "var(--soft)", "fontSize": 12},
}


def timeline(line: Line, rows: Rows, span: tuple[str, str] | None, changes: Rows) -> Spec:
    """A metric by window, with its interval, its reference, its limits, and what changed.

    Args:
        line: The metric.
        rows: Its windows, as `windows` gives them.
        span: Start and end of the incident, shaded; None without one.
        changes: What changed: `at` and `text` each.
    """
    time = _time(rows)
    value = {"field": "value", "type": "quantitative", "title": None, "scale": {"zero": False}}
    layers: list[Spec] = []
    if span is not None:
        shade = {"type": "rect", "color": "var(--span)", "opacity": 0.08}
        bounds = {"x": time | {"field": "from"}, "x2": {"field": "to"}}
        layers.append({"data": {"values": [{"from": span[0], "to": span[1]}]}, "mark": shade, "encoding": bounds})
    band = {"type": "area", "color": "var(--current)", "opacity": 0.22}
    layers.append({"mark": band, "encoding": {"x": time, "y": value | {"field": "lower"}, "y2": {"field": "upper"}}})
    before = {"type": "line", "color": "var(--reference)", "strokeDash": [2, 3], "strokeWidth": 1.5}
    # Vega complains of a field that no row has.
    if any(row["reference"] is not None for row in rows):
        layers.append({"mark": before, "encoding": {"x": time, "y": value | {"field": "reference"}}})
    layers += [_limit(at, value) for at in limits(line.windows)]
    layers.append({"mark": {"type": "line", "color": "var(--current)"}, "encoding": {"x": time, "y": value}})
    verdict = _verdict(rows, ("window", "text", "interval", "verdict"))
    layers.append({"mark": {"type": "point", "opacity": 1}, "encoding": {"x": time, "y": value} | verdict})
    if changes:
        layers += _changes(changes, time)
    return _chart({"height": 230, "data": {"values": rows}, "layer": layers})


def _time(rows: Rows) -> Spec:
    """The axis of time: days, or hours where all of it is within two days."""
    first, last = (parse_moment(rows[at]["start"]) for at in (0, -1))
    short = abs(last - first) < timedelta(days=2)
    axis = {"grid": False, "format": "%H:%M" if short else "%-d %b", "labelOverlap": True, "tickCount": 6}
    return {"field": "start", "type": "temporal", "scale": {"type": "utc"}, "title": None, "axis": axis}


def _limit(at: float, value: Spec) -> Spec:
    mark = {"type": "rule", "color": "var(--warning)", "strokeDash": [8, 4], "strokeWidth": 1.5}
    return {"data": {"values": [{"limit": at}]}, "mark": mark, "encoding": {"y": value | {"field": "limit"}}}


def _changes(changes: Rows, time: Spec) -> list[Spec]:
    at = time | {"field": "at"}
    told = {"field": "text", "title": "changed"}
    rule = {"type": "rule", "color": "var(--ink)", "strokeWidth": 1.5, "tooltip": True}
    flag = {"type": "point", "shape": "triangle-down", "filled": True, "color": "var(--ink)", "size": 90, "opacity": 1}
    data = {"values": changes}
    encoding = {"x": at, "tooltip": told}
    return [
        {"data": data, "mark": rule, "encoding": encoding},
        {"data": data, "mark": flag | {"y": 0}, "encoding": encoding},
    ]


def _verdict(rows: Rows, shown: Sequence[str]) -> Spec:
    """Colour and shape by verdict; only those that occur are in the legend."""
    there = [at for at, status in enumerate(STATUSES) if any(row["status"] == status for row in rows)]
    domain = [STATUSES[at] for at in there]

    def by(values: Sequence[Any]) -> Spec:
        scale = {"domain": domain, "range": [values[at] for at in there]}
        return {"field": "status", "type": "nominal", "scale": scale, "legend": {"title": None, "labelExpr": NAMES}}

    large = {"test": "datum.status === 'warning' || datum.status === 'critical'", "value": 60}

    told = [{"field": name, "title": "value" if name == "text" else name, "type": "nominal"} for name in shown]
    return {"color": by(COLOURS), "shape": by(SHAPES), "size": {"condition": large, "value": 18}, "tooltip": told}


def windows(line: Line) -> list[dict[str, Any]]:
    """The rows of a timeline, one a window."""
    return [_window(document["window"], document["metric"]) for document in line.windows]


def _window(window: Mapping[str, Any], metric: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "start": window["start"],
        "end": window["end"],
        "window": window_name(window),
        "value": metric.get("value"),
        "lower": metric.get("lower"),
        "upper": metric.get("upper"),
        "reference": metric.get("reference_value"),
        "status": metric["status"],
        "text": number(metric.get("value")),
        "interval": interval(metric),
        "verdict": metric["status"].replace("_", " "),
    }


def effects(rows: Rows) -> Spec:
    """Metrics of different units on one scale: how many times its limit each of them is, with its interval.

    Args:
        rows: `name`, `value`, `lower`, `upper` in limits, and `status` each.
    """
    # Names stand above their bars: beside them they would take half of a phone.
    name = {"field": "name", "type": "nominal", "sort": None, "title": None, "axis": None}
    text = {"type": "text", "align": "left", "yOffset": -8, "x": 4}
    axis = {"grid": True, "tickCount": 5, "orient": "top"}
    value = {
        "field": "value",
        "type": "quantitative",
        "title": "times its limit",
        "scale": {"zero": True},
        "axis": axis,
    }
    rule = {"type": "rule", "color": "var(--warning)", "strokeDash": [8, 4], "strokeWidth": 1.5}
    bar = {"type": "rule", "color": "var(--current)", "strokeWidth": 5, "opacity": 0.35, "yOffset": 8}
    point = {"type": "point", "opacity": 1, "strokeWidth": 2.5, "yOffset": 8}
    stem = {"type": "rule", "color": "var(--line)", "strokeWidth": 1.5, "yOffset": 8}
    layers: list[Spec] = [
        {"mark": stem, "encoding": {"y": name, "x": value | {"field": "limit"}, "x2": {"field": "value"}}},
        {"data": {"values": [{"limit": 1}]}, "mark": rule, "encoding": {"x": value | {"field": "limit"}}},
        {"mark": text, "encoding": {"y": name, "text": {"field": "name"}}},
        {"mark": bar, "encoding": {"y": name, "x": value | {"field": "lower"}, "x2": {"field": "upper"}}},
        {"mark": point, "encoding": {"y": name, "x": value} | _verdict(rows, ("name", "text", "interval", "verdict"))},
    ]
    data = [{"limit": 1, **row} for row in rows]
    return _chart({"height": 40 * len(rows), "data": {"values": data}, "layer": layers})


def mover(found: Mover) -> Spec:
    """Where the predictions lie now, bars, and where they lay in the reference, upright strokes."""
    rows = [
        {"bin": one.name, "now": one.share, "before": one.reference_share, "text": share(one.share)}
        | {"reference": share(one.reference_share)}
        for one in found.bins
    ]
    name = {"field": "bin", "type": "nominal", "sort": None, "title": None, "axis": LABELS}
    axis = {"format": "%", "tickCount": 4, "grid": True, "labelOverlap": True}
    value = {"field": "now", "type": "quantitative", "title": None, "axis": axis, "scale": {"zero": True}}
    told = [{"field": "bin"}, {"field": "text", "title": "now"}, {"field": "reference"}]
    bar = {"type": "bar", "color": "var(--current)", "opacity": 0.75, "height": {"band": 0.7}}
    tick = {"type": "tick", "color": "var(--reference)", "thickness": 3, "size": 17, "opacity": 1}
    layers: list[Spec] = [{"mark": bar, "encoding": {"y": name, "x": value, "tooltip": told}}]
    if any(one.reference_share is not None for one in found.bins):
        layers.append({"mark": tick, "encoding": {"y": name, "x": value | {"field": "before"}, "tooltip": told}})
    return _chart({"height": 21 * len(rows), "data": {"values": rows}, "layer": layers})


def verdicts(rows: Rows) -> Spec:
    """Which measures were wrong when: a row a measure, a column a window.

    Args:
        rows: Those of `windows` of all measures, with `name` each.
    """
    time = _time(rows)
    name = {"field": "name", "type": "nominal", "sort": None, "title": None, "axis": LABELS}
    wrong = [row for row in rows if row["status"] in WRONG]
    strip = {"type": "bar", "color": "var(--line)", "opacity": 0.6, "height": {"band": 0.5}}
    layers: list[Spec] = [{"mark": strip, "encoding": {"x": time, "x2": {"field": "end"}, "y": name}}]
    if wrong:
        encoding = {"x": time, "y": name} | _verdict(wrong, ("name", "window", "text", "verdict"))
        point = {"type": "point", "filled": True, "opacity": 1}
        layers.append({"data": {"values": wrong}, "mark": point, "encoding": encoding})
    measures = len({row["name"] for row in rows})
    return _chart({"height": 22 * measures, "data": {"values": rows}, "layer": layers})


def _chart(spec: Spec) -> Spec:
    return {"$schema": SCHEMA, "config": CONFIG, "width": "container"} | spec
