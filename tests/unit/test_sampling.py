"""What sampling alone does to a distance, against simulation, at small and large sizes, with and without ties."""

from __future__ import annotations

import numpy as np
import pytest

from driftline.analyzers.measures import Distribution, MomentArrays, by_name

DRAWS = 3_000
EVEN = np.full(10, 0.1)
UNEVEN = np.array([0.5, 0.2, 0.1, 0.1, 0.05, 0.05])
FINE = np.full(64, 1 / 64)


def categorical(counts):
    """Counts of categories."""
    nothing = np.zeros(len(counts), np.int64)
    return Distribution(counts, nothing, nothing)


def numeric(counts):
    """Counts of bins over [0, 1), as if each value lay in the middle of its bin."""
    edges = np.linspace(0, 1, counts.shape[1] + 1)[1:-1]
    middles = (np.concatenate([[0.0], edges]) + np.concatenate([edges, [1.0]])) / 2
    size = counts.sum(axis=1).astype(float)
    sums, squares = counts @ middles, counts @ middles**2
    moments = MomentArrays(size, sums, squares, np.zeros_like(size), np.ones_like(size))
    nothing = np.zeros(len(counts), np.int64)
    return Distribution(counts[:, ::1], nothing, nothing, counts, edges, moments)


@pytest.mark.parametrize("n", [50, 500, 5_000])
@pytest.mark.parametrize("shares", [EVEN, UNEVEN], ids=["even", "uneven"])
@pytest.mark.parametrize(
    "name", ["psi", "jensen_shannon", "hellinger", "chi_squared", "cramers_v", "total_variation", "l_infinity"]
)
def test_mean_and_deviation_of_distances_between_categories(name, shares, n):
    """When nothing has changed they are those of the simulation; absolute ones roughly, with five values a bin."""
    rng = np.random.default_rng(1)
    found = by_name(name).compute(
        categorical(rng.multinomial(n, shares, DRAWS)), categorical(rng.multinomial(4_000, shares, DRAWS))
    )
    absolute = name in ("total_variation", "l_infinity")
    close = 0.3 if n == 50 and absolute else 0.2 if name == "l_infinity" else 0.05
    assert found.expected.mean() == pytest.approx(found.statistic.mean(), rel=close)
    assert found.deviation.mean() == pytest.approx(found.statistic.std(), rel=1.5 * close)


@pytest.mark.parametrize("n", [50, 500, 5_000])
@pytest.mark.parametrize("name", ["wasserstein", "ks"])
def test_mean_and_deviation_of_distances_between_numbers(name, n):
    """As for categories; Kolmogorov's distribution is an upper bound, since bins are ties."""
    rng = np.random.default_rng(2)
    found = by_name(name).compute(
        numeric(rng.multinomial(n, FINE, DRAWS)), numeric(rng.multinomial(4_000, FINE, DRAWS))
    )
    assert found.expected.mean() == pytest.approx(found.statistic.mean(), rel=0.12)
    assert found.deviation.mean() == pytest.approx(found.statistic.std(), rel=0.12)


@pytest.mark.parametrize("name", ["psi", "jensen_shannon"])
def test_what_sampling_adds_is_taken_off(name):
    """Of fifty values the raw formula sees drift where there is none; the value sees next to nothing."""
    rng = np.random.default_rng(3)
    found = by_name(name).compute(
        categorical(rng.multinomial(50, EVEN, DRAWS)), categorical(np.full((DRAWS, 10), 100_000))
    )
    raw = found.statistic if name == "psi" else np.sqrt(found.statistic)
    floor = by_name(name).warning
    assert (raw > floor).mean() > 0.5
    assert (found.lower > floor).mean() < 0.01
    assert np.median(found.value) < 0.3 * np.median(raw)


@pytest.mark.parametrize("counts", ["missing_rate", "unseen_rate"])
def test_a_share_is_compared_on_a_scale_of_even_scatter(counts):
    """The deviation of the difference is right for rare and for frequent events alike."""
    rng = np.random.default_rng(4)
    for share in (0.02, 0.3):
        kinds = []
        for size in (500, 20_000):
            hit = rng.binomial(size, share, DRAWS)
            rest = (size - hit)[:, None]
            if counts == "missing_rate":
                kinds.append(Distribution(rest, np.zeros(DRAWS, np.int64), hit))
            else:
                kinds.append(Distribution(np.column_stack([rest, hit]), hit, np.zeros(DRAWS, np.int64)))
        found = by_name(counts).compute(*kinds)
        assert found.statistic.mean() == pytest.approx(0, abs=0.01)
        assert found.deviation.mean() == pytest.approx(found.statistic.std(), rel=0.06)
