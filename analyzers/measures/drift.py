"""How far a distribution has moved from the reference.

PSI, Jensen-Shannon, Hellinger, total variation, L-infinity and Cramer's V compare the coarse bins (deciles of the
reference; categories); Kolmogorov-Smirnov and Wasserstein compare the fine bins and state how far these can put them
off. Missing values are left out: they have a measure of their own. The distances have no test of their own; they carry
the p-value of the chi-squared test of homogeneity on the same counts, of which PSI is, when nothing has changed,
`1/n + 1/m` times the statistic, and the others a constant times that.

Every array has a leading axis of windows: counts are of shape (windows, bins), results of shape (windows,).
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import numpy as np
from scipy import special, stats

from ..arrays import FloatArray
from . import quadratic, sampling
from .inversion import around_distance
from .largest_gap import lower_end
from .measure import Distribution, Estimates, Measure, Scatter, Subject

Shares = tuple[FloatArray, FloatArray]


def shares(current: FloatArray, reference: FloatArray) -> Shares:
    """Counts as shares of their sums."""
    with np.errstate(divide="ignore", invalid="ignore"):
        return current / current.sum(-1, keepdims=True), reference / reference.sum(-1, keepdims=True)


def psi(current: FloatArray, reference: FloatArray) -> FloatArray:
    """Population stability index, `sum((p - q) ln(p / q))`, of two arrays of counts.

    An empty bin counts as half an observation, so that the logarithm exists; other bins are left as they are.
    Source: Yurdakul & Naranjo 2020, https://doi.org/10.21314/JRMV.2020.227.
    """
    return quadratic.PSI.of(current, reference)


def jensen_shannon(current: FloatArray, reference: FloatArray) -> FloatArray:
    """Jensen-Shannon divergence in bits; its root is the distance, from 0, the same, to 1, nothing in common.

    Source: Endres & Schindelin 2003, https://doi.org/10.1109/TIT.2003.813506.
    """
    return quadratic.JENSEN_SHANNON.of(current, reference)


def hellinger(current: FloatArray, reference: FloatArray) -> FloatArray:
    """Square of the Hellinger distance, from 0 to 1.

    Source: https://encyclopediaofmath.org/wiki/Hellinger_distance.
    """
    return quadratic.HELLINGER.of(current, reference)


def total_variation(current: FloatArray, reference: FloatArray) -> FloatArray:
    """Total variation distance: the share of the values that would have to move.

    Source: https://encyclopediaofmath.org/wiki/Distance_in_variation.
    """
    p, q = shares(current, reference)
    return np.asarray(np.abs(p - q).sum(-1) / 2, np.float64)


def l_infinity(current: FloatArray, reference: FloatArray) -> FloatArray:
    """The largest change of any one bin's share."""
    p, q = shares(current, reference)
    return np.asarray(np.abs(p - q).max(-1), np.float64)


