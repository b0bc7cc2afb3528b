"""Distances that are sums over bins and grow with the square of a change: value, null mean and deviation, interval.

With X of n values in a bin, such a distance is a sum of terms f(X / n), and what sampling does to it follows from three
numbers a bin: how much the mean of a term exceeds the term of the true share, and how the term moves with X and with
the square of X. Two bins of a multinomial correlate by r = -sqrt(p q / ((1 - p) (1 - q))), and their k-th orthogonal
polynomials by r^k (Eagleson 1964, Annals of Mathematical Statistics 35, 1208-1215), so that sums over the bins give
mean and variance of the distance without any matrix. In a bin of many values the three numbers are those of Taylor's
series, and with no change they make the distance a constant times chi-squared; in a bin of few they are summed up
exactly.

The interval inverts the test, along the line from the reference's shares through the window's.

Counts have shape (windows, bins), results (windows,); they are NaN where a side is empty.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from scipy import special

from ..arrays import FloatArray
from .intervals import student
from .inversion import REACH, TRUTHS, end, gamma_quantile

FEW = ((0.0, 2.0, 15), (2.0, 12.0, 41))
"""A bin of so many expected values is summed up exactly, over so many counts; what lies beyond them is 1e-8."""
LEAST = 1e-9
"""The least true share of a bin that is looked at."""

Of4 = Callable[[FloatArray, FloatArray, FloatArray, FloatArray], FloatArray]


class Moves(NamedTuple):
    """How a term moves with the count of its bin: shape (windows, bins) each.

    Attributes:
        added: Mean of the term less the term of the true share.
        linear: Covariance with the standardised count.
        square: Covariance with the second orthogonal polynomial of the count.
        rest: Variance that neither explains.
    """

    added: FloatArray
    linear: FloatArray
    square: FloatArray
    rest: FloatArray


@dataclass(frozen=True, slots=True)
class Quadratic:
    """A distance that is a sum of terms over the bins; each function takes both sides' shares and sizes.

    Attributes:
        terms: One term a bin.
        slopes: Derivatives of a term by the current share and by the reference's.
        bends: Second derivatives.
    """

    terms: Of4
    slopes: tuple[Of4, Of4]
    bends: tuple[Of4, Of4]

    @np.errstate(all="ignore")
    def of(self, current: FloatArray, reference: FloatArray) -> FloatArray:
        """The distance of two arrays of counts, as counted."""
        n, m = current.sum(-1, keepdims=True), reference.sum(-1, keepdims=True)
        return np.asarray(np.maximum(0.0, self.terms(current / n, reference / m, n, m).sum(-1)), np.float64)

    @np.errstate(all="ignore")
    def null(self, current: FloatArray, reference: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Mean and variance of the distance as counted when nothing has changed."""
        n, m = current.sum(-1, keepdims=True), reference.sum(-1, keepdims=True)
        pooled = (current + reference) / (n + m)
        return self._moments(pooled, pooled, n, m)

    @np.errstate(all="ignore")
    def interval(
        self, current: FloatArray, reference: FloatArray, raw: FloatArray, null: tuple[FloatArray, FloatArray]
    ) -> tuple[FloatArray, FloatArray]:
        """The interval of the distance.

        Args:
            current: Counts, shape (windows, bins).
            reference: The same of the reference.
            raw: The distance as counted, shape (windows,).
            null: Its mean and variance when nothing has changed.
        """
        n, m = current.sum(-1, keepdims=True), reference.sum(-1, keepdims=True)
        added, variance = null
        # The root of the distance scatters, near no change, by the root of its chi-squared's unit.
        unit = np.where(added > 0, variance / (2 * added), 0.0)
        farthest = 1 + REACH * np.sqrt(unit / np.maximum(raw, 1e-300))
        p, q = _path(current, reference, farthest)
        distance = np.maximum(0.0, self.terms(p, q, n, m).sum(-1))
        added, variance = self._moments(p, q, n, m)
        z = student(n[..., 0])
        lower, upper = (gamma_quantile(distance + added, variance, side) for side in (z, -z))
        return end(raw, lower, distance), end(raw, upper, distance)

    def _moments(self, p: FloatArray, q: FloatArray, n: FloatArray, m: FloatArray) -> tuple[FloatArray, FloatArray]:
        """By how much the distance's mean exceeds that of the true shares, and its variance."""
        added, linear, square, rest = self._moves(p, q, n, m)
        of_q = _taylor(q, self.slopes[1](p, q, n, m), self.bends[1](p, q, n, m), m)
        odds, odds_q = p / np.maximum(1 - p, 1e-12), q / np.maximum(1 - q, 1e-12)
        joint = square * odds + of_q.square * odds_q
        variance = (
            _correlated(linear, odds)
            + _correlated(of_q.linear, odds_q)
            + ((square + of_q.square) ** 2 - joint**2 + rest).sum(-1)
            + joint.sum(-1) ** 2
        )
        return (added + of_q.added).sum(-1), np.maximum(variance, 0.0)

    def _moves(self, p: FloatArray, q: FloatArray, n: FloatArray, m: FloatArray) -> Moves:
        moves = _taylor(p, self.slopes[0](p, q, n, m), self.bends[0](p, q, n, m), n)
        expected = n * p
        for least, most, counts in FEW:
            few = (expected > least) & (expected <= most)
            if few.any():
                bins = (np.broadcast_to(side, p.shape)[few] for side in (p, q, n, m))
                for everywhere, there in zip(moves, self._summed(counts, *bins), strict=True):
                    everywhere[few] = there
        return moves

    def _summed(self, counts: int, p: FloatArray, q: FloatArray, n: FloatArray, m: FloatArray) -> Moves:
        """Of a list of bins, by the binomial distribution of their counts, of which the first so many matter."""
        p, q, n, m = (side[:, None] for side in (p, q, n, m))
        k = np.arange(1.0, counts)
        ratios = np.maximum(n - k + 1, 0.0) / k * (p / (1 - p))
        chance = np.exp(n * np.log1p(-p)) * np.cumprod(np.column_stack([np.ones_like(p), ratios]), axis=-1)
        count = np.concatenate([[0.0], k])
        term = self.terms(count / n, q, n, m) - self.terms(p, q, n, m)
        deviation = np.sqrt(n * p * (1 - p))
        x = (count - n * p) / deviation
        second = (x**2 - 1 - (1 - 2 * p) / deviation * x) / np.sqrt(np.maximum(2 - 2 / n, 1.0))
        weighed = chance * term
        mean, linear, square = weighed.sum(-1), (weighed * x).sum(-1), (weighed * second).sum(-1)
        variance = (weighed * term).sum(-1) - mean**2
        return Moves(mean, linear, square, np.maximum(0.0, variance - linear**2 - square**2))


