"""Run the measures that apply to a profile."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from driftline.ingest.events import Task

from ..profiles.binning import Binning
from ..profiles.profile import Profile
from .distributions import distributions
from .measure import Distribution, Measure, Measurement, ModelView, Subject


def measure_all(
    current: ModelView, reference: ModelView | None, binning: Binning, measures: Sequence[Measure]
) -> Iterator[Measurement]:
    """Everything that the measures find in a window.

    Args:
        current: The window.
        reference: What it is compared with, None for nothing.
        binning: The bins of both.
        measures: What to measure; those of another task are passed over.
    """
    wanted = [measure for measure in measures if current.task in measure.tasks]
    for measure in wanted:
        if measure.subject is Subject.MODEL and _possible(measure, current.profile, binning):
            yield Measurement(measure.name, measure.compute(current, reference))  # type: ignore[arg-type]
    before = dict(distributions(reference.profile, binning, reference.task)) if reference else {}
    for name, distribution in distributions(current.profile, binning, current.task):
        for measure in wanted:
            if _applies(measure.subject, distribution) and (before or not measure.needs_reference):
                found = measure.compute(distribution, before.get(name))  # type: ignore[arg-type]
                yield Measurement(measure.name, found, feature=name)


def _applies(subject: Subject, distribution: Distribution) -> bool:
    numeric = distribution.fine is not None
    return subject is Subject.DISTRIBUTION or subject is (Subject.NUMERIC if numeric else Subject.CATEGORICAL)


def _possible(measure: Measure, profile: Profile, binning: Binning) -> bool:
    """Whether the model gives what the measure needs at all: scores, for one, may never be logged."""
    if measure.name in ("roc_auc", "average_precision"):
        return bool(binning.scores)
    if measure.name.startswith("latency"):
        return bool(profile.duration.sum()) or not profile.predictions
    return True


__all__ = ["ModelView", "Task", "measure_all"]
