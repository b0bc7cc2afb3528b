"""The demo, on the first days of the year, as a process of its own: killed, run again, and run once more."""

from __future__ import annotations

import json
import os
import shlex
import signal
import subprocess
import sys
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from click.testing import CliRunner
from demo import data, story
from elasticsearch import helpers
from watching import of_rule, of_watch

from driftline.analyzers import monitors
from driftline.analyzers.alerts.export import files
from driftline.cli import main

ROOT = Path(__file__).parents[2]
UNTIL = datetime(2013, 1, 15, tzinfo=UTC)


@pytest.fixture
def demo(elasticsearch_url, namespace, tmp_path):
    """Start the demo in this test's namespace; no process outlives the test."""
    started = []

    def start():
        command = [sys.executable, "-m", "demo", "--until", f"{UNTIL:%Y-%m-%d}", "--namespace", namespace]
        command += ["--report", str(tmp_path / "report.html")]
        environment = os.environ | {"ELASTICSEARCH_URL": elasticsearch_url}
        process = subprocess.Popen(
            command, cwd=ROOT, env=environment, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
        )
        started.append(process)
        return process

    yield start
    for process in started:
        process.kill()
        process.communicate()


@pytest.fixture
def stored(client):
    """The prediction ids in a stream, as often as they are there."""

    def read(stream):
        client.indices.refresh(index=stream, ignore_unavailable=True)
        hits = helpers.scan(client, index=stream, query={"_source": ["event.id"]}, ignore_unavailable=True, size=5_000)
        return sorted(hit["_source"]["event"]["id"] for hit in hits)

    return read


def finish(process):
    """What it printed, once it has ended well."""
    output, _ = process.communicate(timeout=300)
    assert process.returncode == 0, output
    return output


def test_a_killed_demo_run_again_holds_every_event_once(demo, stored, client, streams):
    """SIGKILL in the middle of logging: the next run adds what is missing, once; a third adds nothing."""
    flights = data.between(data.flights(), datetime(2013, 1, 1, tzinfo=UTC), UNTIL)
    predicted, arrived = sorted(flights["id"]), sorted(flights["id"][flights["arrived"].notna()])

    first = demo()
    while not _visible(client, streams.predictions):
        assert first.poll() is None, first.communicate()[0]
        time.sleep(0.02)
    first.send_signal(signal.SIGKILL)
    first.wait()
    assert 0 < len(stored(streams.predictions)) < len(predicted), "it was not killed in the middle"

    told = finish(demo())
    assert stored(streams.predictions) == predicted
    assert stored(streams.outcomes) == arrived
    assert stored(streams.deadletter) == []
    assert f"{len(predicted):,} predictions, {len(arrived):,} outcomes" in told

    metrics = client.count(index=streams.metrics)["count"]
    again = finish(demo())
    assert stored(streams.predictions) == predicted
    assert stored(streams.outcomes) == arrived
    assert client.count(index=streams.metrics)["count"] == metrics
    assert again.split("How good")[1] == told.split("How good")[1]
    _commands_run(streams.namespace)
    _rules_ask(client, streams.namespace)


@pytest.mark.usefixtures("spring")
def test_the_demo_writes_the_page_of_its_gravest_incident(spring_page):
    """One file, that a browser shows."""
    assert "<h1>" in spring_page.read_text(encoding="utf-8")


def test_the_winter_is_silent_and_the_spring_is_incidents_with_evidence(spring):
    """Temperatures rise and recall collapses: each is an incident that names predictions which can be looked up."""
    incidents = _alerts("list", "--all", "--json", namespace=spring.namespace)
    assert incidents
    assert all(found["incident"]["fired"] >= "2013-03-02" for found in incidents)
    whole = [
        _alerts("show", found["event"]["id"], "--json", namespace=spring.namespace)[0]
        for found in incidents
        if found["incident"]["kind"] != "ingest"
    ]
    _told(whole, "wasserstein", "temp", spring.namespace)
    _told(whole, "recall", None, spring.namespace)


def _alerts(*arguments, namespace):
    result = CliRunner().invoke(main, ["alerts", *arguments, "--namespace", namespace])
    assert result.exit_code == 0, result.output
    return [json.loads(line) for line in result.stdout.splitlines()]


def _told(whole, measure, feature, namespace):
    """An incident with an alert of this series has evidence, and its predictions are found."""
    series = [(found, alert["peak"]) for found in whole for alert in found["alerts"]]
    evidence = next(
        found["incident"]["incident"]["evidence"]
        for found, peak in series
        if peak["metric"]["name"] == measure and peak.get("feature", {}).get("name") == feature
    )
    assert {"metrics", "affected", "checked", "exemplars", "ordinary", "links", "commands"} <= evidence.keys()
    for row in (evidence["exemplars"][0], evidence["ordinary"][0]):
        query = f'event.id: "{row["id"]}"'
        result = CliRunner().invoke(main, ["predictions", query, "--json", "--namespace", namespace])
        assert json.loads(result.stdout)["_source"]["event"]["id"] == row["id"]


def _visible(client, stream):
    # A stream that has just been made has no shard to ask yet.
    quietly = client.options(ignore_status=(404, 503), max_retries=0)
    quietly.indices.refresh(index=stream)
    return quietly.count(index=stream).get("count", 0)


def _commands_run(namespace):
    """Each command that the story ends with runs as it stands."""
    for command, _ in story.commands(namespace):
        program, *arguments = shlex.split(command)
        result = CliRunner().invoke(main, arguments)
        assert (program, result.exit_code) == ("driftline", 0), f"{command}: {result.output}"


def _rules_ask(client, namespace):
    """The exported rules and watches find that it is past the last flight, and nothing else."""
    made = files.export(monitors.load(ROOT / "demo" / "monitors.yml", namespace))
    for now, expected in ((UNTIL - timedelta(hours=1), "silent"), (datetime.now(UTC), "stopped")):
        speaking = {identity for identity, rule in made.rules.items() if of_rule(client, rule, now).groups}
        watching = {name for name, watch in made.watches.items() if of_watch(client, name, watch, now)[0].groups}
        assert speaking == watching == {f"driftline-{namespace}-arrival-delay-{expected}"}
