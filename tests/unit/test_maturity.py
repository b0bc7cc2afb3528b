"""How late labels come is learnt from stored windows, and verdicts wait for them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from driftline.analyzers.maturity import Curve, Early, Labels, Maturity, Ripeness
from driftline.analyzers.profiles.arrivals import Arrivals
from driftline.analyzers.profiles.binning import DELAY_EDGES
from driftline.analyzers.windows import Window

DAY = 86_400.0
NOW = datetime(2024, 6, 1, tzinfo=UTC)


def histogram(delays):
    """Counts per bin."""
    return np.bincount(np.searchsorted(DELAY_EDGES, delays, side="right"), minlength=len(DELAY_EDGES) + 1)


def day(rng, age, *, n=2_000, coverage=0.8, slow=3 * DAY, quick=0.5 * DAY, positives=0.2):
    """A day of predictions that ended `age` seconds ago: what has come of its labels by now.

    Positives take `slow` seconds on average, the others `quick`.
    """
    made = rng.uniform(0, DAY, n)
    positive = rng.random(n) < positives
    delay = rng.exponential(np.where(positive, slow, quick))
    came = (rng.random(n) < coverage) & (delay <= age + DAY - made)
    return Arrivals(n, histogram(delay[came]), histogram(delay[came & positive]))


def days(rng, count, **options):
    """The days up to now, with their ages."""
    return [(k * DAY, day(rng, k * DAY, **options)) for k in range(count)]


def at(curve, of, seconds):
    """A curve's value at a time."""
    return float(np.interp(seconds, DELAY_EDGES[: len(curve.known)], of))


def test_the_curve_is_that_of_the_labels_though_young_windows_lack_them():
    """Against the distribution that was drawn from: as if every window were old."""
    curve = Curve.learn(days(np.random.default_rng(0), 60))
    assert curve.eventual == pytest.approx(0.8, abs=0.01)
    for t in (0.5 * DAY, DAY, 3 * DAY, 10 * DAY):
        slow, quick = 1 - np.exp(-t / (3 * DAY)), 1 - np.exp(-t / (0.5 * DAY))
        assert at(curve, curve.positive, t) == pytest.approx(slow, abs=0.015)
        assert at(curve, curve.negative, t) == pytest.approx(quick, abs=0.015)
        assert at(curve, curve.known, t) == pytest.approx(0.8 * (0.2 * slow + 0.8 * quick), abs=0.015)
    mixed = 0.2 * np.exp(-curve.deadline / (3 * DAY)) + 0.8 * np.exp(-curve.deadline / (0.5 * DAY))
    assert mixed == pytest.approx(0.01, abs=0.003)


def test_counting_young_windows_as_they_are_would_be_wrong():
    """The plain share of labels that came within a day is too large, since slow ones of young days are missing."""
    windows = days(np.random.default_rng(1), 8, slow=6 * DAY)
    curve = Curve.learn(windows)
    positive = sum(window.positive_delay for _, window in windows)
    k = int(np.searchsorted(DELAY_EDGES, 2 * DAY))
    plain = positive[: k + 1].sum() / positive.sum()
    # Delays beyond the oldest window's age are not seen by anyone: a share is one of what comes until then.
    oldest = DELAY_EDGES[len(curve.known) - 1]
    truth = (1 - np.exp(-DELAY_EDGES[k] / (6 * DAY))) / (1 - np.exp(-oldest / (6 * DAY)))
    assert plain > truth + 0.1
    assert curve.positive[k] == pytest.approx(truth, abs=0.05)


def test_a_curve_as_of_the_textbook():
    """Kaplan-Meier by hand: 10 predictions seen for long, 10 for a minute; labels after a second and after an hour."""
    second, hour = (int(np.searchsorted(DELAY_EDGES, t, side="right")) for t in (2.0, 3_600.0))
    old = np.zeros(len(DELAY_EDGES) + 1, np.int64)
    young = old.copy()
    old[second], old[hour], young[second] = 4, 3, 2
    none = np.zeros_like(old)
    curve = Curve.learn([(DAY, Arrivals(10, old, none)), (60.0, Arrivals(10, young, none))])
    first = 1 - 6 / 20
    assert curve.known[second] == pytest.approx(1 - first)
    assert curve.eventual == pytest.approx(1 - first * (1 - 3 / 6))
    assert np.isnan(curve.positive).all()
    assert curve.negative[second] == pytest.approx(1 - 3 / 7)


