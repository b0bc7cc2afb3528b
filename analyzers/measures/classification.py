"""How right a classifier was, from confusion counts, score histograms and exact sums.

What follows from counts equals scikit-learn on the raw rows exactly; ROC-AUC and average precision come from score
histograms and state how far they can be off. Multiclass: unweighted mean over the classes (scikit-learn's `macro`).
Source unless a measure says another: https://scikit-learn.org/stable/modules/model_evaluation.html.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from functools import partial

import numpy as np
from scipy import special

from driftline.ingest.events import Task

from ..arrays import FloatArray, IntArray
from ..profiles.profile import ScoreCounts
from . import intervals
from .measure import Compare, Direction, Estimate, Measure, ModelView, Subject
from .sides import combine, moments_of, shares

CLASSIFIERS = frozenset({Task.BINARY, Task.MULTICLASS})
SOURCE = "https://scikit-learn.org/stable/modules/model_evaluation.html"
DELONG = "https://doi.org/10.2307/2531595"

MatrixFunction = Callable[[FloatArray], float]


def matrix(view: ModelView, classes: Iterable[str]) -> IntArray:
    """The confusion counts, shape (classes, classes): rows are actual classes, columns predicted ones."""
    order = list(classes)
    cells = [[view.profile.confusion.get((predicted, actual), 0) for predicted in order] for actual in order]
    return np.array(cells, np.int64).reshape(len(order), len(order))


def classes_of(*views: ModelView | None) -> list[str]:
    """The classes seen as a prediction or as an outcome; of a binary model, the positive class last."""
    seen = {label for view in views if view for pair in view.profile.confusion for label in pair}
    positive = next((view.positive_class for view in views if view), None)
    if positive is None:
        return sorted(seen)
    return [*sorted(seen - {positive}), positive]


def collapse(counts: IntArray, view: ModelView) -> IntArray:
    """Of a binary model, positive against all other labels, shape (2, 2); else the counts as they are."""
    if view.task is not Task.BINARY:
        return counts
    inner = counts[:-1, :-1].sum()
    return np.array([[inner, counts[:-1, -1].sum()], [counts[-1, :-1].sum(), counts[-1, -1]]], np.int64)


def accuracy(m: FloatArray) -> float:
    """Share of predictions that are right."""
    return float(np.trace(m) / m.sum())


def _per_class(m: FloatArray, numerator: FloatArray, denominator: FloatArray, *, only_positive: bool) -> float:
    with np.errstate(divide="ignore", invalid="ignore"):
        values = np.where(denominator > 0, numerator / denominator, np.nan)
    if only_positive:
        return float(values[-1])
    present = (m.sum(axis=0) + m.sum(axis=1)) > 0
    # A class that was never predicted, or never came true, counts as 0, as in scikit-learn.
    return float(np.where(np.isnan(values), 0.0, values)[present].mean()) if present.any() else math.nan


def recall(m: FloatArray, *, binary: bool) -> float:
    """Share of a class's outcomes that were predicted."""
    return _per_class(m, np.diag(m), m.sum(axis=1), only_positive=binary)


def precision(m: FloatArray, *, binary: bool) -> float:
    """Share of a class's predictions that came true."""
    return _per_class(m, np.diag(m), m.sum(axis=0), only_positive=binary)


def f1(m: FloatArray, *, binary: bool) -> float:
    """Harmonic mean of precision and recall."""
    return _per_class(m, 2 * np.diag(m), m.sum(axis=0) + m.sum(axis=1), only_positive=binary)


def specificity(m: FloatArray, *, binary: bool) -> float:
    """Share of the outcomes of other classes that were predicted as such."""
    others = m.sum() - m.sum(axis=1)
    wrong = m.sum(axis=0) - np.diag(m)
    return _per_class(m, others - wrong, others, only_positive=binary)


def balanced_accuracy(m: FloatArray, *, binary: bool) -> float:
    """Mean of the recalls of the classes that came true."""
    del binary
    actual = m.sum(axis=1)
    return float((np.diag(m)[actual > 0] / actual[actual > 0]).mean())


def mcc(m: FloatArray, *, binary: bool) -> float:
    """Matthews correlation coefficient; 0 where one side has one class only.

    Source: Gorodkin 2004, https://doi.org/10.1016/j.compbiolchem.2004.09.006.
    """
    del binary
    total, right = m.sum(), np.trace(m)
    actual, predicted = m.sum(axis=1), m.sum(axis=0)
    spread = (total**2 - (predicted**2).sum()) * (total**2 - (actual**2).sum())
    return float((right * total - (actual * predicted).sum()) / math.sqrt(spread)) if spread > 0 else 0.0


