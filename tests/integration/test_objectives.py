"""Objectives on a real cluster: a latency step and a burst of failures page, what is quiet stays so."""

from __future__ import annotations

from datetime import timedelta

import orjson
import pytest
from click.testing import CliRunner
from synthetic import EPOCH

from driftline.analyzers.windows import iso
from driftline.cli import main
from driftline.ingest.events import Outcome, Prediction, Source

HOURS, ROWS = 56, 40
SLOW = range(24, 28)
FAILING = range(40, 42)
MODEL = """
  - name: {name}
    task: binary
    positive_class: 'yes'
    window: 1h
    features: {{}}
    measures: {{accuracy: , error_rate: , demographic_parity_difference: {{min_samples: 20}}}}
    fairness: {{attributes: [sex], minimum_group: 5}}
    labels: {{delay: 10h}}
    objectives:
      fast: {{of: latency, within: 200ms, target: 0.99}}
      answered: {{of: errors, target: 0.99, period: 30d}}
      right: {{of: correct, target: 0.9}}
      fresh: {{of: freshness, within: 15m, target: 0.99}}
      fair: {{of: demographic_parity_difference, feature: sex, below: 0.3, target: 0.95}}
"""
MONITORS = "models:" + MODEL.format(name="shaken") + MODEL.format(name="quiet")


def predictions(source, model, hours):
    """Hours of predictions, half by each of two versions; a few are slow, none fails, and one in twenty is wrong."""
    for hour in hours:
        for row in range(ROWS):
            slow = row == 7 and hour % 10 == 0
            slow |= model == "shaken" and hour in SLOW and row % 2 == 0
            failed = model == "shaken" and hour in FAILING and row % 3 == 0
            yield Prediction(
                model=model, task="binary", version=str(row % 2), id=f"{model}-{hour}-{row}",
                timestamp=EPOCH + timedelta(hours=hour, seconds=90 * row), score=0.9 if row % 4 < 2 else 0.1,
                label="yes" if row % 4 < 2 else "no", duration=1.0 if slow else 0.05,
                segments={"sex": "f" if row % 8 < 4 else "m"}, error="overloaded" if failed else None,
            ).to_document(source)  # fmt: skip


def outcomes(source, model, hours):
    """What came true, half an hour after each prediction."""
    for hour in hours:
        for row in range(ROWS):
            right = row % 20 != 3
            yield Outcome(
                id=f"{model}-{hour}-{row}",
                label="yes" if (row % 4 < 2) == right else "no",
                timestamp=EPOCH + timedelta(hours=hour, seconds=90 * row + 1_800),
            ).to_document(source)


@pytest.fixture
def found(metrics):
    """The metrics of one objective of all versions together, by hour."""

    def read(model, measure, name):
        keys = {(EPOCH + timedelta(hours=hour)): hour for hour in range(HOURS)}
        stored = metrics(model)
        return {
            hour: stored[measure, name, None, "1h", iso(start)]
            for start, hour in keys.items()
            if (measure, name, None, "1h", iso(start)) in stored
        }

    return read


def firing(windows):
    """The hours in which a series fires."""
    return [hour for hour, source in windows.items() if source["metric"].get("alarm") == "firing"]


