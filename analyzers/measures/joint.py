"""Whether features have drifted together: can a classifier tell the rows of a window from those of the reference?

Each feature alone may look as ever while they no longer go together. This is the one measure that looks at rows, at a
bounded random sample of them.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy import special

from ..arrays import BoolArray, FloatArray, IntArray
from . import classification, intervals
from .measure import Compare, Contribution, Estimate, Measure, Subject

if TYPE_CHECKING:
    from sklearn.ensemble import HistGradientBoostingClassifier

FOLDS = 5
FEWEST = 100
"""Rows of each side that there must be."""
DEPENDENT = 1.4
"""How much more the mean of the folds' areas scatters than that of independent ones when nothing has changed, since the
folds share their rows: 1.3 to 1.4 times in simulations of 200, 500 and 1,000 rows a side."""
MOST_NAMED = 10
SEED = 0


@dataclass(frozen=True, slots=True)
class Rows:
    """A sample of predictions.

    Attributes:
        names: Names of the features.
        values: Numbers, and positions among the known categories; NaN for missing, shape (rows, features).
        categorical: Which features are categorical, shape (features,).
    """

    names: tuple[str, ...]
    values: FloatArray
    categorical: BoolArray


@dataclass(frozen=True, slots=True)
class _Fold:
    """A classifier, and the rows that it has not seen."""

    classifier: HistGradientBoostingClassifier
    values: FloatArray
    window: BoolArray

    def area(self, values: FloatArray) -> tuple[float, float]:
        """ROC-AUC on the rows it has not seen, or on changed ones, and its standard error."""
        scores = self.classifier.predict_proba(values)[:, 1]
        _, at = np.unique(scores, return_inverse=True)
        positives, negatives = (np.bincount(at[side], minlength=at.max() + 1) for side in (self.window, ~self.window))
        area, error, _ = classification.roc_auc(positives.astype(np.int64), negatives.astype(np.int64))
        return area, error


def domain_classifier(reference: Rows, window: Rows) -> tuple[Estimate, tuple[Contribution, ...]]:
    """The cross-validated ROC-AUC of telling the window from the reference: 0.5 when nothing has changed.

    Source: Lopez-Paz & Oquab 2017, https://arxiv.org/abs/1610.06545; Rabanser, Günnemann & Lipton 2019,
    https://arxiv.org/abs/1810.11953. Interval: LeDell, Petersen & van der Laan 2015, https://doi.org/10.1214/15-EJS1035.
    The classifier is gradient boosting over histograms; the p-value is that of Mann and Whitney's test in each fold,
    put together.

    Args:
        reference: A sample of the reference.
        window: One of the window, with the same features.

    Returns:
        The estimate, and the features that the classifier used most where it can tell the two apart.
    """
    sizes = len(reference.values), len(window.values)
    reference, window = _telling(reference, window)
    if min(sizes) < FEWEST or not reference.names:
        return Estimate(None, sample_size=sizes[1], reference_size=sizes[0]), ()
    from threadpoolctl import threadpool_limits  # noqa: PLC0415 (scikit-learn brings it, and is in an extra)

    # Threads that wait for each other on a busy machine take a hundred times as long as one does alone.
    with threadpool_limits(limits=1):
        return _told_apart(reference, window, sizes)


def _told_apart(reference: Rows, window: Rows, sizes: tuple[int, int]) -> tuple[Estimate, tuple[Contribution, ...]]:
    folds = _folds(reference, window)
    areas, errors = np.array([fold.area(fold.values) for fold in folds]).T
    value, error = float(areas.mean()), math.sqrt(float((errors**2).sum())) / FOLDS
    n, m = (size / FOLDS for size in sizes)
    deviation = DEPENDENT * math.sqrt((n + m + 1) / (12 * n * m) / FOLDS)
    lower, upper = intervals.transformed(value, error, 0.0, 1.0, min(sizes))
    estimate = Estimate(
        value,
        lower,
        upper,
        p_value=float(special.ndtr((0.5 - value) / deviation)),
        sample_size=sizes[1],
        reference_size=sizes[0],
        statistic=value - 0.5,
        deviation=deviation,
    )
    return estimate, _contributions(folds, reference.names, areas) if lower > 0.5 else ()


def _telling(reference: Rows, window: Rows) -> tuple[Rows, Rows]:
    """Both without the features that are the same in all rows; one with a single value tells whether it is missing."""
    values = np.concatenate([reference.values, window.values])
    missing = np.isnan(values)
    filled = np.where(missing, np.nanmin(values, axis=0, initial=np.inf), values)
    single = np.ptp(np.where(np.isfinite(filled), filled, 0.0), axis=0) == 0
    kept = ~single | (missing.any(axis=0) & ~missing.all(axis=0))
    names = tuple(name for name, keep in zip(reference.names, kept, strict=True) if keep)
    told = np.where(single, missing, values)[:, kept]
    categorical = (reference.categorical & ~single)[kept]
    first, second = np.split(told, [len(reference.values)])
    return Rows(names, first, categorical), Rows(names, second, categorical)


def _folds(reference: Rows, window: Rows) -> Sequence[_Fold]:
    from sklearn.ensemble import HistGradientBoostingClassifier  # noqa: PLC0415 (it is in an extra, and takes a second)
    from sklearn.model_selection import StratifiedKFold  # noqa: PLC0415

    values = np.concatenate([reference.values, window.values])
    of_window = np.arange(len(values)) >= len(reference.values)
    splits = StratifiedKFold(FOLDS, shuffle=True, random_state=SEED).split(values, of_window)

    def fold(seen: IntArray, unseen: IntArray) -> _Fold:
        classifier = HistGradientBoostingClassifier(
            max_iter=50,
            min_samples_leaf=20,
            early_stopping=False,
            categorical_features=reference.categorical if reference.categorical.any() else None,
            random_state=SEED,
        )
        return _Fold(classifier.fit(values[seen], of_window[seen]), values[unseen], of_window[unseen])

    return [fold(seen, unseen) for seen, unseen in splits]


def _contributions(folds: Sequence[_Fold], names: Sequence[str], areas: FloatArray) -> tuple[Contribution, ...]:
    """How much of the area above one half goes when a feature's values are shuffled.

    Permutation importance: Breiman 2001, https://doi.org/10.1023/A:1010933404324.
    """
    rng = np.random.default_rng(SEED)
    lost = np.zeros(len(names))
    for fold, area in zip(folds, areas.tolist(), strict=True):
        for position in range(len(names)):
            shuffled = fold.values.copy()
            shuffled[:, position] = rng.permutation(shuffled[:, position])
            lost[position] += (area - fold.area(shuffled)[0]) / FOLDS
    share = np.clip(lost / (float(areas.mean()) - 0.5), 0.0, 1.0)
    order = [position for position in np.argsort(-share) if share[position] > 0.0][:MOST_NAMED]
    return tuple(Contribution(names[position], float(share[position])) for position in order)


MEASURES: tuple[Measure, ...] = (
    Measure(
        name="domain_classifier_auc",
        title="ROC-AUC of telling the window from the reference",
        family="joint",
        subject=Subject.ROWS,
        compute=domain_classifier,
        needs_reference=True,
        needs_package="sklearn",
        compare=Compare.VALUE,
        warning=0.6,
        critical=0.75,
        min_samples=FEWEST,
        default=False,
        source="https://arxiv.org/abs/1810.11953",
    ),
)
