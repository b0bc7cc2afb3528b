"""What comes of aggregations equals what scikit-learn and SciPy say of the same events in memory."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import numpy as np
import pytest
from scipy import stats
from scipy.spatial import distance
from sklearn import metrics as sk
from synthetic import CLASSES, EPOCH, Sample, documents, rows, sample

from driftline.analyzers.profiles.history import History
from driftline.analyzers.profiles.raw import binning_of, profile_of
from driftline.analyzers.windows import Window, iso
from driftline.ingest.events import Task

REFERENCE = Window(EPOCH, EPOCH + timedelta(days=3))
CURRENT = Window(EPOCH + timedelta(days=3), EPOCH + timedelta(days=4))
EXACT = {"rel": 1e-9, "abs": 1e-12}
MEASURES = {
    Task.BINARY: "accuracy balanced_accuracy precision recall f1 specificity mcc roc_auc average_precision log_loss "
    "brier",
    Task.MULTICLASS: "accuracy balanced_accuracy precision recall f1 mcc roc_auc log_loss brier",
    Task.REGRESSION: "mae mse rmse mape r2 bias",
}
DRIFT = "psi jensen_shannon hellinger total_variation l_infinity chi_squared cramers_v ks wasserstein missing_rate"


def monitors(task: Task) -> str:
    """The monitors.yml of these tests."""
    names = [*MEASURES[task].split(), *DRIFT.split(), "latency_p95", "label_coverage", "throughput"]
    lines = [
        "models:",
        "  - name: m",
        f"    task: {task}",
        "    window: 1d",
        f"    reference: {{start: {iso(REFERENCE.start)}, end: {iso(REFERENCE.end)}}}",
        "    segments: [region]",
        f"    measures: {{{', '.join(f'{name}: {{}}' for name in names)}}}",
    ]
    if task is Task.BINARY:
        lines.append("    positive_class: 'yes'")
    return "\n".join(lines)


@pytest.fixture(params=list(Task))
def analysed(request, ship, analyze, metrics, streams) -> tuple[Sample, Sample, dict[tuple[Any, ...], dict[str, Any]]]:
    """A reference, a shifted window, and the metrics that the cluster's counts gave."""
    task = request.param
    before = sample(task, 6_000, seed=1, days=3)
    now = sample(task, 5_000, seed=2, shift=0.3, start=CURRENT.start)
    ship([*documents(before, streams.namespace), *documents(now, streams.namespace)])
    analyze(monitors(task))
    return before, now, metrics()


def test_quality_of_the_model_equals_scikit_learn(analysed):
    """Every performance metric is scikit-learn's, exactly or within the bound that it states."""
    before, now, found = analysed
    keep = now.labelled
    for name, expected in oracle(now, keep).items():
        metric = found[name, None, None, "1d", iso(CURRENT.start)]["metric"]
        tolerance = metric["error_bound"]
        assert metric["value"] == pytest.approx(expected, rel=1e-9, abs=tolerance + 1e-12), name
        if name == "roc_auc":
            assert tolerance < 0.002
        else:
            assert tolerance == 0.0 or name == "average_precision"
        assert metric["sample_size"] <= keep.sum()
        reference = oracle(before, before.labelled)[name]
        if "reference_value" in metric:
            assert metric["reference_value"] == pytest.approx(reference, rel=1e-9, abs=0.002), name


def test_drift_equals_scipy(analysed):
    """Distances are SciPy's on the counts in the same bins; those of fine bins hold SciPy's on the raw values."""
    before, now, found = analysed
    binning = binning_of(rows(before))
    reference, current = (profile_of(rows(part), binning) for part in (before, now))
    for name, bins in binning.numeric.items():
        p, q = (np.add.reduceat(part.numeric[name].counts, bins.coarse) for part in (current, reference))
        check_distances(found, name, p, q)
        a, b = (getattr(part, name) for part in (now, before))
        a, b = a[np.isfinite(a)], b[np.isfinite(b)]
        ks = found["ks", name, None, "1d", iso(CURRENT.start)]["metric"]
        exact = stats.ks_2samp(a, b).statistic
        assert ks["value"] <= exact + 1e-12
        assert exact <= ks["value"] + ks["error_bound"] + 1e-12
        assert ks["error_bound"] < 0.01
        moved = found["wasserstein", name, None, "1d", iso(CURRENT.start)]["metric"]
        expected = stats.wasserstein_distance(a, b) / b.std()
        assert moved["value"] == pytest.approx(expected, abs=moved["error_bound"] + 1e-9)
        missing = found["missing_rate", name, None, "1d", iso(CURRENT.start)]["metric"]
        assert missing["value"] == pytest.approx(np.isnan(getattr(now, name)).mean(), **EXACT)
    known = binning.categorical["colour"]
    p, q = ([*(part.categorical["colour"].counts), part.categorical["colour"].other] for part in (current, reference))
    assert known == ("red", "green", "blue", "pink")
    check_distances(found, "colour", np.array(p), np.array(q))


