"""What happened, as the monitoring index tells it: nothing here is worked out from the flights themselves."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import timedelta
from typing import Any

from rich.console import Console
from rich.table import Table

from driftline.analyzers.cluster import Cluster
from driftline.analyzers.reading import search
from driftline.analyzers.reading.commands import number
from driftline.analyzers.windows import parse_moment
from driftline.ingest import events

from .model import NAME

Metrics = Sequence[Mapping[str, Any]]
QUALITY = ("precision", "recall", "roc_auc", "log_loss", "base_rate", "prediction_rate")
COLOURS = {"critical": "bold red", "warning": "yellow"}
WORST_DAYS = 8
WORST_PREDICTIONS = 3


def tell(cluster: Cluster, console: Console) -> None:
    """Print the account."""
    whole = search.Filter(model=NAME, feature="", segment=())
    months = [m for m in search.metrics(cluster, whole) if m["window"]["size"] == "month"]
    days = [m for m in search.metrics(cluster, whole) if m["window"]["size"] == "1d"]
    console.print(_quality(months))
    console.print(_coverage(days))
    console.print(_drift(list(search.metrics(cluster, search.Filter(model=NAME, measure="wasserstein", segment=())))))
    console.print(_critical(days))
    _worst_day(cluster, days, console)
    _next(cluster.streams.namespace, console)


def _quality(months: Metrics) -> Table:
    table = Table("month", *QUALITY, "outcomes", title="How good the model was, month by month", title_justify="left")
    by_month: dict[str, dict[str, Mapping[str, Any]]] = {}
    for metric in months:
        by_month.setdefault(metric["window"]["start"][:7], {})[metric["metric"]["name"]] = metric["metric"]
    for month, found in by_month.items():
        cells = [_cell(found.get(name, {})) for name in QUALITY]
        table.add_row(month, *cells, f"{found.get('log_loss', {}).get('sample_size', 0):,}")
    table.caption = "Against January and February. Yellow: warning. Red: critical."
    return table


def _cell(metric: Mapping[str, Any]) -> str:
    text = number(metric.get("value"))
    colour = COLOURS.get(metric.get("status", ""))
    return f"[{colour}]{text}[/]" if colour else text


def _coverage(days: Metrics) -> str:
    counted = [m["metric"] for m in days if m["metric"]["name"] == "label_coverage" and "value" in m["metric"]]
    made = sum(metric["sample_size"] for metric in counted)
    known = sum(round(metric["value"] * metric["sample_size"]) for metric in counted)
    share = known / made if made else 0.0
    return f"\n{made:,} predictions, {known:,} outcomes ({share:.1%}); the other flights never arrived.\n"


def _drift(found: Metrics) -> Table:
    """The features that moved furthest in a month, in standard deviations of the reference."""
    table = Table("feature", "furthest", "in", "months beyond 0.3", title="What drifted most", title_justify="left")
    by_feature: dict[str, list[Mapping[str, Any]]] = {}
    for metric in found:
        if metric["window"]["size"] == "month" and "value" in metric["metric"]:
            by_feature.setdefault(metric["feature"]["name"], []).append(metric)
    peaks = {name: max(months, key=_value) for name, months in by_feature.items()}
    for name in sorted(peaks, key=lambda name: -_value(peaks[name]))[:6]:
        beyond = sum(metric["metric"]["status"] in search.WRONG for metric in by_feature[name])
        peak = peaks[name]
        table.add_row(
            name, f"{_value(peak):.2f} sd", peak["window"]["start"][:7], f"{beyond} of {len(by_feature[name])}"
        )
    table.caption = "Wasserstein distance of monthly windows, in standard deviations of the reference."
    return table


def _value(metric: Mapping[str, Any]) -> float:
    return float(metric["metric"]["value"])


def _critical(days: Metrics) -> Table:
    """The days on which most of the model's own measures were critical."""
    found: dict[str, list[str]] = {}
    for metric in days:
        if metric["metric"]["status"] == "critical":
            text = f"{metric['metric']['name']} {number(metric['metric']['value'])}"
            found.setdefault(metric["window"]["start"][:10], []).append(text)
    title = f"Critical days: {len(found)} of {len({m['window']['start'] for m in days})}, the worst of them"
    table = Table("day", "critical measures of the whole model", title=title, title_justify="left")
    for day in sorted(sorted(found), key=lambda day: -len(found[day]))[:WORST_DAYS]:
        table.add_row(day, ", ".join(sorted(found[day])))
    counts = Counter(text.split()[0] for texts in found.values() for text in texts)
    table.caption = "Days per measure: " + ", ".join(f"{name} {count}" for name, count in counts.most_common())
    return table


def _worst_day(cluster: Cluster, days: Metrics, console: Console) -> None:
    losses = [m for m in days if m["metric"]["name"] == "log_loss" and m["metric"].get("status") != "insufficient_data"]
    if not losses:
        return
    worst = max(losses, key=_value)
    day = parse_moment(worst["window"]["start"])
    period = search.between(events.TIMESTAMP, day, day + timedelta(days=1))
    _, hits = search.predictions(cluster, period or {}, limit=WORST_PREDICTIONS)
    title = f"The worst day was {day:%d %B}: log loss {_value(worst):.3f}. Its three worst predictions"
    table = Table("document id", "P(late)", "predicted", "came true", "loss", title=title, title_justify="left")
    for row in _rows(hits):
        table.add_row(*row)
    console.print(table)
    for change in _changes(cluster):
        console.print(f"Change: {change[events.TIMESTAMP][:10]} {change.get('message', change['event']['action'])}")


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


def _next(namespace: str, console: Console) -> None:
    console.print(
        f"""
Go on from here (with .venv/bin on your PATH):
  driftline alerts --namespace {namespace} --window month
  driftline metrics --namespace {namespace} --measure recall --window week --segment origin=LGA
  driftline predictions 'evaluation.correct: false and prediction.score >= 0.6' --namespace {namespace}
  driftline analyze --config demo/monitors.yml
  driftline down                       stops the local Elasticsearch; its data stays""",
        highlight=False,
    )
