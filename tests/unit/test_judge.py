"""Verdicts: effect floors, significance, enough samples; and how seldom they are wrong."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from driftline.analyzers.judge import default_threshold, judge
from driftline.analyzers.measures import (
    Compare,
    Direction,
    Distribution,
    Estimate,
    Measurement,
    Status,
    Threshold,
    by_name,
)


def verdict(estimate: Estimate, threshold: Threshold, measure: str = "psi", alpha: float = 0.05):
    """The verdict on one measurement alone."""
    (found,) = judge([Measurement(measure, estimate)], {measure: threshold}, alpha)
    return found


DRIFT = Threshold(Compare.VALUE, Direction.HIGHER, 0.1, 0.25, 30)


@pytest.mark.parametrize(
    ("value", "p_value", "size", "status"),
    [
        (0.3, 1e-9, 100, Status.CRITICAL),
        (0.2, 1e-9, 100, Status.WARNING),
        (0.05, 1e-9, 10**9, Status.OK),  # significant, and too small to matter
        (0.9, 0.2, 100, Status.OK),  # large, and may be chance
        (0.9, 1e-9, 29, Status.INSUFFICIENT),
        (None, None, 100, Status.INSUFFICIENT),
        (0.3, None, 100, Status.CRITICAL),  # no test: the floor alone
    ],
)
def test_effect_and_significance_are_both_needed(value, p_value, size, status):
    """A large sample makes nothing important, and a large effect nothing certain."""
    assert verdict(Estimate(value, p_value=p_value, sample_size=size, reference_size=size), DRIFT).status is status


@pytest.mark.parametrize(
    ("value", "p_value", "severe"),
    [
        (0.51, 1e-9, True),
        (0.49, 1e-9, False),  # critical, and not twice over
        (0.51, 0.003, False),  # significant, and not as one window alone must be
        (0.51, None, False),  # no test: never alone
    ],
)
def test_one_window_is_enough_when_it_is_far_beyond_doubt(value, p_value, severe):
    """Twice the critical floor, at the square of the level: 0.05 squared is 0.0025."""
    found = verdict(Estimate(value, p_value=p_value, sample_size=100, reference_size=100), DRIFT)
    assert found.status is Status.CRITICAL
    assert found.severe is severe


def test_a_value_that_must_stay_above_its_floor_is_never_severe():
    """Twice a floor of 0.7 is no accuracy."""
    threshold = Threshold(Compare.VALUE, Direction.LOWER, 0.7, 0.6, 30)
    found = verdict(Estimate(0.0, p_value=1e-9, sample_size=100, reference_size=100), threshold, "accuracy")
    assert found.status is Status.CRITICAL
    assert not found.severe


@pytest.mark.parametrize(
    ("direction", "lower", "upper", "status"),
    [
        (Direction.LOWER, 0.50, 0.54, Status.CRITICAL),
        (Direction.LOWER, 0.50, 0.64, Status.WARNING),
        (Direction.LOWER, 0.50, 0.70, Status.OK),
        (Direction.HIGHER, 0.50, 0.54, Status.OK),
        (Direction.HIGHER, 0.86, 0.99, Status.CRITICAL),
        (Direction.BOTH, 0.86, 0.99, Status.CRITICAL),
        (Direction.BOTH, 0.50, 0.54, Status.CRITICAL),
        (Direction.BOTH, 0.66, 0.74, Status.OK),
    ],
)
def test_the_harmless_end_of_the_interval_decides(direction, lower, upper, status):
    """A change counts by the end of its interval nearer to the reference of 0.7."""
    threshold = Threshold(Compare.CHANGE, direction, 0.05, 0.15, 30)
    estimate = Estimate((lower + upper) / 2, lower, upper, 1e-9, 0.7, 500, 500)
    assert verdict(estimate, threshold, "accuracy").status is status


def test_a_ratio_is_of_the_reference():
    """Half as much again of 200 is 300."""
    threshold = Threshold(Compare.RATIO, Direction.HIGHER, 0.5, 1.0, 30)
    for value, status in ((299.0, Status.OK), (301.0, Status.WARNING), (401.0, Status.CRITICAL)):
        assert (
            verdict(Estimate(value, reference_value=200.0, sample_size=99, reference_size=99), threshold, "mae").status
            is status
        )


def test_a_floor_on_the_value_needs_no_reference_and_no_test():
    """`below: 0.5` asks for the value alone; the p-value against the reference answers something else."""
    threshold = Threshold(Compare.VALUE, Direction.LOWER, 0.5, None, 30)
    low = Estimate(0.4, 0.35, 0.45, p_value=0.9, reference_value=0.4, sample_size=500, reference_size=500)
    assert verdict(low, threshold, "recall").status is Status.WARNING
    assert verdict(Estimate(0.48, 0.43, 0.53, sample_size=500), threshold, "recall").status is Status.OK


def test_a_comparison_without_a_reference_is_insufficient():
    """There is nothing to be worse than."""
    threshold = default_threshold(by_name("accuracy"))
    assert verdict(Estimate(0.2, 0.1, 0.3, sample_size=500), threshold, "accuracy").status is Status.INSUFFICIENT


def test_a_measure_without_thresholds_is_recorded():
    """Without floors there is no verdict to be wrong about."""
    (found,) = judge([Measurement("bias", Estimate(9.0, sample_size=100))], {}, 0.05)
    assert (found.status, found.threshold) == (Status.OK, None)


def test_q_values_are_those_of_benjamini_hochberg():
    """All tests of the window are adjusted together, in their order."""
    p_values = [0.001, 0.04, 0.03, 0.5]
    found = judge(
        [Measurement("psi", Estimate(1.0, p_value=p, sample_size=99, reference_size=99)) for p in p_values],
        {"psi": DRIFT},
        0.05,
    )
    assert [v.q_value for v in found] == pytest.approx(stats.false_discovery_control(p_values).tolist())


def draws(rng, n: int, shift: float = 0.0, windows: int = 1) -> Distribution:
    """Counts over ten deciles of a normal distribution, of samples that may be shifted."""
    edges = stats.norm.cdf(stats.norm.ppf(np.linspace(0.1, 0.9, 9)) - shift)
    counts = rng.multinomial(n, np.diff([0.0, *edges, 1.0]), windows)
    nothing = np.zeros(windows, np.int64)
    return Distribution(counts, nothing, nothing)


@pytest.mark.parametrize("name", ["psi", "jensen_shannon", "hellinger", "total_variation", "cramers_v"])
def test_p_values_of_distances_are_calibrated(name):
    """Without drift about one in twenty is below 0.05, whatever the sizes; with a shift nearly all are."""
    rng = np.random.default_rng(5)
    compute = by_name(name).compute
    runs = 600
    for n, m in ((200, 5_000), (2_000, 2_000)):
        quiet = compute(draws(rng, n, windows=runs), draws(rng, m, windows=runs)).p_value < 0.05
        low, high = stats.binom.interval(0.9999, runs, 0.05)
        assert low <= sum(quiet) <= high, (n, m, sum(quiet))
    moved = compute(draws(rng, 400, 0.5, windows=100), draws(rng, 5_000)).p_value < 0.05
    assert sum(moved) >= 95


def test_healthy_windows_of_many_features_seldom_alarm():
    """Fifty features without drift, judged together: false alarms in at most about alpha of the windows."""
    rng = np.random.default_rng(6)
    reference = draws(rng, 20_000)
    psi = by_name("psi")
    # A floor of zero leaves significance alone to stop a false alarm.
    threshold = Threshold(Compare.VALUE, Direction.HIGHER, 0.0, None, 30)
    alarms = 0
    for _ in range(200):
        found = psi.compute(draws(rng, 300, windows=50), reference)
        window = [Measurement("psi", row, f"f{i}") for i, row in enumerate(found.rows())]
        alarms += any(v.status is Status.WARNING for v in judge(window, {"psi": threshold}, 0.05))
    assert alarms <= stats.binom.ppf(0.9999, 200, 0.05)
