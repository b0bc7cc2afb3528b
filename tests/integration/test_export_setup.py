"""`driftline setup` with a monitors.yml: rules go to Kibana, and what the cluster lacks is said."""

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
    assert set(assets.values()) == {"unchanged"}
    assert "rules/driftline-demo-dead-letters" in assets


def test_a_space_and_a_namespace_can_be_chosen(run, kibana):
    """They are in addresses and ids."""
    options = ("--config", DEMO, "--kibana", kibana.url, "--space", "ml", "--namespace", "other")
    assert run(*options, KIBANA_API_KEY="k").exit_code == 0
    assert {space for space, _ in kibana.stored.values()} == {"ml"}
    assert all(identity.startswith("driftline-other-") for _, identity in kibana.stored)


def test_without_a_monitors_file_kibana_is_left_alone(run, kibana):
    """An address in the environment is no wish."""
    assert run(KIBANA_URL=kibana.url).exit_code == 0
    assert kibana.asked == []


@pytest.mark.parametrize(
    ("options", "code", "said"),
    [
        (("--kibana", "http://127.0.0.1:1"), 2, "--config names it"),
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
