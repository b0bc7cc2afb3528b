"""Rows of CSV, JSON lines and Parquet files, one by one, whatever the size of the file."""

from __future__ import annotations

import csv
import gzip
import io
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import IO, Any, cast

import orjson

BATCH = 10_000
SUFFIXES = (".csv", ".jsonl", ".ndjson", ".json", ".parquet")


class TableError(ValueError):
    """A file cannot be read as a table; the text names it and the reason."""


def kind(path: Path) -> str:
    """The suffix that says what a file is, `.gz` left aside.

    Raises:
        TableError: It says nothing known.
    """
    name = path.name.lower().removesuffix(".gz")
    for suffix in SUFFIXES:
        if name.endswith(suffix):
            return suffix
    msg = f"{path}: the name tells no known format, allowed: {', '.join(SUFFIXES)}, the text formats also with .gz"
    raise TableError(msg)


def count(path: Path) -> int:
    """About how many rows a file has: exact for Parquet, lines for text, which quoted line breaks make too many."""
    if kind(path) == ".parquet":
        return int(_parquet(path).metadata.num_rows)
    with _open(path) as stream:
        lines = sum(block.count(b"\n") for block in iter(lambda: stream.read(1 << 20), b""))
    return max(0, lines - (kind(path) == ".csv"))


def columns(path: Path) -> list[str]:
    """The names of the columns; of JSON lines, those of the first row.

    Raises:
        TableError: The file is empty or cannot be read.
    """
    if kind(path) == ".parquet":
        return list(_parquet(path).schema_arrow.names)
    if kind(path) == ".csv":
        with _text(path) as stream:
            names = next(csv.reader(stream), None)
    else:
        first = next(rows(path), None)
        names = list(first[1]) if first and isinstance(first[1], Mapping) else None
    if not names:
        msg = f"{path}: is empty"
        raise TableError(msg)
    return names


def rows(path: Path) -> Iterator[tuple[int, Mapping[str, Any] | str]]:
    """The rows with their numbers, from 1; a line that is no row comes as the text that it is.

    Raises:
        TableError: The file cannot be read.
    """
    try:
        yield from _READERS[kind(path)](path)
    except (OSError, UnicodeDecodeError, csv.Error, EOFError) as error:
        msg = f"{path}: cannot be read: {error}"
        raise TableError(msg) from error


def _csv_rows(path: Path) -> Iterator[tuple[int, Mapping[str, Any] | str]]:
    with _text(path) as stream:
        reader = csv.reader(stream)
        names = next(reader, [])
        for number, cells in enumerate(reader, 1):
            if len(cells) == len(names):
                yield number, dict(zip(names, cells, strict=True))
            elif cells:
                yield number, ",".join(cells)


def _json_rows(path: Path) -> Iterator[tuple[int, Mapping[str, Any] | str]]:
    with _open(path) as stream:
        for number, line in enumerate(stream, 1):
            if not line.strip():
                continue
            try:
                found = orjson.loads(line)
            except orjson.JSONDecodeError:
                found = None
            yield number, _flat(found) if isinstance(found, Mapping) else line.decode(errors="replace")


def _flat(document: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Nested objects as columns with dotted names."""
    found: dict[str, Any] = {}
    for name, value in document.items():
        found |= _flat(value, f"{prefix}{name}.") if isinstance(value, Mapping) else {f"{prefix}{name}": value}
    return found


def _parquet_rows(path: Path) -> Iterator[tuple[int, Mapping[str, Any] | str]]:
    number = 0
    for batch in _parquet(path).iter_batches(batch_size=BATCH):
        for row in batch.to_pylist():
            number += 1
            yield number, row


_READERS = {
    ".csv": _csv_rows,
    ".jsonl": _json_rows,
    ".ndjson": _json_rows,
    ".json": _json_rows,
    ".parquet": _parquet_rows,
}


def _parquet(path: Path) -> Any:
    # Imported here: only Parquet files need it, and it is large.
    import pyarrow as pa  # noqa: PLC0415
    import pyarrow.parquet as pq  # noqa: PLC0415

    try:
        return pq.ParquetFile(path)
    except (OSError, pa.ArrowException) as error:
        msg = f"{path}: cannot be read as Parquet: {error}"
        raise TableError(msg) from error


def _open(path: Path) -> IO[bytes]:
    # A GzipFile does all that is asked of it here, and is not typed as an IO.
    return cast("IO[bytes]", gzip.open(path, "rb")) if path.suffix.lower() == ".gz" else path.open("rb")


def _text(path: Path) -> IO[str]:
    # utf-8-sig: spreadsheets begin their files with a byte order mark.
    return io.TextIOWrapper(_open(path), encoding="utf-8-sig", newline="")
