"""What goes wrong in the labelled incidents: nine faults, four sizes of each, the last one hardly to be seen."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

import numpy as np
from benchmarks.alerts.world import Fault, Hour

from driftline.analyzers.alerts.records import Kind
from driftline.analyzers.profiles.raw import Rows

QUIET = 48
"""Hours before a fault begins."""
LASTS = 48
"""Hours that it lasts; one that grows slowly lasts five times as long."""
AFTER = 24
"""Hours after its end."""


@dataclass(frozen=True, slots=True)
class Scene:
    """A labelled incident.

    Attributes:
        name: What goes wrong, and how much.
        kinds: What an incident that tells of it is called.
        fault: The same, done to an hour.
        begins: The first hour of it.
        ends: The hour after it.
        hours: How many hours are looked at.
    """

    name: str
    kinds: frozenset[Kind]
    fault: Fault
    begins: int
    ends: int
    hours: int


def scenes(first: int) -> list[Scene]:
    """All of them; the first hour of each is given."""
    found = []
    for name, (make, kinds, sizes) in _FAULTS.items():
        lasts = LASTS * (5 if name == "slow concept drift" else 1)
        begins, ends = first + QUIET, first + QUIET + lasts
        for size in sizes:
            fault = _during(begins, ends, make(size, begins, lasts))
            found.append(Scene(f"{name} {size:g}", frozenset(kinds), fault, begins, ends, QUIET + lasts + AFTER))
    return found


def _during(begins: int, ends: int, fault: Fault) -> Fault:
    return lambda hour: fault(hour) if begins <= hour.number < ends else hour


def _of(hour: Hour, rows: Rows) -> Hour:
    return replace(hour, rows=rows)


def _unit(share: float, *_: int) -> Fault:
    """Fahrenheit instead of Celsius, in a share of the predictions."""

    def fault(hour: Hour) -> Hour:
        values = hour.rows.numeric["temperature"]
        changed = np.where(hour.rng.random(len(values)) < share, 1.8 * values + 32, values)
        return _of(hour, replace(hour.rows, numeric={**hour.rows.numeric, "temperature": changed}))

    return fault


def _nulls(share: float, *_: int) -> Fault:
    def fault(hour: Hour) -> Hour:
        values = hour.rows.numeric["income"].copy()
        values[hour.rng.random(len(values)) < share] = np.nan
        return _of(hour, replace(hour.rows, numeric={**hour.rows.numeric, "income": values}))

    return fault


def _renamed(share: float, *_: int) -> Fault:
    def fault(hour: Hour) -> Hour:
        values = hour.rows.categorical["country"]
        lucky = hour.rng.random(len(values)) < share
        changed = [value.upper() if hit and value else value for value, hit in zip(values, lucky, strict=True)]
        return _of(hour, replace(hour.rows, categorical={**hour.rows.categorical, "country": changed}))

    return fault


def _concept(lost: float, begins: int, lasts: int) -> Fault:
    """What is true changes slowly: in the end so many of the predictions are wrong that were right."""

    def fault(hour: Hour) -> Hour:
        part = lost * (hour.number - begins) / lasts
        return replace(hour, truth=_flipped(hour, part))

    return fault


def _flipped(hour: Hour, share: float) -> np.ndarray:
    right = (hour.rows.scores["yes"] >= 0.5) == (hour.truth > 0)
    return np.where(right & (hour.rng.random(len(hour.truth)) < share), 1 - hour.truth, hour.truth)


def _stall(share: float, *_: int) -> Fault:
    """So many of the labels never come."""

    def fault(hour: Hour) -> Hour:
        size = len(hour.truth)
        known = hour.rng.random(size) < 0.95 * (1 - share)
        return _of(hour, replace(hour.rows, delay=np.where(known, 1.0, np.nan)))

    return fault


def _mix(share: float, *_: int) -> Fault:
    """So many more predictions come from the app, whose users are younger."""

    def fault(hour: Hour) -> Hour:
        moved = hour.rng.random(len(hour.truth)) < share
        channel = np.where(moved, "app", hour.rows.categorical["channel"]).tolist()
        age = hour.rows.numeric["age"] - 0.8 * moved
        rows = replace(
            hour.rows,
            categorical={**hour.rows.categorical, "channel": channel},
            numeric={**hour.rows.numeric, "age": age},
        )
        return _of(hour, rows)

    return fault


def _slow(factor: float, *_: int) -> Fault:
    def fault(hour: Hour) -> Hour:
        duration = hour.rows.duration
        assert duration is not None
        return _of(hour, replace(hour.rows, duration=factor * duration))

    return fault


def _stop(hours: float, begins: int, _: int) -> Fault:
    """No prediction arrives for so many hours."""

    def fault(hour: Hour) -> Hour:
        if hour.number >= begins + hours:
            return hour
        rows = hour.rows
        nothing = Rows(
            numeric={name: values[:0] for name, values in rows.numeric.items()},
            categorical={name: values[:0] for name, values in rows.categorical.items()},
            scores={name: values[:0] for name, values in rows.scores.items()},
            duration=np.zeros(0),
        )
        return replace(hour, rows=nothing, truth=hour.truth[:0])

    return fault


def _deploy(noise: float, *_: int) -> Fault:
    """A new version whose scores are the old ones' with noise on the logit."""

    def fault(hour: Hour) -> Hour:
        score = np.clip(hour.rows.scores["yes"], 1e-9, 1 - 1e-9)
        logit = np.log(score / (1 - score)) + hour.rng.normal(0, noise, len(score))
        rows = replace(hour.rows, scores={"yes": 1 / (1 + np.exp(-logit))})
        return replace(hour, rows=rows, version="2")

    return fault


_Make = Callable[..., Fault]
_FAULTS: Mapping[str, tuple[_Make, set[Kind], tuple[float, ...]]] = {
    "unit change": (_unit, {Kind.QUALITY, Kind.FEATURE}, (1.0, 0.5, 0.2, 0.05)),
    "null burst": (_nulls, {Kind.QUALITY}, (1.0, 0.3, 0.1, 0.03)),
    "category rename": (_renamed, {Kind.QUALITY, Kind.FEATURE}, (1.0, 0.5, 0.2, 0.03)),
    "slow concept drift": (_concept, {Kind.PERFORMANCE}, (0.5, 0.35, 0.25, 0.1)),
    "label stall": (_stall, {Kind.INGEST}, (1.0, 0.7, 0.4, 0.1)),
    "traffic mix shift": (_mix, {Kind.FEATURE, Kind.QUALITY}, (0.8, 0.5, 0.35, 0.1)),
    "latency step": (_slow, {Kind.SERVICE}, (4.0, 2.5, 1.8, 1.3)),
    "ingest stop": (_stop, {Kind.INGEST}, (24, 8, 3, 1)),
    "deploy gone bad": (_deploy, {Kind.PERFORMANCE, Kind.DRIFT}, (6.0, 4.0, 3.0, 1.0)),
}
"""How it is made, what it is called, and its sizes."""
