"""What raises alarms: our own pipeline from counts to incidents, and four simple rules on the same counts."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import numpy as np
from benchmarks.alerts.world import HOUR, REFERENCE, START

from driftline.analyzers import metrics
from driftline.analyzers.alerts.records import Document, Kind
from driftline.analyzers.alerts.replay import Replay, replay
from driftline.analyzers.causes import window as of_window
from driftline.analyzers.grades import Book
from driftline.analyzers.maturity import Labels, Maturity
from driftline.analyzers.monitors import Model, parse
from driftline.analyzers.profiles.binning import Binning
from driftline.analyzers.profiles.history import Counted
from driftline.analyzers.profiles.request import Counting
from driftline.analyzers.references import Reference
from driftline.analyzers.verdicts import Standard, chunks, standard, verdicts
from driftline.analyzers.windows import Window, iso

LATER = START + timedelta(days=365)
"""When all labels that come have come."""
LAST = 10
"""Windows that a rule of thumb looks back at."""
WATCHED = ("mean", "missing_rate", "accuracy", "error_rate", "latency_p95", "throughput", "label_coverage")


@dataclass(frozen=True, slots=True)
class Alarm:
    """Somebody is told of something: when, and of what kind of trouble it is said to be (None: not said)."""

    at: datetime
    kind: Kind | None = None


MODEL: Model = parse(
    f"""
models:
  - name: simulated
    task: binary
    positive_class: "yes"
    window: 1h
    labels: {{delay: 2d}}
    reference: {{start: {iso(START)}, end: {iso(START + REFERENCE * HOUR)}}}
"""
).models[0]
"""The settings: the defaults, and one false alarm a month."""
MATURITY = Maturity(Labels(delay=timedelta(days=2)), None, LATER)


class Judge:
    """What windows are judged by, learnt from those of the reference."""

    def __init__(self, before: Sequence[Counted], binning: Binning) -> None:
        total = before[0].profiles[None]
        for window in before[1:]:
            total = total + window.profiles[None]
        period = Window(START, START + REFERENCE * HOUR)
        self.reference = Reference(Counting(binning, {}), period, {None: total}, "simulated")
        self.by: Standard = standard(MODEL, self.reference, before)
        self.before = before

    def documents(self, windows: Sequence[Counted]) -> Iterator[Document]:
        """The metrics that the analyzer would store."""
        book = Book()
        # How good estimates were is known from the end of the reference on.
        for chunk in chunks([*self.before[-48:], *windows]):
            for window, found in zip(
                chunk, verdicts(MODEL, self.reference, self.by, chunk, book, MATURITY), strict=True
            ):
                if window.window.end <= START + REFERENCE * HOUR:
                    continue
                wanted = of_window.features(found.verdicts, self.reference.counting.binning)
                causes = of_window.causes(
                    wanted,
                    window.profiles[None],
                    self.reference.profiles[None],
                    self.reference.counting.binning,
                    {},
                )
                scope = metrics.Scope(
                    model=MODEL.name,
                    version=window.version,
                    size="1h",
                    window=window.window,
                    reference=self.reference.period,
                    reference_kind="fixed",
                    label_coverage={},
                    as_of=iso(LATER),
                    grades=found.grades,
                    maturity=found.maturity,
                    ripeness=found.ripeness,
                    weighed=False,
                    judged=iso(LATER),
                    causes=causes,
                )
                yield from (metrics.document(scope, verdict) for verdict in found.verdicts)


def ours(documents: Sequence[Document]) -> tuple[list[Alarm], Replay]:
    """An alarm for each incident."""
    made = replay(MODEL, documents, {"1h": MODEL.alarm})
    return [Alarm(incident.fired, incident.kind) for incident in made.incidents], made


def never(_: Sequence[Document]) -> list[Alarm]:
    """No alarm."""
    return []


def always(documents: Sequence[Document]) -> list[Alarm]:
    """An alarm with every window."""
    return [Alarm(moment) for moment in sorted({_end(document) for document in documents})]


def psi(documents: Sequence[Document]) -> list[Alarm]:
    """An alarm when a feature's, or the score's, population stability index, as counted, comes to be above 0.2."""
    return _onsets(
        {key: [(end, value > 0.2) for end, value in found] for key, found in _series(documents, ("psi",), "statistic")}
    )


def three_sigma(documents: Sequence[Document]) -> list[Alarm]:
    """An alarm when a metric comes to be three standard deviations away from the mean of its last ten windows."""
    found = {}
    for key, series in _series(documents, WATCHED, "value"):
        values = np.array([value for _, value in series])
        flags = [False] * min(LAST, len(values))
        for at in range(LAST, len(values)):
            last = values[at - LAST : at]
            flags.append(bool(abs(values[at] - last.mean()) > 3 * max(last.std(ddof=1), 1e-12)))
        found[key] = [(end, flag) for (end, _), flag in zip(series, flags, strict=True)]
    return _onsets(found)


_Key = tuple[str, str | None]


def _series(
    documents: Sequence[Document], measures: Sequence[str], field: str
) -> Iterator[tuple[_Key, list[tuple[datetime, float]]]]:
    found: dict[_Key, list[tuple[datetime, float]]] = {}
    for document in documents:
        metric = document["metric"]
        if metric["name"] in measures and metric.get(field) is not None:
            key = metric["name"], document.get("feature", {}).get("name")
            found.setdefault(key, []).append((_end(document), float(metric[field])))
    yield from found.items()


def _onsets(series: Mapping[_Key, Sequence[tuple[datetime, bool]]]) -> list[Alarm]:
    """One alarm an hour, however many series begin to be flagged in it."""
    moments = set()
    for found in series.values():
        before = False
        for end, flag in found:
            if flag and not before:
                moments.add(end)
            before = flag
    return [Alarm(moment) for moment in sorted(moments)]


def _end(document: Document) -> datetime:
    return Window.from_document(document["window"]).end


RIVALS: Mapping[str, Callable[[Sequence[Document]], list[Alarm]]] = {
    "never": never,
    "always": always,
    "PSI > 0.2": psi,
    "3 sigma of the last 10 windows": three_sigma,
}
