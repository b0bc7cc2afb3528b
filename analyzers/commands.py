"""The analyzer's commands: setup, init, analyze, run."""

from __future__ import annotations

import functools
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NoReturn, ParamSpec, TypeVar

import click
import orjson
from elasticsearch import ApiError, Elasticsearch, TransportError
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from driftline.ingest.client import AddressError, connect, explain
from driftline.ingest.streams import Streams

from . import init as first_file
from . import monitors as configuration
from . import pipeline, runs, scheduler
from . import setup as assets
from .alerts.export.files import export
from .alerts.export.install import install_rules, install_watches
from .cluster import Cluster, StoreError
from .kibana import Kibana
from .references import NoDataError
from .settings import ConfigError
from .windows import Window, parse_moment

P = ParamSpec("P")
R = TypeVar("R")

EXIT_RUNTIME = 1
EXIT_USAGE = 2


def clear_errors(function: Callable[P, R]) -> Callable[P, R]:
    """Turn what a user can cause into one line and an exit code: 2 for a wrong request, 1 for a cluster that fails."""

    @functools.wraps(function)
    def wrapped(*args: P.args, **kwargs: P.kwargs) -> R:
        try:
            return function(*args, **kwargs)
        except (ConfigError, AddressError) as error:
            _fail(str(error), EXIT_USAGE)
        except (NoDataError, StoreError, assets.SetupError) as error:
            _fail(str(error), EXIT_RUNTIME)
        except (ApiError, TransportError) as error:
            url = kwargs.get("url")
            _fail(explain(error, url if isinstance(url, str) else None), EXIT_RUNTIME)

    return wrapped


def warn(message: str) -> None:
    """Say on standard error what went wrong beside the work."""
    click.echo(f"driftline: {message}", err=True)


def _fail(message: str, code: int) -> NoReturn:
    warn(message)
    sys.exit(code)


def cluster_option(function: Callable[..., R]) -> Callable[..., R]:
    """The option that says where Elasticsearch is."""
    option = click.option(
        "--url",
        metavar="URL",
        help="Elasticsearch; default $ELASTICSEARCH_URL, else http://127.0.0.1:9200. "
        "Credentials come from $ELASTICSEARCH_API_KEY, or $ELASTICSEARCH_USERNAME and $ELASTICSEARCH_PASSWORD.",
    )
    return option(function)


def config_option(function: Callable[..., R]) -> Callable[..., R]:
    """The option that says where monitors.yml is."""
    option = click.option(
        "--config",
        "-c",
        type=click.Path(path_type=Path, dir_okay=False),
        default=Path("monitors.yml"),
        show_default=True,
        help="What to monitor.",
    )
    return option(function)


namespace_option = click.option("--namespace", metavar="NAME", help="Overrides the namespace of monitors.yml.")
json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON for machines.")


@contextmanager
def connected(url: str | None) -> Iterator[Elasticsearch]:
    """A client, closed in the end."""
    client = connect(url)
    try:
        yield client
    finally:
        client.close()


class Moment(click.ParamType[datetime]):
    """A date or a date and time, in UTC where it says nothing else."""

    name = "time"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> datetime:
        """Parse the text."""
        try:
            return value if isinstance(value, datetime) else parse_moment(value)
        except ValueError as error:
            self.fail(str(error), param, ctx)


@click.command()
@click.option(
    "--config",
    "-c",
    type=click.Path(path_type=Path, dir_okay=False),
    help="A monitors.yml, whose alerts are installed as watches where the cluster has Watcher, and as rules in Kibana.",
)
@namespace_option
@click.option("--kibana", metavar="URL", help="Kibana; default $KIBANA_URL. Its API key comes from $KIBANA_API_KEY.")
@click.option("--space", metavar="NAME", help="The space of Kibana; left out: the default one.")
@cluster_option
@json_option
@clear_errors
def setup(
    config: Path | None, namespace: str | None, kibana: str | None, space: str | None, url: str | None, *, as_json: bool
) -> None:
    r"""Install templates, pipelines and roles in the cluster, dashboards in Kibana, and with a monitors.yml rules too.

    A second call changes nothing, but that dashboards are written anew: copy one before you change it. What the cluster
    lacks is said, with what follows from it; none of it is needed for logging, analysing and reading.

    \b
    Examples:
      driftline setup
      driftline setup --kibana http://127.0.0.1:5601
      driftline setup --config monitors.yml --kibana https://kibana.example.org:5601
    """
    if config is None and namespace:
        msg = "--namespace is of the alerts of a monitors.yml: --config names it"
        raise click.UsageError(msg)
    found = Kibana.found(kibana, space)
    if space and not found:
        msg = "--space is of a Kibana: --kibana or $KIBANA_URL names it"
        raise click.UsageError(msg)
    made = export(configuration.load(config, namespace)) if config else None
    with connected(url) as client:
        installed = assets.install(client)
        actions = dict(installed.actions)
        if made and "watcher" not in installed.lacking:
            actions |= install_watches(client, made)
    if found:
        actions |= found.import_objects(assets.dashboards())
    if made and found:
        actions |= install_rules(found, made)
    if as_json:
        click.echo(orjson.dumps({"assets": actions, "lacking": installed.lacking}))
        return
    for name, action in actions.items():
        click.echo(f"{action:<9}  {name}")
    for feature, consequence in installed.lacking.items():
        click.echo(f"lacking    {feature}: {consequence}")


