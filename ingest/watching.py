"""What a watched model saw and answered, as columns; written for the calling conventions of scikit-learn."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypedDict

from . import checks
from .checks import EventError, native
from .columns import brief, listed, whole
from .events import Task


class WatchOptions(TypedDict, total=False):
    """How to read the calls of a watched model.

    Attributes:
        threshold: Binary: from this score on, the label is the positive class; 0.5 by default.
        classes: Classes in the order of the columns of probabilities; the model's own `classes_`, else 0, 1, ....
            The second one of a binary model is the positive class.
        names: Names of the features of an array, in order; the model's own `feature_names_in_`, else x0, x1, ....
            Of a DataFrame or of mappings: which columns are features; all of them by default.
        ids: Gives the ids of the predictions from what the model was given, such as `lambda frame: frame.index`.
            New ones otherwise, which nobody learns: outcomes need this.
        segments: Gives the segments, as `ModelLogger.predictions` takes them, from what the model was given.
    """

    threshold: float
    classes: Sequence[Any]
    names: Sequence[str]
    ids: Callable[[Any], Any]
    segments: Callable[[Any], Any]


@dataclass(frozen=True, slots=True)
class Reader:
    """Reads what one model is given and what it answers; the options are those of `WatchOptions`."""

    task: Task | str
    model: Any
    threshold: float = 0.5
    classes: Sequence[Any] | None = None
    names: Sequence[str] | None = None
    ids: Callable[[Any], Any] | None = None
    segments: Callable[[Any], Any] | None = None

    def given(self, data: Any) -> dict[str, Any]:
        """The ids, the features and the segments of what the model was given."""
        return {
            "id": self.ids(data) if self.ids else None,
            "features": self._features(data),
            "segments": self.segments(data) if self.segments else None,
        }

    def answered(self, answer: Any) -> dict[str, Any]:
        """The columns of what the model answered.

        Raises:
            EventError: It is none of the forms that `ModelLogger.watch` names.
        """
        try:
            table = _table(answer)
        except TypeError:
            msg = f"answer: got {brief(answer)}, allowed: an answer for each row, or a row of probabilities for each"
            raise EventError(msg) from None
        if table and isinstance(table[0], list):
            if len(table[0]) != 1:
                return self._of_columns(table)
            table = [answer for (answer,) in table]
        if self.task == Task.REGRESSION:
            return {"value": table}
        if self.task == Task.BINARY and self._are_scores(table):
            return self._of_scores(table)
        return {"label": table}

    def _of_columns(self, table: list[list[Any]]) -> dict[str, Any]:
        width = len(table[0])
        if self.task == Task.BINARY and width == 2:
            return self._of_scores([score for _, score in table])
        classes = [_class(found) for found in self._known() or range(width)]
        if self.task == Task.MULTICLASS and width == len(classes):
            columns = zip(*table, strict=True)
            labels = [classes[_largest(row)] if _is_whole(row) else None for row in table]
            return {"probabilities": dict(zip(classes, columns, strict=True)), "label": labels}
        allowed = {Task.BINARY: 2, Task.MULTICLASS: len(classes)}.get(Task(self.task), 1)
        msg = f"answer: got {width} columns, allowed: {allowed} for this {self.task} model"
        raise EventError(msg)

    def _of_scores(self, scores: list[Any]) -> dict[str, Any]:
        classes = self._known() or [0, 1]
        if len(classes) != 2:
            checks.refuse("classes", classes, "two for a binary model")
        negative, positive = map(_class, classes)
        edge = self.threshold  # NaN is on neither side of it
        labels = [positive if score >= edge else negative if score < edge else None for score in scores]
        return {"score": scores, "label": labels}

    def _are_scores(self, answers: list[Any]) -> bool:
        # `predict` of a model whose classes are 0.0 and 1.0 answers with floats that are classes.
        known = self._known()
        return all(isinstance(answer, float) for answer in answers) and not all(answer in known for answer in answers)

    def _known(self) -> list[Any]:
        """The classes that somebody has named."""
        given = self.classes if self.classes is not None else getattr(self.model, "classes_", None)
        return [] if given is None else listed(given)

    def _features(self, data: Any) -> Any:
        if hasattr(data, "toarray"):  # a sparse matrix: written out, it may not fit into memory
            return None
        if isinstance(data, Mapping) or (hasattr(data, "columns") and hasattr(data, "items")):
            return {name: column for name, column in data.items() if self.names is None or name in self.names}
        table = _table(data)
        if table and all(isinstance(row, Mapping) for row in table):
            named = self.names if self.names is not None else dict.fromkeys(name for row in table for name in row)
            return {name: [row.get(name) for row in table] for name in named}
        columns = list(zip(*table, strict=True)) if table and isinstance(table[0], list) else [table]
        names = self.names if self.names is not None else getattr(self.model, "feature_names_in_", None)
        found = [f"x{number}" for number in range(len(columns))] if names is None else listed(names)
        if len(found) != len(columns):
            msg = f"names: got {len(found)} names of features, allowed: {len(columns)}, one for each column"
            raise EventError(msg)
        return dict(zip(found, columns, strict=True))


def _table(data: Any) -> list[Any]:
    """An array or a list of one or two dimensions as a list, of lists where it has two."""
    if not hasattr(data, "tolist") and hasattr(data, "to_numpy"):  # a DataFrame
        data = data.to_numpy()
    return listed(data) if hasattr(data, "tolist") else [_row(row) for row in listed(data)]


def _row(row: Any) -> Any:
    if isinstance(row, str | bytes | Mapping):
        return row
    return [native(value) for value in listed(row)] if hasattr(row, "__len__") else native(row)


def _class(value: Any) -> str:
    return checks.label("classes", whole(native(value)))


def _is_whole(row: list[Any]) -> bool:
    return all(value == value for value in row)  # noqa: PLR0124 (NaN differs from itself)


def _largest(row: list[float]) -> int:
    return max(range(len(row)), key=row.__getitem__)
