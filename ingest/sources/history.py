"""Load past predictions and outcomes from tables: resumable, and without storing anything twice."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from ..events import EventError, Outcome, Prediction, Source, dead_letter
from ..shipper import Shipper
from . import tables
from .mapping import TableMapping

CHECKPOINT = 20_000
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


def documents(
    mapping: TableMapping, row: Mapping[str, Any] | str, number: int, source: Source
) -> Iterator[tuple[str, dict[str, Any]]]:
    """The documents of a row, each with what it is: `prediction`, `outcome`, or `refused`, a dead letter."""
    try:
        found = [(type(event).__name__.lower(), event.to_document(source)) for event in _events(mapping, row, number)]
    except EventError as error:
        reason = f"row {number}: {error}"
        yield "refused", dead_letter(row, reason, type(error).__name__, source)
    else:
        yield from found


def _events(mapping: TableMapping, row: Mapping[str, Any] | str, number: int) -> Iterator[Prediction | Outcome]:
    if isinstance(row, str):
        msg = "the line is no row of this table"
        raise EventError(msg)
    return mapping.events(row, number)


def load(
    file: Path,
    mapping: TableMapping,
    shipper: Shipper,
    source: Source,
    state: Path,
    progress: Callable[[int], None] = lambda _: None,
) -> Loaded:
    """Load a file.

    Args:
        file: The table.
        mapping: Which column is which.
        shipper: Sends the documents; should wait when it is full.
        source: Where the events are said to come from.
        state: Where it is noted how far the load is; gone when it is done.
        progress: Called with the number of each row that is done.

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
            shipper.send(document)
        if number % CHECKPOINT == 0:
            _settle(shipper, file)
            _write(state, number)
        progress(number)
    _settle(shipper, file)
    state.unlink(missing_ok=True)
    return replace(
        loaded,
        rows=number,
        predictions=counts["prediction"],
        outcomes=counts["outcome"],
        refused=counts["refused"],
    )


class IncompleteError(RuntimeError):
    """Not everything was stored; loading again goes on from there."""


def _settle(shipper: Shipper, file: Path) -> None:
    before = shipper.stats()
    if not shipper.flush() or before.lost or before.dropped:
        msg = f"{file}: not everything was stored: {asdict(shipper.stats())}; load it again to go on"
        raise IncompleteError(msg)


def state_file(file: Path, mapping_text: str, namespace: str, url: str) -> Path:
    """Where the load of this very file with this very mapping into this very place is noted."""
    status = file.stat()
    parts = (str(file.resolve()), status.st_size, status.st_mtime_ns, mapping_text, namespace, url)
    digest = hashlib.sha256(repr(parts).encode()).hexdigest()[:24]
    base = os.environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state"
    return Path(base) / "driftline" / "loads" / f"{digest}.json"


def _read(state: Path) -> int:
    try:
        return int(json.loads(state.read_text())["rows"])
    except (OSError, ValueError, KeyError, TypeError):
        return 0


def _write(state: Path, rows: int) -> None:
    state.parent.mkdir(parents=True, exist_ok=True)
    fresh = state.with_suffix(".new")
    fresh.write_text(json.dumps({"rows": rows}))
    fresh.replace(state)
