"""The commands up, down and status."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path
from typing import Any

import click
import orjson
from rich.console import Console
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from . import compose, node
from .errors import LocalError

WAIT_SECONDS = 60


class Kind(StrEnum):
    """Where the Elasticsearch comes from."""

    GIVEN = "ELASTICSEARCH_URL"
    DOCKER = "docker compose"
    PROCESS = "local process"


def choose() -> Kind:
    """What `up` would use: a cluster that is named, else Docker, else a process."""
    if os.environ.get("ELASTICSEARCH_URL"):
        return Kind.GIVEN
    return Kind.DOCKER if compose.engine_answers() else Kind.PROCESS


home_option = click.option(
    "--home",
    type=click.Path(path_type=Path, file_okay=False),
    default=node.default_home,
    show_default="$DRIFTLINE_HOME, else the user's data folder",
    help="Folder of the local process's data and logs.",
)
json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON for machines.")


@click.command()
@click.option("--fresh", is_flag=True, help="Delete the data first.")
@click.option("--port", default=9200, show_default=True, help="Port of the local process.")
@click.option("--heap", default="1g", show_default=True, help="Heap of the local process.")
@home_option
@json_option
def up(home: Path, heap: str, port: int, *, fresh: bool, as_json: bool) -> None:
    """Start a local Elasticsearch, or wait for the one at ELASTICSEARCH_URL.

    With a Docker engine it is Elasticsearch and Kibana by docker-compose.yml; without one it is a process of
    Elasticsearch that Maven brings, for which a JDK 21 or newer is needed. It keeps running until `driftline down`;
    its data outlives that. A second call finds it running and changes nothing.
    """
    with _clear_errors(), _progress(quiet=as_json) as say:
        kind = choose()
        found: dict[str, Any] = {"kind": kind.value}
        if kind is Kind.GIVEN:
            _refuse_fresh(fresh=fresh)
            found["url"] = _wait_for(os.environ["ELASTICSEARCH_URL"], say)
        elif kind is Kind.DOCKER:
            say("docker compose up")
            compose.up(fresh=fresh)
            found["url"] = compose.URL
        else:
            before = None if fresh else node.running(home)
            started = node.start(node.Settings(home, home / "distributions", port, heap), say, fresh=fresh)
            found |= {"url": started.url, "pid": started.pid, "home": str(home), "already": before == started}
    if as_json:
        click.echo(orjson.dumps(found))
    else:
        click.echo(_up_line(kind, found))


def _up_line(kind: Kind, found: dict[str, Any]) -> str:
    if kind is Kind.GIVEN:
        return f"Elasticsearch answers at {found['url']} (from ELASTICSEARCH_URL)"
    if kind is Kind.DOCKER:
        services = f"Elasticsearch at {found['url']} and Kibana at {compose.KIBANA_URL}"
        return f"{services} run in Docker; `driftline down` stops them"
    state = "is running already" if found["already"] else "is running"
    return (
        f"Elasticsearch {state} at {found['url']} (process {found['pid']}); `driftline down` stops it, its data stays"
    )


@click.command()
@home_option
@json_option
def down(home: Path, *, as_json: bool) -> None:
    """Stop the local Elasticsearch; its data stays. A cluster at ELASTICSEARCH_URL is left alone."""
    with _clear_errors():
        kind = choose()
        stopped = False
        if kind is Kind.DOCKER:
            compose.down()
            stopped = True
        elif kind is Kind.PROCESS:
            stopped = node.stop(home)
    if as_json:
        click.echo(orjson.dumps({"kind": kind.value, "stopped": stopped}))
    elif kind is Kind.GIVEN:
        click.echo("ELASTICSEARCH_URL is set: that cluster is left alone")
    else:
        click.echo("stopped; the data stays" if stopped else "nothing was running")


@click.command()
@home_option
@json_option
def status(home: Path, *, as_json: bool) -> None:
    """Say which Elasticsearch is used and how it is; exit code 1 when none answers."""
    kind = choose()
    running = node.running(home) if kind is Kind.PROCESS else None
    url = {Kind.GIVEN: os.environ.get("ELASTICSEARCH_URL", ""), Kind.DOCKER: compose.URL}.get(
        kind, node.Settings(home, home).url
    )
    if running:
        url = running.url
    healthy = node.answers(url)
    found: dict[str, Any] = {"kind": kind.value, "url": url, "answers": healthy, "home": str(home)}
    if running:
        found["pid"] = running.pid
    if as_json:
        click.echo(orjson.dumps(found))
    else:
        click.echo(f"{kind.value}: {url} {'answers' if healthy else 'does not answer; `driftline up` starts it'}")
    if not healthy:
        sys.exit(1)


def _refuse_fresh(*, fresh: bool) -> None:
    if fresh:
        msg = "--fresh would delete the data of the cluster at ELASTICSEARCH_URL: that is not ours to delete"
        raise click.UsageError(msg)


def _wait_for(url: str, say: Callable[[str], None]) -> str:
    say(f"waiting until {url} answers")
    due = time.monotonic() + WAIT_SECONDS
    while not node.answers(url):
        if time.monotonic() > due:
            msg = f"{url} (from ELASTICSEARCH_URL) does not answer after {WAIT_SECONDS} s"
            raise LocalError(msg)
        time.sleep(0.5)
    return url


@contextmanager
def _clear_errors() -> Iterator[None]:
    try:
        yield
    except LocalError as error:
        click.echo(f"driftline: {error}", err=True)
        sys.exit(1)


@contextmanager
def _progress(*, quiet: bool) -> Iterator[Callable[[str], None]]:
    console = Console(stderr=True, quiet=quiet)
    if not console.is_terminal:
        yield lambda text: console.print(text, highlight=False)
        return
    columns = (SpinnerColumn(), TextColumn("{task.description}"), TimeElapsedColumn())
    with Progress(*columns, console=console, transient=True) as bars:
        task = bars.add_task("looking around", total=None)
        yield lambda text: bars.update(task, description=text)
