"""A classifier tells rows that have changed from those that have not, and finds nothing where nothing has."""

from __future__ import annotations

import numpy as np
import pytest

from driftline.analyzers.measures.joint import FEWEST, Rows, domain_classifier


def rows(seed, n=400, correlation=0.0, shift=0.0, odd=0.0):
    """Two numbers that may go together, two that do not, and a category; some are missing."""
    rng = np.random.default_rng(seed)
    values = rng.normal(size=(n, 5))
    values[:, 1] = correlation * values[:, 0] + np.sqrt(1 - correlation**2) * values[:, 1]
    values[:, 2] += shift
    values[:, 4] = np.where(rng.random(n) < odd, 3, rng.integers(0, 3, n))
    values[rng.random((n, 5)) < 0.05] = np.nan
    return Rows(("a", "b", "c", "d", "kind"), values, np.array([False] * 4 + [True]))


def test_features_that_no_longer_go_together_are_found_though_each_looks_as_ever():
    """The correlation of two of them changes, and they are named."""
    estimate, used = domain_classifier(rows(0, 1_000), rows(1, 1_000, correlation=0.8))
    assert estimate.lower > 0.6
    assert estimate.p_value < 1e-6
    assert {part.feature for part in used[:2]} == {"a", "b"}
    for column in range(2):
        sides = [np.nan_to_num(rows(*draw).values[:, column]) for draw in ((0, 1_000), (1, 1_000, 0.8))]
        assert abs(sides[0].mean() - sides[1].mean()) < 0.1


@pytest.mark.parametrize(("changes", "expected"), [({"shift": 1.0}, "c"), ({"odd": 0.3}, "kind")])
def test_what_single_features_show_is_found_too(changes, expected):
    """A number that moved, and a new category, each named first, with nearly all of what was found."""
    estimate, used = domain_classifier(rows(2, 1_000), rows(3, 1_000, **changes))
    assert estimate.lower > 0.55
    assert used[0].feature == expected
    assert used[0].share > 0.8


def test_equal_samples_are_not_found_apart():
    """Simulated 60 times: the area is one half on average, and at most one in ten tests is below 5 %."""
    found = [domain_classifier(rows(2 * k, 200), rows(2 * k + 1, 200))[0] for k in range(60)]
    assert np.mean([estimate.value for estimate in found]) == pytest.approx(0.5, abs=0.02)
    assert sum(estimate.p_value < 0.05 for estimate in found) <= 6
    scatter = np.std([estimate.statistic for estimate in found])
    assert 0.7 < scatter / found[0].deviation < 1.2


def test_the_same_samples_give_the_same_answer():
    """There is no other source of chance than the samples."""
    assert domain_classifier(rows(4, 200), rows(5, 200)) == domain_classifier(rows(4, 200), rows(5, 200))


def test_too_few_rows_or_no_features_give_no_answer():
    """Nothing is told of them."""
    few = rows(6, FEWEST - 1)
    estimate, used = domain_classifier(rows(7), few)
    assert (estimate.value, estimate.sample_size, used) == (None, FEWEST - 1, ())
    bare = Rows((), np.zeros((400, 0)), np.zeros(0, bool))
    assert domain_classifier(bare, bare)[0].value is None


def test_constant_and_missing_features_do_no_harm():
    """A feature that is never there, and one that never changes."""
    sides = []
    for seed in (8, 9):
        side = rows(seed)
        side.values[:, 0], side.values[:, 1] = np.nan, 1.0
        sides.append(side)
    estimate, _ = domain_classifier(*sides)
    assert estimate.lower <= estimate.value <= estimate.upper
