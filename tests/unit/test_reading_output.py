"""How the reading commands print."""

from __future__ import annotations

import pytest

from driftline.analyzers.reading import output

HIT = {
    "_source": {
        "@timestamp": "2026-03-01T12:00:00.000Z",
        "event": {"id": "p[red]"},
        "model": {"name": "churn", "version": "1"},
    }
}


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, ""),
        (0, "0"),
        (0.25, "0.25"),
        (0.123456, "0.1235"),
        (12345.6, "12,346"),
        (-20_000, "-20,000"),
        (3e-9, "3e-09"),
    ],
)
def test_numbers_are_short(value, text):
    """Four significant digits, thousands whole and grouped, nothing for what is not known."""
    assert output.number(value) == text


def test_a_prediction_without_an_answer_is_a_line_of_what_is_known(capsys):
    """A failed prediction has no score, label, outcome or loss: its cells are empty."""
    output.print_predictions([HIT])
    cells = capsys.readouterr().out.splitlines()[1].split("\t")
    assert cells == ["2026-03-01 12:00:00", "p[red]", "churn 1", "", "", "", "", ""]


def test_names_are_never_taken_for_markup(capsys, monkeypatch):
    """On a terminal, square brackets in a name are printed as they are."""
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("COLUMNS", "200")
    output.print_predictions([HIT])
    assert "p[red]" in capsys.readouterr().out


def test_csv_of_nothing_is_nothing(capsys):
    """No line of headings without columns."""
    output.print_csv([])
    assert not capsys.readouterr().out


def test_csv_flattens_and_fills(capsys):
    """Nested fields get dotted names; a field that a document lacks is empty."""
    output.print_csv([{"a": {"b": 1}}, {"a": {"b": 2, "c": "x,y"}}])
    assert capsys.readouterr().out == 'a.b,a.c\n1,\n2,"x,y"\n'


def test_a_screen_shows_only_columns_in_which_something_stands(capsys, monkeypatch):
    """Piped, all columns are there for scripts; on a terminal the empty ones leave room for the others."""
    output.print_predictions([HIT])
    assert "outcome" in capsys.readouterr().out
    monkeypatch.setenv("FORCE_COLOR", "1")
    output.print_predictions([HIT])
    shown = capsys.readouterr().out
    assert "outcome" not in shown
    assert "churn 1" in shown
