"""Which predictions moved a metric, and which are on its ordinary side, as KQL. Pure."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from driftline.ingest import events

from ...measures import Task
from ...reading.search import SORTS
from . import kuery
from .told import family

if TYPE_CHECKING:
    from ...monitors import Model
    from ..records import Document

COIN = math.log(2)
"""Log loss of a coin: a prediction above it held what came true for the less likely of two."""
_ERRORS = {"mae": 1.0, "rmse": 1.0, "mse": 0.5}
"""Measures whose value is a typical error, to this power."""
_OF_ANSWERS = ("classification", "regression", "calibration", "estimation", "fairness", "concept")
"""Families of measures that are about single answers."""
Order = Sequence[Mapping[str, Any]]


@dataclass(frozen=True, slots=True)
class Suspects:
    """Predictions that moved a metric.

    Attributes:
        what: What they are, for people.
        rows: KQL that finds them among the predictions of the metric.
        ordinary: KQL of those on the metric's ordinary side; None where there is no such side.
        order: What comes first, as Elasticsearch's `sort`.
        sort: The same as `driftline predictions --sort` calls it, None where it has no name there.
        feature: The feature that it is about.
    """

    what: str
    rows: str
    ordinary: str | None
    order: Order
    sort: str | None
    feature: str | None = None


def of_measure(document: Document, model: Model) -> Suspects | None:
    """The suspects of a metric of the whole model, or of a gap between groups; None where rows cannot tell.

    Args:
        document: The metric.
        model: Its model, which tells the positive class.
    """
    metric = document["metric"]
    name = str(metric["name"]).removeprefix("estimated_")
    before = metric.get("reference_value")
    if (found := _of_service(name, before)) is not None:
        return found
    if family(metric["name"]) not in _OF_ANSWERS:
        return None
    if model.task is Task.REGRESSION:
        return _far_off(name, before)
    positive = model.positive_class
    if positive is not None and (one_sided := _one_sided(name, positive, grew=metric.get("value", 0) > (before or 0))):
        return one_sided
    return _wrong(name, model.task)


def _of_service(name: str, before: float | None) -> Suspects | None:
    if name == "error_rate":
        failed = kuery.equals(events.EVENT_OUTCOME, "failure")
        return _by("time", "predictions that failed", failed, kuery.neither(failed))
    if name.startswith("latency") and before is not None:
        slow = kuery.above(events.EVENT_DURATION, before)
        rest = kuery.both(kuery.exists(events.EVENT_DURATION), kuery.neither(slow))
        return _by("duration", f"predictions slower than {before / 1e6:,.4g} ms", slow, rest)
    if name == "label_coverage":
        known = kuery.exists(events.OUTCOME_TIMESTAMP)
        return _by("time", "predictions without an outcome", kuery.neither(known), known)
    if name.startswith("label_delay") and before is not None:
        late = kuery.above(events.OUTCOME_DELAY, before)
        rest = kuery.both(kuery.exists(events.OUTCOME_DELAY), kuery.neither(late))
        return _by("time", f"predictions whose outcome took more than {before:,.4g} s", late, rest)
    return None


def _far_off(name: str, before: float | None) -> Suspects:
    field = events.EVALUATION_ABSOLUTE_ERROR
    if before is None or name not in _ERRORS:
        return _by("loss", "predictions with the largest errors", kuery.exists(field), None)
    typical = float(before) ** _ERRORS[name]
    far = kuery.above(field, typical)
    rest = kuery.both(kuery.exists(field), kuery.neither(far))
    return _by("loss", f"predictions off by more than {typical:,.4g}", far, rest)


def _one_sided(name: str, positive: str, *, grew: bool) -> Suspects | None:
    """The suspects of a measure of a binary model that sees one cell, or one side, of the confusion matrix."""
    said = kuery.equals(events.PREDICTION_LABEL, positive)
    true = kuery.equals(events.OUTCOME_LABEL, positive)
    known, right = kuery.exists(events.OUTCOME_LABEL), f"{events.EVALUATION_CORRECT}: true"
    if name in ("recall", "equal_opportunity_difference"):
        missed = kuery.both(true, kuery.exists(events.PREDICTION_LABEL), kuery.neither(said))
        return _by("loss", f"{positive!r} that was not predicted, the surest first", missed, right)
    if name in ("precision", "specificity", "predictive_parity_difference"):
        blamed = kuery.both(said, known, kuery.neither(true))
        return _by("loss", f"{positive!r} that did not come true, the surest first", blamed, right)
    if name in ("prediction_rate", "demographic_parity_difference", "demographic_parity_ratio"):
        # Of a gap, the group that the positive answer is given to least is looked at.
        more = grew and name == "prediction_rate"
        rest = kuery.both(kuery.exists(events.PREDICTION_LABEL), kuery.neither(said))
        rows, others = (said, rest) if more else (rest, said)
        return _by("score", f"predictions that are {'' if more else 'not '}{positive!r}", rows, others)
    if name == "base_rate":
        rest = kuery.both(known, kuery.neither(true))
        rows, others = (true, rest) if grew else (rest, true)
        return _by("loss", f"outcomes that are {'' if grew else 'not '}{positive!r}", rows, others)
    return None


def _wrong(name: str, task: Task) -> Suspects:
    of_labels = name in ("accuracy", "balanced_accuracy", "f1", "mcc", "recall", "precision", "specificity")
    if task is Task.BINARY and not of_labels:
        field = events.EVALUATION_LOG_LOSS
        bad = kuery.above(field, COIN)
        rest = kuery.both(kuery.exists(field), kuery.neither(bad))
        return _by("loss", "predictions worse than a coin, the surest first", bad, rest)
    wrong, right = (f"{events.EVALUATION_CORRECT}: {value}" for value in ("false", "true"))
    return _by("loss", "wrong predictions, the surest first", wrong, right)


def _by(sort: str, what: str, rows: str, ordinary: str | None) -> Suspects:
    return Suspects(what, rows, ordinary, SORTS[sort], sort)
