"""The commands `driftline alerts ...`: what is on, and what people do about it."""

from __future__ import annotations

import getpass
import sys
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any, NoReturn, TypeVar

import click

from driftline.ingest.streams import Streams

from ..cluster import Cluster
from ..commands import EXIT_USAGE, Moment, clear_errors, cluster_option, connected, json_option
from ..reading.commands import namespace_option
from ..reading.output import print_json, print_table
from ..windows import parse_length
from . import output, people
from .delivery.commands import test
from .export.commands import export
from .records import Kind
from .silences import Matcher, Silence, of_silence
from .store import save_silence

R = TypeVar("R")


@click.group()
def alerts() -> None:
    """Incidents: what is on, why, and what people do about it.

    Series of metrics that fire together are one incident, with the one that explains the others.
    """


def _who(function: Callable[..., R]) -> Callable[..., R]:
    return click.option("--by", "who", default=getpass.getuser, show_default="you", help="Who says so.")(function)


def _note(function: Callable[..., R]) -> Callable[..., R]:
    return click.option("--note", metavar="TEXT", help="What others should know.")(function)


def _refuse(error: people.UnknownError) -> NoReturn:
    click.echo(f"driftline: {error}", err=True)
    sys.exit(EXIT_USAGE)


def _print(columns: Sequence[str], rows: Sequence[Sequence[str]], nothing: str) -> None:
    print_table(columns, rows)
    if not rows:
        click.echo(nothing, err=True)


alerts.add_command(export)
alerts.add_command(test)


@alerts.command("list")
@click.option("--model", metavar="NAME", help="Only of this model.")
@click.option("--since", type=Moment(), help="Only those that began at or after this time.")
@click.option("--all", "over", is_flag=True, help="Also those that are over.")
@click.option("--silences", "of_silences", is_flag=True, help="The silences instead.")
@click.option("--precision", "of_rules", is_flag=True, help="How often each rule was worth it, by what people said.")
@namespace_option
@cluster_option
@json_option
@clear_errors
def list_(  # the options are the filter, one for one
    model: str | None,
    since: datetime | None,
    streams: Streams,
    url: str | None,
    *,
    over: bool,
    of_silences: bool,
    of_rules: bool,
    as_json: bool,
) -> None:
    r"""Show the incidents that are on, the worst first.

    \b
    Examples:
      driftline alerts list
      driftline alerts list --all --since 2013-06-01 --json
      driftline alerts list --silences
    """
    with connected(url) as client:
        cluster = Cluster(client, streams)
        if of_silences:
            _list_silences(people.silences(cluster, datetime.now(UTC), over=over), as_json=as_json)
        elif of_rules:
            _list_precision(people.precision(cluster, model), as_json=as_json)
        else:
            _list_incidents(people.incidents(cluster, model, since, over=over), as_json=as_json)


def _list_incidents(found: Sequence[tuple[Any, Any]], *, as_json: bool) -> None:
    if as_json:
        print_json(document for _, document in found)
    else:
        _print(output.COLUMNS, output.rows(incident for incident, _ in found), "no incident")


def _list_silences(found: Sequence[Silence], *, as_json: bool) -> None:
    if as_json:
        print_json(map(of_silence, found))
    else:
        _print(output.SILENCE_COLUMNS, [output.silence_row(silence) for silence in found], "no silence")


def _list_precision(found: Sequence[people.Precision], *, as_json: bool) -> None:
    if as_json:
        print_json(
            {"model": rule.model, "rule": rule.measure, "useful": rule.useful, "noise": rule.noise}
            | {"expected": rule.expected, "precision": rule.estimate.value}
            | {"lower": rule.estimate.lower, "upper": rule.estimate.upper}
            for rule in found
        )
    else:
        _print(output.PRECISION_COLUMNS, [output.precision_row(rule) for rule in found], "nobody has said anything yet")


@alerts.command()
@click.argument("incident")
@click.option("--limit", type=click.IntRange(min=1), default=20, show_default=True, help="At most so many alerts.")
@namespace_option
@cluster_option
@json_option
@clear_errors
def show(incident: str, limit: int, streams: Streams, url: str | None, *, as_json: bool) -> None:
    r"""Show one incident: what happened, since when, who is affected, why, and the predictions to look at.

    INCIDENT is its id, or the beginning of it.

    \b
    Example:
      driftline alerts show 3f9a1c2e
    """
    with connected(url) as client:
        found = _whole(Cluster(client, streams), incident)
    if as_json:
        print_json([output.as_json(found)])
        return
    for line in output.story(found):
        click.echo(line)
    click.echo()
    print_table(output.ALERT_COLUMNS, [output.alert_row(alert) for alert in found.alerts[:limit]])
    if len(found.alerts) > limit:
        click.echo(f"{limit} of {len(found.alerts):,} alerts; --limit shows more", err=True)


