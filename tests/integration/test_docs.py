"""The documentation says what is so: its commands run, its code runs, and nothing is left out."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from click.testing import CliRunner

from driftline.analyzers import monitors
from driftline.cli import COMMANDS, main

ROOT = Path(__file__).resolve().parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
BLOCK = re.compile(r"^```(\w+)\n(.*?)^```", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"\]\((?!https?://|#)([^)#]+)")
# These start and stop a server or fetch packages; tests of their own run them.
GROUPS = ("alerts",)
"""Commands that have commands of their own."""
ELSEWHERE = ("driftline up", "driftline down", "pip install", "make ")
AFTER_THE_TOUR = [
    ROOT / "docs" / "how-to" / name
    for name in (
        "choose-a-reference.md",
        "keep-false-alarms-few.md",
        "estimate-performance.md",
        "wait-for-labels.md",
        "watch-fairness.md",
        "keep-objectives.md",
        "find-what-single-features-hide.md",
        "read-a-drift-alarm.md",
        "act-on-incidents.md",
        "read-an-incident-page.md",
        "use-kibana-watcher-or-prometheus.md",
    )
]


@pytest.mark.usefixtures("client")
def test_the_tour_runs(tmp_path, elasticsearch_url, namespace):
    """Every block of the README's tour, in its order, as a reader would run it, and of the pages that go on from it."""
    environment = os.environ | {"ELASTICSEARCH_URL": elasticsearch_url, "PATH": path_with_driftline()}
    said = []
    pages = (ROOT / "README.md", *AFTER_THE_TOUR)
    for language, block in (found for page in pages for found in BLOCK.findall(page.read_text())):
        text = block.replace('"tour"', f'"{namespace}"').replace("namespace tour", f"namespace {namespace}")
        if language == "python":
            said.append(run([sys.executable, "-c", text], tmp_path, environment))
        elif language == "sh":
            lines = (line for line in text.splitlines() if not line.startswith(ELSEWHERE))
            said.extend(run(shlex.split(line), tmp_path, environment) for line in lines)
    output = "\n".join(said)
    assert "5,000 joined, 0 waiting" in output
    incidents = next(text for text in said if text.startswith("severity\t"))
    assert "firing" in incidents
    assert "amount" in incidents
    assert re.search(r"roc_auc\t.*\tcritical", output)


def run(command: list[str], folder: Path, environment: dict[str, str]) -> str:
    """Run a command that must succeed."""
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{command}: {done.stdout}{done.stderr}"
    return done.stdout


def path_with_driftline() -> str:
    """The search path, with this environment's commands first."""
    return f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_somewhere(page):
    """Every relative link is to a file that is there."""
    for target in LINK.findall(page.read_text()):
        assert (page.parent / target).exists(), target


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_commands_in_the_docs_exist(page):
    """Every `driftline` command and option that a page shows is one that there is."""
    for language, block in BLOCK.findall(page.read_text()):
        for line in block.replace("\\\n", " ").splitlines() if language == "sh" else ():
            if not line.startswith("driftline "):
                continue
            name, *arguments = shlex.split(line, comments=True)[1:]
            part = arguments[:1] if name in GROUPS else []
            helped = CliRunner().invoke(main, [name, *part, "--help"])
            assert helped.exit_code == 0, line
            for option in (argument.partition("=")[0] for argument in arguments if argument.startswith("--")):
                assert option in helped.output, line


def test_every_command_is_explained():
    """Each command has help that says what it does, and one line in the list of all."""
    listing = CliRunner().invoke(main, ["--help"]).output
    for name in COMMANDS:
        helped = CliRunner().invoke(main, [name, "--help"])
        assert helped.exit_code == 0
        assert len(helped.output) > 200, name
        assert f"  {name} " in listing


def test_the_page_about_monitors_shows_a_valid_file():
    """The example of the reference page is read without complaint, and shows every key."""
    ((_, text), *_) = [b for b in BLOCK.findall((ROOT / "docs/reference/monitors.md").read_text()) if b[0] == "yaml"]
    (model,) = monitors.parse(text).models
    assert model.name == "arrival-delay"
    assert set(yaml.safe_load(text)["models"][0]) == monitors._KEYS - {"alpha"}


@pytest.mark.parametrize("page", AFTER_THE_TOUR, ids=lambda page: page.name)
def test_configurations_in_the_how_to_are_valid(page):
    """Each example of a monitors.yml is read without complaint."""
    for language, text in BLOCK.findall(page.read_text()):
        if language == "yaml":
            assert monitors.parse(text).models


def test_the_demo_is_configured_by_a_valid_file():
    """What the demo monitors is in a file that anyone can read."""
    (model,) = monitors.load(ROOT / "demo" / "monitors.yml").models
    assert model.name == "arrival-delay"
