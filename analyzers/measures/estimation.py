"""How right a classifier probably is, before any outcome is known: from its scores and what they used to mean.

Confidence-based performance estimation: a calibrated score is the probability that the class comes true, so a window's
scores tell how many hits and misses to expect (Kivimaki, Bialek, Kuberski & Nurminen 2025,
https://doi.org/10.1613/jair.1.16709; as NannyML does it: https://nannyml.readthedocs.io/en/stable/how_it_works/
performance_estimation.html). Calibration is learnt from the reference's labelled scores, by isotonic regression over
their bins, so that stored histograms are all that is needed. Several classes are estimated one by one against the rest,
without making their probabilities add up to one, since histograms do not hold the scores of one row together.

An estimate sees a shift of the inputs that shows in the scores. It cannot see that the same inputs have other outcomes
than they used to (concept drift), nor inputs unlike any in the reference: see `grades.py` for what keeps it honest.

The interval is one for the value that outcomes will show: chance in the outcomes, given the scores, and doubt in the
calibration, both by the delta method.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import cast

import numpy as np
from scipy import optimize

from driftline.ingest.events import Task

from ..arrays import FloatArray, IntArray
from ..profiles.profile import ScoreCounts
from . import classification, intervals
from .measure import Compare, Direction, Estimate, Measure, ModelFunction, ModelView, Subject
from .sides import combine

SOURCE = "https://doi.org/10.1613/jair.1.16709"
LEAST = 30
"""Labelled predictions of the class, and of others, that the reference needs."""


@dataclass(frozen=True, slots=True)
class Calibration:
    """What scores mean: the probability of the class per bin, and how sure that is.

    Attributes:
        probability: Probability that the class comes true, never falling with the score, shape (bins,).
        block: Which bins share one estimate, shape (bins,).
        variance: Variance of each block's estimate, shape (blocks,).
    """

    probability: FloatArray
    block: IntArray
    variance: FloatArray


def calibrate(counts: ScoreCounts) -> Calibration | None:
    """The calibration that labelled scores show; None with too few of a side.

    Source: isotonic regression by pooling adjacent violators, https://docs.scipy.org/doc/scipy/reference/generated/
    scipy.optimize.isotonic_regression.html.
    """
    positives, labelled = counts.positives.astype(np.float64), (counts.positives + counts.negatives).astype(np.float64)
    if positives.sum() < LEAST or labelled.sum() - positives.sum() < LEAST:
        return None
    known = np.flatnonzero(labelled)
    found = optimize.isotonic_regression(positives[known] / labelled[known], weights=labelled[known])
    # A bin without outcomes means what the nearest bin with some means.
    nearest = np.clip(np.searchsorted(known, np.arange(len(labelled))), 0, len(known) - 1)
    blocks = np.repeat(np.arange(len(found.blocks) - 1), np.diff(found.blocks))
    sizes = np.add.reduceat(labelled[known], found.blocks[:-1])
    hits = np.add.reduceat(positives[known], found.blocks[:-1])
    # Half a hit more keeps a block that is all hits, or none, from being taken as certain.
    share = (hits + 0.5) / (sizes + 1)
    probability = np.asarray(found.x, np.float64)
    return Calibration(probability[nearest], blocks[nearest].astype(np.int64), share * (1 - share) / sizes)


@dataclass(frozen=True, slots=True)
class Expected:
    """Expected counts of one class in a window, and their uncertainty.

    Attributes:
        scores: Scores per bin, those predicted to be of another class and of this one, shape (2, bins).
        calibration: What they mean.
    """

    scores: FloatArray
    calibration: Calibration

    @property
    def hits(self) -> FloatArray:
        """Expected outcomes of this class, predicted otherwise and predicted so: (fn, tp)."""
        return np.asarray(self.scores @ self.calibration.probability, np.float64)

    def confusion(self) -> FloatArray:
        """The expected confusion matrix, rows actual and columns predicted: ((tn, fp), (fn, tp))."""
        fn, tp = self.hits
        others, these = self.scores.sum(axis=1)
        return np.array([[others - fn, these - tp], [fn, tp]])

    def variance(self, slopes: FloatArray) -> float:
        """Variance of a quantity with these derivatives by the number of outcomes of this class, shape (2, bins)."""
        p = self.calibration.probability
        chance = float((self.scores * slopes**2 * p * (1 - p)).sum())
        weight = np.bincount(self.calibration.block, (self.scores * slopes).sum(axis=0), len(self.calibration.variance))
        return chance + float((weight**2 * self.calibration.variance).sum())


def expect(view: ModelView, reference: ModelView) -> list[Expected]:
    """What to expect of each scored class; empty when the reference tells too little of one."""
    found = []
    for name, counts in view.profile.scores.items():
        calibration = calibrate(reference.profile.scores[name]) if name in reference.profile.scores else None
        if calibration is None:
            return []
        found.append(Expected(counts.counts.sum(axis=1).astype(np.float64), calibration))
    return found


def expected_roc_auc(expected: Expected) -> tuple[float, float]:
    """Expected area under the ROC curve, and its standard error; NaN when a side is empty."""
    scores, p = expected.scores.sum(axis=0), expected.calibration.probability
    up, down = scores * p, scores * (1 - p)
    positives, negatives = float(up.sum()), float(down.sum())
    if not (positives and negatives):
        return math.nan, math.nan
    below = np.cumsum(down) - down / 2
    above = positives - (np.cumsum(up) - up / 2)
    area = float((up * below).sum()) / positives / negatives
    # One outcome more of the class in a bin is one fewer of the others.
    slopes = (below - above) / (positives * negatives) - area * (1 / positives - 1 / negatives)
    return area, math.sqrt(expected.variance(np.broadcast_to(slopes, (2, len(slopes)))))


def _matrix(function: Callable[[FloatArray], float], expected: Expected) -> tuple[float, float]:
    """A function of the 2 x 2 confusion matrix, and its standard error."""
    matrix = expected.confusion()
    slopes = []
    for actual in ((-1.0, 0.0), (0.0, -1.0)):
        step = 0.5 * np.array([actual, [-actual[0], -actual[1]]])
        rise = function(np.maximum(matrix + step, 0.0)) - function(np.maximum(matrix - step, 0.0))
        slopes.append(np.full(expected.scores.shape[1], rise))
    return function(matrix), math.sqrt(expected.variance(np.array(slopes)))


def _ratio(part: tuple[tuple[int, int], ...], of: tuple[tuple[int, int], ...], matrix: FloatArray) -> float:
    denominator = sum(matrix[cell] for cell in of)
    return float(sum(matrix[cell] for cell in part) / denominator) if denominator > 0 else math.nan


_TN, _FP, _FN, _TP = (0, 0), (0, 1), (1, 0), (1, 1)
_precision = partial(_ratio, (_TP,), (_TP, _FP))
_recall = partial(_ratio, (_TP,), (_TP, _FN))
_specificity = partial(_ratio, (_TN,), (_TN, _FP))
_accuracy = partial(_ratio, (_TP, _TN), (_TP, _TN, _FP, _FN))


def _f1(matrix: FloatArray) -> float:
    seen = 2 * matrix[_TP] + matrix[_FP] + matrix[_FN]
    return float(2 * matrix[_TP] / seen) if seen > 0 else math.nan


def _right(every: list[Expected]) -> tuple[float, float]:
    """Expected accuracy of several classes: outcomes of the predicted class, of all predictions."""
    total = sum(float(expected.scores[1].sum()) for expected in every)
    if not total:
        return math.nan, math.nan
    hits = sum(float(expected.hits[1]) for expected in every)
    variance = sum(e.variance(np.repeat([[0.0], [1.0]], e.scores.shape[1], axis=1)) for e in every)
    return hits / total, math.sqrt(variance) / total


def _mean(compute: Callable[[Expected], tuple[float, float]], every: list[Expected]) -> tuple[float, float]:
    found = [compute(expected) for expected in every]
    defined = [(value, error) for value, error in found if math.isfinite(value)]
    if not defined:
        return math.nan, math.nan
    # Classes share their rows: the mean of their errors is an upper bound.
    value, error = (sum(column) / len(defined) for column in zip(*defined, strict=True))
    return value, error


def _estimate(
    compute: Callable[[list[Expected]], tuple[float, float]],
    realised: Callable[[ModelView, ModelView | None], Estimate],
    view: ModelView,
    reference: ModelView | None,
) -> Estimate:
    """The estimate of a window, beside what the reference's outcomes showed."""
    size = max((int(counts.total.sum()) for counts in view.profile.scores.values()), default=0)
    before = realised(reference, None) if reference else Estimate(None)
    sizes = {"sample_size": size, "reference_size": before.sample_size}
    every = expect(view, reference) if reference and size else []
    if not every or before.value is None:
        return Estimate(None, **sizes)
    value, error = compute(every)
    spread = _error(before)
    return combine((value, error, size), (before.value, spread, before.sample_size), low=0.0, high=1.0)


