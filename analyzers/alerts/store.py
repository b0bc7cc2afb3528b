"""What alerting reads and writes: the metrics of series, and the documents of `driftline-alerts`."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

import orjson

from ..firing import Alarm, Level
from ..windows import Window, iso
from . import documents, impact
from .lifecycle import Seen
from .notices import SUPPRESSED, Saying
from .records import Alert, Document, Incident, Series, State
from .silences import Silence, of_silence, to_silence

if TYPE_CHECKING:
    from ..cluster import Cluster

AT_ONCE = 2_000
"""Documents in one bulk write, or ids in one query."""


@dataclass(frozen=True, slots=True)
class Store:
    """The alerts of one model.

    Attributes:
        cluster: Where they are.
        model: Name of the model.
    """

    cluster: Cluster
    model: str

    def alerts(self, since: datetime) -> list[Alert]:
        """Those that are not over, those that were over at or after a time, and all others of incidents that are on."""
        alive = {"bool": {"must_not": {"term": {"alert.state": State.RESOLVED.value}}}}
        recent = {"range": {"alert.until": {"gte": iso(since)}}}
        found = {a.id: a for a in self._alerts({"bool": {"should": [alive, recent]}})}
        incidents = sorted({alert.incident for alert in found.values() if alert.incident is not None})
        for some in _parts(incidents):
            found |= {a.id: a for a in self._alerts({"terms": {"alert.incident": list(some)}})}
        return list(found.values())

    def _alerts(self, query: Mapping[str, Any]) -> Iterator[Alert]:
        return map(documents.to_alert, self._documents(documents.ALERT, query))

    def incidents(self, identities: Iterable[str]) -> dict[str, Incident]:
        """Incidents by their ids."""
        found: dict[str, Incident] = {}
        for some in _parts(sorted(set(identities))):
            query = {"terms": {"incident.id": list(some)}}
            found |= {i.id: i for i in map(documents.to_incident, self._documents(documents.INCIDENT, query))}
        return found

    def notices(self, identities: Iterable[str]) -> dict[str, list[Mapping[str, Any]]]:
        """What was said of incidents, per incident."""
        found: dict[str, list[Mapping[str, Any]]] = {}
        for some in _parts(sorted(set(identities))):
            query = {"terms": {"notice.incident": list(some)}}
            for document in self._documents(documents.NOTICE, query, excluded=("notice.document",)):
                found.setdefault(document["notice"]["incident"], []).append(document["notice"])
        return found

    def acknowledged(self, identities: Iterable[str]) -> set[str]:
        """Those of the incidents that somebody looks after."""
        found: set[str] = set()
        for some in _parts(sorted(set(identities))):
            query = {"terms": {"acknowledgement.incident": list(some)}}
            stored = self._documents(documents.ACKNOWLEDGEMENT, query)
            found |= {document["acknowledgement"]["incident"] for document in stored}
        return found

    def silences(self, now: datetime) -> list[Silence]:
        """Those that are on, of whatever model."""
        query = {"range": {"silence.ends": {"gt": iso(now)}}}
        found = self.cluster.alerting(documents.SILENCE, query)
        return [silence for silence in map(to_silence, found) if silence.is_on(now)]

    def _documents(self, dataset: str, query: Mapping[str, Any], excluded: Sequence[str] = ()) -> Iterator[Document]:
        of_model = {"bool": {"filter": [{"term": {"model.name": self.model}}, query]}}
        return self.cluster.alerting(dataset, of_model, excluded)

    # Metrics

    def series(self, size: str, start: datetime, known: Iterable[Series]) -> dict[Series, list[Seen]]:
        """The windows of the series that raise alarms from a time on, or are known to have, in order of time."""
        raised = {"terms": {"metric.alarm": [Alarm.PENDING.value, Alarm.FIRING.value]}}
        names = ("model", "window.size", "metric.name", "feature.name", "segment")
        concerned = set(known) | {Series.of(hit["_source"]) for hit in self._metrics(size, start, [raised], names)}
        if not concerned:
            return {}
        found: dict[Series, list[Seen]] = {}
        measures = {"terms": {"metric.name": sorted({series.measure for series in concerned})}}
        for hit in self._metrics(size, start, [measures, _of(concerned)]):
            document = hit["_source"]
            if (series := Series.of(document)) in concerned:
                found.setdefault(series, []).append(_seen(document))
        return found

    def costs(self, version: str, size: str, period: Window) -> list[list[Document]]:
        """Per window the metrics that tell what an incident costs."""
        filters: list[dict[str, Any]] = [
            {"term": {"model.version": version}},
            {"terms": {"metric.name": list(impact.MEASURES)}},
            {"range": {"window.start": {"lt": iso(period.end)}}},
            {"bool": {"must_not": [{"exists": {"field": "segment.name"}}, {"exists": {"field": "feature.name"}}]}},
        ]
        found: dict[str, list[Document]] = {}
        for hit in self._metrics(size, period.start, filters):
            found.setdefault(hit["_source"]["window"]["start"], []).append(hit["_source"])
        return list(found.values())

    def last_throughput(self, size: str) -> Document | None:
        """The last metric of how many predictions a second the model made."""
        terms = {"model.name": self.model, "window.size": size, "metric.name": "throughput"}
        query = {
            "bool": {
                "filter": [{"term": {name: value}} for name, value in terms.items()],
                "must_not": {"exists": {"field": "segment.name"}},
            }
        }
        body = {"size": 1, "query": query, "sort": [{"window.start": "desc"}]}
        hits = self.cluster.search(self.cluster.streams.metrics, body)["hits"]["hits"]
        return hits[0]["_source"] if hits else None

    def _metrics(
        self, size: str, start: datetime, filters: Sequence[Mapping[str, Any]], source: Sequence[str] = ("*",)
    ) -> Iterator[Mapping[str, Any]]:
        terms = [{"term": {"model.name": self.model}}, {"term": {"window.size": size}}]
        from_start = {"range": {"window.start": {"gte": iso(start)}}}
        return self.cluster.metrics({"bool": {"filter": [*terms, from_start, *filters]}}, source)

    # Writing

    def write(self, sayings: Iterable[Saying], changed: Iterable[Document], gone: Iterable[str]) -> None:
        """Store what was decided: notices first, so that no state is stored of which nobody is told."""
        self.cluster.create([line for saying in sayings for line in _created(self._index, of_saying(saying))])
        deleted = [orjson.dumps({"delete": {"_index": self._index, "_id": identity}}) for identity in gone]
        for some in _parts([_indexed(self._index, document) for document in changed]):
            self.cluster.write([line for pair in some for line in pair])
        self.cluster.write(deleted)
        self.cluster.refresh(self._index)

    @property
    def _index(self) -> str:
        return self.cluster.streams.alerts


def of_saying(saying: Saying) -> dict[str, Any]:
    """A notice as stored, with the silence that it is about or that keeps it back."""
    document = documents.of_notice(saying.notice)
    if saying.silence is not None:
        document["notice"]["silence"] = saying.silence
    if saying.suppressed:
        document["notice"]["state"] = SUPPRESSED
    return document


def save_silence(cluster: Cluster, silence: Silence) -> None:
    """Store a silence, or what became of it."""
    cluster.write(list(_indexed(cluster.streams.alerts, of_silence(silence))))
    cluster.refresh(cluster.streams.alerts)


def _seen(document: Document) -> Seen:
    metric = document["metric"]
    level, alarm = Level(metric.get("level", Level.UNKNOWN)), Alarm(metric.get("alarm", Alarm.NONE))
    return Seen(Window.from_document(document["window"]), level, alarm, document)


def _of(series: Iterable[Series]) -> dict[str, Any]:
    features = {one.feature for one in series}
    named: list[dict[str, Any]] = [{"terms": {"feature.name": sorted(name for name in features if name is not None)}}]
    whole = [{"bool": {"must_not": {"exists": {"field": "feature.name"}}}}] if None in features else []
    return {"bool": {"should": [*named, *whole]}}


def _parts(items: Sequence[Any]) -> Iterator[Sequence[Any]]:
    for start in range(0, len(items), AT_ONCE):
        yield items[start : start + AT_ONCE]


def _indexed(index: str, document: Document) -> tuple[bytes, bytes]:
    return orjson.dumps({"index": {"_index": index, "_id": document["event"]["id"]}}), orjson.dumps(document)


def _created(index: str, document: Document) -> tuple[bytes, bytes]:
    return orjson.dumps({"create": {"_index": index, "_id": document["event"]["id"]}}), orjson.dumps(document)
