"""The distributions in a profile: each feature, the score, the predicted value and the predicted classes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from driftline.ingest import events
from driftline.ingest.events import Task

from ..arrays import IntArray
from ..profiles.binning import Binning, NumericBins
from ..profiles.profile import CategoryCounts, NumericCounts, Profile, ScoreCounts
from .measure import Distribution


def of_numeric(counts: NumericCounts, bins: NumericBins) -> Distribution:
    """The distribution of a numeric quantity."""
    return Distribution(
        counts=_coarse(counts.counts, bins),
        fine=counts.counts,
        edges=bins.edges,
        moments=counts.moments,
        missing=counts.missing,
    )


def of_categories(counts: CategoryCounts) -> Distribution:
    """The distribution of a categorical feature; the last count is of all unknown categories together."""
    return Distribution(
        counts=np.append(counts.counts, counts.other).astype(np.int64), other=counts.other, missing=counts.missing
    )


def of_scores(counts: ScoreCounts, bins: NumericBins) -> Distribution:
    """The distribution of a score, labelled or not."""
    return Distribution(counts=_coarse(counts.total, bins), fine=counts.total, edges=bins.edges, moments=counts.moments)


def of_labels(predicted: Mapping[str, int], classes: Sequence[str]) -> Distribution:
    """The distribution of predicted classes; the last count is of classes that the reference does not have."""
    other = sum(count for label, count in predicted.items() if label not in classes)
    counts = [predicted.get(label, 0) for label in classes]
    return Distribution(counts=np.array([*counts, other], np.int64), other=other)


def distributions(profile: Profile, binning: Binning, task: Task) -> Iterator[tuple[str, Distribution]]:
    """All distributions of a profile, by the name that metrics carry in `feature.name`."""
    for name, bins in binning.numeric.items():
        yield name, of_numeric(profile.numeric[name], bins)
    for name in binning.categorical:
        yield name, of_categories(profile.categorical[name])
    for name, bins in binning.scores.items():
        field = events.PREDICTION_SCORE if task is Task.BINARY else f"{events.PREDICTION_PROBABILITIES}.{name}"
        yield field, of_scores(profile.scores[name], bins)
    if binning.value and profile.value:
        yield events.PREDICTION_VALUE, of_numeric(profile.value, binning.value)
    if binning.classes:
        yield events.PREDICTION_LABEL, of_labels(profile.predicted, binning.classes)


def _coarse(fine: IntArray, bins: NumericBins) -> IntArray:
    return np.asarray(np.add.reduceat(fine, bins.coarse), np.int64)
