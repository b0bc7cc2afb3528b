"""The commands up, down and status."""

from __future__ import annotations

import os
import re
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path
from typing import Any, NoReturn

import click
import elastic_transport
import elasticsearch
import orjson
from click.core import ParameterSource
from rich.console import Console
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from driftline.ingest.client import connect, explain

from . import compose, node
from .errors import LocalError
from .folders import Say

WAIT_SECONDS = 60
VARIABLE = "ELASTICSEARCH_URL"


class Kind(StrEnum):
    """Where the Elasticsearch comes from."""

    GIVEN = VARIABLE
    DOCKER = "docker compose"
    PROCESS = "local process"


def choose(home: Path) -> Kind:
    """What is used: a cluster that is named, else the process that runs, else Docker, else a process."""
    if os.environ.get(VARIABLE):
        return Kind.GIVEN
    if node.running(own(home)):
        return Kind.PROCESS
    return Kind.DOCKER if compose.engine_answers() else Kind.PROCESS


def own(home: Path) -> Path:
    """The folder of the local node, which holds nothing else: a home that someone names may hold other things."""
    return home / "elasticsearch"


def _heap(_: click.Context, __: click.Parameter, value: str) -> str:
    if not re.fullmatch(r"[1-9]\d*[mgMG]", value):
        msg = f"got {value!r}, allowed: a number with m or g, such as 512m or 2g"
        raise click.BadParameter(msg)
    return value


home_option = click.option(
    "--home",
    type=click.Path(path_type=Path, file_okay=False, resolve_path=True),
    default=node.default_home,
    show_default="$DRIFTLINE_HOME, else ~/.local/share/driftline, for root /var/lib/driftline",
    help="Folder of the local process: its program, data and logs.",
)
json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON for machines.")


@click.command()
@click.option("--fresh", is_flag=True, help="Delete the data first.")
@click.option(
    "--port", type=click.IntRange(1, 65535), default=9200, show_default=True, help="Port of the local process."
)
@click.option("--heap", default="1g", show_default=True, callback=_heap, help="Heap of the local process.")
@home_option
@json_option
@click.pass_context
def up(context: click.Context, home: Path, heap: str, port: int, *, fresh: bool, as_json: bool) -> None:
    """Start a local Elasticsearch, or wait for the one at ELASTICSEARCH_URL.

    With a Docker engine it is Elasticsearch and Kibana by docker-compose.yml; without one it is a process of
    Elasticsearch that Maven brings, for which a JDK 21 or newer is needed. It keeps running until `driftline down`;
    its data outlives that. A second call finds it running and changes nothing.
    """
    with _clear_errors():
        kind = choose(home)
        if kind is not Kind.PROCESS:
            _refuse(context, kind, ("port", "heap", "fresh") if kind is Kind.GIVEN else ("port", "heap"))
        with _progress() as say:
            if kind is Kind.GIVEN:
                found: dict[str, Any] = {"url": _wait_for(os.environ[VARIABLE], say)}
            elif kind is Kind.DOCKER:
                say("docker compose: bringing images, starting, waiting until all is healthy")
                found = {"url": compose.URL, "kibana": compose.KIBANA_URL, "already": compose.up(fresh=fresh)}
            else:
                settings = node.Settings(own(home), home / "distributions", port, heap)
                found = _start(settings, say, fresh=fresh, port_asked=_asked(context, "port"))
    if as_json:
        click.echo(orjson.dumps({"kind": kind.value, **found}))
    else:
        click.echo(_up_line(kind, found))


def _start(settings: node.Settings, say: Say, *, fresh: bool, port_asked: bool) -> dict[str, Any]:
    before = None if fresh else node.running(settings.home)
    if before and port_asked and before.url != settings.url:
        msg = f"it runs already, at {before.url}: `driftline down` first, or another --home for a second one"
        raise LocalError(msg)
    started = node.start(settings, say, fresh=fresh)
    return {"url": started.url, "pid": started.pid, "home": str(settings.home), "already": before == started}


def _up_line(kind: Kind, found: dict[str, Any]) -> str:
    if kind is Kind.GIVEN:
        return f"Elasticsearch answers at {found['url']} (from {VARIABLE})"
    state = "runs already" if found["already"] else "is up and keeps running"
    if kind is Kind.DOCKER:
        place = f"{found['url']}, with Kibana at {found['kibana']}, in Docker"
    else:
        place = f"{found['url']}, process {found['pid']}, data in {found['home']}"
    return f"Elasticsearch {state} ({place}); `driftline down` stops it, its data stays"


