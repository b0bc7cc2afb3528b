"""Estimates of performance are graded by what came true, and only good ones are judged."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from driftline.analyzers.grades import FEWEST, LAST, Book, Grade, Pair, grade
from driftline.analyzers.judge import default_threshold, judge
from driftline.analyzers.measures import Estimate, Measurement, Reason, Status, by_name

THRESHOLDS = {"estimated_accuracy": default_threshold(by_name("estimated_accuracy"))}


def window(estimated, realised, size=500):
    """The measurements of a window."""
    return [
        Measurement("estimated_accuracy", Estimate(estimated, estimated - 0.02, estimated + 0.02, sample_size=1_000)),
        Measurement("accuracy", Estimate(realised, sample_size=size)),
        Measurement("accuracy", Estimate(0.0, sample_size=size), segment=("region", "north")),
    ]


@pytest.mark.parametrize(
    ("offs", "expected"),
    [
        ([0.01] * 5, Grade.GOOD),
        ([0.01] * 4, Grade.UNKNOWN),
        ([], Grade.UNKNOWN),
        ([0.024] * 10, Grade.FAIR),  # near enough, and never in the stated interval
        ([0.04] * 10, Grade.FAIR),
        ([0.06] * 10, Grade.POOR),
        ([0.0] * 8 + [0.03] * 2, Grade.GOOD),
    ],
)
def test_a_grade_is_of_the_error_against_the_floor(offs, expected):
    """Accuracy is worth a warning when it falls by 0.05: half of that is good, all of it fair."""
    found = grade((Pair(0.8, 0.78, 0.82, 0.8 - off) for off in offs), 0.05)
    assert found.grade is expected
    assert found.windows == len(offs)
    assert found.error == (pytest.approx(np.mean(offs)) if offs else None)


def test_only_windows_with_outcomes_count_and_old_ones_are_forgotten():
    """Estimates that were poor long ago are good now, and whole windows count alone."""
    book = Book()
    for _ in range(10):
        book.add(window(0.8, 0.6), maturity=0.95)
        book.add(window(0.8, 0.8), maturity=0.5)
        book.add(window(0.8, 0.8, size=3), maturity=0.95)
        book.add([Measurement("accuracy", Estimate(0.8, sample_size=900))], maturity=1.0)
    assert book.grades(THRESHOLDS)["estimated_accuracy"].grade is Grade.POOR
    assert book.grades(THRESHOLDS)["estimated_accuracy"].windows == 10
    for _ in range(LAST):
        book.add(window(0.8, 0.8), maturity=0.95)
    assert book.grades(THRESHOLDS)["estimated_accuracy"].grade is Grade.GOOD
    assert book.grades({}) == {}


def test_an_estimate_without_a_good_grade_is_told_and_not_judged():
    """However bad it looks; and it takes no part in the tests of the window."""
    fallen = Measurement("estimated_accuracy", Estimate(0.5, 0.48, 0.52, 1e-9, 0.9, 1_000, 1_000))
    (judged,) = judge([fallen], THRESHOLDS, 0.05)
    assert judged.status is Status.CRITICAL
    (told,) = judge([fallen], THRESHOLDS, 0.05, withheld={"estimated_accuracy": Reason.GRADE})
    assert (told.status, told.reason, told.q_value) == (Status.INSUFFICIENT, Reason.GRADE, None)


@given(st.lists(st.tuples(st.floats(0, 1), st.floats(0, 0.2), st.floats(0, 1)), max_size=40), st.floats(0.01, 0.2))
def test_a_larger_floor_never_makes_a_grade_worse(rows, floor):
    """Whatever was estimated and realised."""
    order = [Grade.POOR, Grade.FAIR, Grade.GOOD]
    pairs = [Pair(value, value - half, value + half, realised) for value, half, realised in rows]
    strict, lax = grade(pairs, floor), grade(pairs, 2 * floor)
    if len(rows) < FEWEST:
        assert strict.grade is lax.grade is Grade.UNKNOWN
    else:
        assert order.index(strict.grade) <= order.index(lax.grade)


def test_stored_metrics_tell_the_same():
    """What was written in earlier runs is read back into the same grade."""
    stored = []
    for hour in range(8):
        for found in window(0.8, 0.79)[:2]:
            metric = {"name": found.measure, "value": found.estimate.value, "sample_size": found.estimate.sample_size}
            if found.estimate.lower is not None:
                metric |= {"lower": found.estimate.lower, "upper": found.estimate.upper}
            start = f"2024-01-01T0{hour}:00:00.000Z"
            stored.append({"model": {"version": "1"}, "window": {"start": start}, "metric": metric})
    again = Book()
    for _ in range(8):
        again.add(window(0.8, 0.79), maturity=1.0)
    assert Book.of(reversed(stored)).grades(THRESHOLDS) == again.grades(THRESHOLDS)
