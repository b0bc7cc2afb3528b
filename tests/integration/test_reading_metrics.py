"""Listing metrics: filters, formats, and what goes wrong."""

from __future__ import annotations

import csv
import io
import json
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import orjson
import pytest
from click.testing import CliRunner

from driftline.analyzers.reading import search
from driftline.cli import main


def metric(day, name, *, size="1d", feature=None, segment=None, status="ok", version="1"):
    """One metric document."""
    found = {
        "@timestamp": f"2026-03-{day:02}T00:00:00.000Z",
        "model": {"name": "churn", "version": version},
        "window": {
            "start": f"2026-03-{day:02}T00:00:00.000Z",
            "end": f"2026-03-{day + 1:02}T00:00:00.000Z",
            "size": size,
        },
        "metric": {"name": name, "status": status, "value": day / 10, "sample_size": 1000 * day},
    }
    if feature:
        found["feature"] = {"name": feature}
    if segment:
        found["segment"] = {"name": segment[0], "value": segment[1]}
    return found


STORED = [
    metric(1, "recall"),
    metric(2, "recall", status="critical"),
    metric(3, "recall", version="2"),
    metric(2, "recall", segment=("region", "north")),
    metric(1, "psi", feature="age"),
    metric(2, "psi", feature="age", status="warning"),
    metric(2, "psi", feature="income"),
    metric(1, "psi", feature="age", size="week", segment=("region", "north")),
]


@pytest.fixture
def stored(cluster):
    """A few metrics, in no order."""
    action = orjson.dumps({"index": {"_index": cluster.streams.metrics}})
    cluster.write([line for document in reversed(STORED) for line in (action, orjson.dumps(document))])
    cluster.refresh(cluster.streams.metrics)


@pytest.fixture
def listed(stored, namespace):
    """Run `driftline metrics --json` and read what it prints."""
    del stored

    def run(*arguments):
        result = CliRunner().invoke(main, ["metrics", "--namespace", namespace, "--json", *arguments])
        assert result.exit_code == 0, result.output
        return [json.loads(line) for line in result.stdout.splitlines()]

    return run


@pytest.mark.parametrize(
    ("arguments", "chosen"),
    [
        ([], range(8)),
        (["--measure", "recall"], [0, 1, 2, 3]),
        (["--version", "2"], [2]),
        (["--model", "other"], []),
        (["--feature", "income"], [6]),
        (["--feature", ""], [0, 1, 2, 3]),
        (["--segment", "region=north"], [3, 7]),
        (["--segment", "none"], [0, 1, 2, 4, 5, 6]),
        (["--status", "critical"], [1]),
        (["--window", "week"], [7]),
        (["--since", "2026-03-02"], [1, 2, 3, 5, 6]),
        (["--until", "2026-03-02"], [0, 4, 7]),
        (["--since", "2026-03-02", "--until", "2026-03-03", "--measure", "psi", "--status", "warning"], [5]),
    ],
)
def test_each_option_is_a_filter(listed, arguments, chosen):
    """Every option lets through just the metrics that it names, and together they narrow."""
    found = listed(*arguments)
    assert sorted(map(orjson.dumps, (STORED[index] for index in chosen))) == sorted(map(orjson.dumps, found))


def test_metrics_come_in_order_of_time(listed):
    """The oldest window first, whatever the order of writing."""
    starts = [found["window"]["start"] for found in listed()]
    assert sorted(starts) == starts


def test_pages_lose_and_repeat_nothing(stored, cluster, monkeypatch):
    """More metrics than a page: each once, also where fields that are sorted by are missing."""
    del stored
    monkeypatch.setattr(search, "PAGE", 3)
    found = list(search.metrics(cluster, search.Filter()))
    assert sorted(map(orjson.dumps, STORED)) == sorted(map(orjson.dumps, found))
    assert len(list(search.metrics(cluster, search.Filter(), limit=4))) == 4


