"""The commands load and ship."""

from __future__ import annotations

import hashlib
import itertools
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

import click
import orjson
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeRemainingColumn

from .client import AddressError, connect, explain, url_of
from .counters import Stats
from .events import Source
from .shipper import Shipper
from .sources import files as log_files
from .sources import history, mapping, places, tables
from .sources.settle import PATIENCE, IncompleteError
from .sources.shipped import Job, Shipped
from .sources.stopping import on_signals
from .streams import Streams

if TYPE_CHECKING:
    from elasticsearch import Elasticsearch


REPORT_SECONDS = 60.0


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
            cluster, rolled = _cluster(client), _has_rolled_over(client, Streams(namespace))
        text = mapping_file.read_text(encoding="utf-8")
        states = [history.state_file(file, text, namespace, cluster or url_of(url)) for file in files]
        if restart:
            for state in states:
                state.unlink(missing_ok=True)
        with Shipper(url, namespace=namespace, block=True, max_age=0.2, report_every=None) as shipper:
            try:
                load_one = partial(history.load, shipper=shipper, source=source, again=rolled)
                found = _load(list(zip(files, fitted, states, strict=True)), load_one, quiet=as_json)
            except (IncompleteError, tables.TableError, KeyboardInterrupt):
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


@click.command()
@click.option(
    "--files", "patterns", metavar="GLOB", multiple=True, help="JSON lines files; may be given several times."
)
@click.option("--kafka", "brokers", metavar="BROKERS", help="Kafka instead of files: host:port, several with commas.")
@click.option("--topic", metavar="NAME", help="The topic of Kafka.")
@click.option("--group", metavar="NAME", help="Consumer group; default driftline-NAMESPACE.")
@click.option(
    "--kafka-config", metavar="FILE", type=click.Path(path_type=Path), help="Lines such as security.protocol=SSL."
)
@click.option(
    "--namespace",
    metavar="NAME",
    default="default",
    show_default=True,
    help="Namespace of the streams that all events go to, whatever they say.",
)
@click.option("--once", is_flag=True, help="End at the end of what is there now, instead of following it.")
@click.option(
    "--state",
    metavar="FOLDER",
    type=click.Path(path_type=Path, file_okay=False),
    help="Where it is noted how far files are read; default $XDG_STATE_HOME/driftline/ship.",
)
@click.option("--url", metavar="URL", help="Elasticsearch; default $ELASTICSEARCH_URL, else http://127.0.0.1:9200.")
@click.option("--json", "as_json", is_flag=True, help="Print the summary as JSON.")
def ship(
    patterns: Sequence[str],
    brokers: str | None,
    topic: str | None,
    group: str | None,
    kafka_config: Path | None,
    namespace: str,
    state: Path | None,
    url: str | None,
    *,
    once: bool,
    as_json: bool,
) -> None:
    r"""Ship the events that services log to files or to Kafka.

    Follows until SIGTERM or Ctrl-C, which let the batch at hand be stored. Files are followed through rotation by
    renaming and by truncation. Lines of other logs are passed over; what is recognisably an event of Driftline's, yet
    broken, is kept as a dead letter. A repeat, after a crash or by Kafka, stores nothing twice.

    \b
    Examples:
      driftline ship --files 'logs/*.jsonl'
      driftline ship --files 'logs/*.jsonl' --files /var/log/shop.jsonl --once
      driftline ship --kafka broker:9092 --topic predictions
    """
    _one_source(patterns, brokers, state, {"--topic": topic, "--group": group, "--kafka-config": kafka_config})
    name = f"topic {topic}" if topic else "files"
    with _clear_errors(url), on_signals() as stopping:
        _namespace(namespace)
        with connect(url, max_retries=0) as client:
            cluster = _cluster(client) or url_of(url)
        # Who follows waits for a cluster that is away, however long that takes, and reports how it goes.
        patience, report = (PATIENCE, None) if once else (float("inf"), REPORT_SECONDS)
        options: dict[str, Any] = {"namespace": namespace, "block": True, "max_age": 0.2, "on_sigterm": False}
        with Shipper(url, report_every=report, **options) as shipper, _bar(quiet=as_json) as show:
            job = Job(shipper, once, stopping, show, patience)
            try:
                if brokers and topic:
                    shipped = _ship_topic(brokers, topic, group, kafka_config, job)
                else:
                    shipped = _ship_files(patterns, _state(state, namespace, cluster), job)
            except BaseException:
                shipper.close(timeout=0)
                raise
            stats = shipper.close()
    _report(name, shipped, stats, as_json=as_json)


