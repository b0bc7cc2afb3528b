"""How far groups lie apart: Fairlearn's numbers, intervals that hold, and no finding where there is none."""

from __future__ import annotations

import numpy as np
import pytest
from fairlearn import metrics as fairlearn
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from driftline.analyzers.measures import ModelView, Task, by_name
from driftline.analyzers.measures.compute import measure_attribute
from driftline.analyzers.measures.fairness import MEASURES, difference, homogeneity, ratio
from driftline.analyzers.monitors import parse
from driftline.analyzers.profiles.profile import Profile
from driftline.analyzers.profiles.raw import Rows, binning_of, profile_of
from driftline.analyzers.settings import ConfigError

GROUPS = ("a", "b", "c")
LABELS = np.array(["no", "yes"])


def draw(seed, n=3_000, shift=(0.0, 0.0, 0.0), scale=(1.0, 1.0, 1.0)):
    """Predictions of three groups, as arrays: group, score, predicted, actual."""
    rng = np.random.default_rng(seed)
    group = rng.choice(3, n, p=[0.5, 0.3, 0.2])
    logit = rng.normal(0, 1.5, n) + np.array(shift)[group]
    score = 1 / (1 + np.exp(-logit))
    actual = rng.random(n) < 1 / (1 + np.exp(-logit * np.array(scale)[group]))
    return group, score, score >= 0.5, actual


def views(group, score, predicted, actual, names=GROUPS):
    """One view a group."""
    binning = binning_of(Rows(scores={"yes": score}, predicted=LABELS[predicted.astype(int)].tolist()))
    found = {}
    for position, name in enumerate(names):
        mask = group == position
        columns = Rows(
            scores={"yes": score[mask]},
            predicted=LABELS[predicted[mask].astype(int)].tolist(),
            actual=LABELS[actual[mask].astype(int)].tolist(),
            delay=np.ones(int(mask.sum())),
        )
        found[name] = ModelView(profile_of(columns, binning), Task.BINARY, "yes", 3_600.0)
    return found


def measured(groups, before=None, minimum=50):
    """What all measures of fairness find."""
    return {found.measure: found for found in measure_attribute("sex", groups, before or {}, minimum, MEASURES)}


@pytest.mark.parametrize("seed", range(5))
def test_the_numbers_are_those_of_fairlearn(seed):
    """On the same predictions, to rounding."""
    group, score, predicted, actual = draw(seed, shift=(0.0, 0.5, -0.7), scale=(1.0, 0.6, 1.2))
    found = measured(views(group, score, predicted, actual))
    for name in (
        "demographic_parity_difference",
        "demographic_parity_ratio",
        "equal_opportunity_difference",
        "equalized_odds_difference",
    ):
        expected = getattr(fairlearn, name)(actual, predicted, sensitive_features=group)
        assert found[name].estimate.value == pytest.approx(expected, abs=1e-12), name
    precision = [actual[(group == k) & predicted].mean() for k in range(3)]
    parity = found["predictive_parity_difference"].estimate
    assert parity.value == pytest.approx(max(precision) - min(precision))
    bias = [(score - actual)[group == k].mean() for k in range(3)]
    assert found["calibration_gap"].estimate.value == pytest.approx(max(bias) - min(bias), abs=1e-9)
    between = found["demographic_parity_difference"].groups
    assert (between.lowest, between.highest, between.compared, between.left_out) == ("c", "b", 3, ())


def test_the_test_of_homogeneity_is_that_of_scipy():
    """Pearson's chi-squared without correction."""
    successes, trials = np.array([30.0, 45.0, 12.0]), np.array([100.0, 110.0, 60.0])
    expected = stats.chi2_contingency(np.array([successes, trials - successes]), correction=False).pvalue
    assert homogeneity(successes, trials) == pytest.approx(expected)
    assert homogeneity(np.zeros(3), trials) == 1.0


def test_the_interval_of_two_groups_is_newcombes():
    """The worked example of Newcombe's paper: 56 of 70 against 48 of 80 is 0.2 (0.0524 to 0.3339)."""
    assert difference(np.array([56.0, 48.0]), np.array([70.0, 80.0])) == pytest.approx((0.2, 0.0524, 0.3339), abs=1e-4)


@given(st.lists(st.tuples(st.integers(0, 200), st.integers(1, 200)), min_size=2, max_size=8))
def test_gaps_are_sound_and_do_not_depend_on_the_order_of_groups(pairs):
    """Whatever the counts: intervals hold the value, within what it can be."""
    successes = np.array([min(pair) for pair in pairs], np.float64)
    trials = np.array([max(pair) for pair in pairs], np.float64)
    for function in (difference, ratio):
        value, lower, upper = function(successes, trials)
        if successes.any():
            assert 0 <= lower <= value + 1e-12 <= upper + 2e-12 <= 1 + 2e-12
            assert function(successes[::-1], trials[::-1]) == pytest.approx((value, lower, upper))
    if successes.any():
        assert ratio(successes, trials)[0] == pytest.approx(
            1 - difference(successes, trials)[0] / max(successes / trials)
        )
    assert 0 <= homogeneity(successes, trials) <= 1


