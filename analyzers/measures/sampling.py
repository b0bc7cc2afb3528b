"""What sampling alone does to a distance: mean and spread when nothing has changed, and error when something has.

With n and m values drawn from one distribution, the difference of the two shares of a bin is normal with the variance
`p (1 - p) (1/n + 1/m)`. Sums of absolute differences follow from the covariance of the absolute values of two normal
variables of correlation r, `2/pi (sqrt(1 - r^2) + r asin r - 1)` in units of their deviations (Nabeya 1951,
https://doi.org/10.1007/BF02949755). Errors when something has changed are those of the delta method (Agresti,
Categorical Data Analysis, 3rd ed., 16.1).

Counts have shape (windows, bins), results (windows,); they are NaN or infinite where a side is empty, and it is for the
caller to quieten NumPy about that.
"""

from __future__ import annotations

import numpy as np
from scipy import special

from ..arrays import FloatArray
from .intervals import student

Errors = tuple[FloatArray, FloatArray]
"""Standard errors of a distance: of a truth below the value counted, and of one above."""

HALF_NORMAL = float(np.sqrt(2 / np.pi))
"""Mean of the absolute value of a standard normal variable."""
KOLMOGOROV_MEAN = float(np.sqrt(np.pi / 2) * np.log(2))
KOLMOGOROV_VARIANCE = float(np.pi**2 / 12 - KOLMOGOROV_MEAN**2)
"""Of Kolmogorov's distribution: Marsaglia, Tsang & Wang 2003, https://doi.org/10.18637/jss.v008.i18."""


def linear(p: FloatArray, slopes: FloatArray, n: FloatArray) -> FloatArray:
    """Variance of the sum of slopes times observed shares of n values."""
    mean = (p * slopes).sum(-1)
    return np.asarray(np.maximum(0.0, (p * slopes**2).sum(-1) - mean**2) / n, np.float64)


def inverse_sizes(n: FloatArray, m: FloatArray) -> FloatArray:
    """`1/n + 1/m`, infinite where a side is empty."""
    return np.asarray(1 / n + 1 / m, np.float64)


def _pooled(current: FloatArray, reference: FloatArray) -> FloatArray:
    both = current + reference
    return np.asarray(both / both.sum(-1, keepdims=True), np.float64)


def _differences(current: FloatArray, reference: FloatArray) -> FloatArray:
    p = _pooled(current, reference)
    size = inverse_sizes(current.sum(-1), reference.sum(-1))[..., None]
    return np.asarray(np.sqrt(p * (1 - p) * size), np.float64)


