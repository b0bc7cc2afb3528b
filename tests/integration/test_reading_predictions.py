"""Searching single predictions in the Kibana Query Language, in a real Elasticsearch."""

from __future__ import annotations

import json

import pytest
from click.testing import CliRunner

from driftline.cli import main
from driftline.ingest.events import Prediction, Source

ROWS = {
    "p1": (1, 0.95, "late", "on_time", 3.0, {"carrier": "UA", "temp": 41.5}, "JFK"),
    "p2": (2, 0.85, "late", "late", 0.16, {"carrier": "US", "temp": -3.0}, "LGA"),
    "p3": (3, 0.10, "on_time", "late", 2.3, {"carrier": "B6", "note": "de (luxe)"}, "JFK"),
    "p4": (4, 0.20, "on_time", None, None, {"carrier": "UA"}, "EWR"),
}


@pytest.fixture
def stored(ship, cluster):
    """Four predictions, the last of them without an outcome."""
    documents = []
    for name, (day, score, label, outcome, loss, features, origin) in ROWS.items():
        prediction = Prediction(
            model="arrival",
            task="binary",
            version="1.0",
            id=name,
            timestamp=f"2026-03-0{day}T12:00:00Z",
            score=score,
            label=label,
            features=features,
            segments={"origin": origin},
        )
        document = prediction.to_document(Source(namespace=cluster.streams.namespace))
        if outcome is not None:
            document["outcome"] = {"label": outcome, "timestamp": f"2026-03-0{day}T18:00:00Z"}
            document["evaluation"] = {"correct": label == outcome, "log_loss": loss}
        documents.append(document)
    ship(documents)
    cluster.refresh(cluster.streams.predictions)


@pytest.fixture
def found(stored, namespace):
    """The ids that a query finds, in its order."""
    del stored

    def run(*arguments):
        result = CliRunner().invoke(main, ["predictions", "--namespace", namespace, "--json", *arguments])
        assert result.exit_code == 0, result.output
        return [json.loads(line)["_id"] for line in result.stdout.splitlines()]

    return run


@pytest.mark.parametrize(
    ("query", "ids"),
    [
        ("", {"p1", "p2", "p3", "p4"}),
        ("event.id: p3", {"p3"}),
        ("evaluation.correct: false", {"p1", "p3"}),
        ("evaluation.correct: false and prediction.score >= 0.8", {"p1"}),
        ("not evaluation.correct: true", {"p1", "p3", "p4"}),
        ("outcome.label: *", {"p1", "p2", "p3"}),
        ("not outcome.label: *", {"p4"}),
        ("segments.origin: (JFK or LGA)", {"p1", "p2", "p3"}),
        ("segments.origin: (not JFK)", {"p2", "p4"}),
        ("features.carrier: U*", {"p1", "p2", "p4"}),
        ("features.carrier: ua", set()),
        ("features.temp < 0", {"p2"}),
        ("features.temp: 41.5", {"p1"}),
        (r"features.note: de \(luxe\)", {"p3"}),
        ('features.note: "de (luxe)"', {"p3"}),
        ("@timestamp: 2026-03-02", {"p2"}),
        ('@timestamp >= "2026-03-03T00:00:00Z"', {"p3", "p4"}),
        ("evaluation.correct: true or segments.origin: EWR and not outcome.label: *", {"p2", "p4"}),
        ("features.nothing: here", set()),
    ],
)
def test_queries_find_what_they_say(found, query, ids):
    """Words, phrases, ranges, wildcards and their combinations, on keywords, numbers, booleans and times."""
    assert ids == set(found(query))


@pytest.mark.parametrize(
    ("sort", "ids"),
    [
        ("loss", ["p1", "p3", "p2", "p4"]),
        ("time", ["p4", "p3", "p2", "p1"]),
        ("score", ["p1", "p2", "p4", "p3"]),
    ],
)
def test_the_order_can_be_chosen(found, sort, ids):
    """The most wrong, the latest, or the surest first; without a loss is last."""
    assert ids == found("--sort", sort)


def test_a_period_and_a_limit_narrow(found):
    """A period is half open, and the limit keeps the first."""
    assert found("--since", "2026-03-02T12:00:00Z", "--until", "2026-03-04T12:00:00Z") == ["p3", "p2"]
    assert found("--limit", "1") == ["p1"]


def test_regression_is_sorted_by_absolute_error(ship, cluster, namespace):
    """A model of numbers has no log loss; its error says how wrong it was."""
    documents = []
    for name, error in {"near": 0.5, "far": 9.0}.items():
        prediction = Prediction(model="price", task="regression", id=name, value=1.0, timestamp="2026-03-01T12:00:00Z")
        document = prediction.to_document(Source(namespace=namespace))
        documents.append({**document, "outcome": {"value": 1 + error}, "evaluation": {"absolute_error": error}})
    ship(documents)
    cluster.refresh(cluster.streams.predictions)
    result = CliRunner().invoke(main, ["predictions", "--namespace", namespace])
    rows = [line.split("\t") for line in result.stdout.splitlines()]
    assert [(r[1], r[3], r[5], r[6]) for r in rows[1:]] == [("far", "1", "10", "9"), ("near", "1", "1.5", "0.5")]


def test_a_line_tells_the_whole_story_of_a_prediction(stored, namespace):
    """When, which, by which version, what was said and how surely, what came true, and how wrong that was."""
    del stored
    result = CliRunner().invoke(main, ["predictions", "event.id: p1", "--namespace", namespace])
    line = result.stdout.splitlines()[1].split("\t")
    assert line == ["2026-03-01 12:00:00", "p1", "arrival 1.0", "late", "0.95", "on_time", "3", "origin=JFK"]
    assert "1 of 1 predictions, by loss" in result.stderr


def test_json_says_where_a_document_is(stored, namespace):
    """Index and id, so that it can be fetched, and the document as it is stored."""
    del stored
    result = CliRunner().invoke(main, ["predictions", "event.id: p1", "--namespace", namespace, "--json"])
    hit = json.loads(result.stdout)
    assert f"logs-driftline.predictions-{namespace}" in hit["_index"]
    assert hit["_source"]["features"] == {"carrier": "UA", "temp": 41.5}


def test_a_query_that_elasticsearch_refuses_is_one_line(stored, namespace):
    """A word where the index has a number: the reason as Elasticsearch gives it, and no traceback."""
    del stored
    result = CliRunner().invoke(main, ["predictions", "features.temp: warm", "--namespace", namespace])
    (line,) = result.stderr.splitlines()
    assert 'For input string: "warm"' in line
    assert result.exit_code == 1
