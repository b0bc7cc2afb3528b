"""The logger: three events become documents, all others pass, and nothing ever raises."""

from __future__ import annotations

import io
import json
import math
from typing import Any

import orjson
import pytest
import structlog

from driftline.ingest import ModelLogger, configure, driftline_processors, render_json


class Recorder:
    """Takes documents as a shipper does."""

    def __init__(self) -> None:
        self.documents: list[dict[str, Any]] = []

    def send(self, document: dict[str, Any]) -> bool:
        """Keep a document that can be written as JSON."""
        orjson.dumps(document)
        self.documents.append(document)
        return True


@pytest.fixture
def output():
    """What is written."""
    return io.StringIO()


def logger(output: io.StringIO, **options: Any) -> Any:
    """A logger of a service with a set-up of its own."""
    return structlog.wrap_logger(
        structlog.WriteLogger(output),
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso"),
            *driftline_processors("api", **options),
            render_json,
        ],
    )


def lines(output: io.StringIO) -> list[dict[str, Any]]:
    """The lines that were written."""
    return [json.loads(line) for line in output.getvalue().splitlines()]


def test_a_prediction_becomes_its_document(output):
    """Keys of the log call are fields; what is unknown is kept as a label; other events pass."""
    log = logger(output)
    log.info("prediction", model="m", model_version="1", task="binary", id="p", score=0.5, features={"a": 1}, tenant=7)
    log.info("request done", status=200)
    document, other = lines(output)
    assert document["event"]["id"] == "p"
    assert document["model"] == {"name": "m", "version": "1", "task": "binary"}
    assert document["labels"] == {"tenant": "7"}
    assert "level" not in document
    assert (other["message"], other["status"]) == ("request done", 200)


def test_context_variables_are_fields_too(output):
    """A service binds the model once and logs predictions without naming it."""
    with structlog.contextvars.bound_contextvars(model="m", task="regression", trace_id="t"):
        logger(output).info("prediction", value=3)
    (document,) = lines(output)
    assert (document["model"]["name"], document["trace"]["id"], document["prediction"]) == ("m", "t", {"value": 3.0})


def test_documents_go_to_the_shipper_and_not_to_the_log(output):
    """With a shipper the log stays quiet, unless it is asked to echo."""
    recorder = Recorder()
    logger(output, shipper=recorder).info("outcome", id="p", label="late")
    assert output.getvalue() == ""
    logger(output, shipper=recorder, echo=True).info("change", action="config-changed", message="x")
    assert lines(output)[0]["event"]["action"] == "config-changed"
    assert [d["event"]["dataset"] for d in recorder.documents] == ["driftline.outcomes", "driftline.changes"]


WRONG = [
    ({"task": "binary", "score": math.nan, "model": "m"}, "score: got nan, allowed"),
    ({"task": "binary", "score": 0.5}, "model is missing; prediction needs model, task"),
    ({"task": "binary", "score": "late", "model": "m"}, "score: got 'late', allowed"),
    ({"task": "binary", "model": "m", "score": 0.1, "features": 5}, "AttributeError"),
    ({"task": "binary", "model": "m", "score": 0.1, "features": {"s": "\ud800"}}, "TypeError"),
    ({"task": "binary", "model": "m", "score": 0.1, "labels": {"x": object()}, "id": b"bytes"}, "id: got b'bytes'"),
]


@pytest.mark.parametrize(("fields", "reason"), WRONG)
def test_a_wrong_event_is_one_line_and_one_dead_letter(output, fields, reason):
    """The service goes on, one line says why, and the whole event is kept with the reason."""
    recorder = Recorder()
    logger(output, shipper=recorder).info("prediction", **fields)
    (line,) = lines(output)
    assert line["message"].startswith("driftline: prediction rejected: ")
    assert reason in line["message"]
    assert "\n" not in line["message"]
    (letter,) = recorder.documents
    assert letter["event"]["dataset"] == "driftline.deadletter"
    assert reason in letter["event"]["reason"]
    assert '"task": "binary"' in letter["event"]["original"]


@pytest.mark.parametrize(("fields", "reason"), WRONG[:4])
def test_without_a_shipper_the_line_is_the_dead_letter(output, fields, reason):
    """Whatever carries the log carries the dead letter to its stream."""
    logger(output).info("prediction", **fields)
    (line,) = lines(output)
    assert line["data_stream"]["dataset"] == "driftline.deadletter"
    assert reason in line["message"]
    assert line["log"] == {"level": "warning"}


def test_a_broken_shipper_does_not_break_the_service(output):
    """Even then the event is in the log."""

    class Broken:
        def send(self, _document: Any) -> bool:
            msg = "gone"
            raise RuntimeError(msg)

    logger(output, shipper=Broken()).info("outcome", id="p", label="late")
    (line,) = lines(output)
    assert "RuntimeError" in line["message"]
    assert '"p"' in line["original"]


def test_the_typed_helper_logs_the_same_events(output):
    """A model's logger fills in the model, and gives the prediction's id for its outcome."""
    model = ModelLogger("m", "binary", "2", logger(output))
    identity = model.prediction(score=0.25, label="no", features={"a": 1}, segments={"r": "eu"}, note="x")
    model.outcome(identity, label="yes")
    model.change("threshold-changed", "from 0.5 to 0.4")
    prediction, outcome, change = lines(output)
    assert prediction["event"]["id"] == outcome["event"]["id"] == identity
    assert prediction["model"] == {"name": "m", "version": "2", "task": "binary"}
    assert prediction["labels"] == {"note": "x"}
    assert outcome["outcome"] == {"label": "yes", "status": "pending"}
    assert (change["event"]["action"], change["model"]["version"]) == ("threshold-changed", "2")


def test_configure_writes_json_lines_to_a_file(tmp_path):
    """One call sets up a service that has no set-up of its own."""
    file = tmp_path / "events.jsonl"
    try:
        configure("api", file=file)
        log = structlog.get_logger()
        log.info("prediction", model="m", task="binary", score=0.5)
        try:
            1 / 0
        except ZeroDivisionError:
            log.exception("failed")
    finally:
        structlog.get_config()["logger_factory"]._file.close()
        structlog.reset_defaults()
    prediction, failed = (json.loads(line) for line in file.read_text().splitlines())
    assert prediction["service"] == {"name": "api"}
    assert failed["message"] == "failed"
    assert "ZeroDivisionError" in failed["exception"]
