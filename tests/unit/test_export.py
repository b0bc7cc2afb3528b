"""Rules of other systems, made from monitors.yml: ids, what they ask, and the files that they become."""

from __future__ import annotations

import json
import re
from datetime import timedelta
from pathlib import Path

import click
import pytest
import yaml
from click.testing import CliRunner

from driftline.analyzers import monitors
from driftline.analyzers.alerts.export import conditions, files, gauges, kibana, prometheus
from driftline.analyzers.alerts.export.commands import export
from driftline.analyzers.alerts.records import Kind, Severity
from driftline.analyzers.reading import kql
from driftline.analyzers.windows import WindowSize

ROOT = Path(__file__).parents[2]
DEMO = ROOT / "demo" / "monitors.yml"


def parsed(**model: str) -> monitors.Monitors:
    """A monitors.yml with one model."""
    keys = {"name": "m", "task": "regression", "window": "1h"} | model
    return monitors.parse(json.dumps({"models": [keys]}), namespace="t")


def found(what: str, **model: str) -> conditions.Condition:
    """One condition of it."""
    (one,) = [c for c in conditions.conditions(parsed(**model)) if c.id == f"driftline-t-m-{what}"]
    return one


def test_the_files_in_the_repository_are_those_of_the_demo():
    """`make docs` writes them anew; none is left over, none is missing."""
    made = files.files(monitors.load(DEMO), tuple(files.System))
    kept = {str(f.relative_to(ROOT / "kibana")): f for f in (ROOT / "kibana").rglob("*driftline-demo*") if f.is_file()}
    assert set(made) == set(kept)
    for name, text in made.items():
        assert kept[name].read_text(encoding="utf-8") == text, name


@pytest.mark.parametrize("name", ["m", "churn-v2", "a.b_c"])
def test_a_plain_name_is_its_own_id(name):
    """Ids are to be read."""
    assert conditions.slug(name) == name


def test_names_that_look_alike_have_ids_of_their_own():
    """Signs that an id may not hold are replaced, and a digest tells them apart."""
    names = [
        "Churn",
        "churn",
        "churn ",
        "ch/urn",
        "ch urn",
        "été",
        "ete",
        "日本",
        "x" * 300,
        "x" * 301,
        "",
        "-",
        "../..",
    ]
    ids = [conditions.slug(name) for name in names]
    assert len(set(ids)) == len(ids)
    assert all(re.fullmatch(r"[a-z0-9_.-]*", one) and len(one) <= 90 for one in ids)


@pytest.mark.parametrize("name", ["a b", 'say "no"', "back\\slash", "a: b and (c or *)", "{{x}}", "日本"])
def test_names_are_quoted(name):
    """Whatever a model is called, its name is one value."""
    assert kql.parse(f"model.name: {conditions.quoted(name)}") == {"match_phrase": {"model.name": name}}


def test_the_order_in_the_file_and_the_hour_change_nothing():
    """The same file makes the same text, so that files can be compared."""
    first, second = (files.files(monitors.load(DEMO), tuple(files.System)) for _ in range(2))
    assert first == second


@pytest.mark.parametrize(
    ("window", "series", "silent"),
    [
        ("5m", "15m", "35m"),
        ("1h", "75m", "90m"),
        ("1d", "26h", "36h"),
        ("week", "170h", "252h"),
        ("month", "746h", "1116h"),
    ],
)
def test_periods_reach_over_a_window(window, series, silent):
    """A verdict comes once a window: what looks back less would be over before the next one."""
    assert kibana.duration(found("critical", window=window).within) == series
    assert kibana.duration(found("silent", window=window).within) == silent
    assert found("critical", window=window).within > conditions.longest(WindowSize(window))


def test_predictions_may_come_as_late_as_monitors_says():
    """Nothing is missed as long as it may still be on its way."""
    assert found("stopped", lateness="6h").within == timedelta(hours=7)
    assert found("stopped", window="1m").within == timedelta(minutes=15)


def test_latency_is_looked_at_where_its_floor_is_a_number_of_nanoseconds():
    """A floor that is relative to the reference needs the analyzer."""
    assert not [c for c in conditions.conditions(parsed()) if c.mean]
    (slow,) = [
        c
        for c in conditions.conditions(
            parsed(measures={"latency_p50": {"critical": {"above": 3e8}}, "latency_p99": {"critical": {"above": 2e8}}})
        )
        if c.mean
    ]
    assert (slow.mean, slow.threshold, slow.below) == ("event.duration", 2e8, False)


def test_only_what_costs_something_calls():
    """Statistics alone are for the digest; an incident calls by what it costs."""
    by_severity = {c.id.removeprefix("driftline-t-m-"): c.severity for c in conditions.conditions(parsed())}
    assert by_severity == {
        "incident-page": Severity.PAGE,
        "incident-ticket": Severity.TICKET,
        "critical": Severity.DIGEST,
        "warning": Severity.DIGEST,
        "silent": Severity.TICKET,
        "stopped": Severity.PAGE,
        "driftline-t-dead-letters": Severity.TICKET,
    }


