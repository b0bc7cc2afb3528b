"""A model's logger: batches equal single calls, a watched model is left alone, and nothing ever raises."""

from __future__ import annotations

import json
import math
from collections import namedtuple
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import orjson
import pandas as pd
import pytest
import structlog
from hypothesis import given
from hypothesis import strategies as st
from scipy import sparse
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from driftline.ingest import ModelLogger, Streams, driftline_processors

AT = datetime(2024, 5, 1, tzinfo=UTC)
X = pd.DataFrame({"a": [0.0, 1.0, 2.0, 3.0], "b": [1.0, 0.0, 1.0, 0.0]})


class Log:
    """A logger, and what came of what was logged: documents, dead letters and lines."""

    def __init__(self) -> None:
        self.streams = Streams("default")
        self.documents: list[dict[str, Any]] = []
        self.letters: list[dict[str, Any]] = []
        self.lines: list[str] = []
        processors = [*driftline_processors("api", shipper=self), self.write]
        self.logger = structlog.wrap_logger(structlog.ReturnLogger(), processors=processors)

    def send(self, document: dict[str, Any]) -> bool:
        """Take a document as a shipper does."""
        orjson.dumps(document)
        kind = document["event"]["dataset"]
        (self.letters if kind == "driftline.deadletter" else self.documents).append(document)
        return True

    def write(self, _logger: Any, _method: str, event: dict[str, Any]) -> str:
        """Take a line as a renderer does."""
        self.lines.append(event["event"])
        return event["event"]

    def model(self, task: str, version: str | None = None) -> ModelLogger:
        """The logger of a model."""
        return ModelLogger("m", task, version, self.logger)

    def answers(self) -> list[dict[str, Any]]:
        """What the documents say was predicted."""
        return [document["prediction"] for document in self.documents]

    def features(self) -> list[dict[str, Any]]:
        """What the documents say the model saw."""
        return [document["features"] for document in self.documents]


@pytest.fixture
def log() -> Log:
    """A logger without a service around it."""
    return Log()


def test_single_events_name_the_model(log):
    """A model's logger fills in the model, and gives the prediction's id for its outcome."""
    model = log.model("binary", "2")
    identity = model.prediction(score=0.25, label="no", features={"a": 1}, segments={"r": "eu"}, note="x")
    model.outcome(identity, label="yes")
    model.change("threshold-changed", "from 0.5 to 0.4")
    prediction, outcome, change = log.documents
    assert prediction["event"]["id"] == outcome["event"]["id"] == identity
    assert prediction["model"] == {"name": "m", "version": "2", "task": "binary"}
    assert prediction["labels"] == {"note": "x"}
    assert outcome["outcome"] == {"label": "yes", "status": "pending"}
    assert (change["event"]["action"], change["model"]["version"]) == ("threshold-changed", "2")


def test_a_model_may_be_named_before_structlog_is_set_up():
    """As modules do; and as long as structlog is not told to keep its loggers, another set-up is followed."""
    model = ModelLogger("m", "binary")
    logs = [Log(), Log()]
    try:
        for at, log in enumerate(logs):
            structlog.configure(processors=driftline_processors("api", shipper=log), cache_logger_on_first_use=at == 1)
            model.prediction(score=0.25)
            model.outcome("p", label="yes")
            model.change("deployed")
            assert len(log.documents) == 3
        structlog.configure(processors=[lambda *_: pytest.fail("the logger was to be kept")])
        model.prediction(score=0.5)
    finally:
        structlog.reset_defaults()
    assert [len(log.documents) for log in logs] == [3, 4]


def test_a_row_of_a_frame_is_a_mapping_too(log):
    """It has no truth value, and its numbers are NumPy's."""
    log.model("binary").prediction(score=np.float32(0.5), features=X.iloc[1], segments=pd.Series({"r": "eu"}))
    assert (log.features(), log.documents[0]["segments"], log.letters) == ([{"a": 1.0, "b": 0.0}], {"r": "eu"}, [])


NUMBERS = st.one_of(st.none(), st.integers(-(10**6), 10**6), st.floats(allow_infinity=False), st.text("xy", min_size=1))
ROWS = st.lists(
    st.fixed_dictionaries(
        {
            "id": st.text("abc", min_size=1, max_size=5),
            "score": st.floats(-0.1, 1.1),
            "label": st.sampled_from(["yes", "no", None, "", True, 1]),
            "features": st.fixed_dictionaries({"a": NUMBERS, "b": NUMBERS}),
            "segments": st.fixed_dictionaries({"r": st.sampled_from(["eu", None, 3])}),
            "timestamp": st.sampled_from([AT, "2024-05-01", "2024-05-01T00:00:00Z", 7]),
            "duration": st.floats(-0.1, 1),
        }
    ),
    min_size=1,
    max_size=5,
)