def test_stored_profiles_equal_profiles_of_the_raw_rows(analysed, cluster):
    """The profile that Elasticsearch counted is, count for count, the one that NumPy counts, segments included."""
    before, now, _ = analysed
    binning = binning_of(rows(before))
    history = History(cluster, "m")
    stored = dict(history.profiles("1", "1d", CURRENT, binning))
    assert set(stored) == {None, ("region", "north"), ("region", "south")}
    for segment, profile in stored.items():
        keep = [segment is None or region == segment[1] for region in now.region]
        expected = profile_of(rows(now, keep), binning)
        assert profile.binning == expected.binning
        for name in ("predictions", "errors", "labelled", "predicted", "confusion"):
            assert getattr(profile, name) == getattr(expected, name), name
        for name, counts in expected.numeric.items():
            assert (profile.numeric[name].counts == counts.counts).all()
            assert profile.numeric[name].missing == counts.missing
            assert profile.numeric[name].moments.sum == pytest.approx(counts.moments.sum)
        for name, counts in expected.categorical.items():
            assert (profile.categorical[name].counts == counts.counts).all()
            assert (profile.categorical[name].other, profile.categorical[name].missing) == (
                counts.other,
                counts.missing,
            )
        for name, counts in expected.scores.items():
            assert (profile.scores[name].counts == counts.counts).all()
            assert profile.scores[name].sums == pytest.approx(counts.sums)
        assert (profile.duration == expected.duration).all()
        assert (profile.delay == expected.delay).all()


def test_service_measures_equal_the_raw_answer(analysed):
    """Latency is within half a bin of NumPy's percentile; coverage and throughput are exact."""
    _, now, found = analysed
    latency = found["latency_p95", None, None, "1d", iso(CURRENT.start)]["metric"]
    exact = np.percentile(now.duration * 1e9, 95, method="inverted_cdf")
    assert latency["value"] == pytest.approx(exact, abs=latency["error_bound"])
    assert latency["error_bound"] / exact < 0.03
    coverage = found["label_coverage", None, None, "1d", iso(CURRENT.start)]["metric"]
    assert coverage["value"] == pytest.approx(now.labelled.mean(), **EXACT)
    throughput = found["throughput", None, None, "1d", iso(CURRENT.start)]["metric"]
    assert throughput["value"] == pytest.approx(len(now.ids) / 86_400, **EXACT)


def check_distances(found, name: str, p: np.ndarray, q: np.ndarray) -> None:
    """Compare the metrics of one feature with SciPy on counts."""
    p, q = (counts[p + q > 0] for counts in (p, q))
    shares = p / p.sum(), q / q.sum()
    statistic, p_value, *_ = stats.chi2_contingency([p, q], correction=False)
    floored = [np.maximum(counts, 0.5) / counts.sum() for counts in (p, q)]
    expected = {
        "psi": stats.entropy(*floored) + stats.entropy(*floored[::-1])
        if (p > 0).all() and (q > 0).all()
        else ((floored[0] - floored[1]) * np.log(floored[0] / floored[1])).sum(),
        "jensen_shannon": distance.jensenshannon(*shares, base=2),
        "hellinger": distance.euclidean(*map(np.sqrt, shares)) / np.sqrt(2),
        "total_variation": distance.cityblock(*shares) / 2,
        "l_infinity": distance.chebyshev(*shares),
        "chi_squared": statistic,
        "cramers_v": stats.contingency.association(np.array([p, q]), method="cramer"),
    }
    for measure, value in expected.items():
        metric = found[measure, name, None, "1d", iso(CURRENT.start)]["metric"]
        squared = measure in ("jensen_shannon", "hellinger", "cramers_v")
        assert metric["statistic"] == pytest.approx(value**2 if squared else value, **EXACT), measure
        assert metric["sampling_p_value"] == pytest.approx(p_value, rel=1e-6, abs=1e-300), measure
        if measure in ("psi", "jensen_shannon"):
            corrected = max(0.0, metric["statistic"] - metric["expected"])
            assert metric["value"] == pytest.approx(corrected if measure == "psi" else np.sqrt(corrected), **EXACT)
        else:
            assert metric["value"] == pytest.approx(value, **EXACT), measure


def oracle(found: Sample, keep: np.ndarray) -> dict[str, float]:
    """What scikit-learn says of the labelled rows."""
    actual = [a for a, k in zip(found.actual, keep, strict=True) if k]
    if found.task is Task.REGRESSION:
        predicted = found.value[keep]
        return {
            "mae": sk.mean_absolute_error(actual, predicted),
            "mse": sk.mean_squared_error(actual, predicted),
            "rmse": sk.root_mean_squared_error(actual, predicted),
            "mape": sk.mean_absolute_percentage_error(actual, predicted),
            "r2": sk.r2_score(actual, predicted),
            "bias": float(np.mean(predicted - np.array(actual))),
        }
    predicted = [p for p, k in zip(found.label, keep, strict=True) if k]
    average: dict[str, Any] = {"average": "macro"} if found.task is Task.MULTICLASS else {"pos_label": "yes"}
    answers = {
        "accuracy": sk.accuracy_score(actual, predicted),
        "balanced_accuracy": sk.balanced_accuracy_score(actual, predicted),
        "precision": sk.precision_score(actual, predicted, **average),
        "recall": sk.recall_score(actual, predicted, **average),
        "f1": sk.f1_score(actual, predicted, **average),
        "mcc": sk.matthews_corrcoef(actual, predicted),
    }
    if found.task is Task.MULTICLASS:
        probabilities = found.probabilities[keep]
        truth = np.array([[a == name for name in CLASSES] for a in actual])
        return answers | {
            "roc_auc": sk.roc_auc_score(actual, probabilities, multi_class="ovr", labels=list(CLASSES)),
            "log_loss": sk.log_loss(actual, probabilities, labels=list(CLASSES)),
            "brier": float(((probabilities - truth) ** 2).sum(axis=1).mean()),
        }
    hits = [a == "yes" for a in actual]
    score = found.score[keep]
    return answers | {
        "specificity": sk.recall_score(actual, predicted, pos_label="no"),
        "roc_auc": sk.roc_auc_score(hits, score),
        "average_precision": sk.average_precision_score(hits, score),
        "log_loss": sk.log_loss(hits, score),
        "brier": sk.brier_score_loss(hits, score),
    }
