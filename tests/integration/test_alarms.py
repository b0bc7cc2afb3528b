"""Alarms on a real cluster: windows that wander are quiet, a fault fires and clears, late data takes it back."""

from __future__ import annotations

from datetime import timedelta

import numpy as np
import pytest
from synthetic import EPOCH

from driftline.analyzers.windows import iso
from driftline.ingest.events import Prediction, Source

QUIET, LATER, ROWS = 20, 12, 150
FAULT = range(QUIET + 3, QUIET + 6)
"""Windows in which the feature is off by far more than it wanders."""
MONITORS = f"""
models:
  - name: m
    task: regression
    window: 1h
    reference: {{start: {iso(EPOCH)}, end: {iso(EPOCH + QUIET * timedelta(hours=1))}}}
    features: {{amount: numeric, other: numeric}}
    measures: {{wasserstein: {{}}, mean: {{}}}}
    false_alarms: 2 per week
"""


def documents(namespace, hours, *, fault=FAULT, first=0, suffix=""):
    """Predictions hour by hour; both features wander by half a standard deviation, one breaks for a while."""
    source = Source("s", "1", "test", namespace)
    for hour in hours:
        rng = np.random.default_rng([hour, first])
        amount, other = rng.normal(0, 0.5, 2)
        amount += 6.0 if hour in fault else 0.0
        for row in range(first, first + ROWS):
            yield Prediction(
                model="m",
                task="regression",
                version="1",
                id=f"{hour}-{row}{suffix}",
                timestamp=EPOCH + timedelta(hours=hour, seconds=20 * (row % ROWS)),
                value=float(rng.normal()),
                features={"amount": float(rng.normal(amount, 1)), "other": float(rng.normal(other, 1))},
            ).to_document(source)


def series(found, measure="wasserstein", feature="amount", name="alarm"):
    """One field of a series, window by window."""
    of_it = sorted((key[4], metric) for key, metric in found.items() if key[0] == measure and key[1] == feature)
    return [metric["metric"].get(name) for _, metric in of_it]


@pytest.fixture
def analysed(ship, analyze, metrics, streams):
    """All hours, analysed at once."""
    ship(documents(streams.namespace, range(QUIET + LATER)))
    (summary,) = analyze(MONITORS)
    return summary, metrics()


def test_what_wanders_is_quiet_and_what_breaks_fires(analysed):
    """A window far beyond doubt fires, three calm ones clear; as independent rows most windows would be odd."""
    summary, found = analysed
    assert series(found)[QUIET:] == [None] * 3 + ["firing"] * 5 + [None] * 4
    assert series(found, name="level")[FAULT[0]] == "severe"
    assert summary.incidents == 0  # it is over
    assert series(found, feature="other") == [None] * (QUIET + LATER)
    assert summary.alarms == 1
    independent = series(found, feature="other", name="sampling_p_value")
    assert np.mean(np.array(independent) < 0.01) > 0.5
    assert any(note.startswith("windows of 1h: q < ") for note in summary.notes)


def test_what_is_usual_and_what_is_not_is_told(analysed):
    """A metric says how far quiet windows lie apart, of how many that was learnt, and which level decided."""
    _, found = analysed
    bad = found["wasserstein", "amount", None, "1h", iso(EPOCH + FAULT[0] * timedelta(hours=1))]["metric"]
    assert bad["status"] == "critical"
    assert bad["p_value"] < bad["q_value"] < bad["alpha"] <= 0.05
    assert 0.1 < bad["quiet_deviation"] < 1.5
    assert 5 < bad["quiet_windows"] <= QUIET
    mean = found["mean", "other", None, "1h", iso(EPOCH + FAULT[0] * timedelta(hours=1))]["metric"]
    assert 0.3 < mean["quiet_deviation"] < 0.8
    assert mean["deviation"] < 0.15


def test_hour_by_hour_gives_what_all_at_once_gives(analysed, ship, analyze, cluster, metrics):
    """A scheduler that runs every hour ends with the same alarms."""
    _, found = analysed
    stepwise = MONITORS.replace("name: m", "name: n")
    ship({**d, "model": {**d["model"], "name": "n"}, "event": {**d["event"], "id": f"n{d['event']['id']}"}}
         for d in documents(cluster.streams.namespace, range(QUIET + LATER)))  # fmt: skip
    began = 0
    for hour in range(QUIET, QUIET + LATER + 1):
        (summary,) = analyze(stepwise, EPOCH + timedelta(hours=hour))
        began += summary.alarms
    assert began == 1
    again = metrics("n")
    for name in ("alarm", "status", "level"):
        assert series(again, name=name) == series(found, name=name)


def test_late_data_takes_an_alarm_back(analysed, ship, analyze, metrics, streams):
    """Ten times as many predictions of the broken hours arrive late, and are well: the alarm was none."""
    assert "firing" in series(analysed[1])
    for copy in range(1, 12):
        ship(documents(streams.namespace, FAULT, fault=(), first=copy * ROWS, suffix="late"))
    analyze(MONITORS)
    found = metrics()
    assert "firing" not in series(found)
    assert {metric["metric"]["revision"] for metric in found.values() if metric["metric"]["name"] == "mean"} == {0, 1}
