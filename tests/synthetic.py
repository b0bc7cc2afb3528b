"""Made-up predictions of each kind of model, as columns, as events and as rows: the same ones in each form."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np

from driftline.analyzers.outcomes import evaluate
from driftline.analyzers.profiles.raw import Rows
from driftline.ingest.events import Outcome, Prediction, Source, Task

EPOCH = datetime(2024, 1, 1, tzinfo=UTC)
CLASSES = ("cat", "dog", "eel")


@dataclass(frozen=True)
class Sample:
    """Predictions of one model in columns; `actual` is None where no outcome is known."""

    task: Task
    ids: list[str]
    times: list[datetime]
    amount: np.ndarray
    hour: np.ndarray
    colour: list[str | None]
    region: list[str]
    label: list[str | None]
    score: np.ndarray
    probabilities: np.ndarray
    value: np.ndarray
    actual: list[Any]
    delay: np.ndarray
    duration: np.ndarray
    failed: np.ndarray

    @property
    def labelled(self) -> np.ndarray:
        """Which predictions have an outcome."""
        return np.array([actual is not None for actual in self.actual])


def sample(task: Task, n: int, seed: int = 0, shift: float = 0.0, days: float = 1.0, start: datetime = EPOCH) -> Sample:
    """Draw predictions; `shift` moves the numeric feature and the colours, and makes the model worse."""
    rng = np.random.default_rng(seed)
    amount = rng.lognormal(1.0 + shift, 0.8, n)
    amount[rng.random(n) < 0.05] = 0.0
    amount[rng.random(n) < 0.03] = np.nan
    hour = rng.integers(0, 24, n).astype(float)
    weights = np.array([0.5, 0.3 - shift / 10, 0.15 + shift / 10, 0.05])
    colour: list[Any] = [
        None if rng.random() < 0.02 else c for c in rng.choice(["red", "green", "blue", "pink"], n, p=weights)
    ]
    logit = rng.normal(-0.5, 1.2, n)
    score = 1 / (1 + np.exp(-logit))
    truth = rng.random(n) < 1 / (1 + np.exp(-(logit * (1 - shift) + 0.1)))
    probabilities = rng.dirichlet([2.0, 1.5, 1.0], n)
    picked = np.array([rng.choice(3, p=p) for p in probabilities]) if task is Task.MULTICLASS else np.zeros(n, int)
    value = rng.normal(50, 10, n)
    actual: list[Any]
    match task:
        case Task.BINARY:
            actual = ["yes" if hit else "no" for hit in truth]
            label: list[Any] = ["yes" if s >= 0.5 else "no" for s in score]
        case Task.MULTICLASS:
            actual = [CLASSES[i] for i in picked]
            label = [CLASSES[i] for i in probabilities.argmax(axis=1)]
        case _:
            actual = list(value + rng.normal(shift, 4, n))
            label = [None] * n
    unknown = rng.random(n) < 0.1
    seconds = np.sort(rng.integers(0, int(days * 86_400 * 1000), n)) / 1000
    return Sample(
        task=task,
        ids=[f"{task}-{seed}-{i}" for i in range(n)],
        times=[start + timedelta(seconds=float(s)) for s in seconds],
        amount=amount,
        hour=hour,
        colour=colour,
        region=list(rng.choice(["north", "south"], n, p=[0.7, 0.3])),
        label=label,
        score=score,
        probabilities=probabilities,
        value=value,
        actual=[None if hidden else a for hidden, a in zip(unknown, actual, strict=True)],
        delay=np.where(unknown, np.nan, np.round(rng.exponential(7200, n), 3)),
        duration=np.round(rng.lognormal(15, 0.5, n)) / 1e9,
        failed=np.zeros(n, bool),
    )


def predictions(found: Sample, model: str = "m", version: str | None = "1") -> Iterator[Prediction]:
    """The predictions as events."""
    for i, identity in enumerate(found.ids):
        answer: dict[str, Any] = {"label": found.label[i]}
        if found.task is Task.BINARY:
            answer["score"] = found.score[i]
        elif found.task is Task.MULTICLASS:
            answer["probabilities"] = dict(zip(CLASSES, found.probabilities[i], strict=True))
        else:
            answer = {"value": found.value[i]}
        yield Prediction(
            model=model,
            version=version,
            task=found.task,
            id=identity,
            timestamp=found.times[i],
            features={"amount": found.amount[i], "hour": found.hour[i], "colour": found.colour[i]},
            segments={"region": found.region[i]},
            duration=found.duration[i],
            **answer,
        )


def outcomes(found: Sample) -> Iterator[Outcome]:
    """The outcomes that are known, as events."""
    for i, actual in enumerate(found.actual):
        if actual is not None:
            known = found.times[i] + timedelta(seconds=float(found.delay[i]))
            what = {"value": actual} if found.task is Task.REGRESSION else {"label": actual}
            yield Outcome(id=found.ids[i], timestamp=known, **what)


def documents(found: Sample, namespace: str, **model: Any) -> list[dict[str, Any]]:
    """Predictions and outcomes as documents."""
    source = Source("test", namespace=namespace)
    return [event.to_document(source) for event in (*predictions(found, **model), *outcomes(found))]


def rows(found: Sample, keep: Sequence[bool] | None = None) -> Rows:
    """The predictions, or those to keep, as columns for the raw path."""
    mask = np.ones(len(found.ids), bool) if keep is None else np.asarray(keep)
    index = np.flatnonzero(mask)
    names = {
        Task.BINARY: ("log_loss", "brier"),
        Task.MULTICLASS: ("log_loss", "brier"),
        Task.REGRESSION: ("error", "absolute_error", "squared_error", "absolute_percentage_error"),
    }[found.task]
    source = Source("test")
    evaluated = []
    for i, prediction in enumerate(predictions(found)):
        if mask[i]:
            actual = found.actual[i]
            outcome = {"value" if found.task is Task.REGRESSION else "label": actual}
            evaluated.append({} if actual is None else evaluate(prediction.to_document(source), outcome, "yes"))
    evaluations = {name: np.array([e.get(name, np.nan) for e in evaluated], float) for name in names}
    scores = {}
    if found.task is Task.BINARY:
        scores = {"yes": found.score[mask]}
    elif found.task is Task.MULTICLASS:
        scores = {name: found.probabilities[mask, k] for k, name in enumerate(CLASSES)}
    regression = found.task is Task.REGRESSION
    if regression:
        evaluations["actual"] = np.array([np.nan if found.actual[i] is None else found.actual[i] for i in index])
    return Rows(
        numeric={"amount": found.amount[mask], "hour": found.hour[mask]},
        categorical={"colour": [found.colour[i] for i in index]},
        scores=scores,
        value=found.value[mask] if regression else None,
        predicted=() if regression else [found.label[i] for i in index],
        actual=() if regression else [found.actual[i] for i in index],
        evaluations=evaluations,
        duration=np.round(found.duration[mask] * 1e9),
        delay=found.delay[mask],
        failed=found.failed[mask].tolist(),
    )
