"""Lasting changes of the loss are found, dated, and not found where there are none."""

from __future__ import annotations

import random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from river import drift

from driftline.analyzers.measures.concept import (
    DELTA,
    FEWEST,
    THRESHOLD,
    Losses,
    beginnings,
    concept_drift,
    spread,
)


def autoregressive(rng, n, phi=0.0):
    """A series with mean 0 and variance 1, each value phi times the one before plus noise."""
    noise = rng.normal(size=n) * np.sqrt(1 - phi**2)
    series = np.empty(n)
    series[0] = rng.normal()
    for i in range(1, n):
        series[i] = phi * series[i - 1] + noise[i]
    return series


def test_a_change_is_found_when_river_finds_it_and_placed_where_it_was():
    """The detector's own answer on a stream such as its documentation has, at the window where the stream changes."""
    rng = random.Random(12345)
    stream = rng.choices([0, 1], k=200) + rng.choices(range(4, 8), k=100)
    expected = drift.PageHinkley(FEWEST, DELTA, THRESHOLD, 1.0, "up")
    at = None
    for position, value in enumerate(stream):
        expected.update(value)
        if expected.drift_detected:
            at = position
            break
    found = beginnings(np.array(stream, float))
    assert int(np.flatnonzero(found)[0]) == at
    assert set(found[at:].tolist()) == {200}


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(40, 120), st.floats(-4, 4))
def test_a_replay_says_what_was_said_as_it_happened(seed, at, shift):
    """What holds in a window depends on no later one."""
    series = np.random.default_rng(seed).normal(size=150)
    series[at:] += shift
    whole = beginnings(series)
    for end in (at, at + 7, 149):
        assert np.array_equal(beginnings(series[:end]), whole[:end])
    assert np.all(np.diff(whole) >= 0)
    assert np.all(whole <= np.arange(150))


@pytest.mark.parametrize("phi", [0.0, 0.5])
def test_quiet_months_are_quiet_and_changes_are_found(phi):
    """Forty months of hourly windows: two alarms at most; a change of two deviations is found within four days."""
    rng = np.random.default_rng(int(10 * phi))
    alarms, waits = 0, []
    for _ in range(40):
        quiet = autoregressive(rng, 888, phi)
        alarms += int((np.diff(beginnings(quiet / spread(quiet[:168]))) > 0).sum())
        moved = autoregressive(rng, 400, phi)
        moved[250:] += 2
        found = beginnings(moved / spread(moved[:168]))
        hits = np.flatnonzero(found >= 230)
        waits.append(hits[0] - 250 if len(hits) else np.inf)
    assert alarms <= 2
    assert np.mean(np.array(waits) <= 96) >= 0.95


def test_the_spread_is_that_of_an_autoregression():
    """With a correlation of a half the mean scatters as that of a third as many values; there is none in a constant."""
    assert spread(autoregressive(np.random.default_rng(0), 50_000, 0.5)) == pytest.approx(3**0.5, rel=0.03)
    assert spread(np.random.default_rng(0).normal(size=50_000)) == pytest.approx(1.0, abs=0.02)
    assert spread(np.zeros(10)) == 1.0


def test_the_loss_is_that_since_the_change_and_the_references_before():
    """An increase, and a way back."""
    rng = np.random.default_rng(3)
    level = np.repeat([0.3, 0.4, 0.3], 60)
    value = level + rng.normal(0, 0.02, 180)
    losses = Losses(
        value=value,
        reference=np.full(180, 0.3),
        standard=(value - 0.3) / 0.02,
        size=np.full(180, 100.0),
        reference_size=np.full(180, 6_000.0),
    )
    found = list(concept_drift(losses, 60))
    assert (found[59][0].value, found[59][1]) == (0.3, None)
    worse, since = found[115]
    assert since == pytest.approx(60, abs=2)
    assert worse.value == pytest.approx(0.4, abs=0.01)
    assert worse.lower < 0.4 < worse.upper
    assert worse.lower > 0.38
    assert worse.reference_value == 0.3
    again, since = found[179]
    assert since == pytest.approx(120, abs=2)
    assert again.value == pytest.approx(0.3, abs=0.01)


def test_a_short_series_shows_nothing():
    """None, one, or two windows."""
    for count in range(3):
        losses = Losses(*(np.ones(count) for _ in range(5)))
        assert [since for _, since in concept_drift(losses, 60)] == [None] * count
