"""What every measure in the table keeps to, whatever it is given."""

from __future__ import annotations

import dataclasses
import math
import pickle
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from synthetic import rows, sample

from driftline.analyzers.judge import default_threshold, judge
from driftline.analyzers.measures import (
    MEASURES,
    Compare,
    Direction,
    Measurement,
    ModelView,
    Status,
    Subject,
    Task,
    by_name,
    table,
)
from driftline.analyzers.measures.compute import measure_windows
from driftline.analyzers.profiles.profile import Profile
from driftline.analyzers.profiles.raw import Rows, binning_of, profile_of

SAMPLES = {task: sample(task, 2_000, seed=11) for task in Task}
BINNINGS = {task: binning_of(rows(found)) for task, found in SAMPLES.items()}
REFERENCES = {task: profile_of(rows(found), BINNINGS[task]) for task, found in SAMPLES.items()}
ROOT = Path(__file__).resolve().parents[2]


def view(task: Task, profile: Profile) -> ModelView:
    """A day of a model."""
    return ModelView(profile, task, "yes" if task is Task.BINARY else None, 86_400)


def measure(task: Task, profile: Profile, *, reference: bool = True) -> list:
    """All measures of a task on a profile."""
    before = view(task, REFERENCES[task]) if reference else None
    return measurements_of(view(task, profile), before, BINNINGS[task])


def measurements_of(current, before, binning) -> list[Measurement]:
    """What all measures find in one window."""
    found = measure_windows([current], before and [before], binning, MEASURES)
    return [Measurement(name, estimate, feature) for name, feature, rows in found for estimate in rows.rows()]


def sound(measurements: list) -> None:
    """What must hold of every measurement."""
    for found in measurements:
        estimate = found.estimate
        for name in ("value", "lower", "upper", "p_value", "reference_value"):
            number = getattr(estimate, name)
            assert number is None or (isinstance(number, float) and math.isfinite(number)), (found.measure, name)
        assert estimate.p_value is None or 0 <= estimate.p_value <= 1, found.measure
        assert estimate.sample_size >= 0
        assert estimate.error_bound >= 0
        if None not in (estimate.value, estimate.lower, estimate.upper):
            slack = estimate.error_bound if math.isfinite(estimate.error_bound) else math.inf
            assert estimate.lower - slack - 1e-9 <= estimate.value <= estimate.upper + slack + 1e-9, found.measure
        pickle.loads(pickle.dumps(found))
    thresholds = {m.name: default_threshold(m) for m in MEASURES}
    verdicts = judge(measurements, thresholds, 0.01)
    for verdict in verdicts:
        enough = verdict.measurement.estimate.sample_size >= by_name(verdict.measurement.measure).min_samples
        assert (verdict.status is Status.INSUFFICIENT) or (enough and verdict.measurement.estimate.value is not None)


def kept(task: Task, mask: np.ndarray, **changes) -> Profile:
    """The profile of some rows of the sample, changed."""
    return profile_of(dataclasses.replace(rows(SAMPLES[task], mask), **changes), BINNINGS[task])


@pytest.mark.parametrize("reference", [True, False], ids=["reference", "none"])
@pytest.mark.parametrize("task", list(Task))
def test_an_empty_window_is_insufficient(task, reference):
    """Nothing was counted: nothing is known, and only the traffic is zero."""
    found = measure(task, Profile.empty(BINNINGS[task]), reference=reference)
    sound(found)
    assert {m.measure for m in found if m.estimate.value is not None} == {"throughput"}


@pytest.mark.parametrize("count", [1, 2, 5, 29])
@pytest.mark.parametrize("task", list(Task))
def test_tiny_windows_are_measured_without_verdict(task, count):
    """A handful of rows gives numbers at most, never an `ok`, a warning or an alarm but for traffic and percentiles."""
    found = measure(task, kept(task, np.arange(2_000) < count))
    sound(found)
    thresholds = {m.name: default_threshold(m) for m in MEASURES}
    said = {v.measurement.measure for v in judge(found, thresholds, 0.01) if v.status is not Status.INSUFFICIENT}
    assert said <= {"throughput", "latency_p50"}


