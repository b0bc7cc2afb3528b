"""`make bench-alerts`: are the right people called, for the right reason, and hardly ever for none?

Each part is a module with a function `figures`; a part can be run alone, and then writes no file.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping

import click
from benchmarks.alerts import storm, suite
from benchmarks.figures import Figure, publish, show

PARTS: Mapping[str, Callable[[Callable[[str], None]], list[Figure]]] = {"suite": suite.figures, "storm": storm.figures}
"""Name of each part, and its function: takes what to call with a line about the progress, returns its figures."""


@click.command()
@click.argument("parts", nargs=-1, type=click.Choice(list(PARTS)))
def main(parts: tuple[str, ...]) -> None:
    """Run all parts, print the table, and write benchmarks/results/alerts.json."""
    figures: list[Figure] = []
    for name in parts or PARTS:
        click.echo(f"{name} ...")
        figures += PARTS[name](click.echo)
    sys.exit(show("alerts", figures) if parts else publish("alerts", figures))


if __name__ == "__main__":
    main()
