"""Rules, connectors and watches are installed over HTTP: created, updated where they differ, else left alone."""

from __future__ import annotations

import copy
from pathlib import Path

import pytest
from pretended_kibana import Server
from serving import serving

from driftline.analyzers import monitors
from driftline.analyzers.alerts.export import files
from driftline.analyzers.alerts.export.install import install_rules, install_watches
from driftline.analyzers.kibana import Kibana, holds
from driftline.analyzers.settings import ConfigError
from driftline.analyzers.setup import Action, SetupError
from driftline.ingest.client import connect

DEMO = monitors.load(Path(__file__).parents[2] / "demo" / "monitors.yml")
MADE = files.export(DEMO)
RULES, ALL = len(MADE.rules), len(MADE.rules) + len(MADE.connectors)
ONE = "driftline-demo-arrival-delay-critical"


@pytest.fixture
def server():
    """A Kibana that knows nothing yet."""
    with serving(Server()) as running:
        yield running


def changed(**values):
    """The same, with one rule changed."""
    other = copy.deepcopy(MADE)
    other.rules[ONE] |= values
    return other


def test_all_is_created_and_then_left_alone(server):
    """Connectors first, since rules act by them; the second time nothing is written."""
    kibana = Kibana(server.url)
    first = install_rules(kibana, MADE)
    assert list(first) == [*(f"connectors/{i}" for i in MADE.connectors), *(f"rules/{i}" for i in MADE.rules)]
    assert set(first.values()) == {Action.CREATED}
    assert server.writes() == ["POST"] * ALL
    assert set(install_rules(kibana, MADE).values()) == {Action.UNCHANGED}
    assert server.writes() == []


@pytest.mark.parametrize(
    "values",
    [{"name": "another"}, {"tags": ["driftline"]}, {"alert_delay": {"active": 2}}, {"actions": []}],
)
def test_what_differs_is_updated_and_nothing_else(server, values):
    """An update names neither type nor consumer, which Kibana would refuse."""
    kibana = Kibana(server.url)
    install_rules(kibana, changed(**values))
    server.writes()
    actions = install_rules(kibana, MADE)
    assert [name for name, action in actions.items() if action is Action.UPDATED] == [f"rules/{ONE}"]
    assert server.writes() == ["PUT"]
    assert set(install_rules(kibana, MADE).values()) == {Action.UNCHANGED}


def test_another_guide_is_an_update_though_kibana_does_not_show_it(server):
    """The address of the runbooks has moved."""
    kibana = Kibana(server.url)
    moved = files.export(DEMO, "https://wiki.example.org")
    install_rules(kibana, moved)
    actions = install_rules(kibana, MADE)
    assert {action for name, action in actions.items() if name.startswith("rules/")} == {Action.UPDATED}
    assert set(install_rules(kibana, MADE).values()) == {Action.UNCHANGED}


def test_a_connector_that_differs_is_updated(server):
    """Its type cannot be changed, and is not sent."""
    kibana = Kibana(server.url)
    other = copy.deepcopy(MADE)
    other.connectors["driftline-demo-rules"]["config"]["index"] = "elsewhere"
    install_rules(kibana, other)
    assert install_rules(kibana, MADE)["connectors/driftline-demo-rules"] is Action.UPDATED


def test_what_people_set_beside_it_stays(server):
    """A rule that somebody disabled is not switched on again."""
    kibana = Kibana(server.url)
    install_rules(kibana, MADE)
    server.stored["alerting/rule", ONE][1]["enabled"] = False
    assert set(install_rules(kibana, MADE).values()) == {Action.UNCHANGED}
    install_rules(kibana, changed(name="another"))
    assert server.stored["alerting/rule", ONE][1]["enabled"] is False


def test_what_appears_meanwhile_is_updated(server):
    """Two that install at once: the second finds it there when it creates it."""
    kibana = Kibana(server.url)
    install_rules(kibana, MADE)
    server.hidden = 1
    actions = install_rules(kibana, MADE)
    assert actions[f"connectors/{next(iter(MADE.connectors))}"] is Action.UPDATED


def test_spaces_are_kept_apart(server):
    """Each has an address of its own; an id is given once in all of them, and that is said."""
    assert set(install_rules(Kibana(server.url, "ml team"), MADE).values()) == {Action.CREATED}
    assert all(path.startswith("/s/ml%20team/api/") for _, path in server.asked)
    with pytest.raises(SetupError, match=r"has connectors/driftline-demo-rules in another space"):
        install_rules(Kibana(server.url), MADE)


