"""What the pages are measured on: a million metrics of ten models, and one model that was really analysed."""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import Any

import orjson

from driftline.analyzers import monitors, pipeline
from driftline.analyzers.alerts import evaluate
from driftline.analyzers.alerts.lifecycle import Horizon
from driftline.analyzers.cluster import Cluster
from driftline.analyzers.outcomes import evaluate as evaluated
from driftline.analyzers.windows import WindowSize, iso
from driftline.ingest.events import Prediction, Source

METRICS, MODELS, DAYS = 1_000_000, 10, 302
AT_ONCE = 5_000
START = datetime(2024, 1, 1, tzinfo=UTC)
DAY = timedelta(days=1)
END = START + DAYS * DAY
BAD_DAYS = 10
GROUPS = (None, "north", "south", "east")
FEATURES = [f"feature-{number}" for number in range(16)]
OF_FEATURES = (("psi", "drift"), ("jensen_shannon", "drift"), ("missing_rate", "quality"), ("constant", "quality"))
OF_MODEL = {
    "classification": ("accuracy", "f1", "log_loss", "mcc", "precision", "recall", "roc_auc", "specificity"),
    "calibration": ("brier", "ece"),
    "estimation": ("estimated_accuracy", "estimated_roc_auc", "estimated_f1"),
    "service": ("error_rate", "label_coverage", "label_delay_p50", "latency_p50", "latency_p99", "throughput"),
}  # fmt: skip
ANALYSED, PREDICTIONS = "analysed", 300
MONITORS = f"""
models:
  - name: {ANALYSED}
    task: binary
    positive_class: late
    window: 1d
    reference: {{start: {iso(END - 40 * DAY)}, end: {iso(END - 20 * DAY)}}}
    segments: [region]
"""


def metrics() -> Iterator[dict[str, Any]]:
    """The million: daily windows of every measure, feature and group of each model, in order of time."""
    return islice((found for day in range(DAYS) for found in _day(day)), METRICS)


def _day(day: int) -> Iterator[dict[str, Any]]:
    series = [(name, family, feature) for feature in FEATURES for name, family in OF_FEATURES]
    series += [(name, family, None) for family, names in OF_MODEL.items() for name in names]
    for model in range(MODELS):
        for number, (name, family, feature) in enumerate(series):
            for group in GROUPS:
                yield _metric(day, f"model-{model}", (name, family, feature, group), number * 31 + model)


def _metric(day: int, model: str, series: tuple[str, str, str | None, str | None], phase: int) -> dict[str, Any]:
    name, family, feature, group = series
    start = START + day * DAY
    # A third of the features move in the end, in every second model.
    bad = day >= DAYS - BAD_DAYS and name == "psi" and phase % 2 == 0 and group is None
    value = 0.4 + 0.1 * math.sin(day / 9 + phase) if not bad else 0.9
    found: dict[str, Any] = {
        "@timestamp": iso(start),
        "model": {"name": model, "version": "1"},
        "window": {"start": iso(start), "end": iso(start + DAY), "size": "1d"},
        "metric": {
            "name": name,
            "family": family,
            "value": value,
            "lower": value - 0.02,
            "upper": value + 0.02,
            "threshold": 0.25,
            "reference_value": 0.4,
            "p_value": 0.3,
            "q_value": 0.6,
            "sample_size": 1_000,
            "reference_size": 100_000,
            "status": "critical" if bad else "ok",
            "level": "bad" if bad else "calm",
            "alarm": ("pending" if day == DAYS - BAD_DAYS else "firing") if bad else "none",
        },
    }
    if feature is not None:
        found["feature"] = {"name": feature}
    if group is not None:
        found |= {"segment": {"name": "region", "value": group}, "segments": {"region": group}}
    return found


def predictions(namespace: str) -> Iterator[dict[str, Any]]:
    """Forty days of predictions with their outcomes, of which the last five are of another kind."""
    draw, source = random.Random(0), Source("bench", namespace=namespace)
    for day in range(40):
        shift = 1.5 if day >= 35 else 0.0
        for number in range(PREDICTIONS):
            made = END - (40 - day) * DAY + number * DAY / PREDICTIONS
            score = 1 / (1 + math.exp(-draw.gauss(-0.5, 1.2)))
            actual = "late" if draw.random() < (score if not shift else 0.5) else "on_time"
            document = Prediction(
                model=ANALYSED,
                task="binary",
                version="1",
                id=f"{day}-{number}",
                timestamp=made,
                label="late" if score >= 0.5 else "on_time",
                score=score,
                features={name: draw.gauss(shift, 1.0) for name in FEATURES[:8]},
                segments={"region": draw.choice(GROUPS[1:])},
            ).to_document(source)
            known = {"label": actual, "timestamp": iso(made + timedelta(hours=1))}
            evaluation = evaluated(document, {"label": actual}, "late")
            yield document | {"outcome": known, "evaluation": evaluation}


def build(there: Cluster, say: Callable[[str], None]) -> None:
    """Write and analyse all of it."""
    _write(there, there.streams.metrics, "index", metrics())
    say(f"  {METRICS:,} metrics are there")
    _write(there, there.streams.predictions, "create", predictions(there.streams.namespace))
    pipeline.analyze(there, monitors.parse(MONITORS, namespace=there.streams.namespace), END + DAY)
    for number in range(MODELS):
        text = f"models: [{{name: model-{number}, task: binary, positive_class: a, window: 1d}}]"
        model = monitors.parse(text).models[0]
        horizon = Horizon(WindowSize("1d"), model.alarm, timedelta(0), END, END, lambda _: END)
        changed = [evaluate.Changed(horizon, END - 2 * BAD_DAYS * DAY)]
        evaluate.evaluate(there, model, changed, END, lambda _incident, _alerts: {})
    there.refresh(there.streams.metrics, there.streams.alerts, there.streams.predictions)


def _write(there: Cluster, index: str, action: str, documents: Iterator[dict[str, Any]]) -> None:
    head = orjson.dumps({action: {"_index": index}})
    while lines := [part for document in islice(documents, AT_ONCE) for part in (head, orjson.dumps(document))]:
        there.write(lines)
    there.refresh(index)
