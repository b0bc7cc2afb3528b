"""What the page on searching predictions shows is what the commands take."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import click
import pytest

from driftline.analyzers.alerts.commands import alerts
from driftline.analyzers.reading import commands, kql

PAGE = Path(__file__).parents[2] / "docs" / "how-to" / "search-predictions.md"
TEXT = PAGE.read_text(encoding="utf-8")
EXAMPLES = re.findall(r"^(?:\$ )?driftline (.+)$", TEXT, re.MULTILINE)
WRONG = "prediction.score >= 0.8 and late"


@pytest.mark.parametrize("example", EXAMPLES)
def test_examples_are_understood(example):
    """Every option exists, and every query but the one that shows an error can be read."""
    name, *arguments = shlex.split(example)
    command: click.Command = alerts.commands[arguments.pop(0)] if name == "alerts" else getattr(commands, name)
    context = command.make_context(name, arguments)
    query = context.params.get("query", "")
    if query != WRONG:
        kql.parse(query)


@pytest.mark.parametrize("query", re.findall(r"^\| `([^`]+)` \|", TEXT, re.MULTILINE))
def test_the_table_of_the_language_is_true(query):
    """Each line of it can be read."""
    kql.parse(query)


def test_the_error_is_shown_as_it_is():
    """The page's example of an error is the error."""
    with pytest.raises(kql.QueryError) as caught:
        kql.parse(WRONG)
    assert f"Error: {caught.value}\n" in TEXT


def test_every_option_of_the_reading_commands_is_explained():
    """`--help` says what each option does."""
    options = [
        option
        for command in (commands.metrics, commands.predictions, *alerts.commands.values())
        for option in command.params
        if isinstance(option, click.Option)
    ]
    assert options
    assert all(option.help for option in options)
