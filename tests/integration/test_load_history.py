"""Loading history into a real Elasticsearch: exactly once, whatever happens in between."""

from __future__ import annotations

import csv
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner
from elasticsearch import Elasticsearch

from driftline.analyzers import doubles
from driftline.analyzers.cluster import Cluster
from driftline.cli import main
from driftline.ingest.streams import Streams

MAPPING = """
id: key
timestamp: at
timezone: UTC
model: {value: late}
version: {value: "1"}
task: {value: binary}
score: p
label: class
outcome: truth
outcome_timestamp: known
features: rest
segments: [region]
"""
START = datetime(2024, 5, 1, tzinfo=UTC)


def rows(count: int) -> Iterator[dict[str, Any]]:
    """So many flights, every tenth of which never landed."""
    for number in range(count):
        at = START + timedelta(seconds=number)
        landed = number % 10 != 0
        yield {
            "key": f"k{number}",
            "at": at.isoformat(),
            "p": number % 100 / 100,
            "class": "late" if number % 100 > 50 else "on_time",
            "truth": "late" if number % 3 else "on_time",
            "known": (at + timedelta(hours=2)).isoformat(),
            "temp": number % 7 / 2,
            "carrier": "ABC"[number % 3],
            "region": "eu" if number % 2 else "us",
        } | ({} if landed else {"truth": None, "known": None})


def write_csv(path: Path, table: Iterator[Mapping[str, Any]]) -> Path:
    """The rows as a CSV file."""
    with path.open("w", newline="") as file:
        first = next(table)
        writer = csv.DictWriter(file, first)
        writer.writeheader()
        writer.writerow(first)
        writer.writerows(table)
    return path


def counts(client: Elasticsearch, streams: Streams) -> tuple[int, int, int]:
    """Predictions, outcomes and dead letters that are stored."""
    found = []
    for stream in (streams.predictions, streams.outcomes, streams.deadletter):
        client.indices.refresh(index=stream, ignore_unavailable=True)
        found.append(client.count(index=stream, ignore_unavailable=True)["count"])
    predictions, outcomes, letters = found
    return predictions, outcomes, letters


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with the mapping; what `load` notes is kept in it too."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    (tmp_path / "m.yml").write_text(MAPPING)
    return tmp_path


def command(folder: Path, streams: Streams, *files: Path) -> list[str]:
    """The arguments of `driftline`."""
    return ["load", *map(str, files), "--mapping", str(folder / "m.yml"), "--namespace", streams.namespace, "--json"]


def test_the_same_rows_from_three_formats_are_stored_once(client, elasticsearch_url, streams, folder):
    """CSV, Parquet and packed JSON lines of the same predictions are the same documents, stored whole."""
    table = list(rows(500))
    files = [write_csv(folder / "t.csv", iter(table)), folder / "t.parquet", folder / "t.jsonl"]
    pq.write_table(pa.Table.from_pylist(table), files[1])
    files[2].write_text("\n".join(map(json.dumps, table)))
    done = CliRunner().invoke(main, [*command(folder, streams, *files), "--url", elasticsearch_url])
    assert done.exit_code == 0, done.stderr
    summary = json.loads(done.stdout)
    assert [(found["predictions"], found["outcomes"]) for found in summary["files"]] == [(500, 450)] * 3
    assert summary["documents"] == {"stored": 950, "stored_before": 1900, "refused": 0}
    assert counts(client, streams) == (500, 450, 0)
    (hit,) = client.search(index=streams.predictions, query={"ids": {"values": ["k7"]}})["hits"]["hits"]
    source = hit["_source"]
    assert source["event"].pop("ingested")
    assert source == {
        "@timestamp": "2024-05-01T00:00:07.000Z",
        "ecs": {"version": "9.0.0"},
        "data_stream": {"type": "logs", "dataset": "driftline.predictions", "namespace": streams.namespace},
        "event": {"id": "k7", "kind": "event", "dataset": "driftline.predictions", "outcome": "success"},
        "model": {"name": "late", "version": "1", "task": "binary"},
        "prediction": {"label": "on_time", "score": 0.07},
        "features": {"temp": 0.0, "carrier": "B"},
        "segments": {"region": "eu"},
    }