def total_variation(current: FloatArray, reference: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Mean and deviation of the total variation distance when nothing has changed."""
    errors = _differences(current, reference)
    p = _pooled(current, reference)
    odds = np.nan_to_num(np.sqrt(p / (1 - p)), posinf=0.0)
    correlation = np.clip(-odds[..., :, None] * odds[..., None, :], -1.0, 1.0)
    diagonal = np.arange(p.shape[-1])
    correlation[..., diagonal, diagonal] = 1.0
    return HALF_NORMAL * errors.sum(-1) / 2, np.sqrt(_absolute_variance(errors, correlation)) / 2


def _absolute_variance(errors: FloatArray, correlation: FloatArray) -> FloatArray:
    """Variance of a sum of absolute values of correlated normal variables."""
    joint = 2 / np.pi * (np.sqrt(1 - correlation**2) + correlation * np.arcsin(correlation) - 1)
    return np.asarray(np.maximum(0.0, np.einsum("...i,...ij,...j->...", errors, joint, errors)), np.float64)


def total_variation_error(current: FloatArray, reference: FloatArray) -> Errors:
    """Standard error of the total variation distance when something has changed."""
    p, q, n, m = _sides(current, reference)
    slopes = np.sign(p - q) / 2
    error = np.sqrt(linear(p, slopes, n) + linear(q, slopes, m))
    return error, error


def largest_share(current: FloatArray, reference: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Mean and deviation, about, of the largest change of a share when nothing has changed.

    As if the changes of the k bins that matter were independent and of the largest one's deviation, where k makes the
    sum of variances right; the largest of k half-normal variables then has the median `ndtri((1 + 2^(-1/k)) / 2)`.
    """
    errors = _differences(current, reference)
    largest = errors.max(-1)
    bins = np.maximum(1.0, np.nan_to_num((errors**2).sum(-1) / largest**2, nan=1.0))
    return _largest_of(bins, largest)


def _largest_of(bins: FloatArray, error: FloatArray) -> tuple[FloatArray, FloatArray]:
    # Forty points of the distribution give mean and deviation of the largest to a few per cent.
    points = (np.arange(40) + 0.5) / 40
    quantiles = special.ndtri((1 + points ** (1 / bins[..., None])) / 2)
    return quantiles.mean(-1) * error, quantiles.std(-1) * error


def largest_share_error(current: FloatArray, reference: FloatArray) -> Errors:
    """Standard errors of the largest change of a share when something has changed.

    For the upper end each bin has its own interval, and that counts which reaches farthest: the bin with the largest
    change need not be the one that looks so.
    """
    p, q, n, m = _sides(current, reference)
    changes, errors = np.abs(p - q), _share_error(p, q, n[..., None], m[..., None])
    at = changes.argmax(-1, keepdims=True)
    z = student(n)
    farthest = (changes + z[..., None] * errors).max(-1)
    return np.take_along_axis(errors, at, -1)[..., 0], (farthest - changes.max(-1)) / z


def _share_error(p: FloatArray, q: FloatArray, n: FloatArray, m: FloatArray) -> FloatArray:
    return np.asarray(np.sqrt(np.maximum(0.0, p * (1 - p)) / n + np.maximum(0.0, q * (1 - q)) / m), np.float64)


def _sides(current: FloatArray, reference: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray, FloatArray]:
    n, m = current.sum(-1), reference.sum(-1)
    return current / n[..., None], reference / m[..., None], n, m


def kolmogorov(n: FloatArray, m: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Mean and deviation of the Kolmogorov-Smirnov statistic when nothing has changed; ties make it smaller."""
    size = np.sqrt(inverse_sizes(n, m))
    return KOLMOGOROV_MEAN * size, np.sqrt(KOLMOGOROV_VARIANCE) * size


def largest_gap_error(current: FloatArray, reference: FloatArray) -> FloatArray:
    """Standard error of the Kolmogorov-Smirnov statistic: that of the two cumulative shares where it is attained."""
    p, q, n, m = _sides(current, reference)
    f, g = np.cumsum(p, axis=-1), np.cumsum(q, axis=-1)
    at = np.expand_dims(np.abs(f - g).argmax(-1), -1)
    return _share_error(np.take_along_axis(f, at, -1)[..., 0], np.take_along_axis(g, at, -1)[..., 0], n, m)


def area(current: FloatArray, reference: FloatArray, edges: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Mean and deviation of the area between two cumulative distributions when nothing has changed.

    At each edge their difference is normal with the variance `F (1 - F) (1/n + 1/m)`, and two edges correlate as points
    of a Brownian bridge do (del Barrio, Gine & Matran 1999, https://doi.org/10.1214/aop/1022677394). F is that of all
    windows and references together. Counts are of fine bins, edges have shape (bins - 1,).
    """
    both = (current + reference).sum(axis=tuple(range(current.ndim - 1)))
    f = np.clip(np.cumsum(both)[:-1] / max(both.sum(), 1.0), 0.0, 1.0)
    errors = np.sqrt(f * (1 - f)) * _weights(edges)
    odds = np.sqrt(f / np.maximum(1 - f, 1e-300))
    ratio = odds[:, None] / odds[None, :]
    correlation = np.clip(np.nan_to_num(np.minimum(ratio, ratio.T)), 0.0, 1.0)
    size = np.sqrt(inverse_sizes(current.sum(-1), reference.sum(-1)))
    return HALF_NORMAL * errors.sum() * size, np.sqrt(_absolute_variance(errors, correlation)) * size


def _weights(edges: FloatArray) -> FloatArray:
    """The width that each edge stands for, by the trapezoidal rule."""
    widths = np.diff(edges)
    return np.asarray((np.concatenate([[0.0], widths]) + np.concatenate([widths, [0.0]])) / 2, np.float64)


def area_error(current: FloatArray, reference: FloatArray, knots: FloatArray) -> Errors:
    """Standard errors of the area between two cumulative distributions when something has changed.

    What bins add to the error cancels where gaps have different signs. For the upper end a gap that may be noise has
    the sign of the whole: of all changes near no change, a shift has the largest error.

    Args:
        current: Counts per fine bin, shape (windows, bins).
        reference: The same of the reference.
        knots: Ends of the bins, shape (windows, bins + 1).
    """
    p, q, n, m = _sides(current, reference)
    f, g = np.cumsum(p, axis=-1) - p / 2, np.cumsum(q, axis=-1) - q / 2
    widths = np.diff(knots, axis=-1)
    gaps, whole = f - g, ((f - g) * widths).sum(-1, keepdims=True)
    unsure = np.abs(gaps) < student(n)[..., None] * _share_error(f, g, n[..., None], m[..., None])
    seen, turned = (
        linear(p, slopes, n) + linear(q, slopes, m)
        for slopes in (_behind(np.sign(signs) * widths) for signs in (gaps, np.where(unsure, whole, gaps)))
    )
    return np.sqrt(seen), np.sqrt(np.maximum(seen, turned))


def _behind(widths: FloatArray) -> FloatArray:
    """What more of a bin changes: the cumulative distribution in all bins behind it, and in the bin itself by half."""
    return np.asarray(widths[..., ::-1].cumsum(-1)[..., ::-1] - widths / 2, np.float64)
