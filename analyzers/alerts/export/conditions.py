"""What is worth a rule in another system, as questions to Elasticsearch, made from monitors.yml. Pure.

A question counts documents of a period, or takes a mean of theirs, and compares. It is in the Kibana Query Language,
which some rules take as it is, and others as the query that it stands for.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta

from driftline.ingest.events import EVENT_DURATION, MODEL_NAME, TIMESTAMP

from ...measures import Compare, Direction
from ...monitors import Model, Monitors
from ...windows import WindowSize
from ..records import Kind, Severity

MINUTE = timedelta(minutes=1)
A_YEAR = timedelta(days=365)
"""An incident is one document however long it is open, so the rule must look back as far as one may last."""
LONGEST = {"week": timedelta(days=7), "month": timedelta(days=31)}
INCIDENTS_AT_ONCE = 100
"""A model has few: alerts that begin together are one incident."""
LATENCIES = ("latency_p50", "latency_p95", "latency_p99")
_UNSAFE = re.compile(r"[^a-z0-9_.-]+")
_LONGEST_NAME = 80


@dataclass(frozen=True, slots=True)
class Condition:
    """When a rule or a watch has something to say.

    Attributes:
        id: The same for the same thing, always: `driftline-<namespace>-<model>-<what>`.
        title: One line, with the name of the model.
        severity: Whom it calls.
        kinds: The kinds of trouble that it tells of, whose runbooks help.
        help: What it means and what to do, Markdown.
        index: Where it looks.
        time: The date field that tells which documents are of the period.
        kuery: Which documents, in the Kibana Query Language.
        within: The period, up to now.
        below: Whether it speaks below the threshold, not above.
        threshold: What the count, or the mean, is compared with.
        mean: The field whose mean is taken; None: documents are counted.
        group: The field whose values are told apart; None: all documents together.
        groups: At most so many values.
        line: What to say of one document, as a Mustache template of a hit.
        every: How often it looks.
        checks: It speaks when it was so in this many looks in a row.
        repeat: After this long it speaks again; None: only when it begins.
        model: Name of the model; None: of all of them.
    """

    id: str
    title: str
    severity: Severity
    kinds: tuple[Kind, ...]
    help: str
    index: str
    time: str
    kuery: str
    within: timedelta
    below: bool = False
    threshold: float = 0
    mean: str | None = None
    group: str | None = None
    groups: int = 1
    line: str = ""
    every: timedelta = 5 * MINUTE
    checks: int = 1
    repeat: timedelta | None = None
    model: str | None = None


def conditions(monitors: Monitors) -> tuple[Condition, ...]:
    """All conditions of a monitors.yml."""
    return (*(found for model in monitors.models for found in _of_model(monitors, model)), _dead_letters(monitors))


def slug(name: str) -> str:
    """A name as part of an id and of a file name: itself where it may be, else what is left of it and a digest."""
    plain = _UNSAFE.sub("-", name.lower()).strip("-.")[:_LONGEST_NAME]
    return plain if plain == name else "-".join(filter(None, (plain, hashlib.sha256(name.encode()).hexdigest()[:8])))


def longest(size: WindowSize) -> timedelta:
    """The longest that a window of this size can be."""
    return LONGEST.get(size.text) or timedelta(seconds=size.seconds)


def quoted(text: str) -> str:
    """A text as a value of the Kibana Query Language."""
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def _of_model(monitors: Monitors, model: Model) -> Iterator[Condition]:
    for severity, repeat in ((Severity.PAGE, timedelta(hours=4)), (Severity.TICKET, timedelta(days=1))):
        yield _incident(monitors, model, severity, repeat)
    yield _series(monitors, model, critical=True)
    yield _series(monitors, model, critical=False)
    yield _silent(monitors, model)
    yield _stopped(monitors, model)
    yield from _slow(monitors, model)


def _id(monitors: Monitors, model: Model, what: str) -> str:
    return f"driftline-{monitors.streams.namespace}-{slug(model.name)}-{what}"


def _of(model: Model, *further: str) -> str:
    return " and ".join((f"{MODEL_NAME}: {quoted(model.name)}", *further))


def _incident(monitors: Monitors, model: Model, severity: Severity, repeat: timedelta) -> Condition:
    # One of which nothing is heard any more is not over.
    wanted = (
        'event.dataset: "driftline.incident"',
        'incident.state: ("firing" or "unknown")',
        f"incident.severity: {quoted(severity)}",
    )
    return Condition(
        id=_id(monitors, model, f"incident-{severity}"),
        title=f"{model.name}: an incident is open ({severity})",
        severity=severity,
        kinds=tuple(Kind),
        help="Driftline found alerts of this model that began together, and what they cost. `driftline alerts list` "
        "has its id, and `driftline alerts show` its evidence.",
        index=monitors.streams.alerts,
        time=TIMESTAMP,
        kuery=_of(model, *wanted),
        within=A_YEAR,
        group="incident.id",
        groups=INCIDENTS_AT_ONCE,
        line="{{_source.message}}",
        every=MINUTE,
        repeat=repeat,
        model=model.name,
    )


def _series(monitors: Monitors, model: Model, *, critical: bool) -> Condition:
    # By the time of the verdict, not of the window: labels that come a month late make a verdict now. Rollups are left
    # out, as they say again what their parts said.
    found = 'metric.status: "critical"' if critical else 'not metric.status: "critical"'
    level = "critical" if critical else "warning"
    window = longest(model.window)
    return Condition(
        id=_id(monitors, model, level),
        title=f"{model.name}: measures fire ({level})",
        severity=Severity.DIGEST,
        kinds=tuple(kind for kind in Kind if kind not in (Kind.INGEST, Kind.OBJECTIVE)),
        help="As many windows as make an alarm were bad. `driftline metrics --alarm firing` lists them. A statistic "
        "alone calls nobody: what it costs is told by the incident that it belongs to.",
        index=monitors.streams.metrics,
        time="metric.judged",
        kuery=_of(model, f"window.size: {quoted(model.window.text)}", 'metric.alarm: "firing"', found),
        # From one verdict to the next, and as much as they may be apart from that: not more, or the last one lingers.
        within=window + min(max(window / 4, 10 * MINUTE), 120 * MINUTE),
        group="metric.name",
        # Each measure has its place, so that none is crowded out and taken for recovered.
        groups=max(1, len(model.measures)),
        line="{{_source.metric.name}}{{#_source.feature}} of {{name}}{{/_source.feature}}"
        "{{#_source.segment}} in {{name}}={{value}}{{/_source.segment}} is {{_source.metric.value}} "
        "in the window from {{_source.window.start}}",
        model=model.name,
    )


def _silent(monitors: Monitors, model: Model) -> Condition:
    return Condition(
        id=_id(monitors, model, "silent"),
        title=f"{model.name}: nothing was judged",
        severity=Severity.TICKET,
        kinds=(Kind.INGEST,),
        help="No window of this model was judged for longer than a window lasts. Either `driftline run` does not run, "
        "or predictions do not arrive. Until it is repaired, no other rule means anything.",
        index=monitors.streams.metrics,
        time="metric.judged",
        kuery=_of(model),
        within=longest(model.window) + max(longest(model.window) / 2, 30 * MINUTE),
        below=True,
        threshold=1,
        checks=2,
        repeat=timedelta(days=1),
        model=model.name,
    )


def _stopped(monitors: Monitors, model: Model) -> Condition:
    return Condition(
        id=_id(monitors, model, "stopped"),
        title=f"{model.name}: no predictions",
        severity=Severity.PAGE,
        kinds=(Kind.INGEST,),
        help="No prediction of this model was made for as long as a window, though windows are chosen to hold many. "
        "The service stopped, nobody calls it, or its events are not shipped; this looks at predictions alone and "
        "needs no analyzer.",
        index=monitors.streams.predictions,
        time=TIMESTAMP,
        kuery=_of(model),
        within=max(longest(model.window) + model.lateness, 15 * MINUTE),
        below=True,
        threshold=1,
        every=MINUTE,
        checks=3,
        repeat=timedelta(hours=4),
        model=model.name,
    )


def _slow(monitors: Monitors, model: Model) -> Iterator[Condition]:
    # A floor that is relative to the reference needs the analyzer; one in nanoseconds does not.
    floors = (model.thresholds.get(name) for name in LATENCIES)
    fixed = [
        floor.critical
        for floor in floors
        if floor and floor.compare is Compare.VALUE and floor.direction is Direction.HIGHER and floor.critical
    ]
    if not fixed:
        return
    yield Condition(
        id=_id(monitors, model, "slow"),
        title=f"{model.name}: predictions are slow",
        severity=Severity.TICKET,
        kinds=(Kind.SERVICE,),
        help="The mean latency is beyond the critical floor that monitors.yml sets for a percentile of it, in "
        "nanoseconds; this looks at predictions alone and needs no analyzer.",
        index=monitors.streams.predictions,
        time=TIMESTAMP,
        kuery=_of(model),
        within=15 * MINUTE,
        threshold=min(fixed),
        mean=EVENT_DURATION,
        every=MINUTE,
        checks=3,
        model=model.name,
    )


def _dead_letters(monitors: Monitors) -> Condition:
    return Condition(
        id=f"driftline-{monitors.streams.namespace}-dead-letters",
        title="Events could not be stored",
        severity=Severity.TICKET,
        kinds=(Kind.INGEST,),
        help=f"Each is whole in `{monitors.streams.deadletter}`, with `event.reason`; repaired ones can be shipped "
        "again.",
        index=monitors.streams.deadletter,
        time=TIMESTAMP,
        kuery="event.reason: *",
        within=timedelta(hours=1),
        line="{{_source.event.reason}}",
        repeat=timedelta(days=1),
    )
