"""Distributions that people look at: what features looked like in a window and in its reference, a document per bin.

Profiles are objects that no dashboard can chart, and all of their bins as documents would be many times the metrics. So
few features of a window have rows: those in alarm, and in windows of the largest size those that moved most.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np
import orjson

from driftline.ingest.events import Task

from .arrays import FloatArray, IntArray
from .causes.window import has_cause
from .measures.distributions import counted_in, distributions
from .profiles.binning import NumericBins
from .profiles.store import document_id
from .windows import iso

if TYPE_CHECKING:
    from .cluster import Cluster
    from .measures import Verdict
    from .measures.measure import Distribution
    from .monitors import Model
    from .profiles.binning import Binning
    from .profiles.history import Counted
    from .profiles.profile import Profile
    from .references import Reference
    from .windows import WindowSize

    Tables = Mapping[str, "Sequence[Row]"]
    Stored = Mapping[tuple[str, str], frozenset[str]]

MOST_FEATURES = 20
"""Features of one window that have rows."""
MOST_CATEGORIES = 20
"""Categories of a feature that have a row of their own; a numeric feature has some ten bins by how bins are chosen."""
LONGEST = 80
"""Characters of a category that are shown."""


@dataclass(frozen=True, slots=True)
class Row:
    """One bin of a feature, in a window and in what it is compared with.

    Attributes:
        bin: The bin as it is shown: its position in as many digits as the last one has, and what it holds. So the
            order of the alphabet is that of the bins, and missing values are last.
        position: Where it stands among all bins of the feature, the same in each window.
        count: Predictions in it.
        share: Share of the predictions, those without the feature included; of the score and what else is predicted, of
            those that have one.
        reference_share: The same of the reference.
    """

    bin: str
    position: int
    count: int
    share: float
    reference_share: float


def tables(
    current: Profile, reference: Profile, binning: Binning, task: Task, wanted: Collection[str] | None = None
) -> dict[str, tuple[Row, ...]]:
    """The rows of each feature, score and prediction; none of what one of the two sides has no predictions of.

    A bin that is empty on both sides has no row.

    Args:
        current: The profile of a window.
        reference: The profile that it is compared with.
        binning: The bins of both.
        task: What kind of answer the model gives.
        wanted: Only these, by the name that metrics carry in `feature.name`; None: all.
    """
    kinds = counted_in(binning, task)
    found = {}
    for name, sides in distributions([current, reference], binning, task):
        if wanted is not None and name not in wanted:
            continue
        kind = kinds[name]
        texts, counts = _of_bins(sides, kind) if isinstance(kind, NumericBins) else _of_categories(sides, kind)
        if counts.sum(axis=1).all():
            found[name] = tuple(_rows(texts, counts))
    return found


def _rows(texts: Sequence[str], counts: IntArray) -> Iterator[Row]:
    shares = counts / counts.sum(axis=1, keepdims=True)
    width = max(2, len(str(len(texts) - 1)))
    for position in np.flatnonzero(counts.any(axis=0)).tolist():
        share, before = shares[:, position].tolist()
        yield Row(f"{position:0{width}}: {texts[position]}", position, int(counts[0, position]), share, before)


def _of_bins(sides: Distribution, bins: NumericBins) -> tuple[list[str], IntArray]:
    """The coarse bins, those outside the reference's range apart."""
    assert sides.fine is not None
    starts = np.unique([0, 1, *bins.coarse.tolist(), bins.size - 1])
    cuts = numbers(bins.edges[starts[1:] - 1])
    inner = [low if low == high else f"{low} to {high}" for low, high in pairwise(cuts)]
    counts = np.column_stack([np.add.reduceat(sides.fine, starts, axis=1), sides.missing])
    return [f"below {cuts[0]}", *inner, f"above {cuts[-1]}", "missing"], counts


def numbers(cuts: FloatArray) -> list[str]:
    """Increasing numbers as texts, as short as lets them differ; neighbours among floats are one value and one text."""
    first = np.append(True, np.nextafter(cuts[:-1], np.inf) < cuts[1:])
    distinct = cuts[first].tolist()
    for digits in range(4, 18):
        texts = [f"{float(f'{cut:.{digits}g}') + 0.0:.{max(15, digits)}g}" for cut in distinct]
        if len(set(texts)) == len(texts):
            break
    return [texts[position] for position in np.cumsum(first) - 1]


