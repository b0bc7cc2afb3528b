"""What happened, as the monitoring index tells it: nothing here is worked out from the flights themselves."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from rich.console import Console
from rich.table import Table

from driftline.analyzers.alerts import people
from driftline.analyzers.alerts.records import Incident, Severity
from driftline.analyzers.cluster import Cluster
from driftline.analyzers.firing import Alarm
from driftline.analyzers.measures import Direction, Status, by_name
from driftline.analyzers.reading import search
from driftline.analyzers.reading.kql import all_of
from driftline.analyzers.reading.output import number
from driftline.analyzers.windows import parse_moment
from driftline.ingest import events

from .model import NAME

Metrics = Sequence[Mapping[str, Any]]
QUALITY = ("precision", "recall", "roc_auc", "log_loss", "base_rate", "prediction_rate")
ACCOUNT = ("roc_auc", "precision", "recall", "log_loss")
COLOURS = {"critical": "bold red", "warning": "yellow"}
YEAR_ENDS = datetime(2014, 1, 1, tzinfo=UTC)
"""Months from here on are left out: 88 flights of New Year's Eve left after midnight UTC, and tell of no month."""
MOST_DRIFTED = 8
WORST_DAYS = 8
MOST_ALARMS = 12
WORST_PREDICTIONS = 3


def tell(cluster: Cluster, console: Console) -> None:
    """Print the account."""
    whole = search.Filter(model=NAME, feature="", segment=())
    months = list(search.metrics(cluster, replace(whole, size="month", until=YEAR_ENDS)))
    days = list(search.metrics(cluster, replace(whole, size="1d")))
    console.print(_quality(months))
    for line in _account(months):
        console.print(line, highlight=False)
    console.print(_coverage(days), highlight=False)
    of_features = search.Filter(model=NAME, size="month", segment=(), until=YEAR_ENDS)
    distances = search.metrics(cluster, replace(of_features, measure="jensen_shannon"))
    shifts = search.metrics(cluster, replace(of_features, measure="wasserstein"))
    console.print(_drift(list(distances), list(shifts)))
    missing = replace(whole, feature=None, size="1d", measure="missing_rate", status="critical")
    for line in _gone(search.metrics(cluster, missing)):
        console.print(line, highlight=False)
    alarms = list(search.metrics(cluster, replace(whole, feature=None, until=YEAR_ENDS, alarm=Alarm.FIRING)))
    console.print(_fired(metric for metric in alarms if not _of_groups(metric)))
    for line in _unequal(filter(_of_groups, alarms)):
        console.print(line, highlight=False)
    _worst_day(cluster, days, console)
    _next(cluster.streams.namespace, console)


def _quality(months: Metrics) -> Table:
    title = "How good the model was, month by month"
    table = Table("month", *QUALITY, "outcomes", title=title, title_justify="left", caption_justify="left")
    by_month: dict[str, dict[str, Mapping[str, Any]]] = {}
    for metric in months:
        by_month.setdefault(metric["window"]["start"][:7], {})[metric["metric"]["name"]] = metric["metric"]
    for month, found in by_month.items():
        cells = [_cell(found.get(name, {})) for name in QUALITY]
        table.add_row(month, *cells, f"{found.get('log_loss', {}).get('sample_size', 0):,}")
    table.caption = (
        "Yellow: warning. Red: critical, against January and February, whose scores come from models that had not seen "
        "the day (cross-validation)."
    )
    return table


def _cell(metric: Mapping[str, Any]) -> str:
    text = number(metric.get("value"))
    colour = COLOURS.get(metric.get("status", ""))
    return f"[{colour}]{text}[/]" if colour else text


def _account(months: Metrics) -> Iterable[str]:
    """One sentence a measure: what it was, how bad it became and when, and in which months that was worth a word."""
    for name in ACCOUNT:
        found = [
            m for m in months if m["metric"]["name"] == name and {"value", "reference_value"} <= m["metric"].keys()
        ]
        if not found:
            continue
        lower_is_worse = by_name(name).direction is Direction.LOWER
        worst = min(found, key=_value) if lower_is_worse else max(found, key=_value)
        wrong = [f"{_month(m):%B}" for m in found if m["metric"]["status"] in search.WRONG]
        yield (
            f"{by_name(name).title} was {number(worst['metric']['reference_value'])} in the reference and "
            f"{number(_value(worst))} at its worst, in {_month(worst):%B}; "
            f"{f'worse than it should be in {_listed(wrong)}' if wrong else 'never worse than it should be'}."
        )


