"""Events that are stored twice: found by the tag of those that were sent again, and the later copy deleted.

An id is single within one backing index of a data stream. When the stream rolls over between an attempt whose answer
was lost and the next one, the second goes into the new index and is stored beside the first. Shippers may only write,
and so cannot look; they tag what they send again, and this looks.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import orjson

from driftline.ingest.bulk import RESENT

if TYPE_CHECKING:
    from .cluster import Cluster

PAGE = 2_000
"""Events looked at together: a few copies of each still fit in one answer."""
UNTAG = {
    "lang": "painless",
    "source": (
        "ctx._source.tags.removeIf(tag -> tag == params.tag);"
        "if (ctx._source.tags.isEmpty()) { ctx._source.remove('tags'); }"
    ),
    "params": {"tag": RESENT},
}


def remove(cluster: Cluster) -> int:
    """Delete the doubles of events that were sent again, and take the tag from the others.

    Returns:
        How many were deleted.
    """
    streams = cluster.streams
    events = (streams.predictions, streams.outcomes, streams.changes, streams.deadletter)
    cluster.refresh(*events)
    removed = 0
    for stream in cluster.tagged_streams(events, RESENT):
        while page := cluster.tagged(stream, RESENT, PAGE):
            copies = cluster.copies(stream, [hit["_id"] for hit in page])
            doubles, singles = sort_out(copies)
            cluster.write([*_operations(doubles, singles)])
            cluster.refresh(stream)
            removed += len(doubles)
    return removed


def sort_out(
    copies: Iterable[Mapping[str, Any]],
) -> tuple[list[Mapping[str, Any]], list[Mapping[str, Any]]]:
    """Which copies to delete, and which to take the tag from.

    Of each id the copy that was stored first stays: it may hold an outcome by now. One without the tag
    is never deleted.
    """
    found: dict[str, list[Mapping[str, Any]]] = {}
    for copy in copies:
        found.setdefault(copy["_id"], []).append(copy)
    doubles: list[Mapping[str, Any]] = []
    singles: list[Mapping[str, Any]] = []
    for same in found.values():
        # Names of backing indices hold their date and their number, and sort by age.
        first, *others = sorted(same, key=lambda copy: (_is_tagged(copy), copy["_index"]))
        singles += [first] if _is_tagged(first) else []
        doubles += [copy for copy in others if _is_tagged(copy)]
    return doubles, singles


def _is_tagged(copy: Mapping[str, Any]) -> bool:
    return RESENT in copy["_source"].get("tags", ())


def _operations(doubles: Sequence[Mapping[str, Any]], singles: Sequence[Mapping[str, Any]]) -> Iterator[bytes]:
    for copy in doubles:
        yield orjson.dumps({"delete": {"_index": copy["_index"], "_id": copy["_id"]}})
    for copy in singles:
        yield orjson.dumps({"update": {"_index": copy["_index"], "_id": copy["_id"], "retry_on_conflict": 3}})
        yield orjson.dumps({"script": UNTAG})
