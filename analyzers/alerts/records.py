"""What alerting is about: series, the alerts they raise, the incidents these make up, and the notices of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

from ..profiles.store import document_id

Document = Mapping[str, Any]


class State(StrEnum):
    """Where an alert or an incident stands."""

    PENDING = "pending"
    FIRING = "firing"
    UNKNOWN = "unknown"  # it fired, and nothing has been heard since: never a recovery
    RESOLVED = "resolved"


class Resolution(StrEnum):
    """Why it is over."""

    RECOVERED = "recovered"  # so many calm windows in a row
    RETRACTED = "retracted"  # late data showed that there was nothing
    RETIRED = "retired"  # the version, or the model, makes no predictions any more


class Severity(StrEnum):
    """Whom it calls: by what it costs, not by how large a statistic is."""

    PAGE = "page"
    TICKET = "ticket"
    DIGEST = "digest"


class Kind(StrEnum):
    """What kind of trouble, in the order in which one causes the next."""

    INGEST = "ingest"
    SERVICE = "service"
    QUALITY = "quality"
    FEATURE = "feature"
    DRIFT = "drift"
    PERFORMANCE = "performance"
    FAIRNESS = "fairness"
    OBJECTIVE = "objective"


class Basis(StrEnum):
    """What an impact was worked out from."""

    MEASURED = "measured"  # outcomes that are known
    ESTIMATED = "estimated"  # the estimate of performance before outcomes are known
    COUNTED = "counted"  # predictions that failed, or were never made


class Telling(StrEnum):
    """What a notice says."""

    OPENED = "opened"
    ESCALATED = "escalated"
    REMINDER = "reminder"
    RESOLVED = "resolved"
    SILENCE_ENDS = "silence_ends"
    OVERFLOW = "overflow"
    DIGEST = "digest"
    TEST = "test"


@dataclass(frozen=True, slots=True)
class Series:
    """What a metric is one window of; its fields are those of the monitoring index."""

    model: str
    version: str
    size: str
    measure: str
    feature: str | None = None
    segment: tuple[str, str] | None = None

    @classmethod
    def of(cls, document: Document) -> Series:
        """The series of a metric document."""
        segment = document.get("segment")
        return cls(
            document["model"]["name"],
            document["model"]["version"],
            document["window"]["size"],
            document["metric"]["name"],
            document.get("feature", {}).get("name"),
            (segment["name"], segment["value"]) if segment else None,
        )

    @property
    def fingerprint(self) -> str:
        """The same for the same series, always."""
        return document_id(
            self.model, self.version, self.size, self.measure, self.feature, *(self.segment or (None, None))
        )


@dataclass(frozen=True, slots=True)
class Impact:
    """What trouble costs.

    Attributes:
        loss: Loss a day, beyond that of the reference, in `unit`.
        at_least: The lower end of its 95 % interval, by which it is known whom it calls.
        unit: `predictions` (wrong or failed ones), or the currency that monitors.yml names.
        share: Loss a prediction: of all predictions, the share that went wrong beyond the reference, or its cost.
        predictions: Predictions a day.
        basis: What it was worked out from.
    """

    loss: float
    at_least: float
    unit: str
    share: float
    predictions: float
    basis: Basis


@dataclass(frozen=True, slots=True)
class Alert:
    """One series from its first bad window to its recovery.

    Attributes:
        id: Of the series and the time at which it was first found.
        series: What it is of.
        kind: What kind of trouble.
        state: Where it stands.
        since: Start of its first bad window.
        fired: End of the window with which it began to fire; None while pending.
        until: End of the window with which it was over; None before.
        resolution: Why it is over; None before.
        bad: How many windows were bad.
        flaps: How often it began to fire again soon after it was over.
        first: Metric document of its first bad window.
        peak: That of the worst window.
        latest: That of the last window that could be judged.
        incident: Id of its incident; None while pending.
    """

    id: str
    series: Series
    kind: Kind
    state: State
    since: datetime
    fired: datetime | None
    until: datetime | None
    resolution: Resolution | None
    bad: int
    flaps: int
    first: Document
    peak: Document
    latest: Document
    incident: str | None = None


@dataclass(frozen=True, slots=True)
class Incident:
    """Alerts of one model that began together, with the one that explains the others.

    Attributes:
        id: Of the model and its first alert.
        model: Name of the model.
        kind: Kind of the parent.
        state: Where it stands: that of its alerts together.
        severity: Whom it calls.
        since: Start of the first bad window of its alerts.
        fired: When it was opened: end of the window with which its first alert began to fire.
        until: When the last of its alerts was over.
        resolution: Why.
        parent: Id of the alert that explains the others.
        alerts: How many alerts it has, by kind.
        impact: What it costs; None where that is not known.
        title: One line.
        severe: Whether one of its windows was far beyond doubt.
        evidence: What was found on it; empty before.
    """

    id: str
    model: str
    kind: Kind
    state: State
    severity: Severity
    since: datetime
    fired: datetime
    until: datetime | None
    resolution: Resolution | None
    parent: str
    alerts: Mapping[Kind, int]
    impact: Impact | None
    title: str
    severe: bool = False
    evidence: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Notice:
    """What people are told, once.

    Attributes:
        id: The idempotency key: the same for the same thing to say, however often it is sent.
        telling: What it says.
        incident: Id of the incident; the thread that it belongs to.
        model: Name of the model.
        severity: Whom it calls.
        decided: When it was decided to say it.
        title: One line.
        document: The incident as stored, with its evidence, or what else there is to say; as ECS JSON.
    """

    id: str
    telling: Telling
    incident: str
    model: str
    severity: Severity
    decided: datetime
    title: str
    document: Document
