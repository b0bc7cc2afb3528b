"""Where each series stands after its windows, written into the monitoring index: `metric.alarm`.

Only series of which some window is bad, or was, are looked at, and only as far back as a changed window can reach.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

import orjson

from .firing import WRONG, Alarm, Level, Rule, alarms
from .measures import Subject, by_name
from .windows import iso

if TYPE_CHECKING:
    from .cluster import Cluster, Hit

Series = tuple[str, str, str | None, str | None, str | None]
FIELDS = ("model.version", "metric.name", "metric.level", "metric.alarm", "feature.name", "segment", "window.start")


@dataclass(frozen=True, slots=True)
class Scope:
    """Whose alarms: model, size of windows, and from which window on its verdicts have changed."""

    model: str
    size: str
    since: datetime


@dataclass(slots=True)
class _Window:
    index: str
    identity: str
    level: Level
    alarm: Alarm


def update(cluster: Cluster, scope: Scope, start: datetime, rule: Rule) -> int:
    """Bring `metric.alarm` up to date.

    Args:
        cluster: Where the metrics are.
        scope: Whose.
        start: The window from which on to read: so far before `scope.since` that the rule can be applied.
        rule: When a series fires and clears.

    Returns:
        How many series began to fire.
    """
    cluster.refresh(cluster.streams.metrics)
    query = _query(scope, start)
    concerned = {_series(hit) for hit in cluster.metrics(_with(query, *_CONCERNED), FIELDS)}
    if not concerned:
        return 0
    names = {"terms": {"metric.name": sorted({name for _, name, *_ in concerned})}}
    features = _of({feature for _, _, feature, *_ in concerned})
    past: dict[Series, list[_Window]] = {}
    for hit in cluster.metrics(_with(query, names, features), FIELDS):
        if (series := _series(hit)) in concerned:
            past.setdefault(series, []).append(_window(hit))
    began, operations = 0, []
    for series, windows in past.items():
        first = windows[0].alarm is Alarm.FIRING
        states = list(alarms((window.level for window in windows), rule_of(series[1], rule), firing=first))
        began += _onsets(windows, states)
        operations += list(_changes(windows, states))
    cluster.write(operations)
    return began


def rule_of(measure: str, rule: Rule) -> Rule:
    """When a series of one measure fires and clears, where others of its size do so by a rule.

    A burn rate looks back over many windows itself, and its short window tells when it is over.
    """
    return Rule(1, 1, 1) if by_name(measure).subject is Subject.OBJECTIVE else rule


_CONCERNED = (
    {
        "bool": {
            "should": [
                {"terms": {"metric.level": [level.value for level in WRONG]}},
                {"terms": {"metric.alarm": [Alarm.PENDING.value, Alarm.FIRING.value]}},
            ]
        }
    },
)


def _query(scope: Scope, start: datetime) -> list[dict[str, Any]]:
    return [
        {"term": {"model.name": scope.model}},
        {"term": {"window.size": scope.size}},
        {"range": {"window.start": {"gte": iso(start)}}},
    ]


def _with(filters: Sequence[dict[str, Any]], *more: dict[str, Any]) -> dict[str, Any]:
    return {"bool": {"filter": [*filters, *more]}}


def _of(features: set[str | None]) -> dict[str, Any]:
    named: list[dict[str, Any]] = [{"terms": {"feature.name": sorted(name for name in features if name is not None)}}]
    whole = [{"bool": {"must_not": {"exists": {"field": "feature.name"}}}}] if None in features else []
    return {"bool": {"should": [*named, *whole]}}


def _series(hit: Hit) -> Series:
    source = hit["_source"]
    segment: Mapping[str, str] = source.get("segment", {})
    feature = source.get("feature", {}).get("name")
    return source["model"]["version"], source["metric"]["name"], feature, segment.get("name"), segment.get("value")


def _window(hit: Hit) -> _Window:
    metric = hit["_source"]["metric"]
    level, alarm = Level(metric.get("level", Level.UNKNOWN)), Alarm(metric.get("alarm", Alarm.NONE))
    return _Window(hit["_index"], hit["_id"], level, alarm)


def _onsets(windows: Sequence[_Window], states: Sequence[Alarm]) -> int:
    firing = [state is Alarm.FIRING for state in states]
    known = [window.alarm is Alarm.FIRING for window in windows]
    return sum(now and not before and not was for before, now, was in zip(firing, firing[1:], known[1:], strict=False))


def _changes(windows: Sequence[_Window], states: Sequence[Alarm]) -> Iterator[bytes]:
    for window, state in zip(windows, states, strict=True):
        if state is not window.alarm:
            yield orjson.dumps({"update": {"_index": window.index, "_id": window.identity}})
            yield orjson.dumps({"doc": {"metric": {"alarm": state.value}}})
