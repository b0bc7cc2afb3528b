"""What trouble costs: loss a prediction, beyond that of the reference, times predictions a day. Pure.

Whom an incident calls follows from that, not from how large a statistic is: a feature may drift far and cost nothing.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ..measures import Status, Task
from ..measures.intervals import Z
from ..settings import Node
from .records import Basis, Document, Impact, Severity

_Metrics = Mapping[str, Mapping[str, Any]]
_Change = tuple[float, float]
DAY = 86_400.0
PREDICTIONS = "predictions"
PAGE, TICKET = 0.02, 0.005
"""Where monitors.yml names no floors: of all predictions, the share that went wrong beyond the reference."""
MEASURES = (
    "throughput", "error_rate", "base_rate", "accuracy", "recall", "specificity", "mae",
    "estimated_accuracy", "estimated_recall", "estimated_specificity",
)  # fmt: skip
"""The metrics that it is worked out from: of all predictions, in the windows of an incident."""


@dataclass(frozen=True, slots=True)
class Costs:
    """What wrong and failed predictions cost, and from which loss a day on people are called.

    Attributes:
        error: Cost of one that is wrong (of a regression: of one unit of absolute error), or failed.
        false_positive: Cost of a false positive; None: `error`.
        false_negative: Cost of a false negative; None: `error`.
        unit: What costs are counted in.
        page: Loss a day from which on it is a page; None: 2 % of all predictions go wrong beyond the reference.
        ticket: The same of a ticket; None: 0.5 %.
    """

    error: float = 1.0
    false_positive: float | None = None
    false_negative: float | None = None
    unit: str = PREDICTIONS
    page: float | None = None
    ticket: float | None = None

    @classmethod
    def parse(cls, node: Node | None, task: Task) -> Costs:
        """`impact` of a model in monitors.yml.

        Raises:
            ConfigError: Something in it is not allowed.
        """
        if node is None:
            return cls()
        by_class = ("false_positive", "false_negative")
        node.keys({"error", "unit", "page", "ticket", *by_class})
        for name in by_class:
            if task is not Task.BINARY and (wrong := node.get(name)) is not None:
                wrong.refuse("nothing: only a binary model has false positives and negatives; `error` is the cost")
        given = {
            name: found.number(low=0) for name in ("error", "page", "ticket", *by_class) if (found := node.get(name))
        }
        unit = node.get("unit")
        costs = cls(**given, unit=unit.text() if unit else PREDICTIONS)
        if costs.page is not None and costs.ticket is not None and costs.page < costs.ticket:
            node["page"].refuse(f"a number from {costs.ticket:g} on, since a page is worse than a ticket")
        return costs

    def severity(self, impact: Impact | None) -> Severity:
        """Whom it calls. What is not known to cost anything wakes nobody."""
        if impact is None:
            return Severity.DIGEST
        for severity, floor, share in (
            (Severity.PAGE, self.page, PAGE),
            (Severity.TICKET, self.ticket, TICKET),
        ):
            if impact.at_least >= (floor if floor is not None else share * self.error * impact.predictions) > 0:
                return severity
        return Severity.DIGEST


def impact(task: Task, costs: Costs, windows: Iterable[Sequence[Document]]) -> Impact | None:
    """What an incident costs a day: the mean of the windows in which it was on; None where nothing tells.

    Args:
        task: What kind of answer the model gives.
        costs: What wrong and failed predictions cost.
        windows: Per window its metrics of all predictions, those of `MEASURES` among them.
    """
    found = [told for window in windows if (told := _of_window(task, costs, _by_name(window))) is not None]
    if not found:
        return None
    loss = sum(told.share * told.predictions for told in found) / len(found)
    predictions = sum(told.predictions for told in found) / len(found)
    error = math.hypot(*(told.error * told.predictions for told in found)) / len(found)
    basis = max(found, key=lambda told: told.share * told.predictions).basis
    share = loss / predictions if predictions else 0.0
    return Impact(max(0.0, loss), max(0.0, loss - Z * error), costs.unit, max(0.0, share), predictions, basis)


@dataclass(frozen=True, slots=True)
class _Loss:
    """Loss a prediction of one window, its standard error, predictions a day, and how it is known."""

    share: float
    error: float
    predictions: float
    basis: Basis


def _by_name(window: Sequence[Document]) -> _Metrics:
    return {document["metric"]["name"]: document["metric"] for document in window}


def _of_window(task: Task, costs: Costs, found: _Metrics) -> _Loss | None:
    """All that is told of a window, added up."""
    traffic = found.get("throughput", {})
    predictions = float(traffic.get("value") or 0.0) * DAY
    expected = float(traffic.get("reference_value") or 0.0) * DAY
    if traffic.get("status") in (Status.WARNING, Status.CRITICAL) and expected > predictions:
        # What was not predicted was lost, as if it had failed.
        return _Loss(costs.error * (expected - predictions) / expected, 0.0, expected, Basis.COUNTED)
    failed = _change(found.get("error_rate"))
    wrong, basis = _wrong(task, costs, found)
    told = [(costs.error * failed[0], costs.error * failed[1])] if failed else []
    told += [wrong] if wrong else []
    if not told:
        return None
    share, error = sum(part for part, _ in told), math.hypot(*(error for _, error in told))
    return _Loss(share, error, predictions, basis if wrong else Basis.COUNTED)


def _wrong(task: Task, costs: Costs, found: _Metrics) -> tuple[_Change | None, Basis]:
    if task is Task.REGRESSION:
        return _times(costs.error, _change(found.get("mae"))), Basis.MEASURED
    for prefix, basis in (("", Basis.MEASURED), ("estimated_", Basis.ESTIMATED)):
        plain = _times(-costs.error, _change(found.get(f"{prefix}accuracy")))
        if (loss := _by_class(costs, found, prefix) or plain) is not None:
            return loss, basis
    return None, Basis.COUNTED


def _by_class(costs: Costs, found: _Metrics, prefix: str) -> _Change | None:
    """The loss where false positives and false negatives cost differently."""
    if costs.false_positive is None and costs.false_negative is None:
        return None
    of_negative = costs.error if costs.false_negative is None else costs.false_negative
    of_positive = costs.error if costs.false_positive is None else costs.false_positive
    base = found.get("base_rate", {}).get("value")
    recall, specificity = (_change(found.get(f"{prefix}{name}")) for name in ("recall", "specificity"))
    if base is None or recall is None or specificity is None:
        return None
    weights = of_negative * base, of_positive * (1 - base)
    loss = -weights[0] * recall[0] - weights[1] * specificity[0]
    return loss, math.hypot(weights[0] * recall[1], weights[1] * specificity[1])


def _times(factor: float, change: _Change | None) -> _Change | None:
    return None if change is None else (factor * change[0], abs(factor) * change[1])


def _change(metric: Mapping[str, Any] | None) -> _Change | None:
    """How a value differs from that of the reference, and the standard error of that; None where it is not known."""
    if metric is None or metric.get("status") == Status.INSUFFICIENT:
        return None
    if metric.get("value") is None or metric.get("reference_value") is None:
        return None
    ends = metric.get("lower"), metric.get("upper")
    error = (ends[1] - ends[0]) / (2 * Z) if ends[0] is not None and ends[1] is not None else 0.0
    return metric["value"] - metric["reference_value"], error
