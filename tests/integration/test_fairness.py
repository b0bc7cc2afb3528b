"""Fairness on a real cluster: groups and their intersections counted as rows are, and a record of what was found."""

from __future__ import annotations

import csv
import io
import json
from datetime import timedelta

import numpy as np
import pytest
from click.testing import CliRunner
from synthetic import EPOCH

from driftline.analyzers.profiles import history
from driftline.analyzers.windows import iso
from driftline.cli import main
from driftline.ingest.events import Outcome, Prediction, Source

ROWS, DAYS = 3_000, 3
MONITORS = f"""
models:
  - name: loans
    task: binary
    positive_class: granted
    window: 1d
    reference: {{start: {iso(EPOCH)}, end: {iso(EPOCH + timedelta(days=1))}}}
    features: {{}}
    segments: [region]
    measures: {{prediction_rate: {{}}, recall: {{}}}}
    fairness: {{attributes: [sex, sex*age_band], minimum_group: 100}}
"""


def people():
    """Everyone who asked, as columns; young women are granted less on the last day."""
    rng = np.random.default_rng(4)
    n = ROWS * DAYS
    day = np.repeat(np.arange(DAYS), ROWS)
    sex, age = rng.choice(["f", "m"], n), rng.choice(["young", "middle", "old"], n, p=[0.3, 0.6, 0.1])
    rare = rng.random(n) < 0.005
    sex = np.where(rare, "x", sex)
    score = rng.beta(2, 2, n)
    held_back = (day == DAYS - 1) & (sex == "f") & (age == "young")
    granted = score - 0.3 * held_back >= 0.5
    paid = rng.random(n) < score
    return day, sex, age, score, granted, paid


PEOPLE = people()


@pytest.fixture
def judged(ship, analyze, metrics, streams):
    """The metrics of everyone."""
    source = Source("s", "1", "test", streams.namespace)

    def events():
        for i, (day, sex, age, score, granted, paid) in enumerate(zip(*PEOPLE, strict=True)):
            made = EPOCH + timedelta(days=int(day), seconds=28 * (i % ROWS))
            yield Prediction(
                model="loans", task="binary", version="1", id=str(i), timestamp=made, score=float(score),
                label="granted" if granted else "refused", segments={"sex": sex, "age_band": age, "region": "all"},
            ).to_document(source)  # fmt: skip
            label = "granted" if paid else "refused"
            yield Outcome(id=str(i), label=label, timestamp=made + timedelta(hours=1)).to_document(source)

    ship(events())
    analyze(MONITORS)
    return metrics("loans")


def rates(day, *columns):
    """Share granted per group of at least a hundred, by counting rows."""
    days, granted = PEOPLE[0], PEOPLE[4]
    names = np.array(["*".join(parts) for parts in zip(*columns, strict=True)])
    groups = {name: granted[(days == day) & (names == name)] for name in np.unique(names)}
    return {name: found.mean() for name, found in groups.items() if len(found) >= 100}


def test_groups_and_intersections_are_counted_as_rows_are(judged):
    """The largest gap lies where young women are, and only their intersection shows all of it."""
    _, sex, age, *_ = PEOPLE
    for day in range(DAYS):
        start = iso(EPOCH + timedelta(days=day))
        for attribute, columns in (("sex", (sex,)), ("sex*age_band", (sex, age))):
            expected = rates(day, *columns)
            metric = judged["demographic_parity_difference", attribute, None, "1d", start]["metric"]
            assert metric["value"] == pytest.approx(max(expected.values()) - min(expected.values()))
            assert metric["groups"]["lowest"] == min(expected, key=expected.get)
            assert metric["groups"]["compared"] == len(expected)
            for group, share in expected.items():
                assert judged["prediction_rate", None, group, "1d", start]["metric"]["value"] == pytest.approx(share)
    last = iso(EPOCH + timedelta(days=DAYS - 1))
    worst = judged["demographic_parity_ratio", "sex*age_band", None, "1d", last]["metric"]
    assert (worst["status"], worst["groups"]["lowest"]) == ("critical", "f*young")
    assert "x" in judged["demographic_parity_ratio", "sex", None, "1d", last]["metric"]["groups"]["left_out"]
    first = judged["demographic_parity_ratio", "sex*age_band", None, "1d", iso(EPOCH)]["metric"]
    assert first["status"] == "ok"
    document = judged["recall", None, "f*young", "1d", last]
    assert document["segments"] == {"sex": "f", "age_band": "young"}


def test_where_one_search_holds_too_many_counts_intersections_are_counted_in_parts(
    judged, analyze, metrics, cluster, monkeypatch
):
    """The same numbers, from several searches."""
    cluster.client.delete_by_query(index=cluster.streams.profiles, query={"match_all": {}}, refresh=True)
    monkeypatch.setattr(history, "MAX_BUCKETS", 4_000)
    analyze(MONITORS)
    again = metrics("loans")
    assert again.keys() == judged.keys()
    for key, found in again.items():
        assert found["metric"].get("value") == pytest.approx(judged[key]["metric"].get("value")), key
        assert found["metric"]["revision"] == 0, key


def test_the_record_tells_who_what_when_by_which_threshold_and_the_verdict(
    judged, elasticsearch_url, streams, tmp_path
):
    """As CSV and as JSON, the same rows, in the same order each time."""
    assert judged
    options = ["compliance", "--namespace", streams.namespace, "--url", elasticsearch_url]
    done = CliRunner().invoke(main, [*options, "--model", "loans"])
    assert done.exit_code == 0, done.output
    rows = list(csv.DictReader(io.StringIO(done.stdout)))
    lines = CliRunner().invoke(main, [*options, "--format", "json"]).stdout.splitlines()
    assert len(rows) == len(lines) > 50
    last = iso(EPOCH + timedelta(days=DAYS - 1))
    (worst,) = (
        row
        for row in map(json.loads, lines)
        if (row["window_start"], row["attribute"], row["measure"]) == (last, "sex*age_band", "demographic_parity_ratio")
    )
    assert (worst["status"], worst["lowest_group"], worst["threshold"]) == ("critical", "f*young", 0.5)
    assert worst["value"] < worst["upper"] < 0.5
    assert worst["judged"].startswith("2026-01-01")
    assert {row["group"] for row in rows if row["attribute"] == "sex"} == {"", "f", "m", "x"}
    assert {row["attribute"] for row in rows} == {"sex", "sex*age_band"}
    file = tmp_path / "record.csv"
    said = CliRunner().invoke(main, [*options, "--since", last, "-o", str(file)])
    assert said.exit_code == 0
    assert "records in " in said.stderr
    assert 0 < len(list(csv.DictReader(io.StringIO(file.read_text())))) < len(rows)


def test_a_model_without_fairness_gives_an_empty_record(elasticsearch_url, streams):
    """And it is said how to get one."""
    done = CliRunner().invoke(main, ["compliance", "--namespace", streams.namespace, "--url", elasticsearch_url])
    assert done.exit_code == 0
    assert "`fairness` in monitors.yml asks for them" in done.stderr
    assert done.stdout.count("\n") == 1
