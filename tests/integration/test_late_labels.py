"""Labels that come days later, on a real cluster: verdicts wait or weigh, and what was said early is made good."""

from __future__ import annotations

from datetime import timedelta

import numpy as np
import pytest
from synthetic import EPOCH

from driftline.analyzers.windows import iso
from driftline.ingest.events import Outcome, Prediction, Source

DAY = timedelta(days=1)
ROWS, HISTORY, DAYS = 800, 16, 18
LATE = "labels: {maturity: 0.9}"
MONITORS = f"""
models:
  - name: m
    task: binary
    positive_class: 'yes'
    window: 1d
    reference: {{start: {iso(EPOCH)}, end: {iso(EPOCH + 8 * DAY)}}}
    features: {{}}
    measures: {{accuracy: {{}}, log_loss: {{}}, base_rate: {{}}, label_coverage: {{}}, prediction_rate: {{}}}}
    {LATE}
"""


def day(number, namespace, *, odd=None, coverage=0.9):
    """A day of predictions of a model that is right in nine of ten, and their outcomes.

    Of the positives a fifth are known within a day, the rest after six days; the others within hours. `odd` says of
    which outcomes the model was wrong: of `all`, or of the positives that were known `early`.
    """
    rng = np.random.default_rng(number)
    source = Source("s", "1", "test", namespace)
    for row in range(ROWS):
        made = EPOCH + number * DAY + timedelta(seconds=100 * row)
        positive = rng.random() < 0.4
        right = rng.random() < 0.9
        slow = rng.random() < (0.8 if positive else 0.0)
        if odd == "all" or (odd == "early" and positive and not slow):
            right = rng.random() < 0.3
        label = "yes" if positive is right else "no"
        score = rng.uniform(0.55, 0.95) if label == "yes" else rng.uniform(0.05, 0.45)
        yield Prediction(
            model="m", task="binary", version="1", id=f"{number}-{row}", timestamp=made, score=score, label=label
        ).to_document(source)
        known = made + (rng.uniform(5.5, 6.0) * DAY if slow else rng.uniform(0.01, 0.2) * DAY)
        if rng.random() < coverage:
            yield Outcome(id=f"{number}-{row}", label="yes" if positive else "no", timestamp=known).to_document(source)


@pytest.fixture
def world(ship, analyze, metrics, streams):
    """Days come, and so do labels; analysed at the end of days."""
    waiting = []

    def until(now, text=MONITORS, **odd):
        for number in range(DAYS):
            if number not in shipped and EPOCH + (number + 1) * DAY <= now:
                waiting.extend(day(number, streams.namespace, **odd.get(f"day{number}", {})))
                shipped.add(number)
        there = [document for document in waiting if document["@timestamp"] <= iso(now)]
        waiting[:] = [document for document in waiting if document["@timestamp"] > iso(now)]
        ship(there)
        (summary,) = analyze(text, now=now)
        found = metrics()
        return summary, lambda name, number: found[name, None, None, "1d", iso(EPOCH + number * DAY)]["metric"]

    shipped: set[int] = set()
    return until


def test_verdicts_wait_until_labels_are_there(world):
    """The first labels look nothing like all of them, and nobody is called; with the rest comes the verdict."""
    summary, metric = world(EPOCH + (HISTORY + 1) * DAY)
    for name in ("accuracy", "base_rate", "log_loss", "label_coverage"):
        told = metric(name, HISTORY)
        assert (told["status"], told["reason"], told["labels"]) == ("insufficient_data", "labels", "early"), name
        assert metric(name, 2)["status"] == "ok", name
    assert metric("base_rate", HISTORY)["value"] < 0.2
    assert metric("label_coverage", HISTORY)["label_maturity"] == pytest.approx(0.61, abs=0.05)
    assert metric("prediction_rate", HISTORY)["status"] == "ok"
    assert any("wait for labels; 90% of the predictions get one" in note for note in summary.notes), summary.notes
    _, later = world(EPOCH + (HISTORY + 8) * DAY)
    ripe = later("base_rate", HISTORY)
    assert (ripe["status"], ripe["labels"]) == ("ok", "complete")
    assert ripe["value"] == pytest.approx(0.4, abs=0.08)
    assert ripe["revision"] >= 1
    assert ripe["initial_value"] < 0.2
    assert later("label_coverage", HISTORY)["status"] == "ok"


def test_time_alone_ripens_a_window(world):
    """Labels that do not come at all: as soon as they are no longer waited for, their lack is told, and told once."""
    lost = {f"day{HISTORY}": {"coverage": 0.3}}
    _, early = world(EPOCH + (HISTORY + 2) * DAY, **lost)
    assert early("label_coverage", HISTORY)["reason"] == "labels"
    _, told = world(EPOCH + (HISTORY + 8) * DAY)
    assert told("label_coverage", HISTORY)["status"] == "critical"
    assert told("label_coverage", HISTORY)["labels"] == "complete"
    world(EPOCH + (HISTORY + 10) * DAY)
    again, _ = world(EPOCH + (HISTORY + 11) * DAY)
    assert again.analysed == 0


def test_early_labels_that_are_weighed_are_judged_at_once_and_confirmed_or_retracted(world):
    """Quiet days are quiet at once; a bad day stays bad; one whose first labels alone were bad is taken back."""
    weigh = MONITORS.replace(LATE, "labels: {early: weigh}")
    odd = {f"day{HISTORY}": {"odd": "all"}, f"day{HISTORY + 1}": {"odd": "early"}}
    _, quiet = world(EPOCH + HISTORY * DAY, weigh)
    rates = [quiet("base_rate", number) for number in range(HISTORY - 5, HISTORY)]
    assert {(rate["status"], rate["labels"], rate["weighed"]) for rate in rates} == {("ok", "early", True)}
    assert np.mean([rate["value"] for rate in rates]) == pytest.approx(0.4, abs=0.04)
    assert quiet("log_loss", HISTORY - 1)["reason"] == "labels"
    _, early = world(EPOCH + (HISTORY + 2) * DAY, weigh, **odd)
    for number in (HISTORY, HISTORY + 1):
        assert (early("accuracy", number)["status"], early("accuracy", number)["weighed"]) == ("critical", True)
    _, late = world(EPOCH + (HISTORY + 10) * DAY, weigh)
    confirmed, retracted = late("accuracy", HISTORY), late("accuracy", HISTORY + 1)
    assert (confirmed["status"], confirmed["early_status"], confirmed["early_verdict"]) == (
        "critical", "critical", "confirmed",
    )  # fmt: skip
    assert (retracted["status"], retracted["early_status"], retracted["early_verdict"]) == (
        "ok", "critical", "retracted",
    )  # fmt: skip
    assert "weighed" not in retracted
    assert "early_verdict" not in late("accuracy", HISTORY - 1)