def _month(metric: Mapping[str, Any]) -> datetime:
    return parse_moment(metric["window"]["start"])


def _listed(names: Sequence[str]) -> str:
    return " and ".join(filter(None, (", ".join(names[:-1]), names[-1])))


def _coverage(days: Metrics) -> str:
    counted = [m["metric"] for m in days if m["metric"]["name"] == "label_coverage" and "value" in m["metric"]]
    made = sum(metric["sample_size"] for metric in counted)
    known = sum(round(metric["value"] * metric["sample_size"]) for metric in counted)
    share = known / made if made else 0.0
    return (
        f"{made:,} predictions, {known:,} outcomes ({share:.1%}): "
        "the other flights were cancelled or diverted, so their outcome never came.\n"
    )


def _drift(distances: Metrics, shifts: Metrics) -> Table:
    """The features whose distribution went furthest from the reference in a month."""
    table = Table(
        "feature", "distance", "in", "critical", "shift", title="What drifted most", title_justify="left",
        caption_justify="left",
    )  # fmt: skip
    peaks, shifted = _peaks(distances), _peaks(shifts)
    for name in sorted(peaks, key=lambda name: -_value(peaks[name]))[:MOST_DRIFTED]:
        months = [m for m in distances if m["feature"]["name"] == name]
        critical = sum(m["metric"]["status"] == Status.CRITICAL for m in months)
        shift = f"{_value(shifted[name]):.2f} sd in {_month(shifted[name]):%B}" if name in shifted else ""
        table.add_row(
            name, number(_value(peaks[name])), f"{_month(peaks[name]):%B}", f"{critical} of {len(months)} months", shift
        )
    table.caption = (
        "Distance: Jensen-Shannon, from 0 (the same) to 1. Shift: Wasserstein, in standard deviations of the reference."
    )
    return table


def _peaks(metrics: Metrics) -> dict[str, Mapping[str, Any]]:
    """The furthest that each feature went."""
    peaks: dict[str, Mapping[str, Any]] = {}
    for metric in metrics:
        if metric["metric"]["status"] != Status.INSUFFICIENT:
            name = metric["feature"]["name"]
            peaks[name] = max(peaks.get(name, metric), metric, key=_value)
    return peaks


def _value(metric: Mapping[str, Any]) -> float:
    return float(metric["metric"]["value"])


def _gone(missing: Iterable[Mapping[str, Any]]) -> Iterable[str]:
    """The days on which features were missing altogether, and which."""
    by_day: dict[str, list[str]] = {}
    for metric in missing:
        if _value(metric) == 1:
            by_day.setdefault(metric["window"]["start"][:10], []).append(metric["feature"]["name"])
    together: dict[str, list[str]] = {}
    for day, names in by_day.items():
        together.setdefault(_listed(sorted(names)), []).append(day)
    for features, days in together.items():
        if len(days) <= WORST_DAYS:
            yield f"No value all day on {_listed(days)}: {features}."


def _fired(alarms: Iterable[Mapping[str, Any]]) -> Table:
    """What raised an alarm, in windows of each size: what fired longest first."""
    found: dict[tuple[str, str], dict[str, list[str]]] = {}
    for metric in alarms:
        key = metric["metric"]["name"], metric.get("feature", {}).get("name", "the model")
        found.setdefault(key, {}).setdefault(metric["window"]["size"], []).append(metric["window"]["start"][:10])
    title = f"\nWhat raised an alarm: {len(found)} series, those that fired longest"
    table = Table("measure", "of", "days", "weeks", "months", "first", title=title, title_justify="left")
    for key in sorted(found, key=lambda key: [-len(found[key].get(size, ())) for size in ("1d", "week", "month")]):
        sizes = found[key]
        counts = [str(len(sizes[size])) if size in sizes else "" for size in ("1d", "week", "month")]
        if table.row_count < MOST_ALARMS:
            table.add_row(*key, *counts, min(min(starts) for starts in sizes.values()))
    table.caption = (
        "Judged against other days of January and February, and allowed one false alarm a month: two bad days of "
        "three, or one bad week or month."
    )
    table.caption_justify = "left"
    return table


