"""Batches of events to Elasticsearch's `_bulk`, until each of them is stored or refused for good."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import orjson

from .checks import now
from .client import explain
from .counters import Counters, log
from .dead_letters import dead_letter
from .events import Source, document_id, to_json
from .streams import Streams

if TYPE_CHECKING:
    from elasticsearch import Elasticsearch

PARAMETERS = {
    "require_data_stream": "true",
    "filter_path": "errors,items.*.status,items.*.error",
    # All that the pipelines do is done here: see docs/decisions/0009-arrival-is-stamped-by-the-shipper.md.
    "pipeline": "_none",
}
HEADERS = {"accept": "application/json", "content-type": "application/x-ndjson"}
RETRYABLE = frozenset({403, 429, 502, 503, 504})
"""Statuses of a document that mean later, not never. 403: a role that lacks a right, or an index that is blocked."""
NOT_ITS_FAULT = frozenset({"index_closed_exception", "validation_exception"})
"""Errors of status 400 that mean later, too. The second: a cluster is at its limit of shards, and no stream can begin.
https://www.elastic.co/docs/deploy-manage/production-guidance/optimize-performance/size-shards"""
NO_STREAM = 404
"""No template makes the data stream yet: later, too. A plain index of the wrong types would be hard to get rid of."""
CONFLICT = 409
LONGEST_ID = 512
"""Bytes of an `_id`, above which Elasticsearch refuses the whole request."""
TOO_LARGE = 413
MALFORMED = 400
NOT_STORED = frozenset({401, 403, 404, 429})
"""Statuses of a request that surely stored nothing."""
RESENT = "resent"
"""The tag of an event that may be stored already. Ids keep it single within one backing index of a data stream; after
a rollover the analyzer looks for its double, and for that it must know which ones to look at."""


class Letter(bytes):
    """A dead letter that takes the place of an event which was refused."""

    __slots__ = ()


def encode(index: str, identity: str, source: bytes) -> bytes:
    """An event as `_bulk` takes it: what to do, and with what, a line each."""
    return b"".join((_begin(index), orjson.dumps(identity), b"}}\n", source, b"\n"))


@lru_cache(maxsize=100)
def _begin(index: str) -> bytes:
    return b'{"create":{"_index":%b,"_id":' % orjson.dumps(index)


EVENT = b'"event":{'
"""Where `event.ingested` goes. No text can hold this: in a JSON text each quotation mark is escaped."""


def stampable(source: bytes) -> bytes:
    """A document from elsewhere, as JSON that can be sent: in one line, with an `event` to say in when it arrives.

    Raises:
        ValueError: It is no such document.
    """
    if b"\n" not in source and EVENT in source and b'"ingested"' not in source:
        return source
    document = orjson.loads(source)
    if not isinstance(document, dict) or not isinstance(document.get("event"), dict) or not document["event"]:
        msg = "the document: allowed: a JSON object with `event`"
        raise ValueError(msg)
    event = {name: value for name, value in document["event"].items() if name != "ingested"}
    return orjson.dumps({**document, "event": event})


def resent(event: bytes) -> bytes:
    """The event, marked as one that may be stored already."""
    action, source = event.split(b"\n", 1)
    tag = b'{"tags":["%b"],' % RESENT.encode()
    if source.startswith(tag):
        return event
    if b'"tags":' in source:
        document = orjson.loads(source)
        tags = document.get("tags") or []
        tags = [tags] if isinstance(tags, str) else list(tags)
        marked = orjson.dumps({**document, "tags": list(dict.fromkeys([*tags, RESENT]))}) + b"\n"
    else:
        marked = tag + source[1:]
    return type(event)(action + b"\n" + marked)


