"""Performance before labels on a real cluster: told at once, judged once outcomes have shown that it can be trusted."""

from __future__ import annotations

from datetime import timedelta

import numpy as np
import pytest
from synthetic import EPOCH

from driftline.analyzers.windows import iso
from driftline.ingest.events import Outcome, Prediction, Source

DAYS, ROWS, LABELLED = 20, 600, 16
MONITORS = f"""
models:
  - name: m
    task: binary
    positive_class: 'yes'
    window: 1d
    reference: {{start: {iso(EPOCH)}, end: {iso(EPOCH + timedelta(days=8))}}}
    features: {{}}
    measures: {{accuracy: {{}}, roc_auc: {{}}, estimated_accuracy: {{}}, estimated_roc_auc: {{}}}}
"""


def events(namespace, *, unsure_from=DAYS, flipped_from=DAYS):
    """Days of predictions; outcomes of the first ones only. Scores may become unsure, or come to mean the opposite."""
    source = Source("s", "1", "test", namespace)
    for day in range(DAYS):
        rng = np.random.default_rng(day)
        logit = rng.normal(0, 0.2 if day >= unsure_from else 2.0, ROWS)
        score = 1 / (1 + np.exp(-0.8 * logit))
        truth = rng.random(ROWS) < 1 / (1 + np.exp(-logit * (-1 if day >= flipped_from else 1)))
        for row in range(ROWS):
            made = EPOCH + timedelta(days=day, seconds=100 * row)
            yield Prediction(
                model="m", task="binary", version="1", id=f"{day}-{row}", timestamp=made, score=float(score[row]),
                label="yes" if score[row] >= 0.5 else "no",
            ).to_document(source)  # fmt: skip
            if day < LABELLED:
                known = made + timedelta(hours=1)
                yield Outcome(id=f"{day}-{row}", label="yes" if truth[row] else "no", timestamp=known).to_document(
                    source
                )


@pytest.fixture
def judged(ship, analyze, metrics, streams):
    """Analyse events; gives one metric of a day."""

    def run(**changes):
        ship(events(streams.namespace, **changes))
        analyze(MONITORS)
        found = metrics()
        return lambda name, day: found[name, None, None, "1d", iso(EPOCH + timedelta(days=day))]["metric"]

    return run


def test_a_loss_of_quality_is_found_before_any_outcome(judged):
    """The scores of the last days are unsure and no outcome is there: the estimate falls, and was good until then."""
    metric = judged(unsure_from=LABELLED + 1)
    for day in range(10, LABELLED):
        estimated, realised = metric("estimated_accuracy", day), metric("accuracy", day)
        assert estimated["value"] == pytest.approx(realised["value"], abs=0.06)
    assert metric("estimated_accuracy", 2)["reason"] == "grade"
    assert metric("estimated_accuracy", LABELLED)["status"] == "ok"
    for day in range(LABELLED + 1, DAYS):
        fallen = metric("estimated_accuracy", day)
        assert (fallen["grade"], fallen["status"]) == ("good", "critical")
        assert fallen["grade_error"] < 0.025
        assert metric("accuracy", day).get("value") is None


def test_an_estimate_that_outcomes_belie_raises_no_alarm(judged):
    """From the tenth day on, scores mean the opposite: that is for the realised measures to say, and they do."""
    metric = judged(flipped_from=10, unsure_from=LABELLED + 1)
    assert metric("accuracy", 14)["status"] == "critical"
    for day in range(LABELLED, DAYS):
        blind = metric("estimated_accuracy", day)
        assert (blind["grade"], blind["status"], blind["reason"]) == ("poor", "insufficient_data", "grade")
