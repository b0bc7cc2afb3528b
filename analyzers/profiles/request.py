"""The one search that counts a window, and the profile in its answer. Pure: no client in here.

Aggregations are named by position (`n0`, `c3`), since names of features may hold what a name of an aggregation may not.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from driftline.ingest import events

from .binning import DELAY_EDGES, DURATION_EDGES, Binning, NumericBins
from .profile import CategoryCounts, Moments, NumericCounts, Profile, ScoreCounts

if TYPE_CHECKING:
    from numpy.typing import NDArray

MAX_CLASSES = 200
"""Classes that are told apart in the confusion matrix."""
CROSS = "*"
"""Between the names of the segments that an intersection is made of, and between its values."""
MAX_SEGMENT_VALUES = 50
"""Values of one segment that are analysed, the most frequent ones."""

EVALUATIONS = {
    "log_loss": events.EVALUATION_LOG_LOSS,
    "brier": events.EVALUATION_BRIER,
    "error": events.EVALUATION_ERROR,
    "absolute_error": events.EVALUATION_ABSOLUTE_ERROR,
    "squared_error": events.EVALUATION_SQUARED_ERROR,
    "absolute_percentage_error": events.EVALUATION_ABSOLUTE_PERCENTAGE_ERROR,
    "actual": events.OUTCOME_VALUE,
}
"""Quantities whose moments a profile keeps, and their fields."""
CLASSIFICATION_EVALUATIONS = ("log_loss", "brier")
_DURATION = NumericBins(DURATION_EDGES, np.zeros(1, np.int64))
_DELAY = NumericBins(DELAY_EDGES, np.zeros(1, np.int64))


@dataclass(frozen=True, slots=True)
class Counting:
    """What to count of one model, and how.

    Attributes:
        binning: The bins.
        score_fields: Field of the score per scored class.
    """

    binning: Binning
    score_fields: Mapping[str, str]

    def aggregations(self) -> dict[str, Any]:
        """The aggregations that count one set of predictions."""
        return dict(self._parts())

    def _parts(self) -> Iterator[tuple[str, Any]]:
        binning = self.binning
        yield "errors", {"filter": {"term": {events.EVENT_OUTCOME: "failure"}}}
        yield "labelled", {"filter": {"exists": {"field": events.OUTCOME_TIMESTAMP}}}
        yield "duration", _ranges(events.EVENT_DURATION, _DURATION)
        yield "delay", _ranges(events.OUTCOME_DELAY, _DELAY)
        if positive := binning.positive_class:
            of_positives = {"filter": {"term": {events.OUTCOME_LABEL: positive}}}
            yield "positive_delay", of_positives | {"aggs": {"delay": _ranges(events.OUTCOME_DELAY, _DELAY)}}
        for position, (name, bins) in enumerate(binning.numeric.items()):
            field = f"{events.FEATURES}.{name}"
            yield f"n{position}", _ranges(field, bins)
            yield f"n{position}m", {"extended_stats": {"field": field}}
        for position, (name, known) in enumerate(binning.categorical.items()):
            field = f"{events.FEATURES}.{name}"
            yield f"c{position}v", {"value_count": {"field": field}}
            if known:
                terms = {"field": field, "size": len(known), "include": list(known)}
                yield f"c{position}", {"terms": terms}
        for position, (name, bins) in enumerate(binning.scores.items()):
            field = self.score_fields[name]
            yield f"s{position}", _scores(name, field, bins)
            yield f"s{position}m", {"extended_stats": {"field": field}}
        if binning.value:
            yield "value", _ranges(events.PREDICTION_VALUE, binning.value)
            yield "valuem", {"extended_stats": {"field": events.PREDICTION_VALUE}}
        yield from self._evaluations()

    def _evaluations(self) -> Iterator[tuple[str, Any]]:
        if not self.binning.value:
            actual = {"terms": {"field": events.OUTCOME_LABEL, "size": MAX_CLASSES}}
            predicted = {"field": events.PREDICTION_LABEL, "size": MAX_CLASSES}
            yield "confusion", {"terms": predicted, "aggs": {"actual": actual}}
        for name in self._evaluated():
            yield f"e_{name}", {"extended_stats": {"field": EVALUATIONS[name]}}

    def _evaluated(self) -> list[str]:
        wanted = not self.binning.value
        return [name for name in EVALUATIONS if (name in CLASSIFICATION_EVALUATIONS) == wanted]

    @property
    def buckets(self) -> int:
        """The most buckets that the aggregations of one set of predictions make."""
        binning = self.binning
        ranged = [_DURATION, _DELAY, _DELAY, *binning.numeric.values(), *([binning.value] if binning.value else [])]
        classes = max(len(binning.classes), 2)
        return (
            sum(bins.size for bins in ranged)
            + sum(len(known) for known in binning.categorical.values())
            + sum(6 * (bins.size + 1) for bins in binning.scores.values())
            + (0 if binning.value else classes * (classes + 1))
            + 3
        )

    def profile(self, answer: Mapping[str, Any], predictions: int) -> Profile:
        """The profile in one set of aggregations' answers."""
        binning = self.binning
        confusion = answer["confusion"]["buckets"] if "confusion" in answer else []
        return Profile(
            binning=binning.version,
            predictions=predictions,
            errors=answer["errors"]["doc_count"],
            labelled=answer["labelled"]["doc_count"],
            numeric={
                name: _numeric(answer[f"n{position}"], answer[f"n{position}m"], predictions)
                for position, name in enumerate(binning.numeric)
            },
            categorical={
                name: _category(answer.get(f"c{position}"), answer[f"c{position}v"]["value"], known, predictions)
                for position, (name, known) in enumerate(binning.categorical.items())
            },
            scores={
                name: _score_counts(answer[f"s{position}"], answer[f"s{position}m"], bins)
                for position, (name, bins) in enumerate(binning.scores.items())
            },
            value=_numeric(answer["value"], answer["valuem"], predictions) if binning.value else None,
            predicted={row["key"]: row["doc_count"] for row in confusion},
            confusion={
                (row["key"], cell["key"]): cell["doc_count"] for row in confusion for cell in row["actual"]["buckets"]
            },
            evaluations={name: _moments(answer[f"e_{name}"]) for name in self._evaluated()},
            duration=_counts(answer["duration"]),
            delay=_counts(answer["delay"]),
            positive_delay=_counts(answer["positive_delay"]["delay"])
            if binning.positive_class
            else np.zeros(_DELAY.size, np.int64),
        )


