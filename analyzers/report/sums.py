"""Stored profiles of a period and of its reference, each added up."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import reduce
from itertools import islice
from operator import add
from typing import TYPE_CHECKING, Any

from ..profiles.binning import Binning
from ..profiles.history import stored_query
from ..profiles.profile import Profile
from ..profiles.store import from_document
from ..training.stored import KIND as TRAINING
from ..windows import Window

if TYPE_CHECKING:
    from ..alerts.records import Document
    from ..cluster import Cluster

MOST_WINDOWS = 100
"""Windows that are added up; of a longer period, the first ones."""


@dataclass(frozen=True, slots=True)
class Part:
    """Which predictions of a model are added up.

    Attributes:
        model: Name of the model.
        version: Version; None for all.
        size: Size of the windows.
        segment: Segment name and value; None for all predictions.
    """

    model: str
    version: str | None
    size: str
    segment: tuple[str, str] | None = None

    def windows(self, period: Window, bins: str | None = None) -> dict[str, Any]:
        """The query of its windows that begin in a period, counted in these bins; None: in any."""
        found = stored_query(
            self.model,
            "window",
            size=self.size,
            version=self.version,
            period=period,
            binning=bins,
            whole=self.segment is None,
        )
        return self._narrowed(found)

    def kept(self, kind: str, bins: str, **terms: str) -> dict[str, Any]:
        """The query of what else is kept in these bins, a reference or a training set."""
        return self._narrowed(stored_query(self.model, kind, binning=bins, whole=self.segment is None), **terms)

    def _narrowed(self, found: dict[str, Any], **terms: str) -> dict[str, Any]:
        if self.segment is not None:
            terms |= {"segment.name": self.segment[0], "segment.value": self.segment[1]}
        found["bool"]["filter"] += [{"term": {name: value}} for name, value in terms.items()]
        return found


@dataclass(frozen=True, slots=True)
class Sums:
    """What windows add up to, and what they are compared with.

    Attributes:
        binning: The bins of both.
        current: The sum of the windows.
        period: From the first of these to the last.
        reference: The reference; None where it is not stored in these bins.
    """

    binning: Binning
    current: Profile
    period: Window
    reference: Profile | None


def sums(cluster: Cluster, part: Part, period: Window, reference: Mapping[str, str] | None) -> Sums | None:
    """Add up the windows of a period, and those of the reference.

    Args:
        cluster: Where the profiles are.
        part: Which predictions.
        period: When the windows begin.
        reference: As metrics tell it: `kind`, `start` and `end`; None for none.

    Returns:
        None where no profiles are stored.
    """
    found = _read(cluster, part.windows(period))
    if not found:
        return None
    # Profiles add only within one binning: after a change of the bins, those in which the last window was counted.
    version = found[-1]["binning"]["version"]
    binning = _binning(cluster, part, version)
    if binning is None:
        return None
    same = [document for document in found if document["binning"]["version"] == version]
    windows = [Window.from_document(document["window"]) for document in same]
    bounds = Window(min(window.start for window in windows), max(window.end for window in windows))
    before = _sum(_reference(cluster, part, version, reference), binning) if reference else None
    current = _sum(same, binning)
    assert current is not None
    return Sums(binning, current, bounds, before)


def _reference(cluster: Cluster, part: Part, version: str, told: Mapping[str, str]) -> Sequence[Document]:
    if told["kind"] == "file":
        return _read(cluster, part.kept(TRAINING, version))
    if told["kind"] == "fixed":
        bounds = {f"window.{name}": told[name] for name in ("start", "end")}
        return _read(cluster, part.kept("reference", version, **bounds))
    # One that moves is a sum of windows, and is not stored as such.
    return _read(cluster, part.windows(Window.from_document(told), version))


def _binning(cluster: Cluster, part: Part, version: str) -> Binning | None:
    for kind in ("binning", TRAINING):
        for hit in cluster.stored(stored_query(part.model, kind, binning=version, whole=True), ["binning"]):
            return Binning.from_document(hit["_source"]["binning"]["content"])
    return None


def _read(cluster: Cluster, wanted: Mapping[str, Any]) -> list[Document]:
    hits: Iterator[Any] = cluster.stored(wanted, ["window", "binning.version", "profile"])
    return [hit["_source"] for hit in islice(hits, MOST_WINDOWS)]


def _sum(documents: Sequence[Document], binning: Binning) -> Profile | None:
    profiles = [from_document(document["profile"], binning) for document in documents]
    return reduce(add, profiles) if profiles else None
