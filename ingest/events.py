"""The three events, prediction, outcome and change, and their documents. Field names are written here and nowhere else.

Documents follow the Elastic Common Schema (https://www.elastic.co/docs/reference/ecs) where it has a field, and use
short field sets of their own where it has none: `model`, `prediction`, `features`, `segments`, `outcome`, `evaluation`.
"""

from __future__ import annotations

import hashlib
import json
import math
import os
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Any, NoReturn

ECS_VERSION = "9.0.0"
UNVERSIONED = "unversioned"
"""The version of a model that names none: a document always has one, since windows are counted per version."""
MAX_ID_BYTES = 480
"""The longest id: Elasticsearch takes 512 bytes, and an outcome's `_id` adds a digest to that of its prediction."""

TIMESTAMP = "@timestamp"
EVENT_ID = "event.id"
EVENT_INGESTED = "event.ingested"
EVENT_DURATION = "event.duration"
EVENT_OUTCOME = "event.outcome"
MODEL_NAME = "model.name"
MODEL_VERSION = "model.version"
MODEL_TASK = "model.task"
PREDICTION_LABEL = "prediction.label"
PREDICTION_SCORE = "prediction.score"
PREDICTION_VALUE = "prediction.value"
PREDICTION_PROBABILITIES = "prediction.probabilities"
FEATURES = "features"
SEGMENTS = "segments"
OUTCOME_LABEL = "outcome.label"
OUTCOME_VALUE = "outcome.value"
OUTCOME_TIMESTAMP = "outcome.timestamp"
OUTCOME_DELAY = "outcome.delay"
OUTCOME_REVISION = "outcome.revision"
OUTCOME_JOINED = "outcome.joined"
OUTCOME_STATUS = "outcome.status"
EVALUATION_CORRECT = "evaluation.correct"
EVALUATION_LOG_LOSS = "evaluation.log_loss"
EVALUATION_BRIER = "evaluation.brier"
EVALUATION_ERROR = "evaluation.error"
EVALUATION_ABSOLUTE_ERROR = "evaluation.absolute_error"
EVALUATION_SQUARED_ERROR = "evaluation.squared_error"
EVALUATION_ABSOLUTE_PERCENTAGE_ERROR = "evaluation.absolute_percentage_error"


class Task(StrEnum):
    """What kind of answer a model gives."""

    BINARY = "binary"
    MULTICLASS = "multiclass"
    REGRESSION = "regression"


class Dataset(StrEnum):
    """The kinds of documents, as `event.dataset` names them."""

    PREDICTIONS = "driftline.predictions"
    OUTCOMES = "driftline.outcomes"
    CHANGES = "driftline.changes"
    DEADLETTER = "driftline.deadletter"


class EventError(ValueError):
    """An event is not what it should be; the text names the field, what it got, and what is allowed."""


@dataclass(frozen=True, slots=True)
class Source:
    """The service that an event comes from, as ECS `service.*`, and the namespace that its events go to."""

    service: str | None = None
    version: str | None = None
    environment: str | None = None
    namespace: str = "default"


