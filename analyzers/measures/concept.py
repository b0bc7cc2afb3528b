"""Whether inputs have come to mean something else: a lasting change of the loss, found as it happens.

A window's loss may be no worse than quiet windows' are, and that of fifty windows in a row may be so all the same.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from driftline.ingest.events import Task

from ..arrays import FloatArray, IntArray
from . import intervals
from .measure import Compare, Estimate, Measure, Subject

LOSSES = {Task.BINARY: "log_loss", Task.MULTICLASS: "log_loss", Task.REGRESSION: "mae"}
"""The measure whose series is watched."""
DELTA, THRESHOLD, FEWEST = 0.5, 12.0, 30
"""Of Page and Hinkley's test, in standard deviations between windows: half a deviation is tolerated, what is beyond it
is added up to 12, and 30 windows must have been seen. In simulated quiet months of hourly windows it is wrong 0.02
times a month, and 0.1 times where windows are strongly autocorrelated."""


@dataclass(frozen=True, slots=True)
class Losses:
    """The loss in the windows of one model, in order of time, shape (windows,) each.

    Attributes:
        value: The mean loss.
        reference: That of the reference.
        standard: How far it lies from what quiet windows show, in standard deviations of a single window.
        size: Labelled predictions.
        reference_size: The reference's.
    """

    value: FloatArray
    reference: FloatArray
    standard: FloatArray
    size: FloatArray
    reference_size: FloatArray


def spread(quiet: FloatArray) -> float:
    """How much more the mean of many windows scatters than that of as many independent ones, as a factor.

    That of a first-order autoregression: Law & Kelton, Simulation Modeling and Analysis, 4.4.
    """
    if len(quiet) < 3:
        return 1.0
    centred = quiet - quiet.mean()
    square = float((centred**2).sum())
    correlation = float((centred[1:] * centred[:-1]).sum()) / square if square else 0.0
    correlation = min(max(correlation, 0.0), 0.9)
    return math.sqrt((1 + correlation) / (1 - correlation))


def beginnings(standard: FloatArray) -> IntArray:
    """The window with which the concept that holds in each window began, as known by then; 0: no change yet.

    Page and Hinkley's test in both directions (Page 1954, https://doi.org/10.1093/biomet/41.1-2.100), as in
    https://riverml.xyz/latest/api/drift/PageHinkley/; the change itself is placed where it is likeliest (Hinkley 1970,
    https://doi.org/10.1093/biomet/57.1.1).

    Args:
        standard: A series with a standard deviation of one between windows, shape (windows,).
    """
    from river.drift import PageHinkley  # noqa: PLC0415 (it takes a third of a second, and few commands need it)

    def detectors() -> list[PageHinkley]:
        return [PageHinkley(FEWEST, DELTA, THRESHOLD, 1.0, "up") for _ in range(2)]

    def fed(value: float) -> bool:
        for detector, sign in zip(pair, (1, -1), strict=True):
            detector.update(sign * value)
        return any(detector.drift_detected for detector in pair)

    begin = np.zeros(len(standard), np.int64)
    start, pair = 0, detectors()
    for position, value in enumerate(standard.tolist()):
        if fed(value):
            start += _likeliest(standard[start : position + 1])
            pair = detectors()
            for again in standard[start : position + 1].tolist():
                fed(again)
        begin[position] = start
    return begin


def _likeliest(series: FloatArray) -> int:
    """Where the mean of a series has changed, if it has once."""
    n = len(series)
    before = np.arange(1, n)
    sums = np.cumsum(series)[:-1]
    apart = sums / before - (series.sum() - sums) / (n - before)
    return int(np.argmax(np.abs(apart) * np.sqrt(before * (n - before) / n))) + 1


def concept_drift(losses: Losses, quiet: int) -> Iterator[tuple[Estimate, int | None]]:
    """The mean loss of the concept that holds in each window; that of the reference as long as no change is found.

    Args:
        losses: The series.
        quiet: How many of its first windows tell how windows scatter.

    Yields:
        For each window the estimate, and the position of the window with which the concept began; None: no change.
    """
    factor = spread(losses.standard[:quiet])
    for position, start in enumerate(beginnings(losses.standard / factor).tolist()):
        before, before_size = float(losses.reference[position]), int(losses.reference_size[position])
        nothing = Estimate(
            before,
            reference_value=before,
            sample_size=int(losses.size[position]),
            reference_size=before_size,
        )
        since = slice(start, position + 1)
        yield (_present(losses.value[since], losses.size[since], factor, nothing), start) if start else (nothing, None)


def _present(value: FloatArray, size: FloatArray, factor: float, nothing: Estimate) -> Estimate:
    """The mean loss of the windows since a change, with the interval that their scatter gives."""
    mean = float((value * size).sum() / size.sum())
    found = replace(nothing, value=mean, sample_size=int(size.sum()))
    if len(value) < 2:
        return replace(found, lower=0.0)
    error = factor * float(value.std(ddof=1)) / math.sqrt(len(value))
    lower, upper = intervals.transformed(mean, error, 0.0, math.inf, len(value))
    return replace(found, lower=lower, upper=upper)


MEASURES: tuple[Measure, ...] = (
    Measure(
        name="concept_drift",
        title="Mean loss since its last lasting change",
        family="concept",
        subject=Subject.SERIES,
        compute=concept_drift,
        needs_labels=True,
        needs_package="river",
        compare=Compare.RATIO,
        warning=0.05,
        critical=0.2,
        default=False,
        source="https://doi.org/10.1093/biomet/41.1-2.100",
    ),
)
