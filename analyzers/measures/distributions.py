"""The distributions in profiles: each feature, the score, the predicted value and the predicted classes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from driftline.ingest import events
from driftline.ingest.events import Task

from ..arrays import IntArray
from ..profiles.binning import Binning, NumericBins
from ..profiles.profile import CategoryCounts, Moments, NumericCounts, Profile, ScoreCounts
from .measure import Distribution, MomentArrays


def of_numeric(counts: Sequence[NumericCounts], bins: NumericBins) -> Distribution:
    """The distribution of a numeric quantity in several windows."""
    moments = [window.moments for window in counts]
    return _numeric([window.counts for window in counts], bins, moments, [window.missing for window in counts])


def of_scores(counts: Sequence[ScoreCounts], bins: NumericBins) -> Distribution:
    """The distribution of a score, labelled or not."""
    moments = [window.moments for window in counts]
    return _numeric([window.total for window in counts], bins, moments, [0] * len(counts))


def _numeric(
    fine: Sequence[IntArray], bins: NumericBins, moments: Sequence[Moments], missing: Sequence[int]
) -> Distribution:
    stacked = np.array(fine, np.int64)
    return Distribution(
        counts=np.asarray(np.add.reduceat(stacked, bins.coarse, axis=-1), np.int64),
        other=np.zeros(len(fine), np.int64),
        missing=np.array(missing, np.int64),
        fine=stacked,
        edges=bins.edges,
        moments=MomentArrays(*np.array([_tuple(window) for window in moments], np.float64).T),
    )


def _tuple(moments: Moments) -> tuple[float, float, float, float, float]:
    return moments.count, moments.sum, moments.sum_of_squares, moments.min, moments.max


def of_categories(counts: Sequence[CategoryCounts]) -> Distribution:
    """The distribution of a categorical feature; the last count is of all unknown categories together."""
    known = np.array([window.counts for window in counts], np.int64).reshape(len(counts), -1)
    other = np.array([window.other for window in counts], np.int64)
    missing = np.array([window.missing for window in counts], np.int64)
    return Distribution(np.column_stack([known, other]), other, missing)


def of_labels(predicted: Sequence[Mapping[str, int]], classes: Sequence[str]) -> Distribution:
    """The distribution of predicted classes; the last count is of classes that the reference does not have."""
    counts = [
        CategoryCounts(np.array([w.get(c, 0) for c in classes], np.int64), _others(w, classes)) for w in predicted
    ]
    return of_categories(counts)


def _others(predicted: Mapping[str, int], classes: Sequence[str]) -> int:
    return sum(count for label, count in predicted.items() if label not in classes)


def score_field(scored: str, task: Task) -> str:
    """The name that metrics of a class's score carry in `feature.name`."""
    return events.PREDICTION_SCORE if task is Task.BINARY else f"{events.PREDICTION_PROBABILITIES}.{scored}"


def counted_in(binning: Binning, task: Task) -> dict[str, NumericBins | tuple[str, ...]]:
    """What each of `distributions` is counted in: bins, or categories; by the same name."""
    found: dict[str, NumericBins | tuple[str, ...]] = {**binning.numeric, **binning.categorical}
    found |= {score_field(name, task): bins for name, bins in binning.scores.items()}
    if binning.value:
        found[events.PREDICTION_VALUE] = binning.value
    if binning.classes:
        found[events.PREDICTION_LABEL] = binning.classes
    return found


def distributions(profiles: Sequence[Profile], binning: Binning, task: Task) -> Iterator[tuple[str, Distribution]]:
    """All distributions of some windows' profiles, by the name that metrics carry in `feature.name`."""
    for name, bins in binning.numeric.items():
        yield name, of_numeric([profile.numeric[name] for profile in profiles], bins)
    for name in binning.categorical:
        yield name, of_categories([profile.categorical[name] for profile in profiles])
    for name, bins in binning.scores.items():
        yield score_field(name, task), of_scores([profile.scores[name] for profile in profiles], bins)
    if binning.value:
        values = [profile.value for profile in profiles if profile.value is not None]
        if len(values) == len(profiles):
            yield events.PREDICTION_VALUE, of_numeric(values, binning.value)
    if binning.classes:
        yield events.PREDICTION_LABEL, of_labels([profile.predicted for profile in profiles], binning.classes)
