"""A budget of false alarms, and the level that it becomes."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from driftline.analyzers.budget import HIGHEST, SECONDS, Budget, choose, firing_q


def alone(p_values):
    """The level at which each single window would raise an alarm, all effects being large."""
    return firing_q(p_values, np.ones(p_values.shape, np.bool_), 1, 1)


def test_one_odd_window_is_no_alarm_where_two_of_three_are_asked_for():
    """Each run counts by its second smallest q-value, in one and the same series."""
    p_values = np.ones((2, 8))
    p_values[0, 2], p_values[1, 3], p_values[1, 5] = 1e-9, 1e-6, 1e-4
    found = firing_q(p_values, np.ones((2, 8), np.bool_), 2, 3)
    assert found == pytest.approx([1, 1, 1, 2e-4, 1, 1])
    assert not len(firing_q(p_values[:, :2], np.ones((2, 2), np.bool_), 2, 3))


def test_a_window_spends_its_share():
    """One a month is 1/730 an hour, shared by the sizes of windows; no window spends more than the highest level."""
    budget = Budget.parse("1 per month")
    assert budget.level(3_600, 1) == pytest.approx(1 / 730.5)
    assert budget.level(3_600, 3) == pytest.approx(1 / 730.5 / 3)
    assert budget.level(SECONDS["month"], 1) == HIGHEST
    assert Budget.parse("0.5 per week").level(86_400, 1) == HIGHEST


@pytest.mark.parametrize(
    "text", ["", "1", "often", "1 per", "0 per day", "-1 per day", "nan per day", "1 per hour or so"]
)
def test_what_is_no_budget_is_refused(text):
    """The error names what is allowed."""
    with pytest.raises(ValueError, match="allowed: a number above 0, `per`, and one of day, week, month, year"):
        Budget.parse(text)


def test_right_p_values_leave_the_level_nearly_as_it_is():
    """Uniform p-values of a hundred series: the level is lowered a little, by the doubt of its estimate."""
    rng = np.random.default_rng(1)
    chosen = [choose(0.001, alone(rng.random((100, 700)))).alpha for _ in range(20)]
    assert all(alpha <= 0.001 for alpha in chosen)
    assert np.median(chosen) > 0.0002


def test_p_values_that_are_too_small_lower_the_level():
    """P-values whose tail is twice as heavy as it should be: the level is moved until as many pass as may."""
    rng = np.random.default_rng(2)
    passed = []
    for _ in range(40):
        past, later = (rng.random((50, 700)) ** 2 for _ in range(2))
        level = choose(0.002, alone(past))
        passed.append((alone(later) < level.alpha).mean())
        assert level.alpha < 0.001
    assert np.mean(passed) <= 0.002


def test_an_effect_too_small_to_matter_is_no_false_alarm():
    """Whatever its p-value."""
    p_values = np.full((3, 10), 1e-9)
    beyond = np.zeros((3, 10), np.bool_)
    assert firing_q(p_values, beyond, 1, 1).tolist() == [1.0] * 10
    assert choose(0.01, firing_q(p_values, beyond, 1, 1)).alpha == 0.01
    beyond[1, 4] = True
    assert (firing_q(p_values, beyond, 1, 1) < 1).sum() == 1


@given(st.integers(0, 60), st.floats(1e-6, 0.05), st.integers(0, 2**32 - 1))
def test_the_level_never_exceeds_its_target(windows, target, seed):
    """Few windows or many, odd ones or none."""
    smallest = np.random.default_rng(seed).random(windows) ** 3
    chosen = choose(target, smallest)
    assert 0 < chosen.alpha <= target
    assert chosen.windows == windows
    assert chosen.alarms == (smallest < chosen.alpha).sum()
