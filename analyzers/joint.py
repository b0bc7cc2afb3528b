"""The one place that fetches rows: bounded random samples, for drift that no single feature shows."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from driftline.ingest import events

from . import references
from .judge import judge
from .measures import Measurement, Scatter, Verdict
from .measures.joint import Rows, domain_classifier
from .quiet import Quiet, Statistics, learn
from .windows import Window, iso, parse_moment

if TYPE_CHECKING:
    from .arrays import FloatArray
    from .cluster import Cluster
    from .monitors import Model
    from .profiles.binning import Binning
    from .profiles.history import Counted
    from .references import Reference

NAME = "domain_classifier_auc"
KEY = (NAME, None, None)


class Joint:
    """Joint drift of one model's windows, of the size that monitors.yml names.

    Args:
        cluster: Where the predictions and metrics are.
        model: The model.
        binning: Its bins, which know its features and their categories.
    """

    def __init__(self, cluster: Cluster, model: Model, binning: Binning) -> None:
        self._cluster = cluster
        self._model = model
        self._binning = binning
        self._names = (*binning.numeric, *binning.categorical)
        self._known = {name: {value: at for at, value in enumerate(of)} for name, of in binning.categorical.items()}
        self._period: Window | None = None
        self._sample: tuple[FloatArray, FloatArray] | None = None
        self._past: dict[tuple[str, str], tuple[float, float]] = {}

    def verdict(self, window: Counted, reference: Reference, alpha: float) -> Verdict | None:
        """The verdict on one window; None without a reference.

        A window of the reference is compared with the rest of it. The windows of the reference that were measured
        before tell how quiet ones differ.

        Args:
            window: The window.
            reference: What it is compared with.
            alpha: The level of the test.
        """
        period = reference.period
        if period is None:
            return None
        if period != self._period:
            self._period, self._sample, self._past = period, self._draw(period), self._stored(period)
        assert self._sample is not None
        made, rows = self._sample
        start, end = (moment.timestamp() * 1000 for moment in (window.window.start, window.window.end))
        outside = (made < start) | (made >= end)
        _, current = self._draw(window.window, window.version)
        estimate, used = domain_classifier(self._rows(rows[outside]), self._rows(current))
        found = Measurement(NAME, estimate, contributions=used)
        (verdict,) = judge([found], self._model.thresholds, alpha, self._quiet())
        if period.start <= window.window.start < period.end and estimate.statistic is not None:
            at = (iso(window.window.start), window.version)
            self._past[at] = (estimate.statistic, estimate.deviation or math.nan)
        return verdict

    def _rows(self, values: FloatArray) -> Rows:
        categorical = np.arange(len(self._names)) >= len(self._binning.numeric)
        return Rows(self._names, values, categorical)

    def _draw(self, period: Window, version: str | None = None) -> tuple[FloatArray, FloatArray]:
        """A random sample of a period: when predictions were made, in milliseconds, and their features."""
        query = references.predictions_of(self._model, period, version)
        fields = [f"{events.FEATURES}.{name}" for name in self._names]
        hits = self._cluster.sample(query, fields, self._model.sampling.rows)
        values = np.array(
            [
                [_value(hit["_source"].get("features", {}).get(name), self._known.get(name)) for name in self._names]
                for hit in hits
            ],
            np.float64,
        ).reshape(-1, len(self._names))
        made = [parse_moment(hit["_source"][events.TIMESTAMP]).timestamp() * 1000 for hit in hits]
        return np.array(made, np.float64), values

    def _stored(self, period: Window) -> dict[tuple[str, str], tuple[float, float]]:
        """What was measured of the reference's windows before."""
        filters = [
            {"term": {"model.name": self._model.name}},
            {"term": {"metric.name": NAME}},
            {"term": {"window.size": self._model.sampling.window.text}},
            {"range": {"window.start": period.range()}},
            {"exists": {"field": "metric.statistic"}},
        ]
        fields = ["model.version", "window.start", "metric.statistic", "metric.deviation"]
        found = {}
        for hit in self._cluster.metrics({"bool": {"filter": filters}}, fields):
            source = hit["_source"]
            at = (source["window"]["start"], source["model"]["version"])
            found[at] = (source["metric"]["statistic"], source["metric"]["deviation"])
        return found

    def _quiet(self) -> Quiet | None:
        if len(self._past) < 2:
            return None
        statistic, deviation = np.array([self._past[at] for at in sorted(self._past)]).T
        series = Statistics(statistic, np.zeros(len(statistic)), deviation)
        return learn({KEY: series}, {NAME: Scatter.SIGNED})[0]


def _value(value: Any, known: Mapping[str, int] | None) -> float:
    if value is None or isinstance(value, Mapping | list):
        return math.nan
    if known is not None:
        return float(known.get(str(value), len(known)))
    return float(value) if isinstance(value, int | float) else math.nan
