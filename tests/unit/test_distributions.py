"""Distributions as rows: they hold what was counted, read well, sort well, and are few."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st
from synthetic import EPOCH, rows, sample

from driftline.analyzers.distributions import (
    MOST_CATEGORIES,
    MOST_FEATURES,
    Row,
    chosen,
    distance,
    documents,
    numbers,
    tables,
)
from driftline.analyzers.profiles.binning import Binning, NumericBins
from driftline.analyzers.profiles.choose import probability_bins
from driftline.analyzers.profiles.history import Counted
from driftline.analyzers.profiles.profile import Profile
from driftline.analyzers.profiles.raw import Rows, binning_of, profile_of
from driftline.analyzers.windows import WindowSize
from driftline.ingest.events import Task

MOST_BINS = 24
SHIFTED = 40
SHIFTS = {task: sample(task, SHIFTED, seed=2, shift=1.0) for task in Task}
BEFORE = {task: rows(sample(task, 400, seed=1)) for task in Task}
BINNINGS = {task: binning_of(before) for task, before in BEFORE.items()}
PROFILES = {task: profile_of(before, BINNINGS[task]) for task, before in BEFORE.items()}
REFERENCE = Rows(
    numeric={"age": np.array([10.0, 20.0, 20.0, 30.0])},
    categorical={"colour": ["red", "red", "blue", None]},
)
BY_HAND = Binning(
    numeric={"age": NumericBins(np.array([10.0, 15.0, 25.0, np.nextafter(30.0, 31.0)]), np.array([0, 2, 3]))},
    categorical={"colour": ("red", "blue")},
)


def of(current: Rows, reference: Rows = REFERENCE, binning: Binning = BY_HAND, task: Task = Task.BINARY, **options):
    """The rows of some predictions beside others."""
    return tables(profile_of(current, binning), profile_of(reference, binning), binning, task, **options)


def test_a_numeric_feature_by_hand():
    """Below and above the reference's range, the bins between, and missing values, each with both shares."""
    current = Rows(numeric={"age": np.array([5.0, 12.0, 20.0, np.nan])}, categorical={"colour": [None] * 4})
    assert of(current)["age"] == (
        Row("00: below 10", 0, 1, 0.25, 0.0),
        Row("01: 10 to 15", 1, 1, 0.25, 0.25),
        Row("02: 15 to 25", 2, 1, 0.25, 0.5),
        Row("03: 25 to 30", 3, 0, 0.0, 0.25),
        Row("05: missing", 5, 1, 0.25, 0.0),
    )


def test_a_value_above_the_reference_has_a_bin_of_its_own():
    """What lies beyond the greatest value of the reference is not put to its last bin."""
    current = Rows(numeric={"age": np.array([30.0, 30.1, 99.0])}, categorical={"colour": [None] * 3})
    found = {row.bin: row.count for row in of(current)["age"]}
    assert (found["03: 25 to 30"], found["04: above 30"]) == (1, 2)


def test_a_categorical_feature_by_hand():
    """Each category, those that the reference does not have, and missing values last."""
    current = Rows(numeric={"age": np.full(5, 20.0)}, categorical={"colour": ["red", "pink", "mauve", None, "blue"]})
    assert of(current)["colour"] == (
        Row("00: red", 0, 1, 0.2, 0.5),
        Row("01: blue", 1, 1, 0.2, 0.25),
        Row("03: unseen", 3, 2, 0.4, 0.0),
        Row("04: missing", 4, 1, 0.2, 0.25),
    )


def test_of_many_categories_those_that_are_frequent_on_either_side_are_shown():
    """One that was rare and floods in has a row; what is left out is counted together; positions stay."""
    names = [f"c{i:02}" for i in range(60)]
    before = [name for i, name in enumerate(names) for _ in range(61 - i)]
    after = [*before, *["c59"] * 5_000]
    binning = binning_of(Rows(categorical={"dest": before}))
    found = of(Rows(categorical={"dest": after}), Rows(categorical={"dest": before}), binning)["dest"]
    by_bin = {row.bin: row for row in found}
    assert by_bin["59: c59"].share > 0.7
    assert [row.bin for row in found[:3]] == ["00: c00", "01: c01", "02: c02"]
    assert len(found) == MOST_CATEGORIES + 1
    assert by_bin["60: other"].count == sum(61 - i for i in range(MOST_CATEGORIES - 1, 59))


@given(st.sampled_from(list(Task)), st.lists(st.booleans(), min_size=SHIFTED, max_size=SHIFTED).filter(any))
def test_shares_add_up_and_bins_sort(task, keep):
    """Shares of both sides sum to 1, counts to the predictions, and the alphabet puts bins in their order."""
    binning = BINNINGS[task]
    found = tables(profile_of(rows(SHIFTS[task], keep), binning), PROFILES[task], binning, task)
    n = sum(keep)
    assert {"amount", "hour", "colour"} < found.keys()
    for made in found.values():
        assert sum(row.share for row in made) == pytest.approx(1)
        assert sum(row.reference_share for row in made) == pytest.approx(1)
        assert sum(row.count for row in made) == n
        assert [row.bin for row in made] == sorted({row.bin for row in made})
        assert len(made) <= MOST_BINS
        assert all(row.share == pytest.approx(row.count / n) for row in made)
        assert 0 <= distance(made) <= 1


