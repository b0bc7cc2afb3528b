"""The lower end of the interval of the largest gap between two cumulative distributions.

The largest of many gaps is found where noise is largest too, near the top of the true gaps or at another place. That
the largest lies below a value is the chance that all do; the gaps follow each other as points of a Brownian bridge do,
so that it is about the product of each one's chance given the one before (Glaz & Johnson 1984, Journal of the American
Statistical Association 79, 436-440), of pairs of normal variables by Owen's function (1956, Annals of Mathematical
Statistics 27, 1075-1090).

Counts have shape (windows, bins), results (windows,).
"""

from __future__ import annotations

import numpy as np
from scipy import special

from ..arrays import FloatArray
from .intervals import student
from .inversion import REACH, end

TRUTHS = 5
"""Truths at which the chance is worked out; between them its normal quantile is taken as straight."""
CERTAIN = 4.5
"""A gap that lies so many errors below the value counts as certain to: the chance that it does not is 3e-6."""
LEAST = 1e-9
"""What keeps a quotient or a logarithm defined."""


@np.errstate(all="ignore")
def lower_end(current: FloatArray, reference: FloatArray, value: FloatArray, error: FloatArray) -> FloatArray:
    """The largest gap of which the value counted would be the 97.5 % quantile, the gaps shaped as those counted.

    Args:
        current: Counts per fine bin, shape (windows, bins).
        reference: The same of the reference.
        value: The largest gap as counted.
        error: Its standard error.
    """
    n, m = current.sum(-1, keepdims=True), reference.sum(-1, keepdims=True)
    g = np.cumsum(reference / m, axis=-1)[..., :-1]
    least = np.maximum(0.0, 1 - REACH * error / np.maximum(value, LEAST))
    kept = least + np.linspace(0.0, 1.0, TRUTHS)[:, None] * (1 - least)
    gaps = kept[..., None] * (np.cumsum(current / n, axis=-1)[..., :-1] - g)
    # Half a value from the ends, where no error would be left.
    f = np.clip(g + gaps, 0.5 / n, 1 - 0.5 / n)
    errors = np.sqrt(f * (1 - f) / n + g * (1 - g) / m)
    neighbours = f[..., :-1] * (1 - f[..., 1:]) / n + g[..., :-1] * (1 - g[..., 1:]) / m
    correlation = np.clip(neighbours / errors[..., :-1] / errors[..., 1:], 0.0, 1 - LEAST)
    all_below = _all_below((value[:, None] - gaps) / errors, correlation)
    all_above = _all_below((value[:, None] + gaps) / errors, correlation)
    below = special.ndtri(np.clip(all_below * all_above, LEAST, 1 - LEAST))
    return end(-student(n[..., 0]), -below, np.abs(gaps).max(-1))


def _all_below(bounds: FloatArray, correlation: FloatArray) -> FloatArray:
    """Chance that all of a row of standard normal variables lie below their bounds."""
    bounds = np.clip(bounds, -CERTAIN, CERTAIN)
    x, y = bounds[..., :-1], bounds[..., 1:]
    open_ = np.minimum(x, y) < CERTAIN
    pairs = np.zeros(x.shape)
    pairs[open_] = np.log(np.maximum(_both_below(x[open_], y[open_], correlation[open_]), LEAST))
    return np.asarray(np.exp(pairs.sum(-1) - special.log_ndtr(bounds[..., 1:-1]).sum(-1)), np.float64)


def _both_below(x: FloatArray, y: FloatArray, correlation: FloatArray) -> FloatArray:
    x, y = (np.where(bound == 0, LEAST, bound) for bound in (x, y))
    rest = np.sqrt(1 - correlation**2)
    wedges = special.owens_t(x, (y / x - correlation) / rest) + special.owens_t(y, (x / y - correlation) / rest)
    return np.asarray((special.ndtr(x) + special.ndtr(y)) / 2 - wedges - np.where(x * y < 0, 0.5, 0.0), np.float64)
