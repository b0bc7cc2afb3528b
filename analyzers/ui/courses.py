"""The metrics of a model, or of a segment of it, by window: what asks for them, and their charts. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from ..alerts.evidence.told import title
from ..measures import MEASURES, Status
from ..reading.output import interval, number
from ..reading.search import WRONG
from . import drawing

Found = Mapping[str, Any]

WINDOWS = 120
"""Windows of a chart: those nearest to the end of the period."""
CHARTS = 30
ROWS = 30
_UNITS = {measure.name: measure.unit for measure in MEASURES}
_FAMILIES = {family: at for at, family in enumerate(dict.fromkeys(measure.family for measure in MEASURES))}


@dataclass(frozen=True, slots=True)
class Chart:
    """A metric over time.

    Attributes:
        name: The measure.
        title: Its title, with the unit.
        now: Value of the newest window, as text.
        interval: Its 95 % interval, as text.
        status: Its verdict.
        window: Its start, as text.
        summary: The course in words.
        course: The chart; None where no window has a value.
        rows: Windows as a table shows them: start, value, interval, verdict.
    """

    name: str
    title: str
    now: str
    interval: str
    status: str
    window: str
    summary: str
    course: drawing.Course | None
    rows: Sequence[tuple[str, str, str, str]]


def request(filters: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """What asks for the metrics by window, those of features left out."""
    numbers = {name: {"avg": {"field": f"metric.{name}"}} for name in ("value", "lower", "upper")}
    told = ["metric.family", "metric.reference_value"]
    newest = {"top_hits": {"size": 1, "sort": [{"window.start": "desc"}], "_source": told}}
    return {
        "size": 0,
        "track_total_hits": False,
        "query": {"bool": {"filter": list(filters), "must_not": [{"exists": {"field": "feature.name"}}]}},
        "aggs": {
            "series": {
                "terms": {"field": "metric.name", "size": CHARTS},
                "aggs": {"newest": newest, **by_window(numbers)},
            }
        },
    }


def _newest_windows() -> dict[str, Any]:
    """Those at the end of the period; one series has one document a window."""
    return {"terms": {"field": "window.start", "size": WINDOWS, "order": {"_key": "desc"}}}


def by_window(numbers: Mapping[str, Any]) -> dict[str, Any]:
    """The aggregations of one series by window: numbers of each, and the verdicts of those that are not ok.

    Most are ok, and an answer that says so of each would take long to read.
    """
    not_ok = {"bool": {"must_not": {"term": {"metric.status": Status.OK.value}}}}
    by_verdict = {"terms": {"field": "metric.status", "size": 4}, "aggs": {"windows": _newest_windows()}}
    return {
        "windows": {**_newest_windows(), "aggs": numbers},
        "not_ok": {"filter": not_ok, "aggs": {"verdicts": by_verdict}},
    }


def verdicts(bucket: Found) -> dict[float, str]:
    """The verdicts of one series that are not ok, by start of window."""
    found = bucket["not_ok"]["verdicts"]["buckets"]
    return {window["key"]: verdict["key"] for verdict in found for window in verdict["windows"]["buckets"]}


def charts(found: Found, changed: Sequence[float]) -> list[Chart]:
    """The charts of what was found, by family and name. Pure."""
    buckets = found.get("aggregations", {"series": {"buckets": ()}})["series"]["buckets"]
    return [_chart(bucket, changed) for bucket in sorted(buckets, key=_family)]


def _newest(bucket: Found) -> Found:
    metric: Found = bucket["newest"]["hits"]["hits"][0]["_source"]["metric"]
    return metric


def _family(bucket: Found) -> tuple[int, str]:
    return _FAMILIES.get(_newest(bucket)["family"], len(_FAMILIES)), bucket["key"]


def _chart(bucket: Found, changed: Sequence[float]) -> Chart:
    name, unit, known = bucket["key"], _UNITS.get(bucket["key"], ""), verdicts(bucket)
    points = [_point(window, known.get(window["key"])) for window in reversed(bucket["windows"]["buckets"])]
    last = points[-1]
    return Chart(
        name=name,
        title=f"{title(name)} ({unit})" if unit else title(name),
        now=number(last.value),
        interval=interval(last.lower, last.upper),
        status=last.status,
        window=day(last.at),
        summary=summary(points),
        course=drawing.course(points, _newest(bucket).get("reference_value"), changed, WRONG),
        rows=[(day(p.at), number(p.value), interval(p.lower, p.upper), p.status) for p in _telling(points)],
    )


def _point(window: Found, status: str | None) -> drawing.Point:
    value, lower, upper = (window[name]["value"] for name in ("value", "lower", "upper"))
    return drawing.Point(window["key"], value, lower, upper, status or Status.OK.value)


def _telling(points: Sequence[drawing.Point]) -> list[drawing.Point]:
    """The newest windows; where there are more than a table takes, first those with something wrong."""
    wrong = [point for point in points if point.status in WRONG][-ROWS:]
    others = [point for point in points if point.status not in WRONG][len(wrong) - ROWS :] if len(wrong) < ROWS else []
    return sorted((*wrong, *others), key=lambda point: -point.at)


def summary(points: Sequence[drawing.Point]) -> str:
    """A course in words, for those who do not see it."""
    known = [point.value for point in points if point.value is not None]
    if not known:
        return f"no value in {len(points)} windows"
    period = f"{len(points)} windows from {day(points[0].at)} to {day(points[-1].at)}"
    return f"{period}: {number(min(known))} to {number(max(known))}; {wrong([point.status for point in points])}"


def wrong(statuses: Sequence[str]) -> str:
    """How many verdicts are critical or a warning, in words."""
    counts = [(status, statuses.count(status)) for status in reversed(WRONG)]
    return ", ".join(f"{count} {status}" for status, count in counts if count) or "none critical or warning"


def day(at: float) -> str:
    """Milliseconds since 1970 as a day, and to the minute where it is not midnight."""
    return f"{datetime.fromtimestamp(at / 1000, UTC):%Y-%m-%d %H:%M}".removesuffix(" 00:00")
