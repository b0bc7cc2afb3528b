"""The first labels of a window, made to look like all of them. Pure.

A label that comes early stands for those of its class that are still to come. Where of the positives 30 % are expected
to be there by now and of the others 90 %, a positive should weigh three times a negative (inverse probability
weighting, Horvitz & Thompson 1952, https://doi.org/10.1080/01621459.1952.10483446). Counts that are scaled up would
claim more than was seen; so the quicker class is scaled down to the share of the slower one, which gives the same
proportions, and intervals that are no narrower than what is known allows.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from .arrays import FloatArray, IntArray
from .profiles.profile import NOT_THIS_CLASS, THIS_CLASS, UNKNOWN, Moments, Profile, ScoreCounts

LEAST = 0.1
"""Share of a class's labels that must be expected by now for the rest to be guessed from them."""


def evened(profile: Profile, positive_class: str, known: tuple[float, float]) -> Profile:
    """The profile of a binary model with as large a part of the negatives' labels as of the positives'.

    What is not told by class, such as the log loss, is left out.

    Args:
        profile: What was counted.
        positive_class: The class that scores are of.
        known: Share of the positives' and of the others' labels that are expected by now.
    """
    positive, negative = (min(1.0, min(known) / share) for share in known)
    labels = sorted({predicted for predicted, _ in profile.confusion})
    confusion: dict[tuple[str, str], int] = {}
    for actual in dict.fromkeys(actual for _, actual in profile.confusion):
        counts = np.array([profile.confusion.get((predicted, actual), 0) for predicted in labels])
        kept = _thinned(counts, positive if actual == positive_class else negative)
        confusion |= {(predicted, actual): int(count) for predicted, count in zip(labels, kept, strict=True) if count}
    return replace(
        profile,
        confusion=confusion,
        scores={name: _evened(counts, positive, negative) for name, counts in profile.scores.items()},
        evaluations={name: Moments() for name in profile.evaluations},
    )


def _evened(scores: ScoreCounts, positive: float, negative: float) -> ScoreCounts:
    counts, sums = scores.counts.copy(), scores.sums.copy()
    for actual, share in ((THIS_CLASS, positive), (NOT_THIS_CLASS, negative)):
        for predicted in range(len(counts)):
            before = scores.counts[predicted, actual]
            kept = _thinned(before, share)
            part = np.divide(kept, before, out=np.zeros(len(before)), where=before > 0)
            counts[predicted, actual] = kept
            counts[predicted, UNKNOWN] += before - kept
            sums[predicted, actual] = part * scores.sums[predicted, actual]
            sums[predicted, UNKNOWN] += (1 - part) * scores.sums[predicted, actual]
    return ScoreCounts(counts, sums, scores.moments)


def _thinned(counts: IntArray, share: float) -> IntArray:
    """A share of ordered counts, in whole numbers: every so-manieth, so that no stretch of bins loses more than one."""
    reached: FloatArray = np.floor(counts.cumsum() * share + 0.5)
    return np.diff(reached, prepend=0).astype(np.int64)
