"""Intervals by inverting the test: the ends are the two truths of which the value counted would be an outer quantile.

Such an interval holds a truth near 0 as often as any other, where one of "value and so many errors" does not: a
distance cannot be counted below 0, and sampling lifts it (Casella & Berger 2002, Statistical Inference, 9.2.1). Where
less is counted than no change would give, both ends are 0 (Steiger & Fouladi 1997, What if there were no significance
tests?, chapter 9). Distributions are taken as gamma distributions of the right mean and variance, as Patnaik does with
chi-squared that is not central (1949, https://doi.org/10.1093/biomet/36.1-2.202).
"""

from __future__ import annotations

import numpy as np

from ..arrays import FloatArray
from .intervals import student

TRUTHS = 9
"""Truths at which quantiles are worked out; between them they are taken as straight in the square of the distance."""
REACH = 4.0
"""Standard deviations beyond the value counted at which the search for an end stops."""


@np.errstate(all="ignore")
def end(value: FloatArray, quantiles: FloatArray, truths: FloatArray) -> FloatArray:
    """The least truth of which a quantile reaches the value counted.

    Args:
        value: What was counted, shape (windows,).
        quantiles: A quantile of what would be counted, shape (truths, windows).
        truths: Of which truth, increasing, of the same shape.
    """
    climbing = np.maximum.accumulate(quantiles, axis=0)
    before = np.clip((climbing <= value).sum(0) - 1, 0, len(climbing) - 2)
    window = np.arange(climbing.shape[1])
    low, high = climbing[before, window], climbing[before + 1, window]
    near, far = truths[before, window], truths[before + 1, window]
    share = np.where(value > low, np.minimum(1.0, (value - low) / (high - low)), 0.0)
    return np.asarray(near + share * (far - near), np.float64)


def gamma_quantile(mean: FloatArray, variance: FloatArray, z: FloatArray) -> FloatArray:
    """The quantile of a gamma distribution where that of the standard normal one is z, by cube roots.

    Source: Wilson & Hilferty 1931, https://doi.org/10.1073/pnas.17.12.684.
    """
    relative = variance / np.maximum(mean, 1e-300) ** 2
    return np.asarray(mean * np.maximum(0.0, 1 - relative / 9 + z * np.sqrt(relative) / 3) ** 3, np.float64)


@np.errstate(all="ignore")
def around_distance(
    value: FloatArray,
    expected: FloatArray,
    deviation: FloatArray,
    errors: tuple[FloatArray, FloatArray],
    n: FloatArray,
    *,
    fades: bool,
) -> tuple[FloatArray, FloatArray]:
    """The interval of a distance made of absolute differences, which behaves as the root of a sum of squares.

    The mean of its square exceeds the square of the truth by what it is when nothing has changed. Its variance grows
    with the truth as that of a normal variable's square does, and what it is with no change fades as the truth grows.

    Args:
        value: The distance.
        expected: Its mean, had nothing changed.
        deviation: Its standard deviation, had nothing changed.
        errors: Its standard errors where something has changed: of a truth below the value, and of one above.
        n: Size of the window.
        fades: Whether what sampling adds can fade as well, since all differences can be far from 0: for the upper end
            it does. Those of shares cannot, since they sum to 0.
    """
    noise, scatter = expected**2 + deviation**2, 4 * (expected * deviation) ** 2 + 2 * deviation**4
    z = student(n)
    farthest = value + REACH * np.maximum(np.maximum(*errors), expected + deviation)
    truths = (np.linspace(0.0, 1.0, TRUTHS)[:, None] * farthest) ** 2
    near = noise / (truths + noise)
    added = near * noise + (1 - near) * errors[1] ** 2 if fades else noise
    lower, upper = (
        np.sqrt(end(value**2, gamma_quantile(truths + more, near * scatter + 4 * error**2 * truths, side), truths))
        for more, error, side in zip((noise, added), errors, (z, -z), strict=True)
    )
    return np.minimum(value, lower), np.maximum(value, upper)
