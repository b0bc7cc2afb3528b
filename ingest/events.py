"""The three events, prediction, outcome and change, and their documents.

Field names are written here, and what a dead letter adds to them in `dead_letters`; nowhere else.

Documents follow the Elastic Common Schema (https://www.elastic.co/docs/reference/ecs) where it has a field, and use
short field sets of their own where it has none: `model`, `prediction`, `features`, `segments`, `outcome`, `evaluation`.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from datetime import datetime, timedelta
from enum import StrEnum
from functools import lru_cache
from typing import Any

import orjson

from . import checks
from .checks import EventError

ECS_VERSION = "9.0.0"
UNVERSIONED = "unversioned"
"""The version of a model that names none: a document always has one, since windows are counted per version."""

TIMESTAMP = "@timestamp"
TAGS = "tags"
DATASET = "data_stream.dataset"
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
    SHIPPER = "driftline.shipper"


_PREDICTIONS, _OUTCOMES = Dataset.PREDICTIONS.value, Dataset.OUTCOMES.value
"""Plain texts, which compare faster than members: the log call waits for that."""


@dataclass(frozen=True, slots=True)
class Source:
    """The service that an event comes from, as ECS `service.*`, and the namespace that its events go to."""

    service: str | None = None
    version: str | None = None
    environment: str | None = None
    namespace: str = "default"
    # The same in all its documents, so it is made once: the log call waits for it.
    _fields: dict[str, str] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        given = {"name": self.service, "version": self.version, "environment": self.environment}
        object.__setattr__(self, "_fields", {name: value for name, value in given.items() if value is not None})

    def fields(self) -> dict[str, str]:
        """What its documents say of it: `service.*`."""
        return self._fields.copy()


# Not frozen: that makes a microsecond of the log call, which a service waits for.
@dataclass(slots=True, kw_only=True)
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
        task, model = _model(self.model, self.version, self.task)
        event: dict[str, Any] = {"id": checks.identity(self.id), "kind": "event", "dataset": _PREDICTIONS}
        if self.duration is not None:
            event["duration"] = checks.duration(self.duration)
        event["outcome"] = "success" if self.error is None else "failure"
        document = envelope(self.timestamp, event, source)
        document["model"] = model
        if answer := self._answer(task):
            document["prediction"] = answer
        # What is no dict, such as a row of a DataFrame, may have no truth value.
        if not isinstance(self.features, dict) or self.features:
            document["features"] = checks.features(self.features)
        if not isinstance(self.segments, dict) or self.segments:
            document["segments"] = checks.segments(self.segments)
        if self.trace_id is not None:
            document["trace"] = {"id": checks.text("trace_id", self.trace_id)}
        if self.error is not None:
            document["error"] = checks.error(self.error)
        return document | checks.labels(self.labels) if self.labels else document

    def _answer(self, task: Task) -> dict[str, Any]:
        answer: dict[str, Any] = {}
        allowed = _ANSWERS[task]
        for name, check in _ANSWER_CHECKS:
            if (value := getattr(self, name)) is not None:
                if name not in allowed:
                    checks.refuse(name, value, f"only {', '.join(allowed)} for a {task} model")
                answer[name] = check(name, value)
        if not answer and self.error is None:
            msg = f"{' or '.join(allowed)} is missing: a {task} prediction has at least one of them, or an error"
            raise EventError(msg)
        return answer


def _probabilities(where: str, given: Mapping[str, Any]) -> dict[str, float]:
    return {checks.name(where, name): checks.probability(f"{where}.{name}", p) for name, p in given.items()}


_ANSWER_CHECKS: tuple[tuple[str, Callable[[str, Any], Any]], ...] = (
    ("label", checks.label),
    ("score", checks.probability),
    ("probabilities", _probabilities),
    ("value", checks.number),
)
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
        event = {"id": checks.identity(self.id, required=True), "kind": "event", "dataset": Dataset.OUTCOMES.value}
        document = envelope(self.timestamp, event, source)
        if self.model is not None:
            document["model"] = {"name": checks.text("model", self.model)}
        actual: dict[str, Any] = (
            {"label": checks.label("label", self.label)}
            if self.value is None
            else {"value": checks.number("value", self.value)}
        )
        document["outcome"] = {**actual, "status": "pending"}
        # In the document, so that any shipper knows the `_id` without making a digest.
        event["hash"] = document_id(document)
        return document | checks.labels(self.labels)


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
            "id": checks.identity(self.id),
            "kind": "event",
            "type": ["change"],
            "action": checks.text("action", self.action),
            "dataset": Dataset.CHANGES.value,
        }
        document = envelope(self.timestamp, event, source)
        model = {"name": self.model, "version": self.version}
        if found := {name: checks.text(f"model.{name}", value) for name, value in model.items() if value is not None}:
            document["model"] = found
        if self.message is not None:
            document["message"] = checks.text("message", self.message)
        return document | checks.labels(self.labels)


EVENTS: Mapping[str, type[Prediction | Outcome | Change]] = {
    "prediction": Prediction,
    "outcome": Outcome,
    "change": Change,
}
"""What the log events are called that become documents."""
FIELDS: Mapping[str, frozenset[str]] = {
    event: frozenset(f.name for f in fields(kind)) - {"labels"} for event, kind in EVENTS.items()
}
"""The keys of these log events that are fields; all others are labels."""
REFUSED = "refused"
"""The key of an `EventError` with which an event comes that was found to be wrong before it was logged."""


def report(numbers: Mapping[str, float], service: Any, process: int, namespace: str) -> dict[str, Any]:
    """The document that tells how a shipper does.

    Args:
        numbers: Its counters by name.
        service: `service.*` of the service that it is in, None where that is not told.
        process: Its process id.
        namespace: Namespace of the data streams.
    """
    event = {"id": checks.uuid7(), "kind": "metric", "dataset": Dataset.SHIPPER.value}
    document = envelope(None, event, Source(namespace=namespace))
    host = {"host": {"name": os.uname().nodename}, "process": {"pid": process}}
    return document | host | {"shipper": dict(numbers)} | ({"service": service} if service else {})


def document_id(document: Mapping[str, Any]) -> str:
    """The `_id` under which a document is stored: the same event, sent again, is the same document.

    That of an outcome holds what it says, so that a correction is a document of its own.
    """
    identity: str = document["event"]["id"]
    if document["event"]["dataset"] != _OUTCOMES:
        return identity
    outcome = document["outcome"]
    content = f"{document[TIMESTAMP]}\x1f{outcome.get('label')}\x1f{outcome.get('value')}"
    digest = hashlib.sha256(content.encode()).hexdigest()[:16]
    return f"{identity}.{digest}"


def to_json(document: Mapping[str, Any]) -> bytes:
    """A document as JSON.

    Raises:
        TypeError: It cannot be written as JSON.
    """
    try:
        return orjson.dumps(document)
    except TypeError:
        # A name may be a text of another library, such as NumPy's. Looking for those costs time, so it is tried last.
        return orjson.dumps(document, option=orjson.OPT_NON_STR_KEYS)


def envelope(timestamp: datetime | str | float | None, event: dict[str, Any], source: Source) -> dict[str, Any]:
    """What all documents begin with: when, the data stream, the event and whose it is; `event` is kept, not copied."""
    document: dict[str, Any] = {
        TIMESTAMP: checks.now() if timestamp is None else checks.moment(timestamp),
        "ecs": {"version": ECS_VERSION},
        "data_stream": {"type": "logs", "dataset": event["dataset"], "namespace": source.namespace},
        "event": event,
    }
    if service := source.fields():
        document["service"] = service
    return document


def _model(name: Any, version: Any, task: Any) -> tuple[Task, dict[str, str]]:
    try:
        found, model = _checked_model(name, version, task)
    except TypeError:  # one of them cannot be hashed, so it is no text, and that is what is to be said
        found, model = _checked_model.__wrapped__(name, version, task)
    return found, model.copy()


@lru_cache(maxsize=1_000)
def _checked_model(name: Any, version: Any, task: Any) -> tuple[Task, dict[str, str]]:
    # The same few come with every prediction, and the log call waits for this.
    found = _task(task)
    model = {
        "name": checks.text("model", name),
        "version": UNVERSIONED if version is None else checks.text("model_version", version),
        "task": found.value,
    }
    return found, model


def _task(task: Any) -> Task:
    # A Task is a text, and equal to its value.
    found = _TASKS.get(task) if isinstance(task, str) else None
    return found or checks.refuse("task", task, ", ".join(Task))


_TASKS = {task.value: task for task in Task}
