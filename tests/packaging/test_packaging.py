"""What people install: an sdist, the wheel made from it, and the light client alone."""

from __future__ import annotations

import re
import subprocess
import sys
import venv
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
HEAVY = ("pandas", "scipy", "apscheduler", "numpy", "pyarrow", "click", "yaml", "elasticsearch")


def run(*command: object, **options) -> str:
    """Run a command that must succeed."""
    done = subprocess.run([str(part) for part in command], capture_output=True, text=True, check=False, **options)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def wheel(tmp_path_factory) -> Path:
    """The wheel that is built from the sdist."""
    folder = tmp_path_factory.mktemp("dist")
    run(sys.executable, "-m", "build", "--outdir", folder, cwd=ROOT)
    assert len(list(folder.glob("*.tar.gz"))) == 1
    (found,) = folder.glob("*.whl")
    return found


@pytest.fixture(scope="module")
def light(wheel, tmp_path_factory) -> Path:
    """A fresh environment with the wheel and what it needs, nothing else: its Python."""
    folder = tmp_path_factory.mktemp("fresh")
    venv.create(folder, with_pip=True)
    python = folder / "bin" / "python"
    run(python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", wheel)
    return python


def test_the_light_client_brings_little(light):
    """A service gets structlog, orjson and the Elasticsearch client, and what that needs."""
    installed = run(light, "-m", "pip", "list", "--format=freeze", "--disable-pip-version-check")
    names = {re.split("==| ", line)[0].lower() for line in installed.splitlines()}
    assert not names & {"pandas", "scipy", "numpy", "apscheduler", "pyarrow", "click", "rich", "pyyaml"}
    assert len(names) <= 16, names


def test_the_light_client_works(light, tmp_path):
    """It logs a prediction without anything else being there."""
    code = (
        "import driftline.ingest as d, structlog\n"
        "d.configure('api', file='out.jsonl')\n"
        "d.ModelLogger('m', 'binary').prediction(score=0.5)\n"
    )
    run(light, "-W", "ignore", "-c", code, cwd=tmp_path)
    assert '"dataset":"driftline.predictions"' in (tmp_path / "out.jsonl").read_text()


def test_a_template_can_be_read_from_the_wheel(light):
    """Templates are package data."""
    code = (
        "import importlib.resources as r, json;"
        "f = r.files('driftline') / 'index_templates/indices/driftline-predictions.json';"
        "print(json.loads(f.read_text())['index_patterns'][0])"
    )
    assert run(light, "-c", code).strip() == "logs-driftline.predictions-*"


def test_the_command_line_says_what_it_needs(light):
    """Without the extra the command is a clear line and exit code 1."""
    done = subprocess.run([light.with_name("driftline"), "setup"], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert done.stderr.strip() == (
        "driftline: the command line needs `pip install 'driftline[analyzers]'`; the logger alone does not"
    )


def test_importing_the_client_loads_nothing_heavy():
    """Where the heavy packages are installed, the client still loads none of them."""
    code = f"import sys, driftline.ingest; print([n for n in {HEAVY!r} if n in sys.modules])"
    assert run(sys.executable, "-c", code).strip() == "[]"


def test_the_wheel_holds_one_namespace(wheel):
    """Everything is below `driftline`, and every room is there."""
    names = zipfile.ZipFile(wheel).namelist()
    assert {name.split("/")[0] for name in names if ".dist-info" not in name} == {"driftline"}
    for part in ("ingest/logger.py", "analyzers/pipeline.py", "local/elasticsearch.pom.xml", "py.typed", "cli.py"):
        assert f"driftline/{part}" in names


def test_no_module_imports_a_root_folder_by_its_own_name():
    """`import ingest` would work in a checkout and nowhere else."""
    wrong = re.compile(r"^\s*(?:import|from) (ingest|analyzers|local|index_templates)\b", re.MULTILINE)
    found = [
        f"{path.relative_to(ROOT)}: {match[0].strip()}"
        for folder in ("ingest", "analyzers", "local", "demo", "benchmarks", "tests")
        for path in (ROOT / folder).rglob("*.py")
        if path != Path(__file__)
        for match in wrong.finditer(path.read_text())
    ]
    assert not found
