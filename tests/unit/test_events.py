"""Events: what is accepted, what is refused and how that is said, and the documents they become."""

from __future__ import annotations

import math
import os
import random
import uuid
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from types import MappingProxyType

import numpy as np
import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from driftline.ingest.checks import MAX_ID_BYTES, EventError, uuid7
from driftline.ingest.dead_letters import dead_letter
from driftline.ingest.events import Change, Outcome, Prediction, Source, document_id, to_json
from driftline.ingest.streams import Streams

SOURCE = Source("api", "2.1", "production", "shop")
AT = datetime(2024, 5, 1, 12, 30, 0, 250_000, tzinfo=timezone(timedelta(hours=2)))


def predict(**fields) -> dict:
    """The document of a binary prediction with these fields."""
    given_fields = {"model": "m", "task": "binary", "score": 0.25, "id": "p1", "timestamp": AT} | fields
    return Prediction(**given_fields).to_document(SOURCE)


def test_the_document_of_a_prediction():
    """Every field has its place in ECS or in the model's own sets."""
    document = predict(
        version="3",
        label=True,
        features={"age": np.float32(1.5), "n": np.int64(3), "plan": "gold", "gone": None, "nan": math.nan, "new": True},
        segments={"region": "eu", "vip": False},
        duration=timedelta(milliseconds=2),
        trace_id="t1",
        labels={"request": 7},
    )
    assert document == {
        "@timestamp": "2024-05-01T10:30:00.250Z",
        "ecs": {"version": "9.0.0"},
        "data_stream": {"type": "logs", "dataset": "driftline.predictions", "namespace": "shop"},
        "event": {
            "id": "p1",
            "kind": "event",
            "dataset": "driftline.predictions",
            "duration": 2_000_000,
            "outcome": "success",
        },
        "service": {"name": "api", "version": "2.1", "environment": "production"},
        "model": {"name": "m", "version": "3", "task": "binary"},
        "prediction": {"label": "true", "score": 0.25},
        "features": {"age": 1.5, "n": 3, "plan": "gold", "new": "true"},
        "segments": {"region": "eu", "vip": "false"},
        "trace": {"id": "t1"},
        "labels": {"request": "7"},
    }
    orjson.dumps(document)


def test_the_documents_of_an_outcome_and_a_change():
    """An outcome waits for its prediction; a change says what was done."""
    outcome = Outcome(id="p1", label=1, timestamp=AT, model="m").to_document(SOURCE)
    assert outcome["outcome"] == {"label": "1", "status": "pending"}
    assert outcome["event"] == {
        "id": "p1",
        "kind": "event",
        "dataset": "driftline.outcomes",
        "hash": document_id(outcome),
    }
    change = Change(action="model-deployed", model="m", version="4", id="c1", timestamp=AT, message="hi").to_document(
        SOURCE
    )
    assert change["event"]["type"] == ["change"]
    assert change["event"]["action"] == "model-deployed"
    assert (change["model"], change["message"]) == ({"name": "m", "version": "4"}, "hi")