@dataclass(frozen=True, slots=True, kw_only=True)
class Prediction:
    """One answer of a model.

    Attributes:
        model: Name of the model.
        task: What kind of answer it is.
        version: Version of the model.
        id: Identifies the prediction to the outcome that comes later; a UUIDv7 by default.
        timestamp: When it was made, with a time zone; now by default.
        label: Predicted class (binary, multiclass).
        score: Probability of the positive class, from 0 to 1 (binary).
        probabilities: Probability per class, from 0 to 1 (multiclass).
        value: Predicted number (regression).
        features: What the model saw, by name: numbers and texts. None and NaN are missing values and left out.
        segments: Groups that it belongs to, by name: regions, channels, protected attributes.
        duration: How long it took, in seconds.
        trace_id: The distributed trace that it is part of.
        error: Why there is no answer, for a prediction that failed.
        labels: Anything else, as text, by name.
    """

    model: str
    task: Task | str
    version: str | None = None
    id: str | None = None
    timestamp: datetime | str | float | None = None
    label: str | bool | int | None = None
    score: float | None = None
    probabilities: Mapping[str, float] | None = None
    value: float | None = None
    features: Mapping[str, Any] = field(default_factory=dict)
    segments: Mapping[str, Any] = field(default_factory=dict)
    duration: float | timedelta | None = None
    trace_id: str | None = None
    error: BaseException | str | None = None
    labels: Mapping[str, Any] = field(default_factory=dict)

    def to_document(self, source: Source) -> dict[str, Any]:
        """The prediction as it is stored.

        Raises:
            EventError: Something in it is not allowed.
        """
        task = _task(self.task)
        event: dict[str, Any] = {"id": _id(self.id), "kind": "event", "dataset": Dataset.PREDICTIONS.value}
        if self.duration is not None:
            event["duration"] = _duration(self.duration)
        event["outcome"] = "success" if self.error is None else "failure"
        document = _envelope(self.timestamp, Dataset.PREDICTIONS, event, source)
        document["model"] = {
            "name": _text("model", self.model),
            "version": UNVERSIONED if self.version is None else _text("model_version", self.version),
            "task": task.value,
        }
        if answer := self._answer(task):
            document["prediction"] = answer
        if self.features:
            document["features"] = _features(self.features)
        if self.segments:
            document["segments"] = _segments(self.segments)
        if self.trace_id is not None:
            document["trace"] = {"id": _text("trace_id", self.trace_id)}
        if self.error is not None:
            document["error"] = _error(self.error)
        return document | _labels(self.labels)

    def _answer(self, task: Task) -> dict[str, Any]:
        given = {"label": self.label, "score": self.score, "probabilities": self.probabilities, "value": self.value}
        allowed = _ANSWERS[task]
        for name, value in given.items():
            if value is not None and name not in allowed:
                _refuse(name, value, f"only {', '.join(allowed)} for a {task} model")
        answer: dict[str, Any] = {}
        if self.label is not None:
            answer["label"] = _label("label", self.label)
        if self.score is not None:
            answer["score"] = _probability("score", self.score)
        if self.probabilities is not None:
            answer["probabilities"] = {
                _name("probabilities", name): _probability(f"probabilities.{name}", p)
                for name, p in self.probabilities.items()
            }
        if self.value is not None:
            answer["value"] = _number("value", self.value)
        if not answer and self.error is None:
            msg = f"{' or '.join(allowed)} is missing: a {task} prediction has at least one of them, or an error"
            raise EventError(msg)
        return answer


