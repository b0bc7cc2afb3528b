"""`driftline setup`: dashboards go to Kibana, with a monitors.yml rules too, and what the cluster lacks is said."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner
from pretended_kibana import Server
from serving import serving

from driftline.analyzers.commands import setup

DEMO = str(Path(__file__).parents[2] / "demo" / "monitors.yml")


@pytest.fixture
def kibana():
    """A Kibana that asks for a key."""
    with serving(Server(key="k")) as running:
        yield running


@pytest.fixture
def run(client, elasticsearch_url):
    """Run the command on a cluster that is set up already."""
    del client

    def invoke(*arguments, **environment):
        return CliRunner().invoke(setup, [*arguments, "--url", elasticsearch_url], env=environment)

    return invoke


def test_rules_are_installed_once(run, kibana):
    """Created at first, unchanged then; Watcher is not in every cluster, and that is said."""
    first = run("--config", DEMO, "--kibana", kibana.url, KIBANA_API_KEY="k")
    assert first.exit_code == 0, first.output
    assert "created    rules/driftline-demo-arrival-delay-incident-page\n" in first.output
    assert "created    connectors/driftline-demo-rules\n" in first.output
    assert "lacking    watcher:" in first.output
    second = run("--config", DEMO, "--json", KIBANA_URL=kibana.url, KIBANA_API_KEY="k")
    assets = json.loads(second.output)["assets"]
    dashboards = {name: action for name, action in assets.items() if name.startswith("dashboard/")}
    assert set(dashboards.values()) == {"updated"}
    assert {action for name, action in assets.items() if name.startswith(("rules/", "connectors/"))} == {"unchanged"}
    assert "rules/driftline-demo-dead-letters" in assets


def test_a_space_and_a_namespace_can_be_chosen(run, kibana):
    """They are in addresses and ids."""
    options = ("--config", DEMO, "--kibana", kibana.url, "--space", "ml", "--namespace", "other")
    assert run(*options, KIBANA_API_KEY="k").exit_code == 0
    assert {space for space, _ in kibana.stored.values()} == {"ml"} == {space for space, _, _ in kibana.objects}
    assert all(identity.startswith("driftline-other-") for _, identity in kibana.stored)


@pytest.mark.parametrize("given", ["option", "environment"])
def test_without_a_monitors_file_kibana_gets_the_dashboards_alone(run, kibana, given):
    """Named by the option or in the environment; rules need the models."""
    options = ("--kibana", kibana.url) if given == "option" else ()
    done = run(*options, KIBANA_API_KEY="k", **({"KIBANA_URL": kibana.url} if given == "environment" else {}))
    assert done.exit_code == 0, done.output
    assert "created    dashboard/driftline-fleet\n" in done.output
    assert len([kind for _, kind, _ in kibana.objects if kind == "dashboard"]) == 6
    assert not kibana.stored


def test_a_kibana_that_refuses_an_object_is_quoted(run, kibana, monkeypatch):
    """It answers 200, and yet took nothing."""
    wrong = b'{"type":"search","id":"s","attributes":{"title":"S"},"references":[{"type":"index-pattern","id":"gone"}]}'
    monkeypatch.setattr("driftline.analyzers.setup.dashboards", lambda: wrong)
    done = run("--kibana", kibana.url, KIBANA_API_KEY="k")
    assert done.exit_code == 1
    assert "Kibana refuses saved objects: search/s (S): missing_references index-pattern/gone" in done.output


@pytest.mark.parametrize(
    ("options", "code", "said"),
    [
        (("--namespace", "other"), 2, "--config names it"),
        (("--space", "ml"), 2, "--kibana or $KIBANA_URL names it"),
        (("--kibana", "http://127.0.0.1:1"), 1, "Kibana at http://127.0.0.1:1 cannot be used"),
        (("--config", "none.yml", "--kibana", "http://127.0.0.1:1"), 2, "none.yml: cannot be read"),
        (("--config", DEMO, "--kibana", "kibana"), 2, "got 'kibana' as the address of Kibana"),
        (("--config", DEMO, "--kibana", "http://127.0.0.1:1"), 1, "Kibana at http://127.0.0.1:1 cannot be used"),
    ],
)
def test_what_is_wrong_is_said(run, options, code, said):
    """One line, and the exit code of a wrong request or of a server that fails."""
    result = run(*options)
    assert result.exit_code == code
    assert said in result.output
    assert "Traceback" not in result.output


def test_a_kibana_that_refuses_is_quoted(run, kibana):
    """Without the key."""
    result = run("--config", DEMO, "--kibana", kibana.url, KIBANA_API_KEY="")
    assert result.exit_code == 1
    assert "Unauthorized (HTTP 401)" in result.output