def search_body(query: Mapping[str, Any], counting: Counting, segments: Sequence[str]) -> dict[str, Any]:
    """The search that counts all predictions that match, and each value of each segment."""
    parts = counting.aggregations()
    by_segment = {f"segment{position}": _segment(name, parts) for position, name in enumerate(segments)}
    return {"size": 0, "track_total_hits": True, "query": query, "aggs": {**parts, **by_segment}}


def segment_body(query: Mapping[str, Any], counting: Counting, segment: str, part: int, parts: int) -> dict[str, Any]:
    """The search that counts one of `parts` equal parts of one segment's values, where one search holds too many."""
    aggregation = _segment(segment, counting.aggregations())
    aggregation["terms"]["include"] = {"partition": part, "num_partitions": parts}
    return {"size": 0, "track_total_hits": False, "query": query, "aggs": {"segment0": aggregation}}


def segment_profiles(
    answer: Mapping[str, Any], counting: Counting, segments: Sequence[str]
) -> dict[tuple[str, str], Profile]:
    """The profiles per (segment, value) in an answer."""
    return {
        (name, value): counting.profile(bucket, bucket["doc_count"])
        for position, name in enumerate(segments)
        for value, bucket in _values(answer[f"segment{position}"], name)
    }


def _segment(name: str, parts: Mapping[str, Any]) -> dict[str, Any]:
    first, _, rest = name.partition(CROSS)
    inner = {"within": _segment(rest, parts)} if rest else parts
    return {"terms": {"field": f"{events.SEGMENTS}.{first}", "size": MAX_SEGMENT_VALUES}, "aggs": inner}


def _values(answer: Mapping[str, Any], name: str) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """The values of a segment in its aggregation's answer, with what was counted of each."""
    _, _, rest = name.partition(CROSS)
    for bucket in answer["buckets"]:
        value = str(bucket["key"])
        if rest:
            yield from ((f"{value}{CROSS}{inner}", found) for inner, found in _values(bucket["within"], rest))
        else:
            yield value, bucket


def _ranges(field: str, bins: NumericBins) -> dict[str, Any]:
    return {"range": {"field": field, "ranges": bins.ranges()}}


def _scores(name: str, field: str, bins: NumericBins) -> dict[str, Any]:
    predicted = {"term": {events.PREDICTION_LABEL: name}}
    actual = {"term": {events.OUTCOME_LABEL: name}}
    known = {"exists": {"field": events.OUTCOME_LABEL}}
    outcomes = [
        {"must": [known], "must_not": [actual]},
        {"must": [actual]},
        {"must_not": [known]},
    ]
    filters = [
        {"bool": {**outcome, side: [*outcome.get(side, []), predicted]}}
        for side in ("must_not", "must")
        for outcome in outcomes
    ]
    histogram = _ranges(field, bins) | {"aggs": {"sum": {"sum": {"field": field}}}}
    return {"filters": {"filters": filters}, "aggs": {"bins": histogram}}


def _counts(answer: Mapping[str, Any]) -> NDArray[np.int64]:
    return np.array([bucket["doc_count"] for bucket in answer["buckets"]], np.int64)


def _moments(stats: Mapping[str, Any]) -> Moments:
    if not stats["count"]:
        return Moments()
    return Moments(stats["count"], stats["sum"], stats["sum_of_squares"], stats["min"], stats["max"])


def _numeric(histogram: Mapping[str, Any], stats: Mapping[str, Any], predictions: int) -> NumericCounts:
    return NumericCounts(_counts(histogram), _moments(stats), predictions - stats["count"])


def _category(
    answer: Mapping[str, Any] | None, values: int, known: tuple[str, ...], predictions: int
) -> CategoryCounts:
    found = {bucket["key"]: bucket["doc_count"] for bucket in answer["buckets"]} if answer else {}
    counts = np.array([found.get(name, 0) for name in known], np.int64)
    return CategoryCounts(counts, other=values - int(counts.sum()), missing=predictions - values)


def _score_counts(answer: Mapping[str, Any], stats: Mapping[str, Any], bins: NumericBins) -> ScoreCounts:
    cells = [cell["bins"] for cell in answer["buckets"]]
    sums = [[bucket["sum"]["value"] for bucket in cell["buckets"]] for cell in cells]
    return ScoreCounts(
        counts=np.array([_counts(cell) for cell in cells]).reshape(2, 3, bins.size),
        sums=np.array(sums, np.float64).reshape(2, 3, bins.size),
        moments=_moments(stats),
    )
