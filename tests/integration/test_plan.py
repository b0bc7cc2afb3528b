"""`driftline plan`: a replay finds what was found, changes nothing, compares settings, and times a fault."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest
from click.testing import CliRunner
from synthetic import EPOCH

from driftline.analyzers.windows import iso
from driftline.cli import main

from .test_alarms import FAULT, LATER, MONITORS, QUIET, documents


@pytest.fixture
def plan(tmp_path, ship, analyze, streams):
    """Run it on hours that were analysed, one of whose features breaks for a while."""
    ship(documents(streams.namespace, range(QUIET + LATER)))
    analyze(MONITORS)
    (tmp_path / "monitors.yml").write_text(MONITORS)
    (tmp_path / "stricter.yml").write_text(f"{MONITORS}    alarm: {{fire: 10 of 10}}\n")

    def run(*arguments):
        files = ["--config", str(tmp_path / "monitors.yml"), "--namespace", streams.namespace]
        return CliRunner().invoke(main, ["plan", *files, *arguments])

    return run


def alerts(namespace):
    """The incidents that are stored."""
    found = CliRunner().invoke(main, ["alerts", "list", "--all", "--json", "--namespace", namespace])
    return {d["event"]["id"]: d for d in map(json.loads, found.stdout.splitlines())}


def test_a_replay_finds_the_incidents_that_were_found(plan, cluster, streams, client):
    """The same ids, and nothing is written."""
    stored = alerts(streams.namespace)
    indices = [streams.metrics, streams.alerts, streams.profiles]
    before = [client.count(index=index)["count"] for index in indices]
    made = json.loads(plan("--json").stdout)
    assert {incident["event"]["id"] for incident in made["incidents"]} == set(stored)
    assert len(stored) == 1
    assert made["flaps"] == 0
    cluster.refresh(*indices)
    assert [client.count(index=index)["count"] for index in indices] == before


def test_two_settings_side_by_side(plan, tmp_path):
    """One line each; what a rule of ten windows in ten would not have found is missing."""
    result = plan("--against", str(tmp_path / "stricter.yml"))
    assert result.exit_code == 0, result.output
    header, *lines = result.stdout.splitlines()
    rows = [dict(zip(header.split("\t"), line.split("\t"), strict=True)) for line in lines[:2]]
    assert [row["incidents"] for row in rows] == ["1", "1"]
    assert float(rows[1]["hours on"]) > float(rows[0]["hours on"])


def test_a_fault_is_timed(plan):
    """A feature that moves by six standard deviations, from an hour on that was quiet."""
    since = EPOCH + (FAULT[-1] + 4) * timedelta(hours=1)
    result = plan("--inject", f"shift:other=6@{iso(since)}", "--json")
    made = json.loads(result.stdout)
    assert made["injected"][0]["feature"] == "other"
    assert 0 < made["injected"][0]["seconds"] <= 2 * 3_600
    told = plan("--inject", f"shift:other=6@{iso(since)}").stdout
    assert "shift of other by 6 since" in told
    assert ": found, digest: m: " in told
    assert "not found" in plan("--inject", f"shift:other=0.01@{iso(since)}").stdout


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("--inject", "shift:oder=1@2026-01-01"), "got feature 'oder', allowed: amount, other"),
        (("--inject", "melt"), "allowed: shift:FEATURE=SIZE@TIME"),
        (("--against", "missing.yml"), "missing.yml: cannot be read"),
    ],
)
def test_a_wrong_request_is_one_clear_error(plan, arguments, told):
    """Exit code 2, and what is allowed."""
    result = plan(*arguments)
    assert result.exit_code == 2
    assert told in result.stderr
    assert "Traceback" not in result.output
