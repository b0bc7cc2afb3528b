"""What the analyzer tells of itself: how each analysis went, and how late the streams are that it reads."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import orjson
from elasticsearch import ApiError, TransportError

from driftline.ingest import events
from driftline.ingest.client import explain
from driftline.ingest.streams import ANALYZER

from . import pipeline
from .cluster import StoreError
from .measures import Status
from .profiles.store import document_id
from .windows import parse_moment

if TYPE_CHECKING:
    from .cluster import Cluster
    from .monitors import Monitors
    from .outcomes import Joined
    from .pipeline import Progress, Summary
    from .windows import Window

    Warn = Callable[[str], None]

MICROSECOND = timedelta(microseconds=1)
PATIENCE = 10.0
"""Seconds that the record may take: nobody waits for it."""
LONGEST = 1_000
"""Characters of an error that are kept."""


class Stopped(Exception):  # noqa: N818 (a request, not an error)
    """The user asked to stop."""


@dataclass(frozen=True, slots=True)
class Done:
    """How the analysis of one model went.

    Attributes:
        model: Its name.
        start: When it began; of the first model, with the join of the outcomes of all.
        end: When it ended.
        joined: What the join did with the outcomes of all models; None when it is not that far.
        summary: What was done; None when it failed.
        error: What it failed of, or what kept it from being begun.
    """

    model: str
    start: datetime
    end: datetime
    joined: Joined | None = None
    summary: Summary | None = None
    error: Exception | None = None


@dataclass(frozen=True, slots=True)
class Arrived:
    """What has come in one stream: how many documents, the time of the newest, and when the last one came."""

    name: str
    documents: int
    newest: datetime | None
    received: datetime | None


def analyze(
    cluster: Cluster,
    monitors: Monitors,
    now: datetime,
    warn: Warn,
    *,
    period: Window | None = None,
    retry_orphans: bool = False,
    progress: Progress = pipeline.silent,
) -> tuple[Joined, list[Summary]]:
    """Analyse as `pipeline.analyze` does, and store how it went, also when it failed.

    Args:
        cluster: Where the data is and the results go.
        monitors: What to monitor.
        now: Windows that are not complete by then are left for later.
        warn: Told in a sentence that the record was not stored, which keeps nothing else from being done.
        period: Only windows that begin in it; None: all.
        retry_orphans: Whether outcomes that were set aside are tried again.
        progress: Called with the phase, how much of it is done, and how much there is.

    Raises:
        NoDataError: A reference period is over and empty.
        StoreError: Elasticsearch did not store a result.
    """
    moments = [datetime.now(UTC)]
    told: list[tuple[Joined, Summary]] = []

    def finished(joined: Joined, summary: Summary) -> None:
        told.append((joined, summary))
        moments.append(datetime.now(UTC))

    def done() -> Iterator[Done]:
        for (joined, summary), (start, end) in zip(told, pairwise(moments), strict=True):
            yield Done(summary.model, start, end, joined, summary)

    try:
        answer = pipeline.analyze(
            cluster,
            monitors,
            now,
            period=period,
            retry_orphans=retry_orphans,
            progress=progress,
            finished=finished,
        )
    except Stopped:
        raise
    except Exception as error:
        left = [model.name for model in monitors.models[len(told) :]]
        failed = [Done(name, moments[-1], datetime.now(UTC), error=error) for name in left]
        # A cluster that is away takes no record either, and that it is away is told once.
        if not isinstance(error, TransportError):
            record(cluster, [*done(), *failed], warn)
        raise
    record(cluster, [*done()], warn)
    return answer


def record(cluster: Cluster, done: Sequence[Done], warn: Warn) -> None:
    """Store how analyses went and how late the streams are; when that fails, say so and go on."""
    try:
        _store(cluster, done)
    except (ApiError, TransportError) as error:
        warn(f"how the analysis went was not stored: {explain(error, cluster.url)}")
    except StoreError as error:
        warn(f"how the analysis went was not stored: {error}")


def _store(cluster: Cluster, done: Sequence[Done]) -> None:
    quick = replace(cluster, client=cluster.client.options(max_retries=0, request_timeout=PATIENCE))
    quick.create(list(_operations(cluster.streams.analyzer, map(of_model, done))))
    now = datetime.now(UTC)
    streams = [of_stream(stream, now) for stream in arrived(quick)]
    quick.create(list(_operations(cluster.streams.analyzer, streams)))


def _operations(index: str, documents: Iterable[Mapping[str, Any]]) -> Iterator[bytes]:
    for document in documents:
        event = document["event"]
        whose = (document.get(part, {}).get("name") for part in ("model", "stream"))
        identity = document_id(event["action"], event.get("start"), document["@timestamp"], *whose)
        yield orjson.dumps({"create": {"_index": index, "_id": identity}})
        yield orjson.dumps(document)


def of_model(done: Done) -> dict[str, Any]:
    """The document of one analysis of one model."""
    event = {
        "start": _iso(done.start),
        "end": _iso(done.end),
        "duration": (done.end - done.start) // MICROSECOND * 1_000,
        "outcome": "failure" if done.error else "success",
    }
    found = _document("analysis", done.end, event) | {"model": {"name": done.model}}
    if done.error is not None:
        found["error"] = {"type": type(done.error).__name__, "message": str(done.error)[:LONGEST]}
    analyzer: dict[str, Any] = {}
    if (summary := done.summary) is not None:
        counts = {name: getattr(summary, name) for name in ("windows", "analysed", "alarms", "incidents")}
        analyzer |= {**counts, "verdicts": {status.value: summary.statuses.get(status.value, 0) for status in Status}}
        if summary.last is not None:
            analyzer["behind"] = (done.end - summary.last).total_seconds()
    if (joined := done.joined) is not None:
        analyzer["outcomes"] = {"joined": joined.joined, "waiting": joined.pending, "orphans": joined.orphans}
    return found | ({"analyzer": analyzer} if analyzer else {})


def of_stream(stream: Arrived, now: datetime) -> dict[str, Any]:
    """The document of one stream; what is not known of an empty one is left out."""
    told: dict[str, Any] = {"name": stream.name, "documents": stream.documents}
    if stream.newest is not None:
        told |= {"newest": _iso(stream.newest), "lag": (now - stream.newest).total_seconds()}
    if stream.received is not None:
        told["received"] = _iso(stream.received)
    return _document("stream", now, {}) | {"stream": told}


def arrived(cluster: Cluster) -> list[Arrived]:
    """What has come in the streams that an analysis reads, asked for in one request."""
    names = ("predictions", "outcomes", "changes")
    latest = {"newest": events.TIMESTAMP, "received": events.EVENT_INGESTED}
    aggregations = {name: {"max": {"field": field, "format": "strict_date_time"}} for name, field in latest.items()}
    body = {"size": 0, "track_total_hits": True, "aggs": aggregations}
    answers = cluster.search_each([(getattr(cluster.streams, name), body) for name in names])
    return [
        Arrived(name, answer["hits"]["total"]["value"], *(_moment(answer, key) for key in latest))
        for name, answer in zip(names, answers, strict=True)
    ]


def _moment(answer: Mapping[str, Any], name: str) -> datetime | None:
    text = answer.get("aggregations", {}).get(name, {}).get("value_as_string")
    return parse_moment(text) if text else None


def _document(action: str, at: datetime, event: Mapping[str, Any]) -> dict[str, Any]:
    return {"@timestamp": _iso(at), "event": {"dataset": ANALYZER, "kind": "metric", "action": action, **event}}


def _iso(moment: datetime) -> str:
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
