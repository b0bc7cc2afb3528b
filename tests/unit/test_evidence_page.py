"""The page of what was measured is made from the figures that were measured."""

from __future__ import annotations

from pathlib import Path

from benchmarks import page

ROOT = Path(__file__).resolve().parents[2]


def test_the_page_tells_the_figures_that_are_stored():
    """Every figure with a goal stands there, and whether it holds."""
    text = (ROOT / "docs" / "reference" / "evidence.md").read_text()
    assert text == page.markdown(), "run `make docs`"
    assert "| healthy month, 100 features: series that fired |" in text
    assert "1,000 | 0.25 | 100% in 2 |" in text
