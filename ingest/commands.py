"""The command load."""

from __future__ import annotations

import itertools
import sys
from collections.abc import Sequence
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import NoReturn

import click
import orjson
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeRemainingColumn

from .client import AddressError, connect, explain, url_of
from .events import Source
from .shipper import Shipper
from .sources import history, mapping, tables


def _example(ctx: click.Context, _param: click.Parameter, value: bool) -> None:  # noqa: FBT001 (click's signature)
    if value:
        click.echo(mapping.EXAMPLE, nl=False)
        ctx.exit()


@click.command()
@click.argument("files", nargs=-1, required=True, type=click.Path(path_type=Path, exists=True, dir_okay=False))
@click.option(
    "--mapping", "mapping_file", required=True, type=click.Path(path_type=Path), help="YAML: which column is which."
)
@click.option(
    "--example-mapping", is_flag=True, is_eager=True, expose_value=False, callback=_example, help="Print one."
)
@click.option("--namespace", metavar="NAME", default="default", show_default=True, help="Namespace of the streams.")
@click.option("--service", metavar="NAME", help="Recorded as service.name.")
@click.option("--restart", is_flag=True, help="Begin at the first row, not where an interrupted load stopped.")
@click.option("--dry-run", is_flag=True, help="Print the documents of the first rows and send nothing.")
@click.option("--url", metavar="URL", help="Elasticsearch; default $ELASTICSEARCH_URL, else http://127.0.0.1:9200.")
@click.option("--json", "as_json", is_flag=True, help="Print the summary as JSON.")
def load(
    files: Sequence[Path],
    mapping_file: Path,
    namespace: str,
    service: str | None,
    url: str | None,
    *,
    restart: bool,
    dry_run: bool,
    as_json: bool,
) -> None:
    r"""Load past predictions and outcomes from CSV, Parquet or JSON lines files.

    Rows that are no valid events are kept as dead letters, with the reason. A load that was interrupted goes on where
    it stopped, and one that is repeated stores nothing twice.

    \b
    Examples:
      driftline load --example-mapping > mapping.yml
      driftline load predictions.csv --mapping mapping.yml --dry-run
      driftline load predictions-2024-*.parquet --mapping mapping.yml
    """
    try:
        columns = mapping.load(mapping_file)
        for file in files:
            mapping.check_columns(columns, tables.columns(file), str(mapping_file), str(file))
        source = Source(service, namespace=namespace)
        if dry_run:
            _preview(files[0], columns, source)
            return
        found = _load(
            files, columns, mapping_file.read_text(encoding="utf-8"), source, url, restart=restart, quiet=as_json
        )
    except (mapping.MappingError, AddressError) as error:
        _fail(str(error), 2)
    except (tables.TableError, history.IncompleteError) as error:
        _fail(str(error), 1)
    except ValueError as error:
        _fail(f"--namespace: {error}", 2)
    if as_json:
        click.echo(orjson.dumps([asdict(loaded) for loaded in found]))
        return
    for loaded in found:
        click.echo(_line(loaded))


def _line(loaded: history.Loaded) -> str:
    text = f"{loaded.file}: {loaded.rows:,} rows, {loaded.predictions:,} predictions, {loaded.outcomes:,} outcomes"
    if loaded.resumed:
        text += f"; {loaded.resumed:,} rows had been loaded before"
    if loaded.refused:
        text += f"; {loaded.refused:,} rows refused and kept as dead letters, the first: {loaded.reason}"
    return text


def _load(
    files: Sequence[Path],
    columns: mapping.TableMapping,
    mapping_text: str,
    source: Source,
    url: str | None,
    *,
    restart: bool,
    quiet: bool,
) -> list[history.Loaded]:
    _reach(url)
    found = []
    bars = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with (
        Shipper(url, namespace=source.namespace, block=True) as shipper,
        Progress(*bars, console=Console(stderr=True, quiet=quiet)) as progress,
    ):
        for file in files:
            state = history.state_file(file, mapping_text, source.namespace, url_of(url))
            if restart:
                state.unlink(missing_ok=True)
            task = progress.add_task(file.name, total=tables.count(file))
            advance = partial(_advance, progress, task)
            found.append(history.load(file, columns, shipper, source, state, advance))
    return found


def _advance(progress: Progress, task: TaskID, row: int) -> None:
    progress.update(task, completed=row)


def _reach(url: str | None) -> None:
    """Say at once when there is no cluster: the shipper itself would wait for one."""
    from elasticsearch import ApiError, TransportError  # noqa: PLC0415 (only when something is sent)

    with connect(url, max_retries=0) as client:
        try:
            client.info()
        except (ApiError, TransportError) as error:
            _fail(explain(error, url), 1)


def _preview(file: Path, columns: mapping.TableMapping, source: Source) -> None:
    for number, row in itertools.islice(tables.rows(file), 3):
        for _, document in history.documents(columns, row, number, source):
            click.echo(orjson.dumps(document, option=orjson.OPT_INDENT_2).decode())


def _fail(message: str, code: int) -> NoReturn:
    click.echo(f"driftline: {message}", err=True)
    sys.exit(code)