def _from_matrix(
    function: Callable[..., float], view: ModelView, reference: ModelView | None, *, low: float = 0.0
) -> Estimate:
    """An estimate from confusion counts: interval and test by the delta method."""
    binary = view.task is Task.BINARY
    order = classes_of(view, reference)
    compute = partial(function, binary=binary)

    def found(side: ModelView | None) -> tuple[float, float, int]:
        counts = collapse(matrix(side, order), side) if side else np.zeros((0, 0), np.int64)
        total = int(counts.sum())
        if not total:
            return math.nan, math.nan, 0
        return compute(counts.astype(float)), intervals.delta(compute, counts), total

    return combine(found(view), found(reference), low=low, high=1.0)


def _proportion(
    select: Callable[[FloatArray], tuple[float, float]], view: ModelView, reference: ModelView | None
) -> Estimate:
    """An estimate that is a share of counts of a 2 x 2 table: Wilson's interval, pooled z-test."""
    order = classes_of(view, reference)

    def found(side: ModelView | None) -> tuple[float, float]:
        return select(collapse(matrix(side, order), side).astype(float)) if side else (0.0, 0.0)

    return shares(found(view), found(reference))


def _accuracy(view: ModelView, reference: ModelView | None) -> Estimate:
    return _proportion(lambda m: (float(np.trace(m)), float(m.sum())), view, reference)


def _recall(view: ModelView, reference: ModelView | None) -> Estimate:
    if view.task is Task.BINARY:
        return _proportion(lambda m: (m[1, 1], m[1].sum()), view, reference)
    return _from_matrix(recall, view, reference)


def _precision(view: ModelView, reference: ModelView | None) -> Estimate:
    if view.task is Task.BINARY:
        return _proportion(lambda m: (m[1, 1], m[:, 1].sum()), view, reference)
    return _from_matrix(precision, view, reference)


def _specificity(view: ModelView, reference: ModelView | None) -> Estimate:
    if view.task is Task.BINARY:
        return _proportion(lambda m: (m[0, 0], m[0].sum()), view, reference)
    return _from_matrix(specificity, view, reference)


def _prediction_rate(view: ModelView, reference: ModelView | None) -> Estimate:
    def found(side: ModelView | None) -> tuple[float, int]:
        predicted = side.profile.predicted if side else {}
        return predicted.get(str(view.positive_class), 0), sum(predicted.values())

    return shares(found(view), found(reference))


def _base_rate(view: ModelView, reference: ModelView | None) -> Estimate:
    return _proportion(lambda m: (m[1].sum(), m.sum()), view, reference)


def _mean(name: str, view: ModelView, reference: ModelView | None) -> Estimate:
    return combine(moments_of(view, name), moments_of(reference, name), low=0.0, relative=True)


def roc_auc(positives: IntArray, negatives: IntArray) -> tuple[float, float, float]:
    """Area under the ROC curve of binned scores, its standard error, and how far the bins can put it off.

    Scores in one bin are taken as ties, which count half: each pair of a positive and a negative in one bin is off by
    at most one half. Standard error after DeLong et al. 1988, https://doi.org/10.2307/2531595.

    Args:
        positives: Positives per bin, in order of score, shape (bins,).
        negatives: Negatives per bin, shape (bins,).

    Returns:
        Area, standard error, error bound; NaN when a side is empty.
    """
    p, n = int(positives.sum()), int(negatives.sum())
    if not p or not n:
        return math.nan, math.nan, 0.0
    below = (np.cumsum(negatives) - negatives / 2) / n
    beyond = 1 - (np.cumsum(positives) - positives / 2) / p
    area = float((positives * below).sum() / p)
    variances = [
        float((counts * (placed - area) ** 2).sum()) / max(total - 1, 1) / total
        for counts, placed, total in ((positives, below, p), (negatives, beyond, n))
    ]
    bound = float((positives / p * (negatives / n)).sum()) / 2
    return area, math.sqrt(sum(variances)), bound


def average_precision(positives: IntArray, negatives: IntArray) -> tuple[float, float, float]:
    """Average precision of binned scores, its standard error, and how far the bins can put it off.

    Within a bin the positives may all stand before the negatives or all behind them: the value is the middle of these
    two extremes, the bound half their distance. Standard error by the delta method: what each positive and each
    negative adds to the value, squared (the influence function; van der Vaart 1998, Asymptotic Statistics, 20.1).

    Args:
        positives: Positives per bin, in order of score, shape (bins,).
        negatives: Negatives per bin, shape (bins,).

    Returns:
        Average precision, standard error, error bound; NaN without positives.
    """
    p = int(positives.sum())
    if not p:
        return math.nan, math.nan, 0.0
    up, down = positives[::-1].astype(float), negatives[::-1].astype(float)
    hits, misses = np.cumsum(up) - up, np.cumsum(down) - down
    # Over the ranks r = 1 ... up, the sum of (hits + r) / (hits + r + misses) is one of reciprocals: digamma tells it.
    best, worst = (
        float((up - before * (special.digamma(hits + before + up + 1) - special.digamma(hits + before + 1))).sum()) / p
        for before in (misses, misses + down)
    )
    value = (best + worst) / 2
    above, over = hits + up / 2, misses + down / 2
    whole = np.maximum(above + over, 0.5)
    lost, gained = (up * part / whole**2 for part in (above, over))
    of_negative, of_positive = (part[::-1].cumsum()[::-1] - part / 2 for part in (lost, gained))
    of_positive += above / whole - value
    error = math.sqrt(float((up * of_positive**2 + down * of_negative**2).sum())) / p
    return value, error, (best - worst) / 2


