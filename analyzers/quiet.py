"""What quiet windows look like, so that a window is judged against others of its kind and not against single rows.

The rows of one window are no independent draws from the reference: a day's weather is not two months' weather. Two
things move a statistic between windows while nothing is wrong: sampling, whose share each measure works out from the
sample sizes, and the windows' own differences, whose share is learnt here from the windows of the reference. A window
is compared with the sum of both, as a random-effects model does (Higgins, Thompson & Spiegelhalter 2009,
https://doi.org/10.1111/j.1467-985X.2008.00552.x): the between-window part is what the quiet windows scatter beyond
their sampling error (DerSimonian & Laird 1986, https://doi.org/10.1016/0197-2456(86)90046-2), and the
smaller their number, the wider the prediction.

- A difference (`Scatter.SIGNED`) is predicted by Student's t.
- A distance is a sum of squares of such differences (`Scatter.QUADRATIC`), or behaves as the root of one
  (`Scatter.ABSOLUTE`) and is squared first. It is predicted by the gamma distribution of the same mean and variance,
  which is Satterthwaite's approximation (1946, https://doi.org/10.2307/3002019), with the uncertainty of the mean as in
  Fisher's F. For counts this is the correction of chi-squared for clustered rows (Rao & Scott 1984,
  https://doi.org/10.1214/aos/1176346391).
- What happens or does not (`Scatter.EVENT`) is no test as long as it never happened in a quiet window; if it did, its
  p-value is its share of them.

All arrays have shape (series, windows): one series per measure, feature and segment. NaN is "not defined there".
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace

import numpy as np
from scipy import special

from .arrays import BoolArray, FloatArray
from .measures import Against, Estimate, Scatter

Key = tuple[str, str | None, tuple[str, str] | None]
"""Measure, feature, segment."""

FEWEST = 8
"""Windows from which on a between-window variation is worth the name."""
ROUNDS = 4
ODD, MOST_ODD = 1e-5, 0.05
"""A reference is seldom quiet throughout. A window of it whose p-value, judged by all others, is below the first is not
learnt from, as long as it is one of so small a share of the series."""
MOST_DEPENDENT = 0.9
"""The autocorrelation of neighbouring windows that is reckoned with at most."""


@dataclass(frozen=True, slots=True)
class Statistics:
    """What is compared between windows: the fields of `Estimate` of the same names, all of one shape."""

    statistic: FloatArray
    expected: FloatArray
    deviation: FloatArray

    @classmethod
    def of(cls, estimates: Sequence[Estimate]) -> Statistics:
        """Those of some estimates, shape (estimates,)."""
        return cls(
            *(
                np.array([np.nan if (value := getattr(e, f.name)) is None else value for e in estimates], np.float64)
                for f in fields(cls)
            )
        )

    def __getitem__(self, index: object) -> Statistics:
        return Statistics(*(getattr(self, f.name)[index] for f in fields(self)))

    def without(self, windows: BoolArray) -> Statistics:
        """With some statistics not defined, of the same shape."""
        return replace(self, statistic=np.where(windows, np.nan, self.statistic))

    def squared(self, absolute: BoolArray) -> Statistics:
        """With statistics that are roots squared, so that all are sums of squares.

        Args:
            absolute: Which are, of a shape that fits.
        """
        mean, error = self.expected, self.deviation
        return Statistics(
            np.where(absolute, self.statistic**2, self.statistic),
            np.where(absolute, mean**2 + error**2, mean),
            # The variance of the square of a normal variable.
            np.where(absolute, np.sqrt(4 * mean**2 * error**2 + 2 * error**4), error),
        )


@dataclass(frozen=True, slots=True)
class Scattered:
    """What quiet windows add to sampling, per series.

    Attributes:
        mean: Mean of the statistic beyond its expectation.
        variance: Variance of the statistic around that, sampling included.
        sampling: The share of sampling in it.
        windows: How many independent windows those are worth that this was learnt from.
    """

    mean: FloatArray
    variance: FloatArray
    sampling: FloatArray
    windows: FloatArray

    @property
    def between(self) -> FloatArray:
        """The share of the windows' own differences in the variance."""
        return np.maximum(0.0, self.variance - self.sampling)


