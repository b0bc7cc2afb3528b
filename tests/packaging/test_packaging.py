"""What people install: an sdist, the wheel made from it, and the light client alone."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import zipfile
from pathlib import Path

from benchmarks.client import run as client
from benchmarks.client.run import run

ROOT = Path(__file__).resolve().parents[2]
TEMPLATE = "analyzers/alerts/delivery/templates/title.txt.j2"
HEAVY = ("pandas", "scipy", "apscheduler", "numpy", "pyarrow", "click", "yaml", "elasticsearch", "sklearn")


def test_the_light_client_brings_little(light):
    """A service gets structlog, orjson and the Elasticsearch client, and what that needs: few, small and light."""
    names = client.distributions(light)
    assert names >= {"driftline", "elasticsearch", "orjson", "structlog"}
    assert len(names) <= client.MOST_DISTRIBUTIONS, names
    assert 1 < client.megabytes(light) < client.MOST_MEGABYTES


def test_the_light_client_logs_to_standard_output(light, tmp_path):
    """A prediction is a line of JSON, and the client of Elasticsearch is not even loaded for it."""
    code = (
        "import sys, driftline.ingest as d\n"
        f"loaded = [n for n in {HEAVY!r} if n in sys.modules]\n"
        "d.configure('api')\n"
        "d.ModelLogger('m', 'binary').prediction(score=0.5, features={'a': loaded == []})\n"
        f"assert not [n for n in {HEAVY!r} if n in sys.modules]\n"
    )
    document = json.loads(run(light, "-W", "error", "-c", code, cwd=tmp_path))
    assert document["event"]["dataset"] == "driftline.predictions"
    assert (document["prediction"], document["features"]) == ({"score": 0.5}, {"a": "true"})


def test_a_template_can_be_read_from_the_wheel(light):
    """Templates are package data."""
    code = (
        "import importlib.resources as r, json;"
        "f = r.files('driftline') / 'index_templates/indices/driftline-predictions.json';"
        "print(json.loads(f.read_text())['index_patterns'][0])"
    )
    assert run(light, "-c", code).strip() == "logs-driftline.predictions-*"


def test_the_dashboards_can_be_read_from_the_wheel(light):
    """They are one file, behind a link in the checkout."""
    code = (
        "import importlib.resources as r, json;"
        "lines = (r.files('driftline') / 'kibana.ndjson').read_text(encoding='utf-8').splitlines();"
        "print(sum(json.loads(line)['type'] == 'dashboard' for line in lines))"
    )
    assert run(light, "-c", code).strip() == "6"


def test_the_command_line_says_what_it_needs(light):
    """Without the extra the command is a clear line and exit code 1."""
    done = subprocess.run([light.with_name("driftline"), "setup"], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert done.stderr.strip() == (
        "driftline: the command line needs `pip install 'driftline[analyzers]'`, and `driftline ship` alone "
        "`pip install 'driftline[ship]'`; the logger needs neither"
    )


def test_importing_the_client_loads_nothing_heavy():
    """Where the heavy packages are installed, the client still loads none of them, and rich only if structlog does."""
    code = "import sys, {0}; print(sorted(n for n in sys.modules if n in {1!r}))"
    assert run(sys.executable, "-c", code.format("driftline.ingest", HEAVY)).strip() == "[]"
    rich = [run(sys.executable, "-c", code.format(name, ("rich",))) for name in ("structlog", "driftline.ingest")]
    assert rich[0] == rich[1]


def test_the_wheel_holds_one_namespace(wheel):
    """Everything is below `driftline`, and every room is there."""
    names = zipfile.ZipFile(wheel).namelist()
    assert {name.split("/")[0] for name in names if ".dist-info" not in name} == {"driftline"}
    for part in (
        "ingest/logger.py",
        "analyzers/pipeline.py",
        "local/elasticsearch.pom.xml",
        "py.typed",
        "cli.py",
        TEMPLATE,
        "analyzers/report/templates/base.html.j2",
        "analyzers/report/templates/charts.js",
        "analyzers/report/templates/style.css",
    ):
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