def _error(estimate: Estimate) -> float:
    if estimate.lower is None or estimate.upper is None:
        return math.nan
    return (estimate.upper - estimate.lower) / (2 * intervals.Z)


def _accuracy_of(every: list[Expected]) -> tuple[float, float]:
    return _mean(partial(_matrix, _accuracy), every) if len(every) == 1 else _right(every)


def _share(cell: tuple[int, int], view: ModelView, reference: ModelView | None) -> Estimate:
    """A cell of the expected confusion matrix, as a share of the predictions."""
    every = expect(view, reference) if reference else []
    size = int(sum(every[0].scores.sum(axis=1))) if every else 0
    if not size:
        return Estimate(None)
    value, error = _matrix(partial(_ratio, (cell,), (_TN, _FP, _FN, _TP)), every[0])
    lower, upper = intervals.around(value, error, 0.0, 1.0)
    return Estimate(value, lower, upper, sample_size=size)


REALISED = {
    "estimated_accuracy": "accuracy",
    "estimated_precision": "precision",
    "estimated_recall": "recall",
    "estimated_f1": "f1",
    "estimated_specificity": "specificity",
    "estimated_roc_auc": "roc_auc",
}
"""The measure that shows later how good an estimate was."""

_estimated = partial(
    Measure,
    family="estimation",
    subject=Subject.MODEL,
    tasks=classification.CLASSIFIERS,
    needs_reference=True,
    direction=Direction.LOWER,
    compare=Compare.CHANGE,
    min_samples=100,
    source=SOURCE,
)