@dataclass(frozen=True, slots=True)
class Quiet:
    """What was learnt from the quiet windows.

    Attributes:
        index: Position of each series.
        scatter: How each scatters, as positions in `Scatter`, shape (series,).
        learnt: What its quiet windows add to sampling.
        worth: How many independent windows each window is worth, shape (series,).
    """

    index: Mapping[Key, int]
    scatter: FloatArray
    learnt: Scattered
    worth: FloatArray

    def larger(self, ratio: float, own: Quiet | None) -> Quiet:
        """What larger windows look like when they are quiet, each the mean of several.

        A mean of k windows that differ at random differs 1/k as much, and more as neighbours resemble each other: there
        are but few large windows to learn from, and many small ones. What does last longer than neighbours tell shows
        only in windows of that size: of both variances the larger one counts.

        Args:
            ratio: How many of these windows make a larger one.
            own: What was learnt from the larger windows themselves, None for nothing.
        """
        factor = np.minimum(1.0, 1 / (ratio * self.worth))
        factor = np.where(_is(self.scatter, Scatter.EVENT), 1.0, factor)
        distance = _distance(self.scatter)
        spread = np.where(distance, factor**2, factor)
        variance, sampling = self.learnt.variance * spread, self.learnt.sampling * spread
        if own is not None:
            at = np.array([own.index.get(key, -1) for key in self.index])
            seen = np.where(at >= 0, own.learnt.between[at], 0.0)
            variance = np.maximum(variance, sampling + seen)
        return replace(self, learnt=Scattered(self.learnt.mean * factor, variance, sampling, self.learnt.windows))

    def compare(self, keys: Sequence[Key], found: Statistics) -> list[Against | None]:
        """How a window compares with quiet ones; None for a series of which nothing is known.

        Args:
            keys: Which series.
            found: What the window shows, shape (keys,).
        """
        positions = np.array([self.index.get(key, -1) for key in keys], np.int64)
        known = np.flatnonzero(positions >= 0)
        at = positions[known]
        learnt = Scattered(*(getattr(self.learnt, f.name)[at] for f in fields(Scattered)))
        with np.errstate(all="ignore"):
            p_values = _p_values(found[known], self.scatter[at], learnt)
        columns = (p_values, learnt.mean, np.sqrt(learnt.between), learnt.windows)
        compared: list[Against | None] = [None] * len(keys)
        for position, row in zip(known.tolist(), zip(*(c.tolist() for c in columns), strict=True), strict=True):
            if np.isfinite(row[0]):
                compared[position] = Against(*row)
        return compared


def learn(series: Mapping[Key, Statistics], scatter: Mapping[str, Scatter]) -> tuple[Quiet, FloatArray]:
    """What quiet windows look like, and how each of them looks to the others.

    Args:
        series: The statistics of all quiet windows in order of time, shape (windows,) each.
        scatter: How each measure scatters.

    Returns:
        What was learnt, and the p-value of each quiet window judged by all others, shape (series, windows).
    """
    with np.errstate(all="ignore"):  # what is not defined comes out as NaN
        return _learn(series, scatter)


def _learn(series: Mapping[Key, Statistics], scatter: Mapping[str, Scatter]) -> tuple[Quiet, FloatArray]:
    keys = list(series)
    kinds = np.array([list(Scatter).index(scatter[measure]) for measure, _, _ in keys], np.float64)
    past = Statistics(
        *(np.array([getattr(series[key], f.name) for key in keys], np.float64) for f in fields(Statistics))
    )
    squared = past.squared(_absolute(kinds)[:, None])
    worth = _independent([measure for measure, _, _ in keys], squared)
    event = _is(kinds, Scatter.EVENT)[:, None]
    others = _scattered(squared, worth, _distance(kinds), each_left_out=True)
    apart = np.where(event, np.nan, _p_values(past, kinds[:, None], others))
    squared = squared.without(_odd(apart))
    others = _scattered(squared, worth, _distance(kinds), each_left_out=True)
    apart = np.where(event, np.nan, _p_values(past, kinds[:, None], others))
    whole = _scattered(squared, worth, _distance(kinds))
    return Quiet({key: position for position, key in enumerate(keys)}, kinds, whole, worth), apart