_ANSWERS = {
    Task.BINARY: ("score", "label"),
    Task.MULTICLASS: ("label", "probabilities"),
    Task.REGRESSION: ("value",),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What came true of one prediction.

    Attributes:
        id: The prediction's id.
        label: The true class.
        value: The true number (regression). Exactly one of the two is given.
        timestamp: When it became known, with a time zone; now by default. Of several outcomes, the last one counts.
        model: Name of the model, for people who read the outcome alone.
        labels: Anything else, as text, by name.
    """

    id: str
    label: str | bool | int | None = None
    value: float | None = None
    timestamp: datetime | str | float | None = None
    model: str | None = None
    labels: Mapping[str, Any] = field(default_factory=dict)

    def to_document(self, source: Source) -> dict[str, Any]:
        """The outcome as it is stored, waiting for its prediction.

        Raises:
            EventError: Something in it is not allowed.
        """
        if (self.label is None) == (self.value is None):
            msg = f"label and value: got {self.label!r} and {self.value!r}, allowed: exactly one of them"
            raise EventError(msg)
        event = {"id": _id(self.id, required=True), "kind": "event", "dataset": Dataset.OUTCOMES.value}
        document = _envelope(self.timestamp, Dataset.OUTCOMES, event, source)
        if self.model is not None:
            document["model"] = {"name": _text("model", self.model)}
        actual: dict[str, Any] = (
            {"label": _label("label", self.label)} if self.value is None else {"value": _number("value", self.value)}
        )
        document["outcome"] = {**actual, "status": "pending"}
        return document | _labels(self.labels)


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """Something that changed around a model: a deployment, a setting, a data source.

    Attributes:
        action: What was done, such as `model-deployed`.
        message: What to tell people.
        model: Name of the model.
        version: Version that it has now.
        id: Identifies the change; a UUIDv7 by default.
        timestamp: When, with a time zone; now by default.
        labels: Anything else, as text, by name.
    """

    action: str
    message: str | None = None
    model: str | None = None
    version: str | None = None
    id: str | None = None
    timestamp: datetime | str | float | None = None
    labels: Mapping[str, Any] = field(default_factory=dict)

    def to_document(self, source: Source) -> dict[str, Any]:
        """The change as it is stored.

        Raises:
            EventError: Something in it is not allowed.
        """
        event = {
            "id": _id(self.id),
            "kind": "event",
            "type": ["change"],
            "action": _text("action", self.action),
            "dataset": Dataset.CHANGES.value,
        }
        document = _envelope(self.timestamp, Dataset.CHANGES, event, source)
        model = {"name": self.model, "version": self.version}
        if found := {name: _text(f"model.{name}", value) for name, value in model.items() if value is not None}:
            document["model"] = found
        if self.message is not None:
            document["message"] = _text("message", self.message)
        return document | _labels(self.labels)


def dead_letter(original: Any, reason: str, kind: str, source: Source) -> dict[str, Any]:
    """The document of an event that could not be stored: whole, with the reason."""
    text = _as_text(original)
    identity = hashlib.sha256(f"{reason}\x1f{text}".encode(errors="backslashreplace")).hexdigest()[:32]
    event = {
        "id": identity,
        "kind": "pipeline_error",
        "dataset": Dataset.DEADLETTER.value,
        "reason": reason,
        "original": text,
    }
    return _envelope(None, Dataset.DEADLETTER, event, source) | {"error": {"type": kind, "message": reason}}


def _as_text(original: Any) -> str:
    """The event as JSON, as well as that can be done; it never raises, whatever is in the event."""
    try:
        return json.dumps(original, default=shown)
    except (TypeError, ValueError, RecursionError):
        return shown(original)


def shown(value: Any) -> str:
    """A value as text for people; it never raises, whatever the value is."""
    try:
        return str(value) if isinstance(value, Exception) else repr(value)
    except Exception:  # noqa: BLE001 (a stranger's __repr__ may raise anything)
        return f"<{type(value).__name__} that cannot be shown>"


def document_id(document: Mapping[str, Any]) -> str:
    """The `_id` under which a document is stored: the same event, sent again, is the same document.

    That of an outcome holds what it says, so that a correction is a document of its own.
    """
    identity: str = document["event"]["id"]
    if document["event"]["dataset"] != Dataset.OUTCOMES:
        return identity
    outcome = document["outcome"]
    content = f"{document[TIMESTAMP]}\x1f{outcome.get('label')}\x1f{outcome.get('value')}"
    digest = hashlib.sha256(content.encode()).hexdigest()[:16]
    return f"{identity}.{digest}"


def uuid7(milliseconds: int | None = None, noise: bytes | None = None) -> str:
    """A UUID whose first 48 bits are the time in milliseconds, so that an id tells when its prediction was made.

    Source: RFC 9562, section 5.7, https://www.rfc-editor.org/rfc/rfc9562#name-uuid-version-7.

    Args:
        milliseconds: The time since 1970; now by default.
        noise: 10 bytes that tell ids of one millisecond apart; random by default.
    """
    moment = time.time_ns() // 1_000_000 if milliseconds is None else milliseconds & (1 << 48) - 1
    value = int.from_bytes(os.urandom(10) if noise is None else noise[:10]) | moment << 80
    value = value & ~(0xF << 76) | 0x7 << 76
    value = value & ~(0x3 << 62) | 0x2 << 62
    text = f"{value:032x}"
    return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"


def _envelope(
    timestamp: datetime | str | float | None, dataset: Dataset, event: dict[str, Any], source: Source
) -> dict[str, Any]:
    document: dict[str, Any] = {
        TIMESTAMP: _moment(timestamp),
        "ecs": {"version": ECS_VERSION},
        "data_stream": {"type": "logs", "dataset": dataset.value, "namespace": source.namespace},
        "event": event,
    }
    service = {"name": source.service, "version": source.version, "environment": source.environment}
    if found := {name: value for name, value in service.items() if value is not None}:
        document["service"] = found
    return document


def _refuse(name: str, got: Any, allowed: str) -> NoReturn:
    # A name may come from the event itself, and then hold what no encoding can write.
    where = name.encode(errors="backslashreplace").decode()
    msg = f"{where}: got {shown(got)}, allowed: {allowed}"
    raise EventError(msg)


def _task(task: Any) -> Task:
    try:
        return Task(task)
    except ValueError:
        _refuse("task", task, ", ".join(Task))


def _text(name: str, value: Any) -> str:
    if not isinstance(value, str) or not value:
        _refuse(name, value, "a text that is not empty")
    return value


def _id(value: Any, *, required: bool = False) -> str:
    if value is None and not required:
        return uuid7()
    if isinstance(value, int) and not isinstance(value, bool):
        value = str(value)
    if not isinstance(value, str) or not value or len(value.encode()) > MAX_ID_BYTES:
        _refuse("id", value, f"a text of 1 to {MAX_ID_BYTES} bytes")
    return value


def _moment(value: Any) -> str:
    if value is None:
        return datetime.now(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")
    try:
        if isinstance(value, int | float):
            value = datetime.fromtimestamp(value, UTC)
        moment = datetime.fromisoformat(value) if isinstance(value, str) else value
        if moment.tzinfo is not None:
            precision = "microseconds" if moment.microsecond % 1000 else "milliseconds"
            return str(moment.astimezone(UTC).isoformat(timespec=precision).replace("+00:00", "Z"))
    except (AttributeError, TypeError, ValueError, OverflowError):
        pass
    _refuse("timestamp", value, "a datetime or an ISO 8601 text, either with a time zone, or seconds since 1970")


def _duration(value: Any) -> int:
    seconds = value.total_seconds() if isinstance(value, timedelta) else _number("duration", value)
    if seconds < 0:
        _refuse("duration", value, "seconds, not below 0, or a timedelta")
    return round(seconds * 1e9)


def _number(name: str, value: Any) -> float:
    value = _native(value)
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        _refuse(name, value, "a finite number")
    return float(value)


def _probability(name: str, value: Any) -> float:
    value = _native(value)
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= 1:
        _refuse(name, value, "a probability, a number from 0 to 1")
    return float(value)


def _label(name: str, value: Any) -> str:
    value = _native(value)
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value)
    return _text(name, value)


def _name(where: str, name: Any) -> str:
    if not isinstance(name, str) or not name or "." in name or name != name.strip():
        _refuse(f"a name in {where}", name, "a text without dots, and without spaces at its ends")
    return name


def _features(features: Mapping[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, given in features.items():
        value = given if type(given) in (float, int, str) else _native(given)
        if value is None or value != value:  # noqa: PLR0124 (NaN is what differs from itself; faster than a call)
            continue
        if isinstance(value, bool):
            value = "true" if value else "false"
        elif not isinstance(value, str | int | float):
            _refuse(f"features.{name}", value, "a number, a text, a truth value, or None for a missing one")
        elif value in (math.inf, -math.inf):
            _refuse(f"features.{name}", value, "a finite number")
        elif isinstance(value, int) and not -MAX_INTEGER <= value <= MAX_INTEGER:
            value = float(value)
        found[_name("features", name)] = value
    return found


def _segments(segments: Mapping[str, Any]) -> dict[str, str]:
    # None and NaN are missing values, as among features.
    return {
        _name("segments", name): _label(f"segments.{name}", value)
        for name, value in segments.items()
        if value is not None and value == value  # noqa: PLR0124 (NaN is what differs from itself)
    }


MAX_INTEGER = 2**53
"""The largest integer that a double, and so Elasticsearch, holds exactly."""


def _native(value: Any) -> Any:
    """The Python value of a NumPy or pandas scalar, without importing either."""
    item = getattr(value, "item", None)
    return item() if callable(item) and getattr(value, "ndim", 0) == 0 else value


def _labels(labels: Mapping[str, Any]) -> dict[str, Any]:
    return {"labels": {str(name): str(value) for name, value in labels.items()}} if labels else {}


def _error(error: BaseException | str) -> dict[str, str]:
    if isinstance(error, BaseException):
        return {"type": type(error).__name__, "message": str(error) or type(error).__name__}
    return {"message": _text("error", error)}
