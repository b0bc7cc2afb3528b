"""Single predictions behind a metric: those that moved it most, beside ordinary ones that are like them. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from driftline.ingest import events

from ...profiles.request import CROSS
from ...reading import kql
from ...reading.search import between
from ...windows import Window, WindowSize, iso, parse_moment
from . import kuery
from .shape import MOST, MOST_FEATURES, Touched, cut

if TYPE_CHECKING:
    from ..records import Document, Series
    from .suspects import Suspects

SOURCE = (
    events.TIMESTAMP, "event.id", "event.duration", "model.version", "prediction", "outcome.label", "outcome.value",
    "evaluation.log_loss", "evaluation.absolute_error", "features", "segments", "error",
)  # fmt: skip
"""What is read of a prediction."""


@dataclass(frozen=True, slots=True)
class Behind:
    """The predictions behind a metric.

    Attributes:
        measure: Its measure.
        scope: KQL of all predictions that it is of.
        suspects: Which of these moved it.
        period: When they were made.
        size: Size of the metric's windows.
        shared: Segments whose values an ordinary prediction shares with the one that it stands beside.
    """

    measure: str
    scope: str
    suspects: Suspects
    period: Window
    size: WindowSize
    shared: Sequence[str]

    @property
    def kql(self) -> str:
        """KQL of those that moved it."""
        return kuery.both(self.scope, self.suspects.rows)


def scope(series: Series, group: tuple[str, str] | None = None) -> str:
    """KQL of the predictions that a metric is of.

    Args:
        series: Whose metric.
        group: The protected attribute and the group that is looked at, of a gap between groups.
    """
    model = kuery.equal_to({events.MODEL_NAME: series.model, events.MODEL_VERSION: series.version})
    segment = series.segment or group
    if segment is None:
        return model
    parts = dict(zip(segment[0].split(CROSS), segment[1].split(CROSS), strict=False))
    return kuery.both(model, kuery.equal_to({f"{events.SEGMENTS}.{name}": value for name, value in parts.items()}))


def exemplar_bodies(behind: Behind) -> list[dict[str, Any]]:
    """The searches of those that moved the metric most, and of how many predictions there are."""
    in_period = between(events.TIMESTAMP, behind.period.start, behind.period.end)
    rows, all_of_them = (kql.all_of(kql.parse(text), in_period) for text in (behind.kql, behind.scope))
    order = [*behind.suspects.order, {events.EVENT_ID: "asc"}]
    return [
        {"size": MOST, "query": rows, "sort": order, "track_total_hits": True, "_source": list(SOURCE)},
        {"size": 0, "query": all_of_them, "track_total_hits": True},
    ]


def touched(behind: Behind, rows: int, total: int) -> Touched:
    """What the predictions that moved the metric are, and how many."""
    return {
        "what": cut(behind.suspects.what),
        "measure": behind.measure,
        "kql": behind.kql,
        "predictions": rows,
        "share": rows / total if total else None,
    }


def ordinary_bodies(
    behind: Behind, exemplars: Sequence[Document], period: Window | None = None
) -> list[dict[str, Any]]:
    """Per exemplar the search of ordinary predictions like it: same segments and answer, nearest in time.

    Args:
        behind: What they are exemplars of.
        exemplars: Predictions that moved the metric.
        period: When the others were made; None: in the exemplar's own window.
    """
    if behind.suspects.ordinary is None:
        return []
    query = kql.parse(kuery.both(behind.scope, behind.suspects.ordinary))
    return [_like(behind, query, hit["_source"], period) for hit in exemplars]


def _like(behind: Behind, query: Mapping[str, Any], source: Document, period: Window | None) -> dict[str, Any]:
    moment = parse_moment(source[events.TIMESTAMP])
    window = period or behind.size.at(moment)
    segments = source.get("segments", {})
    terms = {f"{events.SEGMENTS}.{name}": str(segments[name]) for name in behind.shared if name in segments}
    label = source.get("prediction", {}).get("label")
    # Of a trouble with the answers themselves, an ordinary one is another answer.
    if label is not None and behind.suspects.feature != events.PREDICTION_LABEL and _keeps_label(behind):
        terms[events.PREDICTION_LABEL] = label
    same = [{"term": {name: value}} for name, value in terms.items()]
    nearest = {"distance_feature": {"field": events.TIMESTAMP, "origin": iso(moment), "pivot": "1m"}}
    in_window = between(events.TIMESTAMP, window.start, window.end)
    return {
        "size": MOST,
        "query": {"bool": {"filter": [query, in_window, *same], "should": [nearest]}},
        "sort": ["_score", {events.TIMESTAMP: "asc"}, {events.EVENT_ID: "asc"}],
        "track_total_hits": False,
        "_source": list(SOURCE),
    }


def _keeps_label(behind: Behind) -> bool:
    return behind.measure not in ("prediction_rate", "demographic_parity_difference", "demographic_parity_ratio")


def paired(
    exemplars: Sequence[Document], found: Sequence[Sequence[Document]], taken: Mapping[str, Document]
) -> dict[str, Document]:
    """The nearest of the ordinary predictions like each exemplar that no other one has, by the exemplar's id.

    Args:
        exemplars: Predictions that moved the metric.
        found: Per exemplar the ordinary ones like it, the nearest first.
        taken: The pairs that there are already.
    """
    pairs = dict(taken)
    used = {hit["_id"] for hit in pairs.values()}
    for exemplar, candidates in zip(exemplars, found, strict=False):
        chosen = next((hit for hit in candidates if hit["_id"] not in used), None)
        if chosen is not None and exemplar["_id"] not in pairs:
            used.add(chosen["_id"])
            pairs[exemplar["_id"]] = chosen
    return pairs


def shown(hit: Document, first: Sequence[str], beside: Document | None = None) -> dict[str, Any]:
    """A prediction as it is stored in evidence.

    Args:
        hit: The prediction.
        first: Features that are shown in any case; of the others, the first by name.
        beside: The exemplar that it is the ordinary one of.
    """
    source = hit["_source"]
    predicted, outcome = source.get("prediction", {}), source.get("outcome", {})
    evaluation, error = source.get("evaluation", {}), source.get("error", {})
    told = {
        "id": source["event"]["id"],
        "beside": beside["_source"]["event"]["id"] if beside else None,
        "index": hit["_index"],
        events.TIMESTAMP: source[events.TIMESTAMP],
        "loss": evaluation.get("log_loss", evaluation.get("absolute_error")),
        "predicted": _short(predicted.get("label", predicted.get("value"))),
        "score": predicted.get("score"),
        "outcome": _short(outcome.get("label", outcome.get("value"))),
        "duration": source["event"].get("duration"),
        "error": _short(error.get("type", error.get("message"))),
    }
    features = source.get("features", {})
    names = [name for name in dict.fromkeys([*first, *sorted(features)]) if name in features]
    segments = sorted(source.get("segments", {}).items())
    return {name: value for name, value in told.items() if value is not None} | {
        "features": {name: _short(features[name]) for name in names[:MOST_FEATURES]},
        "segments": {name: _short(value) for name, value in segments[:MOST_FEATURES]},
    }


def _short(value: Any) -> Any:
    return cut(value) if isinstance(value, str) else value
