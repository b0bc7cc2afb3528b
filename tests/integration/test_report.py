"""The command report on a real Elasticsearch: what it tells is what was counted; wrong requests are refused."""

from __future__ import annotations

import json
import re
from datetime import timedelta

import numpy as np
import pytest
from click.testing import CliRunner
from synthetic import EPOCH

from driftline.analyzers.report import gather
from driftline.analyzers.windows import Window, iso
from driftline.cli import main
from driftline.ingest.events import Change, Prediction, Source

HOUR = timedelta(hours=1)
QUIET, BROKEN, ROWS = 24, 3, 100
START = EPOCH + QUIET * HOUR
NOW = START + BROKEN * HOUR
MONITORS = f"""
models:
  - name: m
    task: binary
    positive_class: 1
    window: 1h
    reference: {{start: {iso(EPOCH)}, end: {iso(START)}}}
    features: {{amount: numeric, colour: categorical}}
    segments: [region]
    measures: {{missing_rate: {{}}, jensen_shannon: {{}}, prediction_rate: {{}}}}
"""


def predictions():
    """A day that is quiet, and three hours in which four of five amounts are missing."""
    rng = np.random.default_rng(3)
    for number in range((QUIET + BROKEN) * ROWS):
        made = EPOCH + number * HOUR / ROWS
        score = float(rng.uniform())
        features = {"amount": float(rng.normal(50, 10)), "colour": str(rng.choice(["red", "<b>blue</b>"]))}
        if made >= START and number % 5:
            del features["amount"]
        label = "1" if score >= 0.5 else "0"
        yield Prediction(
            model="m", task="binary", version="1", id=f"p{number}", timestamp=made, label=label, score=score,
            features=features, segments={"region": "north" if number % 3 else "south"},
        ).to_document(Source("service"))  # fmt: skip


@pytest.fixture
def found(ship, analyze, cluster, client, streams):
    """The cluster, once that was analysed."""
    deployed = Change(action="model-deployed", message="a new pipeline", model="m", timestamp=START - HOUR / 2)
    ship([*predictions(), deployed.to_document(Source("service"))])
    client.indices.refresh(index=f"{streams.predictions},{streams.changes}")
    analyze(MONITORS, NOW)
    return cluster


def run(cluster, *arguments):
    """The command, in the namespace of the test."""
    return CliRunner().invoke(main, ["report", *map(str, arguments), "--namespace", cluster.streams.namespace])


def test_the_worst_incident_is_told_when_none_is_named(found, tmp_path):
    """What moved is what was counted, the change is there, and the file says all of it."""
    file = tmp_path / "page.html"
    done = run(found, "-o", file)
    assert done.exit_code == 0, done.output
    html = file.read_text(encoding="utf-8")
    worst = gather.worst(found)
    assert worst is not None
    assert worst.title in done.output
    told = gather.incident(found, worst.id, NOW)
    assert told.moved is not None
    amount = told.moved.movers[0]
    assert (amount.name, amount.alarm) == ("amount", True)
    missing = next(one for one in amount.bins if one.name == "missing")
    assert missing.share == pytest.approx(0.8, abs=0.01)
    assert missing.reference_share == 0
    assert told.moved.predictions == BROKEN * ROWS
    assert told.moved.reference == QUIET * ROWS
    assert len(told.lines[0].windows) == QUIET + BROKEN
    assert "a new pipeline" in html
    assert "predictions without features.amount" in html
    assert "&lt;b&gt;blue" in html
    specs = re.findall(r'<script type="application/json"[^>]*>(.*?)</script>', html)
    assert any("missing" in json.dumps(json.loads(spec)) for spec in specs)


def test_what_cannot_be_told_or_written_is_a_clear_line(found, tmp_path):
    """An id of nothing and a model of nothing are wrong requests, 2; a folder that is not there is a failure, 1."""
    file = tmp_path / "page.html"
    unknown = run(found, "--incident", "ffffffff", "-o", file)
    assert unknown.exit_code == 2
    assert unknown.output.startswith("driftline: incident: 'ffffffff' is none")
    other = run(found, "--model", "other", "--since", "2024-01-01", "-o", file)
    assert other.exit_code == 2
    assert other.output.startswith("driftline: model 'other' has no metrics from 2024-01-01")
    assert not file.exists()
    worst = gather.worst(found)
    assert worst is not None
    lost = run(found, "--incident", worst.id[:8], "-o", tmp_path / "nowhere" / "page.html")
    assert lost.exit_code == 1
    assert "No such file or directory" in lost.output
    assert "Traceback" not in lost.output


def test_a_period_is_told_with_its_incidents(found, tmp_path):
    """Its windows are the smallest of which there are not too many; what is outside of it is left out."""
    told = gather.period(found, "m", Window(START, NOW), NOW)
    assert {len(line.windows) for line in told.lines} == {BROKEN}
    assert len(told.incidents) >= 1
    assert told.moved is not None
    assert told.moved.movers[0].name == "amount"
    before = gather.period(found, "m", Window(EPOCH, START), NOW)
    assert before.incidents == []
    assert [change["message"] for change in before.changes] == ["a new pipeline"]
    file = tmp_path / "page.html"
    done = run(found, "--model", "m", "--since", iso(START), "--until", iso(NOW), "-o", file)
    assert done.exit_code == 0, done.output
    assert "<h1>2024-01-02 to 2024-01-02 03:00 UTC</h1>" in file.read_text(encoding="utf-8")


@pytest.mark.usefixtures("client")
def test_none_on_is_said_with_what_to_do(cluster, tmp_path):
    """Exit code 0, no file, and two commands that lead on."""
    done = run(cluster, "-o", tmp_path / "page.html")
    assert done.exit_code == 0, done.output
    assert done.output.startswith("no incident is on")
    assert "driftline alerts list --all" in done.output
    assert not (tmp_path / "page.html").exists()
