"""The command reference."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, ParamSpec, TypeVar

import click
import orjson

from driftline.ingest.checks import EventError
from driftline.ingest.sources import mapping as mappings
from driftline.ingest.sources import tables

from .. import monitors as configuration
from ..cluster import Cluster, StoreError
from ..commands import (
    clear_errors,
    cluster_option,
    config_option,
    connected,
    json_option,
    namespace_option,
    progress_bars,
)
from ..settings import ConfigError
from ..windows import iso
from . import stored
from .learn import Learnt, UnfitError, learn
from .table import Table, read

if TYPE_CHECKING:
    from ..monitors import Model, Monitors
    from ..pipeline import Progress

P = ParamSpec("P")
R = TypeVar("R")

STEP = 1_000
"""Rows between two movements of the progress bar."""


@dataclass(frozen=True, slots=True)
class Loaded:
    """A training set that was read.

    Attributes:
        table: Its rows.
        refused: Rows that no service could have logged; they are left out.
        reason: Why the first of them was refused.
    """

    table: Table
    refused: int
    reason: str | None


def _bad_input(function: Callable[P, R]) -> Callable[P, R]:
    """Bad tables and mappings are wrong requests, as a bad monitors.yml is."""

    @functools.wraps(function)
    def wrapped(*args: P.args, **kwargs: P.kwargs) -> R:
        try:
            return function(*args, **kwargs)
        except (mappings.MappingError, tables.TableError) as error:
            raise ConfigError(str(error)) from error

    return wrapped


@click.command()
@click.argument("file", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@config_option
@namespace_option
@click.option(
    "--model", metavar="NAME", help="The model that was trained; needed where several are compared with files."
)
@click.option(
    "--mapping",
    "mapping_file",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    help="YAML: which column is which, as `driftline load --example-mapping` prints one; a training set needs no id, "
    "timestamp, model and task. Left out: columns are the features and segments of their names.",
)
@cluster_option
@json_option
@clear_errors
@_bad_input
def reference(
    file: Path,
    config: Path,
    namespace: str | None,
    model: str | None,
    mapping_file: Path | None,
    url: str | None,
    *,
    as_json: bool,
) -> None:
    r"""Store a training set as what the windows of a model are compared with.

    FILE is CSV, JSON lines or Parquet. Bins are chosen from it, and what is stored is counts in these bins, of all rows
    and of each segment; no row leaves this machine. Another file, stored later, takes its place, and the next analysis
    judges every window anew. In monitors.yml the model says

    \b
      reference: {kind: file}

    \b
    Examples:
      driftline reference train.parquet
      driftline reference holdout.csv --model fraud --mapping training.yml
    """
    monitors = configuration.load(config, namespace)
    chosen = _model(monitors, model, config)
    mapping = _mapping(file, mapping_file, chosen, config)
    with progress_bars(quiet=as_json) as progress:
        loaded = _load(file, mapping, chosen, progress)
    try:
        learnt = learn(loaded.table, chosen)
    except UnfitError as error:
        msg = f"{file}: {error}"
        raise ConfigError(msg) from error
    with connected(url) as client:
        cluster = Cluster(client, monitors.streams)
        if not cluster.has_templates():
            msg = "the cluster has no templates of Driftline yet: run `driftline setup`"
            raise StoreError(msg)
        changed = stored.keep(cluster, chosen, learnt, iso(datetime.now(UTC)))
    _tell(file, chosen, loaded, learnt, changed=changed, as_json=as_json)


def _model(monitors: Monitors, name: str | None, config: Path) -> Model:
    models = monitors.select(name).models
    compared = [model for model in models if isinstance(model.reference, stored.TrainingSet)]
    if not compared:
        who = f"model {name!r} has another reference" if name else "no model is compared with a file"
        msg = f"{config}: {who}; where one is, it says `reference: {{kind: file}}`"
        raise ConfigError(msg)
    if len(compared) > 1:
        msg = f"--model: is missing, allowed: {', '.join(model.name for model in compared)}"
        raise ConfigError(msg)
    return compared[0]


def _mapping(file: Path, mapping_file: Path | None, model: Model, config: Path) -> mappings.TableMapping:
    """Which column is which, for this very file."""
    rows = [row for row in tables.head(file) if isinstance(row, Mapping)]
    columns = tables.columns(rows)
    if mapping_file is not None:
        mapping = mappings.load(mapping_file, training=True)
    else:
        segments = {name: mappings.Field(name) for name in model.segments if name in columns}
        features = None if model.features is None else {name: mappings.Field(name) for name in model.features}
        kinds = model.features or {}
        texts = frozenset(name for name in columns if kinds.get(name) == "categorical")
        mapping = mappings.TableMapping({}, features=features, segments=segments, texts=texts)
    mappings.check_columns(mapping, columns, str(mapping_file or config), file.name)
    return mapping.fitted(rows) if tables.kind(file) in (".csv", ".tsv") else mapping


def _load(file: Path, mapping: mappings.TableMapping, model: Model, progress: Progress) -> Loaded:
    """Read the rows.

    Raises:
        ConfigError: None of them can be used.
    """
    table, total, refused, reason = Table(model), tables.count(file), 0, None
    number = 0
    for number, row in tables.rows(file):
        try:
            table.add(read(mapping, model, row))
        except EventError as error:
            refused += 1
            reason = reason or f"row {number}: {error}"
        if number % STEP == 0:
            progress(file.name, number, max(total, number))
    progress(file.name, number, number)
    if not table.size:
        msg = f"{file}: none of its {refused:,} rows can be used; the first, {reason}"
        raise ConfigError(msg)
    return Loaded(table, refused, reason)


def _tell(file: Path, model: Model, loaded: Loaded, learnt: Learnt, *, changed: bool, as_json: bool) -> None:
    segments = [segment for segment in learnt.profiles if segment is not None]
    numeric, categorical = list(learnt.binning.numeric), list(learnt.binning.categorical)
    lacking = sorted(set(model.segments) - {name for name, _ in segments})
    if as_json:
        told = {"file": str(file), "model": model.name, "rows": loaded.table.size, "refused": loaded.refused}
        told |= {"reason": loaded.reason, "labelled": learnt.profiles[None].labelled}
        told |= {"numeric": numeric, "categorical": categorical, "segments": segments}
        click.echo(orjson.dumps(told | {"content": learnt.content, "changed": changed}))
        return
    click.echo(f"{file}: {loaded.table.size:,} rows are the reference of {model.name!r}")
    if loaded.refused:
        click.echo(f"{loaded.refused:,} rows were refused and are left out, the first: {loaded.reason}")
    click.echo(f"numeric features: {', '.join(numeric) or 'none'}")
    click.echo(f"categorical features: {', '.join(categorical) or 'none'}")
    click.echo(f"segments: {', '.join('='.join(segment) for segment in segments) or 'none'}")
    for name in lacking:
        click.echo(f"segment {name!r} is not in the file: its values are compared with nothing")
    click.echo(
        "run `driftline analyze`: it judges all windows anew"
        if changed
        else "the same was stored before: no window is judged anew"
    )
