"""monitors.yml: what is read, and how what is wrong is said."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from driftline.analyzers.maturity import Early, Labels
from driftline.analyzers.measures import Compare, Direction, Task
from driftline.analyzers.monitors import load, parse
from driftline.analyzers.settings import ConfigError

GOOD = """
version: 1
namespace: shop
models:
  - name: churn
    task: binary
    positive_class: yes
    window: 1h
    rollups: [1d, week]
    lateness: 10m
    reference: {start: 2024-01-01, end: 2024-02-01}
    features: {age: numeric, plan: categorical}
    segments: [region]
    measures:
      psi: {warning: 0.2, critical: 0.4}
      recall: {warning: {below: 0.5}, min_samples: 50}
      roc_auc:
    alpha: 0.05
    labels: {maturity: 0.8, delay: 30d, early: weigh}
"""


def test_everything_is_read():
    """A full file becomes configuration; `yes`, which YAML takes for a truth value, is the class `true`."""
    monitors = parse(GOOD)
    (model,) = monitors.models
    assert monitors.streams.namespace == "shop"
    assert (model.name, model.task, model.positive_class) == ("churn", Task.BINARY, "true")
    assert (model.window.text, [size.text for size in model.rollups]) == ("1h", ["1d", "week"])
    assert model.lateness == timedelta(minutes=10)
    assert model.reference is not None
    assert model.reference.start == datetime(2024, 1, 1, tzinfo=UTC)
    assert model.features == {"age": "numeric", "plan": "categorical"}
    assert [measure.name for measure in model.measures] == ["psi", "recall", "roc_auc"]
    assert (model.thresholds["psi"].warning, model.thresholds["psi"].critical) == (0.2, 0.4)
    recall = model.thresholds["recall"]
    assert (recall.compare, recall.direction, recall.warning, recall.min_samples) == (
        Compare.VALUE, Direction.LOWER, 0.5, 50)  # fmt: skip
    assert model.alpha == 0.05
    assert model.labels == Labels(0.8, timedelta(days=30), Early.WEIGH)


def test_a_short_file_gets_the_default_measures_of_its_task():
    """What is left out has sensible defaults, and no measure of another task is among them."""
    (model,) = parse("models: [{name: m, task: regression, window: 1d}]").models
    names = {measure.name for measure in model.measures}
    assert {"mae", "r2", "psi", "latency_p95"} <= names
    assert not {"roc_auc", "recall"} & names
    assert model.reference is None
    assert model.features is None


def model(text: str) -> str:
    """A file with one binary model and these lines in it."""
    head = "models:\n  - name: m\n    task: binary\n    positive_class: a\n    window: 1d\n"
    return head + "".join(f"    {line}\n" for line in text.splitlines())


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("models: [", "f.yml: line 1, column 10: not valid YAML"),
        ("just text", "f.yml: top level: got 'just text', allowed: a mapping"),
        ("models: []", "f.yml: models: got [], allowed: a list of at least one model"),
        ("models: 5", "f.yml: models: got 5, allowed: a list"),
        ("version: 2\nmodels: []", "f.yml: version: got 2, allowed: 1"),
        ("namespace: Not-OK\nmodels: []", "f.yml: namespace: got 'Not-OK', allowed: lower-case"),
        ("models: [{task: binary, window: 1d}]", "f.yml: models[0]: name is missing"),
        (
            "models: [{name: m, task: ranking, window: 1d}]",
            "models[0].task: got 'ranking', allowed: binary, multiclass",
        ),
        ("models: [{name: m, task: binary, window: 1d}]", "models[0]: positive_class is missing"),
        ("models: [{name: m, task: regression, positive_class: a, window: 1d}]", "models[0].positive_class: got 'a'"),
        ("models: [{name: m, task: regression, window: 1 day}]", "models[0].window: got '1 day', allowed: a length"),
        (model("lateness: soon"), "models[0].lateness: got 'soon', allowed: a length such as 30s"),
        (model("rollups: [1h]"), "models[0].rollups[0]: got '1h', allowed: a size that is a whole number of windows"),
        (
            model("windw: 1d"),
            "models[0].windw: unknown 'windw' (did you mean 'window'?), allowed: alarm, alpha, fairness",
        ),
        (
            model("measures: {psy: {}}"),
            "models[0].measures.psy: unknown 'psy' (did you mean 'psi'?), allowed: accuracy,",
        ),
        (model("measures: {mae: {}}"), "measures.mae: unknown 'mae'"),
        (model("measures: {psi: {warning: high}}"), "psi.warning: got 'high', allowed: a number, or one of {above"),
        (
            model("measures: {psi: {warning: {over: 1}}}"),
            "psi.warning.over: unknown 'over' (did you mean 'above'?), allowed: above, below",
        ),
        (model("measures: {psi: {warning: 0.1, critical: {above: 1, below: 2}}}"), "psi.critical: got {'above': 1"),
        (model("measures: {recall: {warning: 0.1, critical: {below: 0.2}}}"), "warning and critical of the same form"),
        (model("measures: {psi: {min_samples: 0}}"), "psi.min_samples: got 0, allowed: a number from 1"),
        (model("reference: {start: 2024-01-01}"), "models[0].reference: end is missing"),
        (model("reference: {start: 2024-02-01, end: 2024-01-01}"), "reference.end: got datetime.date(2024, 1, 1)"),
        (model("reference: {start: never, end: 2024-01-01}"), "reference.start: got 'never', allowed: an ISO 8601"),
        (model("features: {age: number}"), "models[0].features.age: got 'number', allowed: numeric, categorical"),
        (model("segments: region"), "models[0].segments: got 'region', allowed: a list"),
        (
            model("false_alarms: often"),
            "models[0].false_alarms: got 'often', allowed: a number above 0, `per`, and one of day",
        ),
        (
            model("alpha: 0.1\nfalse_alarms: 1 per month"),
            "models[0].alpha: got 0.1, allowed: either alpha or false_al",
        ),
        (model("alarm: {fire: 4 of 3}"), "models[0].alarm.fire: got '4 of 3', allowed: m of k windows"),
        (model("alarm: {clear: 0}"), "models[0].alarm.clear: got 0, allowed: a whole number from 1 to 100"),
        (model("labels: {maturity: 2}"), "models[0].labels.maturity: got 2, allowed: a number from 0.1 to 1"),
        (model("labels: {early: hope}"), "models[0].labels.early: got 'hope', allowed: wait, weigh"),
        (model("labels: {delay: soon}"), "models[0].labels.delay: got 'soon', allowed: a length"),
        (model("alpha: 2"), "models[0].alpha: got 2, allowed: a number from 0 to 1"),
        (model("") + model("").removeprefix("models:\n"), "each model once, 'm' stands there twice"),
    ],
)
def test_what_is_wrong_is_said_with_file_path_value_and_what_is_allowed(text, message):
    """Every error names file, path in the file, value and allowed values, in one line."""
    with pytest.raises(ConfigError) as caught:
        parse(text, "f.yml")
    assert message in str(caught.value)
    assert "f.yml: " in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_file_that_cannot_be_read_is_named(tmp_path):
    """Missing files and files that are not text say so."""
    with pytest.raises(ConfigError, match=r"none\.yml: cannot be read: No such file or directory; `driftline init`"):
        load(tmp_path / "none.yml")
    binary = tmp_path / "binary.yml"
    binary.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ConfigError, match="cannot be read: it is not UTF-8 text"):
        load(binary)


def test_a_changed_threshold_changes_the_judging_and_nothing_else_does():
    """Windows are judged again when, and only when, what verdicts depend on has changed."""
    (before,), (after,), (same,) = (
        parse(text).models for text in (GOOD, GOOD.replace("0.4", "0.5"), GOOD.replace("10m", "20m"))
    )
    assert before.judging != after.judging
    assert before.judging == same.judging


def test_only_binary_models_weigh_labels():
    """Of others, no class is told apart."""
    text = "models: [{name: m, task: regression, window: 1d, labels: {early: weigh}}]"
    with pytest.raises(
        ConfigError, match=r"models\[0\]\.labels\.early: got 'weigh', allowed: wait; labels are weighed"
    ):
        parse(text)