@given(ROWS)
def test_a_batch_is_the_same_as_its_rows_one_by_one(rows):
    """Right rows give the same documents, wrong ones the same dead letters, in the same order."""
    single, batch = Log(), Log()
    for row in rows:
        single.model("binary").prediction(**row)
    columns: dict[str, Any] = {name: [row[name] for row in rows] for name in rows[0]}
    for table in ("features", "segments"):
        columns[table] = {name: [row[table][name] for row in rows] for name in rows[0][table]}
    ids = columns.pop("id")
    assert batch.model("binary").predictions(ids=ids, **columns) == ids
    assert batch.documents == single.documents
    assert [letter["event"]["reason"] for letter in batch.letters] == [
        letter["event"]["reason"] for letter in single.letters
    ]


def test_columns_may_be_of_any_kind(log):
    """NumPy's, those of pandas with each of its ways to miss a value, and plain ones."""
    frame = pd.DataFrame(
        {
            "whole": [1, 2, 3],
            "gap": [1.5, math.nan, math.inf - math.inf],
            "nullable": pd.array([1, None, 3], dtype="Int64"),
            "word": pd.Categorical(["x", None, "y"]),
            "truth": [True, False, True],
            "object": pd.Series([1, "two", None], dtype=object),
        }
    )
    ids = log.model("binary").predictions(
        ids=np.array([7, 8, 9]),
        score=np.array([0.25, 0.5, 0.75], dtype="float32"),
        label=pd.Series([1, None, 0]),
        features=frame,
        segments={"store": pd.Series([1, None, 2]), "region": ("eu", "us", None)},
        timestamp=pd.to_datetime(pd.Series([AT, None, AT + timedelta(hours=1)]), utc=True),
        duration=timedelta(milliseconds=2),
        job="nightly",
    )
    assert ids == [document["event"]["id"] for document in log.documents] == ["7", "8", "9"]
    assert log.answers() == [{"score": 0.25, "label": "1"}, {"score": 0.5}, {"score": 0.75, "label": "0"}]
    assert log.features() == [
        {"whole": 1, "gap": 1.5, "nullable": 1, "word": "x", "truth": "true", "object": 1},
        {"whole": 2, "truth": "false", "object": "two"},
        {"whole": 3, "nullable": 3, "word": "y", "truth": "true"},
    ]
    assert [document["segments"] for document in log.documents] == [
        {"store": "1", "region": "eu"},
        {"region": "us"},
        {"store": "2"},
    ]
    first, second, third = (document["@timestamp"] for document in log.documents)
    assert (first, third) == ("2024-05-01T00:00:00.000Z", "2024-05-01T01:00:00.000Z")
    assert datetime.fromisoformat(second) > AT + timedelta(days=365)
    assert {document["event"]["duration"] for document in log.documents} == {2_000_000}
    assert all(document["labels"] == {"job": "nightly"} for document in log.documents)


def test_ids_are_made_where_they_are_missing(log):
    """Whoever calls learns them all."""
    model = log.model("regression")
    ids = [*model.predictions(ids=["mine", None], value=[1, 2]), *model.predictions(value=range(2), timestamp=AT)]
    assert ids == [document["event"]["id"] for document in log.documents]
    assert (ids[0], len(set(ids))) == ("mine", 4)


@pytest.mark.parametrize("frame", [pd.DataFrame, dict])
def test_probabilities_of_a_batch(log, frame):
    """A column per class, or a mapping per row; a class without a probability is left out, and so is a row."""
    by_class = frame({"red": [0.25, math.nan, math.nan], "blue": [0.75, 0.5, math.nan]})
    log.model("multiclass").predictions(label=["blue"] * 3, probabilities=by_class)
    log.model("multiclass").predictions(probabilities=[{"red": 1.0}])
    assert log.answers() == [
        {"label": "blue", "probabilities": {"red": 0.25, "blue": 0.75}},
        {"label": "blue", "probabilities": {"blue": 0.5}},
        {"label": "blue"},
        {"probabilities": {"red": 1.0}},
    ]


def test_an_empty_batch_logs_nothing(log):
    """No rows are no mistake."""
    assert log.model("binary").predictions() == log.model("binary").predictions(score=[], features=X[:0]) == []
    assert (log.documents, log.lines) == ([], [])


