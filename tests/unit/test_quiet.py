"""What quiet windows look like: p-values that are right under sampling, between-window variation, and both."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from driftline.analyzers.measures import Scatter
from driftline.analyzers.quiet import Statistics, learn

BINS, REFERENCE = 10, 20_000
KINDS = {kind.value: kind for kind in Scatter}


def counts(rng, size, series, windows, wander, persistence=0.0):
    """Counts of windows whose shares wander: shape (series, windows, bins)."""
    moves = rng.normal(size=(series, windows, BINS))
    for window in range(1, windows):
        moves[:, window] = persistence * moves[:, window - 1] + np.sqrt(1 - persistence**2) * moves[:, window]
    shares = np.exp(wander * moves)
    shares /= shares.sum(-1, keepdims=True)
    return rng.multinomial(np.broadcast_to(size, (series, windows)), shares)


def statistics(kind, found, reference):
    """The statistic of a kind, of counts and the reference's counts, with what sampling alone does to it."""
    n, m = found.sum(-1), reference.sum(-1)
    p, q = found / n[..., None], reference / m[..., None]
    size = 1 / n + 1 / m
    if kind is Scatter.QUADRATIC:
        return Statistics(((p - q) ** 2 * BINS).sum(-1), (BINS - 1) * size, np.sqrt(2 * (BINS - 1)) * size)
    if kind is Scatter.ABSOLUTE:
        error = np.sqrt((1 - 1 / BINS) / BINS * size)
        joint = 2 / np.pi * (np.sqrt(1 - 1 / 81) + np.arcsin(-1 / 9) * -1 / 9 - 1)
        spread = np.sqrt(BINS * (1 - 2 / np.pi) + BINS * (BINS - 1) * joint)
        return Statistics(np.abs(p - q).sum(-1), BINS * np.sqrt(2 / np.pi) * error, spread * error)
    angle = 2 * np.arcsin(np.sqrt(p[..., 0])) - 2 * np.arcsin(np.sqrt(q[..., 0]))
    return Statistics(angle, np.zeros_like(angle), np.sqrt(size))


def p_values(kind, seed, *, size, windows, wander, series=60, later=200, persistence=0.0):
    """The p-values of later windows against quiet ones of the same kind, and those of the quiet ones themselves."""
    rng = np.random.default_rng(seed)
    found = counts(rng, size, series, windows + later, wander, persistence)
    reference = rng.multinomial(REFERENCE, np.full(BINS, 1 / BINS), size=(series, 1))
    every = statistics(kind, found, reference)
    keys = [(kind.value, f"f{number}", None) for number in range(series)]
    quiet, apart = learn({key: every[number, :windows] for number, key in enumerate(keys)}, KINDS)
    compared = [quiet.compare(keys, every[:, window]) for window in range(windows, windows + later)]
    return np.array([[one.p_value for one in row] for row in compared]), apart


@pytest.mark.parametrize("kind", [Scatter.SIGNED, Scatter.QUADRATIC, Scatter.ABSOLUTE])
@pytest.mark.parametrize(
    ("size", "windows", "wander"), [(1_000, 60, 0.0), (1_000, 60, 0.1), (1_000, 15, 0.1), (100, 100, 0.1)]
)
def test_healthy_windows_seldom_look_odd(kind, size, windows, wander):
    """Whether rows are independent draws or windows wander, small p-values are at most as frequent as they say."""
    later, _ = p_values(kind, 1, size=size, windows=windows, wander=wander)
    for level in (0.05, 0.01, 0.001):
        # Windows of one series share what was learnt, so that a few series may be off together: half as many again.
        assert (later < level).mean() <= 1.5 * level + 3 * np.sqrt(level / later.size), level
    assert (later < 0.1).mean() >= 0.02


@pytest.mark.parametrize("kind", [Scatter.SIGNED, Scatter.QUADRATIC, Scatter.ABSOLUTE])
def test_rows_taken_as_independent_would_alarm(kind):
    """What is compared with sampling alone looks odd in most windows; compared with other windows it does not."""
    rng = np.random.default_rng(2)
    found = counts(rng, 5_000, 40, 200, 0.15)
    reference = rng.multinomial(REFERENCE, np.full(BINS, 1 / BINS), size=(40, 1))
    every = statistics(kind, found, reference)
    odd = np.abs(every.statistic - every.expected) > 3 * every.deviation
    assert odd.mean() > 0.3
    later, apart = p_values(kind, 2, size=5_000, windows=100, wander=0.15)
    assert (later < 0.003).mean() < 0.01
    assert (apart < 0.003).mean() < 0.01


