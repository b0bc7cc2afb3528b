"""Benchmarks of several parts: each is a function that makes figures, and can be run alone."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping

import click
from benchmarks.figures import Figure, publish, show

Part = Callable[[Callable[[str], None]], list[Figure]]
"""Takes what to call with a line about the progress, returns its figures."""


def command(name: str, parts: Mapping[str, Part]) -> click.Command:
    """The command of a benchmark.

    Args:
        name: Its name, which is that of its file of results.
        parts: Name of each part, and its function.
    """

    @click.command(help=f"Run all parts, print the table, and write benchmarks/results/{name}.json.")
    @click.argument("chosen", metavar="[PARTS]...", nargs=-1, type=click.Choice(list(parts)))
    def main(chosen: tuple[str, ...]) -> None:
        figures: list[Figure] = []
        for part in chosen or parts:
            click.echo(f"{part} ...")
            figures += parts[part](click.echo)
        sys.exit(show(name, figures) if chosen else publish(name, figures))

    return main
