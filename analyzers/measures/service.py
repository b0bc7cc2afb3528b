"""How the service does: latency, traffic, errors, and how late and how many labels come."""

from __future__ import annotations

import math
from functools import partial

import numpy as np
from scipy import stats

from ..arrays import FloatArray, IntArray
from ..profiles.binning import DELAY_EDGES, DURATION_EDGES, DURATION_GROWTH
from . import intervals
from .measure import Compare, Direction, Estimate, Measure, ModelView, Subject
from .sides import shares

DDSKETCH = "https://arxiv.org/abs/1908.10693"
SRE = "https://sre.google/sre-book/monitoring-distributed-systems/"


def quantile(counts: IntArray, edges: FloatArray, share: float) -> tuple[float, float]:
    """A quantile of values counted in geometric bins, and how far the bins can put it off.

    Args:
        counts: Counts per bin, shape (edges + 1,).
        edges: Increasing edges, shape (edges,).
        share: Which quantile, from 0 to 1.

    Returns:
        The geometric middle of the bin that holds it, and the distance to the bin's farther end. Beyond the outer edges
        the edge itself, with no bound.
    """
    rank = max(1, math.ceil(share * counts.sum()))
    index = int(np.searchsorted(np.cumsum(counts), rank))
    if index in (0, len(edges)):
        return float(edges[0 if index == 0 else -1]), math.inf
    low, high = float(edges[index - 1]), float(edges[index])
    middle = math.sqrt(low * high)
    return middle, high - middle


def _quantile(part: str, edges: FloatArray, share: float, view: ModelView, reference: ModelView | None) -> Estimate:
    """A quantile with the interval of its order statistics.

    Source: https://www.itl.nist.gov/div898/handbook/prc/section2/prc262.htm; David & Nagaraja, Order Statistics, 7.1.
    """
    counts: IntArray = getattr(view.profile, part)
    before: IntArray | None = getattr(reference.profile, part) if reference else None
    n, m = int(counts.sum()), int(before.sum()) if before is not None else 0
    if not n:
        return Estimate(None, reference_size=m)
    value, bound = quantile(counts, edges, share)
    lower, upper = _range(counts, edges, share)
    reference_value = deviation = None
    if before is not None and m:
        reference_value = quantile(before, edges, share)[0]
        deviation = math.hypot(*(_log_error(*_range(side, edges, share)) for side in (counts, before)))
    return Estimate(
        value=value,
        lower=lower,
        upper=upper,
        reference_value=reference_value,
        statistic=math.log(value / reference_value) if reference_value else None,
        deviation=deviation,
        sample_size=n,
        reference_size=m,
        error_bound=bound,
    )


def _range(counts: IntArray, edges: FloatArray, share: float) -> tuple[float, float]:
    """The order statistics between which the quantile lies, read between the edges of their bins."""
    n = int(counts.sum())
    lower, upper = (
        _at(counts, edges, float(rank)) for rank in np.atleast_1d(stats.binom.ppf([0.025, 0.975], n, share))
    )
    return lower, upper


def _at(counts: IntArray, edges: FloatArray, rank: float) -> float:
    """The value of a rank: as if the values of a bin lay evenly on its logarithmic scale."""
    upto = np.cumsum(counts)
    index = int(np.searchsorted(upto, max(1.0, rank)))
    if index in (0, len(edges)):
        return float(edges[0 if index == 0 else -1])
    part = (max(1.0, rank) - 0.5 - (upto[index] - counts[index])) / counts[index]
    return float(edges[index - 1] * (edges[index] / edges[index - 1]) ** part)


def _log_error(lower: float, upper: float) -> float:
    """Standard error of a quantile's logarithm, of its interval; a bin is the least that can be told apart."""
    return math.hypot(math.log(upper / lower) / (2 * intervals.Z), math.log(DURATION_GROWTH) / math.sqrt(12))


def _throughput(view: ModelView, reference: ModelView | None) -> Estimate:
    n = view.profile.predictions
    # A Poisson count has its own mean as variance; the half keeps the interval of 0 from being empty.
    half = intervals.Z * math.sqrt(n + 0.5)
    expected = reference.profile.predictions / reference.seconds * view.seconds if reference else 0.0
    return Estimate(
        statistic=math.log((n + 0.5) / (expected + 0.5)) if reference else None,
        deviation=math.sqrt(1 / (expected + 0.5)) if reference else None,
        value=n / view.seconds,
        lower=max(0.0, n - half) / view.seconds,
        upper=(n + half) / view.seconds,
        reference_value=reference.profile.predictions / reference.seconds if reference else None,
        sample_size=n,
        reference_size=reference.profile.predictions if reference else 0,
    )


def _errors(view: ModelView, reference: ModelView | None) -> Estimate:
    def found(side: ModelView | None) -> tuple[int, int]:
        return (side.profile.errors, side.profile.predictions) if side else (0, 0)

    return shares(found(view), found(reference))


def _coverage(view: ModelView, reference: ModelView | None) -> Estimate:
    def found(side: ModelView | None) -> tuple[int, int]:
        return (side.profile.labelled, side.profile.predictions) if side else (0, 0)

    return shares(found(view), found(reference))


_service = partial(Measure, family="service", subject=Subject.MODEL)


def _latency(share: float, *, default: bool) -> Measure:
    percent = round(share * 100)
    return _service(
        name=f"latency_p{percent}",
        title=f"Latency, {percent}th percentile",
        unit="ns",
        compare=Compare.RATIO,
        compute=partial(_quantile, "duration", DURATION_EDGES, share),
        warning=0.5,
        critical=1.0,
        # Enough that some values lie beyond the percentile.
        min_samples=math.ceil(10 / (1 - share)),
        default=default,
        source=DDSKETCH,
    )


def _delay(share: float, *, default: bool) -> Measure:
    percent = round(share * 100)
    return _service(
        name=f"label_delay_p{percent}",
        title=f"Delay of labels, {percent}th percentile",
        unit="s",
        needs_all_labels=True,
        compare=Compare.RATIO,
        compute=partial(_quantile, "delay", DELAY_EDGES, share),
        warning=1.0,
        critical=3.0,
        default=default,
        source=DDSKETCH,
    )


MEASURES: tuple[Measure, ...] = (
    _latency(0.5, default=True),
    _latency(0.95, default=True),
    _latency(0.99, default=True),
    _service(
        name="throughput",
        title="Predictions per second",
        unit="1/s",
        direction=Direction.LOWER,
        compare=Compare.RATIO,
        compute=_throughput,
        # Traffic of a quiet hour is a small part of the mean: only a near standstill is worth a word.
        warning=0.8,
        critical=0.95,
        min_samples=0,
        source=SRE,
    ),
    _service(
        name="error_rate",
        title="Share of failed predictions",
        compare=Compare.CHANGE,
        compute=_errors,
        warning=0.01,
        critical=0.05,
        source=SRE,
    ),
    _service(
        name="label_coverage",
        title="Share of predictions with a known outcome",
        needs_all_labels=True,
        direction=Direction.LOWER,
        compare=Compare.CHANGE,
        compute=_coverage,
        warning=0.1,
        critical=0.3,
        source=SRE,
    ),
    _delay(0.5, default=True),
    _delay(0.95, default=False),
)
