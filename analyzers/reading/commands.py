"""The commands metrics, alerts and predictions."""

from __future__ import annotations

import csv
import sys
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

import click
import orjson
from rich.console import Console
from rich.table import Table

from driftline.ingest import events
from driftline.ingest.streams import Streams

from ..cluster import Cluster
from ..commands import Moment, clear_errors, cluster_option, connected
from ..measures import MEASURES, Status
from . import kql, search

COLOURS = {"critical": "bold red", "warning": "yellow", "ok": "green", "insufficient_data": "dim"}
namespace_option = click.option("--namespace", metavar="NAME", default="default", show_default=True)


def _segment(_ctx: click.Context, _param: click.Parameter, value: str | None) -> tuple[str, str] | tuple[()] | None:
    if value is None:
        return None
    if value == "none":
        return ()
    name, sign, content = value.partition("=")
    if not (name and sign and content):
        msg = f"got {value!r}, allowed: name=value, or none for metrics of all predictions"
        raise click.BadParameter(msg)
    return name, content


_FORMATS = click.Choice(["table", "json", "csv"])


@click.command()
@click.option("--model", metavar="NAME", help="Only this model.")
@click.option("--version", metavar="VERSION", help="Only this version.")
@click.option(
    "--measure", type=click.Choice(sorted(m.name for m in MEASURES)), help="Only this measure.", metavar="NAME"
)
@click.option("--feature", metavar="NAME", help="Only this feature; '' for metrics of the whole model.")
@click.option("--segment", metavar="NAME=VALUE", callback=_segment, help="Only this segment; none for all predictions.")
@click.option("--status", type=click.Choice([status.value for status in Status]), help="Only this verdict.")
@click.option("--window", metavar="SIZE", help="Only windows of this size, such as 1d or month.")
@click.option("--since", type=Moment(), help="Windows that begin at or after this time.")
@click.option("--until", type=Moment(), help="Windows that begin before this time.")
@click.option("--limit", type=click.IntRange(min=1), default=100, show_default=True, help="At most so many.")
@click.option("--format", "style", type=_FORMATS, default="table", show_default=True, help="How to print.")
@click.option("--json", "as_json", is_flag=True, help="The same as --format json: one document a line.")
@namespace_option
@cluster_option
@clear_errors
def metrics(  # the options are the filter, one for one
    model: str | None,
    version: str | None,
    measure: str | None,
    feature: str | None,
    segment: tuple[str, str] | tuple[()] | None,
    status: str | None,
    window: str | None,
    since: datetime | None,
    until: datetime | None,
    limit: int,
    style: str,
    namespace: str,
    url: str | None,
    *,
    as_json: bool,
) -> None:
    r"""Show metrics and their verdicts, in order of time.

    \b
    Examples:
      driftline metrics --measure roc_auc --window month --segment none
      driftline metrics --status critical --since 2013-06-01 --format csv
    """
    chosen = search.Filter(model, version, measure, feature, segment, status, window, since, until)
    with connected(url) as client:
        found = list(search.metrics(Cluster(client, Streams(namespace)), chosen, limit))
    if as_json or style == "json":
        _print_json(found)
    elif style == "csv":
        _print_csv([_flat(metric) for metric in found])
    else:
        _print_table(METRIC_COLUMNS, [_metric_row(metric) for metric in found])
        if len(found) == limit:
            click.echo(f"the first {limit}; --limit shows more, filters show less", err=True)


@click.command()
@click.option("--model", metavar="NAME", help="Only this model.")
@click.option("--window", metavar="SIZE", help="Only windows of this size.")
@click.option("--segments", is_flag=True, help="Segments too, not only all predictions.")
@click.option("--until", type=Moment(), help="As it was at this time; default now.")
@click.option("--limit", type=click.IntRange(min=1), default=30, show_default=True, help="At most so many.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON, one alert a line.")
@namespace_option
@cluster_option
@clear_errors
def alerts(
    model: str | None,
    window: str | None,
    until: datetime | None,
    limit: int,
    namespace: str,
    url: str | None,
    *,
    segments: bool,
    as_json: bool,
) -> None:
    """Show what is warning or critical now, and since when: what is critical and about the whole model first."""
    chosen = search.Filter(model=model, size=window, until=until)
    with connected(url) as client:
        found = search.alerts(Cluster(client, Streams(namespace)), chosen, segments=segments)
    if as_json:
        _print_json({"since": a.since, "windows": a.windows, "unknown": a.unknown, **a.metric} for a in found[:limit])
        return
    _print_table(ALERT_COLUMNS, [_alert_row(alert) for alert in found[:limit]])
    if not found:
        click.echo("nothing is warning or critical")
    elif len(found) > limit:
        click.echo(f"{limit} of {len(found)}; --limit shows more", err=True)


