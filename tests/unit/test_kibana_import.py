"""Saved objects are imported over HTTP: all or none, and what is refused is said, although the answer is 200."""

from __future__ import annotations

import json

import pytest
from pretended_kibana import Server
from serving import serving

from driftline.analyzers import setup
from driftline.analyzers.kibana import Kibana
from driftline.analyzers.setup import Action, SetupError


@pytest.fixture
def server():
    """A Kibana that knows nothing yet."""
    with serving(Server()) as running:
        yield running


def line(kind="tag", identity="t", version="8.0.0", references=()):
    """One saved object."""
    found = {"type": kind, "id": identity, "typeMigrationVersion": version, "references": list(references)}
    return json.dumps(found | {"attributes": {"title": "Named"}}).encode() + b"\n"


def test_ours_are_taken_and_taken_again(server):
    """Each is created once and updated afterwards, with the very content of the file."""
    sent = setup.dashboards()
    first = Kibana(server.url).import_objects(sent)
    assert set(first.values()) == {Action.CREATED}
    assert set(Kibana(server.url).import_objects(sent).values()) == {Action.UPDATED}
    assert [json.loads(text) for text in sent.splitlines()] == list(server.objects.values())
    assert "dashboard/driftline-fleet" in first


def test_a_space_and_a_key_are_used():
    """As with rules: the space is in the address, the key in a header, and without it nothing is taken."""
    with serving(Server(key="secret")) as server:
        Kibana(server.url, "ml team", "secret").import_objects(line())
        assert server.asked == [("POST", "/s/ml%20team/api/saved_objects/_import?overwrite=true")]
        with pytest.raises(SetupError, match=r"Unauthorized \(HTTP 401\)"):
            Kibana(server.url).import_objects(line())
        assert len(server.objects) == 1


def test_what_is_missing_is_named_and_nothing_is_taken(server):
    """Each object that was refused, with its title and what it refers to."""
    gone = {"type": "index-pattern", "id": "gone", "name": "x"}
    content = line() + line("search", "s", references=[gone]) + line("dashboard", "d", references=[gone])
    with pytest.raises(SetupError) as refused:
        Kibana(server.url).import_objects(content)
    said = str(refused.value)
    assert "search/s (Named): missing_references index-pattern/gone; dashboard/d (Named): missing_references" in said
    assert "\n" not in said
    assert server.objects == {}


def test_objects_of_a_newer_kibana_are_refused(server):
    """In Kibana's own words."""
    with pytest.raises(SetupError, match=r"more recent version of Kibana \[99.0.0\].*\(HTTP 400\)"):
        Kibana(server.url).import_objects(line(version="99.0.0"))


@pytest.mark.parametrize("answer", [b"{}", b'{"success": false}', b'{"success": false, "errors": [{"error": null}]}'])
def test_an_answer_that_does_not_say_success_is_none(server, answer):
    """Whatever stands between us and Kibana may say 200."""
    server.failing = (200, answer)
    with pytest.raises(SetupError, match="no reason given"):
        Kibana(server.url).import_objects(line())