def test_every_rule_tells_of_its_end_and_of_what_to_do():
    """Recovery is an event of its own, and the guide leads to a runbook of each kind."""
    for identity, body in files.export(monitors.load(DEMO), "https://r").rules.items():
        groups = [action["group"] for action in body["actions"]]
        assert groups.count("recovered") == 1, identity
        assert re.search(r"\]\(https://r/\w+\.md\)", body["artifacts"]["investigation_guide"]["blob"])
        # Otherwise what has been seen once would be over with the next look.
        assert body["params"].get("excludeHitsFromPreviousRun") in (None, False)


def test_every_field_that_is_asked_for_has_a_mapping():
    """A field without one matches nothing, for ever."""
    mapped = set()
    for template in ("metrics", "alerts", "rules"):
        body = json.loads((ROOT / "index-templates" / "indices" / f"driftline-{template}.json").read_text())
        mapped |= set(leaves(body["template"]["mappings"]["properties"]))
    body = json.loads((ROOT / "index-templates" / "components" / "driftline-event.json").read_text())
    mapped |= set(leaves(body["template"]["mappings"]["properties"]))
    for one in conditions.conditions(parsed(measures={"latency_p50": {"critical": {"above": 3e8}}})):
        asked = {one.time, one.group, one.mean, *re.findall(r"([\w.@]+): ", one.kuery)} - {None}
        assert asked <= mapped, one.id


def leaves(properties, above=""):
    """The full names of fields."""
    for name, body in properties.items():
        if "properties" in body:
            yield from leaves(body["properties"], f"{above}{name}.")
        else:
            yield f"{above}{name}"


def test_prometheus_rules_ask_only_for_metrics_that_there_are():
    """Names and labels are those in the one module that has them."""
    known = {gauge.name: set(gauge.labels) for gauge in gauges.GAUGES}
    groups = prometheus.rules(parsed(), "https://r")["groups"]
    expressions = [rule["expr"] for group in groups for rule in group["rules"]]
    assert expressions
    for expression in expressions:
        for name, selector in re.findall(r"(driftline_\w+)(\{[^}]*\})?", expression):
            assert set(re.findall(r"(\w+)=", selector)) <= known[name]


def test_each_measure_is_in_the_rule_of_one_kind():
    """None is forgotten, none alerts twice."""
    (model,) = monitors.load(DEMO).models
    by_kind = prometheus.measures_by_kind(model.measures)
    assert sorted(name for names in by_kind.values() for name in names) == sorted(m.name for m in model.measures)
    assert "recall" in by_kind[Kind.PERFORMANCE]
    assert "throughput" in by_kind[Kind.INGEST]
    assert "psi" in by_kind[Kind.FEATURE]


def test_prometheus_tests_assert_more_silence_than_noise():
    """An alert that is not there is what people wish for."""
    (text,) = [text for name, text in made(files.System.PROMETHEUS).items() if name.endswith(".test.yml")]
    checks = [check["exp_alerts"] for case in yaml.safe_load(text)["tests"] for check in case["alert_rule_test"]]
    assert sum(not check for check in checks) > 3 * sum(bool(check) for check in checks) > 0


def made(*systems: files.System) -> dict[str, str]:
    """The files of the demo."""
    return files.files(monitors.load(DEMO), systems)


@pytest.mark.parametrize(
    ("option", "folders"),
    [
        ([], {"rules", "connectors", "watches", "prometheus"}),
        (["--kibana"], {"rules", "connectors"}),
        (["--watcher"], {"watches"}),
        (["--prometheus"], {"prometheus"}),
        (["--watcher", "--prometheus"], {"watches", "prometheus"}),
    ],
)
def test_the_command_writes_what_is_asked_for(tmp_path, option, folders):
    """A file each, and their names on standard output."""
    result = CliRunner().invoke(export, [*option, "-c", str(DEMO), "-o", str(tmp_path), "--namespace", "other"])
    assert result.exit_code == 0, result.output
    assert {f.name for f in tmp_path.iterdir()} == folders
    written = sorted(str(f) for f in tmp_path.rglob("*") if f.is_file())
    assert sorted(result.output.split()) == written
    assert all("driftline-other-" in name or "driftline-other." in name for name in written)


def test_the_command_speaks_to_machines(tmp_path):
    """The names as JSON."""
    result = CliRunner().invoke(export, ["--json", "-c", str(DEMO), "-o", str(tmp_path)])
    assert all(Path(name).is_file() for name in json.loads(result.output)["files"])


def test_what_cannot_be_read_or_written_is_one_line(tmp_path):
    """Exit code 2 for a wrong monitors.yml, 1 for a folder that cannot be made."""
    missing = CliRunner().invoke(export, ["-c", str(tmp_path / "none.yml"), "-o", str(tmp_path)])
    assert (missing.exit_code, len(missing.output.splitlines())) == (2, 1)
    (tmp_path / "rules").write_text("a file stands here")
    refused = CliRunner().invoke(export, ["--kibana", "-c", str(DEMO), "-o", str(tmp_path)])
    assert (refused.exit_code, len(refused.output.splitlines())) == (1, 1)
    assert "cannot write" in refused.output


def test_every_option_is_explained():
    """`--help` says what each option does, with examples."""
    assert all(option.help for option in export.params if isinstance(option, click.Option))
    assert "driftline alerts export --kibana" in (export.help or "")
