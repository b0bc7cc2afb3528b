"""How the reading commands print: tables for people, tabs for pipes, JSON and CSV for machines."""

from __future__ import annotations

import csv
import sys
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import click
import orjson
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from driftline.ingest import events

COLOURS = {
    "critical": "bold red",
    "page": "bold red",
    "warning": "yellow",
    "ticket": "yellow",
    "spent": "yellow",
    "ok": "green",
    "insufficient_data": "dim",
    "unknown": "dim",
}
METRIC_COLUMNS = (
    "window",
    "model",
    "measure",
    "feature",
    "segment",
    "value",
    "interval",
    "threshold",
    "reference",
    "n",
    "status",
    "cause",
)
PREDICTION_COLUMNS = ("time", "id", "model", "predicted", "score", "outcome", "loss", "segments")


def print_metrics(metrics: Iterable[Mapping[str, Any]]) -> None:
    """One line a metric."""
    print_table(METRIC_COLUMNS, [_metric_row(metric) for metric in metrics])


def print_predictions(hits: Iterable[Mapping[str, Any]]) -> None:
    """One line a prediction."""
    print_table(PREDICTION_COLUMNS, [prediction_row(hit["_source"]) for hit in hits])


def _metric_row(metric: Mapping[str, Any]) -> Sequence[str]:
    found = metric["metric"]
    return (
        f"{minute(metric['window']['start'])} {metric['window']['size']}",
        f"{metric['model']['name']} {metric['model']['version']}",
        found["name"],
        metric.get("feature", {}).get("name", ""),
        _segment_text(metric),
        number(found.get("value")),
        interval(found.get("lower"), found.get("upper")),
        number(found.get("threshold")),
        number(found.get("reference_value")),
        f"{found.get('sample_size', 0):,}",
        found["status"],
        found.get("cause", {}).get("text", ""),
    )


def prediction_row(source: Mapping[str, Any]) -> Sequence[str]:
    """What a line says of a prediction, by `PREDICTION_COLUMNS`."""
    predicted, outcome = source.get("prediction", {}), source.get("outcome", {})
    evaluation = source.get("evaluation", {})
    return (
        source[events.TIMESTAMP][:19].replace("T", " "),
        source["event"]["id"],
        f"{source['model']['name']} {source['model']['version']}",
        str(predicted.get("label", number(predicted.get("value")))),
        number(predicted.get("score")),
        str(outcome.get("label", number(outcome.get("value")))),
        number(evaluation.get("log_loss", evaluation.get("absolute_error"))),
        " ".join(f"{name}={value}" for name, value in source.get("segments", {}).items()),
    )


def _segment_text(metric: Mapping[str, Any]) -> str:
    segment = metric.get("segment")
    return f"{segment['name']}={segment['value']}" if segment else ""


def interval(lower: float | None, upper: float | None) -> str:
    """An interval; nothing where none is known."""
    return "" if lower is None or upper is None else f"{number(lower)} to {number(upper)}"


def number(value: float | None) -> str:
    """A number in four significant digits; nothing for none."""
    if value is None:
        return ""
    return f"{value:,.0f}" if abs(value) >= 10_000 else f"{value:.4g}"


def minute(text: str) -> str:
    """A stored time to the minute, for people."""
    return text[:16].replace("T", " ")


def print_json(documents: Iterable[Mapping[str, Any]]) -> None:
    """One document a line."""
    for document in documents:
        click.echo(orjson.dumps(document).decode())


def _flat(document: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, value in document.items():
        found |= _flat(value, f"{prefix}{name}.") if isinstance(value, Mapping) else {f"{prefix}{name}": value}
    return found


def print_csv(documents: Iterable[Mapping[str, Any]]) -> None:
    """Documents with one column for each field that any of them has."""
    rows = [_flat(document) for document in documents]
    if rows:
        writer = csv.DictWriter(sys.stdout, sorted({name for row in rows for name in row}), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)


def print_table(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """A table on a screen, coloured by its column `status` or `state`; lines with tabs in a pipe."""
    console = Console()
    if not console.is_terminal:
        for row in (columns, *rows):
            click.echo("\t".join(row))
        return
    # A screen is narrow: columns in which nothing stands are left out. Scripts find all of them, always.
    shown = [at for at in range(len(columns)) if not rows or any(row[at] for row in rows)]
    table = Table(*(columns[at] for at in shown), box=None, header_style="bold", pad_edge=False)
    position = next((at for at, column in enumerate(columns) if column in ("status", "state")), None)
    for row in rows:
        style = COLOURS.get(row[position]) if position is not None else None
        table.add_row(*(escape(row[at]) for at in shown), style=style)
    console.print(table)
