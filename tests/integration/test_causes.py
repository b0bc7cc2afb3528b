"""Drift with a cause, on a real cluster: another unit, another spelling, a placeholder."""

from __future__ import annotations

from datetime import timedelta

import numpy as np
from click.testing import CliRunner
from synthetic import EPOCH

from driftline.analyzers.windows import iso
from driftline.cli import main
from driftline.ingest.events import Prediction, Source

QUIET, ROWS = 12, 300
FAULT = QUIET + 1
MONITORS = f"""
models:
  - name: m
    task: regression
    window: 1h
    reference: {{start: {iso(EPOCH)}, end: {iso(EPOCH + QUIET * timedelta(hours=1))}}}
    features: {{temp: numeric, weight: numeric, other: numeric, colour: categorical}}
"""


def documents(namespace):
    """Predictions hour by hour; in one hour a producer was changed."""
    source = Source("s", "1", "test", namespace)
    for hour in range(FAULT + 1):
        rng = np.random.default_rng(hour)
        for row in range(ROWS):
            temp, weight = rng.normal(10, 8), rng.normal(70, 15)
            colour = str(rng.choice(["red", "green", "blue", "pink"], p=[0.4, 0.3, 0.2, 0.1]))
            if hour == FAULT:
                temp, colour = 1.8 * temp + 32, colour.upper()
                weight = 71.25 if rng.random() < 0.5 else weight
            yield Prediction(
                model="m",
                task="regression",
                version="1",
                id=f"{hour}-{row}",
                timestamp=EPOCH + timedelta(hours=hour, seconds=10 * row),
                value=float(rng.normal()),
                features={"temp": temp, "weight": weight, "other": float(rng.normal()), "colour": colour},
            ).to_document(source)


def test_what_happened_is_stored_with_the_alarm_and_shown(ship, analyze, metrics, cluster, streams):
    """Each alarmed drift or quality metric of a feature says what happened; the others say nothing."""
    ship(documents(streams.namespace))
    analyze(MONITORS)
    found = metrics()
    fault = iso(EPOCH + timedelta(hours=FAULT))
    told = {}
    for (measure, feature, _, _, start), document in found.items():
        metric = document["metric"]
        bad = metric["status"] in {"warning", "critical"} and metric["family"] in {"drift", "quality"}
        assert ("cause" in metric) == (bad and feature in {"temp", "weight", "other", "colour"}), (measure, feature)
        if start == fault and bad and "cause" in metric:
            told.setdefault(feature, set()).add(tuple(sorted(metric["cause"].items())))
    assert {"temp", "weight", "colour"} == set(told)
    causes = {feature: dict(*same) for feature, same in told.items()}
    assert causes["temp"]["kind"] == "unit"
    assert "Fahrenheit where the reference has Celsius (x 1.8 + 32" in causes["temp"]["text"]
    assert causes["colour"]["kind"] == "recased"
    assert "'red' is now 'RED'" in causes["colour"]["text"]
    assert causes["weight"]["kind"] == "default_value"
    assert "are 71.25 instead" in causes["weight"]["text"]
    assert all(0.8 <= cause["confidence"] <= 1 for cause in causes.values())

    query = {"bool": {"filter": [{"term": {"metric.cause.kind": "unit"}}, {"match": {"metric.cause.text": "Celsius"}}]}}
    assert cluster.search(streams.metrics, {"query": query})["hits"]["total"]["value"] > 0
    arguments = ["metrics", "--namespace", streams.namespace, "--feature", "temp", "--status", "critical"]
    assert "values look like Fahrenheit" in CliRunner().invoke(main, arguments).output

    analyze(MONITORS)
    assert {key: value["metric"].get("cause") for key, value in metrics().items()} == {
        key: value["metric"].get("cause") for key, value in found.items()
    }
