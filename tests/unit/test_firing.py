"""M of k windows to fire, k calm ones to clear."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from driftline.analyzers.firing import WRONG, Alarm, Level, Rule, alarms

WORDS = {"s": Level.SEVERE, "b": Level.BAD, "-": Level.BETWEEN, "c": Level.CALM, "?": Level.UNKNOWN}
SIGNS = {Alarm.NONE: ".", Alarm.PENDING: "p", Alarm.FIRING: "F"}


@pytest.mark.parametrize(
    ("levels", "expected"),
    [
        ("ccc", "..."),
        ("cbccc", ".ppp."),  # one odd window is no alarm, and is forgotten
        ("cbb", ".pF"),
        ("cbcb", ".ppF"),
        ("bccb", "pppp"),  # never two of three
        ("bbccc", "pFFF."),
        ("bbcc-ccc", "pFFFFFF."),  # what hovers about the floor does not clear
        ("bb????c??cc", "pFFFFFFFFF."),  # silence neither clears ...
        ("b????b", "pppppF"),  # ... nor makes one forget
        ("csccc", ".FFF."),  # one that is far beyond doubt is enough
        ("bbcccbcc", "pFFF.ppp"),  # after it has cleared, it takes two again
    ],
)
def test_two_of_three_fire_and_three_calm_ones_clear(levels, expected):
    """The default rule, window by window."""
    assert "".join(SIGNS[state] for state in alarms((WORDS[sign] for sign in levels), Rule())) == expected


def test_a_series_that_fired_before_goes_on():
    """Whoever looks at the last windows only has to be told."""
    assert list(alarms([Level.CALM] * 3, Rule(), firing=True)) == [Alarm.FIRING, Alarm.FIRING, Alarm.NONE]


@given(st.lists(st.sampled_from(list(Level)), max_size=30), st.integers(1, 4), st.integers(0, 3), st.integers(1, 4))
def test_it_fires_only_for_enough_bad_windows_and_clears_only_for_calm_ones(levels, fire, more, clear):
    """Whatever comes: each onset has m bad ones among the last k known, each end k calm ones."""
    rule = Rule(fire, fire + more, clear)
    states = [Alarm.NONE, *alarms(levels, rule)]
    for now, (before, after) in enumerate(pairwise(states), 1):
        known = [level for level in levels[:now] if level is not Level.UNKNOWN]
        if before is not Alarm.FIRING and after is Alarm.FIRING:
            wrong = [level for level in known[-rule.of :] if level in WRONG]
            assert len(wrong) >= fire or known[-1] is Level.SEVERE
        if before is Alarm.FIRING and after is not Alarm.FIRING:
            assert known[-clear:] == [Level.CALM] * clear


@pytest.mark.parametrize("text", ["", "2", "2 in 3", "0 of 3", "4 of 3", "2 of x", "1 of 101"])
def test_what_is_no_rule_is_refused(text):
    """The error shows a right one."""
    with pytest.raises(ValueError, match="allowed: m of k windows, such as `2 of 3`"):
        Rule.parse(text)
    assert Rule.parse("3 of 5") == Rule(3, 5, 5)
