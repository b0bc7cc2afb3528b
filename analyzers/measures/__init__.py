"""The measures: one explicit table. Adding one is one function and one line in its family's table."""

from __future__ import annotations

from driftline.ingest.events import Task

from . import (
    alerting,
    calibration,
    classification,
    concept,
    drift,
    estimation,
    fairness,
    joint,
    objective,
    quality,
    regression,
    service,
)
from .measure import (
    Compare,
    Direction,
    Distribution,
    Estimate,
    Estimates,
    Gap,
    Groups,
    Measure,
    ModelView,
    MomentArrays,
    Scatter,
    Subject,
)
from .verdict import Against, Measurement, Reason, Status, Threshold, Thresholds, Verdict

MEASURES: tuple[Measure, ...] = (
    *classification.MEASURES,
    *regression.MEASURES,
    *calibration.MEASURES,
    *estimation.MEASURES,
    *fairness.MEASURES,
    *concept.MEASURES,
    *joint.MEASURES,
    *drift.MEASURES,
    *quality.MEASURES,
    *service.MEASURES,
    *objective.MEASURES,
    *alerting.MEASURES,
)

_BY_NAME = {measure.name: measure for measure in MEASURES}


def by_name(name: str) -> Measure:
    """The measure of this name.

    Raises:
        KeyError: There is none; the text lists those there are.
    """
    try:
        return _BY_NAME[name]
    except KeyError:
        msg = f"unknown measure {name!r}, allowed: {', '.join(sorted(_BY_NAME))}"
        raise KeyError(msg) from None


__all__ = [
    "MEASURES",
    "Against",
    "Compare",
    "Direction",
    "Distribution",
    "Estimate",
    "Estimates",
    "Gap",
    "Groups",
    "Measure",
    "Measurement",
    "ModelView",
    "MomentArrays",
    "Reason",
    "Scatter",
    "Status",
    "Subject",
    "Task",
    "Threshold",
    "Thresholds",
    "Verdict",
    "by_name",
]
