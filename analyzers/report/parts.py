"""What a page is made of: tables, and charts with the table behind each. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Cell:
    """One cell of a table.

    Attributes:
        text: What stands in it.
        kind: Its class in `style.css`, such as `number`.
        marked: Whether it is marked as different.
    """

    text: str
    kind: str = ""
    marked: bool = False


@dataclass(frozen=True, slots=True)
class Table:
    """A table with a caption; the first cell of a row is its header.

    Attributes:
        id: Unique in the page.
        caption: What it shows.
        columns: Header of each column: its text, and the class of numbers.
        rows: Its rows.
    """

    id: str
    caption: str
    columns: Sequence[Cell]
    rows: Sequence[Sequence[Cell]]

    @classmethod
    def of(cls, identity: str, caption: str, columns: Sequence[str], rows: Iterable[Sequence[str | Cell]]) -> Table:
        """A table of texts; a column whose name begins with `#` holds numbers, one without any text is left out."""
        cells = [
            [
                cell if isinstance(cell, Cell) else Cell(cell, _kind(name))
                for name, cell in zip(columns, row, strict=True)
            ]
            for row in rows
        ]
        shown = [at for at in range(len(columns)) if at == 0 or any(row[at].text or row[at].marked for row in cells)]
        headers = [Cell(columns[at].removeprefix("#"), _kind(columns[at])) for at in shown]
        return cls(identity, caption, headers, [[row[at] for at in shown] for row in cells])


def _kind(column: str) -> str:
    return "number" if column.startswith("#") else ""


@dataclass(frozen=True, slots=True)
class Chart:
    """A chart, what it shows in words, and its numbers.

    Attributes:
        id: Unique in the page.
        title: What it is of.
        note: How to read it.
        summary: What it shows, for those who do not see it.
        spec: Its Vega-Lite specification.
        table: Its numbers.
    """

    id: str
    title: str
    note: str
    summary: str
    spec: dict[str, Any]
    table: Table


@dataclass(frozen=True, slots=True)
class Fact:
    """One of the facts at the top of a page: a name, what is so, and a word on it."""

    name: str
    text: str
    more: str = ""


@dataclass(frozen=True, slots=True)
class Step:
    """What to do next: a sentence, and the address or the command that does it."""

    text: str
    address: str | None = None
    command: str | None = None
