"""The customary rules, on the same counts: what others would say of each feature and window."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial

import numpy as np
from scipy import special

from driftline.analyzers.arrays import BoolArray, FloatArray
from driftline.analyzers.measures import drift
from driftline.analyzers.measures.distributions import distributions
from driftline.analyzers.profiles.binning import Binning
from driftline.analyzers.profiles.history import Counted
from driftline.ingest.events import Task

from .streams import total

Rule = Callable[[Sequence[Counted], Sequence[Counted], Binning], Mapping[str, BoolArray]]


def _pairs(
    before: Sequence[Counted], after: Sequence[Counted], binning: Binning
) -> Iterator[tuple[str, FloatArray, FloatArray]]:
    """Name, fine counts of each window, and those of the reference, of every feature."""
    whole = dict(distributions([total(before)], binning, Task.REGRESSION))
    for name, found in distributions([window.profiles[None] for window in after], binning, Task.REGRESSION):
        now = found.counts if found.fine is None else found.fine
        then = whole[name].counts if whole[name].fine is None else whole[name].fine
        assert then is not None
        yield name, now.astype(np.float64), np.broadcast_to(then, now.shape).astype(np.float64)


def _tests(before: Sequence[Counted], after: Sequence[Counted], binning: Binning) -> dict[str, BoolArray]:
    """Kolmogorov-Smirnov on numbers, chi-squared on categories, p < 0.05 each: the default of many tools."""
    found = {}
    for name, now, then in _pairs(before, after, binning):
        if name in binning.categorical:
            p_values = drift.homogeneity(now, then)
        else:
            edges = binning.numeric[name].edges
            value, _ = drift.kolmogorov_smirnov(now, then, edges)
            n, m = now.sum(-1), then.sum(-1)
            p_values = special.kolmogorov(value * np.sqrt(n * m / (n + m)))
        found[name] = p_values < 0.05
    return found


def _over(
    distance: Callable[[FloatArray, FloatArray], FloatArray],
    floor: float,
    before: Sequence[Counted],
    after: Sequence[Counted],
    binning: Binning,
) -> dict[str, BoolArray]:
    """A distance above a fixed floor, over ten bins or all categories."""
    whole = dict(distributions([total(before)], binning, Task.REGRESSION))
    found = {}
    for name, windows in distributions([window.profiles[None] for window in after], binning, Task.REGRESSION):
        then = np.broadcast_to(whole[name].counts, windows.counts.shape).astype(np.float64)
        found[name] = distance(windows.counts.astype(np.float64), then) > floor
    return found


def _distance(now: FloatArray, then: FloatArray) -> FloatArray:
    return np.asarray(np.sqrt(drift.jensen_shannon(now, then)), np.float64)


def _three_sigma(before: Sequence[Counted], after: Sequence[Counted], binning: Binning) -> dict[str, BoolArray]:
    """Jensen-Shannon beyond mean + 3 standard deviations of the reference's own windows: NannyML's rule."""
    whole = dict(distributions([total(before)], binning, Task.REGRESSION))
    past = dict(distributions([window.profiles[None] for window in before], binning, Task.REGRESSION))
    found = {}
    for name, windows in distributions([window.profiles[None] for window in after], binning, Task.REGRESSION):
        then = whole[name].counts.astype(np.float64)
        quiet = _distance(past[name].counts.astype(np.float64), np.broadcast_to(then, past[name].counts.shape))
        now = _distance(windows.counts.astype(np.float64), np.broadcast_to(then, windows.counts.shape))
        found[name] = now > quiet.mean() + 3 * quiet.std()
    return found


RULES: Mapping[str, Rule] = {
    "KS or chi-squared p < 0.05": _tests,
    "PSI > 0.1": partial(_over, drift.psi, 0.1),
    "PSI > 0.2": partial(_over, drift.psi, 0.2),
    "JS > 0.1": partial(_over, _distance, 0.1),
    "JS beyond 3 sigma of the reference": _three_sigma,
}
