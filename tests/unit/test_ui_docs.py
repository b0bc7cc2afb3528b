"""What the page on looking without Kibana says is so."""

from __future__ import annotations

import re
from pathlib import Path

from driftline.analyzers.ui import app, courses, fleet, model, predictions
from driftline.ingest.streams import Streams

TEXT = (Path(__file__).parents[2] / "docs" / "how-to" / "look-without-kibana.md").read_text(encoding="utf-8")


class Nowhere:
    """A cluster that nobody asks."""

    streams = Streams()


def test_the_pages_that_it_lists_are_those_that_there_are():
    """Each with its address, and none is left out."""
    listed = set(re.findall(r"^\| \w+, `(/[^?`]*)", TEXT, re.MULTILINE))
    served = {
        rule.rule.replace("<identity>", "<id>") for rule in app.create(app.Pages(Nowhere(), "")).url_map.iter_rules()
    }
    assert listed == {path for path in served if not path.startswith("/assets/")}


def test_the_numbers_in_it_are_those_of_the_code():
    """Periods, windows, and the size from which on a course is one."""
    assert ", ".join(list(fleet.DAYS)[:-1]) + " or " + list(fleet.DAYS)[-1] in TEXT
    assert f"of more than {courses.WINDOWS} windows" in TEXT
    assert model.FEWEST_WINDOWS == 20
    assert "at least twenty" in TEXT


def test_no_page_turns_further_than_elasticsearch_does():
    """A page of single predictions ends at its ten-thousandth."""
    assert predictions.PAGE * predictions.LAST == 10_000
