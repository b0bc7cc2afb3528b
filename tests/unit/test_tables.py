"""Tables: rows of CSV, JSON lines and Parquet come one by one, and a bad row spoils only itself."""

from __future__ import annotations

import decimal
import gzip
import json
from datetime import UTC, datetime
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from driftline.ingest.sources import tables
from driftline.ingest.sources.tables import TableError


def write(path: Path, content: bytes) -> Path:
    """A file with this content, packed when its name says so."""
    path.write_bytes(gzip.compress(content) if path.suffix == ".gz" else content)
    return path


@pytest.mark.parametrize("name", ["t.csv", "t.CSV", "t.csv.gz", "t.tsv", "t.tsv.gz"])
def test_a_csv_file_gives_texts_under_the_names_of_its_first_line(tmp_path, name):
    """Byte order mark, quotes, commas and line breaks within cells are understood; empty lines are passed over."""
    mark = "\t" if "tsv" in name else ","
    content = f'a{mark}b\r\n1{mark}"x, ""y"""\r\n\r\n2{mark}"two\nlines"'
    file = write(tmp_path / name, b"\xef\xbb\xbf" + content.encode())
    assert [row for _, row in tables.rows(file)] == [{"a": "1", "b": 'x, "y"'}, {"a": "2", "b": "two\nlines"}]


def test_a_csv_row_that_fits_not_or_is_no_text_comes_as_it_is(tmp_path):
    """Too few or too many cells, or bytes that are no UTF-8: the rows around are as they were."""
    file = write(tmp_path / "t.csv", b"a,b\n1,2\n3\n4,5,6\n7,\xff\n8,\xc3\xa9\n")
    found = dict(tables.rows(file))
    assert found == {1: {"a": "1", "b": "2"}, 2: "3", 3: "4,5,6", 4: "7,\ufffd", 5: {"a": "8", "b": "é"}}


@pytest.mark.parametrize("name", ["t.jsonl", "t.ndjson", "t.jsonl.gz"])
def test_json_lines_are_flat_rows(tmp_path, name):
    """Objects within objects become columns with dotted names; what is no object comes as it is."""
    lines = [json.dumps({"a": 1, "b": {"c": [2], "d": {"e": None}}}), "", "[1]", '{"a": ', '{"z": true}']
    file = write(tmp_path / name, "\n".join(lines).encode())
    found = dict(tables.rows(file))
    assert found == {1: {"a": 1, "b.c": [2], "b.d.e": None}, 3: "[1]", 4: '{"a":', 5: {"z": True}}
    assert tables.columns(found.values()) == ["a", "b.c", "b.d.e", "z"]


def test_parquet_rows_hold_what_an_event_can_hold(tmp_path):
    """Nanoseconds become microseconds, decimals floating-point numbers, categories texts, and structs flat columns."""
    moment = datetime(2024, 5, 1, 12, 0, 0, 7, tzinfo=UTC)
    table = pa.table(
        {
            "at": pa.array([moment], pa.timestamp("ns", "UTC")).cast(pa.int64()).cast(pa.timestamp("ns", "UTC")),
            "price": pa.array([decimal.Decimal("1.50")]),
            "kind": pa.array(["x"]).dictionary_encode(),
            "weather": pa.array([{"temp": 1.5}]),
            "gone": pa.array([None], pa.float64()),
        }
    )
    pq.write_table(table, tmp_path / "t.parquet")
    (found,) = tables.rows(tmp_path / "t.parquet")
    assert found == (1, {"at": moment, "price": 1.5, "kind": "x", "weather.temp": 1.5, "gone": None})


def test_nanoseconds_that_python_cannot_hold_are_rounded_and_not_refused(tmp_path):
    """Tables that pandas wrote hold such times."""
    stamps = pa.array([1_700_000_000_123_456_789], pa.int64()).cast(pa.timestamp("ns", "UTC"))
    pq.write_table(pa.table({"at": stamps}), tmp_path / "t.parquet")
    ((_, row),) = tables.rows(tmp_path / "t.parquet")
    assert row["at"] == datetime(2023, 11, 14, 22, 13, 20, 123456, tzinfo=UTC)


def test_parquet_is_read_in_batches_and_counted_without_reading(tmp_path):
    """Rows are numbered from 1 across batches and row groups."""
    pq.write_table(pa.table({"n": list(range(25_000))}), tmp_path / "t.parquet", row_group_size=7_000)
    assert tables.count(tmp_path / "t.parquet") == 25_000
    assert all(number == row["n"] + 1 for number, row in tables.rows(tmp_path / "t.parquet"))


@pytest.mark.parametrize(("name", "rows"), [("t.csv", 3), ("t.csv.gz", 3), ("t.jsonl", 4)])
def test_the_rows_of_a_text_file_are_counted_by_its_lines(tmp_path, name, rows):
    """That is what the progress bar ends at; a CSV file's first line is no row."""
    assert tables.count(write(tmp_path / name, b"a\n1\n2\n3\n")) == rows


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("t.xlsx", b"", "the name tells no known format, allowed: .csv, .tsv, .jsonl, .ndjson, .json, .parquet"),
        ("t.parquet.gz", b"", "the name tells no known format"),
        ("t.parquet", b"no parquet at all", "cannot be read as Parquet"),
        ("t.csv", b"", "has no rows"),
        ("t.csv", b"a,b\n", "has no rows"),
        ("t.csv", b"a,a\n1,2\n", "the column 'a' stands twice in the first line"),
        ("t.jsonl", b"\n\n", "has no rows"),
        ("t.parquet", None, "has no rows"),
    ],
)
def test_a_file_that_is_no_table_is_one_clear_line(tmp_path, name, content, message):
    """The line names the file and the reason."""
    file = tmp_path / name
    if content is None:
        pq.write_table(pa.table({"a": pa.array([], pa.int64())}), file)
    else:
        write(file, content)
    with pytest.raises(TableError) as caught:
        tables.head(file)
    assert message in str(caught.value)
    assert str(file) in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("spoil", [lambda packed: packed[:-20], lambda _: b"not packed at all"])
def test_a_broken_gzip_file_is_one_clear_line(tmp_path, spoil):
    """Cut off, or no gzip at all."""
    file = tmp_path / "t.csv.gz"
    file.write_bytes(spoil(gzip.compress(b"a\n" + b"".join(b"%d\n" % n for n in range(5_000)))))
    with pytest.raises(TableError, match="cannot be read"):
        list(tables.rows(file))
    with pytest.raises(TableError, match="cannot be read"):
        tables.count(file)


def test_a_broken_page_within_a_parquet_file_is_one_clear_line(tmp_path):
    """The end of the file, where its columns are described, may be sound."""
    file = tmp_path / "t.parquet"
    pq.write_table(
        pa.table({"n": [str(n) * 20 for n in range(20_000)]}), file, compression="zstd", use_dictionary=False
    )
    content = bytearray(file.read_bytes())
    content[100:5_000] = bytes(4_900)
    file.write_bytes(content)
    with pytest.raises(TableError, match="cannot be read"):
        list(tables.rows(file))


def test_what_is_not_there_is_one_clear_line(tmp_path):
    """Also between two looks at it."""
    with pytest.raises(TableError, match="No such file"):
        tables.head(tmp_path / "t.csv")