def test_a_load_that_is_killed_goes_on_and_stores_everything_once(client, elasticsearch_url, streams, folder):
    """SIGKILL in the middle: the next run passes over what was acknowledged, and nothing is there twice or missing."""
    file = write_csv(folder / "t.csv", rows(40_000))
    arguments = [sys.executable, "-m", "driftline.cli", *command(folder, streams, file)]
    environment = os.environ | {"ELASTICSEARCH_URL": elasticsearch_url}
    with subprocess.Popen(arguments, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as victim:
        due = time.monotonic() + 120
        while not list((folder / "state").rglob("*.json")):
            assert victim.poll() is None
            assert time.monotonic() < due
            time.sleep(0.01)
        victim.send_signal(signal.SIGKILL)
    assert 10_000 <= counts(client, streams)[0] < 40_000
    again = subprocess.run(arguments, env=environment, capture_output=True, text=True, check=True, timeout=300)
    (found,) = json.loads(again.stdout)["files"]
    assert found["resumed"] >= 10_000
    assert found["rows"] == 40_000
    assert counts(client, streams) == (40_000, 36_000, 0)


def test_rows_without_ids_are_stored_once_too(client, elasticsearch_url, streams, folder):
    """Their ids come from what they hold and where they stand, also for rows that look alike."""
    (folder / "m.yml").write_text(MAPPING.replace("id: key", "ignore: [key]"))
    alike = [row | {"key": "", "at": START.isoformat(), "known": START.isoformat()} for row in rows(20)] * 2
    file = write_csv(folder / "t.csv", iter(alike))
    for _ in range(2):
        done = CliRunner().invoke(main, [*command(folder, streams, file), "--url", elasticsearch_url])
        assert done.exit_code == 0, done.stderr
    assert counts(client, streams) == (40, 36, 0)


def test_bad_rows_are_kept_whole_in_the_dead_letters(client, elasticsearch_url, streams, folder):
    """Loading the file again keeps each of them once."""
    table = [*rows(10), next(rows(1)) | {"key": "bad", "p": 7}]
    file = write_csv(folder / "t.csv", iter(table))
    for _ in range(2):
        done = CliRunner().invoke(main, [*command(folder, streams, file), "--url", elasticsearch_url])
        assert done.exit_code == 0, done.stderr
    assert counts(client, streams) == (10, 9, 1)
    (hit,) = client.search(index=streams.deadletter)["hits"]["hits"]
    assert hit["_source"]["event"]["reason"].startswith("row 11: score: got 7.0, allowed: a probability")
    assert json.loads(hit["_source"]["event"]["original"])["key"] == "bad"


def test_what_is_loaded_again_after_a_rollover_is_single_in_the_end(tmp_path, client, elasticsearch_url, streams):
    """The analyzer finds the doubles, since a load into a stream that has rolled over says what it may have sent."""
    table, columns = tmp_path / "t.jsonl", tmp_path / "mapping.yml"
    table.write_text("".join(json.dumps(row) + "\n" for row in rows(200)))
    columns.write_text(MAPPING)
    command = [
        "load",
        str(table),
        "--mapping",
        str(columns),
        "--namespace",
        streams.namespace,
        "--url",
        elasticsearch_url,
    ]
    for stream in (streams.predictions, streams.outcomes):
        assert CliRunner().invoke(main, command).exit_code == 0
        client.indices.rollover(alias=stream)
    assert CliRunner().invoke(main, command).exit_code == 0
    before = doubles.remove(Cluster(client, streams))
    client.indices.refresh(index=streams.predictions)
    assert before == 200 + 180
    assert client.count(index=streams.predictions)["count"] == 200
    assert client.count(index=streams.outcomes)["count"] == 180
    assert client.count(index=streams.predictions, query={"exists": {"field": "tags"}})["count"] == 0