@click.command()
@config_option
@click.option("--namespace", metavar="NAME", default="default", show_default=True, help="Namespace of the streams.")
@click.option("--force", is_flag=True, help="Overwrite the file.")
@cluster_option
@clear_errors
def init(config: Path, namespace: str, url: str | None, *, force: bool) -> None:
    """Write a first monitors.yml from the predictions that are in the cluster.

    Each model found gets its task, its positive class, a window that holds enough predictions, its segments, and the
    first weeks of its predictions as reference: all to be read and corrected by you.
    """
    if config.exists() and not force:
        msg = f"{config}: exists already; --force overwrites it"
        raise ConfigError(msg)
    with connected(url) as client:
        text = first_file.write(Cluster(client, Streams(namespace)))
    config.write_text(text, encoding="utf-8")
    click.echo(f"wrote {config}: read it, then run `driftline analyze`", err=True)


@click.command()
@config_option
@namespace_option
@click.option("--model", metavar="NAME", help="Only this model.")
@click.option("--since", type=Moment(), help="Only windows that begin at or after this time.")
@click.option("--until", type=Moment(), help="Only windows that are complete by this time; default now.")
@click.option("--retry-orphans", is_flag=True, help="Try outcomes again that found no prediction for 30 days.")
@cluster_option
@json_option
@clear_errors
def analyze(
    config: Path,
    namespace: str | None,
    model: str | None,
    since: datetime | None,
    until: datetime | None,
    url: str | None,
    *,
    retry_orphans: bool,
    as_json: bool,
) -> None:
    r"""Join outcomes and bring the metrics of every complete window up to date.

    Windows that were analysed before and hold the same data are left alone; windows that got late predictions or
    outcomes are done again. The first run fills all history.

    \b
    Examples:
      driftline analyze
      driftline analyze --model arrival-delay --since 2013-06-01 --until 2013-07-01
    """
    monitors = configuration.load(config, namespace).select(model)
    now = until or datetime.now(UTC)
    period = Window(since or datetime(1970, 1, 1, tzinfo=UTC), now)
    with connected(url) as client, progress_bars(quiet=as_json) as progress:
        joined, summaries = runs.analyze(
            Cluster(client, monitors.streams),
            monitors,
            now,
            warn,
            period=period,
            retry_orphans=retry_orphans,
            progress=progress,
        )
    if as_json:
        click.echo(orjson.dumps({"outcomes": joined, "models": summaries}))
        return
    click.echo(f"outcomes: {joined.joined:,} joined, {joined.pending:,} waiting, {joined.orphans:,} orphaned")
    for summary in summaries:
        click.echo(_line(summary))
        for note in summary.notes:
            click.echo(f"  note: {note}")


def _line(summary: pipeline.Summary) -> str:
    if not summary.windows:
        return f"{summary.model}: no complete window of predictions found; nothing to analyse"
    verdicts = ", ".join(f"{count:,} {status}" for status, count in sorted(summary.statuses.items()))
    return (
        f"{summary.model}: {summary.analysed:,} windows analysed of {summary.windows:,} found"
        f"{f'; verdicts: {verdicts}; {summary.alarms:,} alarms began' if verdicts else '; nothing had changed'}"
        f"{f'; {summary.incidents:,} incidents are on' if summary.incidents else ''}"
    )


@click.command()
@config_option
@namespace_option
@click.option("--every", metavar="LENGTH", default="1m", show_default=True, help="How often, such as 30s, 5m, 1h.")
@click.option("--lookback", metavar="LENGTH", default="90d", show_default=True, help="How far back late data counts.")
@cluster_option
@clear_errors
def run(config: Path, namespace: str | None, every: str, lookback: str, url: str | None) -> None:
    """Join and analyse on a schedule, until SIGTERM or Ctrl-C, which let the window at hand be finished.

    A cluster that is away is said in one line and tried again at the next turn.
    """
    monitors = configuration.load(config, namespace)
    try:
        interval, reach = scheduler.parse_options(every, lookback)
    except ValueError as error:
        raise click.UsageError(str(error)) from error
    with connected(url) as client:
        scheduler.run(Cluster(client, monitors.streams), monitors, interval, reach)


@contextmanager
def progress_bars(*, quiet: bool = False) -> Iterator[pipeline.Progress]:
    """A bar for each phase that is reported, on standard error."""
    console = Console(stderr=True, quiet=quiet)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console) as bars:
        tasks: dict[str, Any] = {}

        def report(phase: str, done: int, total: int) -> None:
            if phase not in tasks:
                tasks[phase] = bars.add_task(phase, total=total)
            bars.update(tasks[phase], completed=done, total=total)

        yield report