def _whole(cluster: Cluster, identity: str) -> people.Whole:
    try:
        return people.whole(cluster, identity)
    except people.UnknownError as error:
        _refuse(error)


@alerts.command()
@click.argument("incident")
@_who
@_note
@namespace_option
@cluster_option
@clear_errors
def ack(incident: str, who: str, note: str | None, streams: Streams, url: str | None) -> None:
    """Say that you look after an incident: nobody is reminded of it any more.

    It is told again when it gets worse, and when it is over.
    """
    with connected(url) as client:
        cluster = Cluster(client, streams)
        found = _whole(cluster, incident).incident
        people.acknowledge(cluster, found, who, note, datetime.now(UTC))
    click.echo(f"{who} looks after {found.title}", err=True)


@alerts.command()
@click.argument("incident")
@click.argument("worth", type=click.Choice([worth.value for worth in people.Worth]))
@_who
@_note
@namespace_option
@cluster_option
@clear_errors
def feedback(incident: str, worth: str, who: str, note: str | None, streams: Streams, url: str | None) -> None:
    """Say what an incident was worth, so that `driftline alerts list --precision` tells which rules are.

    `expected`: right, and known before, such as after a planned change.
    """
    with connected(url) as client:
        cluster = Cluster(client, streams)
        found = _whole(cluster, incident)
        people.judge(cluster, found, people.Worth(worth), who, note, datetime.now(UTC))
    click.echo(f"{worth}: {found.incident.title}", err=True)


@alerts.command()
@click.argument("incident", required=False)
@click.option("--model", metavar="NAME", help="Incidents of this model.")
@click.option("--kind", type=click.Choice([kind.value for kind in Kind]), help="All that is wrong is of this kind.")
@click.option("--measure", metavar="NAME", help="All that is wrong is of this measure.")
@click.option("--feature", metavar="NAME", help="All that is wrong is of this feature.")
@click.option("--segment", metavar="NAME=VALUE", help="All that is wrong is of this segment.")
@click.option("--for", "length", metavar="LENGTH", required=True, help="How long, such as 2h or 7d.")
@click.option("--reason", required=True, help="Why.")
@_who
@namespace_option
@cluster_option
@clear_errors
def silence(
    incident: str | None,
    model: str | None,
    kind: str | None,
    measure: str | None,
    feature: str | None,
    segment: str | None,
    length: str,
    reason: str,
    who: str,
    streams: Streams,
    url: str | None,
) -> None:
    r"""Have nobody told of an incident, or of all that match, for a time.

    A silence ends by itself: at its time, or, of one incident, when that is over. An hour before it ends it is said
    that the trouble is still there. An incident in which something else is wrong, too, is told all the same.

    \b
    Examples:
      driftline alerts silence 3f9a1c2e --for 4h --reason 'rollback is under way'
      driftline alerts silence --model churn --feature age --for 7d --reason 'new form, see JIRA-12'
    """
    asked = (incident, model, kind, measure, feature, segment)
    if not any(asked):
        msg = "name an incident, or what is to be matched: --model, --kind, --measure, --feature or --segment"
        raise click.UsageError(msg)
    try:
        span = parse_length(length)
    except ValueError as error:
        raise click.BadParameter(str(error), param_hint="--for") from error
    with connected(url) as client:
        cluster = Cluster(client, streams)
        identity = _whole(cluster, incident).incident.id if incident else None
        matcher = Matcher(identity, model, kind, measure, feature, segment)
        made = Silence.new(matcher, who, reason, datetime.now(UTC), span)
        save_silence(cluster, made)
    click.echo(f"silence {made.id} until {made.ends:%Y-%m-%d %H:%M}Z: {made.matcher}", err=True)
    click.echo(made.id)


@alerts.command()
@click.argument("identity", metavar="SILENCE")
@_who
@namespace_option
@cluster_option
@clear_errors
def unsilence(identity: str, who: str, streams: Streams, url: str | None) -> None:
    """End a silence before its time."""
    now = datetime.now(UTC)
    with connected(url) as client:
        cluster = Cluster(client, streams)
        try:
            found = people.silence(cluster, identity)
        except people.UnknownError as error:
            _refuse(error)
        if found.is_on(now):
            save_silence(cluster, found.end(now, who))
    click.echo(f"silence {found.id} {'ended' if found.is_on(now) else 'was over already'}: {found.matcher}", err=True)