def _of_categories(sides: Distribution, known: Sequence[str]) -> tuple[list[str], IntArray]:
    """The categories that are frequent on either side; the others together, and apart those the reference lacks."""
    counts = sides.counts[:, :-1]
    total = np.maximum(1, sides.counts.sum(axis=1, keepdims=True))
    most = np.argsort(-(counts / total).max(axis=0), kind="stable")[:MOST_CATEGORIES]
    shown = np.zeros(len(known), np.bool_)
    shown[most] = True
    own = np.where(shown, counts, 0)
    rest = (counts - own).sum(axis=1)
    texts = [name if len(name) <= LONGEST else f"{name[: LONGEST - 1]}…" for name in known]
    return [*texts, "other", "unseen", "missing"], np.column_stack([own, rest, sides.other, sides.missing])


def distance(rows: Iterable[Row]) -> float:
    """Share of the predictions that would have to move for a feature to be as in the reference, from 0 to 1.

    Source: https://encyclopediaofmath.org/wiki/Distance_in_variation.
    """
    return sum(abs(row.share - row.reference_share) for row in rows) / 2


def chosen(found: Tables, alarmed: Collection[str]) -> list[str]:
    """The features that get rows: those in alarm first, then by how far they moved."""
    ranked = sorted(found, key=lambda name: (name not in alarmed, -distance(found[name]), name))
    return ranked[:MOST_FEATURES]


def documents(model: str, window: Counted, size: str, found: Tables) -> Iterator[tuple[str, dict[str, Any]]]:
    """The rows of one window as stored, each with its id."""
    bounds = {"start": iso(window.window.start), "end": iso(window.window.end), "size": size}
    for name, rows in found.items():
        for row in rows:
            identity = document_id(model, window.version, size, bounds["start"], name, str(row.position))
            yield (
                identity,
                {
                    "@timestamp": bounds["start"],
                    "window": bounds,
                    "model": {"name": model, "version": window.version},
                    "feature": {"name": name},
                    "distribution": asdict(row),
                },
            )


class Distributions:
    """The rows of one model.

    Args:
        cluster: Where they are stored.
        model: The model.
        binning: The bins that its profiles are counted in.
    """

    def __init__(self, cluster: Cluster, model: Model, binning: Binning) -> None:
        self._cluster = cluster
        self._model = model
        self._binning = binning
        self._largest = model.rollups[-1] if model.rollups else model.window
        cluster.refresh(cluster.streams.distributions)

    def stored(self, windows: Sequence[Counted], size: WindowSize) -> Stored:
        """The ids of the rows that windows of one size have, by version and start."""
        terms = {"model.name": self._model.name, "window.size": size.text}
        starts = sorted({iso(window.window.start) for window in windows})
        filters = [*({"term": {name: value}} for name, value in terms.items()), {"terms": {"window.start": starts}}]
        found: dict[tuple[str, str], set[str]] = {}
        for hit in self._cluster.distributions({"bool": {"filter": filters}}, ["model.version", "window.start"]):
            source = hit["_source"]
            found.setdefault((source["model"]["version"], source["window"]["start"]), set()).add(hit["_id"])
        return {window: frozenset(ids) for window, ids in found.items()}

    def of_window(
        self, window: Counted, size: WindowSize, reference: Reference, verdicts: Iterable[Verdict], stored: Stored
    ) -> Iterator[bytes]:
        """The bulk actions that make the rows of a window what they are to be.

        What is stored and the same stays untouched; rows that no longer belong are deleted.

        Args:
            window: The window.
            size: Its size.
            reference: What it is compared with.
            verdicts: The verdicts on it.
            stored: What `stored` gave for it.
        """
        index = self._cluster.streams.distributions
        written = set()
        found = self._tables(window, size, reference, verdicts)
        for identity, body in documents(self._model.name, window, size.text, found):
            written.add(identity)
            yield orjson.dumps({"update": {"_index": index, "_id": identity, "retry_on_conflict": 3}})
            yield orjson.dumps({"doc": body, "doc_as_upsert": True})
        for identity in sorted(stored.get((window.version, iso(window.window.start)), frozenset()) - written):
            yield orjson.dumps({"delete": {"_index": index, "_id": identity}})

    def _tables(self, window: Counted, size: WindowSize, reference: Reference, verdicts: Iterable[Verdict]) -> Tables:
        alarmed = {verdict.measurement.feature or "" for verdict in verdicts if has_cause(verdict)}
        everything = size == self._largest
        current, before = window.profiles.get(None), reference.of(window.window)[0].get(None)
        if current is None or before is None or not (everything or alarmed):
            return {}
        found = tables(current, before, self._binning, self._model.task, None if everything else alarmed)
        return {name: found[name] for name in chosen(found, alarmed)}
