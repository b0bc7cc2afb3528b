"""`driftline alerts test`: one of each notice to each channel."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import click
import orjson

from ... import monitors as configuration
from ...commands import EXIT_RUNTIME, EXIT_USAGE, clear_errors, config_option, json_option
from ...profiles.store import document_id
from ...windows import iso
from ..documents import INCIDENT
from ..records import Kind, Notice, Severity, State, Telling
from .channel import Channel, RefusedError, RetryError

CASES = (
    (Telling.OPENED, Severity.TICKET),
    (Telling.ESCALATED, Severity.PAGE),
    (Telling.REMINDER, Severity.PAGE),
    (Telling.SILENCE_ENDS, Severity.PAGE),
    (Telling.RESOLVED, Severity.PAGE),
    (Telling.OVERFLOW, Severity.PAGE),
    (Telling.DIGEST, Severity.DIGEST),
)


def notices(now: datetime) -> Iterator[Notice]:
    """One of each kind, of an incident that never was."""
    incident = document_id("test", iso(now))
    for telling, severity in CASES:
        since, over = now - timedelta(hours=3), telling is Telling.RESOLVED
        yield Notice(
            id=document_id("test", iso(now), telling),
            telling=telling,
            incident=incident,
            model="test",
            severity=severity,
            decided=now,
            title="test: this is a test of Driftline, nothing happened",
            document=_document(incident, since, now if over else None, severity),
        )


def _document(identity: str, since: datetime, until: datetime | None, severity: Severity) -> dict[str, Any]:
    end = {"until": iso(until)} if until else {}
    state = State.RESOLVED if until else State.FIRING
    return {
        "@timestamp": iso(since),
        "event": {"dataset": INCIDENT, "kind": "alert", "id": identity, "start": iso(since)},
        "message": "test: this is a test of Driftline, nothing happened",
        "model": {"name": "test"},
        "incident": {"id": identity, "kind": Kind.DRIFT.value, "state": state.value, "severity": severity.value}
        | {"since": iso(since), "fired": iso(since)}
        | end,
        "items": [{"telling": "opened", "severity": "digest", "title": "test: an item of a digest"}],
    }


@click.command()
@config_option
@click.option("--channel", metavar="NAME", help="Only this channel.")
@json_option
@clear_errors
def test(config: Path, channel: str | None, *, as_json: bool) -> None:
    r"""Send one of each notice to each channel of monitors.yml, and say what happened.

    \b
    Examples:
      driftline alerts test
      driftline alerts test --channel oncall
    """
    notify = configuration.load(config).notify
    if not notify.channels or (channel is not None and channel not in notify.channels):
        known = ", ".join(notify.channels) or "none: `notify` names no channel"
        click.echo(f"driftline: {config}: --channel: got {channel!r}, allowed: {known}", err=True)
        sys.exit(EXIT_USAGE)
    from .channels import channels  # noqa: PLC0415 (apprise and jinja2 come with an extra)

    chosen = {name: way for name, way in channels(notify).items() if channel in (None, name)}
    results = [
        {"channel": name, "telling": notice.telling.value, "error": error}
        for name, way in chosen.items()
        for notice, error in _sent(way)
    ]
    for result in results:
        if as_json:
            click.echo(orjson.dumps(result))
        else:
            click.echo(f"{result['channel']}: {result['telling']}: {result['error'] or 'sent'}")
    if any(result["error"] for result in results):
        sys.exit(EXIT_RUNTIME)


def _sent(way: Channel) -> Iterator[tuple[Notice, str | None]]:
    thread: str | None = None
    for notice in notices(datetime.now(UTC)):
        try:
            thread = way.send(notice, thread).reference or thread
        except (RetryError, RefusedError) as error:
            yield notice, str(error)
        else:
            yield notice, None