def chi_squared(current: FloatArray, reference: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Pearson's statistic of homogeneity of two arrays of counts, without correction, and its degrees of freedom.

    Bins that are empty on both sides are left out. Source: https://docs.scipy.org/doc/scipy/reference/generated/
    scipy.stats.chi2_contingency.html.
    """
    n, m = current.sum(-1, keepdims=True), reference.sum(-1, keepdims=True)
    both = current + reference
    with np.errstate(divide="ignore", invalid="ignore"):
        # The two rows' terms of one column, (observed - expected)^2 / expected, added up.
        terms = (current * m - reference * n) ** 2 / (n * m * both)
    filled = both > 0
    return np.where(filled, terms, 0.0).sum(-1), np.maximum(filled.sum(-1) - 1.0, 0.0)


def homogeneity(current: FloatArray, reference: FloatArray) -> FloatArray:
    """The p-value of `chi_squared`; 1 where all values are in one bin."""
    statistic, freedom = chi_squared(current, reference)
    return np.where(freedom > 0, special.chdtrc(np.maximum(freedom, 1.0), statistic), 1.0)


def cramers_v(current: FloatArray, reference: FloatArray) -> FloatArray:
    """Square of Cramer's V of two arrays of counts: chi-squared freed from the sample size, from 0 to 1.

    Source: Cramer 1946, Mathematical Methods of Statistics, chapter 21.
    """
    return quadratic.CRAMERS_V.of(current, reference)


def _sides(current: Distribution, reference: Distribution | None) -> tuple[FloatArray, FloatArray] | None:
    if reference is None:
        return None
    now, before = np.broadcast_arrays(current.counts, reference.counts)
    return now.astype(np.float64), before.astype(np.float64)


def _unknown(current: Distribution, reference: Distribution | None) -> Estimates:
    sizes = {"sample_size": current.total, "reference_size": reference.total if reference else 0.0}
    return Estimates.of(np.full(len(current.counts), np.nan), **sizes)


def _quadratic(
    kind: quadratic.Quadratic,
    current: Distribution,
    reference: Distribution | None,
    *,
    root: bool = False,
    corrected: bool = False,
) -> Estimates:
    """A distance that is, when nothing has changed, chi-squared times a constant; or the root of one."""
    if (sides := _sides(current, reference)) is None:
        return _unknown(current, reference)
    now, before = sides
    raw = _defined(kind.of(now, before), now, before)
    expected, variance = kind.null(now, before)
    value = np.maximum(0.0, raw - expected) if corrected else raw
    lower, upper = kind.interval(now, before, raw, (expected, variance))
    lower, upper = np.minimum(lower, value), np.maximum(upper, value)
    if root:
        value, lower, upper = np.sqrt(value), np.sqrt(lower), np.sqrt(upper)
    return Estimates.of(
        value,
        lower=lower,
        upper=upper,
        p_value=homogeneity(now, before),
        sample_size=now.sum(-1),
        reference_size=before.sum(-1),
        statistic=raw,
        expected=expected,
        deviation=np.sqrt(variance),
    )


def _defined(values: FloatArray, now: FloatArray, before: FloatArray) -> FloatArray:
    return np.where((now.sum(-1) > 0) & (before.sum(-1) > 0), values, np.nan)


def _absolute(
    function: Callable[[FloatArray, FloatArray], FloatArray],
    null: Callable[[FloatArray, FloatArray], tuple[FloatArray, FloatArray]],
    errors: Callable[[FloatArray, FloatArray], sampling.Errors],
    current: Distribution,
    reference: Distribution | None,
    *,
    fades: bool,
) -> Estimates:
    """A distance that is made of absolute differences of shares."""
    if (sides := _sides(current, reference)) is None:
        return _unknown(current, reference)
    now, before = sides
    value = _defined(function(now, before), now, before)
    expected, deviation = null(now, before)
    lower, upper = around_distance(value, expected, deviation, errors(now, before), now.sum(-1), fades=fades)
    return Estimates.of(
        value,
        lower=lower,
        upper=np.minimum(1.0, upper),
        p_value=homogeneity(now, before),
        sample_size=now.sum(-1),
        reference_size=before.sum(-1),
        statistic=value,
        expected=expected,
        deviation=deviation,
    )


def kolmogorov_smirnov(current: FloatArray, reference: FloatArray, edges: FloatArray) -> tuple[FloatArray, FloatArray]:
    """The largest distance of two cumulative distributions, and how much larger it may be inside a bin.

    Inside a bin each distribution climbs from its value at the lower edge to that at the upper one, so the distance
    there is at most that of one's upper to the other's lower value. A bin that holds a single number has no inside.

    Args:
        current: Counts per fine bin, shape (windows, edges + 1).
        reference: The same of the reference.
        edges: Edges of the bins, increasing, shape (edges,).

    Source: https://docs.scipy.org/doc/scipy/reference/generated/scipy.stats.ks_2samp.html.
    """
    f, g = (_cumulative(side) for side in shares(current, reference))
    at_edges = np.abs(f - g).max(-1)
    inside = np.maximum(f[..., 1:] - g[..., :-1], g[..., 1:] - f[..., :-1])
    single = np.concatenate([[False], np.nextafter(edges[:-1], np.inf) == edges[1:], [False]])
    inside[..., single] = 0.0
    return at_edges, np.maximum(0.0, inside.max(-1) - at_edges)


def _cumulative(side: FloatArray) -> FloatArray:
    return np.concatenate([np.zeros((*side.shape[:-1], 1)), np.cumsum(side, axis=-1)], axis=-1)


def _ks(current: Distribution, reference: Distribution | None) -> Estimates:
    if (sides := _fine(current, reference)) is None:
        return _unknown(current, reference)
    now, before, edges = sides
    n, m = now.sum(-1), before.sum(-1)
    value, bound = kolmogorov_smirnov(now, before, edges)
    value = _defined(value, now, before)
    expected, deviation = sampling.kolmogorov(n, m)
    error = sampling.largest_gap_error(now, before)
    _, upper = around_distance(value, expected, deviation, (error, error), n, fades=False)
    with np.errstate(divide="ignore", invalid="ignore"):
        size = np.nan_to_num(np.maximum(1.0, np.round(n * m / (n + m))), nan=1.0)
    return Estimates.of(
        value,
        lower=np.minimum(value, lower_end(now, before, value, error)),
        upper=np.minimum(1.0, upper),
        p_value=stats.kstwo.sf(np.nan_to_num(value), size),
        sample_size=n,
        reference_size=m,
        error_bound=np.nan_to_num(bound),
        statistic=value,
        expected=expected,
        deviation=deviation,
    )


def wasserstein(current: FloatArray, reference: FloatArray, knots: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Area between two cumulative distributions, and how far the bins can put it off.

    Within a bin the distributions are taken as straight lines; a climbing line that starts and ends where the straight
    one does is off by at most half the bin's width times its climb.

    Args:
        current: Counts per bin, shape (windows, bins).
        reference: The same of the reference.
        knots: Ends of the bins, increasing, shape (windows, bins + 1).

    Source: https://docs.scipy.org/doc/scipy/reference/generated/scipy.stats.wasserstein_distance.html.
    """
    p, q = shares(current, reference)
    f, g = _cumulative(p), _cumulative(q)
    widths = np.diff(knots, axis=-1)
    left, right = (f - g)[..., :-1], (f - g)[..., 1:]
    crossing = left * right < 0
    with np.errstate(divide="ignore", invalid="ignore"):
        crossed = (left**2 + right**2) / (2 * (np.abs(left) + np.abs(right)))
    areas = np.where(crossing, crossed, (np.abs(left) + np.abs(right)) / 2) * widths
    return areas.sum(-1), (widths * (p + q)).sum(-1) / 2


def _wasserstein(current: Distribution, reference: Distribution | None) -> Estimates:
    sides = _fine(current, reference)
    if sides is None or reference is None or current.moments is None or reference.moments is None:
        return _unknown(current, reference)
    now, before, edges = sides
    spread = np.sqrt(reference.moments.variance)
    spread = np.where(spread > 0, spread, np.nan)
    knots = _knots(np.minimum(current.moments.min, edges[0]), edges, np.maximum(current.moments.max, edges[-1]))
    value, bound = wasserstein(now, before, knots)
    value = _defined(value / spread, now, before)
    expected, deviation = (side / spread for side in sampling.area(now, before, edges))
    errors = sampling.area_error(now, before, knots / spread[:, None])
    lower, upper = around_distance(value, expected, deviation, errors, now.sum(-1), fades=True)
    coarse = _sides(current, reference)
    assert coarse is not None
    return Estimates.of(
        value,
        lower=lower,
        upper=upper,
        p_value=homogeneity(*coarse),
        sample_size=now.sum(-1),
        reference_size=before.sum(-1),
        error_bound=np.nan_to_num(bound / spread),
        statistic=value,
        expected=np.nan_to_num(expected),
        deviation=deviation,
    )


def _knots(low: FloatArray, edges: FloatArray, high: FloatArray) -> FloatArray:
    inner = np.broadcast_to(edges, (len(low), len(edges)))
    return np.column_stack([low, inner, high])


def _fine(current: Distribution, reference: Distribution | None) -> tuple[FloatArray, FloatArray, FloatArray] | None:
    if reference is None or current.fine is None or reference.fine is None or current.edges is None:
        return None
    now, before = np.broadcast_arrays(current.fine, reference.fine)
    return now.astype(np.float64), before.astype(np.float64), current.edges


_drift = partial(Measure, family="drift", subject=Subject.DISTRIBUTION, needs_reference=True)

# The floors are the customary ones of the credit-risk literature for PSI (Siddiqi 2006: 0.1 slight, 0.25 major); those
# of the other distances mark about the same shift of a normal distribution, 0.3 and 0.5 standard deviations.
MEASURES: tuple[Measure, ...] = (
    _drift(
        name="psi",
        title="Population stability index",
        compute=partial(_quadratic, quadratic.PSI, corrected=True),
        scatter=Scatter.QUADRATIC,
        warning=0.1,
        critical=0.25,
        source="https://doi.org/10.21314/JRMV.2020.227",
    ),
    _drift(
        name="jensen_shannon",
        title="Jensen-Shannon distance",
        compute=partial(_quadratic, quadratic.JENSEN_SHANNON, root=True, corrected=True),
        scatter=Scatter.QUADRATIC,
        warning=0.13,
        critical=0.21,
        source="https://doi.org/10.1109/TIT.2003.813506",
    ),
    _drift(
        name="hellinger",
        title="Hellinger distance",
        compute=partial(_quadratic, quadratic.HELLINGER, root=True),
        scatter=Scatter.QUADRATIC,
        warning=0.11,
        critical=0.17,
        default=False,
        source="https://encyclopediaofmath.org/wiki/Hellinger_distance",
    ),
    _drift(
        name="total_variation",
        title="Total variation distance",
        compute=partial(
            _absolute, total_variation, sampling.total_variation, sampling.total_variation_error, fades=False
        ),
        scatter=Scatter.ABSOLUTE,
        warning=0.12,
        critical=0.2,
        default=False,
        source="https://encyclopediaofmath.org/wiki/Distance_in_variation",
    ),
    _drift(
        name="l_infinity",
        title="Largest change of a share",
        compute=partial(_absolute, l_infinity, sampling.largest_share, sampling.largest_share_error, fades=True),
        scatter=Scatter.ABSOLUTE,
        warning=0.1,
        critical=0.2,
        default=False,
        source="https://docs.aws.amazon.com/sagemaker/latest/dg/model-monitor-byoc-constraints.html",
    ),
    _drift(
        name="chi_squared",
        title="Chi-squared statistic",
        compute=partial(_quadratic, quadratic.CHI_SQUARED),
        scatter=Scatter.QUADRATIC,
        default=False,
        source="https://docs.scipy.org/doc/scipy/reference/generated/scipy.stats.chi2_contingency.html",
    ),
    _drift(
        name="cramers_v",
        title="Cramer's V",
        compute=partial(_quadratic, quadratic.CRAMERS_V, root=True),
        scatter=Scatter.QUADRATIC,
        warning=0.1,
        critical=0.2,
        default=False,
        source="https://docs.scipy.org/doc/scipy/reference/generated/scipy.stats.contingency.association.html",
    ),
    _drift(
        name="ks",
        title="Kolmogorov-Smirnov statistic",
        subject=Subject.NUMERIC,
        compute=_ks,
        scatter=Scatter.ABSOLUTE,
        warning=0.12,
        critical=0.2,
        default=False,
        source="https://docs.scipy.org/doc/scipy/reference/generated/scipy.stats.ks_2samp.html",
    ),
    _drift(
        name="wasserstein",
        title="Wasserstein distance in reference standard deviations",
        subject=Subject.NUMERIC,
        compute=_wasserstein,
        scatter=Scatter.ABSOLUTE,
        # Lower than those of the others: a shift of a quarter of a standard deviation is to be found in 1,000 values.
        warning=0.1,
        critical=0.25,
        source="https://docs.scipy.org/doc/scipy/reference/generated/scipy.stats.wasserstein_distance.html",
    ),
)