def _scored(view: ModelView | None) -> list[ScoreCounts]:
    return list(view.profile.scores.values()) if view else []


def _roc_auc(view: ModelView, reference: ModelView | None) -> Estimate:
    def found(side: ModelView | None) -> tuple[float, float, float, int]:
        scored = _scored(side)
        areas = [roc_auc(counts.positives, counts.negatives) for counts in scored]
        defined = [area for area in areas if math.isfinite(area[0])]
        size = max((int(counts.positives.sum() + counts.negatives.sum()) for counts in scored), default=0)
        if not defined:
            return math.nan, math.nan, 0.0, size
        means = [sum(column) / len(defined) for column in zip(*defined, strict=True)]
        # The one-vs-rest areas of several classes share their rows: the mean of their errors is an upper bound.
        return means[0], means[1], means[2], size

    area, error, bound, size = found(view)
    before, before_error, _, before_size = found(reference)
    return combine((area, error, size), (before, before_error, before_size), low=0.0, high=1.0, error_bound=bound)


def _average_precision(view: ModelView, reference: ModelView | None) -> Estimate:
    def found(side: ModelView | None) -> tuple[float, float, float, int]:
        scored = _scored(side)
        parts = [average_precision(counts.positives, counts.negatives) for counts in scored]
        defined = [part for part in parts if math.isfinite(part[0])]
        size = max((int(counts.positives.sum() + counts.negatives.sum()) for counts in scored), default=0)
        if not defined:
            return math.nan, math.nan, 0.0, size
        value, error, bound = (sum(column) / len(defined) for column in zip(*defined, strict=True))
        return value, error, bound, size

    value, error, bound, size = found(view)
    before, before_error, _, before_size = found(reference)
    return combine((value, error, size), (before, before_error, before_size), low=0.0, high=1.0, error_bound=bound)


_classifier = partial(
    Measure,
    family="classification",
    subject=Subject.MODEL,
    tasks=CLASSIFIERS,
    needs_labels=True,
    direction=Direction.LOWER,
    compare=Compare.CHANGE,
    source=SOURCE,
)

MEASURES: tuple[Measure, ...] = (
    _classifier(name="accuracy", title="Accuracy", compute=_accuracy, warning=0.05, critical=0.1),
    _classifier(
        name="balanced_accuracy",
        title="Balanced accuracy",
        compute=partial(_from_matrix, balanced_accuracy),
        warning=0.05,
        critical=0.1,
        default=False,
    ),
    _classifier(name="precision", title="Precision", compute=_precision, warning=0.05, critical=0.15),
    _classifier(name="recall", title="Recall", compute=_recall, warning=0.05, critical=0.15),
    _classifier(name="f1", title="F1", compute=partial(_from_matrix, f1), warning=0.05, critical=0.15),
    _classifier(
        name="specificity", title="Specificity", compute=_specificity, warning=0.05, critical=0.15, default=False
    ),
    _classifier(
        name="mcc",
        title="Matthews correlation",
        compute=partial(_from_matrix, mcc, low=-1.0),
        warning=0.1,
        critical=0.2,
        default=False,
    ),
    _classifier(
        name="roc_auc", title="ROC-AUC", compute=_roc_auc, warning=0.03, critical=0.06, min_samples=100, source=DELONG
    ),
    _classifier(
        name="average_precision",
        title="Average precision",
        compute=_average_precision,
        warning=0.1,
        critical=0.2,
        min_samples=100,
        default=False,
    ),
    _classifier(
        name="log_loss",
        title="Log loss",
        unit="nat",
        compute=partial(_mean, "log_loss"),
        direction=Direction.HIGHER,
        compare=Compare.RATIO,
        warning=0.1,
        critical=0.25,
    ),
    _classifier(
        name="brier",
        title="Brier score",
        compute=partial(_mean, "brier"),
        direction=Direction.HIGHER,
        compare=Compare.RATIO,
        warning=0.1,
        critical=0.25,
        default=False,
    ),
    _classifier(
        name="prediction_rate",
        title="Share predicted positive",
        tasks=frozenset({Task.BINARY}),
        needs_labels=False,
        direction=Direction.BOTH,
        compute=_prediction_rate,
        warning=0.1,
        critical=0.2,
    ),
    _classifier(
        name="base_rate",
        title="Share that came true",
        tasks=frozenset({Task.BINARY}),
        direction=Direction.BOTH,
        compute=_base_rate,
        warning=0.1,
        critical=0.2,
    ),
)