def _twin(
    name: str, title: str, compute: Callable[[list[Expected]], tuple[float, float]], *, default: bool = False
) -> Measure:
    """The estimate of a measure, with its floors."""
    twin = next(measure for measure in classification.MEASURES if measure.name == REALISED[name])
    return _estimated(
        name=name,
        title=title,
        compute=partial(_estimate, compute, cast("ModelFunction", twin.compute)),
        warning=twin.warning,
        critical=twin.critical,
        default=default,
    )


MEASURES: tuple[Measure, ...] = (
    _twin("estimated_accuracy", "Estimated accuracy", _accuracy_of, default=True),
    _twin("estimated_precision", "Estimated precision", partial(_mean, partial(_matrix, _precision))),
    _twin("estimated_recall", "Estimated recall", partial(_mean, partial(_matrix, _recall))),
    _twin("estimated_f1", "Estimated F1", partial(_mean, partial(_matrix, _f1))),
    _twin("estimated_specificity", "Estimated specificity", partial(_mean, partial(_matrix, _specificity))),
    _twin("estimated_roc_auc", "Estimated ROC-AUC", partial(_mean, expected_roc_auc), default=True),
    *(
        _estimated(
            name=f"estimated_{short}",
            title=f"Estimated share of {title}",
            compute=partial(_share, cell),
            tasks=frozenset({Task.BINARY}),
            default=False,
        )
        for short, title, cell in (
            ("tp", "true positives", _TP),
            ("fp", "false positives", _FP),
            ("fn", "false negatives", _FN),
            ("tn", "true negatives", _TN),
        )
    ),
)
