"""Privacy: what is named is gone, what is not understood is withheld, and what is wrong with a setting is said."""

from __future__ import annotations

import copy
import hashlib
import hmac
import io
import json
import math
import os
import re
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import structlog
from hypothesis import given
from hypothesis import strategies as st

from driftline.ingest import ModelLogger, Privacy, PrivacyError, driftline_processors, render_json
from driftline.ingest.checks import WITHHELD

KEYS = "2026-11:secret,2026-10:older"


def digest(value: str, secret: str = "secret") -> str:
    """The hash of a text, made with the standard library alone."""
    return hmac.new(secret.encode(), value.encode(), hashlib.sha256).hexdigest()[:32]


def logged(privacy: Privacy | None, *events: tuple[str, dict[str, Any]]) -> list[dict[str, Any]]:
    """What a service writes that logs these events."""
    output = io.StringIO()
    log = structlog.wrap_logger(
        structlog.WriteLogger(output), processors=[*driftline_processors("api", privacy=privacy), render_json]
    )
    for name, fields in events:
        log.info(name, **fields)
    return [json.loads(line) for line in output.getvalue().splitlines()]


def test_a_path_names_one_place_and_a_bare_name_every_place():
    """At any depth, in mappings, lists and keys with dots."""
    event = {
        "event": "prediction",
        "email": 1,
        "features": {"email": 2, "age": 3},
        "labels": {"who": [{"email": 4, "x": 5}], "a.email": 6},
    }
    assert Privacy(drop=["features.email"]).apply(event) == event | {"features": {"age": 3}}
    assert Privacy(drop=["email"]).apply(event) == {
        "event": "prediction",
        "features": {"age": 3},
        "labels": {"who": [{"x": 5}]},
    }


def test_a_label_is_named_by_its_place_in_the_document_too():
    """Whatever else is in the log call becomes a label; a field of the event does not."""
    privacy = Privacy(drop=["labels.user_id", "labels.id"])
    event = {"event": "outcome", "user_id": 1, "id": "p", "labels": {"user_id": 2, "id": 3, "x": 4}}
    assert privacy.apply(event) == {"event": "outcome", "id": "p", "labels": {"x": 4}}


def test_a_hash_is_the_hmac_of_the_value_and_names_its_key():
    """The first key is used; texts, numbers and truth values are hashed as events write them."""
    event = {"event": "prediction", "id": 17, "features": {"a": "é", "b": True, "c": np.int64(17)}}
    found = Privacy(hash=["id", "features"], keys=KEYS).apply(event)
    assert found["id"] == f"2026-11:{digest('17')}"
    assert found["features"] == {
        "a": f"2026-11:{digest('é')}",
        "b": f"2026-11:{digest('true')}",
        "c": found["id"],
    }


@pytest.mark.parametrize("missing", [None, math.nan, np.nan, pd.NA, pd.NaT])
def test_what_is_missing_stays_missing(missing):
    """Else a missing value would be a category of its own."""
    found = Privacy(hash=["a"], keys=KEYS).apply({"event": "prediction", "features": {"a": missing}})
    assert found["features"]["a"] is missing


def test_a_text_is_cut_and_a_number_is_not():
    """A length is one of texts."""
    event = {"event": "change", "message": "0123456789", "features": {"a": 123456}}
    found = Privacy(truncate={"message": 3, "a": 3}).apply(event)
    assert (found["message"], found["features"]) == ("012", {"a": 123456})


def test_only_the_features_that_are_listed_pass():
    """Also those that a log call writes with a dot."""
    event = {"event": "prediction", "features": {"age": 1, "email": 2}, "features.email": 3, "email": 4}
    assert Privacy(features=["age"]).apply(event) == {"event": "prediction", "features": {"age": 1}, "email": 4}


def test_a_path_goes_before_a_bare_name():
    """What is said of one place is said on purpose."""
    privacy = Privacy(drop=["user"], hash=["segments.user"], keys=KEYS)
    found = privacy.apply({"event": "prediction", "segments": {"user": "x"}, "features": {"user": "x"}})
    assert found == {"event": "prediction", "segments": {"user": f"2026-11:{digest('x')}"}, "features": {}}


def test_an_error_keeps_its_kind_and_that_it_is_one():
    """Of an exception the type stays; dropping the text does not make a success of a failure."""
    for given_error, expected in ((KeyError("secret"), {"type": "KeyError"}), ("secret", {})):
        fields = {"model": "m", "task": "binary", "error": given_error}
        for privacy, text in (
            (Privacy(drop=["error"]), WITHHELD),
            (Privacy(truncate={"error": 2}), str(given_error)[:2]),
            (Privacy(hash=["error"], keys=KEYS), f"2026-11:{digest(str(given_error))}"),
            (Privacy(), str(given_error)),
        ):
            (line,) = logged(privacy, ("prediction", fields))
            assert line["error"] == expected | {"message": text}
            assert line["event"]["outcome"] == "failure"


class Strange:
    """An object that shows what it should not."""

    def __repr__(self) -> str:
        return "secret"


