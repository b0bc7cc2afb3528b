"""Measurements to verdicts: worth a word only if large enough, surely so, and not one of many flukes.

Three gates. The sample is at least the measure's minimum, else the verdict is `insufficient_data`. The effect passes
its practical floor even at the end of its confidence interval that lies nearer to harmless. And where there is a
test, against other quiet windows or, as long as there are none, against sampling alone, it is significant after
Benjamini-Hochberg over all tests of the window, its features and segments, so that the expected share of false ones
among those that fire is at most alpha (Benjamini & Hochberg 1995, https://doi.org/10.1111/j.2517-6161.1995.tb02031.x).
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from types import MappingProxyType

from scipy import stats

from .measures import (
    Against,
    Compare,
    Direction,
    Estimate,
    Measure,
    Measurement,
    Reason,
    Status,
    Threshold,
    Thresholds,
    Verdict,
    by_name,
)
from .quiet import Quiet, Statistics

_NOTHING: Mapping[str, Reason] = MappingProxyType({})
LOWER, LESS_SURE = 0.8, 10.0
"""A window is calm when its effect is below this part of the floor, or its q-value above so many times the level."""
SEVERE = 2.0
"""A window is severe when its effect is beyond so many critical floors and its q-value below the level's square: as
unlikely as two bad windows in a row."""


def default_threshold(measure: Measure) -> Threshold:
    """The thresholds of a measure for which monitors.yml sets none."""
    return Threshold(measure.compare, measure.direction, measure.warning, measure.critical, measure.min_samples)


def judge(
    measurements: Sequence[Measurement],
    thresholds: Thresholds,
    alpha: float,
    quiet: Quiet | None = None,
    withheld: Mapping[str, Reason] = _NOTHING,
) -> list[Verdict]:
    """The verdict on each measurement of one window, in their order.

    Args:
        measurements: All measurements of the window, of every feature and segment.
        thresholds: Per measure name; a measure that is not in it is recorded and not judged.
        alpha: False discovery rate of the window's tests.
        quiet: What quiet windows look like; without it rows count as independent draws.
        withheld: Measures that are told and not judged, and why.
    """
    judged = {name: threshold for name, threshold in thresholds.items() if name not in withheld}
    keys = [(found.measure, found.feature, found.segment) for found in measurements]
    estimates = [found.estimate for found in measurements]
    compared = quiet.compare(keys, Statistics.of(estimates)) if quiet else [None] * len(keys)
    p_values = {
        index: p_value
        for index, found in enumerate(measurements)
        if _is_tested(found, judged) and (p_value := _p_value(found.estimate, compared[index])) is not None
    }
    adjusted = stats.false_discovery_control(list(p_values.values())).tolist() if p_values else []
    q_values: dict[int, float] = dict(zip(p_values, adjusted, strict=True))
    return [
        Verdict(found, Status.INSUFFICIENT, against=compared[index], reason=withheld[found.measure])
        if found.measure in withheld
        else _verdict(found, thresholds.get(found.measure), q_values.get(index), alpha, compared[index])
        for index, found in enumerate(measurements)
    ]


def _is_tested(measurement: Measurement, thresholds: Thresholds) -> bool:
    # A floor on the value itself of a measure that is otherwise compared with the reference asks another question than
    # the test against the reference answers: there the interval alone decides.
    threshold = thresholds.get(measurement.measure)
    if threshold is None or threshold.compare is not by_name(measurement.measure).compare:
        return False
    return _lacking(measurement.estimate, threshold) is None


def _p_value(estimate: Estimate, against: Against | None) -> float | None:
    found = against.p_value if against else estimate.p_value
    return None if found is None else min(1.0, max(0.0, found))


def _verdict(
    measurement: Measurement, threshold: Threshold | None, q_value: float | None, alpha: float, against: Against | None
) -> Verdict:
    measure, estimate = by_name(measurement.measure), measurement.estimate
    if threshold is None:
        if estimate.value is None or estimate.sample_size < measure.min_samples:
            return Verdict(measurement, Status.INSUFFICIENT, against=against, reason=Reason.SAMPLES)
        return Verdict(measurement, Status.OK, against=against, calm=True)
    if (lacking := _lacking(estimate, threshold)) is not None:
        return Verdict(measurement, Status.INSUFFICIENT, against=against, reason=lacking)
    level = None if q_value is None else alpha
    significant = q_value is None or q_value < alpha
    for status, floor in ((Status.CRITICAL, threshold.critical), (Status.WARNING, threshold.warning)):
        if floor is not None and significant and passes(estimate, threshold, floor):
            severe = _is_severe(estimate, threshold, q_value, alpha)
            return Verdict(measurement, status, q_value, floor, against, level, severe=severe)
    lowest = threshold.warning if threshold.warning is not None else threshold.critical
    near = q_value is None or q_value < min(1.0, LESS_SURE * alpha)
    calm = lowest is None or not (near and passes(estimate, threshold, LOWER * lowest))
    return Verdict(measurement, Status.OK, q_value, lowest, against, level, calm=calm)


def _is_severe(estimate: Estimate, threshold: Threshold, q_value: float | None, alpha: float) -> bool:
    critical = threshold.critical
    if critical is None or q_value is None or q_value >= alpha**2:
        return False
    # A value that is to stay above its floor has no double of it to fall below.
    multiple = threshold.compare is not Compare.VALUE or threshold.direction is Direction.HIGHER
    return multiple and passes(estimate, threshold, SEVERE * critical)


def _lacking(estimate: Estimate, threshold: Threshold) -> Reason | None:
    if estimate.value is None or estimate.sample_size < threshold.min_samples:
        return Reason.SAMPLES
    compared = threshold.compare is not Compare.VALUE
    short = estimate.reference_value is None or estimate.reference_size < threshold.min_samples
    return Reason.REFERENCE if compared and short else None


def passes(estimate: Estimate, threshold: Threshold, floor: float) -> bool:
    """Whether the effect passes a floor, taken at the end of its interval that is nearer to harmless."""
    value = estimate.value if estimate.value is not None else math.nan
    lower = estimate.lower if estimate.lower is not None else value
    upper = estimate.upper if estimate.upper is not None else value
    if threshold.compare is Compare.VALUE:
        return upper < floor if threshold.direction is Direction.LOWER else lower > floor
    before = estimate.reference_value if estimate.reference_value is not None else math.nan
    worse = {
        Direction.HIGHER: lower - before,
        Direction.LOWER: before - upper,
        Direction.BOTH: max(lower - before, before - upper),
    }[threshold.direction]
    return worse > floor * (abs(before) if threshold.compare is Compare.RATIO else 1.0)
