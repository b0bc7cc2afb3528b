"""mapping.yml: what it may say, how mistakes in it are told, and the events that rows become."""

from __future__ import annotations

import math
from collections.abc import Mapping
from datetime import UTC, date, datetime
from typing import Any

import pytest
import yaml

from driftline.ingest.checks import EventError
from driftline.ingest.events import Outcome, Prediction
from driftline.ingest.sources import mapping
from driftline.ingest.sources.mapping import MappingError, TableMapping

FULL = """
id: key
timestamp: at
timezone: Europe/Berlin
model: {value: churn}
version: v
task: {value: binary}
label: class
score: p
duration: seconds
outcome: truth
outcome_timestamp: known
features: rest
segments: [region]
"""
ROW = {
    "key": "k1", "at": "2024-05-01 12:00:00", "v": "1.10", "class": "True", "p": "0.25", "seconds": "0.002",
    "truth": "1.0", "known": "2024-05-02T12:00:00Z", "age": "41", "zip": "01234", "region": "eu",
}  # fmt: skip


def parse(text: str) -> TableMapping:
    """The mapping in this text."""
    return mapping.parse(yaml.safe_load(text))


def without(text: str, *keys: str) -> str:
    """The mapping without these keys."""
    return "\n".join(line for line in text.splitlines() if line.split(":")[0] not in keys)


def events(text: str, row: Mapping[str, Any], *others: Mapping[str, Any]) -> list[Prediction | Outcome]:
    """The events of a row of a CSV file that has others as well."""
    return list(parse(text).fitted([row, *others]).events(row, 1))


def test_a_row_becomes_a_prediction_and_its_outcome():
    """Times get their zone, texts of numbers are numbers, and classes look as a service would log them."""
    prediction, outcome = events(FULL, ROW)
    assert prediction == Prediction(
        id="k1",
        timestamp=prediction.timestamp,
        model="churn",
        version="1.10",
        task="binary",
        label="true",
        score=0.25,
        duration=0.002,
        features={"age": 41.0, "zip": 1234.0},
        segments={"region": "eu"},
    )
    assert prediction.timestamp == datetime(2024, 5, 1, 10, tzinfo=UTC)
    known = datetime(2024, 5, 2, 12, tzinfo=UTC)
    assert outcome == Outcome(id="k1", label="1", timestamp=known, model="churn")


def test_the_example_is_a_sound_mapping():
    """What `--example-mapping` prints can be used."""
    assert parse(mapping.EXAMPLE).predicts


@pytest.mark.parametrize("cell", ["", None, math.nan])
def test_a_row_without_an_outcome_has_none_yet(cell):
    """The prediction is loaded all the same."""
    (prediction,) = events(FULL, ROW | {"truth": cell})
    assert isinstance(prediction, Prediction)


def test_an_outcome_becomes_known_with_the_prediction_when_nothing_else_is_said():
    """The mapping may leave the outcome's time out; a row with an outcome may not."""
    prediction, outcome = events(without(FULL, "outcome_timestamp"), ROW)
    assert outcome.timestamp == prediction.timestamp
    with pytest.raises(EventError, match="outcome_timestamp is missing: the row has an outcome"):
        events(FULL, ROW | {"known": ""})


def test_a_file_may_hold_outcomes_alone():
    """They need the id of their predictions, and when they became known."""
    text = "{id: key, outcome: truth, outcome_timestamp: known}"
    (outcome,) = events(text, ROW)
    assert (outcome.id, outcome.label, outcome.model) == ("k1", "1", None)


def test_a_regression_predicts_and_gets_values():
    """Neither side is a class."""
    text = "{id: key, timestamp: known, model: {value: m}, task: {value: regression}, value: p, outcome: truth}"
    prediction, outcome = events(text, ROW)
    assert (prediction.value, outcome.value, outcome.label) == (0.25, 1.0, None)


