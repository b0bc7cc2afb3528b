"""The how-to pages of the light client are kept true by running them."""

from __future__ import annotations

import json
import re
from pathlib import Path

import structlog

from driftline.ingest.sources import mapping

PAGES = Path(__file__).parents[2] / "docs" / "how-to"


def blocks(page: str, language: str) -> list[str]:
    """The code blocks of a page in one language."""
    return re.findall(
        rf"^```{language}\n(.*?)^```", (PAGES / page).read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE
    )


def test_the_page_on_logging_runs(tmp_path, monkeypatch, capsys):
    """Every block of Python, in the order of the page; what it logs are documents, and none is rejected."""
    monkeypatch.chdir(tmp_path)
    try:
        for block in blocks("log-predictions.md", "python"):
            structlog.reset_defaults()
            exec(compile(block, "log-predictions.md", "exec"), {})
    finally:
        structlog.reset_defaults()
    printed = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    filed = [json.loads(line) for line in (tmp_path / "predictions.jsonl").read_text().splitlines()]
    kinds = ["driftline.predictions", "driftline.outcomes", "driftline.changes"]
    for lines in (printed, filed):
        assert [line["event"]["dataset"] for line in lines] == kinds
    assert printed[0]["features"] == {"age": 41, "plan": "gold"}


def test_the_page_on_history_shows_the_example_that_the_command_prints():
    """A reader copies either."""
    assert mapping.EXAMPLE in blocks("load-history.md", "yaml")