class Hostile(dict[str, Any]):
    """A mapping that cannot be read."""

    def items(self) -> Any:
        """Fail."""
        raise RuntimeError("secret")  # noqa: EM101

    __getitem__ = items  # type: ignore[assignment]


STRANGE: list[dict[str, Any]] = [
    {"features": ["secret"]},
    {"features": "secret"},
    {"features": Hostile(a="secret")},
    {"features": {"a": Strange()}},
    {"features": {"a": np.array(["secret"])}},
    {"features": {"a": b"secret"}},
    {"features": {("secret",): 1}},
    {"segments": Strange()},
    {"labels": {"a": {"b": Strange()}}},
    {"probabilities": "secret"},
    {"score": "secret"},
    {"duration": "secret"},
    {"timestamp": "secret"},
    {"task": "secret"},
    {"id": b"secret"},
    {"model": {"name": "secret"}},
    {"error": Strange()},
    {"tenant": Strange()},
    {"exc_info": (ValueError, ValueError("secret"), None)},
    {"_record": "secret"},
]


@pytest.mark.parametrize("fields", STRANGE, ids=repr)
def test_what_is_not_understood_is_withheld(fields):
    """Neither the document nor the dead letter nor its reason quotes it, though no rule names it."""
    event = {"model": "m", "task": "binary", "score": 0.5, "duration": -1} | fields
    assert "secret" not in repr(logged(Privacy(), ("prediction", event)))
    assert "secret" in repr(logged(None, ("prediction", event)))


def test_ids_that_are_withheld_are_refused():
    """Two predictions would else be one document."""
    (line,) = logged(Privacy(), ("prediction", {"model": "m", "task": "binary", "score": 0.5, "id": Strange()}))
    assert line["event"]["reason"].startswith("id: got '<withheld>', allowed: a text")


def test_an_event_that_cannot_be_read_is_withheld_whole():
    """The service goes on; what kind of event it was is all that is told."""
    assert Privacy().apply(Hostile(event="prediction", a="secret")) == {"event": WITHHELD, "privacy": WITHHELD}
    broken = Privacy(drop=["a"])
    object.__setattr__(broken, "_places", None)
    object.__setattr__(broken, "_anywhere", None)
    (line,) = logged(broken, ("prediction", {"model": "m", "task": "binary", "score": 0.5, "a": "secret"}))
    assert line["data_stream"]["dataset"] == "driftline.deadletter"
    assert "secret" not in repr(line)


def test_other_events_pass_untouched():
    """What a service logs beside them is not Driftline's."""
    (line,) = logged(Privacy(drop=["email"]), ("mail sent", {"email": "a@b"}))
    assert line["email"] == "a@b"


def test_an_outcome_finds_its_prediction_by_a_hashed_id():
    """Whether the id is a number here and a text there."""
    privacy = Privacy(hash=["id"], keys=KEYS)
    prediction, outcome = logged(
        privacy,
        ("prediction", {"model": "m", "task": "binary", "score": 0.5, "id": 17}),
        ("outcome", {"id": "17", "label": "yes"}),
    )
    assert prediction["event"]["id"] == outcome["event"]["id"] == f"2026-11:{digest('17')}"


def test_the_typed_helper_is_subject_to_it():
    """It logs through the same processors."""
    output = io.StringIO()
    processors = [*driftline_processors(privacy=Privacy(drop=["email"])), render_json]
    model = ModelLogger("m", "binary", logger=structlog.wrap_logger(structlog.WriteLogger(output), processors))
    model.prediction(score=0.5, features={"email": "secret", "age": 41}, email="secret")
    line = json.loads(output.getvalue())
    assert (line["features"], "labels" in line) == ({"age": 41}, False)


def test_a_value_is_found_again_under_each_key():
    """After a rotation, what was stored before it has the older key's hash."""
    assert Privacy(keys=KEYS).hashes(17) == [f"2026-11:{digest('17')}", f"2026-10:{digest('17', 'older')}"]


def test_the_keys_come_from_the_environment(monkeypatch):
    """And are in no text about the record."""
    monkeypatch.setenv("DRIFTLINE_HASH_KEYS", KEYS)
    privacy = Privacy(hash=["a"])
    assert privacy.apply({"event": "change", "a": "x"})["a"] == f"2026-11:{digest('x')}"
    assert "secret" not in repr(privacy) + repr(Privacy(keys=KEYS))


