"""The rows of a training set as columns, each row checked as the event that a service would have logged."""

from __future__ import annotations

import math
import sys
from array import array
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from driftline.ingest.checks import EventError
from driftline.ingest.events import Source
from driftline.ingest.sources.mapping import ANSWERS, TableMapping, outcome

from ..arrays import FloatArray, IntArray
from ..measures import Task
from ..outcomes import evaluate
from ..profiles.raw import Rows
from ..profiles.request import CLASSIFICATION_EVALUATIONS, CROSS, EVALUATIONS, MAX_SEGMENT_VALUES

if TYPE_CHECKING:
    from ..monitors import Model

    Found = Mapping[str, Any]

SOURCE = Source()
BEGINNING = 0.0
"""The time of every row: a training set has none, and nothing that is learnt from it depends on it."""
BROKEN = "the line is no row of this table: it has another number of cells, is no UTF-8 text, or is no JSON object"


@dataclass(frozen=True, slots=True)
class Row:
    """A row that was checked: a prediction as it would be stored, and what came true, `{}` where it is not known."""

    prediction: Found
    actual: Found


def read(mapping: TableMapping, model: Model, row: Found | str) -> Row:
    """A row of the table.

    Args:
        mapping: Which column is which; what it says of model, task, time and id is passed over.
        model: The model that was trained.
        row: The row, or the text of a line that is none.

    Raises:
        EventError: No service could have logged it.
    """
    if isinstance(row, str):
        raise EventError(BROKEN)
    told = {"model": model.name, "task": model.task, "version": None, "id": "row", "timestamp": BEGINNING}
    prediction = mapping.prediction(row, **told)
    if all(getattr(prediction, name) is None for name in ANSWERS):
        # Features alone are what most training sets hold, though as an event they would be a call that failed.
        prediction.error = "a row without an answer"
    place = mapping.fields.get("outcome")
    value = place.of(row) if place else None
    actual = {} if value is None else outcome(value, number=model.task is Task.REGRESSION)
    return Row(prediction.to_document(SOURCE), actual)


class Table:
    """The rows, column by column.

    A feature is numeric or categorical as its first value is; a row with another kind of value is refused.

    Args:
        model: The model that was trained.
    """

    def __init__(self, model: Model) -> None:
        self.size = 0
        self._model = model
        self._columns: dict[tuple[str, str], array[float] | list[str | None]] = {}
        evaluated = model.task is Task.REGRESSION
        self._evaluated = [name for name in EVALUATIONS if (name in CLASSIFICATION_EVALUATIONS) != evaluated]

    def add(self, row: Row) -> None:
        """Add a row.

        Raises:
            EventError: A feature is of another kind than in the rows before; nothing is added.
        """
        cells = {**self._features(row), **dict(self._answer(row))}
        for (kind, name), found in cells.items():
            # Each text is held once, however many rows have it.
            value: Any = sys.intern(found) if kind in _TEXTS else found
            column = self._columns.get((kind, name))
            if column is None:
                column = self._columns[kind, name] = [] if kind in _TEXTS else array("d")
            if gap := self.size - len(column):
                column.extend(self._missing(kind, gap))
            column.append(value)
        self.size += 1

    def _features(self, row: Row) -> dict[tuple[str, str], Any]:
        found = {}
        for name, value in row.prediction.get("features", {}).items():
            kind, other = ("categorical", "numeric") if isinstance(value, str) else ("numeric", "categorical")
            if (other, name) in self._columns:
                allowed = "a number" if other == "numeric" else "a text"
                msg = f"features.{name}: got {value!r}, allowed: {allowed}, as in the rows before"
                raise EventError(msg)
            found[kind, name] = value
        return found

    def _answer(self, row: Row) -> Iterator[tuple[tuple[str, str], Any]]:
        answer = row.prediction.get("prediction", {})
        if "score" in answer:
            yield ("score", str(self._model.positive_class)), answer["score"]
        for name, probability in answer.get("probabilities", {}).items():
            yield ("score", name), probability
        if "value" in answer:
            yield ("value", ""), answer["value"]
        if "label" in answer:
            yield ("predicted", ""), answer["label"]
        for name, value in row.prediction.get("segments", {}).items():
            yield ("segment", name), value
        if not row.actual:
            return
        if "label" in row.actual:
            yield ("actual", ""), row.actual["label"]
        found = evaluate(row.prediction, row.actual, self._model.positive_class)
        for name in self._evaluated:
            value = row.actual.get("value") if name == "actual" else found.get(name)
            if value is not None:
                yield ("evaluation", name), value

    def rows(self) -> Rows:
        """All rows; features and scores in the order of their names."""
        predicted, actual = self._group("predicted"), self._group("actual")
        value = self._group("value").get("")
        evaluations = self._group("evaluation")
        unknown = np.full(self.size, np.nan)
        return Rows(
            numeric=self._group("numeric"),
            categorical=self._group("categorical"),
            scores=self._group("score"),
            value=unknown if value is None and self._model.task is Task.REGRESSION else value,
            predicted=predicted.get("", ()),
            actual=actual.get("", ()),
            evaluations={name: evaluations.get(name, unknown) for name in self._evaluated},
        )

    def segments(self) -> Iterator[tuple[tuple[str, str], IntArray]]:
        """The rows of each value of each segment that is analysed, as their positions; the most frequent values."""
        columns = {name: np.array(values, dtype=object) for name, values in self._group("segment").items()}
        for name in self._model.segments:
            names = name.split(CROSS)
            if all(part in columns for part in names):
                yield from (
                    ((name, CROSS.join(values)), at)
                    for values, at in _crossed([columns[part] for part in names], np.arange(self.size))
                )

    def _group(self, kind: str) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for (of, name), column in sorted(self._columns.items()):
            if of == kind:
                column.extend(self._missing(kind, self.size - len(column)))
                found[name] = column if kind in _TEXTS else np.array(column, np.float64)
        return found

    @staticmethod
    def _missing(kind: str, count: int) -> list[Any]:
        return [None if kind in _TEXTS else math.nan] * count


_TEXTS = ("categorical", "predicted", "actual", "segment")


def _crossed(columns: Sequence[Any], at: IntArray) -> Iterator[tuple[tuple[str, ...], IntArray]]:
    """The values of a segment, or of an intersection of several, and the positions of the rows that have them.

    Args:
        columns: The values of each segment, shape (rows,).
        at: Positions of the rows to look at.
    """
    if not columns:
        yield (), at
        return
    here = columns[0][at]
    counts = Counter(value for value in here if value is not None)
    for value, _ in sorted(counts.items(), key=lambda pair: (-pair[1], pair[0]))[:MAX_SEGMENT_VALUES]:
        for others, rows in _crossed(columns[1:], at[here == value]):
            yield (value, *others), rows


def taken(rows: Rows, at: IntArray) -> Rows:
    """Some of the rows.

    Args:
        rows: All.
        at: Positions of those to take, shape (n,).
    """

    def texts(values: Sequence[str | None]) -> Sequence[str | None]:
        return [values[position] for position in at.tolist()] if len(values) else values

    def numbers(columns: Mapping[str, FloatArray]) -> dict[str, FloatArray]:
        return {name: values[at] for name, values in columns.items()}

    return replace(
        rows,
        numeric=numbers(rows.numeric),
        categorical={name: texts(values) for name, values in rows.categorical.items()},
        scores=numbers(rows.scores),
        value=None if rows.value is None else rows.value[at],
        predicted=texts(rows.predicted),
        actual=texts(rows.actual),
        evaluations=numbers(rows.evaluations),
    )
