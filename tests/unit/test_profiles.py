"""Profiles add, bins hold their share, and what is stored comes back."""

from __future__ import annotations

import dataclasses
from itertools import pairwise

import numpy as np
import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st
from synthetic import rows, sample

from driftline.analyzers.profiles.binning import FINE_BINS, SCORE_BINS, Binning, NumericBins
from driftline.analyzers.profiles.edges import coarsen
from driftline.analyzers.profiles.profile import Profile
from driftline.analyzers.profiles.raw import Rows, binning_of, profile_of
from driftline.analyzers.profiles.store import from_document, to_document
from driftline.ingest.events import Task

BINNINGS = {task: binning_of(rows(sample(task, 3_000))) for task in Task}


def plain(profile: Profile) -> object:
    """The profile as comparable JSON, sums to ten digits."""

    def rounded(value):
        if isinstance(value, float):
            return float(f"{value:.10g}")
        if isinstance(value, dict):
            return {k: rounded(v) for k, v in value.items()}
        return [rounded(v) for v in value] if isinstance(value, list) else value

    document = rounded(to_document(profile))
    for name in ("predicted", "confusion", "evaluations"):
        document[name] = sorted(document[name], key=str)
    return document


@given(st.sampled_from(list(Task)), st.lists(st.integers(0, 60), min_size=3, max_size=3))
def test_profiles_add(task, sizes):
    """The sum is associative and commutative, has an identity, and is the profile of all rows together."""
    found = sample(task, max(1, sum(sizes)), seed=7)
    cuts = np.cumsum([0, *sizes])
    keep = [(np.arange(len(found.ids)) >= a) & (np.arange(len(found.ids)) < b) for a, b in pairwise(cuts)]
    binning = BINNINGS[task]
    a, b, c = (profile_of(rows(found, mask), binning) for mask in keep)
    assert plain((a + b) + c) == plain(a + (b + c))
    assert plain(a + b) == plain(b + a)
    assert plain(a + Profile.empty(binning)) == plain(a)
    if sum(sizes):
        assert plain(a + b + c) == plain(profile_of(rows(found), binning))


def test_profiles_of_different_bins_do_not_add():
    """A sum over different bins would be meaningless, and is refused."""
    a, b = (Profile.empty(BINNINGS[task]) for task in (Task.BINARY, Task.REGRESSION))
    with pytest.raises(ValueError, match="profiles add only within one binning"):
        a + b


@pytest.mark.parametrize("task", list(Task))
def test_what_is_stored_comes_back(task):
    """A profile and its bins survive JSON."""
    binning = BINNINGS[task]
    profile = profile_of(rows(sample(task, 500, seed=3)), binning)
    again = Binning.from_document(orjson.loads(orjson.dumps(binning.to_document())))
    assert again.version == binning.version
    back = from_document(orjson.loads(orjson.dumps(to_document(profile))), again)
    assert plain(back) == plain(profile)
    assert {f.name for f in dataclasses.fields(back)} == {f.name for f in dataclasses.fields(profile)}


DRAWS = {
    "normal": lambda rng, n: rng.normal(size=n),
    "heavy tail": lambda rng, n: rng.lognormal(0, 3, n),
    "two scales": lambda rng, n: np.where(rng.random(n) < 0.5, rng.random(n), 1e9 * rng.random(n)),
    "rounded": lambda rng, n: rng.normal(size=n).round(1),
    "mostly zero": lambda rng, n: np.where(rng.random(n) < 0.9, 0.0, rng.random(n)),
    "negative": lambda rng, n: -rng.exponential(size=n),
}


@pytest.mark.parametrize("bins", [FINE_BINS, SCORE_BINS])
@pytest.mark.parametrize("draw", DRAWS.values(), ids=DRAWS)
def test_no_bin_holds_more_than_its_share_but_single_values(draw, bins):
    """Whatever the distribution, a bin above its share holds one value alone."""
    values = draw(np.random.default_rng(0), 20_000)
    found = binning_of(Rows(numeric={"x": values}) if bins == FINE_BINS else Rows(scores={"x": values}))
    edges = (found.numeric if bins == FINE_BINS else found.scores)["x"].edges
    counts, _ = np.histogram(values, edges)
    full = counts > len(values) / bins + 1
    assert (np.nextafter(edges[:-1], np.inf) == edges[1:])[full].all()
    assert counts.sum() == len(values)
    assert len(edges) <= 2.2 * bins


def test_bins_of_a_constant_and_of_one_value():
    """The smallest references have bins too."""
    for values in ([5.0] * 100, [5.0]):
        bins = binning_of(Rows(numeric={"x": np.array(values)})).numeric["x"]
        counts = np.bincount(np.searchsorted(bins.edges, values, side="right"), minlength=bins.size)
        assert counts.tolist() == [0, len(values), 0]


@given(st.lists(st.integers(0, 1_000), min_size=1, max_size=300).filter(sum))
def test_coarse_bins_are_few_and_cover_all(counts):
    """Coarse bins begin at the first fine bin, increase, and are about ten."""
    starts = coarsen(np.array(counts))
    assert starts[0] == 0
    assert (np.diff(starts) > 0).all()
    assert 1 <= len(starts) <= 21


def test_edges_that_do_not_increase_are_refused():
    """Bins without order are a mistake."""
    with pytest.raises(ValueError, match="must increase strictly"):
        NumericBins(np.array([1.0, 1.0]), np.array([0]))
