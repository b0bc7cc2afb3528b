"""The join's arithmetic: which outcome counts, and what it says of the prediction."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn import metrics as sk

from driftline.analyzers.outcomes import evaluate, resolve

MADE = {"@timestamp": "2024-01-01T00:00:00.000Z", "model": {"name": "m", "task": "binary"}}


def report(when: str, label: str) -> dict:
    """An outcome document."""
    return {"@timestamp": when, "outcome": {"label": label}}


REPORTS = [
    report("2024-01-01T06:00:00.000Z", "a"),
    report("2024-01-02T00:00:00.000Z", "b"),
    report("2024-01-02T00:00:00.000Z", "c"),
    report("2024-01-01T06:00:00.000Z", "a"),
]


@pytest.mark.parametrize("order", list(itertools.permutations(range(4))))
def test_the_order_of_arrival_never_matters(order):
    """The last to become known wins, ties go to the greater label, and repeats count once."""
    outcome = resolve(MADE, [REPORTS[index] for index in order])
    assert outcome == {"label": "c", "timestamp": "2024-01-02T00:00:00.000Z", "delay": 86_400.0, "revision": 2}


def test_an_outcome_known_before_its_prediction_has_a_negative_delay():
    """An early outcome is joined like any other."""
    assert resolve(MADE, [report("2023-12-31T23:59:00.000Z", "a")])["delay"] == -60.0


@given(st.floats(0, 1), st.booleans())
def test_binary_losses_are_those_of_scikit_learn(score, hit):
    """Log loss and Brier score of one row, clipped at certainty as scikit-learn clips."""
    prediction = {**MADE, "prediction": {"score": score, "label": "yes"}}
    found = evaluate(prediction, {"label": "yes" if hit else "no"}, "yes")
    assert found["correct"] is hit
    assert found["log_loss"] == pytest.approx(sk.log_loss([hit], [score], labels=[False, True]), rel=1e-9)
    assert found["brier"] == pytest.approx(sk.brier_score_loss([hit], [score]), rel=1e-9, abs=1e-12)


def test_multiclass_losses_are_those_of_scikit_learn():
    """Log loss takes the true class; a class that was given no probability has none."""
    probabilities = {"a": 0.2, "b": 0.5, "c": 0.3}
    prediction = {
        "model": {"name": "m", "task": "multiclass"},
        "prediction": {"label": "b", "probabilities": probabilities},
    }
    found = evaluate(prediction, {"label": "a"}, None)
    assert found["correct"] is False
    assert found["log_loss"] == pytest.approx(sk.log_loss(["a"], [[0.2, 0.5, 0.3]], labels=["a", "b", "c"]))
    assert found["brier"] == pytest.approx(0.8**2 + 0.5**2 + 0.3**2)
    assert evaluate(prediction, {"label": "d"}, None)["brier"] == pytest.approx(0.2**2 + 0.5**2 + 0.3**2 + 1)


def test_regression_errors():
    """Errors are prediction less actual; the percentage error is scikit-learn's, which divides by no zero."""
    prediction = {"model": {"name": "m", "task": "regression"}, "prediction": {"value": 12.0}}
    assert evaluate(prediction, {"value": 10.0}, None) == {
        "error": 2.0,
        "absolute_error": 2.0,
        "squared_error": 4.0,
        "absolute_percentage_error": 0.2,
    }
    zero = evaluate(prediction, {"value": 0.0}, None)["absolute_percentage_error"]
    assert zero == pytest.approx(sk.mean_absolute_percentage_error([0.0], [12.0]))


def test_what_cannot_be_evaluated_is_left_out():
    """No score, no log loss; no positive class, no log loss; a failed prediction has nothing to evaluate."""
    assert evaluate({**MADE, "prediction": {"label": "a"}}, {"label": "a"}, "a") == {"correct": True}
    assert evaluate({**MADE, "prediction": {"score": 0.5}}, {"label": "a"}, None) == {}
    assert evaluate(MADE, {"value": 1.0}, None) == {}
    assert np.isfinite(evaluate({**MADE, "prediction": {"score": 0.0}}, {"label": "a"}, "a")["log_loss"])
