"""A line of a log, or a message of a topic: which event of ours it is, if it is one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import orjson

from .. import checks
from ..checks import EventError
from ..dead_letters import dead_letter
from ..events import TIMESTAMP, Dataset, Source, document_id

OURS = "driftline."
MARK = b'"driftline.'
"""What every event of ours holds near its beginning, so that one that is torn is still known as ours."""
BLANK = b" \t\r\n\x00"
"""Around a line; a power failure may leave zeros before it."""
_DATASETS = frozenset(Dataset)


@dataclass(frozen=True, slots=True)
class Event:
    """An event as a service wrote it.

    Attributes:
        dataset: Its kind, such as `driftline.predictions`.
        identity: The `_id` under which it is stored.
        source: Its JSON, on one line.
    """

    dataset: str
    identity: str
    source: bytes


class BrokenError(EventError):
    """A line is recognisably ours, yet no event; the text says why.

    Attributes:
        original: The line, as an object where it is one, else as text.
    """

    def __init__(self, reason: str, original: Any) -> None:
        super().__init__(reason)
        self.original = original


def parse(line: bytes) -> Event | None:
    """The event of a line; None for a line that is none of ours, which is a service's right.

    Raises:
        BrokenError: It is ours, and torn or otherwise no event.
    """
    line = line.strip(BLANK)
    try:
        document = orjson.loads(line)
    except orjson.JSONDecodeError as error:
        if MARK in line:
            msg = f"it is no whole JSON object: {error}"
            raise BrokenError(msg, as_text(line)) from error
        return None
    dataset = _dataset(document)
    if dataset is None:
        return None
    try:
        identity = _identity(document, dataset)
    except EventError as error:
        raise BrokenError(str(error), document) from error
    return Event(dataset, identity, _one_line(line))


def letter(error: BrokenError, where: str, source: Source, path: str | None = None) -> dict[str, Any]:
    """The dead letter of a broken line.

    Args:
        error: What is wrong with it.
        where: Where in its file or topic it stands, such as `byte 1200`; part of the reason.
        source: The namespace.
        path: The file, which is not part of the reason: it may be renamed, and the letter is still the same.
    """
    found = dead_letter(error.original, f"{where}: {error}", type(error).__name__, source)
    if path is not None:
        found["log"] = {"file": {"path": path}}
    return found


def as_text(line: bytes) -> str:
    """A line as text, whatever its bytes are."""
    return line.decode(errors="backslashreplace")


def _dataset(document: Any) -> str | None:
    """What the event says it is; None when it does not say that it is ours."""
    for part in ("data_stream", "event"):
        found = document.get(part) if isinstance(document, Mapping) else None
        dataset = found.get("dataset") if isinstance(found, Mapping) else None
        if isinstance(dataset, str) and dataset.startswith(OURS):
            return dataset
    return None


def _identity(document: Mapping[str, Any], dataset: str) -> str:
    if dataset not in _DATASETS:
        checks.refuse("event.dataset", dataset, ", ".join(Dataset))
    event = document.get("event")
    if not isinstance(event, Mapping) or event.get("id") is None:
        msg = "event.id is missing: without it an event that is sent twice would be stored twice"
        raise EventError(msg)
    identity = checks.identity(event["id"], required=True)
    if dataset == Dataset.OUTCOMES:
        checks.text(TIMESTAMP, document.get(TIMESTAMP))
        if not isinstance(document.get("outcome"), Mapping):
            checks.refuse("outcome", document.get("outcome"), "an object with label or value")
    return document_id({**document, "event": {"id": identity, "dataset": dataset}})


def _one_line(text: bytes) -> bytes:
    # A message may be printed over several lines; outside of strings a line break is but a blank.
    return text.replace(b"\n", b" ").replace(b"\r", b" ") if b"\n" in text or b"\r" in text else text
