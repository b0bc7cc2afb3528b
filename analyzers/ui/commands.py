"""The command ui."""

from __future__ import annotations

import logging
import socket
import sys
import webbrowser
from collections.abc import Collection
from typing import TYPE_CHECKING

import click

from driftline.ingest.client import connect
from driftline.ingest.streams import Streams

from ..cluster import Cluster
from ..commands import EXIT_RUNTIME, EXIT_USAGE, clear_errors, cluster_option
from ..reading.commands import namespace_option
from . import guard

if TYPE_CHECKING:
    from flask import Flask

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
        with _listening(host, port) as listening:
            # The script takes two seconds to make: now, and not when the first incident is looked at.
            app = _application(Cluster(client, streams), {guard.LOOPBACK_NAME, host.lower()})
            shown = f"[{host}]" if ":" in host else host
            address = f"http://{shown}:{listening.getsockname()[1]}/"
            click.echo(f"{address} (namespace {streams.namespace}); Ctrl+C stops it")
            if not guard.is_loopback(host):
                click.echo("there is no login: whoever reaches this address reads everything", err=True)
            if opens:
                webbrowser.open(address)
            _serve(app, listening)
    finally:
        client.close()


def _listening(host: str, port: int) -> socket.socket:
    try:
        family, *_, place = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0]
        return socket.create_server(place[:2], family=family)
    except OSError as error:
        reason = error.strerror or error
        click.echo(f"driftline: {host} port {port}: {reason}; --host and --port choose another", err=True)
        sys.exit(EXIT_RUNTIME)


def _application(cluster: Cluster, names: Collection[str]) -> Flask:
    try:
        from ..report.scripts import library  # noqa: PLC0415 (in the extra `ui`, as the next)
        from .app import Pages, create  # noqa: PLC0415
    except ImportError:
        click.echo("driftline: ui needs `pip install 'driftline[ui]'`", err=True)
        sys.exit(EXIT_USAGE)
    return create(Pages(cluster, library()), names)


def _serve(app: Flask, listening: socket.socket) -> None:
    from waitress import create_server  # noqa: PLC0415 (in the extra `ui`)

    # Its warnings are of requests that wait for one of a few threads: nothing to do about it.
    logging.getLogger("waitress").setLevel(logging.ERROR)
    server = create_server(app, sockets=[listening], ident=None)
    try:
        server.run()
    finally:
        server.close()
