"""Distributions on a real cluster: rows are what was counted, follow what is judged, and stay few."""

from __future__ import annotations

from collections import Counter
from datetime import timedelta
from typing import Any

import numpy as np
import pytest
from synthetic import EPOCH, documents, sample

from driftline.analyzers.distributions import MOST_FEATURES
from driftline.analyzers.windows import iso
from driftline.ingest.events import Prediction, Source, Task

DAYS = 7
FAULTY = 4
BAD = EPOCH + timedelta(days=FAULTY)
MOST_BINS = 24
MONITORS = f"""
models:
  - name: m
    task: binary
    positive_class: "yes"
    window: 1d
    rollups: [week]
    lateness: 1h
    reference: {{start: {iso(EPOCH)}, end: {iso(EPOCH + timedelta(days=3))}}}
    measures: {{psi: {{}}, missing_rate: {{}}}}
"""
LENIENT = MONITORS.replace("psi: {}", "psi: {warning: 50, critical: 90}")


@pytest.fixture
def week(ship, streams):
    """Seven days, in one of which a feature moved."""
    parts = [
        sample(Task.BINARY, 300, seed=day, shift=2.5 if day == FAULTY else 0.0, start=EPOCH + timedelta(days=day))
        for day in range(DAYS)
    ]
    ship([d for part in parts for d in documents(part, streams.namespace) if "prediction" in d])
    return parts


@pytest.fixture
def rows(cluster):
    """All stored rows by (window size, start, feature), in order of their bins."""

    def read() -> dict[tuple[str, str, str], list[dict[str, Any]]]:
        cluster.refresh(cluster.streams.distributions)
        found: dict[tuple[str, str, str], list[dict[str, Any]]] = {}
        for hit in cluster.distributions({"match_all": {}}, ["*"]):
            source = hit["_source"]
            key = (source["window"]["size"], source["window"]["start"], source["feature"]["name"])
            found.setdefault(key, []).append(source)
        return found

    return read


def versions(cluster) -> dict[str, int]:
    """How often each row was written."""
    cluster.refresh(cluster.streams.distributions)
    hits = cluster.client.search(index=cluster.streams.distributions, size=10_000, version=True)["hits"]["hits"]
    return {hit["_id"]: hit["_version"] for hit in hits}


def alarmed(metrics) -> set[tuple[str, str, str]]:
    """What the monitoring index says is not as it was."""
    return {
        (size, start, feature)
        for (_, feature, _, size, start), found in metrics.items()
        if feature and found["metric"]["status"] in {"warning", "critical"}
    }


def test_rows_are_what_was_counted(week, analyze, rows, metrics):
    """Every feature of the week, the features in alarm of days, and each row counts what was logged."""
    analyze(MONITORS)
    found = rows()
    features = {"amount", "hour", "colour", "prediction.score", "prediction.label"}
    assert {feature for size, _, feature in found if size == "week"} == features
    wrong = alarmed(metrics("m"))
    assert ("1d", iso(BAD), "amount") in wrong
    assert {key for key in found if key[0] == "1d"} == {key for key in wrong if key[0] == "1d"}
    colours = Counter(colour or "missing" for part in week for colour in part.colour)
    told = {row["distribution"]["bin"].split(": ")[1]: row for row in found["week", iso(EPOCH), "colour"]}
    assert {name: row["distribution"]["count"] for name, row in told.items()} == colours
    before = Counter(colour or "missing" for part in week[:3] for colour in part.colour)
    for name, row in told.items():
        assert row["distribution"]["reference_share"] == pytest.approx(before[name] / 900)
        assert row["@timestamp"] == row["window"]["start"] == iso(EPOCH)
        assert row["model"] == {"name": "m", "version": "1"}
    moved = found["1d", iso(BAD), "amount"]
    shares = [sum(row["distribution"][name] for row in moved) for name in ("share", "reference_share")]
    assert shares == [pytest.approx(1), pytest.approx(1)]
    assert sum(abs(row["distribution"]["share"] - row["distribution"]["reference_share"]) for row in moved) > 1


