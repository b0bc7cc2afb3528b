"""The charts of a page, each with its summary and its table. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from ..alerts.records import Document
from ..reading.search import WRONG
from . import charts
from .found import Line, Moved, Mover
from .limits import effect, limits
from .parts import Cell, Chart, Table
from .words import (
    change_text,
    counted,
    feature,
    interval,
    metric_name,
    minute,
    number,
    of,
    share,
    window_name,
)

SIGNS = {"ok": "● ok", "warning": "▲ warning", "critical": "◆ critical", "insufficient_data": "✕ too few samples"}
"""Verdicts as tables write them, with the shapes that charts draw."""
MOST_CHANGES = 10


def verdict(status: str) -> Cell:
    """A verdict: a sign, a word, and a colour."""
    return Cell(SIGNS.get(status, status), status)


def timeline(
    identity: str, name: str, line: Line, span: tuple[str, str] | None = None, changes: Sequence[Document] = ()
) -> Chart:
    """A metric by window."""
    rows = charts.windows(line)
    marks = [{"at": one["@timestamp"], "text": change_text(one)} for one in changes[:MOST_CHANGES]]
    bounds = limits(line.windows)
    notes = [
        "Line and points: the value; band: its 95\u00a0% interval.",
        "Dotted: the reference." if any(row["reference"] is not None for row in rows) else "",
        f"Dashed: {'limits' if len(bounds) > 1 else 'limit'}, {', '.join(map(number, bounds))}." if bounds else "",
        "Shaded: the incident." if span else "",
        "Upright lines: what changed." if marks else "",
        f"The first {len(rows)} windows; there are more." if line.cut else "",
    ]
    table = Table.of(
        f"{identity}-table",
        f"{name}, window by window",
        ("window", "#value", "#95 % interval", "#reference", "verdict"),
        [
            (row["window"], row["text"], row["interval"], number(row["reference"]), verdict(row["status"]))
            for row in rows
        ],
    )
    spec = charts.timeline(line, rows, span, marks)
    return Chart(identity, name, " ".join(filter(None, notes)), _told(name, rows), spec, table)


def _told(name: str, rows: Sequence[Mapping[str, Any]]) -> str:
    """What a timeline shows, in words."""
    known = [row for row in rows if row["value"] is not None]
    if not known:
        return f"{name}: no value in {counted(len(rows), 'window')}."
    low, high = (best(known, key=lambda row: float(row["value"])) for best in (min, max))
    wrong = [row for row in rows if row["status"] in WRONG]
    found = f"{name} in {counted(len(rows), 'window')} from {rows[0]['window']} to {rows[-1]['window']}: "
    found += f"lowest {low['text']} ({low['window']}), highest {high['text']} ({high['window']}); "
    return found + (f"{len(wrong)} wrong, the first {wrong[0]['window']}." if wrong else "none wrong.")


def effects(metrics: Sequence[Mapping[str, Any]]) -> Chart | None:
    """How far the metrics of an incident are beyond their limits; None where that cannot be told of two of them."""
    rows = [row for metric in metrics if (row := _effect(metric)) is not None]
    if len(rows) < 2:
        return None
    table = Table.of(
        "effects-table",
        "How many times its limit each metric is, in its worst window",
        ("metric", "#times its limit", "#95 % interval", "verdict"),
        [(row["name"], number(row["value"]), row["interval"], verdict(row["status"])) for row in rows],
    )
    top = max(rows, key=lambda row: float(row["value"]))
    summary = f"{counted(len(rows), 'metric')}; furthest beyond its limit: {top['name']}, {number(top['value'])} times."
    note = (
        "One scale for all units: 1, dashed, is the limit that decided. Points: the worst window; bars: its interval."
    )
    return Chart("effects", "How far beyond their limits", note, summary, charts.effects(rows), table)


def _effect(metric: Mapping[str, Any]) -> dict[str, Any] | None:
    value, *ends = (effect(metric, metric.get(name)) for name in ("value", "lower", "upper"))
    if value is None or not limits([{"metric": metric}]):
        return None
    lower, upper = sorted(ends) if None not in ends else (None, None)  # type: ignore[type-var]
    return {
        "name": f"{metric_name(metric)} ({window_name(metric['window'])})",
        "value": value,
        "lower": lower,
        "upper": upper,
        "status": metric["status"],
        "text": number(value),
        "interval": interval({"lower": lower, "upper": upper}),
        "verdict": metric["status"].replace("_", " "),
    }


def movers(moved: Moved) -> list[Chart]:
    """One small chart for each feature that moved."""
    return [_mover(f"mover-{at}", one) for at, one in enumerate(moved.movers)]


def _mover(identity: str, found: Mover) -> Chart:
    known = [one for one in found.bins if one.reference_share is not None]
    table = Table.of(
        f"{identity}-table",
        f"{feature(found.name)}: share of the predictions in each bin",
        ("bin", "#now", "#reference"),
        [(one.name, share(one.share), share(one.reference_share)) for one in found.bins],
    )
    most = max(known, key=lambda one: abs(one.share - (one.reference_share or 0.0)), default=None)
    alarm = " ▲ an alert is about it." if found.alarm else ""
    if most is None:
        return Chart(identity, feature(found.name), alarm.strip(), "No reference.", charts.mover(found), table)
    gain = f"{most.name}: {share(most.reference_share)} in the reference, {share(most.share)} now"
    note = f"{share(found.moved)} of the predictions moved.{alarm}"
    summary = f"{feature(found.name)}: {share(found.moved)} of the predictions moved; most of all {gain}."
    return Chart(identity, feature(found.name), note, summary, charts.mover(found), table)


def named(lines: Sequence[Line]) -> list[tuple[str, Line]]:
    """Metrics of the whole model with their names, which tell the version where there are several."""
    several = len({line.series.version for line in lines}) > 1
    return [(of(line.series) + (f", version {line.series.version}" if several else ""), line) for line in lines]


def verdicts(lines: Sequence[Line]) -> Chart:
    """Which measures of the whole model were wrong when."""
    rows = [{"name": name} | row for name, line in named(lines) for row in charts.windows(line)]
    wrong = [row for row in rows if row["status"] in WRONG]
    table = Table.of(
        "verdicts-table",
        "Each verdict that was not fine",
        ("measure", "window", "#value", "verdict"),
        [(row["name"], row["window"], row["text"], verdict(row["status"])) for row in wrong],
    )
    names = ", ".join(dict.fromkeys(row["name"] for row in wrong))
    total = counted(len(rows), "verdict")
    summary = f"{len(wrong)} of {total} are a warning or critical: {names}." if wrong else f"None of {total} is wrong."
    note = "A row a measure; signs: windows that were a warning or critical."
    return Chart("verdicts", "Verdicts by measure and window", note, summary, charts.verdicts(rows), table)


def change_rows(changes: Sequence[Document]) -> Iterator[tuple[str, str, str]]:
    """When, what, and of what kind."""
    for change in changes:
        yield minute(change["@timestamp"]), change_text(change), change.get("action", "")
