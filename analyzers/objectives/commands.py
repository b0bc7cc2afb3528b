"""The command objectives."""

from __future__ import annotations

import click

from driftline.ingest.streams import Streams

from ..cluster import Cluster
from ..commands import clear_errors, cluster_option, connected
from ..reading import output
from ..reading.commands import namespace_option
from .standing import Standing, standings

COLUMNS = (
    *("state", "model", "objective", "of", "target", "period"),
    *("achieved", "interval", "left", "burning", "n", "until"),
)


@click.command()
@click.option("--model", metavar="NAME", help="Only this model.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON, one objective a line.")
@namespace_option
@cluster_option
@clear_errors
def objectives(model: str | None, streams: Streams, url: str | None, *, as_json: bool) -> None:
    r"""Show what is promised of models, and how it is kept: share of good events, budget left, and how fast it burns.

    A burn rate of 1 uses up the budget of bad events in just the period. The state is page or ticket while it burns so
    fast that somebody is called, spent when more was bad in the period than is allowed, and ok else.

    \b
    Examples:
      driftline objectives
      driftline objectives --model arrival-delay --json
    """
    with connected(url) as client:
        found = list(standings(Cluster(client, streams), model))
    if as_json:
        output.print_json(standing.to_document() for standing in found)
    else:
        output.print_table(COLUMNS, [_row(standing) for standing in found])
    if not found:
        click.echo(f"no objectives in {streams.metrics}; `objectives` in monitors.yml names them", err=True)


def _row(standing: Standing) -> tuple[str, ...]:
    ends = (standing.lower, standing.upper)
    return (
        standing.state.value,
        standing.model,
        standing.objective,
        standing.of,
        _share(standing.target),
        standing.period,
        _share(standing.achieved),
        " to ".join(map(_share, ends)) if None not in ends else "",
        f"{standing.left:.0%}" if standing.left is not None else "",
        standing.burning(),
        f"{standing.events:,}",
        output.minute(standing.until),
    )


def _share(share: float | None) -> str:
    # Targets have many nines, which four digits would round away.
    return "" if share is None else f"{share:.6g}"