@settings(max_examples=30)
@given(st.integers(0, 2**32 - 1), st.integers(1, 20), st.floats(0.05, 1.0))
def test_curves_rise_from_nothing_to_at_most_all(seed, count, coverage):
    """Whatever came, they are shares that never fall; and windows count alike in any order."""
    rng = np.random.default_rng(seed)
    windows = days(rng, count, n=50, coverage=coverage)
    curve = Curve.learn(windows)
    if curve is None:
        assert count == 1
        return
    for line in (curve.known, curve.positive, curve.negative):
        if np.isfinite(line).all():
            assert np.all(np.diff(line) >= -1e-12)
            assert 0 <= line[0] <= line[-1] <= 1
    again = Curve.learn([windows[i] for i in rng.permutation(len(windows))])
    assert np.array_equal(curve.known, again.known)


def window(age):
    """A day that ended so many seconds ago."""
    end = NOW - timedelta(seconds=age)
    return Window(end - timedelta(days=1), end)


def maturity(labels=None, count=60, **options):
    """What so many days teach."""
    rng = np.random.default_rng(2)
    found = [(window(age), arrivals) for age, arrivals in days(rng, count, **options)]
    return Maturity.learn(labels or Labels(), found, NOW)


def test_a_window_ripens():
    """Too few labels, enough of those that will come, and no longer waited for, whether they came or not."""
    known = maturity()
    assert known.share(1_000, 400) == pytest.approx(0.5, abs=0.01)
    assert known.share(1_000, 900) == 1.0
    assert known.of(window(DAY), 1_000, 400) is Ripeness.EARLY
    assert known.of(window(8 * DAY), 1_000, 760) is Ripeness.MATURE
    assert known.of(window(DAY), 1_000, 760) is Ripeness.EARLY, "most positives are still missing"
    assert known.of(window(known.deadline - 60), 1_000, 10) is Ripeness.EARLY
    assert known.of(window(known.deadline + 1), 1_000, 10) is Ripeness.COMPLETE
    assert known.of(window(DAY), 0, 0) is Ripeness.COMPLETE
    assert "80% of the predictions get one, nearly all of these within" in known.note()


def test_nothing_is_known_of_labels_that_are_still_pouring_in():
    """A week of history does not tell when labels take weeks: all windows wait, also those with many labels."""
    known = maturity(count=7, slow=20 * DAY, quick=20 * DAY)
    assert known.curve is None
    assert known.of(window(3 * DAY), 1_000, 900) is Ripeness.EARLY
    assert "not known yet" in known.note()
    assert known.known(window(DAY)) is None


def test_a_told_delay_needs_no_history():
    """What the user knows is believed at once, and what is later is not waited for."""
    told = Labels(delay=timedelta(days=5))
    young = maturity(told, count=3)
    assert young.curve is None
    assert young.of(window(4 * DAY), 1_000, 900) is Ripeness.EARLY
    assert young.of(window(5 * DAY), 1_000, 0) is Ripeness.COMPLETE
    old = maturity(told)
    assert old.curve.eventual < maturity().curve.eventual
    assert old.of(window(4.5 * DAY), 1_000, 760) is Ripeness.MATURE
    assert "in the time that `labels` gives them" in old.note()


def test_a_model_that_gets_no_labels_waits_for_none():
    """There is nothing to come."""
    known = maturity(coverage=0.0)
    assert known.of(window(DAY), 1_000, 0) is Ripeness.COMPLETE
    assert known.share(1_000, 0) is None


def test_what_is_expected_of_a_window_by_now():
    """Its predictions were made throughout a day: the mean over them."""
    positive, negative = maturity(Labels(early=Early.WEIGH)).known(window(DAY))
    ages = DAY + np.linspace(0, DAY, 1_000)
    assert positive == pytest.approx((1 - np.exp(-ages / (3 * DAY))).mean(), abs=0.02)
    assert negative == pytest.approx((1 - np.exp(-ages / (0.5 * DAY))).mean(), abs=0.02)