class Broken:
    """A stranger's column that cannot be read, and not even be shown."""

    def tolist(self) -> list[Any]:
        """Fail."""
        raise RuntimeError

    __repr__ = tolist


REFUSED = [
    ({"score": [0.1, 0.2], "label": ["a"]}, "rows: got 1 of label; 2 of score, allowed: the same number in every"),
    ({"score": [0.1], "features": X}, "rows: got 1 of score; 4 of features.a, features.b, allowed"),
    ({"score": 0.1}, "score: got 0.1, allowed: a column: a list, an array or a Series"),
    ({"score": "0.1"}, "score: got '0.1', allowed: a column"),
    ({"score": [0.1], "features": np.zeros((1, 2))}, "features: got array([[0., 0.]]), allowed: a DataFrame or"),
    ({"score": [0.1], "features": np.zeros((99, 99))}, "features: got a value of the type ndarray, allowed"),
    ({"score": [0.1], "features": {"a": 5}}, "features.a: got 5, allowed: a column"),
    ({"score": [0.1], "features": 5}, "features: got 5, allowed: a column"),
    ({"score": Broken()}, "RuntimeError: "),
]


@pytest.mark.parametrize(("columns", "reason"), REFUSED)
def test_a_wrong_batch_is_one_line_and_one_dead_letter(log, columns, reason):
    """No row of it can be trusted; the service goes on, with no ids."""
    assert log.model("binary").predictions(**columns) == []
    (line,) = log.lines
    assert line.startswith(f"driftline: prediction rejected: {reason}")
    assert "\n" not in line
    (letter,) = log.letters
    assert letter["model"] == {"name": "m"}
    assert letter["event"]["reason"].startswith(reason)
    assert log.documents == []


def test_the_dead_letter_of_a_wrong_batch_shows_its_first_rows(log):
    """Enough to see what is wrong, and never a document that no cluster takes."""
    log.model("binary").predictions(score=np.zeros(5_000), features=pd.DataFrame({"a": range(4_999)}))
    original = json.loads(log.letters[0]["event"]["original"])
    assert (len(original["score"]), original["features"]["a"][-1]) == (1_000, 999)


@pytest.mark.parametrize("unit", ["ns", "us", "D"])
def test_times_of_numpy_are_never_taken_for_numbers(log, unit):
    """They name no time zone; as nanoseconds since 1970 they would be in a far future, as features a number."""
    times = np.array(["2024-05-01"], dtype=f"datetime64[{unit}]")
    log.model("binary").predictions(score=[0.5], timestamp=times)
    log.model("binary").predictions(score=[0.5], features={"at": times})
    assert log.documents == []
    assert [letter["event"]["reason"].split(":")[0] for letter in log.letters] == ["timestamp", "features.at"]


# What a watched model gives, for each kind of model; the expected answers come from the model itself.


@pytest.mark.parametrize("classes", [["no", "yes"], [0, 1], [0.0, 1.0], [False, True]])
@pytest.mark.parametrize("kind", [pd.DataFrame, np.asarray, lambda frame: frame.to_numpy().tolist()])
def test_a_binary_model(log, classes, kind):
    """The score is that of the second class, the label the class on whose side of the threshold it is."""
    data = kind(X)
    model = make_pipeline(StandardScaler(), LogisticRegression()).fit(data, [*[classes[0]] * 2, *[classes[1]] * 2])
    probabilities = log.model("binary").watch(model.predict_proba, threshold=0.7)(data)
    assert (probabilities == model.predict_proba(data)).all()
    names = [str(name).lower().removesuffix(".0") for name in classes]
    assert log.answers() == [{"score": score, "label": names[int(score >= 0.7)]} for score in probabilities[:, 1]]
    keys = ("a", "b") if kind is pd.DataFrame else ("x0", "x1")
    assert log.features() == [dict(zip(keys, row, strict=True)) for row in X.to_numpy()]
    log.documents.clear()
    labels = log.model("binary").watch(model.predict)(data)
    assert log.answers() == [{"label": names[classes.index(label)]} for label in labels]


def test_a_multiclass_model(log):
    """All probabilities by class, and the class of the largest."""
    model = LogisticRegression().fit(X, ["red", "blue", "blue", "green"])
    probabilities = log.model("multiclass").watch(model.predict_proba)(X)
    assert log.answers() == [
        {"label": label, "probabilities": dict(zip(model.classes_, row, strict=True))}
        for label, row in zip(model.predict(X), probabilities, strict=True)
    ]
    log.documents.clear()
    log.model("multiclass").watch(model.predict)(X)
    assert log.answers() == [{"label": label} for label in model.predict(X)]


