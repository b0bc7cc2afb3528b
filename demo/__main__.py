"""Train, serve, analyse, and tell what happened."""

from __future__ import annotations

import sys
from datetime import UTC, datetime
from pathlib import Path

import click
import structlog
from rich.console import Console

from driftline.analyzers import monitors, runs, setup
from driftline.analyzers.cluster import Cluster
from driftline.analyzers.commands import Moment, clear_errors, connected, progress_bars, warn

from . import data, model, service, story

CONFIGURATION = Path(__file__).with_name("monitors.yml")
YEAR_BEGINS = datetime(2013, 1, 1, tzinfo=UTC)
YEAR_ENDS = datetime(2014, 1, 2, tzinfo=UTC)


@click.command()
@click.option("--namespace", help="Namespace of the data streams; default that of demo/monitors.yml.")
@click.option("--since", type=Moment(), default=YEAR_BEGINS, help="Only flights from this day on.")
@click.option("--until", type=Moment(), default=YEAR_ENDS, help="Only flights before this day.")
@clear_errors
def main(namespace: str | None, since: datetime, until: datetime) -> None:
    """Run a real model over the flights that left New York in 2013, and tell when and why it went wrong."""
    # Piped, there is no screen to ask for its width, and the tables need a hundred columns.
    console = Console(width=None if sys.stdout.isatty() else 120)
    with connected(None) as client:
        setup.install(client)
        configuration = monitors.load(CONFIGURATION, namespace)
        console.print("[bold]1. Train[/] on the flights of January and February 2013, known to be late or not")
        frame = data.flights()
        trained = model.train(frame)
        chosen = data.between(frame, since, until)
        console.print(
            f"[bold]2. Serve[/] {len(chosen):,} flights: each is predicted, and its arrival logged when it lands"
        )
        stats = service.serve(client, configuration.streams.namespace, trained, frame, chosen)
        structlog.reset_defaults()
        if stats.dead or stats.lost or stats.dropped:
            click.echo(f"driftline: not everything was stored: {stats}", err=True)
            sys.exit(1)
        console.print("[bold]3. Analyse[/] day by day, week by week, month by month")
        cluster = Cluster(client, configuration.streams)
        with progress_bars() as report:
            runs.analyze(cluster, configuration, datetime.now(UTC), warn, progress=report)
        console.print()
        story.tell(cluster, console)


if __name__ == "__main__":
    main()
