"""What counts cannot tell: the names of unseen categories and the most frequent values, asked for once per window."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from itertools import islice
from typing import TYPE_CHECKING, Any

from driftline.ingest import events

if TYPE_CHECKING:
    from ..profiles.binning import Binning

MOST = 20
"""Names or values of one feature that are asked for."""
MOST_FEATURES = 500
"""Features that are asked for; where more are not as they were, the cause is not in one of them."""
Frequent = Mapping[str, Mapping[Any, int]]
"""Counts per feature and unseen category, or value."""


def search_body(query: Mapping[str, Any], binning: Binning, features: Iterable[str]) -> dict[str, Any]:
    """The search that counts the most frequent values of numeric features and unseen categories of others."""
    aggregations = {}
    for position, name in enumerate(islice(features, MOST_FEATURES)):
        terms: dict[str, Any] = {"field": f"{events.FEATURES}.{name}", "size": MOST}
        if binning.categorical.get(name):
            terms["exclude"] = list(binning.categorical[name])
        aggregations[f"f{position}"] = {"terms": terms}
    return {"size": 0, "track_total_hits": False, "query": query, "aggs": aggregations}


def frequent(answer: Mapping[str, Any], features: Iterable[str]) -> Frequent:
    """What the answer to `search_body` tells of each feature."""
    found = answer.get("aggregations", {})
    return {
        name: {bucket["key"]: bucket["doc_count"] for bucket in found[f"f{position}"]["buckets"]}
        for position, name in enumerate(features)
        if f"f{position}" in found
    }
