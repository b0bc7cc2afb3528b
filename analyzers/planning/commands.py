"""`driftline plan`: what the rules would have made of the stored history, and whether they find a fault."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from .. import monitors as configuration
from ..alerts.documents import of_incident
from ..alerts.output import COLUMNS, incident_row
from ..alerts.records import Incident, Severity
from ..alerts.replay import Replay, replay
from ..cluster import Cluster
from ..commands import (
    Moment,
    clear_errors,
    cluster_option,
    config_option,
    connected,
    json_option,
    namespace_option,
    progress_bars,
)
from ..reading.output import minute, print_json, print_table
from ..windows import Window, iso
from .inject import Injection
from .rejudge import documents, rules

if TYPE_CHECKING:
    from datetime import timedelta

    from ..monitors import Model
    from ..pipeline import Progress

HOUR = 3_600


def _injections(_ctx: click.Context, _param: click.Parameter, values: Sequence[str]) -> tuple[Injection, ...]:
    try:
        return tuple(map(Injection.parse, values))
    except ValueError as error:
        raise click.BadParameter(str(error)) from error


@click.command()
@config_option
@click.option(
    "--against", type=click.Path(path_type=Path, dir_okay=False), help="Other settings, to be compared side by side."
)
@click.option("--model", metavar="NAME", help="Only this model.")
@click.option("--since", type=Moment(), help="Only windows that begin at or after this time.")
@click.option("--until", type=Moment(), help="Only windows that begin before this time.")
@click.option(
    "--inject",
    "injections",
    multiple=True,
    callback=_injections,
    metavar="FAULT",
    help="Put a fault into the windows: shift:FEATURE=SIZE@TIME (in standard deviations), "
    "missing:FEATURE=SHARE@TIME, or errors=SHARE@TIME.",
)
@namespace_option
@cluster_option
@json_option
@clear_errors
def plan(
    config: Path,
    against: Path | None,
    model: str | None,
    since: datetime | None,
    until: datetime | None,
    injections: tuple[Injection, ...],
    namespace: str | None,
    url: str | None,
    *,
    as_json: bool,
) -> None:
    r"""Replay the rules over the stored history: how many pages, which flaps, when first, how long.

    Stored windows are judged anew; nothing is stored and nobody is told. With --inject it says how long a fault would
    have taken to be found.

    \b
    Examples:
      driftline plan --since 2013-03-01
      driftline plan --against stricter.yml
      driftline plan --inject shift:temp=0.5@2013-02-01 --until 2013-03-01
    """
    now = datetime.now(UTC)
    period = Window(since or datetime(1970, 1, 1, tzinfo=UTC), until or now)
    files = [config] if against is None else [config, against]
    chosen = {str(file): configuration.load(file, namespace).select(model) for file in files}
    with connected(url) as client, progress_bars(quiet=as_json) as progress:
        found = {}
        for file, monitors in chosen.items():
            cluster = Cluster(client, monitors.streams)
            for settings in monitors.models:
                judged = partial(_judged, progress, f"{file}: {settings.name}")
                told = documents(cluster, settings, period, now, injections, judged)
                found[file, settings.name] = _replayed(settings, told)
    if as_json:
        print_json(_as_json(file, name, made, injections) for (file, name), made in found.items())
        return
    _print(found, injections)


def _judged(progress: Progress, phase: str, done: int) -> None:
    progress(phase, done, done)


def _replayed(settings: Model, told: Iterator[Mapping[str, Any]]) -> Replay:
    try:
        return replay(settings, told, rules(settings))
    except ValueError as error:
        raise click.UsageError(str(error)) from error


SUMMARY = ("settings", "model", "from", "to", "incidents", "pages", "tickets", "digests", "flaps", "first", "hours on")


def _print(found: Mapping[tuple[str, str], Replay], injections: Sequence[Injection]) -> None:
    print_table(SUMMARY, [_summary(file, name, made) for (file, name), made in found.items()])
    for (file, name), made in found.items():
        for injection in injections:
            click.echo(f"{file}: {name}: {_told(injection, detected(injection, made))}")
        click.echo()
        print_table(COLUMNS[:-1], [incident_row(incident)[:-1] for incident in made.incidents])


def _summary(file: str, name: str, made: Replay) -> Sequence[str]:
    bounds = (minute(iso(moment)) for moment in (made.period.start, made.period.end)) if made.period else ("", "")
    first = minute(iso(made.incidents[0].fired)) if made.incidents else ""
    counts = (len(made.incidents), *(made.count(severity) for severity in Severity), made.flaps)
    return (file, name, *bounds, *map(str, counts), first, f"{made.time_on.total_seconds() / HOUR:,.0f}")


def detected(injection: Injection, made: Replay) -> Incident | None:
    """The first incident that tells of a fault; None when none does."""
    for incident in made.incidents:
        alerts = [alert for alert in made.alerts if alert.incident == incident.id]
        if any(_is_of(injection, alert.series.feature, alert.fired) for alert in alerts):
            return incident
    return None


def _is_of(injection: Injection, feature: str | None, fired: datetime | None) -> bool:
    return fired is not None and fired > injection.since and injection.feature in (None, feature)


def delay(injection: Injection, made: Replay) -> timedelta | None:
    """How long the fault was on when it was found; None when it was not."""
    times = [alert.fired for alert in made.alerts if _is_of(injection, alert.series.feature, alert.fired)]
    return min((fired - injection.since for fired in times if fired is not None), default=None)


def _told(injection: Injection, incident: Incident | None) -> str:
    what = f"{injection.fault} of {injection.feature or 'predictions'} by {injection.size:g}"
    if incident is None:
        return f"{what} since {minute(iso(injection.since))}: not found"
    return f"{what} since {minute(iso(injection.since))}: found, {incident.severity}: {incident.title}"


def _as_json(file: str, name: str, made: Replay, injections: Sequence[Injection]) -> dict[str, Any]:
    found = [
        {"fault": one.fault, "feature": one.feature, "size": one.size, "since": iso(one.since)}
        | {"seconds": None if (took := delay(one, made)) is None else took.total_seconds()}
        for one in injections
    ]
    return {
        "settings": file,
        "model": name,
        "period": {"start": iso(made.period.start), "end": iso(made.period.end)} if made.period else None,
        "incidents": [of_incident(incident) for incident in made.incidents],
        "severities": {severity.value: made.count(severity) for severity in Severity},
        "flaps": made.flaps,
        "hours_on": made.time_on.total_seconds() / HOUR,
        "injected": found,
    }
