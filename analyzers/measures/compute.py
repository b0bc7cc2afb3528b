"""Run the measures that apply, over as many windows at once as are at hand."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, cast

import numpy as np

from ..profiles.binning import Binning
from ..profiles.profile import Profile
from .distributions import distributions
from .measure import Distribution, Estimates, Measure, ModelView, Subject
from .verdict import Measurement

if TYPE_CHECKING:
    from .measure import AttributeFunction, DistributionFunction, ModelFunction


def measure_windows(
    currents: Sequence[ModelView], references: Sequence[ModelView] | None, binning: Binning, measures: Sequence[Measure]
) -> Iterator[tuple[str, str | None, Estimates]]:
    """Everything that the measures find in some windows of one model.

    Args:
        currents: The windows, one at least.
        references: What each is compared with, or one for all of them; None for nothing.
        binning: The bins of both.
        measures: What to measure; those of another task are passed over.

    Yields:
        Name of the measure, feature (None: of the whole model), estimates of shape (windows,).
    """
    task = currents[0].task
    wanted = [measure for measure in measures if task in measure.tasks]
    others = [None] * len(currents) if references is None else _each(references, len(currents))
    for measure in wanted:
        if measure.subject is not Subject.MODEL or (measure.needs_reference and references is None):
            continue
        if any(_possible(measure, view.profile, binning) for view in currents):
            pairs = zip(currents, (_like(measure, other) for other in others), strict=True)
            compute = cast("ModelFunction", measure.compute)
            yield measure.name, None, Estimates.joined([compute(view, other) for view, other in pairs])
    before = {}
    if references is not None:
        before = dict(distributions([view.profile for view in references], binning, task))
    for name, distribution in distributions([view.profile for view in currents], binning, task):
        for measure in wanted:
            if _applies(measure.subject, distribution) and (before or not measure.needs_reference):
                yield measure.name, name, _found(measure, distribution, before.get(name))


def measure_attribute(
    attribute: str,
    groups: Mapping[str, ModelView],
    references: Mapping[str, ModelView],
    minimum: int,
    measures: Sequence[Measure],
) -> Iterator[Measurement]:
    """How far the groups of one protected attribute lie apart in one window.

    Args:
        attribute: Its name.
        groups: The window's view of each group.
        references: The reference's.
        minimum: Predictions that a group must have to take part.
        measures: What to measure; those of something else are passed over.
    """
    for measure in measures:
        if measure.subject is Subject.ATTRIBUTE:
            gap = cast("AttributeFunction", measure.compute)(groups, references, minimum)
            yield Measurement(measure.name, gap.estimate, attribute, groups=gap.groups)


def _found(measure: Measure, current: Distribution, reference: Distribution | None) -> Estimates:
    # An empty side makes shares of nothing, which come out as not defined.
    with np.errstate(divide="ignore", invalid="ignore"):
        return cast("DistributionFunction", measure.compute)(current, reference)


def _each(views: Sequence[ModelView], count: int) -> Sequence[ModelView]:
    return list(views) * count if len(views) == 1 else views


def _like(measure: Measure, reference: ModelView | None) -> ModelView | None:
    """What a measure is compared with; a training set was never served, and says nothing of how a service does."""
    timeless = reference is not None and not reference.seconds
    return None if timeless and measure.family == "service" else reference


def _applies(subject: Subject, distribution: Distribution) -> bool:
    numeric = distribution.fine is not None
    return subject is Subject.DISTRIBUTION or subject is (Subject.NUMERIC if numeric else Subject.CATEGORICAL)


def _possible(measure: Measure, profile: Profile, binning: Binning) -> bool:
    """Whether the model gives what the measure needs at all: scores, for one, may never be logged."""
    if measure.family in ("calibration", "estimation") or measure.name in ("roc_auc", "average_precision"):
        return bool(binning.scores)
    if measure.name.startswith("latency"):
        return bool(profile.duration.sum()) or not profile.predictions
    return True
