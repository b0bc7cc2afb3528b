"""A logger of one model: typed helpers for single events and whole batches, and a watch on the model's own calls."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from datetime import datetime, timedelta
from functools import partial, wraps
from typing import Any, ParamSpec, TypeVar, Unpack, overload

import structlog

from . import columns
from .checks import EventError, shown, uuid7
from .events import REFUSED, TIMESTAMP, Task
from .watching import Reader, WatchOptions

P = ParamSpec("P")
R = TypeVar("R")


class ModelLogger:
    """Logs the predictions, outcomes and changes of one model, with names that a type checker knows.

    Args:
        name: Name of the model.
        task: What kind of answer it gives.
        version: Its version.
        logger: The structlog logger to use; the default one when left out.
    """

    def __init__(self, name: str, task: Task | str, version: str | None = None, logger: Any = None) -> None:
        self._log = logger if logger is not None else structlog.get_logger()
        self._is_proxy = logger is None
        self._name = name
        self._task = task
        self._version = version

    def prediction(  # noqa: PLR0913 (the fields of a prediction)
        self,
        *,
        id: str | None = None,  # noqa: A002 (the field's name)
        label: str | bool | int | None = None,
        score: float | None = None,
        probabilities: Mapping[str, float] | None = None,
        value: float | None = None,
        features: Mapping[str, Any] | None = None,
        segments: Mapping[str, Any] | None = None,
        duration: float | timedelta | None = None,
        timestamp: datetime | str | float | None = None,
        error: BaseException | str | None = None,
        **labels: Any,
    ) -> str:
        """Log a prediction; see `Prediction` for the arguments.

        Returns:
            Its id, to be kept for the outcome.
        """
        identity = id if id is not None else uuid7()
        self._assembled().info(
            "prediction",
            **self._model(),
            id=identity,
            label=label,
            score=score,
            probabilities=probabilities,
            value=value,
            features={} if features is None else features,
            segments={} if segments is None else segments,
            duration=duration,
            error=error,
            **_at(timestamp),
            **labels,
        )
        return identity

    def predictions(  # noqa: PLR0913 (the fields of a prediction)
        self,
        *,
        ids: Any = None,
        label: Any = None,
        score: Any = None,
        probabilities: Any = None,
        value: Any = None,
        features: Any = None,
        segments: Any = None,
        duration: Any = None,
        timestamp: Any = None,
        error: BaseException | str | None = None,
        **labels: Any,
    ) -> list[str]:
        """Log one prediction for each row of a batch, from columns.

        A column is a list, an array or a Series; NaN, NaT, NA and None are missing. A wrong row is a dead letter, as a
        wrong prediction is, and the others go on. When columns differ in length no row can be trusted: one line says
        so, one dead letter holds the first 1,000 values of each column, and nothing else is logged.

        Args:
            ids: The ids; new ones where they are missing.
            label: The predicted classes (binary, multiclass).
            score: The probabilities of the positive class (binary).
            probabilities: A DataFrame or a mapping of columns, by class; or a column of mappings (multiclass).
            value: The predicted numbers (regression).
            features: What the model saw: a DataFrame or a mapping of columns, by name.
            segments: Groups, likewise.
            duration: How long each row took, in seconds: a column, or one value for all.
            timestamp: When each was made: a column, or one time for all; now by default.
            error: Why there are no answers, for a batch that failed.
            labels: Anything else, the same for all rows.

        Returns:
            The ids in the order of the rows; none when the batch is refused as a whole.
        """
        given = {"id": ids, "label": label, "score": score, "probabilities": probabilities, "value": value}
        given |= {"features": features, "segments": segments}
        same = labels | {"error": error}
        for name, of_rows in (("duration", duration), (TIMESTAMP, timestamp)):
            (same if columns.is_single(of_rows) else given)[name] = of_rows
        return self._log_rows(given, same)

    def outcome(
        self,
        id: str,  # noqa: A002 (the field's name)
        *,
        label: str | bool | int | None = None,
        value: float | None = None,
        timestamp: datetime | str | float | None = None,
        **labels: Any,
    ) -> None:
        """Log what came true of a prediction; see `Outcome` for the arguments."""
        fields = {"model": self._name, "id": id, "label": label, "value": value}
        self._assembled().info("outcome", **fields, **_at(timestamp), **labels)

    def change(
        self,
        action: str,
        message: str | None = None,
        *,
        id: str | None = None,  # noqa: A002 (the field's name)
        timestamp: datetime | str | float | None = None,
        **labels: Any,
    ) -> None:
        """Log a change around the model; see `Change` for the arguments."""
        self._assembled().info(
            "change",
            action=action,
            message=message,
            model=self._name,
            model_version=self._version,
            id=id,
            **_at(timestamp),
            **labels,
        )

    @overload
    def watch(self, call: Callable[P, R], **options: Unpack[WatchOptions]) -> Callable[P, R]: ...

    @overload
    def watch(
        self, call: None = None, **options: Unpack[WatchOptions]
    ) -> Callable[[Callable[P, R]], Callable[P, R]]: ...

    def watch(self, call: Callable[P, R] | None = None, **options: Unpack[WatchOptions]) -> Any:
        """Log every call of a model: as a wrapper, `watch(model.predict_proba)`, or as a decorator, `@watch`.

        The first argument of a call is the rows: a DataFrame, an array, or a list of rows or mappings. The answer has
        one entry a row: probabilities by class, as of `predict_proba`; scores (floats, binary); labels, as of `predict`
        of a classifier; or values (regression). Each row is one prediction, whose duration is that of the call divided
        by the rows. A call that raises is logged as failed predictions. What the model returns or raises is what
        the caller gets, whatever happens while it is logged; logging a row takes some microseconds of the caller's.

        Args:
            call: The model's method, or a function.
            options: How to read its calls; see `WatchOptions`.

        Returns:
            A function that is called as the model is.
        """
        if call is None:
            return partial(self.watch, **options)
        reader = Reader(self._task, getattr(call, "__self__", None), **options)

        @wraps(call)
        def watched(*args: P.args, **kwargs: P.kwargs) -> R:
            rows = args[0] if args else next(iter(kwargs.values()), None)
            started = time.perf_counter()
            try:
                answer = call(*args, **kwargs)
            except Exception as error:
                with suppress(Exception):
                    self._log_failure(reader, rows, time.perf_counter() - started, error)
                raise
            with suppress(Exception):
                self._log_answer(reader, rows, time.perf_counter() - started, answer)
            return answer

        return watched

    def _log_answer(self, reader: Reader, rows: Any, seconds: float, answer: Any) -> None:
        given: dict[str, Any] = {}
        try:
            given |= reader.answered(answer)
            given |= reader.given(rows)
        except Exception as wrong:  # noqa: BLE001 (a stranger's rows may raise anything)
            self._refuse(given or {"answer": answer}, wrong)
        else:
            self._log_rows(given, {}, seconds)

    def _log_failure(self, reader: Reader, rows: Any, seconds: float, error: Exception) -> None:
        # Rows that the model cannot read, we may not be able to read either.
        given: dict[str, Any] = {}
        with suppress(Exception):
            given = reader.given(rows)
            given = given if columns.rows(given)[0] else {}
        if given:
            self._log_rows(given, {"error": error}, seconds)
        else:
            self.prediction(error=error, duration=seconds)

    def _log_rows(self, given: Mapping[str, Any], same: Mapping[str, Any], seconds: float | None = None) -> list[str]:
        try:
            number, rows = columns.rows(given)
        except Exception as wrong:  # noqa: BLE001 (a stranger's column may raise anything)
            self._refuse(given, wrong)
            return []
        shared = {**same, "duration": seconds / number} if seconds is not None and number else same
        log = self._log.bind(**shared, **self._model())
        identities = []
        for row in rows:
            identity = row.pop("id", None)
            identity = uuid7() if identity is None else identity
            log.info("prediction", id=identity, **row)
            identities.append(str(identity))
        return identities

    def _refuse(self, given: Mapping[str, Any], wrong: Exception) -> None:
        reason = wrong if isinstance(wrong, EventError) else EventError(f"{type(wrong).__name__}: {shown(wrong)}")
        kept = {name: columns.head(column) for name, column in given.items() if column is not None}
        self._assembled().info("prediction", **self._model(), **{REFUSED: reason}, **kept)

    def _assembled(self) -> Any:
        # A proxy gives its logger at once, while each of its other names is looked for in vain first.
        return self._log.bind() if self._is_proxy else self._log

    def _model(self) -> dict[str, Any]:
        return {"model": self._name, "task": self._task, "model_version": self._version}


def _at(timestamp: datetime | str | float | None) -> dict[str, Any]:
    return {} if timestamp is None else {TIMESTAMP: timestamp}
