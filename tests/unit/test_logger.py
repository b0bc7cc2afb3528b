"""The logger: three events become documents, all others pass, and nothing ever raises."""

from __future__ import annotations

import io
import json
import math
from datetime import datetime
from typing import Any

import numpy as np
import orjson
import pandas as pd
import pytest
import structlog

from driftline.ingest import ModelLogger, Streams, configure, driftline_processors, render_json


class Recorder:
    """Takes documents as a shipper does."""

    def __init__(self, namespace: str = "default") -> None:
        self.documents: list[dict[str, Any]] = []
        self.streams = Streams(namespace)

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


def test_the_namespace_is_that_of_the_shipper(output):
    """Given once; two that differ are a mistake in the set-up, and told there."""
    recorder = Recorder("shop")
    logger(output, shipper=recorder).info("outcome", id="p", label="late")
    assert recorder.documents[0]["data_stream"]["namespace"] == "shop"
    with pytest.raises(ValueError, match="got 'other', allowed: that of the shipper, 'shop'"):
        driftline_processors("api", namespace="other", shipper=recorder)
    with pytest.raises(ValueError, match="allowed: lower-case letters"):
        driftline_processors("api", namespace="A-B")


def test_a_broken_shipper_does_not_break_the_service(output):
    """Even then the event is in the log."""

    class Broken(Recorder):
        def send(self, _document: Any) -> bool:
            msg = "gone"
            raise RuntimeError(msg)

    logger(output, shipper=Broken()).info("outcome", id="p", label="late")
    (line,) = lines(output)
    assert "RuntimeError" in line["message"]
    assert '"p"' in line["original"]


class Unshowable:
    """A stranger that cannot even be shown."""

    def __repr__(self) -> str:
        raise RuntimeError

    __str__ = __repr__


@pytest.mark.parametrize(
    "fields",
    [
        {"features": {"x": Unshowable()}},
        {"features": {"\ud800.": 1}},
        {"id": "\ud800"},
        {"tenant": Unshowable()},
        {"score": 10**400},
        {"labels": {Unshowable(): 1}},
        {"error": Unshowable()},
        {"duration": 1e300},
        {"@timestamp": True},
        {"segments": 5},
    ],
)
@pytest.mark.parametrize("shipped", [True, False])
def test_nothing_that_is_logged_breaks_the_service(output, fields, shipped):
    """Not even values that cannot be shown, compared, or written in any encoding."""
    recorder = Recorder()
    log = logger(output, shipper=recorder if shipped else None)
    log.info("prediction", **{"model": "m", "task": "binary", "score": 0.5} | fields)
    (line,) = lines(output)
    assert "driftline: prediction rejected: " in line["message"]


@pytest.mark.parametrize("event", [["a", "list"], None, 7, {"prediction"}])
def test_an_event_that_is_no_text_passes(output, event):
    """Whatever a service logs, it is not ours to judge."""
    logger(output).info(event, status=1)
    assert lines(output)[0]["status"] == 1


def test_a_line_of_another_kind_has_time_and_level_where_ecs_has_them(output):
    """So that the same index can take it."""
    logger(output).warning("slow", seconds=3)
    (line,) = lines(output)
    assert datetime.fromisoformat(line.pop("@timestamp")).tzinfo is not None
    assert line == {"message": "slow", "log": {"level": "warning"}, "seconds": 3}


def test_a_segment_that_is_missing_is_left_out(output):
    """As a missing feature is, in whichever way Python, NumPy and pandas say so."""
    gone = {"a": None, "b": math.nan, "c": np.nan, "d": pd.NA, "e": pd.NaT}
    logger(output).info("prediction", model="m", task="binary", score=0.5, features=gone | {"x": 1}, segments=gone)
    (line,) = lines(output)
    assert (line["features"], line["segments"]) == ({"x": 1}, {})


def test_the_model_s_version_does_not_hang_on_the_order_of_keys(output):
    """`model_version` wins over a `version` that may be the service's."""
    log = logger(output)
    log.info("prediction", version="9", model_version="1", model="m", task="binary", score=0.5)
    log.info("prediction", model_version="1", version="9", model="m", task="binary", score=0.5)
    assert [line["model"]["version"] for line in lines(output)] == ["1", "1"]


def test_an_outcome_has_no_version_of_its_own(output):
    """It belongs to a prediction, which has one; what the caller says of it is kept, as all that is unknown is."""
    logger(output).info("outcome", id="p", label="late", model_version="2", labels={"source": "batch"})
    (line,) = lines(output)
    assert line["labels"] == {"source": "batch", "model_version": "2"}
    assert "model" not in line


def test_the_time_that_a_caller_gives_outlives_a_time_stamper(output):
    """The set-up of these tests has one before Driftline, which overwrites `timestamp`."""
    model = ModelLogger("m", "binary", "2", logger(output))
    model.prediction(score=0.25, timestamp="2024-05-01T00:00:00Z")
    model.outcome("p", label="no", timestamp="2024-05-02T00:00:00Z")
    model.change("model-deployed", timestamp="2024-05-03T00:00:00Z")
    assert [line["@timestamp"] for line in lines(output)] == [f"2024-05-0{day}T00:00:00.000Z" for day in (1, 2, 3)]


def test_configure_writes_json_lines_to_a_file(tmp_path):
    """One call sets up a service that has no set-up of its own."""
    file = tmp_path / "events.jsonl"
    try:
        configure("api", file=file)
        log = structlog.get_logger()
        log.info("prediction", model="m", task="binary", score=0.5)
        try:
            1 / 0  # noqa: B018 (it raises)
        except ZeroDivisionError:
            log.exception("failed")
        log.info("moved", level=3)
    finally:
        structlog.get_config()["logger_factory"]._file.close()
        structlog.reset_defaults()
    prediction, failed, moved = (json.loads(line) for line in file.read_text().splitlines())
    assert prediction["service"] == {"name": "api"}
    assert "log" not in prediction
    assert "level" not in prediction
    assert (failed["message"], failed["log"]) == ("failed", {"level": "error"})
    assert "ZeroDivisionError" in failed["exception"]
    assert (moved["message"], moved["log"]) == ("moved", {"level": "info"})


def test_what_was_rejected_is_a_warning(capsys):
    """Whichever method logged it."""
    recorder = Recorder()
    try:
        configure("api", shipper=recorder)
        structlog.get_logger().info("prediction", model="m", task="binary", score=2)
    finally:
        structlog.reset_defaults()
    line = json.loads(capsys.readouterr().out)
    assert (line["log"], len(recorder.documents)) == ({"level": "warning"}, 1)
    assert "score: got 2" in line["message"]