def test_a_failed_prediction_needs_no_answer():
    """An error takes the place of the answer."""
    document = predict(score=None, error=ZeroDivisionError("by zero"))
    assert document["event"]["outcome"] == "failure"
    assert document["error"] == {"type": "ZeroDivisionError", "message": "by zero"}
    assert "prediction" not in document
    assert predict(score=None, error="no features")["error"] == {"message": "no features"}


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"score": math.nan}, "score: got nan, allowed: a probability, a number from 0 to 1"),
        ({"score": 1.01}, "score: got 1.01, allowed: a probability"),
        ({"score": "spam"}, "score: got 'spam', allowed: a probability"),
        ({"score": True}, "score: got True, allowed: a probability"),
        ({"score": None}, "score or label is missing: a binary prediction has at least one of them, or an error"),
        ({"value": 3.0}, "value: got 3.0, allowed: only score, label for a binary model"),
        ({"model": ""}, "model: got '', allowed: a text that is not empty"),
        ({"model": ["m"]}, "model: got ['m'], allowed: a text that is not empty"),
        ({"task": {}}, "task: got {}, allowed: binary, multiclass, regression"),
        ({"model": None}, "model: got None, allowed: a text that is not empty"),
        ({"task": "ranking"}, "task: got 'ranking', allowed: binary, multiclass, regression"),
        ({"version": 3}, "model_version: got 3, allowed: a text"),
        ({"id": ""}, "id: got '', allowed: a text of 1 to 480 bytes"),
        ({"id": "é" * MAX_ID_BYTES}, "allowed: a text of 1 to 480 bytes"),
        (
            {"timestamp": AT.replace(tzinfo=None)},
            "timestamp: got datetime.datetime(2024, 5, 1, 12, 30, 0, 250000), allowed: a datetime or",
        ),
        ({"timestamp": "yesterday"}, "timestamp: got 'yesterday', allowed"),
        ({"timestamp": 1e20}, "timestamp: got 1e+20, allowed"),
        ({"duration": -1}, "duration: got -1, allowed: seconds, not below 0"),
        ({"features": {"x": math.inf}}, "features.x: got inf, allowed: a finite number"),
        ({"features": {"x": [1]}}, "features.x: got [1], allowed: a number, a text, a truth value"),
        ({"features": {"x": Decimal(1)}}, "features.x: got Decimal('1'), allowed: a number"),
        ({"features": {"a.b": 1}}, "a name in features: got 'a.b', allowed: a text without dots"),
        ({"features": {3: 1}}, "a name in features: got 3, allowed"),
        ({"segments": {"region": 1.5}}, "segments.region: got 1.5, allowed"),
        ({"task": "multiclass", "score": None, "probabilities": {"a": 2}}, "probabilities.a: got 2, allowed"),
        ({"task": "regression", "score": None, "value": math.inf}, "value: got inf, allowed: a finite number"),
    ],
)
def test_what_is_wrong_is_refused_with_field_value_and_what_is_allowed(fields, message):
    """Each mistake has one clear line."""
    with pytest.raises(EventError) as caught:
        predict(**fields)
    assert message in str(caught.value)


@pytest.mark.parametrize("fields", [{}, {"label": "a", "value": 1.0}, {"value": math.nan}, {"label": ""}])
def test_an_outcome_is_exactly_one_sound_label_or_value(fields):
    """Neither, both, or an unsound one is refused."""
    with pytest.raises(EventError):
        Outcome(id="p", **fields).to_document(SOURCE)


@given(
    st.floats(0, 1), st.dictionaries(st.text("abc_", min_size=1), st.floats() | st.integers() | st.text() | st.none())
)
def test_whatever_features_hold_the_document_is_json_or_refused(score, features):
    """A document can always be written; infinite numbers are refused."""
    try:
        document = predict(score=score, features=features)
    except EventError:
        assert any(isinstance(v, float) and math.isinf(v) for v in features.values())
    else:
        read = orjson.loads(orjson.dumps(document))
        assert read["prediction"]["score"] == score
        assert set(read.get("features", {})) == {k for k, v in features.items() if v is not None and v == v}  # noqa: PLR0124


NAMES = ("age", "plan", "price")
VALUES = st.floats() | st.integers(-(2**60), 2**60) | st.text("ab") | st.booleans() | st.none()


@given(st.dictionaries(st.sampled_from(NAMES), VALUES))
def test_features_are_the_same_the_short_way_and_one_by_one(features):
    """Only a dict whose names were seen before may go the short way."""
    predict(features=dict.fromkeys(NAMES, 1))

    def found(given_features) -> object:
        try:
            return {name: (type(value), value) for name, value in predict(features=given_features)["features"].items()}
        except EventError as error:
            return str(error)

    given_features = {**features, "price": 1.5}
    assert found(given_features) == found(MappingProxyType(given_features))


def test_large_numbers_are_features_even_if_their_sum_is_infinite():
    """And infinite ones are none, even if they cancel out."""
    large = {"age": 1.7e308, "price": 1.7e308}
    assert predict(features=large)["features"] == predict(features=large)["features"] == large
    with pytest.raises(EventError, match="a finite number"):
        predict(features={"age": math.inf, "price": -math.inf})


