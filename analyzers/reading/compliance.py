"""The command compliance: how fairly groups were treated, as a record for an audit."""

from __future__ import annotations

import csv
import sys
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import IO, Any

import click
import orjson

from driftline.ingest.streams import Streams

from ..cluster import Cluster
from ..commands import Moment, clear_errors, cluster_option, connected
from ..measures import MEASURES, Subject
from .commands import namespace_option
from .search import between

COLUMNS = (
    "model",
    "version",
    "window_start",
    "window_end",
    "window_size",
    "attribute",
    "group",
    "measure",
    "value",
    "lower",
    "upper",
    "sample_size",
    "lowest_group",
    "highest_group",
    "groups_compared",
    "groups_left_out",
    "threshold",
    "status",
    "reason",
    "p_value",
    "q_value",
    "alpha",
    "reference_value",
    "label_coverage",
    "label_maturity",
    "revision",
    "initial_value",
    "as_of",
    "judged",
)
"""What a record tells: who, what, when, by which threshold, and the verdict. Always all of them, in this order."""
GAPS = [measure.name for measure in MEASURES if measure.subject is Subject.ATTRIBUTE]
OF_GROUPS = ["prediction_rate", "recall", "precision", "specificity", "accuracy", "calibration_bias"]
"""Measures of the single groups that belong to the record, where they are measured."""


def record(metric: Mapping[str, Any]) -> dict[str, Any]:
    """One metric document as a row of the record; None for what it does not tell."""
    found, segment = metric["metric"], metric.get("segment", {})
    groups = found.get("groups", {})
    told = {
        "model": metric["model"]["name"],
        "version": metric["model"]["version"],
        "window_start": metric["window"]["start"],
        "window_end": metric["window"]["end"],
        "window_size": metric["window"]["size"],
        "attribute": segment.get("name", metric.get("feature", {}).get("name")),
        "group": segment.get("value"),
        "measure": found["name"],
        "lowest_group": groups.get("lowest"),
        "highest_group": groups.get("highest"),
        "groups_compared": groups.get("compared"),
        "groups_left_out": groups.get("left_out") or None,
    }
    return {name: told[name] if name in told else found.get(name) for name in COLUMNS}


def records(
    cluster: Cluster, model: str | None, since: datetime | None, until: datetime | None
) -> Iterator[dict[str, Any]]:
    """The rows of the record in order of time: the gaps of each attribute, and the rates of its groups."""
    filters: list[Mapping[str, Any]] = [{"term": {"model.name": model}}] if model else []
    if (period := between("window.start", since, until)) is not None:
        filters.append(period)
    gaps = {"terms": {"metric.name": GAPS}}
    names = {"size": 0, "query": {"bool": {"filter": [*filters, gaps]}}}
    attributes = {"aggs": {"attributes": {"terms": {"field": "feature.name", "size": 1_000}}}}
    answer = cluster.search(cluster.streams.metrics, names | attributes).get("aggregations")
    found = [bucket["key"] for bucket in answer["attributes"]["buckets"]] if answer else []
    of_groups = [{"terms": {"metric.name": OF_GROUPS}}, {"terms": {"segment.name": found}}]
    either = {"bool": {"should": [gaps, {"bool": {"filter": of_groups}}], "minimum_should_match": 1}}
    for hit in cluster.metrics(
        {"bool": {"filter": [*filters, either]}}, ["model", "window", "feature", "segment", "metric"]
    ):
        yield record(hit["_source"])


def write(rows: Iterator[dict[str, Any]], style: str, file: IO[str]) -> int:
    """Write the rows; returns how many there are."""
    count = 0
    if style == "csv":
        writer = csv.DictWriter(file, COLUMNS, lineterminator="\n")
        writer.writeheader()
        for row in rows:
            writer.writerow({name: _cell(value) for name, value in row.items()})
            count += 1
        return count
    for row in rows:
        file.write(orjson.dumps(row).decode() + "\n")
        count += 1
    return count


def _cell(value: Any) -> Any:
    return "; ".join(value) if isinstance(value, Sequence) and not isinstance(value, str) else value


@click.command()
@click.option("--model", metavar="NAME", help="Only this model.")
@click.option("--since", type=Moment(), help="Windows that begin at or after this time.")
@click.option("--until", type=Moment(), help="Windows that begin before this time.")
@click.option(
    "--format",
    "style",
    type=click.Choice(["csv", "json"]),
    default="csv",
    show_default=True,
    help="csv with a header, or json: one record a line.",
)
@click.option(
    "-o", "--output", type=click.File("w", encoding="utf-8", lazy=True), help="File to write; left out: the terminal."
)
@namespace_option
@cluster_option
@clear_errors
def compliance(
    model: str | None,
    since: datetime | None,
    until: datetime | None,
    style: str,
    output: IO[str] | None,
    streams: Streams,
    url: str | None,
) -> None:
    r"""Export how fairly groups were treated, as a record for an audit.

    One row for each gap of each protected attribute (`fairness` in monitors.yml) and window, with the groups it lies
    between, the threshold and the verdict; and one for each rate of each group.

    \b
    Examples:
      driftline compliance --model loans --since 2024-01-01 --until 2024-04-01 -o first-quarter.csv
      driftline compliance --format json
    """
    with connected(url) as client:
        count = write(records(Cluster(client, streams), model, since, until), style, output or sys.stdout)
    where = f" in {output.name}" if output else ""
    click.echo(f"{count:,} records{where}", err=True)
    if not count:
        click.echo(f"no measures of fairness in {streams.metrics}; `fairness` in monitors.yml asks for them", err=True)
