"""The command ui."""

from __future__ import annotations

import logging
import sys
import webbrowser
from collections.abc import Collection
from typing import TYPE_CHECKING, Any

import click

from driftline.ingest.client import connect
from driftline.ingest.streams import Streams

from ..cluster import Cluster
from ..commands import EXIT_RUNTIME, clear_errors, cluster_option
from ..reading.commands import namespace_option
from . import guard

if TYPE_CHECKING:
    from flask import Flask

NEEDS = "driftline: the pages need `pip install 'driftline[ui]'`"
PATIENCE = {"request_timeout": 15, "max_retries": 1, "retry_on_timeout": False}
"""Somebody waits for the page: what does not come soon is an error that says so."""


@click.command()
@click.option("--host", metavar="HOST", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option("--port", type=click.IntRange(0, 65_535), default=8077, show_default=True, help="Port; 0: any free one.")
@click.option("--open", "opens", is_flag=True, help="Open the first page in the browser.")
@namespace_option
@cluster_option
@clear_errors
def ui(host: str, port: int, streams: Streams, url: str | None, *, opens: bool) -> None:
    r"""Serve pages that show models, incidents and single predictions, until stopped.

    They read and never write, and need no Kibana. There is no login: unless --host says otherwise, only this machine
    is answered.

    \b
    Examples:
      driftline ui
      driftline ui --namespace demo --open
      driftline ui --host 0.0.0.0 --port 8080
    """
    client = connect(url, **PATIENCE)
    try:
        server = _listen(_application(Cluster(client, streams), url, {guard.LOOPBACK_NAME, host.lower()}), host, port)
        # A name may stand for several addresses, with a server each.
        port = server.effective_listen[0][1] if hasattr(server, "effective_listen") else server.effective_port
        address = f"http://{f'[{host}]' if ':' in host else host}:{port}/"
        click.echo(f"{address} (namespace {streams.namespace}); Ctrl+C stops it")
        if not guard.is_loopback(host):
            click.echo("there is no login: whoever reaches this address reads everything", err=True)
        if opens:
            webbrowser.open(address)
        server.run()
    finally:
        client.close()


def _application(cluster: Cluster, url: str | None, names: Collection[str]) -> Flask:
    try:
        from ..report.scripts import library  # noqa: PLC0415 (in the extra `ui`, as the next)
        from .app import Pages, create  # noqa: PLC0415
    except ImportError:
        sys.exit(NEEDS)
    return create(Pages(cluster, library(), url), names)


def _listen(app: Flask, host: str, port: int) -> Any:
    from waitress import create_server  # noqa: PLC0415 (in the extra `ui`)

    # Its warnings are of requests that wait for one of a few threads: nothing to do about it.
    logging.getLogger("waitress").setLevel(logging.ERROR)
    try:
        return create_server(app, host=host, port=port, ident=None)
    except (OSError, ValueError) as error:
        click.echo(
            f"driftline: cannot listen on {host} port {port}: {error}; --host and --port choose another", err=True
        )
        sys.exit(EXIT_RUNTIME)
