"""A logger of one model: typed helpers for single events and whole batches, and a watch on the model's own calls."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

import structlog

from .checks import uuid7
from .events import TIMESTAMP, Task


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
        self._log.info(
            "prediction",
            model=self._name,
            task=self._task,
            model_version=self._version,
            id=identity,
            label=label,
            score=score,
            probabilities=probabilities,
            value=value,
            features=features or {},
            segments=segments or {},
            duration=duration,
            error=error,
            **_at(timestamp),
            **labels,
        )
        return identity

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
        self._log.info("outcome", **fields, **_at(timestamp), **labels)

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
        self._log.info(
            "change",
            action=action,
            message=message,
            model=self._name,
            model_version=self._version,
            id=id,
            **_at(timestamp),
            **labels,
        )


def _at(timestamp: datetime | str | float | None) -> dict[str, Any]:
    return {} if timestamp is None else {TIMESTAMP: timestamp}
