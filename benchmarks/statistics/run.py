"""`make bench-statistics`: are the numbers right, the intervals honest, and the alarms few? All of it simulated.

Each part is a module with a function `figures`; a part can be run alone, and then writes no file.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping

import click
from benchmarks.figures import Figure, publish, show
from benchmarks.statistics import causes, coverage, judging, labels, month, power

PARTS: Mapping[str, Callable[[Callable[[str], None]], list[Figure]]] = {
    "month": month.figures,
    "power": power.figures,
    "judging": judging.figures,
    "labels": labels.figures,
    "causes": causes.figures,
    "coverage": coverage.figures,
}
"""Name of each part, and its function: takes what to call with a line about the progress, returns its figures."""


@click.command()
@click.argument("parts", nargs=-1, type=click.Choice(list(PARTS)))
def main(parts: tuple[str, ...]) -> None:
    """Run all parts, print the table, and write benchmarks/results/statistics.json."""
    figures: list[Figure] = []
    for name in parts or PARTS:
        click.echo(f"{name} ...")
        figures += PARTS[name](click.echo)
    sys.exit(show("statistics", figures) if parts else publish("statistics", figures))


if __name__ == "__main__":
    main()