@pytest.mark.parametrize("groups", [2, 5, 12])
@pytest.mark.parametrize("size", [50, 1_000])
def test_intervals_hold_and_equal_groups_are_not_found_apart(groups, size):
    """Simulated: at least 95 % of the intervals hold the truth, and at most 5 % of the tests at 5 % are wrong."""
    rng = np.random.default_rng([groups, size])
    draws = 1_000
    apart = np.linspace(0.3, 0.5, groups)
    held = {"difference": 0, "ratio": 0}
    false = 0
    for _ in range(draws):
        trials = np.full(groups, float(size))
        found = rng.binomial(size, apart).astype(float)
        _, lower, upper = difference(found, trials)
        held["difference"] += lower <= 0.2 <= upper
        _, lower, upper = ratio(found, trials)
        held["ratio"] += lower <= 0.6 <= upper
        false += homogeneity(rng.binomial(size, 0.4, groups).astype(float), trials) < 0.05
    assert min(held.values()) >= 0.935 * draws, held
    assert false <= 0.071 * draws


def test_small_groups_are_left_out_and_named():
    """They take no part, and with one group left there is no gap."""
    group, score, predicted, actual = draw(1, n=600)
    groups = views(group, score, predicted, actual)
    found = measured(groups, minimum=150)["demographic_parity_ratio"]
    assert (found.groups.left_out, found.groups.compared) == (("c",), 2)
    alone = measured(groups, minimum=250)["demographic_parity_ratio"]
    assert (alone.estimate.value, alone.groups) == (None, None)


def test_what_is_not_defined_is_none():
    """No groups, empty ones, one class only: nothing is known, and nothing fails."""
    assert {found.estimate.value for found in measured({}).values()} == {None}
    group, score, predicted, actual = draw(2, n=900)
    groups = views(group, score, predicted, actual)
    binning = binning_of(Rows(scores={"yes": score}, predicted=["yes", "no"]))
    empty = {name: ModelView(Profile.empty(binning), Task.BINARY, "yes", 1.0) for name in GROUPS}
    assert {found.estimate.value for found in measured(empty, groups).values()} == {None}
    never = measured(views(group, score, np.zeros(900, bool), np.zeros(900, bool)))
    assert never["demographic_parity_difference"].estimate.value == 0.0
    assert never["demographic_parity_ratio"].estimate.value is None
    assert never["equal_opportunity_difference"].estimate.value is None


@settings(max_examples=20)
@given(st.integers(0, 2**32 - 1))
def test_the_reference_is_told(seed):
    """The same measure of the reference's groups."""
    groups = views(*draw(seed))
    found = measured(groups, groups)
    for name, one in found.items():
        assert one.estimate.reference_value == one.estimate.value, name


FAIR = """
models:
  - name: loans
    task: binary
    positive_class: granted
    window: 1d
    segments: [region]
    measures: {psi: {}, demographic_parity_ratio: {warning: {below: 0.9}}}
    fairness: {attributes: [sex, sex*age_band], minimum_group: 30}
"""


def test_attributes_are_segments_and_all_gaps_are_measured():
    """Intersections come after what they are made of; floors can be set."""
    (model,) = parse(FAIR).models
    assert model.segments == ("region", "sex", "age_band", "sex*age_band")
    assert model.fairness.minimum_group == 30
    assert {measure.name for measure in MEASURES} < {measure.name for measure in model.measures}
    assert model.thresholds["demographic_parity_ratio"].warning == 0.9
    assert model.thresholds["calibration_gap"].critical == by_name("calibration_gap").critical
    (plain,) = parse(FAIR.replace("fairness:", "# fairness:").replace("demographic_parity_ratio", "recall")).models
    assert not {measure.name for measure in MEASURES} & {measure.name for measure in plain.measures}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (FAIR.replace("fairness:", "# fairness:"), "demographic_parity_ratio: unknown 'demographic_parity_ratio'"),
        (
            FAIR.replace("task: binary\n    positive_class: granted", "task: regression"),
            "fairness is measured of binary",
        ),
        (FAIR.replace("sex*age_band", "sex*"), "fairness.attributes[1]: got 'sex*', allowed: the name of a segment"),
        (FAIR.replace("[sex, sex*age_band]", "[]"), "fairness.attributes: got [], allowed: a list of at least one"),
        (FAIR.replace("30}", "1}"), "fairness.minimum_group: got 1, allowed: a whole number from 2"),
    ],
)
def test_what_is_wrong_is_said(text, message):
    """File, path, value and what is allowed."""
    with pytest.raises(ConfigError) as caught:
        parse(text)
    assert message in str(caught.value)
