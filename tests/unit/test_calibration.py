"""Whether scores mean what they say: against scikit-learn and the definition, and against chance."""

from __future__ import annotations

import dataclasses
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.calibration import calibration_curve
from sklearn.metrics import brier_score_loss

from driftline.analyzers.measures import ModelView, Task, by_name
from driftline.analyzers.measures.calibration import murphy, reliability
from driftline.analyzers.profiles.raw import Rows, binning_of, profile_of


def rows(seed, n, bend=1.0):
    """Scores, and outcomes that come true as often as they say, or more extremely so."""
    rng = np.random.default_rng(seed)
    logit = rng.normal(0, 1.5, n)
    score = 1 / (1 + np.exp(-logit))
    truth = rng.random(n) < 1 / (1 + np.exp(-bend * logit))
    labels = ["yes" if hit else "no" for hit in truth]
    brier = (score - truth) ** 2
    return Rows(scores={"yes": score}, predicted=labels, actual=labels, evaluations={"brier": brier}), truth


BINNING = binning_of(rows(0, 50_000)[0])


def view(found):
    """A window of these rows."""
    return ModelView(profile_of(found, BINNING), Task.BINARY, "yes", 60)


def test_the_reliability_curve_is_that_of_scikit_learn():
    """The same groups, but for the few rows of the bins that lie across their borders."""
    found, truth = rows(1, 20_000, bend=2.0)
    curve = reliability(profile_of(found, BINNING).scores["yes"])
    observed, score = calibration_curve(truth, found.scores["yes"], n_bins=10)
    assert curve.observed == pytest.approx(observed, abs=0.01)
    assert curve.score == pytest.approx(score, abs=0.005)
    assert curve.size == 20_000


def test_the_error_is_its_definition():
    """The mean distance over the groups, by their sizes."""
    found, truth = rows(2, 20_000, bend=2.0)
    score = found.scores["yes"]
    group = np.minimum((10 * score).astype(int), 9)
    expected = sum((group == g).mean() * abs(score[group == g].mean() - truth[group == g].mean()) for g in range(10))
    assert by_name("ece").compute(view(found), None).value == pytest.approx(expected, abs=0.002)


def test_the_parts_make_up_the_brier_score():
    """Reliability less resolution plus uncertainty, and what differs within a group."""
    found, truth = rows(3, 30_000, bend=1.6)
    score = found.scores["yes"]
    curve = reliability(profile_of(found, BINNING).scores["yes"])
    parts = murphy(curve)
    group = np.minimum((10 * score).astype(int), 9)
    within = sum(
        (group == g).mean() * (score[group == g].var() - 2 * np.cov(score[group == g], truth[group == g], ddof=0)[0, 1])
        for g in range(10)
    )
    total = parts[0] - parts[1] + parts[2] + within
    assert total == pytest.approx(brier_score_loss(truth, score), abs=1e-3)
    for position, name in enumerate(("reliability", "resolution", "uncertainty")):
        assert by_name(f"brier_{name}").compute(view(found), None).value == parts[position]


@pytest.mark.parametrize("n", [150, 2_000])
def test_right_scores_are_seldom_called_wrong(n):
    """Sampling alone makes an error; how large is known, and the interval reaches down to zero."""
    found = [by_name("ece").compute(view(rows(100 + seed, n)[0]), None) for seed in range(150)]
    values = np.array([estimate.value for estimate in found])
    assert np.mean([e.expected for e in found]) == pytest.approx(values.mean(), rel=0.12)
    assert np.mean([e.deviation for e in found]) == pytest.approx(values.std(), rel=0.3)
    assert np.mean([e.lower == 0 for e in found]) > 0.85


def test_wrong_scores_are_found():
    """Twice as extreme as they say: beyond the floor, surely so."""
    before = view(rows(4, 20_000)[0])
    estimate = by_name("ece").compute(view(rows(5, 2_000, bend=2.0)[0]), before)
    assert estimate.lower - estimate.reference_value > by_name("ece").warning
    assert estimate.statistic > estimate.expected + 5 * estimate.deviation


def test_a_bias_is_the_mean_score_less_the_base_rate():
    """With the interval of a mean of differences, which holds the truth as often as it says."""
    held = 0
    for seed in range(200):
        found, truth = rows(300 + seed, 400)
        estimate = by_name("calibration_bias").compute(view(found), None)
        assert estimate.value == pytest.approx(found.scores["yes"].mean() - truth.mean())
        held += estimate.lower <= 0 <= estimate.upper
    assert held / 200 >= 0.95 - 3.5 * math.sqrt(0.95 * 0.05 / 200)


@settings(max_examples=40)
@given(st.integers(0, 2**32 - 1), st.integers(1, 300), st.floats(0, 4))
def test_whatever_the_scores_the_parts_are_sound(seed, n, bend):
    """Parts are never negative, resolution never exceeds uncertainty, and unlabelled rows count for nothing."""
    found, _ = rows(seed, n, bend)
    parts = murphy(reliability(profile_of(found, BINNING).scores["yes"]))
    assert min(parts) >= 0
    assert parts[1] <= parts[2] + 1e-12
    estimate = by_name("ece").compute(view(found), None)
    assert 0 <= estimate.lower <= estimate.value <= estimate.upper <= 1
    unlabelled = dataclasses.replace(found, actual=[None] * n)
    assert by_name("ece").compute(view(unlabelled), None).value is None
