"""What the analyzer tells of itself, as documents; and that telling never stands in the way of the work."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from elasticsearch import ConnectionError as NoConnection
from elasticsearch import ConnectionTimeout

from driftline.analyzers import monitors, pipeline, runs
from driftline.analyzers.cluster import Cluster, StoreError
from driftline.analyzers.outcomes import Joined
from driftline.analyzers.pipeline import Summary
from driftline.ingest.client import connect
from driftline.ingest.streams import Streams

START = datetime(2024, 5, 1, 12, 0, tzinfo=UTC)
END = START + timedelta(seconds=1.5)
STATUSES = {"ok": 7, "critical": 2}
MONITORS = monitors.parse("models: [{name: a, task: regression, window: 1h}, {name: b, task: regression, window: 1h}]")


def summary(model: str = "a", last: datetime | None = START - timedelta(hours=1)) -> Summary:
    """What one analysis did."""
    return Summary(model, 12, 3, STATUSES, 1, 2, last, ())


def test_an_analysis_that_went_well():
    """What it did, how long it took, and how far the last window lies behind its end."""
    assert runs.of_model(runs.Done("a", START, END, Joined(5, 2, 1), summary())) == {
        "@timestamp": "2024-05-01T12:00:01.500Z",
        "event": {
            "dataset": "driftline.analyzer",
            "kind": "metric",
            "action": "analysis",
            "start": "2024-05-01T12:00:00.000Z",
            "end": "2024-05-01T12:00:01.500Z",
            "duration": 1_500_000_000,
            "outcome": "success",
        },
        "model": {"name": "a"},
        "analyzer": {
            "windows": 12,
            "analysed": 3,
            "alarms": 1,
            "incidents": 2,
            "verdicts": {"ok": 7, "warning": 0, "critical": 2, "insufficient_data": 0},
            "behind": 3_601.5,
            "outcomes": {"joined": 5, "waiting": 2, "orphans": 1},
        },
    }


def test_a_model_without_data_is_not_behind():
    """Nothing was analysed yet: no number is better than a wrong one."""
    assert "behind" not in runs.of_model(runs.Done("a", START, END, Joined(), summary(last=None)))["analyzer"]


def test_an_analysis_that_failed():
    """The error's type and message, cut where it is very long."""
    found = runs.of_model(runs.Done("a", START, END, error=StoreError("x" * 5_000)))
    assert found["event"]["outcome"] == "failure"
    assert found["error"] == {"type": "StoreError", "message": "x" * 1_000}
    assert "analyzer" not in found


def test_how_late_a_stream_is():
    """From the newest event to now; of an empty stream, only that it is empty."""
    arrived = runs.Arrived("outcomes", 9, START, END)
    assert runs.of_stream(arrived, END)["stream"] == {
        "name": "outcomes",
        "documents": 9,
        "newest": "2024-05-01T12:00:00.000Z",
        "received": "2024-05-01T12:00:01.500Z",
        "lag": 1.5,
    }
    assert runs.of_stream(runs.Arrived("changes", 0, None, None), END)["stream"] == {"name": "changes", "documents": 0}


@pytest.fixture
def told(monkeypatch):
    """What is to be recorded, instead of storing it."""
    found: list[runs.Done] = []
    monkeypatch.setattr(runs, "record", lambda _cluster, done, _warn: found.extend(done))
    return found


def _analyses(monkeypatch, behaviour):
    monkeypatch.setattr(pipeline, "analyze", behaviour)
    return runs.analyze(None, MONITORS, END, pytest.fail)


def test_each_model_is_told_when_all_went_well(monkeypatch, told):
    """One record a model, and their times follow each other."""

    def both(*_, finished, **__):
        done = [summary("a"), summary("b")]
        for one in done:
            finished(Joined(1), one)
        return Joined(1), done

    assert _analyses(monkeypatch, both)[0] == Joined(1)
    assert [(done.model, done.error) for done in told] == [("a", None), ("b", None)]
    assert told[0].end == told[1].start


def test_an_error_is_told_of_each_model_that_it_kept_from_being_analysed(monkeypatch, told):
    """What was finished before stays a success, and the error goes on."""
    error = StoreError("no")

    def second_fails(*_, finished, **__):
        finished(Joined(1), summary("a"))
        raise error

    with pytest.raises(StoreError) as raised:
        _analyses(monkeypatch, second_fails)
    assert raised.value is error
    assert [(done.model, done.error) for done in told] == [("a", None), ("b", error)]


def test_a_cluster_that_is_away_is_not_asked_for_a_record(monkeypatch, told):
    """The error says it, once."""

    def away(*_, **__):
        msg = "refused"
        raise NoConnection(msg)

    with pytest.raises(NoConnection):
        _analyses(monkeypatch, away)
    assert told == []


def test_an_analysis_that_is_stopped_is_no_failure(monkeypatch, told):
    """Someone asked for it: nothing is told."""

    def stopped(*_, **__):
        raise runs.Stopped

    with pytest.raises(runs.Stopped):
        _analyses(monkeypatch, stopped)
    assert told == []


@pytest.mark.parametrize("failing", [StoreError("the disk is full"), ConnectionTimeout("no answer")])
def test_a_record_that_cannot_be_stored_is_said_and_nothing_else_happens(monkeypatch, failing):
    """One warning; the analysis that went well stays one that went well."""

    def deaf(*_):
        raise failing

    monkeypatch.setattr(runs, "_store", deaf)
    said: list[str] = []
    with connect("http://127.0.0.1:9") as client:
        runs.record(Cluster(client, Streams()), [], said.append)
    (only,) = said
    assert only.startswith("how the analysis went was not stored: ")