def _of_groups(metric: Mapping[str, Any]) -> bool:
    return bool(metric["metric"]["family"] == "fairness")


def _unequal(alarms: Iterable[Mapping[str, Any]]) -> Iterable[str]:
    """That groups are not treated alike: told apart, since it is so all year and is no drift."""
    by_attribute: dict[str, dict[str, str]] = {}
    for metric in alarms:
        first = by_attribute.setdefault(metric["feature"]["name"], {})
        name, start = metric["metric"]["name"], metric["window"]["start"][:10]
        first[name] = min(first.get(name, start), start)
    for attribute, first in by_attribute.items():
        yield f"Not the same for each {attribute} since {min(first.values())}: {_listed(sorted(first))}."


def _worst_day(cluster: Cluster, days: Metrics, console: Console) -> None:
    losses = [m for m in days if m["metric"]["name"] == "log_loss" and m["metric"]["status"] != Status.INSUFFICIENT]
    if not losses:
        return
    worst = max(losses, key=_value)
    day = parse_moment(worst["window"]["start"])
    period = search.between(events.TIMESTAMP, day, day + timedelta(days=1))
    of_model = {"term": {events.MODEL_NAME: NAME}}
    _, hits = search.predictions(cluster, all_of(of_model, period), limit=WORST_PREDICTIONS)
    title = f"\nThe worst day was {day.day} {day:%B}: log loss {_value(worst):.3f}. Its three worst predictions"
    table = Table("document id", "P(late)", "predicted", "came true", "loss", title=title, title_justify="left")
    for row in _rows(hits):
        table.add_row(*row)
    console.print(table)
    for change in _changes(cluster):
        text = change.get("message", change["event"]["action"])
        console.print(f"Change on {change[events.TIMESTAMP][:10]}: {text}.", highlight=False)


def _rows(hits: Iterable[Mapping[str, Any]]) -> Iterable[Sequence[str]]:
    for hit in hits:
        source = hit["_source"]
        yield (
            hit["_id"],
            number(source["prediction"]["score"]),
            source["prediction"]["label"],
            source["outcome"]["label"],
            number(source["evaluation"]["log_loss"]),
        )


def _changes(cluster: Cluster) -> list[Mapping[str, Any]]:
    query = {"term": {events.MODEL_NAME: NAME}}
    body = {"size": 10, "query": query, "sort": [{events.TIMESTAMP: "asc"}]}
    return [hit["_source"] for hit in cluster.search(cluster.streams.changes, body)["hits"]["hits"]]


def gravest(incidents: Iterable[Incident]) -> Incident | None:
    """The incident of the year that called most loudly, and of these the one that cost most; None where none is."""
    order = list(Severity)
    of_year = [one for one in incidents if one.since < YEAR_ENDS]
    return min(
        of_year,
        key=lambda one: (order.index(one.severity), -(one.impact.at_least if one.impact else 0.0)),
        default=None,
    )


def incidents(cluster: Cluster) -> list[Incident]:
    """All incidents of the demo's model."""
    return [found for found, _ in people.incidents(cluster, NAME, None, over=True)]


def commands(namespace: str) -> Sequence[tuple[str, str]]:
    """What to try next, and what it shows; each runs as it stands."""
    return (
        (f"driftline alerts list --all --namespace {namespace}", "the incidents of the year; `show` tells of one"),
        (f"driftline metrics --namespace {namespace} --measure recall --window week --segment origin=LGA", ""),
        (f"driftline predictions 'evaluation.correct: false and prediction.score >= 0.6' --namespace {namespace}", ""),
        (f"driftline analyze --config demo/monitors.yml --namespace {namespace}", "finds nothing new to do"),
    )


def _next(namespace: str, console: Console) -> None:
    console.print("\nGo on from here (with .venv/bin on your PATH):")
    for command, comment in (*commands(namespace), ("driftline down", "stops the local Elasticsearch; its data stays")):
        console.print(f"  {command}{f'   # {comment}' if comment else ''}", highlight=False, soft_wrap=True)
