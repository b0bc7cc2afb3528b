"""Which features moved, and when: a strip of windows for each, the darker the farther from the reference. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ..alerts.evidence.told import title
from ..measures import Status
from ..reading.output import minute, number
from ..reading.search import WRONG
from ..report.words import interval
from . import courses, drawing

FEATURES = 40
_PEAK = ("window", "metric.value", "metric.lower", "metric.upper", "metric.status", "metric.cause", "metric.threshold")

Found = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Strip:
    """One feature.

    Attributes:
        name: Its name.
        runs: Neighbouring windows of one shade.
        wrong: Neighbouring windows with a verdict that is not ok: the shade is 2 for critical, 1 for warning.
        worst: Value of the window in which it had moved most, as text.
        interval: Its interval, as text.
        when: Its start, as text.
        status: Its verdict.
        cause: What had happened to the feature, in a sentence; empty where that is not known.
        summary: The strip in words.
    """

    name: str
    runs: Sequence[drawing.Run]
    wrong: Sequence[drawing.Run]
    worst: str
    interval: str
    when: str
    status: str
    cause: str
    summary: str


@dataclass(frozen=True, slots=True)
class Table:
    """All features.

    Attributes:
        measure: Title of the measure of drift.
        strips: The features, the one that moved most first.
        more: How many features are not shown.
        windows: How many windows each strip has.
        first: Start of the first, as text.
        last: Start of the last, as text.
        bounds: The values from which on a strip gets darker, as text.
    """

    measure: str
    strips: Sequence[Strip]
    more: int
    windows: int
    first: str
    last: str
    bounds: Sequence[str]


def request(filters: Sequence[Mapping[str, Any]], measure: str) -> dict[str, Any]:
    """What asks for a measure of each feature by window, and for the window in which it had moved most.

    Args:
        filters: Which metrics.
        measure: The measure of drift.
    """
    sort = [{"metric.value": {"order": "desc", "missing": "_last"}}]
    peak = {"top_hits": {"size": 1, "sort": sort, "_source": list(_PEAK)}}
    most = {"max": {"field": "metric.value"}}
    per_feature = {"most": most, "peak": peak, **courses.by_window({"value": most})}
    return {
        "size": 0,
        "track_total_hits": False,
        "query": {
            "bool": {"filter": [*filters, {"term": {"metric.name": measure}}, {"exists": {"field": "feature.name"}}]}
        },
        "aggs": {
            "series": {
                "terms": {"field": "feature.name", "size": FEATURES, "order": {"most": "desc"}},
                "aggs": per_feature,
            },
            "count": {"cardinality": {"field": "feature.name"}},
        },
    }


def table(found: Found, measure: str) -> Table | None:
    """The table of what was found; None where no feature was measured."""
    parts = found.get("aggregations")
    if not parts or not parts["series"]["buckets"]:
        return None
    buckets = parts["series"]["buckets"]
    starts = sorted(
        {window["key"]: window["key_as_string"] for b in buckets for window in b["windows"]["buckets"]}.items()
    )
    most = max((b["most"]["value"] for b in buckets if b["most"]["value"] is not None), default=0.0)
    bounds = drawing.shades(most)
    return Table(
        measure=title(measure),
        strips=[_strip(bucket, [key for key, _ in starts], bounds) for bucket in buckets],
        more=max(0, parts["count"]["value"] - len(buckets)),
        windows=len(starts),
        first=minute(starts[0][1]),
        last=minute(starts[-1][1]),
        bounds=[number(bound) for bound in bounds],
    )


def _strip(bucket: Found, starts: Sequence[float], bounds: Sequence[float]) -> Strip:
    known, windows = courses.verdicts(bucket), {window["key"]: window for window in bucket["windows"]["buckets"]}
    values = [windows[start]["value"]["value"] if start in windows else None for start in starts]
    statuses = [known.get(start, Status.OK.value) for start in starts if start in windows]
    (peak,) = (hit["_source"] for hit in bucket["peak"]["hits"]["hits"])
    metric = peak["metric"]
    wrong = [known.get(start, "") for start in starts]
    levels = [float(WRONG.index(status)) if status in WRONG else None for status in wrong]
    return Strip(
        name=bucket["key"],
        runs=drawing.runs(values, bounds),
        wrong=drawing.runs(levels, (1.0,)),
        worst=number(metric.get("value")),
        interval=interval(metric),
        when=minute(peak["window"]["start"]),
        status=metric["status"],
        cause=metric.get("cause", {}).get("text", ""),
        summary=f"{len(statuses)} windows: {courses.wrong(statuses)}",
    )
