"""Requests and answers of `_bulk`: the short way says what the long way says."""

from __future__ import annotations

import orjson
import pytest
from elasticsearch import OrjsonSerializer
from hypothesis import given
from hypothesis import strategies as st

from driftline.ingest.serializers import Answer, Request

STORED = {"create": {"status": 201}}
ITEMS = st.sampled_from(
    [
        STORED,
        {"create": {"status": 200}},
        {"index": {"status": 201}},
        {"create": {"status": 409, "error": {"type": "version_conflict_engine_exception", "reason": "exists"}}},
        {"create": {"status": 400, "error": {"type": "x", "reason": '{"create":{"status":201}},{"create":'}}},
        {},
    ]
)


@given(st.booleans(), st.lists(ITEMS, max_size=6))
def test_an_answer_is_read_as_its_json_says(errors, items):
    """Whatever is in it, and also when it says that there are no errors while there are."""
    raw = orjson.dumps({"errors": errors, "items": items})
    assert Answer().loads(raw) == orjson.loads(raw)


@pytest.mark.parametrize("raw", [b"{}", b"[]", b'{"errors":false}', b'{"errors": false, "items": []}', b'"text"'])
def test_another_answer_is_read_too(raw):
    """The client asks for more than batches."""
    assert Answer().loads(raw) == orjson.loads(raw)


def test_what_is_stored_is_one_object_for_all():
    """That is what it is for."""
    found = Answer().loads(orjson.dumps({"errors": False, "items": [STORED] * 2_000}))["items"]
    assert len(found) == 2_000
    assert len({id(item) for item in found}) == 1


def test_no_json_fails_as_it_does_in_the_client():
    """The error is one that the client's users know."""
    with pytest.raises(Exception, match="Unable to deserialize") as told:
        Answer().loads(b'{"errors":fal')
    with pytest.raises(type(told.value), match="Unable to deserialize"):
        OrjsonSerializer().loads(b'{"errors":fal')


def test_bytes_are_sent_as_they_are_and_not_copied():
    """All else is written as the client writes it."""
    body = b'{"create":{}}\n{"a":1}\n'
    assert Request().dumps(body) is body
    assert Request().dumps([{"create": {}}, {"a": 1}]) == body