@pytest.mark.parametrize("target", [[1.0, 2.0, 3.0, 4.0], [[1.0], [2.0], [3.0], [4.0]]])
def test_a_regression_model(log, target):
    """Values, in one dimension or in a column of its own."""
    model = LinearRegression().fit(X, target)
    values = log.model("regression").watch(model.predict)(X)
    assert log.answers() == [{"value": value} for value in np.ravel(values)]


def test_a_function_is_watched_as_a_model_is(log):
    """As a decorator, with or without options; rows may be mappings, and scores a list."""
    model = log.model("binary")

    @model.watch(classes=["stays", "leaves"], ids=lambda rows: [row["id"] for row in rows])
    def score(rows: list[dict[str, Any]]) -> list[float]:
        """Score."""
        return [row["x"] / 10 for row in rows]

    @model.watch
    def plain(rows: Any) -> Any:
        return np.asarray(rows)[:, 0]

    assert score([{"id": "p", "x": 7}, {"id": "q", "y": 1, "x": 2}]) == [0.7, 0.2]
    assert (score.__name__, score.__doc__) == ("score", "Score.")
    assert plain([[0.25, 3.0]]).tolist() == [0.25]
    assert [document["event"]["id"] for document in log.documents[:2]] == ["p", "q"]
    assert log.answers()[:2] == [{"score": 0.7, "label": "leaves"}, {"score": 0.2, "label": "stays"}]
    assert log.answers()[2] == {"score": 0.25, "label": "0"}
    assert log.features() == [{"id": "p", "x": 7}, {"id": "q", "x": 2, "y": 1}, {"x0": 0.25, "x1": 3.0}]


def test_names_ids_and_segments_of_what_a_model_is_given(log):
    """Names are given for arrays; ids and segments are read from the rows."""
    model = LogisticRegression().fit(X.to_numpy(), [0, 0, 1, 1])
    watched = log.model("binary").watch(
        model.predict_proba,
        names=["left", "right"],
        ids=lambda rows: [f"p{row[0]:.0f}" for row in rows],
        segments=lambda rows: {"side": ["even" if row[0] % 2 == 0 else "odd" for row in rows]},
    )
    watched(X=X.to_numpy())
    assert [document["event"]["id"] for document in log.documents] == ["p0", "p1", "p2", "p3"]
    assert [document["segments"]["side"] for document in log.documents] == ["even", "odd", "even", "odd"]
    assert log.features()[1] == {"left": 1.0, "right": 0.0}


@pytest.mark.parametrize("kind", [pd.DataFrame, dict, lambda frame: frame.to_dict("records")])
def test_not_all_of_what_a_model_is_given_need_be_features(log, kind):
    """Of a frame or of mappings, names choose."""
    data = kind(X.assign(id=list("pqrs")))
    log.model("regression").watch(lambda _: [1.0] * 4, names=["b", "a"])(data)
    assert log.features() == X.to_dict("records")


def test_the_duration_of_a_call_is_shared_by_its_rows(log, monkeypatch):
    """It is how long one prediction took."""
    clock = iter([10.0, 12.0])
    monkeypatch.setattr("driftline.ingest.model_logger.time.perf_counter", lambda: next(clock))
    log.model("regression").watch(lambda rows: [1.0 for _ in rows])([[0]] * 4)
    assert [document["event"]["duration"] for document in log.documents] == [500_000_000] * 4


def test_an_exception_of_the_model_is_logged_for_each_row_and_raised(log):
    """A call that fails is as many failed predictions as it has rows, with what the model saw."""
    model = LogisticRegression().fit(X, [0, 0, 1, 1])
    watched = log.model("binary").watch(model.predict_proba)
    with pytest.raises(ValueError, match="contains NaN"):
        watched(X.assign(a=math.nan))
    assert [document["event"]["outcome"] for document in log.documents] == ["failure"] * 4
    assert {document["error"]["type"] for document in log.documents} == {"ValueError"}
    assert log.features()[0] == {"b": 1.0}


@pytest.mark.parametrize("rows", [None, 5, [], [[1], [1, 2]], Broken()])
def test_a_call_that_fails_on_rows_nobody_can_read_is_one_failed_prediction(log, rows):
    """It is counted all the same."""
    model = LogisticRegression().fit(X.to_numpy(), [0, 0, 1, 1])
    with pytest.raises((ValueError, TypeError, RuntimeError)):
        log.model("binary").watch(model.predict_proba)(rows)
    (document,) = log.documents
    assert (document["event"]["outcome"], "features" in document) == ("failure", False)