def _path(current: FloatArray, reference: FloatArray, farthest: FloatArray) -> tuple[FloatArray, FloatArray]:
    """True shares that may be: the window's, shape (truths, windows, bins), and the reference's, (windows, bins).

    Many shares give the same distance; those are taken that lie on the line from the reference's through the window's.

    Args:
        current: Counts, shape (windows, bins).
        reference: The same of the reference.
        farthest: How far to go, shape (windows,): 0 for the reference's shares, 1 for the window's as counted.
    """
    # Half a count where there is none, since no true share of a category that exists is 0.
    q = np.where(current + reference > 0, np.maximum(reference, 0.5), 0.0)
    q = q / q.sum(-1, keepdims=True)
    steps = np.linspace(0.0, 1.0, TRUTHS)[:, None, None] * farthest[:, None]
    p = np.where(q > 0, np.maximum(q + steps * (current / current.sum(-1, keepdims=True) - q), LEAST), 0.0)
    return p / p.sum(-1, keepdims=True), q


def _taylor(p: FloatArray, slope: FloatArray, bend: FloatArray, n: FloatArray) -> Moves:
    there = p > 0
    spread = p * (1 - p) / n
    added = np.where(there, bend * spread / 2, 0.0)
    return Moves(added, np.where(there, slope * np.sqrt(spread), 0.0), np.sqrt(2) * added, np.zeros_like(added))


def _correlated(linear: FloatArray, odds: FloatArray) -> FloatArray:
    """Variance of a sum of bins that move so with their counts."""
    return np.asarray((linear**2 * (1 + odds)).sum(-1) - (linear * np.sqrt(odds)).sum(-1) ** 2, np.float64)


def _psi(p: FloatArray, q: FloatArray, n: FloatArray, m: FloatArray) -> FloatArray:
    # An empty bin counts as half a value, so that the logarithm exists; one that is empty on both sides says nothing.
    seen = (p > 0) | (q > 0)
    p, q = np.maximum(p, 0.5 / n), np.maximum(q, 0.5 / m)
    return np.where(seen, (p - q) * np.log(p / q), 0.0)


def _jensen_shannon(p: FloatArray, q: FloatArray, _n: FloatArray, _m: FloatArray) -> FloatArray:
    middle = (p + q) / 2
    return np.asarray((special.rel_entr(p, middle) + special.rel_entr(q, middle)) / (2 * np.log(2)), np.float64)


def _hellinger(p: FloatArray, q: FloatArray, _n: FloatArray, _m: FloatArray) -> FloatArray:
    return (np.sqrt(p) - np.sqrt(q)) ** 2 / 2


def _cramers_v(p: FloatArray, q: FloatArray, n: FloatArray, m: FloatArray) -> FloatArray:
    middle = n * p + m * q
    return np.where(middle > 0, n * m / (n + m) * (p - q) ** 2 / middle, 0.0)


def _cramers_v_slope_p(p: FloatArray, q: FloatArray, n: FloatArray, m: FloatArray) -> FloatArray:
    middle = (n * p + m * q) / (n + m)
    return n * m / (n + m) ** 2 * (p - q) / middle * (1 + q / middle)


def _cramers_v_bend_p(p: FloatArray, q: FloatArray, n: FloatArray, m: FloatArray) -> FloatArray:
    middle = (n * p + m * q) / (n + m)
    return 2 * n * m / (n + m) ** 2 * q**2 / middle**3


def _swapped(function: Of4) -> Of4:
    """The derivative by the other side, of a distance that is symmetric in its sides."""
    return lambda p, q, n, m: function(q, p, m, n)


def _symmetric(terms: Of4, slope: Of4, bend: Of4) -> Quadratic:
    return Quadratic(terms, (slope, _swapped(slope)), (bend, _swapped(bend)))


def _times_size(function: Of4) -> Of4:
    return lambda p, q, n, m: (n + m) * function(p, q, n, m)


PSI = _symmetric(_psi, lambda p, q, *_: np.log(p / q) + 1 - q / p, lambda p, q, *_: (1 + q / p) / p)
JENSEN_SHANNON = _symmetric(
    _jensen_shannon,
    lambda p, q, *_: np.log2(2 * p / (p + q)) / 2,
    lambda p, q, *_: q / p / (2 * np.log(2) * (p + q)),
)
HELLINGER = _symmetric(_hellinger, lambda p, q, *_: (1 - np.sqrt(q / p)) / 2, lambda p, q, *_: np.sqrt(q / p) / p / 4)
CRAMERS_V = _symmetric(_cramers_v, _cramers_v_slope_p, _cramers_v_bend_p)
CHI_SQUARED = _symmetric(*(_times_size(of) for of in (_cramers_v, _cramers_v_slope_p, _cramers_v_bend_p)))
