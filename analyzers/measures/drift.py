"""How far a distribution has moved from the reference.

PSI, Jensen-Shannon, Hellinger, total variation, L-infinity and Cramer's V compare the coarse bins (deciles of the
reference; categories); Kolmogorov-Smirnov and Wasserstein compare the fine bins and state how far these can put them
off. Missing values are left out: they have a measure of their own. The distances have no test of their own; they carry
the p-value of the chi-squared test of homogeneity on the same counts, whose null hypothesis, one distribution, is
theirs.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial

import numpy as np
from scipy import special, stats

from ..arrays import FloatArray, IntArray
from .measure import Distribution, Estimate, Measure, Subject

Shares = Callable[[FloatArray, FloatArray], float]


def psi(current: FloatArray, reference: FloatArray) -> float:
    """Population stability index, `sum((p - q) ln(p / q))`, of two arrays of counts, shape (bins,).

    An empty bin counts as half an observation, so that the logarithm exists; other bins are left as they are.
    Source: Yurdakul & Naranjo 2020, https://doi.org/10.21314/JRMV.2020.227.
    """
    p, q = (np.maximum(counts, 0.5) / counts.sum() for counts in (current, reference))
    return float(((p - q) * np.log(p / q)).sum())


def jensen_shannon(current: FloatArray, reference: FloatArray) -> float:
    """Jensen-Shannon distance, the root of the divergence in bits: from 0, the same, to 1, nothing in common.

    Source: Endres & Schindelin 2003, https://doi.org/10.1109/TIT.2003.813506.
    """
    p, q = current / current.sum(), reference / reference.sum()
    m = (p + q) / 2
    divergence = (special.rel_entr(p, m).sum() + special.rel_entr(q, m).sum()) / 2
    return math.sqrt(max(0.0, float(divergence) / math.log(2)))


def hellinger(current: FloatArray, reference: FloatArray) -> float:
    """Hellinger distance, from 0 to 1.

    Source: https://encyclopediaofmath.org/wiki/Hellinger_distance.
    """
    p, q = current / current.sum(), reference / reference.sum()
    return float(np.sqrt(((np.sqrt(p) - np.sqrt(q)) ** 2).sum() / 2))


def total_variation(current: FloatArray, reference: FloatArray) -> float:
    """Total variation distance: the share of the values that would have to move.

    Source: https://encyclopediaofmath.org/wiki/Distance_in_variation.
    """
    return float(np.abs(current / current.sum() - reference / reference.sum()).sum() / 2)


def l_infinity(current: FloatArray, reference: FloatArray) -> float:
    """The largest change of any one bin's share."""
    return float(np.abs(current / current.sum() - reference / reference.sum()).max())


def chi_squared(current: FloatArray, reference: FloatArray) -> tuple[float, int]:
    """Pearson's statistic of homogeneity of two arrays of counts, without correction, and its degrees of freedom.

    Bins that are empty on both sides are left out. Source: https://docs.scipy.org/doc/scipy/reference/generated/
    scipy.stats.chi2_contingency.html.
    """
    table = np.array([current, reference])
    table = table[:, table.sum(axis=0) > 0]
    expected = np.outer(table.sum(axis=1), table.sum(axis=0)) / table.sum()
    return float(((table - expected) ** 2 / expected).sum()), table.shape[1] - 1


def homogeneity(current: FloatArray, reference: FloatArray) -> float:
    """The p-value of `chi_squared`; 1 where all values are in one bin."""
    statistic, freedom = chi_squared(current, reference)
    return float(special.chdtrc(freedom, statistic)) if freedom else 1.0


def cramers_v(current: FloatArray, reference: FloatArray) -> float:
    """Cramer's V of two arrays of counts: chi-squared freed from the sample size, from 0 to 1.

    Source: Cramer 1946, Mathematical Methods of Statistics, chapter 21.
    """
    statistic, _ = chi_squared(current, reference)
    return math.sqrt(statistic / float(current.sum() + reference.sum()))


def _distance(function: Shares, current: Distribution, reference: Distribution | None) -> Estimate:
    sizes = {"sample_size": current.total, "reference_size": reference.total if reference else 0}
    if reference is None or not (current.total and reference.total):
        return Estimate(None, **sizes)
    now, before = current.counts.astype(float), reference.counts.astype(float)
    return Estimate(function(now, before), p_value=homogeneity(now, before), **sizes)


def _statistic(current: FloatArray, reference: FloatArray) -> float:
    return chi_squared(current, reference)[0]


def kolmogorov_smirnov(current: IntArray, reference: IntArray, edges: FloatArray) -> tuple[float, float]:
    """The largest distance of two cumulative distributions, and how much larger it may be inside a bin.

    Inside a bin each distribution climbs from its value at the lower edge to that at the upper one, so the distance
    there is at most that of one's upper to the other's lower value. A bin that holds a single number has no inside.

    Args:
        current: Counts per fine bin, shape (edges + 1,).
        reference: The same of the reference.
        edges: Edges of the bins, increasing, shape (edges,).

    Source: https://docs.scipy.org/doc/scipy/reference/generated/scipy.stats.ks_2samp.html.
    """
    f, g = (np.concatenate([[0.0], np.cumsum(counts) / counts.sum()]) for counts in (current, reference))
    at_edges = float(np.abs(f - g).max())
    inside = np.maximum(f[1:] - g[:-1], g[1:] - f[:-1])
    single = np.concatenate([[False], np.nextafter(edges[:-1], np.inf) == edges[1:], [False]])
    inside[single] = 0.0
    return at_edges, max(0.0, float(inside.max()) - at_edges)


