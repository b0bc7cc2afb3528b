"""The join: each outcome finds its prediction, whose document then tells the whole story.

The state after a join depends only on which predictions and outcomes are stored, not on the order in which they came:
a prediction's outcome is worked out from all outcomes known for it, and the last one to become known wins.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from .measures import Task
from .windows import iso, parse_moment

if TYPE_CHECKING:
    from .cluster import Cluster
    from .monitors import Model

    Progress = Callable[[int, int], None]

BATCH = 5_000
"""Outcomes joined at a time: below `index.max_result_window` and `index.max_terms_count`."""
ORPHAN_AFTER = timedelta(days=30)
"""An outcome that has waited this long for its prediction is set aside as an orphan."""
EPSILON = sys.float_info.epsilon
"""Probabilities are clipped to [EPSILON, 1 - EPSILON] before the logarithm, as scikit-learn's `log_loss` does."""


@dataclass(frozen=True, slots=True)
class Joined:
    """What one join did, in outcomes: joined, still waiting for their prediction, set aside as orphans."""

    joined: int = 0
    pending: int = 0
    orphans: int = 0

    def __add__(self, other: Joined) -> Joined:
        return Joined(self.joined + other.joined, self.pending + other.pending, self.orphans + other.orphans)


def join(
    cluster: Cluster,
    models: Sequence[Model],
    now: datetime,
    *,
    retry_orphans: bool = False,
    progress: Progress | None = None,
) -> Joined:
    """Write every waiting outcome into the document of its prediction.

    Args:
        cluster: Where predictions and outcomes are.
        models: Models whose positive class is known; predictions of others get no log loss.
        now: When it is; recorded as the time of the join.
        retry_orphans: Whether to look again at outcomes that were set aside.
        progress: Called with the outcomes seen so far and in all.
    """
    positive = {model.name: model.positive_class for model in models}
    statuses = ["pending", "orphan"] if retry_orphans else ["pending"]
    total = Joined()
    seen = 0
    cluster.refresh(cluster.streams.outcomes, cluster.streams.predictions)
    for batch, waiting in cluster.waiting_outcomes(statuses, BATCH):
        total += _join_batch(cluster, batch, positive, now)
        seen += len(batch)
        if progress:
            progress(seen, waiting)
    cluster.refresh(cluster.streams.outcomes, cluster.streams.predictions)
    return total


def _join_batch(
    cluster: Cluster, batch: Sequence[Mapping[str, Any]], positive: Mapping[str, str | None], now: datetime
) -> Joined:
    known: dict[str, list[Mapping[str, Any]]] = {}
    for hit in batch:
        known.setdefault(hit["_source"]["event"]["id"], []).append(hit["_source"])
    predictions = cluster.predictions_by_id(list(known))
    earlier = [hit["_id"] for hit in predictions if "outcome" in hit["_source"]]
    for source in cluster.joined_outcomes(earlier):
        known[source["event"]["id"]].append(source)
    failed = cluster.update(_prediction_updates(predictions, known, positive, now))
    found = {hit["_id"] for hit in predictions} - failed
    missing = set(known) - {hit["_id"] for hit in predictions}
    marks = list(_marks(batch, found, missing, now))
    cluster.update(update for update, _ in marks)
    statuses = [status for _, status in marks]
    joined, orphans = statuses.count("joined"), statuses.count("orphan")
    return Joined(joined=joined, pending=len(batch) - joined - orphans, orphans=orphans)


def _prediction_updates(
    predictions: Iterable[Mapping[str, Any]],
    known: Mapping[str, Sequence[Mapping[str, Any]]],
    positive: Mapping[str, str | None],
    now: datetime,
) -> Iterator[tuple[Mapping[str, Any], dict[str, Any]]]:
    for hit in predictions:
        source = hit["_source"]
        outcome = resolve(source, known[hit["_id"]])
        current = {name: value for name, value in source.get("outcome", {}).items() if name != "joined"}
        if outcome != current:
            evaluation = evaluate(source, outcome, positive.get(source["model"]["name"]))
            yield hit, {"outcome": {**outcome, "joined": iso(now)}, "evaluation": evaluation}


def _marks(
    batch: Iterable[Mapping[str, Any]], found: set[str], missing: set[str], now: datetime
) -> Iterator[tuple[tuple[Mapping[str, Any], dict[str, Any]], str]]:
    for hit in batch:
        event = hit["_source"]["event"]
        if event["id"] in found:
            status = "joined"
        elif event["id"] in missing and parse_moment(event["ingested"]) + ORPHAN_AFTER < now:
            status = "orphan"
        else:
            continue
        yield (hit, {"outcome": {"status": status}}), status


def resolve(prediction: Mapping[str, Any], outcomes: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    """The outcome of a prediction, of all that were reported.

    The one that became known last wins; of two at the same moment, the greater by label and value, so that the order of
    arrival never matters. `delay` is in seconds, `revision` counts the reports that differ from the first.
    """
    reports = sorted(
        {(o["@timestamp"], str(o["outcome"].get("label", "")), o["outcome"].get("value", 0.0)) for o in outcomes},
        key=lambda r: (parse_moment(r[0]), *r[1:]),
    )
    timestamp, label, value = reports[-1]
    delay = (parse_moment(timestamp) - parse_moment(prediction["@timestamp"])).total_seconds()
    actual: dict[str, Any] = {"label": label} if label else {"value": value}
    return {**actual, "timestamp": timestamp, "delay": delay, "revision": len(reports) - 1}


def evaluate(prediction: Mapping[str, Any], outcome: Mapping[str, Any], positive_class: str | None) -> dict[str, Any]:
    """How good a prediction was, as the fields of `evaluation`.

    Log loss is `-log p(actual)` (natural logarithm). The Brier score is the squared error of the probability: of the
    positive class (binary), summed over the classes (multiclass); both as scikit-learn defines them.
    Sources: https://scikit-learn.org/stable/modules/model_evaluation.html#log-loss and #brier-score-loss.
    """
    predicted = prediction.get("prediction", {})
    if "value" in outcome:
        return _regression(predicted, outcome["value"])
    actual = outcome["label"]
    found: dict[str, Any] = {}
    if "label" in predicted:
        found["correct"] = predicted["label"] == actual
    if prediction["model"].get("task") == Task.MULTICLASS and "probabilities" in predicted:
        probabilities = predicted["probabilities"]
        found["log_loss"] = _log_loss(probabilities.get(actual, 0.0))
        distances = [(p - (name == actual)) ** 2 for name, p in probabilities.items()]
        found["brier"] = math.fsum(distances) + (actual not in probabilities)
    elif "score" in predicted and positive_class is not None:
        score, hit = predicted["score"], actual == positive_class
        found["log_loss"] = _log_loss(score if hit else 1.0 - score)
        found["brier"] = (score - hit) ** 2
    return found


def _log_loss(probability: float) -> float:
    return -math.log(min(max(probability, EPSILON), 1.0 - EPSILON))


def _regression(predicted: Mapping[str, Any], actual: float) -> dict[str, Any]:
    if "value" not in predicted:
        return {}
    error = predicted["value"] - actual
    return {
        "error": error,
        "absolute_error": abs(error),
        "squared_error": error**2,
        "absolute_percentage_error": abs(error) / max(abs(actual), EPSILON),
    }
