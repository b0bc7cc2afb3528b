"""How often the stated 95 % intervals hold the truth, at small, middling and large sizes of windows."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace

import numpy as np
from benchmarks.figures import Figure
from scipy import special, stats

from driftline.analyzers.arrays import FloatArray, IntArray
from driftline.analyzers.measures import Distribution, Estimate, ModelView, MomentArrays, Task, by_name, drift
from driftline.analyzers.measures import classification as cls
from driftline.analyzers.profiles.binning import DURATION_EDGES, Binning
from driftline.analyzers.profiles.profile import Moments, Profile, ScoreCounts

SIZES = (50, 500, 5_000)
DRAWS, AT_ONCE = 4_000, 250
MARGIN = 2 * math.sqrt(0.95 * 0.05 / 1_000)
"""Two standard errors of a thousand draws. Four times as many are made, so that chance seldom decides."""
REFERENCE = 50_000
BINS, FINE = 10, 64
SHIFTS = (0.15, 0.4, 0.8)
"""Shifts of a normal distribution, in standard deviations."""
Held = Mapping[str, list[bool]]


def _shares(shift: float, bins: int) -> FloatArray:
    edges = special.ndtri(np.arange(1, bins) / bins)
    return np.asarray(np.diff(special.ndtr(edges - shift), prepend=0.0, append=1.0), np.float64)


def _categorical(counts: IntArray) -> Distribution:
    nothing = np.zeros(len(counts), np.int64)
    return Distribution(counts, nothing, nothing)


def _numeric(counts: IntArray) -> Distribution:
    edges = special.ndtri(np.arange(1, FINE) / FINE)
    knots = np.concatenate([[-4.0], edges, [4.0]])
    middles = (knots[1:] + knots[:-1]) / 2
    size = counts.sum(axis=1).astype(np.float64)
    ends = np.full_like(size, 4.0)
    moments = MomentArrays(size, counts @ middles, counts @ middles**2, -ends, ends)
    return replace(_categorical(counts), fine=counts, edges=edges, moments=moments)


def _distances(rng: np.random.Generator, n: int) -> Iterator[tuple[str, FloatArray, FloatArray, FloatArray]]:
    """Measure, lower ends, upper ends, truth."""
    of_categories: Mapping[str, Callable[[FloatArray, FloatArray], FloatArray]] = {
        "psi": drift.psi,
        "jensen_shannon": lambda p, q: np.sqrt(drift.jensen_shannon(p, q)),
        "hellinger": lambda p, q: np.sqrt(drift.hellinger(p, q)),
        "total_variation": drift.total_variation,
        "l_infinity": drift.l_infinity,
    }
    for shift in SHIFTS:
        for bins, measures in ((BINS, of_categories), (FINE, {"ks": None, "wasserstein": None, "mean": None})):
            p, q = _shares(shift, bins), _shares(0.0, bins)
            make = _categorical if bins == BINS else _numeric
            exact = [make(np.round(1e12 * side[None]).astype(np.int64)) for side in (p, q)]
            for _ in range(DRAWS // AT_ONCE):
                now, then = make(rng.multinomial(n, p, AT_ONCE)), make(rng.multinomial(REFERENCE, q, AT_ONCE))
                for name, function in measures.items():
                    with np.errstate(all="ignore"):
                        found = by_name(name).compute(now, then)
                        perfect = by_name(name).compute(*exact)
                    truth = function(1e12 * p[None], 1e12 * q[None]) if function else perfect.value
                    yield name, found.lower, found.upper, truth


def _rates(rng: np.random.Generator, n: int) -> Iterator[tuple[str, FloatArray, FloatArray, FloatArray]]:
    for share in rng.uniform(0.03, 0.97, 20):
        hit = rng.binomial(n, share, DRAWS // 20)
        nothing = np.zeros_like(hit)
        side = Distribution((n - hit)[:, None], nothing, hit)
        found = by_name("missing_rate").compute(side, None)
        yield "missing_rate", found.lower, found.upper, np.array([share])


def _views(rng: np.random.Generator, n: int) -> Iterator[tuple[ModelView, Mapping[str, float]]]:
    """Windows of a binary classifier, and the truth of its measures."""
    rates = ("accuracy", "precision", "recall", "specificity", "f1", "mcc", "balanced_accuracy")
    functions = {"accuracy": cls.accuracy, "f1": cls.f1, "mcc": cls.mcc, "balanced_accuracy": cls.balanced_accuracy}
    up, down = _shares(1.0, FINE), _shares(0.0, FINE)
    area, _, _ = cls.roc_auc(np.round(1e9 * up).astype(np.int64), np.round(1e9 * down).astype(np.int64))
    empty = Profile.empty(Binning())
    for _ in range(DRAWS):
        base, recall, specificity = rng.uniform(0.2, 0.8), rng.uniform(0.4, 0.95), rng.uniform(0.4, 0.95)
        matrix = np.array(
            [[(1 - base) * specificity, (1 - base) * (1 - specificity)], [base * (1 - recall), base * recall]]
        )
        (tn, fp), (fn, tp) = rng.multinomial(n, matrix.ravel()).reshape(2, 2)
        positives = rng.multinomial(tp + fn, up)
        counts = np.zeros((2, 3, FINE), np.int64)
        counts[0, 1], counts[0, 0] = positives, rng.multinomial(tn + fp, down)
        errors = rng.gamma(2.0, 1.0, n)
        moments = Moments(n, float(errors.sum()), float((errors**2).sum()), float(errors.min()), float(errors.max()))
        duration = np.exp(rng.normal(16, 0.6, n))
        profile = replace(
            empty,
            predictions=n,
            confusion={("no", "no"): int(tn), ("yes", "no"): int(fp), ("no", "yes"): int(fn), ("yes", "yes"): int(tp)},
            scores={"yes": ScoreCounts(counts, np.zeros((2, 3, FINE)))},
            evaluations={"log_loss": moments},
            duration=np.bincount(np.searchsorted(DURATION_EDGES, duration), minlength=len(DURATION_EDGES) + 1),
        )
        truth = {name: f(matrix) if name == "accuracy" else f(matrix, binary=True) for name, f in functions.items()}
        truth |= {"recall": recall, "specificity": specificity, "precision": base * recall / matrix[:, 1].sum()}
        truth = {name: truth[name] for name in rates}
        truth |= {
            "roc_auc": area,
            "average_precision": _precision(base, up, down),
            "log_loss": 2.0,
            "latency_p50": math.exp(16),
        }
        truth["latency_p95"] = math.exp(16 + 0.6 * stats.norm.ppf(0.95))
        yield ModelView(profile, Task.BINARY, "yes", 3_600), truth


def _precision(base: float, up: FloatArray, down: FloatArray) -> float:
    """Average precision of a model without end: what binned samples have in the limit, at 1e6 rows."""
    sides = (np.round(1e6 * share).astype(np.int64) for share in (base * up, (1 - base) * down))
    return cls.average_precision(*sides)[0]


def held(n: int) -> Held:
    """Whether each interval of each measure held the truth."""
    rng = np.random.default_rng(n)
    found: dict[str, list[bool]] = {}
    for name, lower, upper, truth in (*_distances(rng, n), *_rates(rng, n)):
        found.setdefault(name, []).extend(((lower <= truth) & (truth <= upper)).tolist())
    for view, truths in _views(rng, n):
        for name, truth in truths.items():
            estimate: Estimate = by_name(name).compute(view, None)
            enough = n >= by_name(name).min_samples
            if enough and estimate.lower is not None and estimate.upper is not None:
                found.setdefault(name, []).append(estimate.lower <= truth <= estimate.upper)
    return found


def figures(say: Callable[[str], None]) -> list[Figure]:
    """The part's figures."""
    result = []
    for n in SIZES:
        for name, hits in held(n).items():
            result.append(_figure(name, n, hits))
            say(f"  {result[-1].figure}: {result[-1].value}")
    return result


def _figure(name: str, n: int, hits: Sequence[bool]) -> Figure:
    share = sum(hits) / len(hits)
    goal = f"0.95 +- {MARGIN:.3f}"
    return Figure(
        f"interval of {name}, n = {n:,}: holds the truth",
        round(float(share), 4),
        goal,
        bool(abs(share - 0.95) <= MARGIN),
    )