def _one_source(patterns: Sequence[str], brokers: str | None, state: Path | None, others: Mapping[str, object]) -> None:
    if bool(patterns) == bool(brokers):
        msg = "give --files or --kafka: one of them, and not both"
        raise click.UsageError(msg)
    if brokers and not others["--topic"]:
        msg = "--kafka needs --topic"
        raise click.UsageError(msg)
    strange = [name for name, value in others.items() if value] if patterns else ["--state"] if state else []
    if strange:
        msg = f"{' and '.join(strange)}: only with {'--kafka' if patterns else '--files'}"
        raise click.UsageError(msg)


def _state(given: Path | None, namespace: str, cluster: str) -> Path:
    """Where it is noted how far files are shipped to this very place."""
    digest = hashlib.sha256(cluster.encode()).hexdigest()[:12]
    folder = (given or places.home() / "ship") / f"{namespace}-{digest}"
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def _ship_files(patterns: Sequence[str], folder: Path, job: Job) -> Shipped:
    found = log_files.Files(patterns, places.Places(folder), job)
    if not found.found:
        text = f"--files: got {' '.join(map(repr, patterns))}, and no file matches"
        if job.once:
            raise click.UsageError(text)
        click.echo(f"driftline: {text} yet; waiting", err=True)
    return log_files.run(found, job)


def _ship_topic(brokers: str, topic: str, group: str | None, config: Path | None, job: Job) -> Shipped:
    try:
        from . import confluent  # noqa: PLC0415 (an extra)
        from .sources import kafka  # noqa: PLC0415
    except ImportError as error:
        _fail(str(error), 1)
    try:
        settings = confluent.read_settings(config) if config else {}
        group = group or f"driftline-{job.shipper.streams.namespace}"
        return kafka.run(kafka.Topic(brokers, topic, group, job, settings), job)
    except confluent.SettingsError as error:
        _fail(str(error), 2)
    except kafka.TopicError as error:
        _fail(str(error), 1)


@contextmanager
def _bar(*, quiet: bool) -> Iterator[Callable[[Shipped], None]]:
    """Show on a terminal how far it is."""
    bars = (TextColumn("shipping"), BarColumn(), TextColumn("{task.fields[events]:,} events"), TimeRemainingColumn())
    console = Console(stderr=True)
    with Progress(*bars, console=console, disable=quiet or not console.is_terminal) as progress:
        task = progress.add_task("shipping", total=None, events=0)
        yield lambda shipped: progress.update(
            task, completed=shipped.done, total=shipped.total or None, events=shipped.events
        )


def _report(name: str, shipped: Shipped, stats: Stats, *, as_json: bool) -> None:
    if as_json:
        documents = {"stored": stats.sent, "stored_before": stats.duplicates, "refused": stats.dead, "lost": stats.lost}
        click.echo(orjson.dumps({"source": name, **asdict(shipped), "documents": documents}))
    else:
        text = f"{name}: {shipped.events:,} events"
        if shipped.passed:
            text += f", {shipped.passed:,} other lines passed over"
        if shipped.refused:
            text += f"; {shipped.refused:,} broken ones kept as dead letters, the first: {shipped.reason}"
        click.echo(text)
        click.echo(_total(stats))
    if stats.lost:
        _fail(f"{stats.lost:,} documents are refused, and so are their dead letters; the log above holds them", 1)


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
    plan: Sequence[tuple[Path, mapping.TableMapping, Path]], load_one: Callable[..., history.Loaded], *, quiet: bool
) -> list[history.Loaded]:
    found = []
    bars = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*bars, console=Console(stderr=True, quiet=quiet)) as progress:
        for file, columns, state in plan:
            task = progress.add_task(file.name, total=tables.count(file))
            found.append(load_one(file, columns, state=state, progress=partial(_advance, progress, task)))
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
            raise IncompleteError(msg)
    with suppress(AuthorizationException):
        return str(client.info()["cluster_uuid"])
    return None


def _has_rolled_over(client: Elasticsearch, streams: Streams) -> bool:
    """Whether what is loaded may lie in an older backing index already, where no id keeps it single."""
    from elasticsearch import AuthorizationException, NotFoundError  # noqa: PLC0415 (only when something is sent)

    try:
        found = client.indices.resolve_index(name=[streams.predictions, streams.outcomes]).body
    except NotFoundError:
        return False
    except AuthorizationException:
        return True  # a key that may only write may not look
    return any(len(stream["backing_indices"]) > 1 for stream in found.get("data_streams", ()))


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
    except (tables.TableError, IncompleteError) as error:
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
