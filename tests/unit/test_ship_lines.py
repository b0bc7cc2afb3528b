"""Which event a line is: pure, whatever the bytes are."""

from __future__ import annotations

import json
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from driftline.ingest.dead_letters import dead_letter
from driftline.ingest.events import Change, Outcome, Prediction, Source, document_id
from driftline.ingest.sources.lines import BrokenError, Event, letter, parse

SOURCE = Source("api", namespace="shop")
AT = "2024-05-01T00:00:00Z"
DOCUMENTS = [
    Prediction(model="m", task="binary", score=0.25, features={"a": 1, "b": "ü"}).to_document(SOURCE),
    Outcome(id="p1", label="late", timestamp=AT).to_document(SOURCE),
    Outcome(id="p1", value=3.5, timestamp=AT).to_document(SOURCE),
    Change(action="model-deployed", model="m").to_document(SOURCE),
    dead_letter({"score": "x"}, "no number", "EventError", SOURCE) | {"message": "driftline: rejected"},
]


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda document: document["event"]["dataset"])
def test_an_event_passes_as_the_bytes_that_it_is(document):
    """Neither its text nor its id changes on the way, however it was written."""
    for line in (orjson.dumps(document), json.dumps(document, indent=None).encode()):
        event = parse(b"\x00\x00" + line + b"\r\n")
        assert event == Event(document["event"]["dataset"], document_id(document), line)


def test_an_event_printed_over_several_lines_is_one_line():
    """A bulk request has one line for each document."""
    event = parse(json.dumps(DOCUMENTS[0], indent=2).encode())
    assert event is not None
    assert b"\n" not in event.source
    assert orjson.loads(event.source) == DOCUMENTS[0]


def test_either_name_of_the_dataset_will_do():
    """Shippers that add `data_stream` and services that do not are both understood."""
    for part in ("data_stream", "event"):
        document = {"@timestamp": AT, "event": {"id": "p1"}}
        document.setdefault(part, {})["dataset"] = "driftline.predictions"
        assert parse(orjson.dumps(document)) == Event("driftline.predictions", "p1", orjson.dumps(document))


@pytest.mark.parametrize(
    "line",
    [
        b"",
        b"GET / HTTP/1.1",
        b"[1, 2]",
        b'"driftline.predictions"',
        b'{"message": "started", "event": {"dataset": "nginx.access"}}',
        b'{"message": "trying again", "log": {"logger": "driftline.shipper"}}',
        b'{"event": "prediction", "data_stream": "driftline.predictions"}',
        b'{"message": "torn',
        b"\xff\xfe\x00",
    ],
)
def test_a_line_of_another_log_is_passed_over(line):
    """It is a service's right to log whatever it likes."""
    assert parse(line) is None


BROKEN: list[tuple[Any, str]] = [
    ({"event": {"dataset": "driftline.predictions"}}, "event.id is missing"),
    ({"data_stream": {"dataset": "driftline.predictions"}, "event": "p1"}, "event.id is missing"),
    ({"event": {"dataset": "driftline.predictions", "id": ""}}, "id: got '', allowed: a text of 1 to 480 bytes"),
    ({"event": {"dataset": "driftline.predictions", "id": "x" * 500}}, "allowed: a text of 1 to 480 bytes"),
    ({"event": {"dataset": "driftline.predictions", "id": [1]}}, "id: got [1]"),
    ({"event": {"dataset": "driftline.typos", "id": "p1"}}, "event.dataset: got 'driftline.typos', allowed: driftline"),
    ({"event": {"dataset": "driftline.outcomes", "id": "p1"}, "outcome": {"label": "a"}}, "@timestamp: got None"),
    ({"@timestamp": AT, "event": {"dataset": "driftline.outcomes", "id": "p"}, "outcome": 3}, "outcome: got 3"),
]


@pytest.mark.parametrize(("document", "reason"), BROKEN)
def test_what_is_ours_and_no_event_is_kept_whole_with_the_reason(document, reason):
    """The dead letter says where it stood, and holds it as it was."""
    with pytest.raises(BrokenError) as caught:
        parse(orjson.dumps(document))
    found = letter(caught.value, "byte 12", SOURCE, "a.jsonl")
    assert found["event"]["reason"].startswith("byte 12: ")
    assert reason in found["event"]["reason"]
    assert json.loads(found["event"]["original"]) == document
    assert found["log"] == {"file": {"path": "a.jsonl"}}
    assert found["data_stream"]["namespace"] == "shop"


def test_a_torn_event_is_kept_whole_and_the_letter_is_the_same_in_a_renamed_file():
    """Even when its bytes are no text."""
    line = orjson.dumps(DOCUMENTS[0])[:150] + b"\xff" + orjson.dumps(DOCUMENTS[1])
    with pytest.raises(BrokenError, match="no whole JSON object") as caught:
        parse(line)
    one, other = (letter(caught.value, "byte 0", SOURCE, path) for path in ("a.jsonl", "a.jsonl.1"))
    assert json.loads(one["event"]["original"]) == line.decode(errors="backslashreplace")
    assert document_id(one) == document_id(other)


@given(st.binary() | st.binary().map(lambda noise: b'{"event":{"dataset":"driftline.predictions"' + noise))
def test_no_line_is_too_strange(line):
    """Every line is an event, another log's, or broken with a reason; nothing else comes of it."""
    try:
        event = parse(line)
        kept = orjson.loads(event.source) if event else None
    except BrokenError as error:
        kept = orjson.loads(orjson.dumps(letter(error, "byte 0", SOURCE)))
    assert kept is None or "dataset" in kept["event"] or "dataset" in kept["data_stream"]


@given(st.recursive(st.none() | st.booleans() | st.integers() | st.text(), lambda inner: st.lists(inner, max_size=3)))
def test_no_id_or_outcome_is_too_strange(value):
    """Whatever stands in the fields that make an id, there is an id or a reason."""
    for dataset in ("driftline.predictions", "driftline.outcomes"):
        document = {"@timestamp": value, "event": {"dataset": dataset, "id": value}, "outcome": {"label": value}}
        try:
            event = parse(json.dumps(document).encode())
        except BrokenError:
            continue
        assert event is not None
        assert 1 <= len(event.identity.encode()) <= 512
