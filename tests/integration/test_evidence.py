"""Evidence on planted incidents in a real Elasticsearch: rows, segment, what is fine, and the deploy are named."""

from __future__ import annotations

import json
import re
import shlex
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import unquote

import incidents
import numpy as np
import pytest
from click.testing import CliRunner
from synthetic import EPOCH

from driftline.analyzers import monitors
from driftline.analyzers.alerts.evidence import gather
from driftline.analyzers.outcomes import evaluate
from driftline.analyzers.reading import kql, search
from driftline.analyzers.windows import iso
from driftline.cli import main
from driftline.ingest.events import Change, Prediction, Source

QUIET, BROKEN, ROWS = 24, 3, 200
START = EPOCH + QUIET * timedelta(hours=1)
FIXED = f"{{start: {iso(EPOCH)}, end: {iso(START)}}}"
NOW = START + BROKEN * timedelta(hours=1)
MONITORS = """
kibana: {url: "https://kibana.example:5601", space: ml}
models:
  - name: m
    task: TASK
    window: 1h
    reference: REFERENCE
    features: {amount: numeric, temp: numeric, colour: categorical}
    segments: [region]
    alpha: 0.02
    measures: {MEASURES}
"""


@dataclass
class Row:
    """One prediction, before it is one; a fault changes some of it."""

    id: str
    made: datetime
    score: float
    actual: bool
    region: str
    features: dict[str, Any]
    duration: float = 0.02
    error: str | None = None
    label: str | None = None
    off: float = 0.0
    planted: bool = field(default=False)


def rows(fault):
    """Quiet hours, then some in which `fault(row, rng)` breaks rows, and marks them as planted or takes them away."""
    for hour in range(QUIET + BROKEN):
        rng = np.random.default_rng(hour)
        for number in range(ROWS):
            score = float(rng.beta(1.2, 1.8))
            row = Row(
                id=f"{hour}-{number}",
                made=EPOCH + timedelta(hours=hour, seconds=18 * number),
                score=score,
                actual=bool(rng.random() < score),
                region=str(rng.choice(["north", "south", "west"], p=[0.4, 0.2, 0.4])),
                features={
                    "amount": float(rng.lognormal(3, 0.5)),
                    "temp": float(rng.normal(12, 4)),
                    "colour": str(rng.choice(["red", "green", "blue"])),
                },
                duration=float(rng.lognormal(-4, 0.3)),
                off=float(rng.normal()),
            )
            if hour < QUIET or fault(row, rng) is not False:
                yield row


def document(row, namespace, task="binary"):
    """A prediction with its outcome, as it is stored once the outcome is joined."""
    answer: dict[str, Any] = {"score": row.score, "label": row.label or ("yes" if row.score >= 0.5 else "no")}
    outcome: dict[str, Any] = {"label": "yes" if row.actual else "no"}
    if task == "regression":
        answer, outcome = {"value": row.features["amount"]}, {"value": row.features["amount"] + row.off}
    if row.error:
        answer, outcome = {}, {}
    made = Prediction(
        model="m",
        task=task,
        version="1",
        id=row.id,
        timestamp=row.made,
        features={name: value for name, value in row.features.items() if value is not None},
        segments={"region": row.region},
        duration=row.duration,
        error=TimeoutError(row.error) if row.error else None,
        **answer,
    ).to_document(Source("s", "1", "test", namespace))
    if outcome:
        made["evaluation"] = evaluate(made, outcome, "yes")
        known = row.made + timedelta(minutes=5)
        made["outcome"] = {**outcome, "timestamp": iso(known), "delay": 300.0, "joined": iso(known)}
    return made


@dataclass
class Found:
    """What a planted incident led to."""

    evidence: dict[str, Any]
    planted: set[str]
    alerts: list[Any]
    incident: Any
    model: Any

    @property
    def ids(self):
        """The exemplars' ids, in their order."""
        return [row["id"] for row in self.evidence["exemplars"]]


