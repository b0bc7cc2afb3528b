"""A training set as reference: rows are checked as events are, and become bins and profiles."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from driftline.analyzers.measures import MEASURES, ModelView, Task
from driftline.analyzers.measures.compute import measure_windows
from driftline.analyzers.monitors import parse
from driftline.analyzers.profiles.choose import Fields
from driftline.analyzers.training.learn import UnfitError, learn
from driftline.analyzers.training.table import Table, read
from driftline.cli import main
from driftline.ingest.checks import EventError
from driftline.ingest.sources.mapping import parse as mapping_of

BINARY = "{name: m, task: binary, positive_class: 'yes', window: 1d, segments: [region], reference: {kind: file}}"
CLASSES = "{name: m, task: multiclass, window: 1d, reference: {kind: file}}"
NUMBER = "{name: m, task: regression, window: 1d, reference: {kind: file}}"
WHOLE = {"score": "p", "label": "said", "outcome": "truth", "features": "rest", "segments": ["region"]}


def model(text=BINARY):
    """One model of a monitors.yml."""
    return parse(f"models: [{text}]").models[0]


def table(rows, columns=WHOLE, of=BINARY):
    """The table of some rows."""
    mapping, filled = mapping_of(columns, training=True), Table(model(of))
    for row in rows:
        filled.add(read(mapping, model(of), row))
    return filled


ROWS = [
    {"p": 0.9, "said": "yes", "truth": "yes", "age": 40, "colour": "red", "region": "north"},
    {"p": 0.2, "said": "no", "truth": "yes", "age": 30.5, "colour": "blue", "region": "south"},
    {"p": 0.4, "said": "no", "truth": None, "age": None, "colour": "red", "region": "north"},
    {"p": 0.1, "said": "no", "truth": "no", "age": 20, "colour": None, "region": None},
]


def test_rows_become_profiles_of_all_and_of_each_segment():
    """Counts are those of the rows; what is missing is counted as such, also before it first comes."""
    learnt = learn(table(ROWS), model())
    assert list(learnt.profiles) == [None, ("region", "north"), ("region", "south")]
    whole, north = learnt.profiles[None], learnt.profiles["region", "north"]
    assert (whole.predictions, whole.labelled, whole.errors) == (4, 3, 0)
    assert whole.confusion == {("yes", "yes"): 1, ("no", "yes"): 1, ("no", "no"): 1}
    assert whole.numeric["age"].moments.sum == 90.5
    assert whole.numeric["age"].missing == 1
    assert learnt.binning.categorical["colour"] == ("red", "blue")
    assert whole.categorical["colour"].counts.tolist() == [2, 1]
    assert whole.scores["yes"].positives.sum() == 2
    assert whole.evaluations["brier"].sum == pytest.approx(0.01 + 0.64 + 0.01)
    assert (north.predictions, north.labelled, north.numeric["age"].missing) == (2, 1, 1)


def test_intersections_are_segments_of_their_own():
    """As they are in the counts of the cluster; a row that lacks one of them is in none."""
    crossed = BINARY.replace("segments: [region]", "segments: [region*colour]")
    columns = WHOLE | {"features": ["age"], "segments": ["region", "colour"]}
    profiles = learn(table(ROWS, columns, crossed), model(crossed)).profiles
    assert {segment: profile.predictions for segment, profile in profiles.items()} == {
        None: 4,
        ("region", "north"): 2,
        ("region", "south"): 1,
        ("colour", "red"): 2,
        ("colour", "blue"): 1,
        ("region*colour", "north*red"): 2,
        ("region*colour", "south*blue"): 1,
    }


def test_features_alone_are_a_training_set():
    """Answers then have bins that need no data, so that windows can be measured; nothing of the set counts in them."""
    rows = [{"age": number} for number in range(100)]
    learnt = learn(table(rows, {"features": "rest"}), model())
    whole = learnt.profiles[None]
    assert learnt.binning.numeric.keys() == {"age"}
    assert learnt.binning.scores["yes"].size > 500
    assert (whole.predictions, whole.errors, whole.labelled) == (100, 0, 0)
    assert not whole.scores["yes"].total.any()


def test_classes_are_those_that_came_true_and_those_with_a_probability():
    """Also without a single prediction."""
    rows = [{"a": 1, "truth": truth} for truth in ("cat", "dog", "eel")]
    found = learn(table(rows, {"features": ["a"], "outcome": "truth"}, CLASSES), model(CLASSES)).binning
    assert found.classes == tuple(found.scores) == ("cat", "dog", "eel")
    rows = [{"a": 1, "x": 0.4, "y": 0.6}]
    found = learn(table(rows, {"features": ["a"], "probabilities": {"x": "x", "y": "y"}}, CLASSES), model(CLASSES))
    assert found.binning.classes == tuple(found.binning.scores) == ("x", "y")


def test_a_regression_has_bins_of_its_predictions_or_of_what_came_true():
    """Without either nothing could be counted, and that is said."""
    rows = [{"a": 1, "said": number, "truth": 2.0 * number} for number in range(50)]
    both = learn(table(rows, {"features": ["a"], "value": "said", "outcome": "truth"}, NUMBER), model(NUMBER))
    assert both.binning.value.edges[-1] == pytest.approx(49)
    assert both.profiles[None].evaluations["absolute_error"].sum == pytest.approx(sum(range(50)))
    truth = learn(table(rows, {"features": ["a"], "outcome": "truth"}, NUMBER), model(NUMBER))
    assert truth.binning.value.edges[-1] == pytest.approx(98)
    assert truth.profiles[None].value.missing == 50
    assert truth.profiles[None].labelled == 50
    with pytest.raises(UnfitError, match="a regression needs one of them"):
        learn(table(rows, {"features": ["a"]}, NUMBER), model(NUMBER))


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ({"p": 1.5}, "score: got 1.5, allowed: a probability"),
        ({"age": "old"}, "features.age: got 'old', allowed: a number, as in the rows before"),
        ({"colour": 3.0}, "features.colour: got 3.0, allowed: a text, as in the rows before"),
        ("a;b", "the line is no row of this table"),
    ],
)
def test_a_row_that_no_service_could_have_logged_is_refused(row, message):
    """With the reason that its event would be refused for; nothing of it is counted."""
    filled = table(ROWS)
    with pytest.raises(EventError) as caught:
        filled.add(read(mapping_of(WHOLE, training=True), model(), row if isinstance(row, str) else ROWS[0] | row))
    assert message in str(caught.value)
    assert filled.size == 4
    assert learn(filled, model()).profiles[None].predictions == 4


def test_features_must_be_those_of_the_model():
    """A kind that monitors.yml does not tell is refused, and so is one that is not there."""
    listed = BINARY.replace("window", "features: {age: categorical}, window")
    with pytest.raises(
        UnfitError, match=r"features\.age: categorical in monitors\.yml, and it is numeric in the table"
    ):
        learn(table(ROWS), model(listed))
    listed = BINARY.replace("window", "features: {size: numeric}, window")
    with pytest.raises(UnfitError, match="there is no such feature in the table"):
        learn(table(ROWS), model(listed))
    listed = BINARY.replace("window", "features: {age: numeric}, window")
    binning = learn(table(ROWS), model(listed)).binning
    assert (list(binning.numeric), list(binning.categorical)) == (["age"], [])


def test_only_what_is_logged_alike_is_counted():
    """A feature of another kind, and one that is nowhere, are left out of bins and profiles, with a sentence each."""
    learnt = learn(table(ROWS), model())
    same, notes = learnt.logged(Fields(("age",), ("colour",), ()))
    assert (same, notes) == (learnt, ())
    fewer, notes = learnt.logged(Fields((), ("age",), ("colour",)))
    assert (fewer.binning.numeric, fewer.binning.categorical) == ({}, {})
    assert {profile.binning for profile in fewer.profiles.values()} == {fewer.binning.version}
    assert fewer.binning.version != learnt.binning.version
    assert "feature 'age' of the training set is left out: numeric there, and in the predictions a text" in notes[0]
    assert "feature 'colour' of the training set is left out: in the predictions it is a number in some" in notes[1]
    (note, _) = learnt.logged(Fields((), (), ()))[1]
    assert note == "feature 'age' of the training set is left out: no prediction has it"


@pytest.mark.parametrize("changed", [{"p": 0.8}, {"age": 41}, {"age": None}, {"colour": "green"}, {"truth": "no"}])
def test_the_digest_is_that_of_the_content(changed):
    """The same rows have the same one, and another cell makes another."""
    content = learn(table(ROWS), model()).content
    assert learn(table(ROWS), model()).content == content
    assert learn(table([ROWS[0] | changed, *ROWS[1:]]), model()).content != content


def test_how_a_service_does_is_not_compared_with_a_training_set():
    """It has no rate, no latency and no failed calls; features and performance are compared."""
    learnt = learn(table(ROWS * 50), model())
    views = [ModelView(learnt.profiles[None], Task.BINARY, "yes", seconds) for seconds in (86_400.0, 0.0)]
    found = {
        (name, feature): estimates
        for name, feature, estimates in measure_windows(views[:1], views[1:], learnt.binning, MEASURES)
    }
    service = {measure.name for measure in MEASURES if measure.family == "service"}
    for (name, _), estimates in found.items():
        if name in service:
            assert np.isnan(estimates.reference_value).all(), name
            assert not estimates.reference_size.any(), name
    assert found["throughput", None].value[0] == pytest.approx(200 / 86_400)
    assert found["recall", None].reference_value[0] == pytest.approx(0.5)
    assert found["psi", "age"].reference_size[0] == 150


@pytest.fixture
def folder(tmp_path, monkeypatch) -> Path:
    """A folder with a training set and a monitors.yml."""
    monkeypatch.chdir(tmp_path)
    lines = [
        "age,region,truth",
        *(f"{n % 40},{'north' if n % 2 else 'south'},{'yes' if n % 3 else 'no'}" for n in range(90)),
    ]
    Path("t.csv").write_text("\n".join(lines))
    Path("m.yml").write_text("features: rest\noutcome: truth\nsegments: [region]\n")
    Path("monitors.yml").write_text(f"models:\n  - {BINARY}\n")
    return tmp_path


def invoke(*arguments):
    """Run the command."""
    return CliRunner().invoke(main, ["reference", *arguments], catch_exceptions=False)


@pytest.mark.parametrize(
    ("arguments", "files", "message"),
    [
        (["t.csv", "--model", "x"], {}, "--model: got 'x', allowed: m"),
        (["t.csv", "--mapping", "m.yml"], {"m.yml": "fetures: rest"}, "m.yml: fetures: got 'fetures', allowed"),
        (
            ["t.csv", "--mapping", "m.yml"],
            {"m.yml": "features: [old]"},
            "m.yml: features.old: got 'old', allowed: the columns of",
        ),
        (["t.csv", "--mapping", "m.yml"], {"m.yml": "score: truth"}, "can be used; the first, row 1: score: got 'no'"),
        (["t.txt"], {"t.txt": "a"}, "t.txt: the name tells no known format, allowed: .csv"),
        (["t.csv"], {"t.csv": "age\n"}, "t.csv: has no rows"),
        (["t.parquet"], {"t.parquet": "PAR?"}, "t.parquet: cannot be read as Parquet"),
        (
            ["t.csv"],
            {"monitors.yml": "models: [{name: m, task: regression, window: 1d}]"},
            "where one is, it says `ref",
        ),
        (
            ["t.csv"],
            {"monitors.yml": f"models:\n  - {BINARY}\n  - {NUMBER.replace('m,', 'n,')}"},
            "--model: is missing, allowed: m, n",
        ),
        (
            ["t.csv"],
            {"monitors.yml": f"models:\n  - {BINARY.replace('window', 'features: {size: numeric}, window')}"},
            "monitors.yml: features.size: got 'size', allowed: the columns of t.csv",
        ),
        (["t.csv"], {"monitors.yml": f"models: [{NUMBER}]"}, "t.csv: value, outcome: neither is in the table"),
    ],
)
@pytest.mark.usefixtures("folder")
def test_bad_input_is_one_line_and_exit_code_2(arguments, files, message):
    """Nothing is sent, and what, where, and what is allowed is said."""
    for name, text in files.items():
        Path(name).write_text(text)
    done = invoke(*arguments, "--url", "http://127.0.0.1:1")
    assert done.exit_code == 2
    assert message in done.stderr
    assert "Traceback" not in done.output


@pytest.mark.usefixtures("folder")
def test_help_teaches_with_examples():
    """Paragraphs that are no prose keep their lines."""
    lines = invoke("--help").output.splitlines()
    assert "    driftline reference train.parquet" in lines
    assert "    reference: {kind: file}" in lines
