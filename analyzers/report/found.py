"""What a page tells of, as it was read: plain records, which the page is a pure function of."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from ..alerts.people import Whole
from ..alerts.records import Document, Incident, Series
from ..windows import Window


@dataclass(frozen=True, slots=True)
class Line:
    """A metric over time.

    Attributes:
        series: What it is of.
        windows: Its metric documents, in order of time.
        cut: Whether there are more of them, later ones.
    """

    series: Series
    windows: Sequence[Document]
    cut: bool = False


@dataclass(frozen=True, slots=True)
class Bin:
    """A range of values, or a category: which shares of the predictions lie in it, between 0 and 1.

    Attributes:
        name: What it is called.
        share: In the period.
        reference_share: In the reference; None without one.
    """

    name: str
    share: float
    reference_share: float | None


@dataclass(frozen=True, slots=True)
class Mover:
    """How a feature, the score or the predicted classes are distributed, against the reference.

    Attributes:
        name: As in `feature.name` of metrics.
        moved: Share of the predictions that lie in other bins than in the reference: total variation, from 0 to 1.
        bins: Where they lie, missing ones included.
        alarm: Whether an alert is about it.
    """

    name: str
    moved: float
    bins: Sequence[Bin]
    alarm: bool = False


@dataclass(frozen=True, slots=True)
class Moved:
    """What moved in a period.

    Attributes:
        movers: Those that moved most first.
        period: The windows that were added up.
        predictions: How many predictions they hold.
        reference: How many the reference holds; 0 without one.
        unmoved: How many others there are.
    """

    movers: Sequence[Mover]
    period: Window
    predictions: int
    reference: int
    unmoved: int


@dataclass(frozen=True, slots=True)
class Found:
    """All that a page tells.

    Attributes:
        model: Name of the model.
        namespace: Namespace of the streams it was read from.
        period: What the page is about: the incident from its onset to its end or to now, or the period asked for.
        made: When this was read.
        whole: The incident; None for the page of a period.
        incidents: Of a period, those that were on in it, the worst first.
        lines: Of an incident, the metric that explains the others; of a period, the metrics of the whole model.
        moved: What moved; None where no profiles are stored.
        changes: What changed, as evidence tells it, the nearest to the onset first.
        deliveries: Of an incident, what was sent of it, as stored.
    """

    model: str
    namespace: str
    period: Window
    made: datetime
    whole: Whole | None
    incidents: Sequence[Incident]
    lines: Sequence[Line]
    moved: Moved | None
    changes: Sequence[Document]
    deliveries: Sequence[Document]
