"""Performance before labels: against rows in memory, against what came true, and against itself."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import metrics as sk
from sklearn.isotonic import IsotonicRegression

from driftline.analyzers.measures import ModelView, Task, by_name
from driftline.analyzers.measures.estimation import REALISED, calibrate
from driftline.analyzers.profiles.profile import Profile
from driftline.analyzers.profiles.raw import Rows, binning_of, profile_of

NAMES = list(REALISED)
SKLEARN = {
    "estimated_accuracy": sk.accuracy_score,
    "estimated_precision": sk.precision_score,
    "estimated_recall": sk.recall_score,
    "estimated_f1": sk.f1_score,
}


def rows(seed, n, *, centre=-0.4, spread=1.3, truth=lambda logit: logit, labelled=True):
    """Predictions of a model whose scores are not calibrated: the truth is steeper than it says."""
    rng = np.random.default_rng(seed)
    logit = rng.normal(centre, spread, n)
    score = 1 / (1 + np.exp(-0.7 * logit))
    actual = rng.random(n) < 1 / (1 + np.exp(-1.3 * truth(logit)))
    known = [("yes" if hit else "no") if labelled else None for hit in actual]
    predicted = ["yes" if s >= 0.5 else "no" for s in score]
    return Rows(scores={"yes": score}, predicted=predicted, actual=known, delay=np.ones(n)), actual


REFERENCE = rows(1, 20_000)[0]
BINNING = binning_of(REFERENCE)
BEFORE = ModelView(profile_of(REFERENCE, BINNING), Task.BINARY, "yes", 86_400)


def view(found: Rows) -> ModelView:
    """A window of these rows."""
    return ModelView(profile_of(found, BINNING), Task.BINARY, "yes", 3_600)


def raw(found: Rows) -> dict[str, float]:
    """The same estimate straight from the rows, with scikit-learn's isotonic regression."""
    before = REFERENCE.scores["yes"]
    truth = np.array([label == "yes" for label in REFERENCE.actual])
    isotonic = IsotonicRegression(out_of_bounds="clip").fit(before, truth)
    score = found.scores["yes"]
    p, positive = isotonic.predict(score), score >= 0.5
    tp, fp = p[positive].sum(), (1 - p[positive]).sum()
    fn, tn = p[~positive].sum(), (1 - p[~positive]).sum()
    twice = np.concatenate([score, score])
    labels = np.concatenate([np.ones(len(score)), np.zeros(len(score))])
    return {
        "estimated_accuracy": (tp + tn) / len(score),
        "estimated_precision": tp / (tp + fp),
        "estimated_recall": tp / (tp + fn),
        "estimated_f1": 2 * tp / (2 * tp + fp + fn),
        "estimated_specificity": tn / (tn + fp),
        "estimated_roc_auc": sk.roc_auc_score(labels, twice, sample_weight=np.concatenate([p, 1 - p])),
    }


@pytest.mark.parametrize("centre", [-0.4, 0.5, -1.5])
@pytest.mark.parametrize("name", NAMES)
def test_histograms_tell_what_rows_tell(name, centre):
    """From stored counts or from raw scores: the same estimate within 0.002."""
    found = rows(7, 30_000, centre=centre, labelled=False)[0]
    estimate = by_name(name).compute(view(found), BEFORE)
    assert estimate.value == pytest.approx(raw(found)[name], abs=0.002)


@pytest.mark.parametrize("name", NAMES)
def test_the_stated_interval_holds_what_comes_true(name):
    """Inputs shift, the truth stays: the realised value lies in the interval about as often as it says."""
    held = 0
    runs = 200
    for seed in range(runs):
        window, _ = rows(100 + seed, 1_500, centre=0.3)
        reference = rows(5_000 + seed, 4_000)[0]
        before = ModelView(profile_of(reference, BINNING), Task.BINARY, "yes", 86_400)
        estimate = by_name(name).compute(view(window), before)
        realised = by_name(REALISED[name]).compute(view(window), None).value
        held += estimate.lower <= realised <= estimate.upper
    error = math.sqrt(0.95 * 0.05 / runs)
    assert 0.95 - 3 * error <= held / runs <= 1


