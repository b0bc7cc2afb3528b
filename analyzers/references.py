"""The reference: what windows are compared with, and the bins that come from it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import TYPE_CHECKING, Any

from driftline.ingest import events

from .measures import Task
from .moving import Cell, Moving
from .profiles.binning import Binning
from .profiles.choose import Fields, NoDataError, choose_binning, features_in, probability_bins, score_fields
from .profiles.history import History, Kept, Segmented
from .profiles.request import Counting
from .training import stored
from .windows import Window, complete, iso

if TYPE_CHECKING:
    from .cluster import Cluster
    from .monitors import Model
    from .profiles.history import Segment
    from .profiles.profile import Profile


@dataclass(frozen=True, slots=True)
class Reference:
    """What windows of one model are compared with.

    Attributes:
        counting: The bins, and how they are counted.
        period: The period it was learnt from; None without one, and of a training set.
        profiles: Its profile per segment, None for all predictions; empty as long as there is none.
        content: Changes whenever the reference does.
        notes: What the user should know of it, a sentence each.
        moving: How it moves, None for a fixed one.
        cells: Of a moving one, the profiles of each season, and of days off.
        seconds: Of a moving one, how much time those are of.
    """

    counting: Counting
    period: Window | None
    profiles: Segmented
    content: str
    notes: tuple[str, ...] = ()
    moving: Moving | None = None
    cells: Mapping[Cell, Segmented] = field(default_factory=dict)
    seconds: Mapping[Cell, float] = field(default_factory=dict)

    @property
    def kind(self) -> str | None:
        """As in monitors.yml; None as long as there is nothing to compare with."""
        if self.period is None:
            return "file" if self.profiles else None
        return self.moving.kind if self.moving else "fixed"

    def of(self, window: Window) -> tuple[Segmented, float]:
        """What a window is compared with, per segment, and of how many seconds that is; 0 for a training set."""
        if self.period is None:
            return self.profiles, 0.0
        if self.moving is None:
            return self.profiles, self.period.seconds
        cell = self.moving.cell(window)
        return self.cells.get(cell, {}), self.seconds.get(cell, 0.0)


def resolve(cluster: Cluster, history: History, model: Model, now: datetime) -> Reference:
    """The model's reference as the data has it now; bins once chosen stay.

    One that moves has no period yet: `moved` gives it one.

    Raises:
        NoDataError: The reference period is over and holds no predictions.
    """
    if isinstance(model.reference, Moving):
        return _of_moving(cluster, history, model, model.reference, now)
    if isinstance(model.reference, stored.TrainingSet):
        return _of_training_set(cluster, model)
    period = model.reference
    if period is not None and not complete(period, model.lateness, now):
        note = f"the reference period ends on {iso(period.end)}: until then windows are measured and not compared"
        return _without(_provisional(model), (note,), model)
    query = predictions_of(model, period)
    try:
        binning, notes = _binning(cluster, history, model, period)
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


def _of_training_set(cluster: Cluster, model: Model) -> Reference:
    """What `driftline reference` stored."""
    found = stored.find(cluster, model)
    if found is None:
        command = f"driftline reference FILE --model {model.name}"
        note = f"no training set is stored for the model as it is configured: run `{command}`"
        return _without(_provisional(model), (f"{note}; until then windows are measured and not compared",), model)
    learnt, notes = found.learnt.logged(features_in(cluster.features()))
    rows = learnt.profiles[None].predictions
    told = f"the reference is the training set of {rows:,} rows that was stored at {found.as_of}"
    counting = Counting(learnt.binning, score_fields(model, learnt.binning.classes))
    return Reference(counting, None, learnt.profiles, found.content, (told, *notes))


def _of_moving(cluster: Cluster, history: History, model: Model, moving: Moving, now: datetime) -> Reference:
    """The bins of a reference that moves: those of the first whole length of it that there is."""
    first = cluster.first(predictions_of(model, None))
    if first is None:
        return _without(_provisional(model), (), model)
    start = first.replace(hour=0, minute=0, second=0, microsecond=0)
    period = Window(start, start + moving.length)
    if not complete(period, model.lateness, now):
        note = f"there is a reference from {iso(period.end)} on: until then windows are measured and not compared"
        return _without(_provisional(model), (note,), model)
    binning, notes = _binning(cluster, history, model, period)
    return replace(_without(binning, notes, model), moving=moving)


def moved(history: History, model: Model, frame: Reference, period: Window) -> Reference:
    """The reference of a period, as the sum of its stored windows.

    Args:
        history: The stored windows.
        model: The model.
        frame: What `resolve` gave for a reference that moves.
        period: Where it has moved to.
    """
    moving = frame.moving
    assert moving is not None
    days_off = moving.days_off(period)
    cells: dict[Cell, dict[Segment, Profile]] = {}
    seconds: dict[Cell, float] = {}
    last: datetime | None = None
    for counted in history.windows(model.window.text, period, frame.counting.binning):
        for cell in moving.cells(counted.window, days_off):
            if counted.window.start != last:  # several versions may share a window
                seconds[cell] = seconds.get(cell, 0.0) + counted.window.seconds
            total = cells.setdefault(cell, {})
            for segment, profile in counted.profiles.items():
                total[segment] = total[segment] + profile if segment in total else profile
        last = counted.window.start
    return replace(frame, period=period, profiles=cells.get((False, None), {}), cells=cells, seconds=seconds)


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
    return Binning(scores={str(model.positive_class): probability_bins()} if model.task is Task.BINARY else {})


def _binning(
    cluster: Cluster, history: History, model: Model, period: Window | None
) -> tuple[Binning, tuple[str, ...]]:
    fields, notes = _fields(cluster, model)
    key = repr((model.task, model.positive_class, model.features))
    # Bins once chosen stay, also when older predictions come in and the first whole length is another.
    kept_for = period
    if isinstance(model.reference, Moving):
        key, kept_for = f"{key}/{replace(model.reference, holidays=())}", None
    kept = history.binning(kept_for, key)
    if kept is None:
        kept = choose_binning(cluster.count_predictions, model, predictions_of(model, period), fields)
        history.keep_binning(kept_for, key, kept)
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


__all__ = ["Kept", "NoDataError", "Reference", "moved", "predictions_of", "resolve"]
