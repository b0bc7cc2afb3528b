"""The command `alerts export`."""

from __future__ import annotations

from pathlib import Path

import click
import orjson

from ... import monitors as configuration
from ...commands import clear_errors, config_option, json_option, namespace_option
from .files import RUNBOOKS, System, files


@click.command()
@click.option(
    "--kibana", "systems", flag_value=System.KIBANA, multiple=True, help="Rules of Kibana, and their connectors."
)
@click.option(
    "--watcher", "systems", flag_value=System.WATCHER, multiple=True, help="Watches of Elasticsearch's Watcher."
)
@click.option(
    "--prometheus", "systems", flag_value=System.PROMETHEUS, multiple=True, help="Alerting rules and their tests."
)
@click.option(
    "--output",
    "-o",
    type=click.Path(path_type=Path, file_okay=False),
    default=Path("kibana"),
    show_default=True,
    help="The folder that gets rules/, connectors/, watches/ and prometheus/.",
)
@click.option("--runbooks", metavar="URL", default=RUNBOOKS, show_default=True, help="Where the runbooks are.")
@config_option
@namespace_option
@json_option
@clear_errors
def export(
    systems: tuple[System, ...],
    output: Path,
    runbooks: str,
    config: Path,
    namespace: str | None,
    *,
    as_json: bool,
) -> None:
    r"""Write monitors.yml as rules of other systems: Kibana, Watcher, Prometheus; all of them unless some are named.

    The same file gives the same rules under the same ids, so that exporting and installing again updates them. Kibana's
    need no paid licence, watches do. `driftline setup --config` installs them; Prometheus reads its files by itself.

    \b
    Examples:
      driftline alerts export --kibana --config monitors.yml -o kibana
      driftline alerts export --prometheus -o /etc/prometheus --runbooks https://wiki.example.org/runbooks
    """
    monitors = configuration.load(config, namespace)
    made = files(monitors, systems or tuple(System), runbooks.rstrip("/"))
    for name, text in made.items():
        file = output / name
        try:
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text, encoding="utf-8")
        except OSError as error:
            msg = f"--output: cannot write {file}: {error.strerror}"
            raise click.ClickException(msg) from error
    if as_json:
        click.echo(orjson.dumps({"files": [str(output / name) for name in made]}))
    else:
        click.echo("\n".join(str(output / name) for name in made))
