"""What was looked at in the same windows and is fine, so that nobody looks there again. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ...measures import Status

if TYPE_CHECKING:
    from ...windows import Window
    from ..records import Series

MOST_MEASURES, MOST_FEATURES = 200, 1_000
"""Names that are asked for."""
_WHOLE = [{"exists": {"field": "segment.name"}}]
_FEATURE = {"exists": {"field": "feature.name"}}


@dataclass(frozen=True, slots=True)
class Checked:
    """Measures of the whole model, then features.

    Attributes:
        fine: Names of those that were never wrong, and `ok` once at least.
        unjudged: How many could not be judged.
    """

    fine: tuple[str, ...]
    unjudged: int


def search_body(series: Series, period: Window, judged: Iterable[str]) -> dict[str, Any]:
    """The search that counts verdicts by measure and by feature.

    Args:
        series: Whose model, version and size of window.
        period: When the windows begin.
        judged: Measures that have thresholds: others are recorded only, and are always `ok`.
    """
    terms = {"model.name": series.model, "model.version": series.version, "window.size": series.size}
    filters: list[Mapping[str, Any]] = [{"term": {name: value}} for name, value in terms.items()]
    filters += [{"terms": {"metric.name": sorted(judged)}}, {"range": {"window.start": period.range()}}]
    measures = _by("metric.name", MOST_MEASURES)
    return {
        "size": 0,
        "query": {"bool": {"filter": filters, "must_not": _WHOLE}},
        "aggs": {
            "measures": {"filter": {"bool": {"must_not": [_FEATURE]}}, "aggs": {"names": measures}},
            "features": _by("feature.name", MOST_FEATURES),
        },
    }


def _by(field: str, size: int) -> dict[str, Any]:
    statuses = {"statuses": {"terms": {"field": "metric.status", "size": len(Status)}}}
    return {"terms": {"field": field, "size": size, "order": {"_key": "asc"}}, "aggs": statuses}


def checked(answer: Mapping[str, Any]) -> Checked:
    """What the answer says is fine."""
    found = answer.get("aggregations")
    if not found:
        return Checked((), 0)
    seen = [*_seen(found["measures"]["names"]), *_seen(found["features"])]
    fine = (name for name, statuses in seen if Status.OK in statuses and statuses <= {Status.OK, Status.INSUFFICIENT})
    unjudged = sum(statuses == {Status.INSUFFICIENT} for _, statuses in seen)
    return Checked(tuple(dict.fromkeys(fine)), unjudged)


def _seen(found: Mapping[str, Any]) -> Iterator[tuple[str, set[str]]]:
    for bucket in found["buckets"]:
        yield bucket["key"], {status["key"] for status in bucket["statuses"]["buckets"]}
