"""Dead letters: the documents of events that could not be stored. Nothing that was logged is lost in silence."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any

from . import checks
from .events import Dataset, Source, envelope


def dead_letter(original: Any, reason: str, kind: str, source: Source) -> dict[str, Any]:
    """The document of an event that could not be stored: whole, with the reason, and whose it is where that is told."""
    text = _as_text(original)
    identity = hashlib.sha256(f"{reason}\x1f{text}".encode(errors="backslashreplace")).hexdigest()[:32]
    event = {
        "id": identity,
        "kind": "pipeline_error",
        "dataset": Dataset.DEADLETTER.value,
        "reason": reason,
        "original": text,
    }
    letter = envelope(None, event, source) | {"error": {"type": kind, "message": reason}}
    return letter | _of_whom(original)


def _of_whom(original: Any) -> dict[str, Any]:
    """The model and the service of an event that may be anything."""
    found = original if isinstance(original, Mapping) else {}
    model, service = found.get("model"), found.get("service")
    whose = {
        "model": {"name": model.get("name") if isinstance(model, Mapping) else model},
        "service": {name: service.get(name) for name in ("name", "version", "environment")}
        if isinstance(service, Mapping)
        else {},
    }
    told = {
        name: {key: value for key, value in values.items() if isinstance(value, str) and value.isprintable()}
        for name, values in whose.items()
    }
    return {name: values for name, values in told.items() if values}


def _as_text(original: Any) -> str:
    """The event as JSON, as well as that can be done; it never raises, whatever is in the event."""
    try:
        return json.dumps(original, default=checks.shown)
    except Exception:  # noqa: BLE001 (a stranger's mapping may raise anything)
        return checks.shown(original)
