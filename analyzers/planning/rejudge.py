"""Stored windows, judged anew by any settings; nothing is stored."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby
from typing import TYPE_CHECKING

from .. import metrics, references
from ..causes import window as of_window
from ..grades import Book
from ..objectives.keeper import shares, summed
from ..profiles.history import History
from ..verdicts import LARGER, chunks, verdicts
from ..windows import iso
from ..yardstick import Yardstick

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from ..alerts.records import Document
    from ..cluster import Cluster
    from ..firing import Rule
    from ..monitors import Model
    from ..profiles.history import Counted
    from ..references import Reference
    from ..verdicts import Judged
    from ..windows import Window, WindowSize
    from .inject import Injection


def rules(model: Model) -> dict[str, Rule]:
    """When a series fires and clears, by size of windows."""
    return {model.window.text: model.alarm, **{size.text: LARGER for size in model.rollups}}


def documents(
    cluster: Cluster,
    model: Model,
    period: Window,
    now: datetime,
    injections: Sequence[Injection] = (),
    progress: Callable[[int], None] = lambda _: None,
) -> Iterator[Document]:
    """The metrics that the settings of a model would make of its stored windows.

    Args:
        cluster: Where the windows are.
        model: The settings.
        period: Windows that begin in it.
        now: How mature labels are counts from then.
        injections: What is put into the windows.
        progress: Called with how many windows are judged.

    Raises:
        NoDataError: The reference is over and empty.
        ValueError: An injection does not fit the model.
    """
    history = History(cluster, model.name)
    frame = references.resolve(cluster, history, model, now)
    yardstick = Yardstick(history, model, frame, now)
    judged = 0
    kept: list[Document] = []
    for size in (model.window, *model.rollups):
        windows = history.windows(size.text, period, frame.counting.binning)
        book = Book.of(())
        for _, group in groupby(windows, key=lambda window: yardstick.period(window.window)):
            for chunk in chunks(group):
                reference, by = yardstick.of(chunk[0].window, size)
                seen = [_injected(window, reference, injections) for window in chunk]
                for window, found in zip(
                    seen, verdicts(model, reference, by, seen, book, yardstick.maturity), strict=True
                ):
                    scope = _scope(model, window, size, reference, found, now)
                    yield from (metrics.document(scope, verdict) for verdict in found.verdicts)
                    if size == model.window:
                        told = shares(model, window, found.verdicts, found.ripeness)
                        kept += [metrics.document(scope, verdict) for verdict in told]
                judged += len(chunk)
                progress(judged)
    yield from _of_objectives(model, kept, period.start, now)


def _of_objectives(model: Model, kept: Sequence[Document], since: datetime, now: datetime) -> Iterator[Document]:
    """Budgets and burn rates, of all that the stored windows tell: not of freshness."""
    for objective in model.objectives:
        own = [document for document in kept if document["objective"]["name"] == objective.name]
        for scope, told in summed(model, objective, own, since, now):
            yield from (metrics.document(scope, verdict) for verdict in told)


def _injected(window: Counted, reference: Reference, injections: Iterable[Injection]) -> Counted:
    before = reference.of(window.window)[0].get(None)
    for injection in injections:
        if before is not None:
            window = injection.into(window, before, reference.counting.binning)
    return window


def _scope(
    model: Model, window: Counted, size: WindowSize, reference: Reference, judged: Judged, now: datetime
) -> metrics.Scope:
    binning = reference.counting.binning
    wanted = of_window.features(judged.verdicts, binning)
    before = reference.of(window.window)[0].get(None)
    return metrics.Scope(
        model=model.name,
        version=window.version,
        size=size.text,
        window=window.window,
        reference=reference.period,
        reference_kind=reference.kind,
        label_coverage={},
        as_of=iso(now),
        grades=judged.grades,
        maturity=judged.maturity,
        ripeness=judged.ripeness,
        weighed=judged.weighed,
        judged=iso(now),
        causes=of_window.causes(wanted, window.profiles[None], before, binning, {}) if before is not None else {},
    )
