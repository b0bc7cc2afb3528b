"""Drift that no single feature shows, on a real cluster."""

from __future__ import annotations

from datetime import timedelta

import numpy as np
import pytest
from synthetic import EPOCH

from driftline.analyzers.windows import iso
from driftline.ingest.events import Prediction, Source

DAYS, CHANGED, ROWS = 16, 14, 600
MONITORS = f"""
models:
  - name: m
    task: binary
    positive_class: 'yes'
    window: 12h
    rollups: [1d]
    reference: {{start: {iso(EPOCH)}, end: {iso(EPOCH + timedelta(days=12))}}}
    measures: {{psi: {{}}, domain_classifier_auc: {{}}}}
    sampling: {{rows: 400, window: 1d}}
"""


def events(namespace):
    """Days in which two features go together until they do not; a third one is a category."""
    source = Source("s", "1", "test", namespace)
    for day in range(DAYS):
        rng = np.random.default_rng(day)
        first, other = rng.normal(size=(2, ROWS))
        second = other if day >= CHANGED else 0.9 * first + 0.45 * other
        for row in range(ROWS):
            yield Prediction(
                model="m", task="binary", version="1", id=f"{day}-{row}",
                timestamp=EPOCH + timedelta(days=day, seconds=140 * row), score=0.3, label="no",
                features={"first": float(first[row]), "second": float(second[row] / (1 if day >= CHANGED else 1.006)),
                          "colour": str(rng.choice(["red", "blue"]))},
            ).to_document(source)  # fmt: skip


def test_features_that_no_longer_go_together_are_found(ship, analyze, metrics, streams):
    """Psi sees nothing; the classifier does, names both, and was calm until then."""
    ship(events(streams.namespace))
    analyze(MONITORS)
    found = metrics()

    def metric(name, day, feature=None):
        return found[name, feature, None, "1d", iso(EPOCH + timedelta(days=day))]["metric"]

    for day in range(CHANGED):
        assert metric("domain_classifier_auc", day)["status"] == "ok", day
    for day in range(CHANGED, DAYS):
        told = metric("domain_classifier_auc", day)
        assert told["status"] in {"warning", "critical"}
        assert told["value"] > 0.7
        assert {part["feature"] for part in told["contributions"][:2]} == {"first", "second"}
        assert told["quiet_windows"] > 3
        assert {metric("psi", day, name)["status"] for name in ("first", "second")} == {"ok"}
    assert ("domain_classifier_auc", None, None, "12h", iso(EPOCH)) not in found
    (again,) = analyze(MONITORS)
    assert again.analysed == 0


def test_measured_again_the_same_rows_are_drawn(ship, analyze, metrics, cluster, streams):
    """Sampling is random, and the same each time."""
    ship(events(streams.namespace))
    analyze(MONITORS)
    before = metrics()
    cluster.client.delete_by_query(index=cluster.streams.profiles, query={"term": {"kind": "window"}}, refresh=True)
    analyze(MONITORS)
    for key, found in metrics().items():
        if key[0] == "domain_classifier_auc":
            assert found["metric"]["revision"] == 0
            assert found["metric"]["value"] == pytest.approx(before[key]["metric"]["value"])