def test_an_estimate_cannot_see_that_outcomes_have_changed():
    """Same inputs, other outcomes: the estimate stays, what comes true does not."""
    window, _ = rows(9, 20_000, truth=lambda logit: -logit)
    estimate = by_name("estimated_roc_auc").compute(view(window), BEFORE)
    realised = by_name("roc_auc").compute(view(window), None)
    assert estimate.value > 0.8
    assert realised.value < 0.2


def test_a_shift_of_the_inputs_is_tested_against_the_reference():
    """Scores that leave nothing to be sure of: accuracy is expected to fall, and significantly so."""
    unsure = by_name("estimated_accuracy").compute(view(rows(11, 5_000, centre=0.0, spread=0.3)[0]), BEFORE)
    assert unsure.upper < unsure.reference_value
    assert unsure.p_value < 1e-6
    same = by_name("estimated_accuracy").compute(view(rows(12, 5_000)[0]), BEFORE)
    assert same.p_value > 0.001


def test_without_enough_outcomes_in_the_reference_there_is_no_estimate():
    """Calibration needs both classes."""
    few = profile_of(rows(13, 40)[0], BINNING)
    assert calibrate(few.scores["yes"]) is None
    nothing = ModelView(Profile.empty(BINNING), Task.BINARY, "yes", 1)
    for name in NAMES:
        for before in (ModelView(few, Task.BINARY, "yes", 1), None):
            assert by_name(name).compute(view(rows(14, 200)[0]), before).value is None
        assert by_name(name).compute(nothing, BEFORE).value is None


@settings(max_examples=40)
@given(st.integers(0, 2**32 - 1), st.integers(1, 400), st.floats(-4, 4))
def test_estimates_are_shares_and_the_matrix_adds_up(seed, n, centre):
    """Whatever the scores: values from 0 to 1 within their interval, and four cells that make up all predictions."""
    window = view(rows(seed, n, centre=centre, labelled=False)[0])
    for name in NAMES:
        estimate = by_name(name).compute(window, BEFORE)
        if estimate.lower is not None:
            assert 0 <= estimate.lower <= estimate.value <= estimate.upper <= 1
    cells = [by_name(f"estimated_{cell}").compute(window, BEFORE).value for cell in ("tp", "fp", "fn", "tn")]
    assert sum(cells) == pytest.approx(1)
    accuracy = by_name("estimated_accuracy").compute(window, BEFORE).value
    assert accuracy == pytest.approx(cells[0] + cells[3])


def test_several_classes_are_estimated_one_against_the_rest():
    """Calibrated probabilities of three classes: accuracy and the mean of the areas as they come true."""
    rng = np.random.default_rng(15)
    classes = ("cat", "dog", "eel")

    def drawn(n, sharpness):
        probabilities = rng.dirichlet(sharpness * np.array([2.0, 1.5, 1.0]), n)
        actual = [classes[rng.choice(3, p=p)] for p in probabilities]
        return Rows(
            scores={name: probabilities[:, i] for i, name in enumerate(classes)},
            predicted=[classes[i] for i in probabilities.argmax(axis=1)],
            actual=actual,
        )

    reference, window = drawn(15_000, 1.0), drawn(8_000, 2.5)
    binning = binning_of(reference)
    before, now = (ModelView(profile_of(r, binning), Task.MULTICLASS, None, 1) for r in (reference, window))
    for name, tolerance in (("accuracy", 0.015), ("recall", 0.02), ("precision", 0.02), ("roc_auc", 0.01)):
        estimate = by_name(f"estimated_{name}").compute(now, before)
        realised = by_name(name).compute(now, None)
        assert estimate.value == pytest.approx(realised.value, abs=tolerance), name
        assert abs(estimate.value - estimate.reference_value) > 2 * tolerance, name
