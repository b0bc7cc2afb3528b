"""Learn from the reference which features a model has, and choose the bins in which they are counted."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from driftline.ingest import events
from driftline.ingest.events import Task

from .binning import FINE_BINS, MAX_CATEGORIES, SCORE_BINS, Binning, NumericBins
from .edges import Piece, Pieces, Quantity, choose_bins, coarsen, counted, requests
from .request import MAX_CLASSES

if TYPE_CHECKING:
    from collections.abc import Callable

    from ..monitors import Model

    Search = Callable[[dict[str, Any]], Mapping[str, Any]]

NUMBERS = {"double", "float", "half_float", "scaled_float", "long", "integer", "short", "byte", "unsigned_long"}
WORDS = {"keyword", "constant_keyword", "wildcard", "boolean"}


class NoDataError(RuntimeError):
    """There is nothing to learn a reference from; the text says where was looked."""


@dataclass(frozen=True, slots=True)
class Fields:
    """The features of a model by kind, and those that are of two kinds at once in different backing indices."""

    numeric: tuple[str, ...]
    categorical: tuple[str, ...]
    mixed: tuple[str, ...]


def features_in(capabilities: Mapping[str, Any]) -> Fields:
    """The features named in an answer of Elasticsearch's field capabilities API."""
    kinds: dict[str, set[str]] = {}
    for field, types in capabilities["fields"].items():
        if field.startswith(f"{events.FEATURES}."):
            name = field.removeprefix(f"{events.FEATURES}.")
            found = {kind for kind in types if kind not in ("unmapped", "object")}
            kinds[name] = {"numeric" if kind in NUMBERS else "categorical" for kind in found if kind in NUMBERS | WORDS}
    return Fields(
        numeric=tuple(sorted(name for name, kind in kinds.items() if kind == {"numeric"})),
        categorical=tuple(sorted(name for name, kind in kinds.items() if kind == {"categorical"})),
        mixed=tuple(sorted(name for name, kind in kinds.items() if len(kind) > 1)),
    )


def score_fields(model: Model, classes: Sequence[str]) -> dict[str, str]:
    """The field of the score, per class that is scored."""
    match model.task:
        case Task.BINARY:
            return {str(model.positive_class): events.PREDICTION_SCORE}
        case Task.MULTICLASS:
            return {name: f"{events.PREDICTION_PROBABILITIES}.{name}" for name in classes}
        case _:
            return {}


def probability_bins() -> NumericBins:
    """Bins of a probability that need no data: equal ones."""
    return NumericBins(np.linspace(0.0, 1.0, SCORE_BINS - 1), coarsen(np.ones(SCORE_BINS, np.int64)))


def choose_binning(search: Search, model: Model, query: Mapping[str, Any], fields: Fields) -> Binning:
    """Bins for every feature, score and prediction of the predictions that match the query.

    Args:
        search: Sends one search body, gives its answer.
        model: The model.
        query: What the reference is.
        fields: The features there are.

    Raises:
        NoDataError: Nothing matches.
    """
    ask = {"size": 0, "track_total_hits": True, "query": query}
    answer = search(ask | {"aggs": dict(_survey(model, fields))})
    if not answer["hits"]["total"]["value"]:
        msg = f"model {model.name!r} has no predictions in its reference period"
        raise NoDataError(msg)
    survey = answer["aggregations"]
    classes = _classes(survey) if model.task is not Task.REGRESSION else ()
    numeric = [
        quantity
        for position, name in enumerate(fields.numeric)
        if (quantity := _quantity(name, f"{events.FEATURES}.{name}", survey[f"n{position}"], FINE_BINS))
    ]
    scored = score_fields(model, classes)
    score_survey = _score_survey(search, ask, scored)
    scores = [q for q in (_quantity(n, f, score_survey[n], SCORE_BINS) for n, f in scored.items()) if q]
    value = _quantity("value", events.PREDICTION_VALUE, survey["value"], FINE_BINS) if "value" in survey else None
    found = _bins(search, ask, [*numeric, *scores, *([value] if value else [])])
    return Binning(
        numeric={quantity.name: found[quantity] for quantity in numeric},
        categorical={
            name: tuple(bucket["key"] for bucket in survey[f"c{position}"]["buckets"])
            for position, name in enumerate(fields.categorical)
        },
        classes=classes,
        scores={quantity.name: found[quantity] for quantity in scores},
        value=found[value] if value else None,
    )


def _survey(model: Model, fields: Fields) -> Iterator[tuple[str, Any]]:
    for position, name in enumerate(fields.numeric):
        yield f"n{position}", {"stats": {"field": f"{events.FEATURES}.{name}"}}
    for position, name in enumerate(fields.categorical):
        yield f"c{position}", {"terms": {"field": f"{events.FEATURES}.{name}", "size": MAX_CATEGORIES}}
    if model.task is Task.REGRESSION:
        yield "value", {"stats": {"field": events.PREDICTION_VALUE}}
    else:
        yield "predicted", {"terms": {"field": events.PREDICTION_LABEL, "size": MAX_CLASSES}}
        yield "actual", {"terms": {"field": events.OUTCOME_LABEL, "size": MAX_CLASSES}}


def _classes(survey: Mapping[str, Any]) -> tuple[str, ...]:
    return tuple(sorted({bucket["key"] for side in ("predicted", "actual") for bucket in survey[side]["buckets"]}))


def _score_survey(search: Search, ask: Mapping[str, Any], scored: Mapping[str, str]) -> Mapping[str, Any]:
    if not scored:
        return {}
    aggregations = {f"s{position}": {"stats": {"field": field}} for position, field in enumerate(scored.values())}
    answer = search({**ask, "aggs": aggregations})["aggregations"]
    return {name: answer[f"s{position}"] for position, name in enumerate(scored)}


def _quantity(name: str, field: str, stats: Mapping[str, Any], bins: int) -> Quantity | None:
    if not stats["count"]:
        return None
    return Quantity(name, field, stats["count"], stats["min"], stats["max"], bins)


def _bins(search: Search, ask: Mapping[str, Any], quantities: Sequence[Quantity]) -> dict[Quantity, NumericBins]:
    def count(pending: Pieces) -> Pieces:
        found: dict[Quantity, Sequence[Piece]] = {}
        for aggregations, batch in requests(pending):
            answer = search({**ask, "aggs": aggregations})["aggregations"]
            found.update(counted(answer, batch))
        return found

    return choose_bins(count, quantities)
