"""Intervals of distances: their ends, the moments behind them, and truths near no change."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from driftline.analyzers.measures import Distribution, by_name, inversion, largest_gap, quadratic

KINDS = {
    "psi": quadratic.PSI,
    "jensen_shannon": quadratic.JENSEN_SHANNON,
    "hellinger": quadratic.HELLINGER,
    "cramers_v": quadratic.CRAMERS_V,
    "chi_squared": quadratic.CHI_SQUARED,
}
EVEN = np.full(10, 0.1)
FALLING = 0.6 ** np.arange(8) / (0.6 ** np.arange(8)).sum()
MOVED = np.array([0.05, 0.06, 0.07, 0.08, 0.1, 0.11, 0.12, 0.13, 0.14, 0.14])


def categorical(counts):
    """Counts of categories."""
    nothing = np.zeros(len(counts), np.int64)
    return Distribution(np.asarray(counts, np.int64), nothing, nothing)


def test_an_end_is_the_truth_of_which_the_value_is_the_quantile():
    """Between the truths that were worked out, below the first and above the last."""
    truths = np.broadcast_to(np.array([[0.0], [1.0], [2.0]]), (3, 4))
    quantiles = np.array([[1.0] * 4, [3.0] * 4, [4.0] * 4])
    found = inversion.end(np.array([0.5, 2.0, 3.5, 9.0]), quantiles, truths)
    assert found.tolist() == [0.0, 0.5, 1.5, 2.0]


def test_an_end_is_the_least_of_those_truths():
    """Where quantiles fall again farther out, and where a value lies below all of them."""
    truths = np.array([[0.0, 0.0], [1.0, 1.0], [2.0, 2.0]])
    quantiles = np.array([[1.0, 2.0], [3.0, 1.0], [2.0, 0.5]])
    assert inversion.end(np.array([2.0, 1.5]), quantiles, truths).tolist() == [0.5, 0.0]


@pytest.mark.parametrize("shape", [2.0, 4.5, 50.0])
@pytest.mark.parametrize("share", [0.025, 0.5, 0.975])
def test_gamma_quantiles_are_those_of_scipy(shape, share):
    """To within two hundredths of the mean, from four degrees of freedom on."""
    found = inversion.gamma_quantile(np.array([2.0]), np.array([4.0 / shape]), np.array([stats.norm.ppf(share)]))
    assert found[0] == pytest.approx(stats.gamma.ppf(share, shape, scale=2.0 / shape), abs=0.04)


@pytest.mark.parametrize(("name", "kind"), KINDS.items())
@pytest.mark.parametrize("n", [20, 50, 200])
@pytest.mark.parametrize(
    ("p", "q"), [(EVEN, EVEN), (MOVED, EVEN), (FALLING, FALLING)], ids=["same", "moved", "falling"]
)
def test_mean_and_variance_of_a_distance_are_those_of_a_simulation(name, kind, n, p, q):
    """To 3.5 % of the mean and 10 % of the variance, with two values a bin as with twenty."""
    rng = np.random.default_rng(n)
    m = 1_000_000
    counted = kind.of(rng.multinomial(n, p, 20_000).astype(float), rng.multinomial(m, q, 20_000).astype(float))
    now, before = p[None] * n, q[None] * m
    added, variance = kind._moments(p[None], q[None], np.array([[float(n)]]), np.array([[float(m)]]))
    assert kind.of(now, before)[0] + added[0] == pytest.approx(counted.mean(), rel=0.035), name
    assert variance[0] == pytest.approx(counted.var(), rel=0.1), name


@pytest.mark.parametrize(("name", "kind"), KINDS.items())
def test_with_many_values_a_distance_is_chi_squared_when_nothing_has_changed(name, kind):
    """A constant times it: twice the squared mean over the variance is the degrees of freedom."""
    now, before = EVEN[None] * 1e7, EVEN[None] * 3e7
    mean, variance = kind.null(now, before)
    assert 2 * mean[0] ** 2 / variance[0] == pytest.approx(9, rel=1e-5), name
    unit = {"psi": 4 / 3e7, "hellinger": 1 / 6e7, "jensen_shannon": 1 / 6e7 / np.log(2)}
    unit |= {"cramers_v": 1 / 4e7, "chi_squared": 1.0}
    assert mean[0] == pytest.approx(9 * unit[name], rel=1e-5)


@pytest.mark.parametrize("name", [*KINDS, "total_variation", "l_infinity"])
@pytest.mark.parametrize("n", [50, 500])
@pytest.mark.parametrize("size", [0.1, 0.4, 1.0])
def test_intervals_hold_a_truth_near_no_change_as_well_as_a_far_one(name, n, size):
    """Between 91.5 % and 99 % of 2,000 intervals, each truth by itself."""
    rng = np.random.default_rng(n)
    p = EVEN + size * (MOVED - EVEN)
    now, before = categorical(rng.multinomial(n, p, 2_000)), categorical(rng.multinomial(50_000, EVEN, 2_000))
    with np.errstate(all="ignore"):
        found = by_name(name).compute(now, before)
    if name in KINDS:
        scale = 1.0 if name in ("cramers_v", "chi_squared") else 1e9
        truth = KINDS[name].of(p[None] * n * scale, EVEN[None] * 50_000 * scale)[0]
        truth = truth if name in ("psi", "chi_squared") else np.sqrt(truth)
    else:
        truth = {"total_variation": np.abs(p - EVEN).sum() / 2, "l_infinity": np.abs(p - EVEN).max()}[name]
    assert 0.915 <= ((found.lower <= truth) & (truth <= found.upper)).mean() <= 0.99


@pytest.mark.parametrize("name", list(KINDS))
def test_less_than_nothing_is_an_interval_of_nothing(name):
    """Shares that agree better than sampling lets them: no distance fits, and 0 fits best."""
    found = by_name(name).compute(categorical([[10] * 10]), categorical([[1_000] * 10]))
    assert (found.value[0], found.lower[0], found.upper[0]) == (0.0, 0.0, 0.0)


@pytest.mark.parametrize("name", [*KINDS, "total_variation", "l_infinity"])
@pytest.mark.parametrize(
    ("now", "before"),
    [([50, 0], [500, 0]), ([50, 0], [0, 500]), ([1, 0], [3, 4]), ([10, 20, 5], [100, 200, 0]), ([3, 0, 0], [1, 9, 0])],
    ids=["one category", "apart", "one value", "a new one", "one on neither side"],
)
def test_the_value_lies_in_its_interval(name, now, before):
    """However few values there are, and whatever is empty."""
    with np.errstate(all="ignore"):
        found = by_name(name).compute(categorical([now]), categorical([before]))
    assert 0 <= found.lower[0] <= found.value[0] <= found.upper[0]


def test_a_category_on_neither_side_does_not_count():
    """A reference of old knows categories that are seen no more."""
    for name in (*KINDS, "total_variation", "l_infinity"):
        with np.errstate(all="ignore"):
            plain = by_name(name).compute(categorical([[30, 20]]), categorical([[500, 400]]))
            wider = by_name(name).compute(categorical([[30, 20, 0]]), categorical([[500, 400, 0]]))
        assert wider.value[0] == pytest.approx(plain.value[0])
        assert wider.upper[0] == pytest.approx(plain.upper[0])


@pytest.mark.parametrize("correlation", [0.0, 0.5, 0.99])
@pytest.mark.parametrize("bounds", [(0.0, 0.0), (-0.5, 1.2), (2.0, 1.9), (-1.0, -2.0)])
def test_chances_of_pairs_are_those_of_scipy(bounds, correlation):
    """That both of two correlated normal variables lie below their bounds."""
    found = largest_gap._both_below(*(np.array([bound]) for bound in bounds), np.array([correlation]))
    known = stats.multivariate_normal([0, 0], [[1, correlation], [correlation, 1]]).cdf(bounds)
    assert found[0] == pytest.approx(known, abs=1e-5)