@pytest.fixture
def planted(ship, analyze, metrics, cluster):
    """Break something, analyse, and gather the evidence on an incident whose parent is one series of it."""

    def run(fault, measures, parent, *, feature=None, changes=(), reference=FIXED, more="", task="binary"):
        namespace = cluster.streams.namespace
        made = list(rows(fault))
        ship([document(row, namespace, task) for row in made])
        ship([change.to_document(Source("s", namespace=namespace)) for change in changes])
        cluster.refresh(cluster.streams.predictions, cluster.streams.changes)
        task += "\n    positive_class: 'yes'" if task == "binary" else ""
        wanted = ", ".join(f"{name}: {{min_samples: 10}}" for name in measures)
        text = MONITORS.replace("TASK", task).replace("MEASURES", wanted).replace("REFERENCE", reference) + more
        analyze(text, NOW)
        alerts = incidents.alerts(metrics().values())
        whole = [alert for alert in alerts if alert.series.segment is None]
        chosen = next(a for a in whole if (a.series.measure, a.series.feature) == (parent, feature))
        (model,) = monitors.parse(text, namespace=namespace).models
        incident = incidents.incident(alerts, chosen)
        evidence = gather(cluster, model, incident, alerts, NOW)
        return Found(evidence, {row.id for row in made if row.planted}, alerts, incident, model)

    return run


def lose_temp_in_the_north(row, rng):
    """A null burst in one segment."""
    if row.region == "north" and rng.random() < 0.6:
        row.features["temp"], row.planted = None, True


def miss_the_west(row, rng):
    """A recall collapse in one segment: most of what is true there is said not to be, and surely."""
    if row.region == "west" and row.actual and rng.random() < 0.95:
        row.score, row.planted = float(rng.uniform(0.001, 0.02)), True


def in_fahrenheit(row, rng):
    """A change of unit, of all rows."""
    del rng
    row.features["temp"], row.planted = row.features["temp"] * 1.8 + 32, True


def slower(row, rng):
    """A latency step of a third of the rows."""
    if rng.random() < 0.33:
        row.duration, row.planted = row.duration * 20 + 1, True


def failing(row, rng):
    """An error burst."""
    if rng.random() < 0.2:
        row.error, row.planted = "no answer", True


def far_off(row, rng):
    """A regression that errs by much in some rows."""
    if rng.random() < 0.3:
        row.off, row.planted = 20.0 + 5 * row.off, True


def vanishing(row, rng):
    """Traffic that all but stops."""
    del row
    return bool(rng.random() < 0.1)


def new_colour(row, rng):
    """A category that nobody knows."""
    if rng.random() < 0.3:
        row.features["colour"], row.planted = 'ultra "violet"', True


QUALITY = ["missing_rate", "unseen_rate", "out_of_range_rate", "psi", "wasserstein", "accuracy", "error_rate"]


def test_a_null_burst_in_one_segment(planted):
    """The rows without the value, the one segment that has them, and that the other features and the model are fine."""
    deploy = Change(action="model-deployed", message="build 17", model="m", timestamp=START - timedelta(minutes=20))
    old = Change(action="config-changed", message="retries", model="m", timestamp=START - timedelta(hours=2))
    foreign = Change(action="model-deployed", message="other", model="other", timestamp=START)
    found = planted(lose_temp_in_the_north, QUALITY, "missing_rate", feature="temp", changes=[old, deploy, foreign])
    evidence = found.evidence
    assert len(found.ids) == 10
    assert set(found.ids) <= found.planted
    assert not any("temp" in row["features"] for row in evidence["exemplars"])
    assert {row["segments"]["region"] for row in evidence["exemplars"]} == {"north"}
    assert evidence["touched"]["predictions"] == len(found.planted)
    assert evidence["touched"]["share"] == pytest.approx(len(found.planted) / (BROKEN * ROWS))
    (north,) = evidence["affected"]
    assert (north["segment"], north["only"]) == ({"name": "region", "value": "north"}, True)
    assert evidence["who"].startswith("Only region=north, ")
    assert {"accuracy", "error_rate", "amount", "colour"} <= set(evidence["checked"])
    assert "temp" not in evidence["checked"]
    assert [change["action"] for change in evidence["changes"]] == ["model-deployed", "config-changed"]
    assert evidence["cause"]["kind"] == "missing"
    assert "`model-deployed` (build 17) came 20 min before the first bad window" in evidence["cause"]["text"]
    assert evidence["window"] == {"start": iso(START), "end": iso(NOW)}
    for row, like in zip(evidence["exemplars"], evidence["ordinary"], strict=True):
        assert like["beside"] == row["id"]
        assert "temp" in like["features"]
        assert (like["segments"], like["predicted"]) == (row["segments"], row["predicted"])
        assert like["@timestamp"][:13] == row["@timestamp"][:13]