def test_a_multiclass_row_has_a_probability_for_each_class():
    """Each in a column of its own."""
    text = """{id: key, timestamp: known, model: {value: m}, task: {value: multiclass},
               label: class, probabilities: {cat: p, dog: q}}"""
    (prediction,) = events(text, ROW | {"q": "0.75"})
    assert prediction.probabilities == {"cat": 0.25, "dog": 0.75}


def test_a_feature_is_a_number_only_when_all_of_the_column_are():
    """A look at many rows keeps a feature of one type; "NA" among numbers is a missing one, among texts a text."""
    rows = [ROW | {"code": code, "temp": temp} for code, temp in (("7", "NA"), ("7B", "1e3"), ("NA", ""))]
    fitted = parse(FULL).fitted(rows)
    features = [next(fitted.events(row, 1)).features for row in rows]
    assert [found["code"] for found in features] == ["7", "7B", "NA"]
    assert [found["temp"] for found in features] == [None, 1000.0, None]


def test_features_that_only_look_like_numbers_stay_texts():
    """The mapping says which."""
    (prediction, _) = events(FULL + "texts: [zip]\nignore: [age]\n", ROW)
    assert prediction.features == {"zip": "01234"}


def test_tables_with_types_keep_them():
    """A text of digits in Parquet or JSON is a text; it was written as one."""
    row = ROW | {"p": 0.25, "zip": "01234", "age": 41, "at": datetime(2024, 5, 1, tzinfo=UTC)}
    prediction = next(parse(FULL).events(row, 1))
    assert prediction.features == {"age": 41, "zip": "01234"}


@pytest.mark.parametrize(
    ("cell", "expected"),
    [("1.0", "1"), (1.0, "1"), (1, "1"), ("True", "true"), ("FALSE", "false"), (True, True), ("late", "late")],
)
def test_a_class_looks_as_a_service_would_log_it(cell, expected):
    """Tables hold whole numbers with gaps as 1.0, and truth values each in their own way."""
    assert events(FULL, ROW | {"class": cell})[0].label == expected


@pytest.mark.parametrize(
    ("source", "cell"),
    [
        ("at", "2024-05-01T10:00:00Z"),
        ("at", "2024-05-01 12:00:00"),
        ("at", datetime(2024, 5, 1, 12)),  # noqa: DTZ001
        ("at", datetime(2024, 5, 1, 10, tzinfo=UTC)),
        ("{column: at, unit: s}", "1714557600"),
        ("{column: at, unit: ms}", 1714557600000),
        ("{column: at, unit: ns}", "1714557600000000000"),
    ],
)
def test_a_time_is_a_text_a_time_or_a_number_with_a_unit(source, cell):
    """All of these are noon in Berlin."""
    text = FULL.replace("timestamp: at", f"timestamp: {source}", 1)
    assert events(text, ROW | {"at": cell})[0].timestamp == datetime(2024, 5, 1, 10, tzinfo=UTC)


def test_a_day_is_its_midnight():
    """Parquet knows dates."""
    found = events(FULL.replace("Europe/Berlin", "UTC"), ROW | {"at": date(2024, 5, 1)})[0]
    assert found.timestamp == datetime(2024, 5, 1, tzinfo=UTC)


def test_the_same_row_has_the_same_id_and_another_has_another():
    """Rows without an id of their own are stored once, also when two of them look alike."""
    text = without(FULL, "id")
    fitted = parse(text)
    first, again, alike = (next(fitted.events(ROW, number)).id for number in (1, 1, 2))
    assert first == again != alike
    assert events(text, ROW)[0].id == events(text, ROW)[1].id


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"key": ""}, "id: column 'key' is empty"),
        ({"at": ""}, "timestamp is missing"),
        ({"at": "yesterday"}, "timestamp: got 'yesterday', allowed: an ISO 8601 time"),
        ({"at": 1714557600}, "timestamp: got 1714557600, allowed: an ISO 8601 time, or a number whose unit"),
        ({"p": "high"}, "score: got 'high', allowed: a number"),
        ({"known": "later"}, "outcome_timestamp: got 'later', allowed"),
    ],
)
def test_a_bad_cell_is_told_by_field_and_value(change, message):
    """The row is refused; the rest of the file is not."""
    with pytest.raises(EventError) as caught:
        events(FULL, ROW | change)
    assert message in str(caught.value)


