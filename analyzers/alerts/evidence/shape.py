"""What evidence looks like: plain JSON, each part bounded, since it is stored with the incident and sent with notices.

At most ten metrics, segments, changes, exemplars and ordinary predictions each, fifty names of what is fine, twenty
features and segments a prediction, and texts of 200 characters: some ten kilobytes, two hundred at the very most.
"""

from __future__ import annotations

from typing import Any, NotRequired, TypedDict

MOST = 10
"""Metrics, segments, changes, exemplars and ordinary predictions, each."""
MOST_NAMES = 50
"""Names of what is fine."""
MOST_FEATURES = 20
"""Features and segments that are shown of one prediction."""
LONGEST = 200
"""Characters of one text that comes from the data."""


class Segment(TypedDict):
    """Part of the predictions."""

    name: str
    value: str


class Touched(TypedDict):
    """The predictions that have what the trouble is about, as a KQL query finds them."""

    what: str
    measure: str
    kql: str
    predictions: int
    share: float | None


class Affected(TypedDict):
    """A segment in which the metric is wrong, in the worst window; `only`: no other value of it is."""

    segment: Segment
    predictions: int | None
    share: float | None
    measure: str
    value: float | None
    reference_value: float | None
    status: str
    only: bool


class Cause(TypedDict):
    """What probably happened; `unknown` where nothing speaks for anything."""

    kind: str
    text: str
    confidence: NotRequired[float]


class Links(TypedDict):
    """Where to look; every incident has a runbook."""

    runbook: str
    discover: str
    dashboard: str
    metrics: str


class Evidence(TypedDict):
    """All that is found on an incident."""

    window: dict[str, str]
    metrics: list[dict[str, Any]]
    more_metrics: int
    touched: NotRequired[Touched]
    affected: list[Affected]
    who: str
    checked: list[str]
    more_checked: int
    unjudged: int
    changes: list[dict[str, Any]]
    cause: Cause
    exemplars: list[dict[str, Any]]
    ordinary: list[dict[str, Any]]
    links: Links
    commands: list[str]


def cut(text: str) -> str:
    """A text from the data, no longer than is stored."""
    return text if len(text) <= LONGEST else f"{text[: LONGEST - 1]}…"
