"""How alike a binary model treats the groups of a protected attribute.

Names and values are those of Fairlearn (https://fairlearn.org/main/user_guide/fairness_in_machine_learning.html): the
largest rate of a group less the smallest, or the smallest as a share of the largest. The largest of many rates is large
by chance alone; so the interval holds for all pairs of groups at once (Bonferroni), and the p-value is that of all
groups being alike (Pearson's test of homogeneity, https://doi.org/10.1080/14786440009463897), whichever two lie apart.
Groups with too few predictions for a rate are left out of it, and named.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
from scipy import special, stats

from driftline.ingest.events import Task

from ..arrays import FloatArray
from . import intervals
from .measure import Compare, Direction, Estimate, Gap, Groups, Measure, ModelView, Subject

FAIRLEARN = "https://fairlearn.org/main/user_guide/assessment/common_fairness_metrics.html"
Rate = Callable[[ModelView], tuple[float, float]]
"""Successes and trials of one group."""


@dataclass(frozen=True, slots=True)
class _Found:
    """A gap between groups: its interval, the probability of one by chance, the predictions, and which groups."""

    value: float
    lower: float
    upper: float
    p_value: float
    size: int
    groups: Groups


def selection(view: ModelView) -> tuple[float, float]:
    """Predictions of the positive class, and all with a class."""
    predicted = view.profile.predicted
    return predicted.get(str(view.positive_class), 0), sum(predicted.values())


def _cells(view: ModelView) -> tuple[int, int, int, int]:
    positive = str(view.positive_class)
    cells = [0, 0, 0, 0]
    for (predicted, actual), count in view.profile.confusion.items():
        cells[2 * (actual == positive) + (predicted == positive)] += count
    return cells[0], cells[1], cells[2], cells[3]


def true_positives(view: ModelView) -> tuple[float, float]:
    """Positives that were predicted as such, and all positives."""
    _, _, missed, found = _cells(view)
    return found, missed + found


def false_positives(view: ModelView) -> tuple[float, float]:
    """Negatives that were predicted as positive, and all negatives."""
    spared, blamed, _, _ = _cells(view)
    return blamed, spared + blamed


def precise(view: ModelView) -> tuple[float, float]:
    """Predictions of the positive class that came true, and all of them whose outcome is known."""
    _, blamed, _, found = _cells(view)
    return found, blamed + found


def difference(successes: FloatArray, trials: FloatArray) -> tuple[float, float, float]:
    """Largest less smallest share, with an interval that holds for all pairs at once.

    Of each pair, that of Newcombe 1998, method 10
    (https://doi.org/10.1002/(SICI)1097-0258(19980430)17:8%3C873::AID-SIM779%3E3.0.CO;2-I).
    """
    share = successes / trials
    low, high = intervals.wilson(successes, trials, _quantile(len(share)))
    apart = share[:, None] - share
    lower = apart - np.hypot((share - low)[:, None], high - share)
    upper = apart + np.hypot((high - share)[:, None], share - low)
    return float(apart.max()), max(0.0, float(lower.max())), min(1.0, float(upper.max()))


def ratio(successes: FloatArray, trials: FloatArray) -> tuple[float, float, float]:
    """Smallest as a share of the largest, with an interval that holds for all pairs at once; NaN where all are 0.

    Of each pair, that of Katz et al. 1978 (https://doi.org/10.2307/2530610) for the logarithm, with half a success and
    half a trial added.
    """
    share = successes / trials
    largest = float(share.max())
    if not largest:
        return math.nan, math.nan, math.nan
    logs = np.log((successes + 0.5) / (trials + 0.5))
    variances = 1 / (successes + 0.5) - 1 / (trials + 0.5)
    apart = logs[:, None] - logs
    half = _quantile(len(share)) * np.sqrt(variances[:, None] + variances)
    others = ~np.eye(len(share), dtype=bool)
    value = float(share.min()) / largest
    lower, upper = (float(np.exp(ends[others].min())) for ends in (apart - half, apart + half))
    return value, min(lower, value), max(min(1.0, upper), value)


def homogeneity(successes: FloatArray, trials: FloatArray) -> float:
    """Probability of shares at least so far apart, were they all the same: Pearson's chi-squared test."""
    pooled = float(successes.sum() / trials.sum())
    if pooled in (0.0, 1.0):
        return 1.0
    statistic = float((trials * (successes / trials - pooled) ** 2).sum()) / (pooled * (1 - pooled))
    return float(stats.chi2.sf(statistic, len(trials) - 1))


def _quantile(groups: int) -> float:
    pairs = groups * (groups - 1) / 2
    return float(special.ndtri(1 - 0.025 / max(pairs, 1.0)))


Apart = Callable[[FloatArray, FloatArray], tuple[float, float, float]]


def _of_rate(rate: Rate, apart: Apart, groups: Mapping[str, ModelView], minimum: int) -> _Found | None:
    """The gap of one rate; None where fewer than two groups are large enough."""
    counted = {name: rate(view) for name, view in groups.items()}
    kept = [name for name, (_, trials) in counted.items() if trials >= minimum]
    if len(kept) < 2:
        return None
    successes, trials = np.array([counted[name] for name in kept], np.float64).T
    found = apart(successes, trials)
    which = _which(groups, kept, successes / trials)
    return _Found(*found, homogeneity(successes, trials), int(trials.sum()), which)


def _of_calibration(groups: Mapping[str, ModelView], minimum: int) -> _Found | None:
    """The gap of the mean score less the share that came true; tested by Cochran's Q."""
    biases = {name: _bias(view) for name, view in groups.items()}
    kept = [name for name, (_, _, size) in biases.items() if size >= minimum]
    if len(kept) < 2:
        return None
    bias, error, size = np.array([biases[name] for name in kept], np.float64).T
    apart = bias[:, None] - bias
    half = _quantile(len(kept)) * np.hypot(error[:, None], error)
    weight = 1 / np.maximum(error, 1e-12) ** 2
    statistic = float((weight * (bias - (weight * bias).sum() / weight.sum()) ** 2).sum())
    return _Found(
        value=float(apart.max()),
        lower=max(0.0, float((apart - half).max())),
        upper=float((apart + half).max()),
        p_value=float(stats.chi2.sf(statistic, len(kept) - 1)),
        size=int(size.sum()),
        groups=_which(groups, kept, bias),
    )


def _which(groups: Iterable[str], kept: Sequence[str], rates: FloatArray) -> Groups:
    left_out = tuple(name for name in groups if name not in kept)
    return Groups(kept[int(rates.argmin())], kept[int(rates.argmax())], len(kept), left_out)


def _bias(view: ModelView) -> tuple[float, float, int]:
    """Mean score less the share that came true, its standard error, and the labelled predictions."""
    scores = next(iter(view.profile.scores.values()), None)
    if scores is None:
        return math.nan, math.nan, 0
    positives, negatives = scores.positives, scores.negatives
    counts = positives + negatives
    size = int(counts.sum())
    if size < 2:
        return math.nan, math.nan, size
    score = np.divide(scores.sums[:, :2].sum(axis=(0, 1)), counts, out=np.zeros(len(counts)), where=counts > 0)
    bias = float((counts * score - positives).sum()) / size
    squares = float((positives * (1 - score) ** 2 + negatives * score**2).sum()) / size
    return bias, intervals.mean_error(max(0.0, squares - bias**2), size), size


Finder = Callable[[Mapping[str, ModelView], int], _Found | None]


def _gap(
    finders: Sequence[Finder], groups: Mapping[str, ModelView], before: Mapping[str, ModelView], minimum: int
) -> Gap:
    """The largest of some gaps."""
    found = [finder(groups, minimum) for finder in finders]
    past = [finder(before, minimum) for finder in finders]
    known = [one for one in past if one is not None]
    reference = max((one.value for one in known), default=math.nan)
    nothing = Estimate(
        None,
        reference_value=reference if len(known) == len(finders) and math.isfinite(reference) else None,
        reference_size=max((one.size for one in known), default=0),
    )
    gaps = [one for one in found if one is not None]
    if len(gaps) < len(finders) or not math.isfinite(gaps[0].value):
        return Gap(nothing, None)
    largest = max(gaps, key=lambda gap: gap.value)
    p_value = min(1.0, len(gaps) * min(gap.p_value for gap in gaps))
    estimate = replace(
        nothing,
        value=largest.value,
        lower=largest.lower,
        upper=largest.upper,
        p_value=p_value,
        sample_size=largest.size,
    )
    return Gap(estimate, largest.groups)


_fairness = partial(
    Measure,
    family="fairness",
    subject=Subject.ATTRIBUTE,
    tasks=frozenset({Task.BINARY}),
    needs_labels=True,
    direction=Direction.HIGHER,
    compare=Compare.VALUE,
    warning=0.1,
    critical=0.2,
    min_samples=100,
    default=False,
    source=FAIRLEARN,
)

MEASURES: tuple[Measure, ...] = (
    _fairness(
        name="demographic_parity_difference",
        title="Share predicted positive, largest less smallest",
        needs_labels=False,
        compute=partial(_gap, [partial(_of_rate, selection, difference)]),
    ),
    _fairness(
        name="demographic_parity_ratio",
        title="Share predicted positive, smallest by largest",
        needs_labels=False,
        compute=partial(_gap, [partial(_of_rate, selection, ratio)]),
        direction=Direction.LOWER,
        # The four-fifths rule, and half.
        warning=0.8,
        critical=0.5,
        source="https://www.ecfr.gov/current/title-29/section-1607.4",
    ),
    _fairness(
        name="equal_opportunity_difference",
        title="Recall, largest less smallest",
        compute=partial(_gap, [partial(_of_rate, true_positives, difference)]),
    ),
    _fairness(
        name="equalized_odds_difference",
        title="Recall or false positive rate, largest less smallest",
        compute=partial(
            _gap, [partial(_of_rate, true_positives, difference), partial(_of_rate, false_positives, difference)]
        ),
    ),
    _fairness(
        name="predictive_parity_difference",
        title="Precision, largest less smallest",
        compute=partial(_gap, [partial(_of_rate, precise, difference)]),
        source="https://doi.org/10.1089/big.2016.0047",
    ),
    _fairness(
        name="calibration_gap",
        title="Mean score less share that came true, largest less smallest",
        compute=partial(_gap, [_of_calibration]),
        warning=0.05,
        critical=0.1,
        source="https://doi.org/10.1089/big.2016.0047",
    ),
)
