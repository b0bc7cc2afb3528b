"""The command load."""

from __future__ import annotations

import itertools
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

import click
import orjson
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeRemainingColumn

from .client import AddressError, connect, explain, url_of
from .counters import Stats
from .events import Source
from .shipper import Shipper
from .sources import history, mapping, tables
from .streams import Streams

if TYPE_CHECKING:
    from elasticsearch import Elasticsearch


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
    with _clear_errors(url):
        columns = mapping.load(mapping_file)
        source = Source(service, namespace=_namespace(namespace))
        fitted = [history.fit(file, columns, str(mapping_file), source) for file in files]
        if dry_run:
            _preview(files[0], fitted[0], source)
            return
        with connect(url, max_retries=0) as client:
            cluster = _cluster(client)
        text = mapping_file.read_text(encoding="utf-8")
        states = [history.state_file(file, text, namespace, cluster or url_of(url)) for file in files]
        if restart:
            for state in states:
                state.unlink(missing_ok=True)
        with Shipper(url, namespace=namespace, block=True, max_age=0.2) as shipper:
            try:
                found = _load(list(zip(files, fitted, states, strict=True)), shipper, source, quiet=as_json)
            except (history.IncompleteError, tables.TableError, KeyboardInterrupt):
                shipper.close(timeout=0)
                raise
            stats = shipper.close()
    if as_json:
        documents = {"stored": stats.sent, "stored_before": stats.duplicates, "refused": stats.dead}
        click.echo(orjson.dumps({"files": [asdict(loaded) for loaded in found], "documents": documents}))
        return
    for loaded in found:
        click.echo(_line(loaded))
    click.echo(_total(stats))


def _line(loaded: history.Loaded) -> str:
    text = f"{loaded.file}: {loaded.rows:,} rows, {loaded.predictions:,} predictions, {loaded.outcomes:,} outcomes"
    if loaded.resumed:
        text += f"; {loaded.resumed:,} rows had been loaded before"
    if loaded.refused:
        text += f"; {loaded.refused:,} rows refused and kept as dead letters, the first: {loaded.reason}"
    return text


def _total(stats: Stats) -> str:
    text = f"{stats.sent:,} documents stored"
    if stats.duplicates:
        text += f"; {stats.duplicates:,} had been stored before"
    if stats.dead:
        text += f"; {stats.dead:,} refused by Elasticsearch and kept as dead letters"
    return text


def _load(
    plan: Sequence[tuple[Path, mapping.TableMapping, Path]], shipper: Shipper, source: Source, *, quiet: bool
) -> list[history.Loaded]:
    found = []
    bars = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*bars, console=Console(stderr=True, quiet=quiet)) as progress:
        for file, columns, state in plan:
            task = progress.add_task(file.name, total=tables.count(file))
            found.append(history.load(file, columns, shipper, source, state, partial(_advance, progress, task)))
    return found


def _advance(progress: Progress, task: TaskID, row: int) -> None:
    progress.update(task, completed=row)


def _namespace(name: str) -> str:
    try:
        return Streams(name).namespace
    except ValueError as error:
        msg = f"--namespace: {error}"
        raise click.UsageError(msg) from error


def _cluster(client: Elasticsearch) -> str | None:
    """Which cluster answers; None when it may not be asked.

    Raises:
        IncompleteError: It lacks Driftline's templates.
    """
    from elasticsearch import AuthorizationException  # noqa: PLC0415 (only when something is sent)

    # A key that may only write may not ask either of these.
    with suppress(AuthorizationException):
        if not client.indices.exists_index_template(name="driftline-predictions"):
            msg = "the cluster has no templates of Driftline yet: run `driftline setup`"
            raise history.IncompleteError(msg)
    with suppress(AuthorizationException):
        return str(client.info()["cluster_uuid"])
    return None


def _preview(file: Path, columns: mapping.TableMapping, source: Source) -> None:
    for number, row in itertools.islice(tables.rows(file), 3):
        for _, document in history.documents(columns, row, number, source):
            click.echo(orjson.dumps(document, option=orjson.OPT_INDENT_2).decode())


@contextmanager
def _clear_errors(url: str | None) -> Iterator[None]:
    """Turn what a user can cause into one line and an exit code: 2 for a wrong request, 1 for a load that fails."""
    from elasticsearch import ApiError, TransportError  # noqa: PLC0415 (a second that --help need not take)

    try:
        yield
    except (mapping.MappingError, AddressError) as error:
        _fail(str(error), 2)
    except (tables.TableError, history.IncompleteError) as error:
        _fail(str(error), 1)
    except (ApiError, TransportError) as error:
        _fail(explain(error, url), 1)
    except OSError as error:
        _fail(f"{error.filename or 'a file'}: {error.strerror or error}", 1)
    except KeyboardInterrupt:
        _fail("stopped; the same command goes on from there", 1)


def _fail(message: str, code: int) -> NoReturn:
    click.echo(f"driftline: {message}", err=True)
    sys.exit(code)
