"""The commands metrics and predictions."""

from __future__ import annotations

from datetime import datetime

import click

from driftline.ingest import events
from driftline.ingest.streams import Streams

from ..cluster import Cluster
from ..commands import Moment, clear_errors, cluster_option, connected
from ..firing import Alarm
from ..measures import MEASURES, Status
from . import kql, output, search


def _streams(_ctx: click.Context, _param: click.Parameter, value: str) -> Streams:
    try:
        return Streams(value)
    except ValueError as error:
        raise click.BadParameter(str(error)) from error


namespace_option = click.option(
    "--namespace",
    "streams",
    metavar="NAME",
    default="default",
    show_default=True,
    callback=_streams,
    help="Namespace of the data streams.",
)


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
@click.option(
    "--alarm",
    type=click.Choice([Alarm.PENDING.value, Alarm.FIRING.value]),
    help="Only while the series is so: bad of late, or bad in as many windows as make an alarm.",
)
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
    alarm: str | None,
    window: str | None,
    since: datetime | None,
    until: datetime | None,
    limit: int,
    style: str,
    streams: Streams,
    url: str | None,
    *,
    as_json: bool,
) -> None:
    r"""Show metrics and their verdicts, in order of time.

    \b
    Examples:
      driftline metrics --measure roc_auc --window month --segment none
      driftline metrics --status critical --since 2013-06-01 --format csv
      driftline metrics --alarm firing --window 1d
    """
    chosen = search.Filter(model, version, measure, feature, segment, status, window, since, until, alarm)
    with connected(url) as client:
        found = list(search.metrics(Cluster(client, streams), chosen, limit))
    if as_json or style == "json":
        output.print_json(found)
    elif style == "csv":
        output.print_csv(found)
    else:
        output.print_metrics(found)
    if not found:
        click.echo(f"no metrics match in {streams.metrics}", err=True)
    elif len(found) == limit:
        click.echo(f"the first {limit}; --limit shows more, filters show less", err=True)


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
    streams: Streams,
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
        total, found = search.predictions(Cluster(client, streams), wanted, sort, limit)
    if as_json:
        output.print_json(found)
    else:
        output.print_predictions(found)
    click.echo(f"{len(found):,} of {total:,} predictions, by {sort}", err=True)
