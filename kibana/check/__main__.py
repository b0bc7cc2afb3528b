"""Check a bundle of saved objects for Kibana on a real Elasticsearch."""

from __future__ import annotations

import dataclasses
import json
import sys
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import click
from elasticsearch import ApiError, TransportError

from driftline.ingest.client import AddressError, connect, explain
from driftline.ingest.streams import Streams

from . import bundle, run
from .finding import Finding
from .run import Ran
from .searches import Period

SHIPPED = Path(__file__).parents[1] / "driftline.ndjson"


@click.command(
    epilog="""\b
Examples:
  python -m kibana.check --namespace demo --period 2013-01-01 2014-01-02
  python -m kibana.check --namespace demo --period 2013-01-01 2014-01-02 --period now-1y now
  python -m kibana.check --namespace default export.ndjson --json | jq .what"""
)
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path), default=SHIPPED)
@click.option("--namespace", default="default", show_default=True, help="Whose data the panels are to show.")
@click.option(
    "--period",
    "periods",
    nargs=2,
    multiple=True,
    metavar="SINCE UNTIL",
    help="Dates, or date maths such as now-7d; default what each dashboard opens with. May be given several times: "
    "then a panel must show something in one of them.",
)
@click.option("--json", "as_json", is_flag=True, help="One JSON object for each finding, and nothing else.")
def main(file: Path, namespace: str, periods: Sequence[tuple[str, str]], as_json: bool) -> None:  # noqa: FBT001 (click)
    """Say whether Kibana could load FILE, and run the query behind each panel, control and saved search.

    Exits with 1 if anything is wrong, with 2 if it could not be checked.
    """
    try:
        Streams(namespace)
        found, unreadable = bundle.read(file.read_text(encoding="utf-8"))
        with connect() as client:
            place = run.Place(client, namespace)
            findings, ran = run.everything(place, found, [Period(*period) for period in periods])
    except (ApiError, TransportError, AddressError) as error:
        click.echo(f"Error: {explain(error)}", err=True)
        sys.exit(2)
    except ValueError as error:
        click.echo(f"Error: {error}", err=True)
        sys.exit(2)
    findings = [*unreadable, *findings]
    for finding in findings:
        click.echo(json.dumps(dataclasses.asdict(finding)) if as_json else str(finding))
    if not as_json:
        click.echo(_summary(found, ran, findings))
    sys.exit(1 if findings else 0)


def _summary(found: bundle.Bundle, ran: Sequence[Ran], findings: Sequence[Finding]) -> str:
    """A table of what was run, by dashboard."""
    lines = [f"{'':32}{'panels':>8}{'queries':>9}{'hits':>12}{'rows':>12}"]
    groups = Counter(_group(each) for each in ran)
    panels = {board.title: len(board.panels) for board in found.of("dashboard")}
    for group, queries in groups.items():
        own = [each for each in ran if _group(each) == group]
        hits, rows = sum(each.hits for each in own), sum(each.rows for each in own)
        lines.append(f"{group[:31]:32}{panels.get(group, ''):>8}{queries:>9}{hits:>12,}{rows:>12,}")
    lines.append(f"{len(found.objects)} saved objects, {len(ran)} queries, {len(findings)} findings")
    return "\n".join(lines)


def _group(ran: Ran) -> str:
    return ran.search.where.partition(" / ")[0] if " / " in ran.search.where else "searches and data views"


if __name__ == "__main__":
    main()
