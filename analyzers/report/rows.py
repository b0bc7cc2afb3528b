"""The tables of a page: metrics, segments, predictions, and what was told. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from ..alerts.output import SHORT, loss, what
from ..alerts.records import Document, Incident
from .figures import change_rows, verdict
from .found import Line
from .parts import Cell, Table
from .words import interval, metric_name, minute, moment, number, plain, share, title, window_name


def metrics(found: Sequence[Mapping[str, Any]], more: int) -> Table:
    """The metrics of an incident, each in its worst window."""
    rest = f" The {len(found)} to look at first; there are {more:,} more." if more else ""
    return Table.of(
        "metrics-table",
        f"Each metric in its worst window, the one that explains the others first.{rest}",
        ("metric", "#value", "#95 % interval", "#reference", "#limit", "#samples", "verdict", "worst window", "since",
         "#latest", "what happened"),
        [_metric(metric) for metric in found],
    )  # fmt: skip


def _metric(metric: Mapping[str, Any]) -> Sequence[str | Cell]:
    latest = metric.get("latest", {})
    return (
        metric_name(metric),
        number(metric.get("value")),
        interval(metric),
        number(metric.get("reference_value")),
        number(metric.get("threshold")),
        f"{metric.get('sample_size', 0):,}",
        verdict(metric["status"]),
        window_name(metric["window"]),
        minute(metric.get("since", "")),
        number(latest.get("value")),
        Cell(metric.get("cause", {}).get("text", ""), "text"),
    )


def segments(affected: Sequence[Mapping[str, Any]]) -> Table:
    """The segments in which the metric is wrong."""
    return Table.of(
        "segments-table",
        "Segments in which it is wrong, in its worst window",
        ("segment", "#predictions", "#share of all", "measure", "#value", "#reference", "verdict"),
        [
            (
                f"{part['segment']['name']}={part['segment']['value']}",
                "" if part.get("predictions") is None else f"{part['predictions']:,}",
                share(part.get("share")),
                title(part["measure"]),
                number(part.get("value")),
                number(part.get("reference_value")),
                verdict(part["status"]),
            )
            for part in affected
        ],
    )


def predictions(exemplars: Sequence[Document], ordinary: Sequence[Document], first: Sequence[str]) -> Table:
    """Exemplars, each above the ordinary prediction beside it; what none of the ordinary ones has is marked.

    Args:
        exemplars: Those that moved the metric most.
        ordinary: Others like them; `beside` names the exemplar.
        first: Features to show first.
    """
    rows = [*exemplars, *ordinary]
    there = dict.fromkeys(name for row in rows for name in row.get("features", {}))
    names = [*(name for name in dict.fromkeys(first) if name in there), *(name for name in there if name not in first)]
    columns = ("prediction", "is", "made", "predicted", "#score", "outcome", "#loss", "error", *names)
    beside = {row.get("beside"): row for row in ordinary}
    told = []
    for row in exemplars:
        told.append(_prediction(row, "moved it", names, ordinary))
        if row["id"] in beside:
            told.append(_prediction(beside[row["id"]], "ordinary", names, ()))
    caption = (
        "Each prediction that moved the metric most, above an ordinary one like it. Marked: what no ordinary one has."
    )
    return Table.of("predictions-table", caption, columns, told)


def _prediction(row: Document, what: str, names: Sequence[str], others: Sequence[Document]) -> Sequence[str | Cell]:
    features = row.get("features", {})
    return (
        row["id"],
        what,
        minute(row["@timestamp"]),
        plain(row.get("predicted")),
        number(row.get("score")),
        plain(row.get("outcome")),
        number(row.get("loss")),
        plain(row.get("error")),
        *(_feature(features.get(name), [other.get("features", {}).get(name) for other in others]) for name in names),
    )


def _feature(value: Any, others: Sequence[Any]) -> Cell:
    text = "missing" if value is None else plain(value)
    return Cell(text, "number" if isinstance(value, int | float) else "", bool(others) and stands_out(value, others))


def stands_out(value: Any, others: Sequence[Any]) -> bool:
    """Whether none of the others is like a value: the same text, as missing, or a number on either side of it."""
    numbers = [other for other in others if isinstance(other, int | float)]
    if isinstance(value, int | float) and numbers:
        return not min(numbers) <= value <= max(numbers)
    return value not in others


def changes(found: Sequence[Document]) -> Table:
    """What changed, the nearest to the onset first."""
    return Table.of("changes-table", "What changed, the nearest to the onset first", ("when", "what", "kind"),
                    change_rows(found))  # fmt: skip


def told(notices: Iterable[Document], deliveries: Iterable[Document]) -> Table:
    """What was said of an incident, and over which channels it went."""
    channels: dict[str, list[str]] = {}
    for document in deliveries:
        found = document["delivery"]
        channels.setdefault(document["notice"]["id"], []).append(f"{found['channel']} ({found['state']})")
    rows = [
        (minute(one["decided"]), one["telling"].replace("_", " "), one["severity"], one.get("state", ""),
         ", ".join(sorted(channels.get(one["id"], ()))))
        for one in (document["notice"] for document in notices)
    ]  # fmt: skip
    return Table.of("told-table", "What was told, and over which channels",
                    ("when", "telling", "severity", "notice", "channels"), rows)  # fmt: skip


def said(documents: Iterable[Document]) -> Table:
    """What people said of an incident."""
    rows = [(minute(document["@timestamp"]), document["user"]["name"], *_said(document)) for document in documents]
    return Table.of("said-table", "What people said", ("when", "who", "what", "note"), rows)


def _said(document: Document) -> tuple[str, str]:
    if "feedback" in document:
        return f"it was {document['feedback']['verdict']}", document["feedback"].get("note", "")
    return "looks after it", document["acknowledgement"].get("note", "")


def incidents(found: Iterable[Incident]) -> Table:
    """The incidents of a period."""
    return Table.of(
        "incidents-table",
        "Incidents that were on in the period",
        ("incident", "severity", "state", "since", "until", "#alerts", "loss a day", "id"),
        [
            (
                what(one),
                Cell(one.severity, one.severity),
                one.state,
                moment(one.since),
                moment(one.until),
                f"{sum(one.alerts.values()):,}",
                loss(one.impact),
                one.id[:SHORT],
            )
            for one in found
        ],
    )


def measures(lines: Sequence[Line]) -> Table:
    """The measures of the whole model over a period."""
    return Table.of(
        "measures-table",
        "Measures of the whole model, the last window and the verdicts on all",
        ("measure", "version", "#last value", "#95 % interval", "#reference", "#windows", "#warning", "#critical",
         "#too few samples"),
        list(_measures(lines)),
    )  # fmt: skip


def _measures(lines: Sequence[Line]) -> Iterator[Sequence[str]]:
    for line in lines:
        last = line.windows[-1]["metric"]
        statuses = [document["metric"]["status"] for document in line.windows]
        counts = [statuses.count(status) for status in ("warning", "critical", "insufficient_data")]
        yield (
            title(line.series.measure),
            line.series.version,
            number(last.get("value")),
            interval(last),
            number(last.get("reference_value")),
            str(len(statuses)),
            *(str(count or "") for count in counts),
        )
