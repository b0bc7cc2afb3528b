"""Who is affected: the segments in which a metric is wrong, with their share of the predictions. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from ...measures import Status
from ...windows import iso
from .shape import MOST, Affected
from .told import effect

if TYPE_CHECKING:
    from ...monitors import Model
    from ...windows import Window
    from ..records import Document, Series

    Part = tuple[str, str]

WRONG = (Status.WARNING.value, Status.CRITICAL.value)
FIELDS = ("metric", "segment", "window", "model", "feature")


def series_query(series: Series, period: Window, *more: Mapping[str, Any]) -> dict[str, Any]:
    """The metrics of a series, or of the same in its segments, whose windows begin in a period."""
    terms = {
        "model.name": series.model,
        "model.version": series.version,
        "window.size": series.size,
        "metric.name": series.measure,
        "feature.name": series.feature,
    }
    filters: list[Mapping[str, Any]] = [{"term": {name: value}} for name, value in terms.items() if value is not None]
    absent = [{"exists": {"field": "feature.name"}}] if series.feature is None else []
    in_period = {"range": {"window.start": period.range()}}
    return {"bool": {"filter": [*filters, in_period, *more], "must_not": absent}}


def segments_query(series: Series, window: Window) -> dict[str, Any]:
    """The same metric in each segment of one window."""
    return series_query(series, window, {"exists": {"field": "segment.name"}})


def sizes_query(series: Series, window: Window) -> dict[str, Any]:
    """The profiles of one window, which say how many predictions each segment has."""
    terms = {
        "kind": "window",
        "model.name": series.model,
        "model.version": series.version,
        "window.size": series.size,
        "window.start": iso(window.start),
    }
    return {"bool": {"filter": [{"term": {name: value}} for name, value in terms.items()]}}


def sizes(profiles: Iterable[Document]) -> dict[Part | None, int]:
    """How many predictions a window has, per segment; None: all."""
    return {
        (found["segment"]["name"], found["segment"]["value"]) if "segment" in found else None: found["profile"][
            "predictions"
        ]
        for found in profiles
    }


def affected(metrics: Sequence[Document], counts: Mapping[Part | None, int], model: Model) -> list[Affected]:
    """The segments in which a metric is wrong, the worst first.

    Args:
        metrics: That metric in all segments of one window.
        counts: How many predictions the segments have.
        model: The model.
    """
    wrong = [metric for metric in metrics if metric["metric"]["status"] in WRONG]
    names = {_part(metric) for metric in wrong}
    judged = [_part(metric) for metric in metrics if metric["metric"]["status"] != Status.INSUFFICIENT]
    alone = {part for part in names if _is_alone(part, names, judged)}
    wrong.sort(key=lambda metric: (metric["metric"]["status"] != Status.CRITICAL, -effect(metric, model)))
    return [_affected(metric, counts, only=_part(metric) in alone) for metric in wrong[:MOST]]


def _is_alone(part: Part, wrong: Iterable[Part], judged: Iterable[Part]) -> bool:
    """Whether no other value of the segment is wrong, and some other one was judged and found well."""
    others = {other for other in judged if other[0] == part[0]} - {part}
    return bool(others) and not others & set(wrong)


def _affected(metric: Document, counts: Mapping[Part | None, int], *, only: bool) -> Affected:
    part, found = _part(metric), metric["metric"]
    count, total = counts.get(part), counts.get(None)
    return {
        "segment": {"name": part[0], "value": part[1]},
        "predictions": count,
        "share": count / total if count is not None and total else None,
        "measure": found["name"],
        "value": found.get("value"),
        "reference_value": found.get("reference_value"),
        "status": found["status"],
        "only": only,
    }


def _part(metric: Document) -> Part:
    return metric["segment"]["name"], metric["segment"]["value"]


def who(found: Sequence[Affected], own: Part | None, judged: int) -> str:
    """Who is affected, a sentence.

    Args:
        found: The segments that are.
        own: The segment that the metric itself is of; None: all predictions.
        judged: In how many segments the metric could be judged.
    """
    if own is not None:
        return f"{own[0]}={own[1]}."
    alone = [part for part in found if part["only"]]
    if alone:
        return f"Only {' and '.join(map(_named, alone))}."
    if found:
        return (
            f"{'All judged segments' if len(found) == judged else 'Most of all'}: {', '.join(map(_named, found[:3]))}."
        )
    return "No segment stands out." if judged else "All predictions; no segment could be judged."


def between(series: Series, metric: Document, counts: Mapping[Part | None, int]) -> tuple[list[Affected], str]:
    """Who is affected by a gap between groups: the one with the lowest rate, against the one with the highest.

    Args:
        series: Of the gap; its feature is the protected attribute.
        metric: The gap, with its groups.
        counts: How many predictions the groups have.
    """
    groups = metric["metric"]["groups"]
    part = {"segment": {"name": series.feature, "value": groups["lowest"]}, "metric": metric["metric"]}
    found = _affected(part, counts, only=False)
    # The value is that of the gap, and not of the group.
    found |= {"value": None, "reference_value": None}
    return [found], f"{_named(found)}, against {series.feature}={groups['highest']}."


def _named(part: Affected) -> str:
    share = f", {100 * part['share']:.3g} % of the predictions" if part["share"] is not None else ""
    return f"{part['segment']['name']}={part['segment']['value']}{share}"
