"""The `driftline` command: gathers the commands of each room, importing a room only when one of its commands runs."""

from __future__ import annotations

import sys
from importlib import import_module

try:
    import click
except ImportError:
    sys.exit(
        "driftline: the command line needs `pip install 'driftline[analyzers]'`, and `driftline ship` alone "
        "`pip install 'driftline[ship]'`; the logger needs neither"
    )

COMMANDS = {
    "up": ("driftline.local.commands", "Start a local Elasticsearch, or wait for the one at ELASTICSEARCH_URL."),
    "down": ("driftline.local.commands", "Stop the local Elasticsearch; its data stays."),
    "status": ("driftline.local.commands", "Say which Elasticsearch is used and how it is."),
    "setup": ("driftline.analyzers.commands", "Install templates, pipelines and roles in the cluster."),
    "load": ("driftline.ingest.commands", "Load past predictions and outcomes from files."),
    "ship": ("driftline.ingest.commands", "Ship events from log files or Kafka, until stopped."),
    "init": ("driftline.analyzers.commands", "Write a first monitors.yml from what is in the cluster."),
    "reference": ("driftline.analyzers.training.commands", "Store a training set as what windows are compared with."),
    "analyze": ("driftline.analyzers.commands", "Join outcomes and bring the metrics up to date."),
    "run": ("driftline.analyzers.commands", "Analyse on a schedule, until stopped."),
    "metrics": ("driftline.analyzers.reading.commands", "Show metrics and their verdicts."),
    "alerts": ("driftline.analyzers.alerts.commands", "Incidents: what is on, why, and what people do about it."),
    "report": ("driftline.analyzers.report.commands", "Write one page on an incident, or on a period of a model."),
    "objectives": ("driftline.analyzers.objectives.commands", "Show what is promised of models, and how it is kept."),
    "plan": (
        "driftline.analyzers.planning.commands",
        "Replay the rules over stored history, before they call anybody.",
    ),
    "compliance": ("driftline.analyzers.reading.compliance", "Export how fairly groups were treated, for an audit."),
    "predictions": ("driftline.analyzers.reading.commands", "Search single predictions."),
    "ui": ("driftline.analyzers.ui.commands", "Serve pages over all this on this machine, for a browser."),
}
"""Where each command lives, and what it does in one line, so that `--help` imports none of them."""


def _with_paragraphs(command: click.Command) -> click.Command:
    """Let paragraphs keep their lines: a raw docstring has two characters where click looks for the one they mean."""
    command.help = command.help and command.help.replace("\\b\n", "\b\n")
    if isinstance(command, click.Group):
        for part in command.commands.values():
            _with_paragraphs(part)
    return command


class Rooms(click.Group):
    """A group whose commands are imported when they are called."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """The commands in the order in which they are used."""
        del ctx
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import one command; None when there is none of this name."""
        del ctx
        if cmd_name not in COMMANDS:
            return None
        module = import_module(COMMANDS[cmd_name][0])
        # `import` cannot name a variable, so a command whose name is a module's own word may carry an underscore.
        command: click.Command = getattr(module, cmd_name, None) or getattr(module, f"{cmd_name}_")
        return _with_paragraphs(command)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List the commands without importing them."""
        del ctx
        with formatter.section("Commands"):
            formatter.write_dl([(name, text) for name, (_, text) in COMMANDS.items()])


@click.command(cls=Rooms, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(package_name="driftline")
def main() -> None:
    r"""Monitor machine-learning models with the Elasticsearch you already run.

    \b
    Services log each prediction as one structured event; Elasticsearch does the counting; Driftline joins late
    outcomes, compares each window with a reference, and says what went wrong, when, and in which predictions.

    \b
    First steps:
      driftline up                 a local Elasticsearch, if you have none at hand
      driftline setup              templates and pipelines
      driftline init               a first monitors.yml from the predictions that are there
      driftline analyze            metrics and verdicts
      driftline alerts list        what is wrong now, and since when
    """


_with_paragraphs(main)

if __name__ == "__main__":
    main()