def test_few_windows_leave_the_prediction_wide():
    """The same distance from what is usual is odd after a hundred quiet windows, and not after four."""
    found = {}
    for windows in (4, 100):
        past = np.random.default_rng(3).normal(0, 1, 100)[:windows]
        past = (past - past.mean()) / past.std(ddof=1)
        key = ("signed", None, None)
        quiet, _ = learn({key: Statistics(past, np.zeros(windows), np.full(windows, 0.1))}, KINDS)
        (found[windows],) = quiet.compare([key], Statistics(*(np.array([x]) for x in (5.0, 0.0, 0.1))))
    assert found[100].p_value < 1e-4
    assert found[4].p_value > 0.003
    assert found[4].windows <= 4
    assert found[100].between == pytest.approx(1.0, abs=0.05)


def test_without_sampling_error_it_is_the_prediction_interval():
    """A normal series without sampling error: Student's t of the textbook."""
    past = np.random.default_rng(4).normal(5, 2, 30)
    key = ("signed", None, None)
    quiet, _ = learn({key: Statistics(past, np.zeros(30), np.zeros(30))}, KINDS)
    (found,) = quiet.compare([key], Statistics(np.array([11.0]), np.zeros(1), np.zeros(1)))
    # Neighbours may seem to correlate a little, which makes the windows worth a few less.
    count = found.windows
    distance = (11 - past.mean()) / np.sqrt(past.var(ddof=1) * (1 + 1 / count))
    assert found.p_value == pytest.approx(2 * stats.t.sf(distance, count - 1), rel=0.35)


def test_what_never_happened_is_no_test_and_what_did_is_its_share():
    """A feature that was stuck in three quiet windows of thirty may be so again."""
    past = np.zeros(30)
    key = ("event", "f", None)
    now = Statistics(*(np.array([x]) for x in (1.0, 0.0, 0.0)))
    never, _ = learn({key: Statistics(past, past, past)}, KINDS)
    assert never.compare([key], now) == [None]
    past = np.where(np.arange(30) % 10 == 0, 1.0, 0.0)
    sometimes, _ = learn({key: Statistics(past, 0 * past, 0 * past)}, KINDS)
    (found,) = sometimes.compare([key], now)
    assert 0.05 < found.p_value < 0.3


def test_a_lasting_state_is_worth_fewer_windows():
    """Windows that resemble their neighbours tell less than as many independent ones."""
    worth = {}
    for persistence in (0.0, 0.8):
        rng = np.random.default_rng(5)
        series = rng.normal(size=(40, 100))
        for window in range(1, 100):
            fresh = np.sqrt(1 - persistence**2) * series[:, window]
            series[:, window] = persistence * series[:, window - 1] + fresh
        keys = [("signed", f"f{n}", None) for n in range(40)]
        quiet, _ = learn({k: Statistics(s, 0 * s, 0 * s + 0.01) for k, s in zip(keys, series, strict=True)}, KINDS)
        worth[persistence] = float(np.mean(quiet.learnt.windows))
    assert worth[0.0] > 80
    assert 8 < worth[0.8] < 25


@settings(max_examples=60)
@given(st.integers(0, 2**32 - 1), st.integers(1, 40), st.sampled_from(list(Scatter)), st.floats(0, 1))
def test_whatever_the_past_p_values_are_probabilities(seed, windows, kind, holes):
    """Few windows, undefined ones, constant ones: a p-value, or none."""
    rng = np.random.default_rng(seed)
    past = np.abs(rng.normal(size=windows)) * rng.integers(0, 2)
    past[rng.random(windows) < holes] = np.nan
    key = (kind.value, None, None)
    quiet, apart = learn({key: Statistics(past, np.full(windows, 0.1), np.full(windows, 0.1))}, KINDS)
    for value in (0.0, 0.5, 1e6, np.nan):
        (found,) = quiet.compare([key], Statistics(*(np.array([x]) for x in (value, 0.1, 0.1))))
        assert found is None or 0 <= found.p_value <= 1
    known = apart[np.isfinite(apart)]
    assert ((known >= 0) & (known <= 1)).all()
    assert quiet.compare([("psi", "unknown", None)], Statistics(*(np.zeros(1),) * 3)) == [None]


@given(st.integers(0, 2**32 - 1), st.floats(0.01, 100))
def test_the_unit_does_not_matter(seed, unit):
    """Metres or feet: the same p-value."""
    past = np.random.default_rng(seed).normal(size=25)
    found = []
    for scale in (1.0, unit):
        key = ("signed", None, None)
        quiet, _ = learn({key: Statistics(scale * past, 0 * past, np.full(25, 0.1 * scale))}, KINDS)
        (compared,) = quiet.compare([key], Statistics(*(np.array([x * scale]) for x in (2.0, 0.0, 0.1))))
        found.append(compared.p_value)
    assert found[0] == pytest.approx(found[1], rel=1e-6)