def _ks(current: Distribution, reference: Distribution | None) -> Estimate:
    sizes = {"sample_size": current.total, "reference_size": reference.total if reference else 0}
    sides = _fine(current, reference)
    if sides is None:
        return Estimate(None, **sizes)
    now, before, edges = sides
    value, bound = kolmogorov_smirnov(now, before, edges)
    n, m = int(now.sum()), int(before.sum())
    p_value = float(stats.kstwo.sf(value, max(1, round(n * m / (n + m)))))
    return Estimate(value, p_value=p_value, error_bound=bound, **sizes)


def wasserstein(current: IntArray, reference: IntArray, knots: FloatArray) -> tuple[float, float]:
    """Area between two cumulative distributions, and how far the bins can put it off.

    Within a bin the distributions are taken as straight lines; a climbing line that starts and ends where the straight
    one does is off by at most half the bin's width times its climb.

    Args:
        current: Counts per bin, shape (knots - 1,).
        reference: The same of the reference.
        knots: Ends of the bins, increasing, shape (bins + 1,).

    Source: https://docs.scipy.org/doc/scipy/reference/generated/scipy.stats.wasserstein_distance.html.
    """
    shares = [counts / counts.sum() for counts in (current, reference)]
    f, g = (np.concatenate([[0.0], np.cumsum(share)]) for share in shares)
    widths = np.diff(knots)
    left, right = (f - g)[:-1], (f - g)[1:]
    crossing = left * right < 0
    with np.errstate(divide="ignore", invalid="ignore"):
        crossed = (left**2 + right**2) / (2 * (np.abs(left) + np.abs(right)))
    areas = np.where(crossing, crossed, (np.abs(left) + np.abs(right)) / 2) * widths
    return float(areas.sum()), float((widths * (shares[0] + shares[1])).sum() / 2)


def _wasserstein(current: Distribution, reference: Distribution | None) -> Estimate:
    sizes = {"sample_size": current.total, "reference_size": reference.total if reference else 0}
    sides = _fine(current, reference)
    if sides is None or reference is None or current.moments is None or reference.moments is None:
        return Estimate(None, **sizes)
    now, before, edges = sides
    deviation = math.sqrt(reference.moments.variance)
    if not deviation:
        return Estimate(None, **sizes)
    knots = np.concatenate([[min(current.moments.min, edges[0])], edges, [max(current.moments.max, edges[-1])]])
    value, bound = wasserstein(now, before, knots)
    p_value = homogeneity(current.counts.astype(float), reference.counts.astype(float))
    return Estimate(value / deviation, p_value=p_value, error_bound=bound / deviation, **sizes)


def _fine(current: Distribution, reference: Distribution | None) -> tuple[IntArray, IntArray, FloatArray] | None:
    if reference is None or current.fine is None or reference.fine is None or current.edges is None:
        return None
    if not (current.fine.sum() and reference.fine.sum()):
        return None
    return current.fine, reference.fine, current.edges


_drift = partial(Measure, family="drift", subject=Subject.DISTRIBUTION, needs_reference=True)

# The floors are the customary ones of the credit-risk literature for PSI (Siddiqi 2006: 0.1 slight, 0.25 major); those
# of the other distances mark about the same shift of a normal distribution, 0.3 and 0.5 standard deviations.
MEASURES: tuple[Measure, ...] = (
    _drift(
        name="psi",
        title="Population stability index",
        compute=partial(_distance, psi),
        warning=0.1,
        critical=0.25,
        source="https://doi.org/10.21314/JRMV.2020.227",
    ),
    _drift(
        name="jensen_shannon",
        title="Jensen-Shannon distance",
        compute=partial(_distance, jensen_shannon),
        warning=0.13,
        critical=0.21,
        source="https://doi.org/10.1109/TIT.2003.813506",
    ),
    _drift(
        name="hellinger",
        title="Hellinger distance",
        compute=partial(_distance, hellinger),
        warning=0.11,
        critical=0.17,
        default=False,
        source="https://encyclopediaofmath.org/wiki/Hellinger_distance",
    ),
    _drift(
        name="total_variation",
        title="Total variation distance",
        compute=partial(_distance, total_variation),
        warning=0.12,
        critical=0.2,
        default=False,
        source="https://encyclopediaofmath.org/wiki/Distance_in_variation",
    ),
    _drift(
        name="l_infinity",
        title="Largest change of a share",
        compute=partial(_distance, l_infinity),
        warning=0.1,
        critical=0.2,
        default=False,
        source="https://docs.aws.amazon.com/sagemaker/latest/dg/model-monitor-byoc-constraints.html",
    ),
    _drift(
        name="chi_squared",
        title="Chi-squared statistic",
        compute=partial(_distance, _statistic),
        default=False,
        source="https://docs.scipy.org/doc/scipy/reference/generated/scipy.stats.chi2_contingency.html",
    ),
    _drift(
        name="cramers_v",
        title="Cramer's V",
        compute=partial(_distance, cramers_v),
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
        warning=0.3,
        critical=0.5,
        source="https://docs.scipy.org/doc/scipy/reference/generated/scipy.stats.wasserstein_distance.html",
    ),
)