@pytest.mark.parametrize("keys", ["", " ", "secret", ":secret", "a:", "a:x,", "a:x,a:y", "b c:secret", "a:x,secret"])
@pytest.mark.parametrize("given", [True, False])
def test_a_key_that_is_none_is_an_error_of_the_set_up(monkeypatch, keys, given):
    """A plain value is never the answer, and the text does not tell the secret."""
    monkeypatch.setenv("DRIFTLINE_HASH_KEYS", "good:key" if given else keys)
    with pytest.raises(PrivacyError, match="allowed: id:secret") as caught:
        Privacy(hash=["a"], keys=keys if given else None)
    assert str(caught.value).startswith("privacy.keys: " if given else "DRIFTLINE_HASH_KEYS: ")
    assert "secret" not in str(caught.value).replace("id:secret", "")


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"drop": "email"}, "privacy.drop: got 'email', allowed: a list of names"),
        ({"hash": [1]}, "privacy.hash: got 1, allowed: the name of a field"),
        ({"drop": ["features."]}, "privacy.drop: got 'features.', allowed: the name of a field"),
        ({"truncate": ["a"]}, r"privacy.truncate: got \['a'\], allowed: {name of a field"),
        ({"truncate": {"a": 0}}, "privacy.truncate.a: got 0, allowed: a number of characters, at least 1"),
        ({"truncate": {"a": True}}, "privacy.truncate.a: got True"),
        ({"features": ["features.a"]}, "privacy.features: got 'features.a', allowed: the name of a field, such as age"),
        ({"drop": ["a"], "hash": ["a"]}, "privacy.hash: got 'a', which is in privacy.drop already"),
        ({"drop": ["model"]}, "privacy.drop: got 'model', which every event needs; a feature is features.model"),
        ({"drop": ["id"]}, "privacy.drop: got 'id', by which an outcome finds its prediction; allowed: to hash it"),
    ],
)
def test_a_setting_that_is_wrong_says_so(settings, message):
    """When the service starts, not when it logs."""
    with pytest.raises(PrivacyError, match=message):
        Privacy(keys=KEYS, **settings)


def test_a_record_does_not_change():
    """Neither it nor what it was given."""
    privacy = Privacy(drop=["a"])
    with pytest.raises(AttributeError):
        privacy.drop = ()  # type: ignore[misc]
    event = {"event": "prediction", "features": {"a": 1, "b": [1, {"a": 2}]}, "at": datetime.now(UTC)}
    before = copy.deepcopy(event)
    privacy.apply(event)
    assert event == before


LEAVES = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text()
NESTED = st.recursive(LEAVES, lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner), max_leaves=20)


@given(st.dictionaries(st.text(), NESTED))
def test_without_rules_what_is_understood_passes(content):
    """Nothing is lost that no rule names."""
    assert Privacy().apply({"event": "change", "extra": content}) == {"event": "change", "extra": content}


@given(NESTED, st.sampled_from(["features", "segments", "labels", "extra"]))
def test_a_bare_name_is_found_however_deep(content, section):
    """Whatever lies around it."""
    canary = "canary-4711"
    event = {"event": "prediction", section: {"x": [content, {"secret": {"y": [canary]}}], "secret": canary}}
    for privacy in (Privacy(drop=["secret"]), Privacy(hash=["secret"], keys=KEYS)):
        assert canary not in repr(privacy.apply(event))


@pytest.mark.parametrize(
    "columns",
    [
        {"score": [0.5, 0.5], "ids": ["secret"], "features": {"email": ["secret"]}},
        {"score": "secret"},
        {"score": ["secret", 0.5], "ids": ["a"]},
        {"score": [0.5], "timestamp": ["secret", "2024-05-01"], "features": [{"email": "secret"}]},
        {"score": [0.5], "features": "secret"},
        {"score": [0.5], "segments": ["secret"]},
        {"score": [0.5, 0.5], "label": ["a"], "features": {"x": ["secret", Strange()]}},
    ],
    ids=repr,
)
def test_a_batch_that_is_refused_whole_is_subject_to_it(columns):
    """Its dead letter holds the columns, and the reason says where it is wrong without quoting it."""
    for privacy in (Privacy(drop=["email", "x"], hash=["id"], keys=KEYS), None):
        output = io.StringIO()
        processors = [*driftline_processors(privacy=privacy), render_json]
        model = ModelLogger("m", "binary", logger=structlog.wrap_logger(structlog.WriteLogger(output), processors))
        model.predictions(**columns)
        (letter,) = [json.loads(line) for line in output.getvalue().splitlines()]
        assert letter["data_stream"]["dataset"] == "driftline.deadletter"
        assert ("secret" in repr(letter)) == (privacy is None)
        assert privacy is None or letter["event"]["reason"].endswith(f": got {WITHHELD}")


def test_the_page_runs_and_its_private_data_stays(tmp_path):
    """Every block of Python; the outcome meets its prediction, and what is left is what the page says."""
    page = Path(__file__).parents[2] / "docs" / "how-to" / "keep-private-data-out.md"
    blocks = re.findall(r"^```python\n(.*?)^```", page.read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE)
    environment = os.environ | {"DRIFTLINE_HASH_KEYS": "2026-11:new-secret,2026-10:old-secret"}
    run = {"cwd": tmp_path, "env": environment, "capture_output": True, "text": True}
    logs, hashes = (subprocess.run([sys.executable, "-c", block], check=True, **run).stdout for block in blocks)
    prediction, outcome = map(json.loads, logs.splitlines())
    assert prediction["event"]["id"] == outcome["event"]["id"] == f"2026-11:{digest('customer-17', 'new-secret')}"
    assert prediction["event"]["id"] in hashes
    assert prediction["features"] == {"age": 41, "plan": "gold"}
    for private in ("customer-17", "ada@", "17-b", "+44"):
        assert private not in logs
