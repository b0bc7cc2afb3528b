"""How far a regression was off, from exact sums.

Source: https://scikit-learn.org/stable/modules/model_evaluation.html#regression-metrics.
"""

from __future__ import annotations

import math
from functools import partial

from driftline.ingest.events import Task

from ..profiles.profile import Moments
from . import intervals
from .measure import Compare, Direction, Estimate, Measure, ModelView, Subject
from .sides import combine, moments_of

SOURCE = "https://scikit-learn.org/stable/modules/model_evaluation.html#regression-metrics"


def _mean(name: str, view: ModelView, reference: ModelView | None) -> Estimate:
    return combine(moments_of(view, name), moments_of(reference, name), low=0.0, relative=True)


def _bias(view: ModelView, reference: ModelView | None) -> Estimate:
    return combine(moments_of(view, "error"), moments_of(reference, "error"))


def _rmse(view: ModelView, reference: ModelView | None) -> Estimate:
    def found(side: ModelView | None) -> tuple[float, float, int]:
        mean, error, size = moments_of(side, "squared_error")
        root = math.sqrt(mean) if mean >= 0 else math.nan
        # The delta method: the derivative of the root is 1 / (2 root).
        return root, error / (2 * root) if root else 0.0, size

    return combine(found(view), found(reference), low=0.0, relative=True)


def _r2(view: ModelView, reference: ModelView | None) -> Estimate:
    def found(side: ModelView | None) -> tuple[float, float, int]:
        evaluations = side.profile.evaluations if side else {}
        squared, actual = evaluations.get("squared_error", Moments()), evaluations.get("actual", Moments())
        spread = actual.variance * actual.count
        if actual.count < 2 or not spread:
            return math.nan, math.nan, squared.count
        error = intervals.mean_error(squared.variance, squared.count) / actual.variance
        return 1 - squared.sum / spread, error, squared.count

    return combine(found(view), found(reference), high=1.0)


_regression = partial(
    Measure,
    family="regression",
    subject=Subject.MODEL,
    tasks=frozenset({Task.REGRESSION}),
    needs_labels=True,
    direction=Direction.HIGHER,
    compare=Compare.RATIO,
    source=SOURCE,
)

MEASURES: tuple[Measure, ...] = (
    _regression(
        name="mae",
        title="Mean absolute error",
        compute=partial(_mean, "absolute_error"),
        warning=0.1,
        critical=0.25,
    ),
    _regression(
        name="mse",
        title="Mean squared error",
        compute=partial(_mean, "squared_error"),
        warning=0.2,
        critical=0.5,
        default=False,
    ),
    _regression(name="rmse", title="Root mean squared error", compute=_rmse, warning=0.1, critical=0.25),
    _regression(
        name="mape",
        title="Mean absolute percentage error",
        compute=partial(_mean, "absolute_percentage_error"),
        warning=0.1,
        critical=0.25,
        default=False,
    ),
    _regression(
        name="r2",
        title="R squared",
        compute=_r2,
        direction=Direction.LOWER,
        compare=Compare.CHANGE,
        warning=0.05,
        critical=0.15,
    ),
    _regression(
        name="bias",
        title="Mean error",
        compute=_bias,
        direction=Direction.BOTH,
        compare=Compare.CHANGE,
    ),
)
