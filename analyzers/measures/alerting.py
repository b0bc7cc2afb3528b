"""What incidents were worth to the people who were told of them."""

from __future__ import annotations

import numpy as np

from . import intervals
from .measure import Direction, Estimate, Measure, Subject

PRECISION = "alert_precision"
WORKBOOK = "https://sre.google/workbook/alerting-on-slos/"


def precision(useful: int, noise: int) -> Estimate:
    """The share of useful ones among those that were useful or noise, with Wilson's interval.

    Args:
        useful: Incidents that were useful.
        noise: Incidents that were none.
    """
    total = useful + noise
    if not total:
        return Estimate(None)
    lower, upper = intervals.wilson(np.array([useful], np.float64), np.array([total], np.float64))
    share = useful / total
    return Estimate(share, min(float(lower[0]), share), max(float(upper[0]), share), sample_size=total)


MEASURES: tuple[Measure, ...] = (
    Measure(
        name=PRECISION,
        family="alerting",
        title="Share of a rule's incidents that were useful",
        subject=Subject.FEEDBACK,
        direction=Direction.LOWER,
        default=False,
        compute=precision,
        min_samples=1,
        source=WORKBOOK,
    ),
)