def test_the_key_is_sent_and_never_shown():
    """Without it Kibana refuses, in its own words."""
    with serving(Server(key="secret")) as server:
        kibana = Kibana(server.url, key="secret")
        assert set(install_rules(kibana, MADE).values()) == {Action.CREATED}
        assert "secret" not in repr(kibana)
        with pytest.raises(SetupError, match=r"refuses GET actions/connector/\S+: Unauthorized \(HTTP 401\)"):
            install_rules(Kibana(server.url), MADE)


@pytest.mark.parametrize(
    ("failing", "said"),
    [
        ((503, b'{"message": "not ready yet"}'), r"not ready yet \(HTTP 503\)"),
        ((502, b"<html>"), r"Bad Gateway \(HTTP 502\)"),
        ((200, b"<html>"), "cannot be used"),
        # A key goes nowhere else.
        ((302, b""), r"\(HTTP 302\)"),
    ],
)
def test_failures_are_one_line(server, failing, said):
    """Whatever answers there."""
    server.failing = failing
    with pytest.raises(SetupError, match=said) as caught:
        install_rules(Kibana(server.url, key="secret"), MADE)
    assert "\n" not in str(caught.value)
    assert "secret" not in str(caught.value)


def test_nothing_listens(free_port):
    """The address is named."""
    url = f"http://127.0.0.1:{free_port()}"
    with pytest.raises(SetupError, match=rf"Kibana at {url} cannot be used: .*refused"):
        install_rules(Kibana(url), MADE)


def test_the_address_is_given_or_in_the_environment(monkeypatch):
    """What is given wins; without either there is none."""
    monkeypatch.setenv("KIBANA_URL", "http://environment:5601")
    monkeypatch.setenv("KIBANA_API_KEY", "k")
    assert Kibana.found() == Kibana("http://environment:5601", None, "k")
    assert Kibana.found("https://given/base/", "s") == Kibana("https://given/base", "s", "k")
    monkeypatch.delenv("KIBANA_URL")
    assert Kibana.found() is None


@pytest.mark.parametrize("url", ["kibana", "ftp://kibana", "http://", "http://["])
def test_an_address_that_is_none_is_refused(url):
    """It says what is allowed."""
    with pytest.raises(ConfigError, match="as the address of Kibana, allowed: http://host:port"):
        Kibana.found(url)


@pytest.mark.parametrize(
    ("url", "key"),
    [
        ("https://elastic:secret@kibana", "k"),
        ("elastic:secret@kibana", "k"),
        ("https://kibana", "secret\nx"),
        ("https://kibana", "secret\u00e9"),
    ],
)
def test_secrets_are_not_shown_when_they_are_refused(monkeypatch, url, key):
    """Neither in the address nor in the key."""
    monkeypatch.setenv("KIBANA_API_KEY", key)
    with pytest.raises(ConfigError) as caught:
        Kibana.found(url)
    assert "secret" not in str(caught.value)


def test_a_name_as_long_as_may_be_has_an_id():
    """A namespace of a hundred signs, and a model of a thousand."""
    text = f"namespace: {'n' * 100}\nmodels: [{{name: {'m' * 1_000}, task: regression, window: 1h}}]"
    assert len(files.export(monitors.parse(text)).rules) == RULES


def test_watches_are_created_updated_and_left_alone(server):
    """Elasticsearch fills in defaults, so a digest tells whether it is the same."""
    with connect(server.url, max_retries=0) as client:
        assert set(install_watches(client, MADE).values()) == {Action.CREATED}
        assert set(server.watches) == set(MADE.watches)
        assert set(install_watches(client, MADE).values()) == {Action.UNCHANGED}
        assert server.writes() == ["PUT"] * RULES
        other = copy.deepcopy(MADE)
        other.watches[ONE]["throttle_period"] = "2h"
        actions = install_watches(client, other)
        assert [name for name, action in actions.items() if action is Action.UPDATED] == [f"watches/{ONE}"]


@pytest.mark.parametrize(
    ("stored", "wanted", "same"),
    [
        ({"a": 1, "b": 2}, {"a": 1}, True),
        ({"a": 1}, {"a": 1, "b": None}, False),
        ({"a": [{"b": 1, "c": 2}]}, {"a": [{"b": 1}]}, True),
        ({"a": [1, 2]}, {"a": [1]}, False),
        ({"a": None}, {"a": {}}, False),
        ([1], {"a": 1}, False),
        ("x", ["x"], False),
    ],
)
def test_what_a_server_adds_is_no_difference(stored, wanted, same):
    """In objects; a list with more in it is another one."""
    assert holds(stored, wanted) is same
