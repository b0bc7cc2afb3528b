"""The structlog processors that turn three log events into documents, and a set-up for services that have none.

    log.info("prediction", model="churn", task="binary", score=0.31, label="stays", features={"age": 41})
    log.info("outcome", id="...", label="leaves")
    log.info("change", action="model-deployed", model="churn", model_version="2.0")

Every other event passes untouched. A wrong event never raises: it becomes one clear line and a dead letter.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping, MutableMapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Protocol

import orjson
import structlog
from structlog.typing import Processor

from .checks import EventError, shown
from .dead_letters import dead_letter
from .events import EVENTS, FIELDS, REFUSED, TIMESTAMP, Source
from .privacy import Privacy
from .streams import Streams

_STRUCTLOG = frozenset(
    {"event", "level", "logger", "logger_name", "stack_info", "exc_info", "exception", "_record", "_from_structlog"}
)
"""Keys that structlog's own processors add: about the log line, not about the prediction."""
_APART = _STRUCTLOG | {"model_version", TIMESTAMP}
"""Keys that are no labels, though no field is called so."""


class Carrier(Protocol):
    """What takes documents from the log call: a `Shipper`, a `kafka.KafkaShipper`, or whatever has a `send`."""

    def send(self, document: Mapping[str, Any], /) -> Any:
        """Take a document, at once."""


