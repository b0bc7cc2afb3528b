"""The straight line of the evidence on one incident: metrics, who, what is fine, changes, cause, rows, links."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, cast

from driftline.ingest import events

from ...profiles.request import CROSS
from ...windows import Window, WindowSize, iso
from . import affected as who
from . import cause, checked, gained, kuery, links, rows, suspects, told
from . import changes as changed
from .counted import feature_of, shape
from .shape import MOST, MOST_NAMES, Affected, Evidence, Touched

if TYPE_CHECKING:
    from ...cluster import Cluster
    from ...monitors import Model
    from ..records import Alert, Document, Incident
    from .shape import Links

    _Shown = list[dict[str, Any]]
    _Found = tuple[rows.Behind | None, Touched | None, _Shown, _Shown]

BEFORE = 3
"""Windows before the onset in which changes are looked for."""
TRIED = 3
"""Alerts that are tried, in their order, until one is found whose rows can be told."""


def gather(
    cluster: Cluster, model: Model, incident: Incident, alerts: Sequence[Alert], now: datetime
) -> dict[str, Any]:
    """All that is found on an incident, as plain JSON in the form of `Evidence`.

    It costs some ten searches, whatever the traffic, and changes nothing.

    Args:
        cluster: Where the data is; the metrics must have been refreshed.
        model: The model, as it is monitored.
        incident: The incident; with the evidence that was gathered on it before, if there is some.
        alerts: Its alerts, one at least.
        now: When this is.
    """
    return dict(_Gathering(cluster, model, incident, told.ordered(alerts, incident.parent, model), now).evidence())


def kept(found: Evidence, before: Mapping[str, Any]) -> Evidence:
    """Evidence without rows, with those that were found before: they may have been deleted since. Pure.

    Args:
        found: What is found now.
        before: The evidence that the incident has; empty for none.
    """
    told_before = {name: before[name] for name in ("touched", "exemplars", "ordinary") if name in before}
    return cast("Evidence", {**found, **told_before})


@dataclass(frozen=True, slots=True)
class _Gathering:
    cluster: Cluster
    model: Model
    incident: Incident
    alerts: Sequence[Alert]
    now: datetime

    @property
    def parent(self) -> Alert:
        return self.alerts[0]

    def evidence(self) -> Evidence:
        period = self._period(self.parent)
        affected, sentence = self._affected()
        fine = self._checked(period)
        changes = self._changes(period)
        behind, touched, exemplars, ordinary = self._rows(period)
        found: Evidence = {
            "window": {"start": iso(period.start), "end": iso(period.end)},
            "metrics": told.told(self.alerts),
            "more_metrics": max(0, len(self.alerts) - MOST),
            "affected": affected,
            "who": sentence,
            "checked": list(fine.fine[:MOST_NAMES]),
            "more_checked": max(0, len(fine.fine) - MOST_NAMES),
            "unjudged": fine.unjudged,
            "changes": changes,
            "cause": cause.likely(self.parent, self.alerts, changes),
            "exemplars": exemplars,
            "ordinary": ordinary,
            "links": self._links(period, behind),
            "commands": self._commands(period, behind, exemplars),
        }
        if touched is not None:
            found["touched"] = touched
        return found if exemplars else kept(found, self.incident.evidence)

    def _period(self, alert: Alert) -> Window:
        """From the first bad window of an alert to its last."""
        wrong = {"terms": {"metric.status": list(who.WRONG)}}
        query = who.series_query(alert.series, Window(alert.since, alert.until or self.now), wrong)
        if (segment := alert.series.segment) is None:
            query["bool"]["must_not"] = [*query["bool"]["must_not"], {"exists": {"field": "segment.name"}}]
        else:
            parts = zip(("segment.name", "segment.value"), segment, strict=True)
            query["bool"]["filter"] += [{"term": {name: value}} for name, value in parts]
        found = [Window.from_document(hit["_source"]["window"]) for hit in self.cluster.metrics(query, ["window"])]
        found.append(Window.from_document(alert.peak["window"]))
        return Window(min(window.start for window in found), max(window.end for window in found))

    def _affected(self) -> tuple[list[Affected], str]:
        series = self.parent.series
        if series.segment is not None:
            return [], who.who([], series.segment, 0)
        window = Window.from_document(self.parent.peak["window"])
        profiles = self.cluster.stored(who.sizes_query(series, window), ["segment", "profile.predictions"])
        counts = who.sizes(hit["_source"] for hit in profiles)
        if "groups" in self.parent.peak["metric"]:
            return who.between(series, self.parent.peak, counts)
        query = who.segments_query(series, window)
        metrics: list[Document] = [hit["_source"] for hit in self.cluster.metrics(query, who.FIELDS)]
        found = who.affected(metrics, counts, self.model)
        return found, who.who(found, None, sum(m["metric"]["status"] != "insufficient_data" for m in metrics))

    def _checked(self, period: Window) -> checked.Checked:
        body = checked.search_body(self.parent.series, period, self.model.thresholds)
        return checked.checked(self.cluster.search(self.cluster.streams.metrics, body))

    def _changes(self, period: Window) -> list[dict[str, Any]]:
        size = WindowSize(self.parent.series.size)
        until = max(period.end, self.incident.until or self.now)
        around = Window(size.before(self.parent.since, BEFORE), until)
        streams = self.cluster.streams
        logged = self.cluster.search(streams.changes, changed.logged_body(self.model.name, around))
        body = changed.versions_body(self.model.name, self.model.window.text)
        versions = changed.first_seen(self.cluster.search(streams.profiles, body))
        documents = [hit["_source"] for hit in logged["hits"]["hits"]]
        return changed.changes(documents, versions, self.parent.since, around)

    def _rows(self, period: Window) -> _Found:
        """The rows behind the first alert of which rows can be told."""
        for alert in self.alerts[:TRIED]:
            of_it = period if alert is self.parent else self._period(alert)
            behind = self._behind(alert, of_it)
            if behind is None:
                continue
            found, total = self.cluster.search_many(self.cluster.streams.predictions, rows.exemplar_bodies(behind))
            if exemplars := found["hits"]["hits"]:
                touched = rows.touched(behind, found["hits"]["total"]["value"], total["hits"]["total"]["value"])
                return behind, touched, *self._beside(behind, exemplars)
        return None, None, [], []

    def _behind(self, alert: Alert, period: Window) -> rows.Behind | None:
        feature = feature_of(alert)
        if feature is None:
            found = suspects.of_measure(alert.peak, self.model)
        else:
            counted = shape(self.cluster, self.model, alert, feature, self.now)
            found = gained.suspects(alert.series.measure, counted) if counted else None
        if found is None:
            return None
        groups = alert.peak["metric"].get("groups")
        group = (str(alert.series.feature), str(groups["lowest"])) if groups else None
        simple = [name for name in self.model.segments if CROSS not in name]
        scope, size = rows.scope(alert.series, group), WindowSize(alert.series.size)
        return rows.Behind(alert.series.measure, scope, found, period, size, simple)

    def _beside(self, behind: rows.Behind, exemplars: Sequence[Document]) -> tuple[_Shown, _Shown]:
        pairs: dict[str, Document] = {}
        # Where all of a window is touched, ordinary ones are those of the window before the onset.
        onset = behind.period.start
        for period in (None, Window(behind.size.before(onset, 1), onset)):
            alone = [hit for hit in exemplars if hit["_id"] not in pairs]
            bodies = rows.ordinary_bodies(behind, alone, period)
            answers = self.cluster.search_many(self.cluster.streams.predictions, bodies)
            pairs = rows.paired(alone, [answer["hits"]["hits"] for answer in answers], pairs)
        first = [name for name in (behind.suspects.feature, *self._features()) if name]
        ordinary = [rows.shown(pairs[hit["_id"]], first, hit) for hit in exemplars if hit["_id"] in pairs]
        return [rows.shown(hit, first) for hit in exemplars], ordinary

    def _features(self) -> Iterator[str]:
        """The features that alerts are about."""
        yield from (alert.series.feature for alert in self.alerts if alert.series.feature)

    def _links(self, period: Window, behind: rows.Behind | None) -> Links:
        streams = self.cluster.streams
        query, of_rows = self._query(period, behind)
        indices = (streams.namespace, streams.metrics)
        return links.links(self.model.places, self.incident.kind, self.parent.series, of_rows, indices, query)

    def _commands(self, period: Window, behind: rows.Behind | None, exemplars: _Shown) -> list[str]:
        series, namespace = self.parent.series, self.cluster.streams.namespace
        query, of_rows = self._query(period, behind)
        whole = Window(WindowSize(series.size).before(period.start, BEFORE), period.end)
        sort = behind.suspects.sort if behind else None
        found = [
            links.predictions_command(query, of_rows, namespace, sort),
            links.metrics_command(series, whole, namespace),
        ]
        if exemplars:
            one = kuery.equals(events.EVENT_ID, exemplars[0]["id"])
            found.append(links.predictions_command(one, None, namespace))
        return found

    def _query(self, period: Window, behind: rows.Behind | None) -> tuple[str, Window]:
        """The predictions to look at, as KQL, and their period."""
        return (behind.kql, behind.period) if behind else (rows.scope(self.parent.series), period)