def test_incidents_are_stored_with_their_evidence(planted, cluster):
    """The analysis itself gathers it, and the document of the incident has it."""
    found = planted(lose_temp_in_the_north, QUALITY, "missing_rate", feature="temp")
    cluster.refresh(cluster.streams.alerts)
    (stored,) = cluster.alerting("driftline.incident", {"match_all": {}})
    evidence = stored["incident"]["evidence"]
    assert {row["id"] for row in evidence["exemplars"]} <= found.planted
    assert len(evidence["exemplars"]) == 10
    assert evidence["who"].startswith("Only region=north, ")
    assert evidence["links"]["runbook"].endswith("/quality.md")


def test_a_recall_collapse_in_one_segment(planted):
    """False negatives, the surest first, beside right answers; the segment is named, and no cause is made up."""
    found = planted(miss_the_west, [*QUALITY, "recall", "precision"], "recall")
    evidence = found.evidence
    assert set(found.ids) <= found.planted
    scores = [row["score"] for row in evidence["exemplars"]]
    assert scores == sorted(scores)
    assert {(row["predicted"], row["outcome"]) for row in evidence["exemplars"]} == {("no", "yes")}
    assert {(row["predicted"], row["outcome"]) for row in evidence["ordinary"]} == {("no", "no")}
    assert "region=west" in evidence["who"]
    assert evidence["affected"][0]["segment"]["value"] == "west"
    assert evidence["affected"][0]["value"] < evidence["affected"][0]["reference_value"]
    assert evidence["cause"]["kind"] == "unknown"
    (metric, *_) = evidence["metrics"]
    assert (metric["measure"], metric["title"]) == ("recall", "Recall")
    assert metric["lower"] <= metric["value"] <= metric["upper"] < metric["reference_value"]
    assert metric["sample_size"] > 0
    assert metric["labels"] in ("mature", "complete")
    assert "amount" in evidence["checked"]
    assert evidence["links"]["runbook"].endswith("/docs/runbooks/performance.md")


def test_a_change_of_unit(planted):
    """The recognised cause, the rows in the range that gained most, and the far end of it first."""
    found = planted(in_fahrenheit, QUALITY, "psi", feature="temp")
    evidence = found.evidence
    assert evidence["cause"]["kind"] == "unit"
    assert "Fahrenheit" in evidence["cause"]["text"]
    assert evidence["cause"]["confidence"] > 0.8
    assert set(found.ids) <= found.planted
    values = [row["features"]["temp"] for row in evidence["exemplars"]]
    assert values == sorted(values, reverse=True)
    assert min(values) > 60
    assert evidence["touched"]["share"] > 0.9
    assert evidence["who"].startswith("All judged segments: ")
    assert next(iter(evidence["exemplars"][0]["features"])) == "temp"


def test_a_latency_step(planted):
    """The slowest ones, and as fast ones as ever beside them."""
    found = planted(slower, [*QUALITY, "latency_p95"], "latency_p95")
    assert len(found.ids) == 10
    assert set(found.ids) <= found.planted
    durations = [row["duration"] for row in found.evidence["exemplars"]]
    assert durations == sorted(durations, reverse=True)
    assert all(row["duration"] < 1e9 for row in found.evidence["ordinary"])
    assert "--sort duration" in found.evidence["commands"][0]


def test_an_error_burst(planted):
    """The failed ones, with what failed, beside those that did not; the features are fine."""
    found = planted(failing, QUALITY, "error_rate")
    assert set(found.ids) <= found.planted
    assert {row["error"] for row in found.evidence["exemplars"]} == {"TimeoutError"}
    assert not any("error" in row for row in found.evidence["ordinary"])
    assert {"amount", "temp", "colour"} <= set(found.evidence["checked"])


def test_drift_is_told_against_a_reference_that_moves(planted):
    """The day before is what values are compared with, as the verdict did."""
    found = planted(in_fahrenheit, QUALITY, "wasserstein", feature="temp", reference="{kind: rolling, last: 1d}")
    assert set(found.ids) <= found.planted
    assert min(row["features"]["temp"] for row in found.evidence["exemplars"]) > 60
    # All rows of the incident are touched, so the ordinary ones are of the window before.
    assert len(found.evidence["ordinary"]) == 10
    assert max(row["features"]["temp"] for row in found.evidence["ordinary"]) < 60
    assert max(row["@timestamp"] for row in found.evidence["ordinary"]) < iso(START)


def test_a_gap_between_groups(planted):
    """The missed ones of the group that is treated worst."""
    fair = "    fairness: {attributes: [region], minimum_group: 20}\n"
    gap = "equal_opportunity_difference"
    found = planted(miss_the_west, ["recall", gap], gap, feature="region", more=fair)
    assert set(found.ids) <= found.planted
    assert {row["segments"]["region"] for row in found.evidence["exemplars"]} == {"west"}
    assert {row["segments"]["region"] for row in found.evidence["ordinary"]} == {"west"}
    assert found.evidence["metrics"][0]["groups"]["lowest"] == "west"
    assert found.evidence["who"].startswith("region=west, ")
    assert found.evidence["affected"][0]["segment"] == {"name": "region", "value": "west"}