class Bulk:
    """Sends batches.

    Args:
        client: To the cluster. It should not retry by itself.
        streams: Names of the data streams.
        counters: Where it is counted what became of the events.
        url: The cluster, as people are told.
        compress: Whether requests are compressed.

    Attributes:
        trouble: Why the last request failed; None when it did not.
    """

    def __init__(
        self, client: Elasticsearch, streams: Streams, counters: Counters, url: str | None, *, compress: bool
    ) -> None:
        self._client = client
        self._streams = streams
        self._counters = counters
        self._url = url
        self._compress = compress
        self.trouble: Exception | None = None

    def deliver(self, events: Sequence[bytes], *, again: bool, pause: Callable[[int], bool]) -> Sequence[bytes]:
        """Send events until each is stored, or refused and kept as a dead letter.

        Args:
            events: The events.
            again: Whether they may have been sent before.
            pause: Called after a failed attempt with the number of those before it; False gives up.

        Returns:
            Those that are left, if it was given up.
        """
        pending = [resent(event) for event in events] if again else events
        attempt = 0
        while pending and (pending := self._try(pending)):
            if not pause(attempt):
                break
            attempt += 1
        return pending

    def tell(self, document: Mapping[str, Any]) -> None:
        """Send a document that nobody misses; not tried twice."""
        from elasticsearch import ApiError, TransportError  # noqa: PLC0415 (only a process that ships needs it)

        try:
            self._request([self._encode(document)])
        except (ApiError, TransportError) as error:
            log.debug("driftline: the report is not stored: %s", explain(error, self._url))

    def _encode(self, document: Mapping[str, Any]) -> bytes:
        return encode(self._streams.of(document["event"]["dataset"]), document_id(document), to_json(document))

    def _request(self, events: Sequence[bytes]) -> Any:
        stamp = b'%b"ingested":"%b",' % (EVENT, now().encode())
        body, headers = b"".join([event.replace(EVENT, stamp, 1) for event in events]), HEADERS
        if self._compress:
            # The fastest level: it takes a tenth of the time of the default for nearly the same size.
            body, headers = zlib.compress(body, level=1, wbits=31), {**HEADERS, "content-encoding": "gzip"}
        return self._client.perform_request("POST", "/_bulk", params=PARAMETERS, headers=headers, body=body)

    def _try(self, events: Sequence[bytes]) -> Sequence[bytes]:
        """Send events once; returns what is to be sent again."""
        from elasticsearch import ApiError, TransportError  # noqa: PLC0415 (only a process that ships needs it)

        try:
            answer = self._request(events)
            errors, items = answer["errors"], answer["items"]
            if len(items) != len(events):
                msg = f"the answer: got {len(items)} items, allowed: {len(events)}"
                raise ValueError(msg)  # noqa: TRY301 (as what cannot be read raises)
        except ApiError as error:
            if _is_at_fault(error):
                return self._halves(events, error)
            return self._later(events, error, unsure=error.status_code not in NOT_STORED)
        except (TransportError, KeyError, TypeError, ValueError) as error:
            # All but the first: something between here and Elasticsearch answers in its place.
            return self._later(events, error, unsure=True)
        self.trouble = None
        if errors:
            return self._sort_out(zip(events, items, strict=True))
        self._stored(events)
        return ()

    def _halves(self, events: Sequence[bytes], error: Any) -> Sequence[bytes]:
        if len(events) == 1:
            return self._refused(events[0], {"type": "too_large_or_malformed", "reason": explain(error, self._url)})
        middle = len(events) // 2
        return [*self._try(events[:middle]), *self._try(events[middle:])]

    def _later(self, events: Sequence[bytes], error: Exception, *, unsure: bool) -> Sequence[bytes]:
        self.trouble = error
        self._counters.count(retried=len(events))
        self._counters.say("trouble", "driftline: %s; trying again", explain(error, self._url))
        return [resent(event) for event in events] if unsure else events

    def _stored(self, events: Sequence[bytes]) -> None:
        letters = [*map(type, events)].count(Letter)
        self._counters.count(sent=len(events) - letters, dead=letters)

    def _sort_out(self, results: Iterable[tuple[bytes, Mapping[str, Any]]]) -> Sequence[bytes]:
        stored: list[bytes] = []
        later: list[bytes] = []
        letters: list[bytes] = []
        reason = ""
        for event, outer in results:
            (result,) = outer.values()
            if "error" not in result:
                stored.append(event)
            elif result["status"] == CONFLICT:
                self._counters.count(**{"dead" if isinstance(event, Letter) else "duplicates": 1})
            elif result["status"] == NO_STREAM:
                reason = "has no template for its data streams: run `driftline setup`"
                later.append(event)
            elif _is_for_later(event, result):
                reason = f"takes no documents for now: {result['error'].get('reason')}"
                later.append(event)
            else:
                letters += self._refused(event, result["error"])
        self._stored(stored)
        return [*letters, *(self._later(later, RuntimeError(reason), unsure=False) if later else ())]

    def _refused(self, event: bytes, error: Mapping[str, Any]) -> Sequence[bytes]:
        """What to send instead of an event that Elasticsearch refuses: a dead letter that holds it whole."""
        reason = str(error.get("reason", error))
        if cause := error.get("caused_by"):
            reason = f"{reason}: {cause.get('reason', cause)}"
        source = event.split(b"\n", 1)[1]
        if isinstance(event, Letter):
            log.error("driftline: a dead letter is refused and lost: %s: %s", reason, source.decode().rstrip())
            self._counters.count(lost=1)
            return ()
        self._counters.say("dead", "driftline: Elasticsearch refuses a document, kept as a dead letter: %s", reason)
        document = _unmarked(orjson.loads(source))  # sent once or twice, it makes the same dead letter
        letter = dead_letter(document, reason, str(error.get("type")), Source(namespace=self._streams.namespace))
        return (Letter(self._encode(letter)),)


def _is_at_fault(error: Any) -> bool:
    """Whether some event of a request is what Elasticsearch itself cannot take, and not something in between."""
    told = isinstance(error.body, dict) and "error" in error.body
    return error.status_code == TOO_LARGE or (error.status_code == MALFORMED and told)


def _is_for_later(event: bytes, result: Mapping[str, Any]) -> bool:
    """Whether it is not the document that is at fault; a dead letter is only if it cannot be read."""
    if result["status"] in RETRYABLE or result["error"].get("type") in NOT_ITS_FAULT:
        return True
    return isinstance(event, Letter) and result["status"] != MALFORMED


def _unmarked(document: dict[str, Any]) -> dict[str, Any]:
    tags = document.get("tags")
    if not isinstance(tags, list) or RESENT not in tags:
        return document
    others = [tag for tag in tags if tag != RESENT]
    without = {name: value for name, value in document.items() if name != "tags"}
    return {**without, "tags": others} if others else without
