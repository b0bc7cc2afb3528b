"""Runbooks: one for each kind of trouble, all of the same form, and what they tell people to type runs."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest
from click.testing import CliRunner
from synthetic import documents, sample

from driftline.analyzers import monitors
from driftline.analyzers.alerts.places import Places
from driftline.analyzers.alerts.records import Kind
from driftline.cli import main
from driftline.ingest.events import Task

ROOT = Path(__file__).resolve().parents[2]
FOLDER = ROOT / "docs" / "runbooks"
BLOCK = re.compile(r"^```sh\n(.*?)^```", re.MULTILINE | re.DOTALL)
HEADINGS = ["What it means", "Look first", "Usual causes", "What to do", "When to silence"]
PAGES = [*(FOLDER / f"{kind.value}.md" for kind in Kind), ROOT / "docs" / "how-to" / "read-the-evidence.md"]


def test_each_kind_has_its_page_and_no_page_is_of_no_kind():
    """The links of incidents are made from the names of the kinds."""
    assert {page.stem for page in FOLDER.glob("*.md")} == {"README", *(kind.value for kind in Kind)}


@pytest.mark.parametrize("kind", list(Kind))
def test_runbooks_have_one_form(kind):
    """Whoever is called knows where to look on each of them."""
    text = (FOLDER / f"{kind.value}.md").read_text()
    assert re.findall(r"^## (.*)$", text, re.MULTILINE) == HEADINGS
    assert text.startswith(f"# {kind.value.capitalize()}: ")
    assert BLOCK.findall(text)


@pytest.fixture
def commands(ship, cluster):
    """The commands of a page, in this test's namespace, which holds predictions of the model that pages name."""
    ship(documents(sample(Task.BINARY, 50), cluster.streams.namespace, model="arrival-delay"))
    cluster.refresh(cluster.streams.predictions)

    def read(page):
        text = page.read_text().replace("namespace demo", f"namespace {cluster.streams.namespace}")
        return [shlex.split(line) for block in BLOCK.findall(text) for line in block.splitlines()]

    return read


def test_the_configuration_that_is_shown_is_valid():
    """And links lead where it says."""
    text = (ROOT / "docs" / "how-to" / "read-the-evidence.md").read_text()
    (shown,) = re.findall(r"^```yaml\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
    (model,) = monitors.parse(shown).models
    assert model.places == Places("https://kibana.example:5601/s/ml", "https://wiki.example/runbooks")


def test_what_pages_tell_people_to_type_runs(commands):
    """Each command of each page is one that there is, with a query that Elasticsearch understands."""
    found = [words for page in PAGES for words in commands(page)]
    assert len(found) > 20
    for program, *arguments in found:
        assert program == "driftline"
        result = CliRunner().invoke(main, arguments)
        assert result.exit_code == 0, (arguments, result.output)
