"""Whether scores mean what they say: of all predictions with a score of 0.3, three of ten should come true.

Labelled scores are gathered in ten groups of equal width, as scikit-learn's `calibration_curve` does, each histogram
bin by the mean of its scores: https://scikit-learn.org/stable/modules/calibration.html. Several classes: the mean over
the classes, one against the rest.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import partial

import numpy as np

from driftline.ingest.events import Task

from ..arrays import FloatArray
from ..profiles.profile import THIS_CLASS, UNKNOWN, ScoreCounts
from . import classification, sampling
from .inversion import around_distance
from .measure import Compare, Direction, Estimate, Estimates, Measure, ModelView, Scatter, Subject
from .sides import combine, moments_of

GROUPS = 10
ECE = "https://doi.org/10.1609/aaai.v29i1.9602"
MURPHY = "https://doi.org/10.1175/1520-0450(1973)012%3C0595:ANVPOT%3E2.0.CO;2"


@dataclass(frozen=True, slots=True)
class Reliability:
    """The reliability curve of one class: what was said, and what came true.

    Attributes:
        count: Labelled predictions per group, none of them zero, shape (groups,).
        score: Their mean score.
        observed: Share of them that came true.
    """

    count: FloatArray
    score: FloatArray
    observed: FloatArray

    @property
    def size(self) -> float:
        """How many labelled predictions there are."""
        return float(self.count.sum())


def reliability(counts: ScoreCounts) -> Reliability:
    """The reliability curve; no group where nothing is labelled."""
    labelled = (counts.positives + counts.negatives).astype(np.float64)
    sums = counts.sums[:, :UNKNOWN].sum(axis=(0, 1))
    positives = counts.counts[:, THIS_CLASS].sum(axis=0).astype(np.float64)
    filled = labelled > 0
    mean = sums[filled] / labelled[filled]
    group = np.clip((GROUPS * mean).astype(np.int64), 0, GROUPS - 1)
    parts = (labelled, sums, positives)
    count, score, hits = (np.bincount(group, part[filled], GROUPS).astype(np.float64) for part in parts)
    some = count > 0
    return Reliability(count[some], score[some] / count[some], hits[some] / count[some])


def expected_calibration_error(curve: Reliability) -> tuple[float, float, float, float]:
    """Mean distance of what was said from what came true, weighted by the groups' sizes.

    Source: Naeini, Cooper & Hauskrecht 2015, https://doi.org/10.1609/aaai.v29i1.9602.

    Returns:
        The error; its mean and standard deviation by sampling alone, were the scores right; its standard error.
    """
    weight = curve.count / curve.size
    # Half a hit more keeps a group that is all hits, or none, from being taken as certain.
    share = (curve.observed * curve.count + 0.5) / (curve.count + 1)
    errors = weight * np.sqrt(share * (1 - share) / curve.count)
    value = float((weight * np.abs(curve.observed - curve.score)).sum())
    expected = sampling.HALF_NORMAL * float(errors.sum())
    deviation = math.sqrt(1 - sampling.HALF_NORMAL**2) * float(np.sqrt((errors**2).sum()))
    return value, expected, deviation, float(np.sqrt((errors**2).sum()))


def murphy(curve: Reliability) -> tuple[float, float, float]:
    """The Brier score's parts: reliability, resolution, uncertainty (Murphy 1973).

    Were all scores of a group the same, the Brier score would be reliability - resolution + uncertainty; scores that
    differ within a group add their variance and take off twice their covariance with the outcomes (Stephenson, Coelho &
    Jolliffe 2008, https://doi.org/10.1175/2007WAF2006116.1).
    """
    weight = curve.count / curve.size
    base = float((weight * curve.observed).sum())
    return (
        float((weight * (curve.score - curve.observed) ** 2).sum()),
        float((weight * (curve.observed - base) ** 2).sum()),
        base * (1 - base),
    )


def _curves(view: ModelView | None) -> list[Reliability]:
    found = [reliability(counts) for counts in view.profile.scores.values()] if view else []
    return [curve for curve in found if curve.size]


def _curve(view: ModelView | None) -> Reliability | None:
    """That of a binary model; None without labelled scores."""
    return next(iter(_curves(view)), None)


def _ece(view: ModelView, reference: ModelView | None) -> Estimate:
    curves, before = _curves(view), [expected_calibration_error(curve)[0] for curve in _curves(reference)]
    before_size = max((int(curve.size) for curve in _curves(reference)), default=0)
    if not curves:
        return Estimate(None, reference_size=before_size)
    # Classes share their rows: the mean of their errors is an upper bound.
    columns = zip(*(expected_calibration_error(curve) for curve in curves), strict=True)
    value, expected, deviation, error = (np.array([sum(column) / len(curves)]) for column in columns)
    size = np.array([max(curve.size for curve in curves)])
    lower, upper = around_distance(value, expected, deviation, (error, error), size, fades=True)
    (estimate,) = Estimates.of(
        value,
        lower=lower,
        upper=np.minimum(1.0, upper),
        reference_value=sum(before) / len(before) if before else math.nan,
        sample_size=size,
        reference_size=float(before_size),
        statistic=value,
        expected=expected,
        deviation=deviation,
    ).rows()
    return estimate


def _bias(view: ModelView, reference: ModelView | None) -> Estimate:
    def found(side: ModelView | None) -> tuple[float, float, int]:
        curve = _curve(side)
        brier = moments_of(side, "brier")[0]
        if curve is None:
            return math.nan, math.nan, 0
        bias = float((curve.count * (curve.score - curve.observed)).sum()) / curve.size
        spread = max(0.0, brier - bias**2) if math.isfinite(brier) else math.nan
        return bias, math.sqrt(spread / max(curve.size - 1, 1.0)), int(curve.size)

    return combine(found(view), found(reference))


def _part(position: int, view: ModelView, reference: ModelView | None) -> Estimate:
    """A part of the Brier score: recorded, to tell why that has changed."""
    curve, before = _curve(view), _curve(reference)
    if curve is None:
        return Estimate(None)
    return Estimate(
        murphy(curve)[position],
        reference_value=murphy(before)[position] if before else None,
        sample_size=int(curve.size),
        reference_size=int(before.size) if before else 0,
    )


_calibration = partial(
    Measure,
    family="calibration",
    subject=Subject.MODEL,
    tasks=frozenset({Task.BINARY}),
    needs_labels=True,
    direction=Direction.HIGHER,
    compare=Compare.CHANGE,
    min_samples=100,
    source=MURPHY,
)

MEASURES: tuple[Measure, ...] = (
    _calibration(
        name="ece",
        title="Expected calibration error",
        tasks=classification.CLASSIFIERS,
        compute=_ece,
        scatter=Scatter.ABSOLUTE,
        warning=0.03,
        critical=0.08,
        source=ECE,
    ),
    _calibration(
        name="calibration_bias",
        title="Mean score less the share that came true",
        compute=_bias,
        direction=Direction.BOTH,
        warning=0.03,
        critical=0.08,
        default=False,
        source="https://scikit-learn.org/stable/modules/calibration.html",
    ),
    _calibration(
        name="brier_reliability",
        title="Brier score: reliability",
        compute=partial(_part, 0),
        default=False,
    ),
    _calibration(
        name="brier_resolution",
        title="Brier score: resolution",
        compute=partial(_part, 1),
        direction=Direction.LOWER,
        default=False,
    ),
    _calibration(
        name="brier_uncertainty",
        title="Brier score: uncertainty",
        compute=partial(_part, 2),
        direction=Direction.BOTH,
        default=False,
    ),
)
