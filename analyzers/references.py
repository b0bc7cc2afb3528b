"""The reference: what windows are compared with, and the bins that come from it."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TYPE_CHECKING, Any

import numpy as np

from driftline.ingest import events

from .measures import Task
from .profiles.binning import SCORE_BINS, Binning, NumericBins
from .profiles.choose import Fields, NoDataError, choose_binning, features_in, score_fields
from .profiles.edges import coarsen
from .profiles.history import History, Kept, Segmented
from .profiles.request import Counting
from .windows import Window, complete, iso

if TYPE_CHECKING:
    from .cluster import Cluster
    from .monitors import Model


@dataclass(frozen=True, slots=True)
class Reference:
    """What windows of one model are compared with.

    Attributes:
        counting: The bins, and how they are counted.
        period: The period it was learnt from, None without one.
        profiles: Its profile per segment, None for all predictions; empty as long as there is none.
        content: Changes whenever the reference does.
        notes: What the user should know of it, a sentence each.
    """

    counting: Counting
    period: Window | None
    profiles: Segmented
    content: str
    notes: tuple[str, ...] = ()

    def judging(self, model: Model) -> str:
        """A digest of all that verdicts depend on beside the window's own data."""
        parts = f"{model.judging}/{self.content}/{self.counting.binning.version}"
        return hashlib.sha256(parts.encode()).hexdigest()[:16]


def resolve(cluster: Cluster, history: History, model: Model, now: datetime) -> Reference:
    """The model's reference as the data has it now; bins once chosen stay.

    Raises:
        NoDataError: The reference period is over and holds no predictions.
    """
    period = model.reference
    if period is not None and not complete(period, model.lateness, now):
        note = f"the reference period ends on {iso(period.end)}: until then windows are measured and not compared"
        return _without(_provisional(model), (note,), model)
    query = predictions_of(model, period)
    try:
        binning, notes = _binning(cluster, history, model, query)
    except NoDataError:
        if period is not None:
            raise
        return _without(_provisional(model), (), model)
    counting = Counting(binning, score_fields(model, binning.classes))
    if period is None:
        return replace(_without(binning, notes, model), counting=counting)
    content = cluster.content(query, period)
    kept = history.reference(period, binning, content.digest)
    if not kept:
        kept = history.count(query, counting, model.segments, expected={})
        history.keep_reference(period, counting, kept, content.digest)
    return Reference(counting, period, kept, content.digest, notes)


def predictions_of(model: Model, period: Window | None, version: str | None = None) -> dict[str, Any]:
    """The query of a model's predictions in a period, of one version or of all."""
    filters: list[Mapping[str, Any]] = [{"term": {events.MODEL_NAME: model.name}}]
    if version is not None:
        filters.append({"term": {events.MODEL_VERSION: version}})
    if period is not None:
        filters.append({"range": {events.TIMESTAMP: period.range()}})
    return {"bool": {"filter": filters}}


def _without(binning: Binning, notes: tuple[str, ...], model: Model) -> Reference:
    return Reference(Counting(binning, score_fields(model, binning.classes)), None, {}, "", notes)


def _provisional(model: Model) -> Binning:
    """Bins that need no data: equal ones for a probability, none for features."""
    edges = np.linspace(0.0, 1.0, SCORE_BINS - 1)
    bins = NumericBins(edges, coarsen(np.ones(SCORE_BINS, np.int64)))
    return Binning(scores={str(model.positive_class): bins} if model.task is Task.BINARY else {})


def _binning(
    cluster: Cluster, history: History, model: Model, query: Mapping[str, Any]
) -> tuple[Binning, tuple[str, ...]]:
    fields, notes = _fields(cluster, model)
    key = repr((model.task, model.positive_class, model.features))
    kept = history.binning(model.reference, key)
    if kept is None:
        kept = choose_binning(cluster.count_predictions, model, query, fields)
        history.keep_binning(model.reference, key, kept)
    return kept, notes


def _fields(cluster: Cluster, model: Model) -> tuple[Fields, tuple[str, ...]]:
    found = features_in(cluster.features())
    notes = [
        f"feature {name!r} is a number in some backing indices and text in others; it is left out until that ends"
        for name in found.mixed
    ]
    if model.features is None:
        return found, tuple(notes)
    wanted = {kind: tuple(n for n, k in model.features.items() if k == kind) for kind in ("numeric", "categorical")}
    for kind in ("numeric", "categorical"):
        there: tuple[str, ...] = getattr(found, kind)
        notes += [
            f"feature {name!r} is {kind} in monitors.yml, and no {kind} feature of that name is in the data"
            for name in wanted[kind]
            if name not in there and name not in found.mixed
        ]
    chosen = Fields(
        numeric=tuple(name for name in wanted["numeric"] if name in found.numeric),
        categorical=tuple(name for name in wanted["categorical"] if name in found.categorical),
        mixed=found.mixed,
    )
    return chosen, tuple(notes)


__all__ = ["Kept", "NoDataError", "Reference", "predictions_of", "resolve"]
