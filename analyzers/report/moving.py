"""Which features moved: the bins of a period against those of the reference, from stored profiles. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence

import numpy as np

from driftline.ingest import events

from ..arrays import FloatArray, IntArray
from ..causes.moved import ranges
from ..profiles.binning import Binning, NumericBins
from ..profiles.profile import CategoryCounts, NumericCounts, Profile
from ..windows import Window
from .found import Bin, Moved, Mover

MOST_MOVERS = 6
MOST_CATEGORIES = 10
"""Categories that are shown by name; the others are added up."""
LEAST = 0.005
"""What moved less is not shown unless an alert is about it: half a percent of the predictions."""
MISSING, OTHERS, UNKNOWN = "missing", "all others", "in no known category"


def moved(
    binning: Binning, current: Profile, reference: Profile | None, period: Window, alarms: Collection[str]
) -> Moved:
    """The features that moved most, those that alerts are about first.

    Args:
        binning: The bins of both.
        current: What the windows of the period add up to.
        reference: What they are compared with; None where that is not stored.
        period: From the first of the windows to the last.
        alarms: Names of features that alerts are about.
    """
    found = [_mover(name, *counted, name in alarms) for name, counted in _counted(binning, current, reference)]
    ranked = sorted(found, key=lambda mover: (not mover.alarm, -mover.moved, mover.name))
    shown = [mover for mover in ranked if mover.alarm or mover.moved >= LEAST or reference is None][:MOST_MOVERS]
    before = reference.predictions if reference else 0
    return Moved(shown, period, current.predictions, before, len(found) - len(shown))


def _counted(
    binning: Binning, current: Profile, reference: Profile | None
) -> Iterator[tuple[str, tuple[Sequence[str], IntArray, IntArray | None]]]:
    """Per distribution its name, the names of its bins, and the counts of both."""
    for name, bins in binning.numeric.items():
        before = _numbers(reference.numeric[name], bins) if reference else None
        yield name, ([*ranges(bins), MISSING], _numbers(current.numeric[name], bins), before)
    for name, known in binning.categorical.items():
        before = _categories(reference.categorical[name]) if reference else None
        yield name, ([*known, UNKNOWN, MISSING], _categories(current.categorical[name]), before)
    for name, bins in binning.scores.items() if binning.positive_class else ():
        totals = [profile.scores[name].total if profile else None for profile in (current, reference)]
        counts = [None if total is None else np.add.reduceat(total, bins.coarse) for total in totals]
        assert counts[0] is not None
        yield events.PREDICTION_SCORE, (ranges(bins), counts[0], counts[1])
    if labels := sorted({*current.predicted, *(reference.predicted if reference else {})}):
        before = _labels(reference.predicted, labels) if reference else None
        yield events.PREDICTION_LABEL, (labels, _labels(current.predicted, labels), before)


def _mover(name: str, names: Sequence[str], now: IntArray, before: IntArray | None, alarm: bool) -> Mover:  # noqa: FBT001
    shares, shares_before = _shares(now), None if before is None else _shares(before)
    distance = 0.0 if shares_before is None else float(np.abs(shares - shares_before).sum() / 2)
    kept = _fewer(names, shares, shares_before)
    return Mover(name, distance, [one for one in kept if one.share or one.reference_share], alarm)


def _fewer(names: Sequence[str], shares: FloatArray, before: FloatArray | None) -> list[Bin]:
    """The bins in their order; of many categories the largest by name, and the rest together."""
    most = shares if before is None else np.maximum(shares, before)
    large = set(range(len(names)))
    if len(names) > MOST_CATEGORIES + 2:
        large = {int(at) for at in np.argsort(-most, kind="stable")[:MOST_CATEGORIES]}
        large |= {at for at, name in enumerate(names) if name in (MISSING, UNKNOWN)}
    bins = [Bin(names[at], float(shares[at]), None if before is None else float(before[at])) for at in sorted(large)]
    rest = [at for at in range(len(names)) if at not in large]
    if rest:
        share = float(shares[rest].sum())
        bins.insert(MOST_CATEGORIES, Bin(OTHERS, share, None if before is None else float(before[rest].sum())))
    return bins


def _shares(counts: IntArray) -> FloatArray:
    total = counts.sum()
    return np.asarray(counts / total if total else np.zeros(len(counts)), np.float64)


def _numbers(counts: NumericCounts, bins: NumericBins) -> IntArray:
    return np.append(np.add.reduceat(counts.counts, bins.coarse), counts.missing)


def _categories(counts: CategoryCounts) -> IntArray:
    return np.append(counts.counts, [counts.other, counts.missing])


def _labels(predicted: Mapping[str, int], labels: Sequence[str]) -> IntArray:
    return np.array([predicted.get(label, 0) for label in labels], np.int64)
