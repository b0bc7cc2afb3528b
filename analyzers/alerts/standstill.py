"""The alert of a model of which nothing is heard: no window is there to be judged, so its silence is. Pure."""

from __future__ import annotations

from ..profiles.store import document_id
from ..windows import iso
from .kinds import kind_of
from .lifecycle import Horizon
from .records import Alert, Document, Series, State

FEWEST = 30
"""Silence means something when at least so many predictions were to be expected in it."""


def standstill(last: Document | None, horizon: Horizon) -> Alert | None:
    """The alert that no predictions arrive; None where none were to be expected.

    Args:
        last: The last metric of how many predictions a second there were.
        horizon: How far windows reach, and that is too short.
    """
    if last is None or horizon.last is None:
        return None
    series = Series.of(last)
    expected = last["metric"].get("reference_value", last["metric"].get("value")) or 0.0
    seconds = (horizon.now - horizon.lateness - horizon.last).total_seconds()
    if horizon.is_retired(series.version) or expected * seconds < FEWEST:
        return None
    window = horizon.size.at(horizon.last)
    metric = {**last["metric"], "value": 0.0, "lower": 0.0, "status": "critical", "sample_size": 0}
    bounds = {"start": iso(window.start), "end": iso(window.end), "size": horizon.size.text}
    document = {**last, "metric": metric, "window": bounds}
    return Alert(
        id=document_id(series.fingerprint, iso(window.start)),
        series=series,
        kind=kind_of(document),
        state=State.FIRING,
        since=window.start,
        fired=horizon.now,
        until=None,
        resolution=None,
        bad=int(seconds // horizon.size.seconds),
        flaps=0,
        first=document,
        peak=document,
        latest=document,
    )
