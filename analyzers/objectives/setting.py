"""Objectives as monitors.yml says them: what is counted, which share of it must be good, over which period."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

import numpy as np

from ..measures import Measure, Subject, Task
from ..profiles.binning import DURATION_EDGES
from ..windows import parse_length

if TYPE_CHECKING:
    from ..settings import Node
    from ..windows import WindowSize

LATENCY, ERRORS, CORRECT, FRESHNESS = "latency", "errors", "correct", "freshness"
DEFAULT_PERIOD = "28d"
SHORTEST, LONGEST = timedelta(days=7), timedelta(days=366)
EVERY_VERSION = "*"
"""`model.version` of what is told of all versions of a model together: a promise outlives a deployment."""
_WITHOUT_FEATURE = (Subject.MODEL,)
_WITH_FEATURE = (Subject.NUMERIC, Subject.CATEGORICAL, Subject.DISTRIBUTION, Subject.ATTRIBUTE)


@dataclass(frozen=True, slots=True)
class Objective:
    """What is promised of a model.

    Attributes:
        name: Its name, which `feature.name` of its metrics is.
        of: What is counted: `latency`, `errors`, `correct`, `freshness`, or the name of a measure.
        target: Share of the events that must be good, between 0 and 1.
        period: Over how long, as written.
        within: Of latency and freshness, the time that a good event may take.
        bound: Of a measure, the value that must not be passed.
        above: Whether good values lie above the bound, not below it.
        feature: Of a measure, what it is measured of; None: the whole model.
    """

    name: str
    of: str
    target: float
    period: str = DEFAULT_PERIOD
    within: timedelta | None = None
    bound: float | None = None
    above: bool = False
    feature: str | None = None

    @property
    def seconds(self) -> float:
        """Length of the period in seconds."""
        return parse_length(self.period).total_seconds()

    @property
    def needs_labels(self) -> bool:
        """Whether its events are told by outcomes."""
        return self.of == CORRECT

    @property
    def nanoseconds(self) -> float:
        """The time that a good event may take; 0 without one."""
        return self.within.total_seconds() * 1e9 if self.within else 0.0

    @property
    def edge(self) -> int:
        """Of latency, the position in `DURATION_EDGES` of the first edge that is not below the time allowed."""
        return int(np.searchsorted(DURATION_EDGES, self.nanoseconds))


@dataclass(frozen=True, slots=True)
class _About:
    """What must be known of a model to read its objectives.

    Attributes:
        task: Its task.
        measures: What is measured of it.
        attributes: Its protected attributes.
        window: Size of its windows.
        lateness: How long after its end a window waits for events.
    """

    task: Task
    measures: Sequence[Measure]
    attributes: Collection[str]
    window: WindowSize
    lateness: timedelta


def read_objectives(
    model: Node, task: Task, measures: Sequence[Measure], attributes: Collection[str]
) -> tuple[Objective, ...]:
    """`objectives` of a model in monitors.yml.

    Args:
        model: All that it says of the model.
        task: Its task.
        measures: What is measured of it.
        attributes: Its protected attributes.

    Raises:
        ConfigError: Something in it is not allowed.
    """
    node, lateness = model.get("objectives"), model.get("lateness")
    if node is None:
        return ()
    about = _About(task, measures, attributes, model["window"].size(), lateness.length() if lateness else timedelta(0))
    return tuple(_objective(name, node[name], about) for name in node.mapping())


def _objective(name: str, node: Node, about: _About) -> Objective:
    node.keys({"of", "target", "period", "within", "below", "above", "feature"}, required={"of", "target"})
    of = node["of"].text()
    counted = [LATENCY, ERRORS, FRESHNESS, *([] if about.task is Task.REGRESSION else [CORRECT])]
    measured = {m.name: m for m in about.measures if m.subject in (*_WITHOUT_FEATURE, *_WITH_FEATURE)}
    if of == CORRECT and of not in counted:
        node["of"].refuse(
            "what a regression has, such as `{of: mae, below: 5}`, the share of windows with so small a mae"
        )
    if of not in counted and of not in measured:
        node["of"].unknown([*counted, *measured], f"counts, and the measures of this {about.task} model")
    bound, above = _bound(node, of, measured)
    return Objective(
        name=name,
        of=of,
        target=node["target"].number(low=0.5, high=0.99999),
        period=_period(node.get("period"), about.window),
        within=_within(node, of, about),
        bound=bound,
        above=above,
        feature=_feature(node, measured.get(of), about.attributes),
    )


def _period(node: Node | None, window: WindowSize) -> str:
    if node is None:
        return DEFAULT_PERIOD
    if not SHORTEST <= node.length() <= LONGEST or node.length().total_seconds() < window.seconds:
        node.refuse(f"a length from {SHORTEST.days}d to {LONGEST.days}d that holds a window of {window.text}")
    return node.text()


def _within(node: Node, of: str, about: _About) -> timedelta | None:
    told = node.get("within")
    if of not in (LATENCY, FRESHNESS):
        if told is not None:
            told.refuse(f"nothing: only {LATENCY} and {FRESHNESS} have a time")
        return None
    if told is None:
        msg = f"a mapping with `within`, the time that is allowed, as {of} needs it"
        node.refuse(msg)
    within = _duration(told)
    if of == FRESHNESS and within <= about.lateness:
        told.refuse(f"more than the lateness of {about.lateness}, since no window is analysed before that is over")
    if of == LATENCY and not DURATION_EDGES[0] <= within.total_seconds() * 1e9 <= DURATION_EDGES[-1]:
        told.refuse("a length from 1ms to 1000s")
    return within


def _duration(node: Node) -> timedelta:
    text = node.text()
    if text.endswith("ms") and text[:-2].isdecimal() and int(text[:-2]):
        return timedelta(milliseconds=int(text[:-2]))
    try:
        return parse_length(text)
    except ValueError:
        node.refuse("a length such as 200ms, 30s, 15m, 1h")


def _bound(node: Node, of: str, measured: Collection[str]) -> tuple[float | None, bool]:
    below, above = node.get("below"), node.get("above")
    if of not in measured:
        if (wrong := below or above) is not None:
            wrong.refuse("nothing: only a measure has a bound")
        return None, False
    told = below or above
    if told is None or (below and above):
        node.refuse(f"a mapping with either `below` or `above`, the bound that good windows of {of} keep")
    return told.number(), above is not None


def _feature(node: Node, measure: Measure | None, attributes: Collection[str]) -> str | None:
    told = node.get("feature")
    if measure is None or measure.subject in _WITHOUT_FEATURE:
        if told is not None:
            told.refuse("nothing: this is of the whole model")
        return None
    if told is None:
        node.refuse(f"a mapping with `feature`, what {measure.name} is measured of")
    return told.choice(attributes) if measure.subject is Subject.ATTRIBUTE else told.text()
