"""What the analyzer tells of itself, on a real cluster: each analysis, each failure, and how late streams are."""

from __future__ import annotations

import json
import threading
from datetime import UTC, datetime, timedelta

import pytest
from click.testing import CliRunner
from synthetic import EPOCH, documents, sample

from driftline.analyzers import monitors, scheduler
from driftline.analyzers.windows import iso, parse_moment
from driftline.cli import main
from driftline.ingest.events import Change, Source, Task

MONITORS = """
models:
  - {name: m, task: regression, window: 1h}
  - {name: other, task: regression, window: 1h}
"""
EMPTY = f"""
models:
  - {{name: other, task: regression, window: 1h}}
  - {{name: m, task: regression, window: 1h, reference: {{start: {iso(EPOCH)}, end: {iso(EPOCH + timedelta(days=1))}}}}}
"""


@pytest.fixture
def told(client, streams):
    """What the analyzer told, by action and name, in order of time."""

    def read():
        client.indices.refresh(index=streams.analyzer, ignore_unavailable=True)
        found = client.search(index=streams.analyzer, size=100, sort="@timestamp", ignore_unavailable=True)
        documents = [hit["_source"] for hit in found["hits"]["hits"]]
        return {
            action: [document for document in documents if document["event"]["action"] == action]
            for action in ("analysis", "stream")
        }

    return read


@pytest.fixture
def command(tmp_path, streams, elasticsearch_url):
    """`driftline analyze` with the text of a monitors.yml."""

    def run(text, *options):
        (tmp_path / "monitors.yml").write_text(text)
        where = ["--config", str(tmp_path / "monitors.yml"), "--namespace", streams.namespace]
        return CliRunner().invoke(main, ["analyze", *where, "--url", elasticsearch_url, *options])

    return run


def test_each_analysis_is_told(command, ship, streams, told, client):
    """A document per model that says what the command says, and one per stream that says what is there."""
    found = sample(Task.REGRESSION, 60, days=0.25)
    change = Change(action="deploy", model="m", timestamp=EPOCH).to_document(Source(namespace=streams.namespace))
    ship([*documents(found, streams.namespace), change])
    result = command(MONITORS, "--json")
    assert result.exit_code == 0, result.output
    said = json.loads(result.stdout)
    documents_ = told()
    assert [document["model"]["name"] for document in documents_["analysis"]] == ["m", "other"]
    for document, summary in zip(documents_["analysis"], said["models"], strict=True):
        assert document["event"]["outcome"] == "success"
        assert document["event"]["duration"] > 0
        told_of = document["analyzer"]
        assert (told_of["windows"], told_of["analysed"]) == (summary["windows"], summary["analysed"])
        assert {k: v for k, v in told_of["verdicts"].items() if v} == summary["statuses"]
        assert told_of["outcomes"] == {"joined": int(found.labelled.sum()), "waiting": 0, "orphans": 0}
    of_m, of_other = documents_["analysis"]
    ended = parse_moment(of_m["event"]["end"])
    assert of_m["analyzer"]["behind"] == pytest.approx((ended - EPOCH - timedelta(hours=6)).total_seconds(), abs=0.01)
    assert "behind" not in of_other["analyzer"]
    streams_ = {document["stream"]["name"]: document["stream"] for document in documents_["stream"]}
    assert {name: stream["documents"] for name, stream in streams_.items()} == {
        "predictions": 60,
        "outcomes": int(found.labelled.sum()),
        "changes": 1,
    }
    newest = parse_moment(streams_["predictions"]["newest"])
    assert abs(newest - found.times[-1]) < timedelta(milliseconds=1)
    assert datetime.now(UTC) - parse_moment(streams_["predictions"]["received"]) < timedelta(minutes=10)
    (late,) = (d for d in documents_["stream"] if d["stream"]["name"] == "predictions")
    gap = (parse_moment(late["@timestamp"]) - newest).total_seconds()
    assert late["stream"]["lag"] == pytest.approx(gap, abs=0.01)
    _searchable(client, streams)


def _searchable(client, streams):
    """What dashboards ask for is mapped: no number is a text."""
    fields = ("event.duration", "analyzer.behind", "analyzer.verdicts.ok", "analyzer.outcomes.joined", "stream.lag")
    aggregations = {field.replace(".", "_"): {"avg": {"field": field}} for field in fields}
    answer = client.search(index=streams.analyzer, size=0, aggs=aggregations)["aggregations"]
    assert all(found["value"] is not None for found in answer.values()), answer


def test_an_analysis_with_nothing_to_do_is_told_too(command, told):
    """Before any prediction: streams are empty, and that the analyzer lives is known."""
    assert command(MONITORS).exit_code == 0
    found = told()
    assert [document["event"]["outcome"] for document in found["analysis"]] == ["success", "success"]
    assert {(d["stream"]["name"], d["stream"]["documents"]) for d in found["stream"]} == {
        ("predictions", 0),
        ("outcomes", 0),
        ("changes", 0),
    }
    assert command(MONITORS).exit_code == 0
    assert len(told()["analysis"]) == 4


def test_a_failure_is_told_and_stays_a_failure(command, told, ship, streams):
    """The model that was done is a success; the other says what was wrong, and so does the command."""
    late = sample(Task.REGRESSION, 30, days=0.1, start=EPOCH + timedelta(days=9))
    ship([d for d in documents(late, streams.namespace) if "prediction" in d])
    result = command(EMPTY)
    assert result.exit_code == 1
    done, failed = told()["analysis"]
    assert (done["model"]["name"], done["event"]["outcome"]) == ("other", "success")
    assert (failed["model"]["name"], failed["event"]["outcome"]) == ("m", "failure")
    assert failed["error"]["type"] == "NoDataError"
    assert failed["error"]["message"] in result.stderr


def test_what_cannot_be_told_is_said_and_the_analysis_stays_well(command, client, streams):
    """A stream that takes no documents: a line on standard error, and exit code 0."""
    assert command(MONITORS).exit_code == 0
    client.indices.put_settings(index=streams.analyzer, settings={"index.blocks.write": True})
    result = command(MONITORS, "--json")
    assert result.exit_code == 0
    assert [model["model"] for model in json.loads(result.stdout)["models"]] == ["m", "other"]
    assert "driftline: how the analysis went was not stored: " in result.stderr


def test_a_failure_that_cannot_be_told_is_still_that_failure(command, client, streams, ship):
    """The real error is the last word, and its exit code stands."""
    late = sample(Task.REGRESSION, 30, days=0.1, start=EPOCH + timedelta(days=9))
    ship([d for d in documents(late, streams.namespace) if "prediction" in d])
    assert command(MONITORS).exit_code == 0
    client.indices.put_settings(index=streams.analyzer, settings={"index.blocks.write": True})
    result = command(EMPTY)
    assert result.exit_code == 1
    *_, warned, error = filter(None, result.stderr.splitlines())
    assert "was not stored" in warned
    assert "has no predictions in its reference period" in error


def test_every_turn_of_the_schedule_is_told(cluster, told, streams):
    """Each one, also when it finds nothing to do."""
    configuration = monitors.parse(MONITORS, namespace=streams.namespace)
    stop = threading.Event()
    for _ in range(2):
        scheduler.turn(cluster, configuration, timedelta(days=1), stop)
    found = told()
    assert len(found["analysis"]) == 4
    assert len(found["stream"]) == 6
