"""The command report: one self-contained page of an incident, or of a period of a model."""

from __future__ import annotations

import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import NoReturn

import click

from driftline.ingest.streams import Streams

from ..alerts.people import UnknownError
from ..cluster import Cluster
from ..commands import EXIT_RUNTIME, EXIT_USAGE, Moment, clear_errors, cluster_option, connected
from ..reading.commands import namespace_option
from ..windows import Window
from . import gather
from .found import Found

NOTHING = """no incident is on
  driftline alerts list --all --namespace {namespace}    lists those that are over; report one by --incident ID
  driftline report --model NAME --since 2013-06-01 --namespace {namespace}    tells of a period"""


@click.command()
@click.option("--incident", metavar="ID", help="This incident, by its id or the beginning of it.")
@click.option("--model", metavar="NAME", help="A period of this model instead.")
@click.option("--since", type=Moment(), help="When the period begins.")
@click.option("--until", type=Moment(), help="When it ends; left out: now.")
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path, dir_okay=False),
    default=Path("report.html"),
    show_default=True,
    help="File to write.",
)
@namespace_option
@cluster_option
@clear_errors
def report(
    incident: str | None,
    model: str | None,
    since: datetime | None,
    until: datetime | None,
    output: Path,
    streams: Streams,
    url: str | None,
) -> None:
    r"""Write one page on an incident: what happened, why, whom it affects, what to do.

    Of the worst that is on where none is named. The page is one file that asks for nothing from anywhere: read it in
    any browser, also on a phone, mail it, print it.

    \b
    Examples:
      driftline report
      driftline report --incident 3f9a1c2e -o incident.html
      driftline report --model churn --since 2013-06-01 --until 2013-07-01
    """
    now = datetime.now(UTC)
    asked = _asked(incident, model, since, until, now)
    with connected(url) as client:
        found = _found(Cluster(client, streams), incident, model, asked, now)
    if found is None:
        click.echo(NOTHING.format(namespace=streams.namespace))
        return
    told = write(found, output)
    click.echo(told, err=True)


def write(found: Found, output: Path) -> str:
    """Write the page; returns a line that says so."""
    try:
        from . import page, scripts  # noqa: PLC0415 (what they need is an extra of its own)
    except ImportError:
        _refuse("report needs `pip install 'driftline[report]'`", EXIT_USAGE)
    text = page.html(found, scripts.inlined())
    try:
        output.write_text(text, encoding="utf-8")
    except OSError as error:
        _refuse(f"{output}: {error.strerror}", EXIT_RUNTIME)
    return f"{output}: {page.title(found)} ({len(text.encode()) / 1e6:.1f} MB)"


def _asked(
    incident: str | None, model: str | None, since: datetime | None, until: datetime | None, now: datetime
) -> Window | None:
    """The period that is asked for, None where an incident is."""
    if incident and (model or since or until):
        msg = "--incident names one incident: leave out --model, --since and --until"
        raise click.UsageError(msg)
    if bool(model) != bool(since) or (until and not model):
        msg = "a period needs --model and --since; --until is now where it is left out"
        raise click.UsageError(msg)
    if since is None:
        return None
    if since >= (until or now):
        msg = f"the period ends before it begins: --since {since:%Y-%m-%dT%H:%M}, --until {until or now:%Y-%m-%dT%H:%M}"
        raise click.UsageError(msg)
    return Window(since, until or now)


def _found(
    cluster: Cluster, incident: str | None, model: str | None, asked: Window | None, now: datetime
) -> Found | None:
    try:
        if model and asked:
            return gather.period(cluster, model, asked, now)
        if incident is None:
            worst = gather.worst(cluster)
            incident = worst.id if worst else None
        return gather.incident(cluster, incident, now) if incident else None
    except (UnknownError, gather.NothingError) as error:
        _refuse(str(error), EXIT_USAGE)


def _refuse(message: str, code: int) -> NoReturn:
    click.echo(f"driftline: {message}", err=True)
    sys.exit(code)
