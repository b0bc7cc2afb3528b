"""The likely cause: what the values look like, what changed at the onset, which feature moved first. Pure.

Nothing is made up: a cause was recognised in the counts, is a change that was logged, or a feature whose own alert came
first. Where there is none of these, it is not known.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from driftline.ingest import events

from ...causes.cause import Kind as Known
from ...windows import Window, parse_moment
from ..records import Alert, Kind
from .shape import Cause
from .told import title

UNKNOWN = "unknown"
CHANGE, FEATURE = "change", "feature"
_OF_FEATURES = (Kind.QUALITY, Kind.FEATURE)
_LATER = (Kind.DRIFT, Kind.PERFORMANCE, Kind.FAIRNESS)


def likely(parent: Alert, alerts: Sequence[Alert], changes: Sequence[Mapping[str, Any]]) -> Cause:
    """The cause that most speaks for, and what else does.

    Args:
        parent: The alert that explains the others.
        alerts: All alerts of the incident, the most telling first.
        changes: What changed around the onset, the nearest first.
    """
    parts = [
        part
        for part in (_recognised(parent, alerts), _changed(parent, changes), _moved_first(parent, alerts))
        if part is not None
    ]
    if not parts:
        text = "Not known: no change at the onset, and no feature that broke or moved before it, was found."
        return {"kind": UNKNOWN, "text": text}
    first = parts[0]
    told: Cause = {"kind": first["kind"], "text": " ".join(part["text"] for part in parts)}
    if "confidence" in first:
        told["confidence"] = first["confidence"]
    return told


def _recognised(parent: Alert, alerts: Sequence[Alert]) -> Cause | None:
    """What the values of a feature look like; the parent's, else that of the feature that broke first."""
    broken = [alert for alert in alerts if _cause(alert) and _cause(alert)["kind"] != Known.MOVED]
    if not broken:
        return None
    chosen = min(broken, key=lambda alert: (alert.id != parent.id, alert.since))
    found = _cause(chosen)
    told: Cause = {"kind": found["kind"], "text": f"{chosen.series.feature}: {_sentence(found['text'])}"}
    if "confidence" in found:
        told["confidence"] = found["confidence"]
    return told


def _cause(alert: Alert) -> Mapping[str, Any]:
    found: Mapping[str, Any] = alert.peak["metric"].get("cause", {})
    return found


def _changed(parent: Alert, changes: Sequence[Mapping[str, Any]]) -> Cause | None:
    """The change nearest to the onset, if it came in the first bad window or in the one before it."""
    window = Window.from_document(parent.first["window"])
    length = window.end - window.start
    for change in changes:
        moment = parse_moment(change[events.TIMESTAMP])
        if parent.since - length <= moment < window.end:
            said = f" ({change['message']})" if change["message"] else ""
            text = f"The change `{change['action']}`{said} came {_apart(moment, parent.since)}."
            return {"kind": CHANGE, "text": text}
    return None


def _apart(moment: datetime, since: datetime) -> str:
    if moment >= since:
        return "in the first bad window"
    return f"{_length(since - moment)} before the first bad window"


def _moved_first(parent: Alert, alerts: Sequence[Alert]) -> Cause | None:
    """A feature that moved before, or with, what the model then did worse."""
    later = [alert for alert in alerts if alert.kind in _LATER]
    features = [alert for alert in alerts if alert.kind in _OF_FEATURES and alert.series.feature]
    if not features or not later:
        return _moved(parent)
    first = min(features, key=lambda alert: (alert.since, alert.id != parent.id))
    then = min(later, key=lambda alert: (alert.since, alert.kind is not Kind.PERFORMANCE))
    if first.since > then.since:
        return _moved(parent)
    after = _length(then.since - first.since)
    when = f"{after} later" if after else "in the same window"
    how = f" ({_cause(first)['text']})" if _cause(first).get("kind") == Known.MOVED else ""
    text = f"{first.series.feature} was not as before{how}; {title(then.series.measure)} followed {when}."
    return {"kind": FEATURE, "text": text}


def _moved(parent: Alert) -> Cause | None:
    if _cause(parent).get("kind") != Known.MOVED:
        return None
    return {"kind": Known.MOVED.value, "text": f"{parent.series.feature}: {_sentence(_cause(parent)['text'])}"}


def _sentence(text: str) -> str:
    return f"{text.rstrip('.')}."


def _length(length: timedelta) -> str:
    """A length of time for people, in its largest unit; empty for none."""
    seconds = length.total_seconds()
    for unit, size in (("d", 86_400), ("h", 3_600), ("min", 60)):
        if seconds >= size:
            return f"{seconds / size:.3g} {unit}"
    return f"{seconds:.0f} s" if seconds else ""