def _odd(apart: FloatArray) -> BoolArray:
    """The windows that a series had better not learn from, since something was wrong in them."""
    most = int(MOST_ODD * apart.shape[1])
    if not most:
        return np.zeros(apart.shape, np.bool_)
    filled = np.nan_to_num(apart, nan=1.0)
    bound = np.partition(filled, most - 1, axis=1)[:, most - 1 : most]
    return (filled < ODD) & (filled <= bound)


def _is(kinds: FloatArray, *those: Scatter) -> BoolArray:
    return np.isin(kinds, [list(Scatter).index(kind) for kind in those])


def _absolute(kinds: FloatArray) -> BoolArray:
    return _is(kinds, Scatter.ABSOLUTE)


def _distance(kinds: FloatArray) -> BoolArray:
    return _is(kinds, Scatter.QUADRATIC, Scatter.ABSOLUTE)


def _independent(measures: Sequence[str], past: Statistics) -> FloatArray:
    """How many independent windows each window is worth, by the autocorrelation of neighbours, shape (series,).

    One value per measure, the median over its series, since a single series tells it badly. Source: the effective
    sample size of a first-order autoregressive series, Bayley & Hammersley 1946, https://doi.org/10.2307/2983560.
    """
    excess = past.statistic - past.expected
    counts = np.maximum(np.isfinite(excess).sum(axis=1, keepdims=True), 1)
    around = np.nan_to_num(excess - np.nansum(excess, axis=1, keepdims=True) / counts)
    correlation = (around[:, 1:] * around[:, :-1]).sum(axis=1) / (around**2).sum(axis=1)
    worth = np.ones(len(measures))
    names = np.array(measures)
    for name in set(measures):
        of_it = correlation[names == name]
        of_it = of_it[np.isfinite(of_it)]
        dependent = float(np.clip(np.median(of_it), 0.0, MOST_DEPENDENT)) if of_it.size else 0.0
        worth[names == name] = (1 - dependent) / (1 + dependent)
    return worth


def _scattered(past: Statistics, worth: FloatArray, distance: BoolArray, *, each_left_out: bool = False) -> Scattered:
    """Mean and variance of the excess over sampling, of all windows or of all but one, for each that one may be.

    Small windows tell little of what lies beyond sampling, so in the variance a window counts by the inverse of its
    own, sampling and between windows together; as the latter is what is sought, it is found in a few rounds. In the
    mean it counts by the root of that: quiet hours are not like busy ones, and are to be heard.
    """
    excess = np.where(np.isfinite(past.statistic), past.statistic - past.expected, np.nan)
    there = np.isfinite(excess) & np.isfinite(past.deviation)
    kind = distance[:, None]
    filled, base = np.where(there, excess, 0.0), np.where(there, past.expected, 0.0)
    errors = np.where(there, past.deviation**2, 0.0)
    least = np.maximum(1e-12 * (filled**2).max(axis=1, keepdims=True), 1e-30)
    mean, between = np.zeros((len(excess), 1)), np.zeros((len(excess), 1))
    sampling = errors
    for _ in range(ROUNDS):
        weights = np.where(there, 1 / np.sqrt(sampling + between + least), 0.0)
        mean, between, _ = _moments(weights, filled, sampling, kind, left_out=False)
        sampling = errors + np.where(kind & there, _crossed(base, errors, mean), 0.0)
    weights = np.where(there, 1 / np.sqrt(sampling + between + least), 0.0)
    mean, between, count = _moments(weights, filled, sampling, kind, left_out=each_left_out)
    typical = (weights * sampling).sum(axis=1, keepdims=True) / np.maximum(weights.sum(axis=1, keepdims=True), 1e-300)
    found = (mean, between + typical, typical + np.zeros_like(mean), count * worth[:, None])
    return Scattered(*(part if each_left_out else part[:, 0] for part in found))


