"""A known fault, put into stored windows: to see whether it would be found, and when. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import TYPE_CHECKING

import numpy as np

from ..arrays import FloatArray, IntArray
from ..profiles.history import Counted
from ..profiles.profile import CategoryCounts, Moments, NumericCounts, Profile
from ..windows import parse_moment

if TYPE_CHECKING:
    from ..profiles.binning import Binning

ALLOWED = "shift:FEATURE=SIZE@TIME (in standard deviations), missing:FEATURE=SHARE@TIME or errors=SHARE@TIME"
_FORM = re.compile(r"(?P<kind>[a-z]+)(?::(?P<feature>.+))?=(?P<size>[-+0-9.e]+)@(?P<since>.+)")


class Fault(StrEnum):
    """What can be put in."""

    SHIFT = "shift"
    MISSING = "missing"
    ERRORS = "errors"


@dataclass(frozen=True, slots=True)
class Injection:
    """A fault from a time on.

    Attributes:
        fault: What goes wrong.
        feature: With which feature; None of errors.
        size: By how much: standard deviations of the reference, or a share.
        since: From the window on that begins then or after it.
    """

    fault: Fault
    feature: str | None
    size: float
    since: datetime

    @classmethod
    def parse(cls, text: str) -> Injection:
        """An injection such as `shift:temp=0.5@2013-06-01`.

        Raises:
            ValueError: The text is none.
        """
        match = _FORM.fullmatch(text)
        try:
            assert match is not None
            fault, size, since = Fault(match["kind"]), float(match["size"]), parse_moment(match["since"])
        except (AssertionError, ValueError):
            msg = f"got {text!r}, allowed: {ALLOWED}"
            raise ValueError(msg) from None
        wants_feature, is_share = fault is not Fault.ERRORS, fault is not Fault.SHIFT
        if wants_feature != (match["feature"] is not None) or (is_share and not 0 < size <= 1) or size == 0:
            msg = f"got {text!r}, allowed: {ALLOWED}"
            raise ValueError(msg)
        return cls(fault, match["feature"], size, since)

    def into(self, window: Counted, reference: Profile, binning: Binning) -> Counted:
        """The window as it would have been, in all segments; as it was before the fault's time.

        Raises:
            ValueError: The model has no such feature, or no such one that can be shifted.
        """
        self._check(binning)
        if window.window.start < self.since:
            return window
        changed = {segment: self._changed(profile, reference, binning) for segment, profile in window.profiles.items()}
        return Counted(window.version, window.window, changed)

    def _check(self, binning: Binning) -> None:
        numeric, categorical = list(binning.numeric), list(binning.categorical)
        known = numeric if self.fault is Fault.SHIFT else [*numeric, *categorical]
        if self.feature is not None and self.feature not in known:
            msg = f"--inject: got feature {self.feature!r}, allowed: {', '.join(sorted(known)) or 'none'}"
            raise ValueError(msg)

    def _changed(self, profile: Profile, reference: Profile, binning: Binning) -> Profile:
        if self.feature is None:
            return replace(profile, errors=profile.errors + round(self.size * (profile.predictions - profile.errors)))
        if self.feature in binning.categorical:
            categories = _lost(profile.categorical[self.feature], self.size)
            return replace(profile, categorical={**profile.categorical, self.feature: categories})
        counts = profile.numeric[self.feature]
        if self.fault is Fault.MISSING:
            changed = _missing(counts, self.size)
        else:
            spread = float(np.sqrt(reference.numeric[self.feature].moments.variance))
            changed = shifted(counts, binning.numeric[self.feature].edges, self.size * spread)
        return replace(profile, numeric={**profile.numeric, self.feature: changed})


def _kept(counts: IntArray, share: float) -> IntArray:
    left = np.asarray(counts * (1 - share), np.float64)
    return _whole(left, round(float(left.sum())))


def _whole(parts: FloatArray, total: int) -> IntArray:
    """Whole numbers near these that add up to a total: the largest remainders are rounded up."""
    found = np.floor(parts).astype(np.int64)
    largest = np.argsort(found - parts, kind="stable")[: max(0, total - int(found.sum()))]
    found[largest] += 1
    return found


def _lost(counts: CategoryCounts, share: float) -> CategoryCounts:
    kept, other = _kept(counts.counts, share), round(counts.other * (1 - share))
    lost = int(counts.counts.sum() - kept.sum()) + counts.other - other
    return CategoryCounts(kept, other, counts.missing + lost)


def _missing(counts: NumericCounts, share: float) -> NumericCounts:
    kept, moments = _kept(counts.counts, share), counts.moments
    part = kept.sum() / max(1, counts.counts.sum())
    left = replace(moments, count=int(kept.sum()), sum=moments.sum * part, sum_of_squares=moments.sum_of_squares * part)
    lost = int(counts.counts.sum() - kept.sum())
    return NumericCounts(kept, left if left.count else Moments(), counts.missing + lost)


def shifted(counts: NumericCounts, edges: FloatArray, by: float) -> NumericCounts:
    """Counts of values to each of which something was added; within a bin they count as evenly spread.

    Args:
        counts: The counts, shape (edges + 1,).
        edges: The edges of the bins, increasing.
        by: What was added, in the feature's unit.
    """
    moments = counts.moments
    if not moments.count:
        return counts
    low, high = min(moments.min, edges[0]), max(moments.max, edges[-1])
    upto = np.concatenate([[0], np.cumsum(counts.counts)])
    knots = np.concatenate([[low], edges, [high]])
    at_edges = np.interp(edges - by, knots, upto)
    moved = np.diff(np.concatenate([[0.0], at_edges, [float(moments.count)]]))
    added = Moments(
        moments.count,
        moments.sum + by * moments.count,
        moments.sum_of_squares + 2 * by * moments.sum + by**2 * moments.count,
        moments.min + by,
        moments.max + by,
    )
    return NumericCounts(_whole(np.maximum(0.0, moved), moments.count), added, counts.missing)