def test_scores_and_predictions_are_features_too():
    """They go by the names that metrics have in `feature.name`."""
    named = {
        Task.BINARY: {"prediction.score", "prediction.label"},
        Task.MULTICLASS: {"prediction.label", *(f"prediction.probabilities.{name}" for name in ("cat", "dog", "eel"))},
        Task.REGRESSION: {"prediction.value"},
    }
    for task, expected in named.items():
        reference = rows(sample(task, 300))
        found = of(reference, reference, binning_of(reference), task)
        assert found.keys() - {"amount", "hour", "colour"} == expected
        assert all(distance(made) == 0 for made in found.values())


def test_bins_of_probabilities_are_few():
    """Scores are counted in hundreds of bins and shown in some ten."""
    binning = Binning(scores={"yes": probability_bins()})
    scored = Rows(scores={"yes": np.linspace(0, 1, 500)}, predicted=["yes"] * 500, actual=[None] * 500)
    found = of(scored, scored, binning)["prediction.score"]
    assert len(found) in range(10, 13)
    assert found[0].bin.startswith("01: 0 to 0.1")


def test_a_side_without_predictions_has_no_rows():
    """There is nothing to compare in an empty window, nor with an empty reference."""
    current = profile_of(REFERENCE, BY_HAND)
    empty = Profile.empty(BY_HAND)
    assert tables(empty, current, BY_HAND, Task.BINARY) == {}
    assert tables(current, empty, BY_HAND, Task.BINARY) == {}


def test_only_what_is_wanted_is_made():
    """Of a window with one feature in alarm, that feature."""
    assert of(REFERENCE, wanted={"colour"}).keys() == {"colour"}


@given(st.lists(st.floats(-1e9, 1e9, width=32), min_size=2, max_size=12, unique=True).map(sorted))
def test_edges_are_told_apart(edges):
    """However close two edges are, their texts differ; so short as that allows."""
    cuts = np.array(edges, np.float64)
    texts = numbers(cuts)
    assert len(set(texts)) == len(texts)
    assert [float(text) for text in texts] == sorted(map(float, texts))


@pytest.mark.parametrize(
    ("cuts", "texts"),
    [
        ([0.1, 12.5, 18.0], ["0.1", "12.5", "18"]),
        ([-0.00001, 0.0, 1 / 3], ["-1e-05", "0", "0.3333"]),
        ([1013.25, 1013.31], ["1013.2", "1013.3"]),
        ([1_234_567.0, 2_345_678.0], ["1235000", "2346000"]),
        ([5.0, np.nextafter(5.0, 6), 7.0], ["5", "5", "7"]),
        ([1.0, 1.0 + 1e-15], ["1", "1.000000000000001"]),
    ],
)
def test_numbers_are_short_and_differ(cuts, texts):
    """Four digits where they do, more where they must; two neighbouring numbers bound one value."""
    assert numbers(np.array(cuts)) == texts


def test_a_frequent_value_is_a_bin_of_its_own():
    """It is told as that value, not as a range without width."""
    zeros = Rows(numeric={"amount": np.array([0.0] * 600 + [float(i) for i in range(1, 401)])})
    found = of(zeros, zeros, binning_of(zeros))["amount"]
    assert found[0].bin == "01: 0"
    assert found[0].count == 600


def test_those_in_alarm_come_first_then_those_that_moved_most():
    """However many features there are, the cap holds; which ones have rows does not depend on their order."""
    made = {
        f"f{i:02}": (Row("00: a", 0, 1, 0.5 + i / 200, 0.5), Row("01: b", 1, 1, 0.5 - i / 200, 0.5)) for i in range(50)
    }
    expected = ["f03", *(f"f{i}" for i in range(49, 49 - MOST_FEATURES + 1, -1))]
    assert chosen(made, {"f03"}) == expected
    assert chosen(dict(reversed(made.items())), {"f03"}) == expected
    assert len(chosen(made, set(made))) == MOST_FEATURES


def test_the_same_rows_have_the_same_ids():
    """An id is made of model, version, window, feature and position, whatever the counts."""
    window = Counted("1", WindowSize("1h").at(EPOCH), {})
    first, other = (dict(documents("m", window, "1h", of(rows_))) for rows_ in (REFERENCE, _missing(REFERENCE)))
    assert first.keys() & other.keys()
    assert len(first) == len(of(REFERENCE)["age"]) + len(of(REFERENCE)["colour"])
    assert not first.keys() & dict(documents("m", window, "1d", of(REFERENCE))).keys()
    assert not first.keys() & dict(documents("m", replace(window, version="2"), "1h", of(REFERENCE))).keys()
    body = next(iter(first.values()))
    assert orjson.loads(orjson.dumps(body)) == {
        "@timestamp": "2024-01-01T00:00:00.000Z",
        "window": {"start": "2024-01-01T00:00:00.000Z", "end": "2024-01-01T01:00:00.000Z", "size": "1h"},
        "model": {"name": "m", "version": "1"},
        "feature": {"name": "age"},
        "distribution": {"bin": "01: 10 to 15", "position": 1, "count": 1, "share": 0.25, "reference_share": 0.25},
    }


def _missing(some: Rows) -> Rows:
    return Rows(numeric={"age": np.full(some.size, np.nan)}, categorical=some.categorical)
