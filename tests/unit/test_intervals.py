"""Intervals hold the truth about as often as they say, at small and large sizes."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import special, stats
from sklearn.metrics import average_precision_score

from driftline.analyzers.measures import Distribution, MomentArrays, by_name, classification, intervals
from driftline.analyzers.measures.service import _range, quantile
from driftline.analyzers.profiles.binning import DURATION_EDGES

DRAWS = 1_500
MARGIN = 3.5 * math.sqrt(0.95 * 0.05 / DRAWS)


def shares(shift, bins):
    """A shifted normal distribution over bins of equal share."""
    edges = special.ndtri(np.arange(1, bins) / bins)
    return np.diff(special.ndtr(edges - shift), prepend=0.0, append=1.0)


def counted(counts, numeric):
    """Counts as a distribution."""
    nothing = np.zeros(len(counts), np.int64)
    if not numeric:
        return Distribution(counts, nothing, nothing)
    edges = special.ndtri(np.arange(1, counts.shape[1]) / counts.shape[1])
    knots = np.concatenate([[-4.0], edges, [4.0]])
    middles = (knots[1:] + knots[:-1]) / 2
    size = counts.sum(axis=1).astype(float)
    moments = MomentArrays(size, counts @ middles, counts @ middles**2, 0 * size - 4, 0 * size + 4)
    return Distribution(counts, nothing, nothing, counts, edges, moments)


@pytest.mark.parametrize("n", [50, 500, 5_000])
@pytest.mark.parametrize(
    "name", ["psi", "jensen_shannon", "hellinger", "total_variation", "l_infinity", "ks", "wasserstein"]
)
def test_intervals_of_distances_hold_the_truth(name, n):
    """A shift of 0.4 standard deviations, against the distance of the two true distributions."""
    numeric = name in ("ks", "wasserstein")
    p, q = (shares(shift, 64 if numeric else 10) for shift in (0.4, 0.0))
    rng = np.random.default_rng(n)
    compute = by_name(name).compute
    with np.errstate(all="ignore"):
        found = compute(*(counted(rng.multinomial(k, s, DRAWS), numeric) for k, s in ((n, p), (50_000, q))))
        exact = compute(*(counted(np.round(1e12 * s[None]).astype(np.int64), numeric) for s in (p, q)))
    held = ((found.lower <= exact.value) & (exact.value <= found.upper)).mean()
    assert 0.95 - MARGIN - 0.01 <= held <= 0.95 + MARGIN + 0.01


@given(st.floats(0.001, 0.999), st.floats(1e-6, 0.3), st.integers(2, 10_000))
def test_a_bounded_value_has_an_interval_within_its_bounds(value, error, size):
    """On the scale of the logit none can leave [0, 1], nor [-1, 1]; on that of the logarithm none is negative."""
    for low, high in ((0.0, 1.0), (-1.0, 1.0), (0.0, math.inf)):
        lower, upper = intervals.transformed(value, error, low, high, size)
        assert low <= lower <= value <= upper <= high
    lower, upper = intervals.transformed(value, error, -math.inf, math.inf, size)
    assert upper - value == pytest.approx(value - lower)


@pytest.mark.parametrize(("n", "share"), [(50, 0.5), (1_000, 0.95), (5_000, 0.99)])
def test_the_interval_of_a_quantile_holds_it(n, share):
    """Latencies in bins that are 5 % wide: the bounds are read between the bins' edges."""
    rng = np.random.default_rng(n)
    truth = math.exp(16 + 0.6 * stats.norm.ppf(share))
    held = 0
    for _ in range(400):
        values = np.exp(rng.normal(16, 0.6, n))
        counts = np.bincount(np.searchsorted(DURATION_EDGES, values), minlength=len(DURATION_EDGES) + 1)
        lower, upper = _range(counts, DURATION_EDGES, share)
        assert lower <= quantile(counts, DURATION_EDGES, share)[0] * 1.025
        held += lower <= truth <= upper
    assert 0.95 - 3.5 * math.sqrt(0.95 * 0.05 / 400) <= held / 400


@given(st.lists(st.tuples(st.integers(0, 5), st.integers(0, 5)), min_size=1, max_size=30), st.randoms())
def test_average_precision_lies_between_the_best_and_the_worst_order_within_bins(pairs, chance):
    """Scikit-learn's value, for the best, the worst and any order of the rows of each bin, within the bound."""
    positives, negatives = np.array(pairs).T
    value, _, bound = classification.average_precision(positives, negatives)
    if not positives.sum():
        assert math.isnan(value)
        return
    rows = [[True] * up + [False] * down for up, down in pairs]
    for order in (
        sorted,
        lambda row: sorted(row, reverse=True),
        lambda row: chance.sample(row, len(row)),
    ):
        truth = np.concatenate([order(row) for row in rows])
        exact = average_precision_score(truth, np.arange(len(truth)))
        assert value - bound - 1e-9 <= exact <= value + bound + 1e-9


@pytest.mark.parametrize("n", [200, 2_000])
def test_the_interval_of_average_precision_holds_the_truth(n):
    """Scores of two normal distributions in 64 bins: 95 % of 1,500 intervals, up to chance."""
    rng = np.random.default_rng(n)
    up, down = shares(1.0, 64) * 0.3, shares(0.0, 64) * 0.7
    truth, _, _ = classification.average_precision(*(np.round(1e7 * side).astype(np.int64) for side in (up, down)))
    held = 0
    for positives, negatives in rng.multinomial(n, np.concatenate([up, down]), DRAWS).reshape(DRAWS, 2, 64):
        value, error, _ = classification.average_precision(positives, negatives)
        lower, upper = intervals.transformed(value, error, 0.0, 1.0, n)
        held += lower <= truth <= upper
    assert held / DRAWS == pytest.approx(0.95, abs=MARGIN)