@pytest.mark.usefixtures("week")
def test_analysed_again_no_row_is_written(analyze, cluster):
    """Not when nothing changed, and not when all is measured anew."""
    analyze(MONITORS)
    before = versions(cluster)
    assert before
    analyze(MONITORS)
    assert versions(cluster) == before
    window = {"term": {"kind": "window"}}
    cluster.client.delete_by_query(index=cluster.streams.profiles, query=window, refresh=True)
    (summary,) = analyze(MONITORS)
    assert summary.analysed == DAYS + 1
    assert versions(cluster) == before


@pytest.mark.usefixtures("week")
def test_a_feature_that_is_no_longer_in_alarm_loses_its_rows(analyze, rows, metrics):
    """Judged by other thresholds, the day's rows go and those of the week stay."""
    analyze(MONITORS)
    before = rows()
    analyze(LENIENT)
    after = rows()
    assert ("1d", iso(BAD), "amount") in before
    assert {key for key in after if key[0] == "1d"} == {key for key in alarmed(metrics("m")) if key[0] == "1d"}
    assert ("1d", iso(BAD), "amount") not in after
    assert {key: found for key, found in after.items() if key[0] == "week"} == {
        key: found for key, found in before.items() if key[0] == "week"
    }
    analyze(MONITORS)
    assert rows() == before


@pytest.mark.usefixtures("week")
def test_a_restated_window_replaces_its_rows(analyze, ship, rows, streams):
    """Late predictions are counted; bins that nothing is left of are gone; other windows stay as they were."""
    analyze(MONITORS)
    before = rows()
    late = sample(Task.BINARY, 100, seed=99, shift=2.5, start=BAD)
    ship([d for d in documents(late, streams.namespace) if "prediction" in d])
    analyze(MONITORS)
    after = rows()
    key = ("1d", iso(BAD), "amount")
    assert [sum(row["distribution"]["count"] for row in found[key]) for found in (before, after)] == [300, 400]
    assert sum(row["distribution"]["count"] for row in after["week", iso(EPOCH), "amount"]) == 300 * DAYS + 100
    assert [row["distribution"]["position"] for row in after[key]] == sorted(
        {row["distribution"]["position"] for row in after[key]}
    )
    others = {k: found for k, found in before.items() if k[:2] not in {key[:2], ("week", iso(EPOCH))}}
    assert {k: found for k, found in after.items() if k in others} == others


def test_without_a_reference_there_are_no_rows(analyze, ship, rows, streams):
    """There is nothing that they could stand beside."""
    ship([d for d in documents(sample(Task.BINARY, 200), streams.namespace) if "prediction" in d])
    (summary,) = analyze("models: [{name: m, task: binary, positive_class: 'yes', window: 1d}]")
    assert summary.analysed == 1
    assert rows() == {}


def test_however_many_features_move_rows_are_few(analyze, ship, rows, streams):
    """Of thirty features that all moved, twenty a window, the same ones when it is done again."""
    source = Source("s", "1", "test", streams.namespace)
    made = []
    for hour in range(5):
        rng = np.random.default_rng(hour)
        for row in range(80):
            values = rng.normal(5.0 if hour == 4 else 0.0, 1, 30)
            made.append(
                Prediction(
                    model="m",
                    task="regression",
                    version="1",
                    id=f"{hour}-{row}",
                    timestamp=EPOCH + timedelta(hours=hour, seconds=row),
                    value=float(values[0]),
                    features={f"f{i}": float(value) for i, value in enumerate(values)},
                ).to_document(source)
            )
    ship(made)
    end = iso(EPOCH + timedelta(hours=4))
    analyze(
        f"models: [{{name: m, task: regression, window: 1h, rollups: [1d], reference: "
        f"{{start: {iso(EPOCH)}, end: {end}}}, measures: {{psi: {{}}}}}}]"
    )
    found = rows()
    features = Counter(key[:2] for key in found)
    assert features["1h", end] == features["1d", iso(EPOCH)] == MOST_FEATURES
    assert max(len(made) for made in found.values()) <= MOST_BINS
