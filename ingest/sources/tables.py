"""Rows of CSV, JSON lines and Parquet files, one by one, whatever the size of the file."""

from __future__ import annotations

import csv
import gzip
import io
import itertools
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any, cast

import orjson

BATCH = 10_000
SUFFIXES = (".csv", ".tsv", ".jsonl", ".ndjson", ".json", ".parquet")


class TableError(ValueError):
    """A file cannot be read as a table; the text names it and the reason."""


def kind(path: Path) -> str:
    """The suffix that says what a file is, `.gz` left aside.

    Raises:
        TableError: It says nothing known.
    """
    name = path.name.lower()
    plain = name.removesuffix(".gz")
    for suffix in SUFFIXES:
        if plain.endswith(suffix) and (plain == name or suffix != ".parquet"):
            return suffix
    msg = f"{path}: the name tells no known format, allowed: {', '.join(SUFFIXES)}, the text formats also with .gz"
    raise TableError(msg)


def count(path: Path) -> int:
    """About how many rows a file has: exact for Parquet, lines for text, which quoted line breaks make too many."""
    if kind(path) == ".parquet":
        return int(_parquet(path).metadata.num_rows)
    with _clear(path), _open(path) as stream:
        lines = sum(block.count(b"\n") for block in iter(lambda: stream.read(1 << 20), b""))
    return max(0, lines - (kind(path) in (".csv", ".tsv")))


def head(path: Path, size: int = BATCH) -> list[Mapping[str, Any] | str]:
    """The first rows.

    Raises:
        TableError: The file cannot be read, or has none.
    """
    found = [row for _, row in itertools.islice(rows(path), size)]
    if not found:
        msg = f"{path}: has no rows"
        raise TableError(msg)
    return found


def columns(found: Iterable[Mapping[str, Any] | str]) -> list[str]:
    """The names of the columns of these rows, in the order in which they first come."""
    return list(dict.fromkeys(name for row in found if isinstance(row, Mapping) for name in row))


def rows(path: Path) -> Iterator[tuple[int, Mapping[str, Any] | str]]:
    """The rows with their numbers, from 1; a line that is no row comes as the text that it is.

    Raises:
        TableError: The file cannot be read.
    """
    with _clear(path):
        yield from _READERS[kind(path)](path)


@contextmanager
def _clear(path: Path) -> Iterator[None]:
    try:
        yield
    except (OSError, UnicodeError, csv.Error, EOFError) as error:
        msg = f"{path}: cannot be read: {error}"
        raise TableError(msg) from error


def _csv_rows(path: Path) -> Iterator[tuple[int, Mapping[str, Any] | str]]:
    delimiter = "\t" if kind(path) == ".tsv" else ","
    with _text(path) as stream:
        reader = csv.reader(stream, delimiter=delimiter)
        names = next(reader, [])
        if twice := [name for name in names if names.count(name) > 1]:
            msg = f"the column {twice[0]!r} stands twice in the first line"
            raise csv.Error(msg)
        for number, cells in enumerate(reader, 1):
            if len(cells) == len(names) and all(map(_is_text, cells)):
                yield number, dict(zip(names, cells, strict=True))
            elif cells:
                yield number, _readable(delimiter.join(cells))


def _is_text(cell: str) -> bool:
    # Bytes that are no UTF-8 have come as lone surrogates.
    return cell.isascii() or not any("\ud800" <= character <= "\udfff" for character in cell)


def _readable(text: str) -> str:
    return text.encode(errors="surrogateescape").decode(errors="replace")


def _json_rows(path: Path) -> Iterator[tuple[int, Mapping[str, Any] | str]]:
    with _open(path) as stream:
        for number, line in enumerate(stream, 1):
            if not line.strip():
                continue
            try:
                found = orjson.loads(line)
            except orjson.JSONDecodeError:
                found = None
            yield number, _flat(found) if isinstance(found, Mapping) else line.decode(errors="replace").strip()


def _flat(document: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Nested objects as columns with dotted names."""
    found: dict[str, Any] = {}
    for name, value in document.items():
        found |= _flat(value, f"{prefix}{name}.") if isinstance(value, Mapping) else {f"{prefix}{name}": value}
    return found


def _parquet_rows(path: Path) -> Iterator[tuple[int, Mapping[str, Any] | str]]:
    import pyarrow as pa  # noqa: PLC0415 (as in _parquet)

    number = 0
    try:
        with _parquet(path) as file:
            for batch in file.iter_batches(batch_size=BATCH):
                for row in _plain(pa, batch).to_pylist():
                    number += 1
                    yield number, _flat(row)
    except pa.ArrowException as error:
        msg = f"{path}: cannot be read as Parquet: {str(error).splitlines()[0]}"
        raise TableError(msg) from error


def _plain(pa: Any, batch: Any) -> Any:
    """Nanoseconds as microseconds, which Python's datetime can hold, and decimals as floating-point numbers."""
    fields = []
    for field in batch.schema:
        found = field.type
        if pa.types.is_timestamp(found) and found.unit == "ns":
            field = field.with_type(pa.timestamp("us", found.tz))  # noqa: PLW2901
        elif pa.types.is_decimal(found):
            field = field.with_type(pa.float64())  # noqa: PLW2901
        fields.append(field)
    return pa.Table.from_batches([batch]).cast(pa.schema(fields), safe=False)


_READERS = {
    ".csv": _csv_rows,
    ".tsv": _csv_rows,
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
        msg = f"{path}: cannot be read as Parquet: {str(error).splitlines()[0]}"
        raise TableError(msg) from error


def _open(path: Path) -> IO[bytes]:
    # A GzipFile does all that is asked of it here, and is not typed as an IO.
    return cast("IO[bytes]", gzip.open(path, "rb")) if path.suffix.lower() == ".gz" else path.open("rb")


def _text(path: Path) -> IO[str]:
    # utf-8-sig: spreadsheets begin their files with a byte order mark. A byte that is no UTF-8 spoils only its row.
    return io.TextIOWrapper(_open(path), encoding="utf-8-sig", errors="surrogateescape", newline="")
