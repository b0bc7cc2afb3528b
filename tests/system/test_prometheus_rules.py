"""Prometheus itself checks and tests the exported rules."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml

from driftline.analyzers import monitors
from driftline.analyzers.alerts.export import files

ROOT = Path(__file__).parents[2]
DEMO = (ROOT / "demo" / "monitors.yml").read_text()
SEVERAL = """
namespace: shop
models:
  - {name: every minute, task: regression, window: 1m}
  - {name: 'say "no" \\ été', task: multiclass, window: week, lateness: 36h}
  - name: fair
    task: binary
    positive_class: 1
    window: month
    fairness: {attributes: [sex]}
  - {name: one measure, task: regression, window: 1h, measures: {mae: {}}}
"""


@pytest.fixture(scope="module")
def promtool():
    """The program that comes with Prometheus; where there is none, CI fails and people skip."""
    program = shutil.which("promtool")
    if program is None and "CI" in os.environ:
        pytest.fail("promtool is not here: install prometheus")
    if program is None:
        pytest.skip("no promtool: install prometheus")

    def run(folder, *arguments):
        return subprocess.run([program, *arguments], cwd=folder, capture_output=True, text=True, check=False)

    return run


def written(folder, text):
    """The files for Prometheus, in a folder; the names of rules and tests."""
    for name, content in files.files(monitors.parse(text), (files.System.PROMETHEUS,)).items():
        (folder / Path(name).name).write_text(content, encoding="utf-8")
    ((rules,), (tests,)) = (list(folder.glob(f"*.{kind}.yml")) for kind in ("rules", "test"))
    return rules, tests


@pytest.mark.parametrize("text", [DEMO, SEVERAL], ids=["demo", "several"])
def test_rules_are_right_and_pass_their_tests(promtool, tmp_path, text):
    """`promtool check rules` and `promtool test rules`."""
    rules, tests = written(tmp_path, text)
    checked = promtool(tmp_path, "check", "rules", rules.name)
    assert checked.returncode == 0, checked.stdout + checked.stderr
    tested = promtool(tmp_path, "test", "rules", tests.name)
    assert tested.returncode == 0, tested.stdout + tested.stderr


CHANGES = [
    ("DriftlineIncidentOpen", 'severity=~"page|ticket"', 'severity=~".*"'),
    ("DriftlineIncidentOpen", "> 0", ">= 0"),
    ("DriftlineSeriesFiring", "== 2", ">= 1"),
    ("DriftlineSeriesFiring", ',window="1d"', ""),
    ("DriftlineSeriesFiring", "count by (model, measure)", "max by (model, measure)"),
    ("DriftlineWindowsLate", ">", "> 2 *"),
    ("DriftlineWindowsLate", "> ", "> 0.7 * "),
    ("DriftlineAnalysisLate", "> 3600", "> 600"),
    ("DriftlineAbsent", "absent(driftline", "absent(other"),
]
"""Ways to break a rule: its name, and a text in it with what stands there instead."""


@pytest.mark.parametrize(("alert", "text", "instead"), CHANGES)
def test_the_tests_can_fail(promtool, tmp_path, alert, text, instead):
    """Each rule, broken, is caught by the tests beside it."""
    rules, tests = written(tmp_path, DEMO)
    content = yaml.safe_load(rules.read_text())
    for rule in (one for group in content["groups"] for one in group["rules"] if one["alert"] == alert):
        assert text in rule["expr"]
        rule["expr"] = rule["expr"].replace(text, instead)
    rules.write_text(yaml.safe_dump(content))
    tested = promtool(tmp_path, "test", "rules", tests.name)
    assert tested.returncode == 1, tested.stdout
    assert alert in tested.stdout + tested.stderr


def test_a_rule_that_speaks_at_once_is_caught(promtool, tmp_path):
    """`for` is tested, too."""
    rules, tests = written(tmp_path, DEMO)
    rules.write_text(rules.read_text().replace("for: 15m", "for: 1m"))
    assert promtool(tmp_path, "test", "rules", tests.name).returncode == 1