def test_errors_of_a_regression(planted):
    """The largest errors first, beside those that are no larger than they were."""
    found = planted(far_off, ["mae", "psi"], "mae", task="regression")
    assert set(found.ids) <= found.planted
    losses = [row["loss"] for row in found.evidence["exemplars"]]
    assert losses == sorted(losses, reverse=True)
    assert len(found.evidence["ordinary"]) == 10
    assert max(row["loss"] for row in found.evidence["ordinary"]) < 1


def test_traffic_that_stops_has_no_rows(planted):
    """What is not there cannot be shown; all else is told, and links show what there was."""
    found = planted(vanishing, ["throughput", "psi"], "throughput")
    assert (found.evidence["exemplars"], found.evidence["ordinary"]) == ([], [])
    assert "touched" not in found.evidence
    assert found.evidence["links"]["runbook"].endswith("/ingest.md")
    assert found.evidence["checked"]
    assert output(found.evidence["commands"][0])


def test_links_and_commands_lead_to_the_same_rows(planted, cluster):
    """The KQL of the Discover link, the command, and each exemplar's own id find on Elasticsearch what was stored."""
    found = planted(new_colour, QUALITY, "unseen_rate", feature="colour")
    evidence = found.evidence
    assert set(found.ids) <= found.planted
    link = unquote(evidence["links"]["discover"])
    assert link.startswith("https://kibana.example:5601/s/ml/app/discover#/?_g=(time:(from:")
    query = re.search(r"query:\(language:kuery,query:'(.*)'\)\)$", link)[1].replace("!'", "'").replace("!!", "!")
    period = search.between("@timestamp", START, NOW)
    count, hits = search.predictions(cluster, kql.all_of(kql.parse(query), period), limit=1_000)
    assert count == len(found.planted)
    assert {hit["_id"] for hit in hits} == found.planted
    in_metrics = unquote(evidence["links"]["metrics"])
    query = re.search(r"query:\(language:kuery,query:'(.*)'\)\)$", in_metrics)[1].replace("!'", "'")
    body = {"query": kql.all_of(kql.parse(query), search.between("window.start", START, NOW)), "size": 100}
    stored = [hit["_source"]["metric"] for hit in cluster.search(cluster.streams.metrics, body)["hits"]["hits"]]
    assert [metric["name"] for metric in stored] == ["unseen_rate"] * BROKEN
    outputs = [output(command) for command in evidence["commands"]]
    assert {line["_id"] for line in map(json.loads, outputs[0].splitlines())} <= found.planted
    assert len(outputs[1].splitlines()) >= BROKEN
    for identity in found.ids:
        query = shlex.quote(f'event.id: "{identity}"')
        (line,) = output(f"driftline predictions {query} --namespace {cluster.streams.namespace}").splitlines()
        assert json.loads(line)["_id"] == identity


def output(command):
    """What a command of the evidence prints."""
    program, *arguments = shlex.split(command)
    assert program == "driftline"
    result = CliRunner().invoke(main, [*arguments, "--json"])
    assert result.exit_code == 0, result.output
    assert result.stdout
    return result.stdout


def test_evidence_is_plain_json_bounded_and_outlives_the_predictions(planted, cluster):
    """It can be stored as it is, in some kilobytes; gathered again once predictions are gone, it keeps its rows."""
    found = planted(lose_temp_in_the_north, QUALITY, "missing_rate", feature="temp")
    text = json.dumps(found.evidence, allow_nan=False)
    assert json.loads(text) == found.evidence
    assert len(text) < 40_000
    assert len(found.evidence["metrics"]) <= 10
    assert found.evidence["more_metrics"] == max(0, len(found.alerts) - 10)
    everything = {"match_all": {}}
    cluster.client.delete_by_query(index=cluster.streams.predictions, query=everything, refresh=True)
    again = gather(cluster, found.model, replace(found.incident, evidence=found.evidence), found.alerts, NOW)
    assert [row["id"] for row in again["exemplars"]] == found.ids
    assert again == found.evidence | {name: again[name] for name in ("links", "commands")}
    assert gather(cluster, found.model, found.incident, found.alerts, NOW)["exemplars"] == []
