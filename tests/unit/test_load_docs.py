"""The how-to pages of the light client are kept true by running them."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

from driftline.ingest.sources import mapping

PAGES = Path(__file__).parents[2] / "docs" / "how-to"


def blocks(page: str, language: str) -> list[str]:
    """The code blocks of a page in one language."""
    return re.findall(
        rf"^```{language}\n(.*?)^```", (PAGES / page).read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE
    )


def test_the_page_on_logging_runs(tmp_path):
    """Every block of Python; what it logs are documents, and none is rejected."""
    printed: list[dict[str, Any]] = []
    for block in blocks("log-predictions.md", "python"):
        done = subprocess.run([sys.executable, "-c", block], cwd=tmp_path, capture_output=True, text=True, check=True)
        printed += map(json.loads, done.stdout.splitlines())
    filed = [json.loads(line) for line in (tmp_path / "predictions.jsonl").read_text().splitlines()]
    kinds = ["driftline.predictions", "driftline.outcomes", "driftline.changes"]
    for lines in (printed, filed):
        assert [line["event"]["dataset"] for line in lines] == kinds
    assert printed[0]["features"] == {"age": 41, "plan": "gold"}


def test_the_page_on_history_shows_the_example_that_the_command_prints():
    """A reader copies either."""
    assert mapping.EXAMPLE in blocks("load-history.md", "yaml")