@pytest.mark.parametrize("task", list(Task))
def test_constant_missing_and_unseen_values(task):
    """A feature stuck, gone, or full of new categories gives sound numbers, and is found."""
    everything = np.ones(2_000, bool)
    stuck = {"amount": np.full(2_000, 3.0), "hour": np.full(2_000, np.nan)}
    found = measure(task, kept(task, everything, numeric=stuck, categorical={"colour": ["mauve"] * 2_000}))
    sound(found)
    values = {(m.measure, m.feature): m.estimate.value for m in found}
    assert values["constant", "amount"] == 1.0
    assert values["missing_rate", "hour"] == 1.0
    assert values["unseen_rate", "colour"] == 1.0
    assert values["psi", "hour"] is None


@pytest.mark.parametrize("task", list(Task))
def test_a_window_equal_to_its_reference_shows_nothing(task):
    """Every distance is zero with p = 1, every comparison is even, and every verdict is `ok`."""
    found = measure(task, REFERENCES[task])
    sound(found)
    for m in found:
        if by_name(m.measure).family == "drift":
            assert m.estimate.value == pytest.approx(0, abs=1e-9), (m.measure, m.feature)
            assert m.estimate.p_value == pytest.approx(1.0)
        elif by_name(m.measure).family == "estimation":
            # Expected of the scores and seen in the outcomes are the same but for chance, in no more than the interval.
            if m.estimate.reference_value is not None:
                assert m.estimate.lower <= m.estimate.reference_value <= m.estimate.upper, m.measure
        elif m.estimate.reference_value is not None:
            assert m.estimate.value == pytest.approx(m.estimate.reference_value)
    verdicts = judge(found, {m.name: default_threshold(m) for m in MEASURES}, 0.01)
    assert {v.status for v in verdicts} <= {Status.OK, Status.INSUFFICIENT}


@given(st.sampled_from(list(Task)), st.integers(0, 2**32 - 1), st.floats(0, 1))
def test_any_part_of_the_data_gives_sound_measurements(task, seed, share):
    """No selection of rows makes a measure raise or give a number that is none."""
    mask = np.random.default_rng(seed).random(2_000) < share
    sound(measure(task, kept(task, mask)))


@given(st.integers(0, 2**32 - 1))
def test_one_sided_outcomes_give_sound_measurements(seed):
    """Only one class predicted, only one come true: what is not defined is None."""
    rng = np.random.default_rng(seed)
    found = SAMPLES[Task.BINARY]
    label, actual = rng.choice(["yes", "no"], 2)
    part = dataclasses.replace(rows(found), predicted=[label] * 2_000, actual=[actual] * 2_000)
    measurements = measure(Task.BINARY, profile_of(part, BINNINGS[Task.BINARY]))
    sound(measurements)
    assert next(m for m in measurements if m.measure == "roc_auc").estimate.value is None


def test_the_table_is_whole():
    """Names are unique; each measure has a title, a family, a source, and docs that are up to date."""
    assert len({m.name for m in MEASURES}) == len(MEASURES)
    for m in MEASURES:
        assert m.title
        assert m.source.startswith("https://"), m.name
        assert m.min_samples >= 0
        if m.warning is not None and m.critical is not None:
            below = m.compare is Compare.VALUE and m.direction is Direction.LOWER
            assert (m.critical <= m.warning) if below else (m.warning <= m.critical), m.name
        assert isinstance(m.subject, Subject)
        assert by_name(m.name) is m
    with pytest.raises(KeyError, match="unknown measure 'psy', allowed: accuracy, alert_precision, average_precision"):
        by_name("psy")
    page = ROOT / "docs" / "reference" / "measures.md"
    assert page.read_text() == table.markdown(), "run `make docs`"


def test_measures_of_nothing_but_labels():
    """A model that logs no score is measured by its confusion counts alone."""
    found = sample(Task.BINARY, 500)
    part = Rows(predicted=found.label, actual=found.actual)
    binning = binning_of(part)
    profile = profile_of(part, binning)
    names = {m.measure for m in measurements_of(view(Task.BINARY, profile), None, binning) if m.estimate.value}
    assert {"accuracy", "recall"} <= names
    assert "roc_auc" not in names