def test_a_limit_is_never_silent(stored, namespace):
    """Whoever sees a part is told so."""
    del stored
    result = CliRunner().invoke(main, ["metrics", "--namespace", namespace, "--limit", "3", "--json"])
    assert len(result.stdout.splitlines()) == 3
    assert "the first 3" in result.stderr


def test_csv_has_a_column_for_every_field(stored, namespace):
    """Also the fields that only some metrics have; empty where they are missing."""
    del stored
    result = CliRunner().invoke(main, ["metrics", "--namespace", namespace, "--format", "csv"])
    rows = list(csv.DictReader(io.StringIO(result.stdout)))
    assert len(rows) == 8
    assert {"", "age", "income"} == {row["feature.name"] for row in rows}
    assert {row["metric.value"] for row in rows} == {"0.1", "0.2", "0.3"}


def test_piped_tables_are_lines_of_tabs(stored, namespace):
    """No frames, no colours, nothing cut: what `cut -f` and `sort` take."""
    del stored
    result = CliRunner().invoke(main, ["metrics", "--namespace", namespace, "--status", "critical"])
    header, line = result.stdout.splitlines()
    row = dict(zip(header.split("\t"), line.split("\t"), strict=True))
    assert row["window"] == "2026-03-02 00:00 1d"
    assert (row["measure"], row["value"], row["n"], row["status"]) == ("recall", "0.2", "2,000", "critical")


def test_a_namespace_without_metrics_is_empty(client, namespace):
    """Nothing there is an answer, on standard error, and no failure."""
    del client
    result = CliRunner().invoke(main, ["metrics", "--namespace", namespace])
    assert result.exit_code == 0
    assert f"no metrics match in driftline-metrics-{namespace}" in result.stderr


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (["metrics", "--measure", "psy"], "psy"),
        (["metrics", "--segment", "north"], "allowed: name=value"),
        (["metrics", "--since", "yesterday"], "ISO 8601"),
        (["metrics", "--namespace", "Not-Allowed"], "lower-case letters"),
        (["alerts", "list", "--namespace", "Not-Allowed"], "lower-case letters"),
        (["predictions", "--namespace", "Not-Allowed"], "lower-case letters"),
        (["predictions", "late"], "after a field name"),
        (["metrics", "--url", "nowhere"], "http://host:port"),
    ],
)
def test_a_wrong_request_is_one_clear_error(arguments, text):
    """Exit code 2, and what is allowed."""
    result = CliRunner().invoke(main, arguments)
    assert result.exit_code == 2
    assert text in result.stderr
    assert "Traceback" not in result.output


@pytest.mark.parametrize("command", ["metrics", "alerts list", "predictions"])
def test_a_cluster_that_is_down_is_one_line(command):
    """Exit code 1, the address, and what to do."""
    result = CliRunner().invoke(main, [*command.split(), "--url", "http://127.0.0.1:9"])
    (line,) = result.stderr.splitlines()
    assert line.startswith("driftline: Elasticsearch at http://127.0.0.1:9 cannot be reached")
    assert result.exit_code == 1


@pytest.fixture
def closed_cluster():
    """A server that says 401 to everything, as a secured cluster does to strangers."""

    class Handler(BaseHTTPRequestHandler):
        def answer(self):
            body = b'{"error": {"reason": "missing authentication credentials", "root_cause": []}, "status": 401}'
            self.send_response(401)
            self.send_header("X-Elastic-Product", "Elasticsearch")
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        do_GET = do_POST = answer

        def log_message(self, *_):
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()


@pytest.mark.parametrize("command", ["metrics", "alerts list", "predictions"])
def test_refused_credentials_are_one_line(closed_cluster, command):
    """Exit code 1, and which variables to set."""
    result = CliRunner().invoke(main, [*command.split(), "--url", closed_cluster])
    (line,) = result.stderr.splitlines()
    assert "refuses the credentials (HTTP 401): set ELASTICSEARCH_API_KEY" in line
    assert result.exit_code == 1
