"""A small and lasting loss of quality, on a real cluster: found with the window in which it began."""

from __future__ import annotations

from datetime import timedelta

import numpy as np
import pytest
from synthetic import EPOCH

from driftline.analyzers.windows import iso
from driftline.ingest.events import Outcome, Prediction, Source

HOURS, CHANGED, ROWS = 110, 60, 150
MONITORS = f"""
models:
  - name: m
    task: binary
    positive_class: 'yes'
    window: 1h
    reference: {{start: {iso(EPOCH)}, end: {iso(EPOCH + timedelta(hours=48))}}}
    features: {{}}
    measures: {{log_loss: {{}}, concept_drift: {{}}}}
"""


def events(namespace):
    """Hours of predictions whose scores come to mean somewhat less."""
    source = Source("s", "1", "test", namespace)
    for hour in range(HOURS):
        rng = np.random.default_rng(hour)
        logit = rng.normal(0, 2.0, ROWS)
        truth = rng.random(ROWS) < 1 / (1 + np.exp(-logit * (0.6 if hour >= CHANGED else 1)))
        for row in range(ROWS):
            made = EPOCH + timedelta(hours=hour, seconds=20 * row)
            yield Prediction(
                model="m", task="binary", version="1", id=f"{hour}-{row}", timestamp=made,
                score=float(1 / (1 + np.exp(-logit[row]))), label="yes" if logit[row] > 0 else "no",
            ).to_document(source)  # fmt: skip
            label = "yes" if truth[row] else "no"
            yield Outcome(id=f"{hour}-{row}", label=label, timestamp=made + timedelta(seconds=30)).to_document(source)


def test_a_lasting_change_is_found_and_dated(ship, analyze, metrics, streams):
    """In steps or at once the series says the same; most single hours are no finding."""
    ship(events(streams.namespace))
    analyze(MONITORS)
    found = metrics()

    def metric(name, hour):
        return found[name, None, None, "1h", iso(EPOCH + timedelta(hours=hour))]["metric"]

    assert {metric("concept_drift", hour)["status"] for hour in range(CHANGED)} == {"ok"}
    last = metric("concept_drift", HOURS - 1)
    assert last["status"] in {"warning", "critical"}
    assert (
        abs(
            (np.datetime64(last["since"][:19]) - np.datetime64(EPOCH.replace(tzinfo=None))) / np.timedelta64(1, "h")
            - CHANGED
        )
        <= 6
    )
    assert last["value"] > last["reference_value"]
    assert last["lower"] > last["reference_value"]
    first = next(hour for hour in range(HOURS) if metric("concept_drift", hour)["status"] != "ok")
    assert CHANGED < first < CHANGED + 40
    quiet = sum(metric("log_loss", hour)["status"] == "ok" for hour in range(CHANGED, HOURS))
    assert quiet > (HOURS - CHANGED) / 3
    (again,) = analyze(MONITORS)
    assert again.analysed == 0
    assert (
        pytest.approx(last["value"])
        == metrics()["concept_drift", None, None, "1h", iso(EPOCH + timedelta(hours=HOURS - 1))]["metric"]["value"]
    )