@click.command()
@click.argument("query", default="")
@click.option("--sort", type=click.Choice(list(search.SORTS)), default="loss", show_default=True, help="What first.")
@click.option("--since", type=Moment(), help="Made at or after this time.")
@click.option("--until", type=Moment(), help="Made before this time.")
@click.option("--limit", type=click.IntRange(1, 10_000), default=10, show_default=True, help="At most so many.")
@click.option("--json", "as_json", is_flag=True, help="Print whole documents as JSON, one a line.")
@namespace_option
@cluster_option
@clear_errors
def predictions(
    query: str,
    sort: str,
    since: datetime | None,
    until: datetime | None,
    limit: int,
    namespace: str,
    url: str | None,
    *,
    as_json: bool,
) -> None:
    r"""Search single predictions, the most wrong first.

    QUERY is in the Kibana Query Language, so that what is found here is found in Kibana's Discover as well.

    \b
    Examples:
      driftline predictions 'evaluation.correct: false and prediction.score >= 0.8'
      driftline predictions 'segments.origin: (JFK or LGA)' --since 2013-07-01 --until 2013-07-02
      driftline predictions 'event.id: "20130701-UA-1545-EWR-515"' --json
    """
    try:
        wanted = kql.all_of(kql.parse(query), search.between(events.TIMESTAMP, since, until))
    except kql.QueryError as error:
        raise click.UsageError(str(error)) from error
    with connected(url) as client:
        total, found = search.predictions(Cluster(client, Streams(namespace)), wanted, sort, limit)
    if as_json:
        _print_json(found)
        return
    _print_table(PREDICTION_COLUMNS, [_prediction_row(hit["_source"]) for hit in found])
    click.echo(f"{len(found):,} of {total:,} predictions, by {sort}", err=True)


METRIC_COLUMNS = ("window", "model", "measure", "feature", "segment", "value", "interval", "reference", "n", "status")
ALERT_COLUMNS = (
    "status",
    "since",
    "windows",
    "size",
    "model",
    "measure",
    "feature",
    "segment",
    "value",
    "reference",
    "n",
)
PREDICTION_COLUMNS = ("time", "id", "model", "predicted", "score", "outcome", "loss", "segments")


def _metric_row(metric: Mapping[str, Any]) -> Sequence[str]:
    found = metric["metric"]
    return (
        f"{metric['window']['start'][:16].replace('T', ' ')} {metric['window']['size']}",
        f"{metric['model']['name']} {metric['model']['version']}",
        found["name"],
        metric.get("feature", {}).get("name", ""),
        _segment_text(metric),
        number(found.get("value")),
        f"{number(found['lower'])} to {number(found['upper'])}" if "lower" in found else "",
        number(found.get("reference_value")),
        f"{found.get('sample_size', 0):,}",
        found["status"],
    )


def _alert_row(alert: search.Alert) -> Sequence[str]:
    metric = alert.metric
    found = metric["metric"]
    return (
        found["status"],
        alert.since[:16].replace("T", " "),
        f"{alert.windows}{f' (+{alert.unknown} unknown)' if alert.unknown else ''}",
        metric["window"]["size"],
        f"{metric['model']['name']} {metric['model']['version']}",
        found["name"],
        metric.get("feature", {}).get("name", ""),
        _segment_text(metric),
        number(found.get("value")),
        number(found.get("reference_value")),
        f"{found.get('sample_size', 0):,}",
    )


def _prediction_row(source: Mapping[str, Any]) -> Sequence[str]:
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


def number(value: float | None) -> str:
    """A number in four significant digits; nothing for none."""
    if value is None:
        return ""
    return f"{value:,.0f}" if abs(value) >= 10_000 else f"{value:.4g}"


def _print_json(documents: Iterable[Mapping[str, Any]]) -> None:
    for document in documents:
        click.echo(orjson.dumps(document).decode())


def _flat(document: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, value in document.items():
        found |= _flat(value, f"{prefix}{name}.") if isinstance(value, Mapping) else {f"{prefix}{name}": value}
    return found


def _print_csv(rows: Sequence[Mapping[str, Any]]) -> None:
    names = sorted({name for row in rows for name in row})
    writer = csv.DictWriter(sys.stdout, names, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)


def _print_table(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    console = Console()
    if not console.is_terminal:
        for row in (columns, *rows):
            click.echo("\t".join(row))
        return
    table = Table(*columns, box=None, header_style="bold", pad_edge=False)
    position = columns.index("status") if "status" in columns else None
    for row in rows:
        table.add_row(*row, style=COLOURS.get(row[position]) if position is not None else None)
    console.print(table)
