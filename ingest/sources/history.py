"""Load past predictions and outcomes from tables: resumable, and without storing anything twice."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from ..checks import EventError
from ..dead_letters import dead_letter
from ..events import Outcome, Prediction, Source
from ..shipper import Shipper
from . import places, tables
from .mapping import MappingError, TableMapping, check_columns
from .settle import PATIENCE, IncompleteError, settle

CHECKPOINT = 10_000
"""Rows between two notes of how far a file is loaded."""


@dataclass(frozen=True, slots=True)
class Loaded:
    """What was loaded of one file.

    Attributes:
        file: The file.
        rows: Rows read, those of an earlier, interrupted load included.
        resumed: Rows that an earlier load had done.
        predictions: Predictions sent.
        outcomes: Outcomes sent.
        refused: Rows that were no events, kept as dead letters.
        reason: Why the first of them was refused.
    """

    file: str
    rows: int = 0
    resumed: int = 0
    predictions: int = 0
    outcomes: int = 0
    refused: int = 0
    reason: str | None = None


def fit(file: Path, mapping: TableMapping, mapping_file: str, source: Source) -> TableMapping:
    """The mapping for this very file; nothing is sent before it has proven to fit.

    Raises:
        TableError: The file cannot be read.
        MappingError: The file lacks a column, or none of its first rows can be used.
    """
    found = tables.head(file)
    rows = [row for row in found if not isinstance(row, str)]
    if rows:
        check_columns(mapping, tables.columns(rows), mapping_file, file.name)
        if tables.kind(file) in (".csv", ".tsv"):
            mapping = mapping.fitted(rows)
    reason = ""
    for number, row in enumerate(found, 1):
        letters = [letter for kind, letter in documents(mapping, row, number, source) if kind == "refused"]
        if not letters:
            return mapping
        reason = reason or letters[0]["event"]["reason"]
    msg = f"{mapping_file}: none of the first {len(found):,} rows of {file.name} can be used; the first, {reason}"
    raise MappingError(msg)


def documents(
    mapping: TableMapping, row: Mapping[str, Any] | str, number: int, source: Source
) -> Iterator[tuple[str, dict[str, Any]]]:
    """The documents of a row, each with what it is: `prediction`, `outcome`, or `refused`, a dead letter."""
    try:
        found = [(type(event).__name__.lower(), event.to_document(source)) for event in _events(mapping, row, number)]
    except EventError as error:
        reason = f"row {number}: {error}"
        original = row if isinstance(row, str) else dict(row)
        yield "refused", dead_letter(original, reason, type(error).__name__, source)
    else:
        yield from found


def _events(mapping: TableMapping, row: Mapping[str, Any] | str, number: int) -> Iterator[Prediction | Outcome]:
    if isinstance(row, str):
        msg = "the line is no row of this table: it has another number of cells, is no UTF-8 text, or is no JSON object"
        raise EventError(msg)
    return mapping.events(row, number)


def load(  # noqa: PLR0913 (what is loaded, and how)
    file: Path,
    mapping: TableMapping,
    shipper: Shipper,
    source: Source,
    state: Path,
    progress: Callable[[int], None] = lambda _: None,
    patience: float = PATIENCE,
    *,
    again: bool = False,
) -> Loaded:
    """Load a file.

    Args:
        file: The table.
        mapping: Which column is which.
        shipper: Sends the documents; should wait when it is full.
        source: Where the events are said to come from.
        state: Where it is noted how far the load is; gone when it is done.
        progress: Called with the number of rows that are stored.
        patience: Seconds without any progress after which loading gives up.
        again: Whether it may have been loaded before, into what has rolled over since.

    Raises:
        TableError: The file cannot be read.
        IncompleteError: Not everything was stored.
    """
    done = _read(state)
    loaded = Loaded(str(file), resumed=done)
    counts = {"prediction": 0, "outcome": 0, "refused": 0}
    number = 0
    for number, row in tables.rows(file):
        if number <= done:
            continue
        for kind, document in documents(mapping, row, number, source):
            counts[kind] += 1
            if kind == "refused" and loaded.reason is None:
                loaded = replace(loaded, reason=document["event"]["reason"])
            shipper.send(document, again=again)
        if number % CHECKPOINT == 0:
            _settle(shipper, file, patience)
            places.write(state, {"rows": number})
            progress(number)
    _settle(shipper, file, patience)
    progress(number)
    state.unlink(missing_ok=True)
    return replace(
        loaded,
        rows=number,
        predictions=counts["prediction"],
        outcomes=counts["outcome"],
        refused=counts["refused"],
    )


def _settle(shipper: Shipper, file: Path, patience: float) -> None:
    settle(shipper, str(file), patience)
    if lost := shipper.stats().lost:
        msg = f"{file}: {lost:,} documents are not stored; the log says why"
        raise IncompleteError(msg)


def state_file(file: Path, mapping_text: str, namespace: str, cluster: str) -> Path:
    """Where the load of this very file with this very mapping into this very place is noted.

    The note is gone when the load is complete: loaded again, every row is found stored, by its id.
    """
    status = file.stat()
    parts = (str(file.resolve()), status.st_size, status.st_mtime_ns, mapping_text, namespace, cluster)
    digest = hashlib.sha256(repr(parts).encode()).hexdigest()[:24]
    return places.home() / "loads" / f"{digest}.json"


def _read(state: Path) -> int:
    try:
        return int(json.loads(state.read_text())["rows"])
    except (OSError, ValueError, KeyError, TypeError):
        return 0
