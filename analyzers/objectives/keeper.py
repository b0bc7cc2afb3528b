"""The objectives of one model: events of each window into the monitoring index, and from there how they add up."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import numpy as np

from .. import metrics
from ..maturity import Ripeness
from ..measures.objective import GOOD
from ..verdicts import chunks
from ..windows import Window, iso, parse_moment
from . import events, verdicts
from .burn import PAIRS, Counts
from .setting import EVERY_VERSION, FRESHNESS, Objective

if TYPE_CHECKING:
    from ..cluster import Cluster
    from ..measures import Verdict
    from ..monitors import Model
    from ..profiles.history import Counted
    from ..windows import WindowSize

FIELDS = ("model.version", "window", "feature.name", "metric.value", "metric.sample_size", "metric.as_of")


class Objectives:
    """What is promised of one model, and how it is kept.

    Args:
        cluster: Where the metrics are.
        model: The model.
        now: When this is.
    """

    def __init__(self, cluster: Cluster, model: Model, now: datetime) -> None:
        self._cluster = cluster
        self._model = model
        self._now = now
        self._window = model.window.seconds
        self._analysed: dict[str, tuple[Mapping[tuple[str, str], datetime], datetime]] = {}
        self.notes = verdicts.notes(model.objectives, self._window)

    def of_window(
        self, window: Counted, size: WindowSize, told: Sequence[Verdict], ripeness: Ripeness
    ) -> Iterator[Verdict]:
        """The share of good events of one window and version, per objective.

        Args:
            window: The window.
            size: Its size; only windows of the model's own size are counted.
            told: The verdicts on it.
            ripeness: How far its labels are.
        """
        if size != self._model.window:
            return
        for objective in self._model.objectives:
            if objective.of == FRESHNESS:
                yield self._fresh(objective, window)
        yield from shares(self._model, window, told, ripeness)

    def _fresh(self, objective: Objective, window: Counted) -> Verdict:
        """Whether a window was in time when it was analysed first; later analyses of it do not count."""
        known, begun = self._analyses(objective.name)
        analysed = known.get((window.version, iso(window.window.start)), self._now)
        return verdicts.of_window(objective, events.fresh(objective, window.window, analysed, begun), iso(analysed))

    def _analyses(self, name: str) -> tuple[Mapping[tuple[str, str], datetime], datetime]:
        """When windows were analysed first, as far as an objective of freshness has told of it; and the earliest."""
        if name not in self._analysed:
            fields = ("model.version", "window.start", "metric.since")
            sources = (hit["_source"] for hit in self._cluster.metrics(self._query([name]), fields))
            known = {
                (source["model"]["version"], source["window"]["start"]): parse_moment(source["metric"]["since"])
                for source in sources
            }
            self._analysed[name] = known, min(known.values(), default=self._now)
        return self._analysed[name]

    def update(self, since: datetime) -> list[Verdict]:
        """Write the budgets and burn rates of the windows from one on, of all versions of the model together.

        They are worked out from the stored shares, so that a window that is restated restates what rests on it.

        Args:
            since: The first window whose events have changed.

        Returns:
            The verdicts that were written.
        """
        written: list[Verdict] = []
        if not self._model.objectives:
            return written
        self._cluster.refresh(self._cluster.streams.metrics)
        for objective in self._model.objectives:
            reach = max(objective.seconds, *(pair.long for pair in PAIRS)) + self._window
            query = self._query([objective.name], since - timedelta(seconds=reach))
            sources = [hit["_source"] for hit in self._cluster.metrics(query, FIELDS)]
            found = summed(self._model, objective, sources, since, self._now)
            for some in chunks(found):
                operations = [
                    line
                    for scope, told in some
                    for line in metrics.operations(self._cluster.streams.metrics, scope, told)
                ]
                self._cluster.write(operations)
                written += [verdict for _, told in some for verdict in told]
        return written

    def _query(self, names: Sequence[str], since: datetime | None = None) -> dict[str, Any]:
        filters: list[dict[str, Any]] = [
            {"term": {"model.name": self._model.name}},
            {"term": {"window.size": self._model.window.text}},
            {"term": {"metric.name": GOOD}},
            {"terms": {"feature.name": list(names)}},
        ]
        if since is not None:
            filters.append({"range": {"window.start": {"gte": iso(since)}}})
        return {"bool": {"filter": filters}}


def shares(model: Model, window: Counted, told: Sequence[Verdict], ripeness: Ripeness) -> Iterator[Verdict]:
    """The share of good events of one window and version, per objective but those of freshness. Pure.

    Args:
        model: The model.
        window: The window.
        told: The verdicts on it.
        ripeness: How far its labels are.
    """
    for objective in model.objectives:
        if objective.bound is not None:
            yield verdicts.of_window(objective, events.kept(objective, told, ripeness))
        elif objective.of != FRESHNESS and None in window.profiles:
            yield verdicts.of_window(objective, events.counted(objective, window.profiles[None], ripeness))


def summed(
    model: Model, objective: Objective, sources: Sequence[Mapping[str, Any]], since: datetime, now: datetime
) -> Iterator[tuple[metrics.Scope, list[Verdict]]]:
    """What the shares of windows add up to, of all versions together. Pure.

    Args:
        model: The model.
        objective: One of its objectives.
        sources: The metrics of its shares, in order of time.
        since: The first window that is told.
        now: When this is.
    """
    windows, as_of, counts = added_up(sources)
    first = sum(window.start < since for window in windows)
    for at, told in verdicts.of_series(objective, counts, model.window.seconds, first):
        yield _scope(model, windows[at], as_of[at], now), told


def _scope(model: Model, window: Window, as_of: str, now: datetime) -> metrics.Scope:
    return metrics.Scope(
        model=model.name,
        version=EVERY_VERSION,
        size=model.window.text,
        window=window,
        reference=None,
        reference_kind=None,
        label_coverage={},
        as_of=as_of,
        grades={},
        maturity=None,
        ripeness=Ripeness.COMPLETE,
        weighed=False,
        judged=iso(now),
    )


def added_up(sources: Sequence[Mapping[str, Any]]) -> tuple[list[Window], list[str], Counts]:
    """The events of each window, those of all versions together. Pure.

    Args:
        sources: Stored shares of one objective, in order of time.

    Returns:
        The windows, when the last of their data came, and their events.
    """
    sums: dict[str, list[int]] = {}
    known: dict[str, Mapping[str, Any]] = {}
    as_of: dict[str, str] = {}
    for source in sources:
        start, metric = source["window"]["start"], source["metric"]
        total = int(metric.get("sample_size", 0))
        # A share of so many is a whole number of them.
        good = round(metric.get("value", 0.0) * total)
        both = sums.setdefault(start, [0, 0])
        both[0] += good
        both[1] += total
        known[start] = source["window"]
        as_of[start] = max(as_of.get(start, ""), metric["as_of"])
    windows = [Window.from_document(known[start]) for start in sums]
    found = np.array(list(sums.values()), np.int64).reshape(-1, 2)
    starts = np.array([window.start.timestamp() for window in windows], np.float64)
    return windows, [as_of[start] for start in sums], Counts(starts, found[:, 0], found[:, 1])