def test_the_document_is_the_callers_and_nobody_elses():
    """What one does with it changes neither the caller's own features nor the next document."""
    features = {"age": 1.5}
    predict(features=features)
    document = predict(features=features)
    for part in ("features", "model", "service", "ecs"):
        document[part]["more"] = "x"
    assert features == {"age": 1.5}
    assert "more" not in str(predict(features=features))


def test_names_may_be_texts_of_another_library():
    """As those in an array of NumPy are, which orjson does not take for texts."""
    document = predict(features={np.str_("age"): 1.5}, segments={np.str_("plan"): "gold"})
    read = orjson.loads(to_json(document))
    assert (read["features"], read["segments"]) == ({"age": 1.5}, {"plan": "gold"})


def test_ids_are_the_same_for_the_same_and_others_for_others():
    """A repeated outcome is the same document; a corrected one is another."""
    one, same, corrected = (
        document_id(Outcome(id="p", label=label, timestamp=AT).to_document(SOURCE)) for label in ("a", "a", "b")
    )
    assert one == same != corrected
    assert one.startswith("p.")
    assert document_id(predict(id="x")) == "x"


def test_uuid7_tells_its_time_and_sorts_by_it():
    """Version and variant are those of RFC 9562; later ids are greater."""
    found = [uuid.UUID(uuid7()) for _ in range(50)]
    assert len(set(found)) == 50
    assert all((value.version, value.variant) == (7, uuid.RFC_4122) for value in found)
    made = datetime.fromtimestamp((found[0].int >> 80) / 1000, UTC)
    assert abs(made - datetime.now(UTC)) < timedelta(minutes=1)


def test_a_dead_letter_holds_whatever_it_was():
    """What no JSON can hold is kept as text, and the same letter has the same id."""

    class Odd:
        def __repr__(self) -> str:
            return "<odd>"

    letter = dead_letter({"a": Odd(), "b": "\ud800", (1, 2): 3}, "broken", "TypeError", SOURCE)
    assert "<odd>" in letter["event"]["original"]
    orjson.dumps(dead_letter({"b": "\ud800"}, "broken", "TypeError", SOURCE))
    assert (
        letter["event"]["id"]
        == dead_letter({"a": Odd(), "b": "\ud800", (1, 2): 3}, "broken", "X", SOURCE)["event"]["id"]
    )


def test_a_dead_letter_tells_whose_it_is():
    """So that one can search for those of a model, whether the event was a log call or a document."""
    logged = dead_letter({"event": "prediction", "model": "m", "score": 2}, "broken", "EventError", SOURCE)
    assert (logged["model"], logged["service"]["name"]) == ({"name": "m"}, "api")
    refused = dead_letter(predict(version="3"), "broken", "mapper_parsing_exception", Source())
    assert (refused["model"], refused["service"]["name"]) == ({"name": "m"}, "api")
    assert "model" not in dead_letter({"model": 7}, "broken", "EventError", SOURCE)


@pytest.mark.parametrize("name", ["", "A", "a-b", "a b", "x" * 101])
def test_a_namespace_that_elasticsearch_would_refuse_is_refused(name):
    """A hyphen would make the name of a data stream ambiguous."""
    with pytest.raises(ValueError, match="allowed: lower-case letters"):
        Streams(name)


def test_a_forked_child_makes_ids_of_its_own():
    """Parent and child go on from the same state, and must not make the same ids from it."""
    reader, writer = os.pipe()
    if (child := os.fork()) == 0:
        os.write(writer, uuid7()[-12:].encode())
        os._exit(0)
    os.waitpid(child, 0)
    assert os.read(reader, 12).decode() != uuid7()[-12:]


def test_a_seed_of_the_service_does_not_make_ids_repeat():
    """Services seed `random` so that their own results repeat; ids are to be new each time."""
    made = set()
    for _ in range(3):
        random.seed(42)
        made.add(uuid7()[-12:])
    assert len(made) == 3