class DriftlineProcessor:
    """A structlog processor that turns predictions, outcomes and changes into documents.

    Args:
        source: The service that logs, and the namespace.
        shipper: Where documents go; without one they stay in the log, for any shipper to carry.
        echo: Whether a document that was handed to the shipper is logged as well.
        privacy: What of an event may leave the service; all of it when left out.
    """

    def __init__(
        self, source: Source, shipper: Carrier | None = None, *, echo: bool = False, privacy: Privacy | None = None
    ) -> None:
        Streams(source.namespace)
        self._source = source
        self._shipper = shipper
        self._echo = echo
        self._privacy = privacy

    def __call__(self, logger: Any, method: str, event_dict: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
        """Pass an event on as it is, as a document, or, when it is wrong, as one line that says why."""
        del logger, method
        name = event_dict.get("event")
        if not isinstance(name, str) or name not in FIELDS:
            return event_dict
        if self._privacy is not None:
            # Before the checks: what they say of a wrong event quotes it.
            event_dict = self._privacy.apply(event_dict)
        try:
            if isinstance(event_dict.get(REFUSED), EventError):
                raise event_dict.pop(REFUSED)  # noqa: TRY301 (it is told like any other)
            document = self._document(name, event_dict)
            if self._shipper is None:
                return document
            self._shipper.send(document)
        except Exception as error:  # noqa: BLE001 (whatever is wrong with an event, the service goes on)
            return self._rejected(name, event_dict, error)
        if self._echo:
            return document
        raise structlog.DropEvent

    def _document(self, name: str, event_dict: Mapping[str, Any]) -> dict[str, Any]:
        fields: dict[str, Any] = {}
        labels: dict[str, Any] = {}
        known = FIELDS[name]
        for key, value in event_dict.items():
            if key in known:
                fields[key] = value
            elif key == "labels" and isinstance(value, Mapping):
                labels |= value
            elif key not in _APART:
                labels[key] = value
        if "model_version" in event_dict:
            # An outcome belongs to a prediction, and has no version of its own.
            where, key = (labels, "model_version") if name == "outcome" else (fields, "version")
            where[key] = event_dict["model_version"]
        if TIMESTAMP in event_dict:
            # structlog's TimeStamper, when it comes first, has put the time of the call over `timestamp`.
            fields["timestamp"] = event_dict[TIMESTAMP]
        if labels:
            fields["labels"] = labels
        try:
            event = EVENTS[name](**fields)
        except TypeError:
            required = ", ".join(f.name for f in dataclasses.fields(EVENTS[name]) if _required(f))
            missing = ", ".join(f for f in required.split(", ") if f not in fields)
            msg = f"{missing} is missing; {name} needs {required}"
            raise EventError(msg) from None
        return event.to_document(self._source)

    def _rejected(self, name: str, event_dict: Mapping[str, Any], error: Exception) -> dict[str, Any]:
        reason = str(error) if isinstance(error, EventError) else f"{type(error).__name__}: {shown(error)}"
        message = f"driftline: {name} rejected: {reason}"
        letter = dead_letter(dict(event_dict), reason, type(error).__name__, self._source)
        if self._shipper is None:
            return {**letter, "message": message, "log": {"level": "warning"}}
        try:
            self._shipper.send(letter)
        except Exception:  # noqa: BLE001 (the line below still tells it)
            return {"event": message, "level": "warning", "original": letter["event"]["original"]}
        return {"event": message, "level": "warning"}


def _required(field: dataclasses.Field[Any]) -> bool:
    return field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING


def driftline_processors(
    service: str | None = None,
    *,
    version: str | None = None,
    environment: str | None = None,
    namespace: str | None = None,
    shipper: Carrier | None = None,
    echo: bool = False,
    privacy: Privacy | None = None,
) -> list[Processor]:
    """The processors to put before the renderer of a service's structlog set-up.

    Args:
        service: Name of the service, `service.name`.
        version: Version of the service.
        environment: Such as `production`.
        namespace: Namespace of the data streams; that of the shipper, else `default`.
        shipper: Sends documents to Elasticsearch; without one they stay in the log, for any shipper to carry.
        echo: Whether what was handed to the shipper is logged as well.
        privacy: What of predictions, outcomes and changes may leave the service; all of it when left out.

    Raises:
        ValueError: The namespace is not allowed, or not the shipper's.
    """
    # Whatever has a `send` may stand in for a shipper, and need not know a namespace.
    streams: Streams | None = getattr(shipper, "streams", None)
    chosen = namespace or (streams.namespace if streams else "default")
    if streams and streams.namespace != chosen:
        msg = f"namespace: got {chosen!r}, allowed: that of the shipper, {streams.namespace!r}"
        raise ValueError(msg)
    return [DriftlineProcessor(Source(service, version, environment, chosen), shipper, echo=echo, privacy=privacy)]


def render_json(logger: Any, method: str, event_dict: MutableMapping[str, Any]) -> str:
    """One line of JSON: a document as it is, any other event with its time, level and text as ECS names them."""
    del logger, method
    if TIMESTAMP not in event_dict and "event" in event_dict:
        others = dict(event_dict)
        line: dict[str, Any] = {TIMESTAMP: others.pop("timestamp", None) or datetime.now(UTC)}
        if "level" in others:
            line["log"] = {"level": others.pop("level")}
        event_dict = {**line, "message": others.pop("event"), **others}
    try:
        return orjson.dumps(event_dict, default=str, option=orjson.OPT_NON_STR_KEYS | orjson.OPT_UTC_Z).decode()
    except TypeError:
        return json.dumps(event_dict, default=repr)


def _add_level(logger: Any, method: str, event_dict: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """The level of a line. A document has none, and one that was rejected is a warning, whichever method logged it."""
    if TIMESTAMP in event_dict or event_dict.get("level") == "warning":
        return event_dict
    return structlog.processors.add_log_level(logger, method, event_dict)


def configure(
    service: str | None = None,
    *,
    version: str | None = None,
    environment: str | None = None,
    namespace: str | None = None,
    file: str | Path | None = None,
    shipper: Carrier | None = None,
    privacy: Privacy | None = None,
) -> None:
    """Set structlog up for a service that has no set-up of its own: JSON lines to standard output or a file.

    Args:
        service: Name of the service.
        version: Version of the service.
        environment: Such as `production`.
        namespace: Namespace of the data streams; that of the shipper, else `default`.
        file: A file to append to, instead of standard output.
        shipper: Sends predictions, outcomes and changes to Elasticsearch instead of writing them.
        privacy: What of them may leave the service; all of it when left out.
    """
    output = Path(file).open("a", encoding="utf-8", buffering=1) if file is not None else None  # noqa: SIM115 (kept)
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            *driftline_processors(
                service,
                version=version,
                environment=environment,
                namespace=namespace,
                shipper=shipper,
                privacy=privacy,
            ),
            _add_level,
            structlog.processors.format_exc_info,
            render_json,
        ],
        logger_factory=structlog.WriteLoggerFactory(output),
        cache_logger_on_first_use=True,
    )