def test_a_time_without_a_zone_is_refused_with_what_to_do():
    """Guessing a zone would move every window."""
    with pytest.raises(EventError, match="the mapping says `timezone: UTC`"):
        events(without(FULL, "timezone"), ROW)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[]", "top level: got [], allowed: a mapping of fields to columns"),
        (FULL + "scores: p\n", "scores: got 'scores', allowed: id, timestamp,"),
        (FULL + "scores: p\n", "(did you mean 'score'?)"),
        (FULL.replace("score: p", "score: {}"), "score: got {}, allowed: a column's name, or {value: what every row"),
        (FULL.replace("score: p", "score: 3"), "score: got 3, allowed: a column's name"),
        (FULL.replace("timestamp: at", "timestamp: {column: at, unit: d}"), "timestamp.unit: got 'd', allowed: s, ms"),
        (FULL.replace("timestamp: at", "timestamp: [at]"), "{column: name, unit: s|ms|us|ns}"),
        (FULL.replace("version: v", "version: {value: 1.10}"), "version.value: got 1.1, allowed: a text, in quotes"),
        (FULL.replace("Europe/Berlin", "Mars/Base"), "timezone: got 'Mars/Base', allowed: a name of the IANA"),
        (FULL.replace("features: rest", "features: all"), "features: got 'all', allowed: a list of columns, or names"),
        (FULL.replace("features: rest", "features: [a.b]"), "features: got 'a.b', allowed: names without dots"),
        (FULL + "texts: zip\n", "texts: got 'zip', allowed: a list of columns"),
        (FULL + "probabilities: {a: 5}\n", "probabilities.a: got 5, allowed: a column's name"),
        (without(FULL, "score", "label", "outcome"), "neither predictions nor outcomes are mapped"),
        (without(FULL, "model", "task"), "model, task is missing; predictions need timestamp, model and task"),
        ("{outcome: truth}", "neither predictions nor outcomes are mapped"),
    ],
)
def test_a_wrong_mapping_is_told_by_file_path_value_and_what_is_allowed(text, message):
    """One line each."""
    with pytest.raises(MappingError) as caught:
        parse(text)
    assert str(caught.value).startswith("mapping.yml: ")
    assert message in str(caught.value)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (FULL.replace("score: p", "score: q"), "m.yml: score: got 'q', allowed: the columns of t.csv: key, at,"),
        (FULL.replace("[region]", "[regoin]"), "m.yml: segments.regoin: got 'regoin', allowed"),
        (FULL.replace("[region]", "[regoin]"), "(did you mean 'region'?)"),
        (FULL + "texts: [zap]\n", "m.yml: texts: got 'zap', allowed"),
    ],
)
def test_a_column_that_the_table_has_not_is_told_with_those_that_it_has(text, message):
    """And with the one that was probably meant."""
    with pytest.raises(MappingError) as caught:
        mapping.check_columns(parse(text), list(ROW), "m.yml", "t.csv")
    assert message in str(caught.value)


def test_a_column_that_cannot_name_a_feature_is_told_before_anything_is_sent():
    """A dot would make an object of it."""
    with pytest.raises(MappingError, match=r"features: got 'a\.b', allowed: names without dots"):
        mapping.check_columns(parse(FULL), [*ROW, "a.b"], "m.yml", "t.csv")
    mapping.check_columns(parse(FULL + "ignore: [a.b]\n"), [*ROW, "a.b"], "m.yml", "t.csv")


@pytest.mark.parametrize(
    ("content", "message"),
    [(None, "cannot be read"), (b"\xff", "cannot be read"), (b"a: [", "not valid YAML"), (b"", "top level: got None")],
)
def test_a_file_that_is_no_mapping_is_one_clear_line(tmp_path, content, message):
    """Missing, no text, no YAML, or empty."""
    file = tmp_path / "m.yml"
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(MappingError) as caught:
        mapping.load(file)
    assert str(caught.value).startswith(f"{file}: ")
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)