def _moments(
    weights: FloatArray, excess: FloatArray, sampling: FloatArray, distance: BoolArray, *, left_out: bool
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Weighted mean of the excess, its variance beyond sampling, and how many equal windows the weights are worth."""
    squares = weights**2
    sums = [weights, weights * excess, squares, squares * excess, squares * excess**2, squares * sampling]
    totals = [part.sum(axis=1, keepdims=True) for part in sums]
    if left_out:
        totals = [total - part for total, part in zip(totals, sums, strict=True)]
    whole, first, squared, crossed, second, noise = totals
    whole, squared = np.maximum(whole, 1e-300), np.maximum(squared, 1e-300)
    count = whole**2 / squared
    mean = first / whole
    spread = (second - 2 * mean * crossed + mean**2 * squared) / squared
    between = np.maximum(0.0, spread * count / np.maximum(count - 1, 1.0) - noise / squared)
    # The excess of a distance over sampling is negative by chance alone.
    return np.where(distance, np.maximum(0.0, mean), mean), between, np.where(totals[0] > 0, count, 0.0)


def _crossed(expected: FloatArray, sampling: FloatArray, mean: FloatArray) -> FloatArray:
    """What the product of both parts adds to the variance of a squared sum of them.

    Of `|e + u|^2`, where e has `expected^2 / (sampling / 2)` directions, the variance of the product `2 e u` is 4 times
    the product of the squares' means over the number of directions.
    """
    directions = np.where(sampling > 0, 2 * expected**2 / sampling, np.inf)
    return np.where(directions > 0, 4 * expected * mean / np.maximum(directions, 1.0), 0.0)


def _p_values(found: Statistics, kinds: FloatArray, learnt: Scattered) -> FloatArray:
    distance = _distance(kinds)
    squared = found.squared(_absolute(kinds))
    value = np.where(distance, _of_distance(squared, learnt), _of_difference(found, learnt))
    value = np.where(_is(kinds, Scatter.EVENT), _of_event(found, learnt), value)
    return np.where(learnt.windows > 0, value, np.nan)


def _of_event(found: Statistics, learnt: Scattered) -> FloatArray:
    share = np.minimum(1.0, (learnt.mean * learnt.windows + 1) / (learnt.windows + 1))
    return np.where(found.statistic > 0, np.where(learnt.mean > 0, share, np.nan), 1.0)


def _of_distance(found: Statistics, learnt: Scattered) -> FloatArray:
    mean = found.expected + learnt.mean
    sampling = found.deviation**2
    variance = sampling + _crossed(found.expected, sampling, learnt.mean) + learnt.between
    freedom = 2 * mean**2 / variance / _doubt(learnt.windows)
    # The relative variance of a mean of squares is 2 over its degrees of freedom.
    behind = 2 * mean**2 * learnt.windows / learnt.variance
    behind = np.where(np.isfinite(behind), behind, 1e9)
    return np.asarray(special.fdtrc(freedom, np.maximum(behind, 1.0), found.statistic / mean), np.float64)


def _of_difference(found: Statistics, learnt: Scattered) -> FloatArray:
    windows = np.maximum(learnt.windows, 2.0)
    variance = found.deviation**2 + learnt.between + learnt.variance / windows
    freedom = (windows - 1) * (variance / learnt.variance) ** 2
    freedom = np.where(np.isfinite(freedom), np.clip(freedom, 1.0, 1e9), 1e9)
    distance = np.abs(found.statistic - found.expected - learnt.mean) / np.sqrt(variance)
    distance = np.where(variance > 0, distance, np.where(found.statistic == learnt.mean, 0.0, np.inf))
    return np.asarray(2 * special.stdtr(freedom, -distance), np.float64)


def _doubt(windows: FloatArray) -> FloatArray:
    """By how much a shape learnt from few windows may be too narrow: one standard error of a variance."""
    return 1 + np.sqrt(2 / np.maximum(windows, 2.0))
