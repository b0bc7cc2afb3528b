"""What every benchmark ends with: a table for people, and a file for what the documentation quotes."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path

from rich.console import Console
from rich.table import Table

RESULTS = Path(__file__).with_name("results")


@dataclass(frozen=True)
class Figure:
    """One measured figure.

    Attributes:
        figure: What it is.
        value: What was measured.
        goal: What it should be, such as `>= 0.75`; empty for one that is only told.
        holds: Whether it is so; None without a goal.
    """

    figure: str
    value: float
    goal: str = ""
    holds: bool | None = None

    @classmethod
    def at_least(cls, figure: str, value: float, goal: float) -> Figure:
        """A figure that is good when it is large."""
        return cls(figure, round(float(value), 4), f">= {goal:g}", bool(value >= goal))

    @classmethod
    def at_most(cls, figure: str, value: float, goal: float) -> Figure:
        """A figure that is good when it is small."""
        return cls(figure, round(float(value), 4), f"<= {goal:g}", bool(value <= goal))


def publish(name: str, figures: list[Figure]) -> int:
    """Write the file and print the table; returns the exit code: 1 when a goal is missed."""
    RESULTS.mkdir(exist_ok=True)
    text = json.dumps([asdict(found) for found in figures], indent=2)
    (RESULTS / f"{name}.json").write_text(text + "\n", encoding="utf-8")
    return show(name, figures)


def show(name: str, figures: list[Figure]) -> int:
    """Print the table; returns the exit code: 1 when a goal is missed."""
    table = Table("figure", "value", "goal", "holds", title=name, title_justify="left")
    for found in figures:
        holds = "" if found.holds is None else "yes" if found.holds else "[red]no[/]"
        table.add_row(found.figure, f"{found.value:,.4g}", found.goal, holds)
    Console().print(table)
    return int(any(found.holds is False for found in figures))