Odd = namedtuple("Odd", "task given answer reason")  # noqa: PYI024 (a table of a test)
ODD = [
    Odd("binary", [[1]], 0.5, "answer: got 0.5, allowed: an answer for each row"),
    Odd("binary", [[1]], None, "answer: got None, allowed"),
    Odd("binary", [[1]], [[0.1, 0.2, 0.7]], "answer: got 3 columns, allowed: 2 for this binary model"),
    Odd("regression", [[1]], [[0.1, 0.2]], "answer: got 2 columns, allowed: 1 for this regression model"),
    Odd("binary", [[1]], [0.5, 0.5], "rows: got 2 of score, label; 1 of features.x0, allowed"),
    Odd("binary", [[1], [1, 2]], [0.5, 0.5], "ValueError: "),
    Odd("binary", Broken(), [0.5], "RuntimeError: "),
    Odd("nonsense", [[1]], [[0.5, 0.5]], "ValueError: 'nonsense' is not a valid Task"),
    Odd("binary", [[1]], [math.nan], "score or label is missing"),
    Odd("multiclass", [[1]], [[math.nan, math.nan]], "label or probabilities is missing"),
]


@pytest.mark.parametrize("odd", ODD)
def test_whatever_a_model_returns_is_what_the_caller_gets(log, odd):
    """What cannot be logged is one line and one dead letter."""
    assert log.model(odd.task).watch(lambda _: odd.answer)(odd.given) is odd.answer
    assert len(log.lines) == len(log.letters) == 1
    assert log.lines[0].startswith(f"driftline: prediction rejected: {odd.reason}")
    assert log.documents == []


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ({"names": ["a"]}, "names: got 1 names of features, allowed: 2"),
        ({"classes": ["a", "b", "c"]}, "classes: got ['a', 'b', 'c'], allowed: two for a binary model"),
        ({"ids": lambda _: 1 / 0}, "ZeroDivisionError: division by zero"),
        ({"segments": lambda _: 5}, "segments: got 5, allowed: a column"),
    ],
)
def test_wrong_options_break_no_call(log, options, reason):
    """The line says what is wrong, and the dead letter holds the answers."""
    assert log.model("binary").watch(lambda _: [0.5], **options)([[1, 2]]) == [0.5]
    assert log.lines[0].startswith(f"driftline: prediction rejected: {reason}")
    assert "0.5" in log.letters[0]["event"]["original"]


def test_a_logger_that_fails_breaks_no_call():
    """Not even a set-up of structlog that raises."""

    def fail(*_: Any) -> Any:
        raise RuntimeError

    model = ModelLogger("m", "binary", logger=structlog.wrap_logger(structlog.ReturnLogger(), processors=[fail]))
    assert model.watch(lambda _: [0.5])([[1]]) == [0.5]
    with pytest.raises(KeyError):
        model.watch(lambda _: {}["x"])([[1]])


def test_a_sparse_matrix_is_not_written_out(log):
    """It may have a hundred thousand columns; its predictions are logged without features."""
    data = sparse.csr_array(X.to_numpy())
    log.model("binary").watch(LogisticRegression().fit(data, [0, 0, 1, 1]).predict_proba)(data)
    assert len(log.documents) == 4
    assert not any("features" in document for document in log.documents)


@pytest.mark.parametrize("data", [["a text", "another"], pd.Series(["a text", "another"])])
def test_a_model_of_texts(log, data):
    """One column is one feature."""
    log.model("binary").watch(lambda rows: ["no" for _ in rows], names=["review"])(data)
    assert log.features() == [{"review": "a text"}, {"review": "another"}]


def test_scores_may_be_a_column(log):
    """As of neural networks with one output."""
    log.model("binary").watch(lambda _: np.array([[0.25], [0.75]]), threshold=np.float32(0.5))([[1], [2]])
    assert log.answers() == [{"score": 0.25, "label": "0"}, {"score": 0.75, "label": "1"}]


def test_an_answer_may_be_a_frame(log):
    """As of models that give pandas back."""
    log.model("multiclass").watch(lambda _: pd.DataFrame([[0.25, 0.75]]), classes=["a", "b"])([[1]])
    assert log.answers() == [{"label": "b", "probabilities": {"a": 0.25, "b": 0.75}}]
