"""How each objective stands now: read from the monitoring index."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from ..measures import Status
from ..measures.objective import BURN, LEFT
from .setting import EVERY_VERSION
from .verdicts import length

if TYPE_CHECKING:
    from ..cluster import Cluster

    Source = Mapping[str, Any]

PAGE_OF_OBJECTIVES = 1_000


class State(StrEnum):
    """How an objective stands."""

    PAGE = "page"  # its budget burns so fast that somebody is called
    TICKET = "ticket"  # it burns too fast to last
    SPENT = "spent"  # more was bad in the period than is allowed
    OK = "ok"
    UNKNOWN = "unknown"  # nothing was counted yet


@dataclass(frozen=True, slots=True)
class Standing:
    """How one objective stands.

    Attributes:
        model: Name of the model.
        objective: Its name.
        of: What it is about.
        target: Share of the events that must be good.
        period: Length of the rolling period.
        achieved: Share that was good in it, None where nothing was counted.
        lower: Lower end of its 95 % interval.
        upper: Upper end.
        events: Events in the period.
        left: Share of the error budget that is left; below 0: more was used than there was.
        burn_rates: Burn rates over each pair of windows, as stored.
        state: How it stands.
        until: End of the last window that counts, ISO 8601.
    """

    model: str
    objective: str
    of: str
    target: float
    period: str
    achieved: float | None
    lower: float | None
    upper: float | None
    events: int
    left: float | None
    burn_rates: Sequence[Source]
    state: State
    until: str

    def to_document(self) -> dict[str, Any]:
        """As machines read it."""
        return {name: value for name, value in asdict(self).items() if value is not None}

    def burning(self) -> str:
        """The burn rates over the long windows, for people."""
        return ", ".join(f"{rate['long_rate']:.3g} in {length(rate['long'])}" for rate in self.burn_rates)


def standings(cluster: Cluster, model: str | None) -> Iterator[Standing]:
    """How the objectives of one model stand, or of all: as of the last window that tells."""
    filters: list[Source] = [{"term": {"model.version": EVERY_VERSION}}, {"terms": {"metric.name": [BURN, LEFT]}}]
    if model is not None:
        filters.append({"term": {"model.name": model}})
    sources = [{name: {"terms": {"field": name}}} for name in ("model.name", "feature.name")]
    last = {"last": {"top_hits": {"size": 1, "sort": [{"window.start": "desc"}]}}}
    known = {"exists": {"field": "metric.value"}}
    found = {
        name: {"filter": {"bool": {"filter": [{"term": {"metric.name": name}}, known]}}, "aggs": last}
        for name in (BURN, LEFT)
    }
    composite: dict[str, Any] = {"size": PAGE_OF_OBJECTIVES, "sources": sources}
    while True:
        aggregation = {"objectives": {"composite": composite, "aggs": {**found, **last}}}
        body = {"size": 0, "query": {"bool": {"filter": filters}}, "aggs": aggregation}
        answer = cluster.search(cluster.streams.metrics, body).get("aggregations", {"objectives": {"buckets": []}})
        for bucket in answer["objectives"]["buckets"]:
            yield standing(_first(bucket["last"]), _first(bucket[LEFT]["last"]), _first(bucket[BURN]["last"]))
        if "after_key" not in answer["objectives"]:
            return
        composite = {**composite, "after": answer["objectives"]["after_key"]}


def _first(found: Source) -> Source:
    hits = found["hits"]["hits"]
    source: Source = hits[0]["_source"] if hits else {}
    return source


def standing(last: Source, left: Source, burn: Source) -> Standing:
    """How an objective stands. Pure.

    Args:
        last: Its last metric.
        left: The last one that tells what is left of its budget; empty where none does.
        burn: The same of its burn rate.
    """
    promise, budget = (left or last)["objective"], left.get("metric", {})
    # The budget left is a share of good events on another scale.
    achieved, lower, upper = (
        1 - (1 - budget[name]) * (1 - promise["target"]) if name in budget else None
        for name in ("value", "lower", "upper")
    )
    return Standing(
        model=last["model"]["name"],
        objective=promise["name"],
        of=promise["of"],
        target=promise["target"],
        period=promise["period"],
        achieved=achieved,
        lower=lower,
        upper=upper,
        events=budget.get("sample_size", 0),
        left=budget.get("value"),
        burn_rates=burn.get("objective", {}).get("burn_rates", ()),
        state=_state(budget.get("value"), burn.get("metric", {}).get("status")),
        until=(burn or left or last)["window"]["end"],
    )


def _state(left: float | None, status: str | None) -> State:
    if status in (Status.CRITICAL, Status.WARNING):
        return State.PAGE if status == Status.CRITICAL else State.TICKET
    if left is None:
        return State.UNKNOWN
    return State.SPENT if left < 0 else State.OK
