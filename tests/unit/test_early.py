"""The first labels of a window, weighed by how many of their class still come."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from driftline.analyzers.early import evened
from driftline.analyzers.measures import ModelView, Task, by_name
from driftline.analyzers.profiles.raw import Rows, binning_of, profile_of

NAMES = ("accuracy", "precision", "recall", "f1", "roc_auc", "base_rate")


def rows(seed, n=4_000, known=(1.0, 1.0)):
    """Predictions of a binary model; of the positives' and of the others' labels, so large a part is known."""
    rng = np.random.default_rng(seed)
    logit = rng.normal(-1, 1.5, n)
    score = 1 / (1 + np.exp(-logit))
    truth = rng.random(n) < score
    there = rng.random(n) < np.where(truth, *known)
    return Rows(
        scores={"yes": score},
        predicted=["yes" if s >= 0.5 else "no" for s in score],
        actual=[("yes" if t else "no") if k else None for t, k in zip(truth, there, strict=True)],
        evaluations={"log_loss": np.where(there, 0.5, np.nan)},
        delay=np.where(there, 1.0, np.nan),
    )


def values(profile):
    """What is measured of a profile, with intervals."""
    view = ModelView(profile, Task.BINARY, "yes", 3_600.0)
    return {name: by_name(name).compute(view, None) for name in NAMES}


def test_weighed_labels_tell_what_all_labels_tell_and_plain_ones_do_not():
    """A quarter of the positives and 90 % of the others are there: on average the weighed values are right."""
    known = (0.25, 0.9)
    binning = binning_of(rows(0, 40_000))
    truth, plain, weighed = [], [], []
    for seed in range(40):
        truth.append({k: e.value for k, e in values(profile_of(rows(seed), binning)).items()})
        early = profile_of(rows(seed, known=known), binning)
        plain.append({k: e.value for k, e in values(early).items()})
        weighed.append({k: e.value for k, e in values(evened(early, "yes", known)).items()})
    for name in NAMES:
        right, naive, mended = (np.mean([row[name] for row in found]) for found in (truth, plain, weighed))
        assert mended == pytest.approx(right, abs=0.01), name
        if name not in ("recall", "roc_auc"):  # which look at one class at a time
            assert abs(naive - right) > 0.03, name


def test_intervals_of_weighed_labels_hold_the_truth():
    """95 % of the time or more: no more is claimed than was seen."""
    known = (0.25, 0.9)
    binning = binning_of(rows(0, 40_000))
    truth = {k: e.value for k, e in values(profile_of(rows(1, 200_000), binning)).items()}
    held = dict.fromkeys(NAMES, 0)
    for seed in range(200):
        found = values(evened(profile_of(rows(seed, 1_000, known), binning), "yes", known))
        for name, estimate in found.items():
            held[name] += estimate.lower <= truth[name] <= estimate.upper
    for name, count in held.items():
        assert count >= 183, (name, count)  # 1 in 200 would be below by chance alone


@settings(max_examples=25)
@given(st.integers(0, 2**32 - 1), st.floats(0.1, 1.0), st.floats(0.1, 1.0))
def test_nothing_is_made_up_and_nothing_is_lost(seed, positive, negative):
    """Labels are at most as many as before, predictions and scores are as many, and the slower class stays whole."""
    known = (positive, negative)
    found = rows(seed, 300, known)
    binning = binning_of(found)
    before = profile_of(found, binning)
    after = evened(before, "yes", known)
    slow = "yes" if positive <= negative else "no"
    for (predicted, actual), count in before.confusion.items():
        left = after.confusion.get((predicted, actual), 0)
        assert left == count if actual == slow else left <= count
    old, new = before.scores["yes"], after.scores["yes"]
    assert np.array_equal(old.counts.sum(axis=1), new.counts.sum(axis=1))
    assert new.sums.sum(axis=1) == pytest.approx(old.sums.sum(axis=1))
    assert np.all(new.counts >= 0)
    assert after.evaluations["log_loss"].count == 0
    assert (after.predictions, after.labelled) == (before.predictions, before.labelled)


def test_classes_that_are_as_quick_stay_as_they_are():
    """Then there is nothing to weigh."""
    found = rows(3, 500, (0.5, 0.5))
    before = profile_of(found, binning_of(found))
    after = evened(before, "yes", (0.5, 0.5))
    assert dict(after.confusion) == dict(before.confusion)
    assert np.array_equal(after.scores["yes"].counts, before.scores["yes"].counts)