def test_steps_and_bursts_page_and_what_is_quiet_is_silent(ship, analyze, found, streams):
    """Each objective of the shaken model tells of its own trouble; labels that come late restate theirs."""
    source = Source("s", "1", "test", streams.namespace)
    for model in ("shaken", "quiet"):
        ship(predictions(source, model, range(HOURS)))
        ship(outcomes(source, model, range(HOURS - 20)))
    half = EPOCH + timedelta(hours=HOURS / 2, minutes=5)
    end = EPOCH + timedelta(hours=HOURS, minutes=5)
    analyze(MONITORS, now=half)
    _, quiet = analyze(MONITORS, now=end)
    assert "objectives: burn rates, in windows of 1h: 14.4x over 1h and 1h; 6x over 6h and 1h" in "\n".join(quiet.notes)

    slow = found("shaken", "objective_burn_rate", "fast")
    # A page for as long as it is slow, then a ticket for as long as the last six hours tell of it.
    assert firing(slow) == list(range(SLOW.start, SLOW.stop + 5))
    assert [hour for hour in slow if slow[hour]["metric"]["status"] == "critical"] == list(SLOW)
    page = slow[SLOW[0]]
    assert (page["metric"]["status"], page["metric"]["threshold"]) == ("critical", 14.4)
    assert page["metric"]["value"] == pytest.approx(50)
    assert page["model"]["version"] == "*"
    rates = page["objective"]["burn_rates"]
    assert [(rate["severity"], rate["long"], rate["short"]) for rate in rates] == [
        ("page", 3_600, 3_600), ("page", 21_600, 3_600), ("ticket", 86_400, 7_200), ("ticket", 259_200, 21_600),
    ]  # fmt: skip
    failing = found("shaken", "objective_burn_rate", "answered")
    assert [hour for hour in failing if failing[hour]["metric"]["status"] == "critical"] == list(FAILING)
    left = found("shaken", "objective_budget_left", "answered")
    bad = len(FAILING) * len(range(0, ROWS, 3))
    assert left[HOURS - 1]["metric"]["value"] == pytest.approx(1 - bad / (HOURS * ROWS) / 0.01)
    assert left[FAILING[0] - 1]["metric"]["value"] == 1.0
    for name in ("fast", "answered", "right", "fair"):
        assert not firing(found("quiet", "objective_burn_rate", name)), name
    assert {s["metric"]["value"] for s in found("quiet", "objective_burn_rate", "fair").values()} == {0.0}

    # Labels of the last hours are not there yet: nothing is told of them, and it is once they are.
    right = found("quiet", "objective_burn_rate", "right")
    assert right[30]["metric"]["value"] == pytest.approx(0.5)
    assert "value" not in right[HOURS - 1]["metric"]
    assert right[HOURS - 1]["metric"]["level"] == "unknown"
    for model in ("shaken", "quiet"):
        ship(outcomes(source, model, range(HOURS - 20, HOURS)))
    later = end + timedelta(hours=2)
    analyze(MONITORS, now=later)
    right = found("quiet", "objective_burn_rate", "right")
    assert right[HOURS - 1]["metric"]["value"] == pytest.approx(0.5)
    assert right[HOURS - 1]["metric"]["revision"] == 1

    # The first half was over before anything was analysed; what came after was late, and once told it stays so.
    fresh = found("quiet", "objective_budget_left", "fresh")
    assert "value" not in fresh[HOURS // 2 - 1]["metric"]
    last = fresh[HOURS - 1]["metric"]
    assert last["sample_size"] == 2 * HOURS // 2
    assert last["value"] == pytest.approx(1 - (HOURS - 2) / HOURS / 0.01)
    again = analyze(MONITORS, now=later)
    assert [summary.analysed for summary in again] == [0, 0]


def test_the_command_tells_how_objectives_stand(ship, analyze, elasticsearch_url, streams):
    """A table for people, documents for machines, one line where there is nothing; a fast burn is an incident."""
    source = Source("s", "1", "test", streams.namespace)
    ship(predictions(source, "shaken", range(FAILING[-1] + 1)))
    ship(predictions(source, "quiet", range(FAILING[-1] + 1)))
    options = ["--namespace", streams.namespace, "--url", elasticsearch_url]
    nothing = CliRunner().invoke(main, ["objectives", *options])
    assert (nothing.exit_code, nothing.stdout.splitlines()[0].split("\t")[:3]) == (0, ["state", "model", "objective"])
    assert "no objectives in" in nothing.stderr
    shaken, quiet = analyze(MONITORS, now=EPOCH + timedelta(hours=FAILING[-1] + 1, minutes=1))
    assert (shaken.incidents > 0, quiet.incidents) == (True, 0)

    told = CliRunner().invoke(main, ["objectives", "--model", "shaken", "--json", *options])
    assert told.exit_code == 0, told.output
    found = {standing["objective"]: standing for standing in map(orjson.loads, told.stdout.splitlines())}
    assert set(found) == {"fast", "answered", "right", "fresh", "fair"}
    answered = found["answered"]
    assert (answered["state"], answered["target"], answered["period"]) == ("page", 0.99, "30d")
    bad, all_of_them = len(FAILING) * len(range(0, ROWS, 3)), (FAILING[-1] + 1) * ROWS
    assert answered["achieved"] == pytest.approx(1 - bad / all_of_them)
    assert answered["lower"] < answered["achieved"] < answered["upper"]
    assert answered["left"] == pytest.approx(1 - bad / all_of_them / 0.01)
    assert found["fast"]["state"] == "spent"
    assert (found["right"]["state"], found["fresh"]["state"]) == ("unknown", "unknown")
    table = CliRunner().invoke(main, ["objectives", *options]).stdout
    row = next(line.split("\t") for line in table.splitlines() if "\tanswered\t" in line and "shaken" in line)
    assert row[:6] == ["page", "shaken", "answered", "errors", "0.99", "30d"]
    assert " in 1h, " in row[9]
    assert "2024-01-02 18:00" in row[-1]
    assert table.count("ok\tquiet") == 3


def test_an_objective_pages_as_an_incident(ship, analyze, cluster, streams):
    """The incident of failures is a page, since its budget burns as fast as that, and names the objective."""
    source = Source("s", "1", "test", streams.namespace)
    ship(predictions(source, "shaken", range(FAILING[-1] + 1)))
    text = "models:" + MODEL.format(name="shaken").replace("accuracy: , error_rate: ,", "")
    analyze(text, now=EPOCH + timedelta(hours=FAILING[-1] + 1, minutes=1))
    query = {"size": 100, "query": {"term": {"event.dataset": "driftline.incident"}}}
    incidents = [hit["_source"] for hit in cluster.search(streams.alerts, query)["hits"]["hits"]]
    by_title = {incident["message"].split(" since ")[0]: incident["incident"] for incident in incidents}
    burst = by_title["shaken: objective missed: answered"]
    assert (burst["severity"], burst["state"], burst["kind"]) == ("page", "firing", "objective")
    step = by_title["shaken: objective missed: fast"]
    assert (step["severity"], step["state"], step["resolution"]) == ("page", "resolved", "recovered")