@click.command()
@home_option
@json_option
def down(home: Path, *, as_json: bool) -> None:
    """Stop the local Elasticsearch; its data stays. A cluster at ELASTICSEARCH_URL is left alone."""
    with _clear_errors(), _progress() as say:
        say("stopping Elasticsearch")
        # First what was started from here, whatever would be used today.
        kind, stopped = Kind.PROCESS, node.stop(own(home))
        if not stopped:
            kind = choose(home)
            stopped = kind is Kind.DOCKER and compose.down()
    if as_json:
        click.echo(orjson.dumps({"kind": kind.value, "stopped": stopped}))
    elif stopped:
        click.echo(f"stopped ({kind.value}); the data stays, `driftline up` brings it back")
    elif kind is Kind.GIVEN:
        click.echo(f"nothing to stop: the cluster at {VARIABLE} is left alone")
    else:
        click.echo("nothing to stop: no local Elasticsearch runs")


@click.command()
@home_option
@json_option
def status(home: Path, *, as_json: bool) -> None:
    """Say which Elasticsearch is used and how it is; exit code 1 when none answers."""
    with _clear_errors():
        kind = choose(home)
        found: dict[str, Any] = {"kind": kind.value, "url": compose.URL, "answers": False}
        if kind is Kind.GIVEN:
            found["url"] = os.environ[VARIABLE]
        elif running := node.running(own(home)):
            found |= {"url": running.url, "pid": running.pid, "home": str(own(home))}
        if kind is not Kind.PROCESS or "pid" in found:
            found |= _look(found["url"])
        else:
            found["problem"] = "no local Elasticsearch runs; `driftline up` starts one"
        found["url"] = _shown(found["url"])
    if as_json:
        click.echo(orjson.dumps(found))
    elif found["answers"]:
        process = f", process {found['pid']}" if "pid" in found else ""
        click.echo(f"Elasticsearch {found['version']} at {found['url']} is {found['health']} ({kind.value}{process})")
    else:
        click.echo(f"driftline: {found['problem']}", err=True)
    if not found["answers"]:
        sys.exit(1)


def _look(url: str) -> dict[str, Any]:
    """What a cluster says of itself, or why it does not."""
    try:
        with connect(url, request_timeout=10, max_retries=0, retry_on_timeout=False) as client:
            version = client.info()["version"]["number"]
            return {"answers": True, "version": version, "health": client.cluster.health()["status"]}
    except (elasticsearch.ApiError, elasticsearch.TransportError) as error:
        return {"problem": explain(error, _shown(url))}


def _wait_for(url: str, say: Say) -> str:
    """Wait until a cluster answers; what waiting does not cure ends at once."""
    shown = _shown(url)
    say(f"waiting until {shown} answers")
    due = time.monotonic() + WAIT_SECONDS
    with connect(url, request_timeout=10, max_retries=0, retry_on_timeout=False) as client:
        while True:
            try:
                client.info()
            except (elasticsearch.ApiError, elasticsearch.TransportError) as error:
                if _is_permanent(error) or time.monotonic() > due:
                    raise LocalError(explain(error, shown)) from error
                time.sleep(0.5)
            else:
                return shown


def _is_permanent(error: Exception) -> bool:
    if isinstance(error, elasticsearch.ApiError):
        return error.status_code < 500
    return isinstance(error, elastic_transport.TlsError)


def _shown(url: str) -> str:
    """An address without the password that it may hold."""
    return re.sub(r"//[^/@]*@", "//", url)


def _asked(context: click.Context, option: str) -> bool:
    return context.get_parameter_source(option) is ParameterSource.COMMANDLINE


def _refuse(context: click.Context, kind: Kind, options: tuple[str, ...]) -> None:
    asked = [f"--{option}" for option in options if _asked(context, option)]
    if asked:
        used = f"the cluster at {VARIABLE}" if kind is Kind.GIVEN else f"Docker, as {compose.FILE} says"
        msg = f"{' and '.join(asked)}: not for what is used here, {used}"
        raise click.UsageError(msg, context)


@contextmanager
def _clear_errors() -> Iterator[None]:
    try:
        yield
    except LocalError as error:
        _fail(str(error), 1)
    except ValueError as error:
        # An address that is none.
        _fail(f"{VARIABLE}: {error}", 2)
    except OSError as error:
        _fail(str(error), 1)


def _fail(message: str, code: int) -> NoReturn:
    click.echo(f"driftline: {message}", err=True)
    sys.exit(code)


@contextmanager
def _progress() -> Iterator[Callable[[str], None]]:
    """Say what is being done on standard error: a spinner with the time, or plain lines where nobody watches."""
    console = Console(stderr=True)
    if not console.is_terminal:
        yield lambda text: click.echo(text, err=True)
        return
    columns = (SpinnerColumn(), TextColumn("{task.description}"), TimeElapsedColumn())
    with Progress(*columns, console=console, transient=True) as bars:
        task = bars.add_task("looking around", total=None)
        yield lambda text: bars.update(task, description=text)
