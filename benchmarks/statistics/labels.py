"""What late labels do to verdicts: taken as they come, waited for, or weighed by how many of their class still come.

A model whose positives become known after five days on average, and the others after half a day, as frauds do; every
day is judged anew as labels arrive.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from functools import partial

import numpy as np
from benchmarks.figures import Figure

from driftline.analyzers.arrays import BoolArray, FloatArray
from driftline.analyzers.early import LEAST, evened
from driftline.analyzers.judge import default_threshold, judge
from driftline.analyzers.maturity import Early, Labels, Maturity, Ripeness
from driftline.analyzers.measures import Measurement, ModelView, Status, Task, by_name
from driftline.analyzers.profiles.arrivals import Arrivals
from driftline.analyzers.profiles.profile import Profile
from driftline.analyzers.profiles.raw import Rows, binning_of, profile_of
from driftline.analyzers.windows import Window

ROWS, HISTORY, DAYS = 2_000, 60, 300
SLOW, QUICK = 5.0, 0.5
"""Mean days until the label of a positive, and of another, is known."""
COVERAGE = 0.9
ALPHA = 0.01
NOW = datetime(2024, 6, 1, tzinfo=UTC)
AGES = tuple(range(31))
"""Days after its end on which a day is looked at."""
NAMES = ("accuracy", "precision", "recall")
Day = Callable[[float], Profile]


def _day(seed: int, lost: float) -> Rows:
    """A day's predictions with all labels that will ever come; of those that were right, a share is wrong instead."""
    rng = np.random.default_rng([seed, round(1_000 * lost)])
    logit = rng.normal(-1.5, 2.5, ROWS)
    score = 1 / (1 + np.exp(-logit))
    predicted, truth = score >= 0.5, rng.random(ROWS) < score
    truth = np.where((predicted == truth) & (rng.random(ROWS) < lost), ~truth, truth)
    delay = rng.exponential(np.where(truth, SLOW, QUICK)) * 86_400.0
    delay[rng.random(ROWS) >= COVERAGE] = np.nan
    names = np.array(["no", "yes"])
    return Rows(
        scores={"yes": score},
        predicted=names[predicted.astype(int)].tolist(),
        actual=names[truth.astype(int)].tolist(),
        delay=delay,
    )


def _as_of(rows: Rows, age: float, made: FloatArray) -> Rows:
    """What is known of them so many days after the end of their day."""
    delay = rows.delay if rows.delay is not None else np.full(rows.size, np.nan)
    there: BoolArray = np.nan_to_num(delay, nan=np.inf) <= (age + 1 - made) * 86_400.0
    actual = [label if known else None for label, known in zip(rows.actual, there, strict=True)]
    return Rows(scores=rows.scores, predicted=rows.predicted, actual=actual, delay=np.where(there, delay, np.nan))


def _window(age: float) -> Window:
    end = NOW - timedelta(days=age)
    return Window(end - timedelta(days=1), end)


def _verdicts(profile: Profile, reference: Profile) -> Mapping[str, Status]:
    view, before = (ModelView(side, Task.BINARY, "yes", 86_400.0) for side in (profile, reference))
    found = [Measurement(name, by_name(name).compute(view, before)) for name in NAMES]  # type: ignore[arg-type]
    thresholds = {name: default_threshold(by_name(name)) for name in NAMES}
    return {verdict.measurement.measure: verdict.status for verdict in judge(found, thresholds, ALPHA)}


def _bad(profile: Profile, reference: Profile) -> bool:
    return bool({Status.WARNING, Status.CRITICAL} & set(_verdicts(profile, reference).values()))


def _accuracy(profile: Profile) -> float:
    estimate = by_name("accuracy").compute(ModelView(profile, Task.BINARY, "yes", 86_400.0), None)  # type: ignore[arg-type]
    return float(estimate.value)  # type: ignore[arg-type, union-attr]


class _World:
    """The reference, how long labels take, and days to judge."""

    def __init__(self) -> None:
        made = np.random.default_rng(0).random(ROWS)
        self.binning = binning_of(_day(0, 0.0))
        self.made = made
        before = [_day(1_000 + seed, 0.0) for seed in range(HISTORY)]
        whole = [profile_of(rows, self.binning) for rows in before]
        self.reference = sum(whole[1:], whole[0])
        seen = (profile_of(_as_of(rows, age, made), self.binning) for age, rows in enumerate(before))
        arrivals = [
            (_window(age), Arrivals(one.predictions, one.delay, one.positive_delay)) for age, one in enumerate(seen)
        ]
        self.maturity = Maturity.learn(Labels(early=Early.WEIGH), arrivals, NOW)

    def day(self, seed: int, lost: float) -> Day:
        rows = _day(seed, lost)
        return lambda age: profile_of(_as_of(rows, age, self.made), self.binning)

    def taken(self, day: Day, age: float) -> Profile | None:
        """Labels as they come."""
        return day(age)

    def waited(self, day: Day, age: float) -> Profile | None:
        """None until enough of the labels that will come are there."""
        profile = day(age)
        ripeness = self.maturity.of(_window(age), profile.predictions, profile.labelled)
        return None if ripeness is Ripeness.EARLY else profile

    def weighed(self, day: Day, age: float) -> Profile | None:
        """Weighed until then, as soon as the weights are good for something."""
        if (ripe := self.waited(day, age)) is not None:
            return ripe
        known = self.maturity.known(_window(age))
        return evened(day(age), "yes", known) if known and min(known) >= LEAST else None


def _first(way: Callable[[Day, float], Profile | None], day: Day, reference: Profile) -> float:
    """Days after its end on which a day is first found bad; NaN for never."""
    for age in AGES:
        profile = way(day, age)
        if profile is not None and _bad(profile, reference):
            return age
    return np.nan


def figures(say: Callable[[str], None]) -> list[Figure]:
    """The part's figures."""
    world = _World()
    ways = {"taken as they come": world.taken, "waited for": world.waited, "weighed": world.weighed}
    return list(_figures(say, world, ways))


def _figures(
    say: Callable[[str], None], world: _World, ways: Mapping[str, Callable[[Day, float], Profile | None]]
) -> Iterator[Figure]:
    truth = _accuracy(world.reference)
    young = partial(world.day, lost=0.0)
    for name, way in ways.items():
        say(f"  labels {name}")
        alarms = [_first(way, young(seed), world.reference) for seed in range(DAYS)]
        share = float(np.isfinite(alarms).mean())
        told = f"late labels, {name}: quiet days found bad at some time"
        yield Figure(told, share) if way == world.taken else Figure.at_most(told, share, 0.01)
        early = [profile for seed in range(DAYS) if (profile := way(young(seed), 1.0)) is not None]
        if early:
            bias = float(np.mean([_accuracy(profile) for profile in early])) - truth
            told = f"late labels, {name}: mean error of accuracy after a day"
            yield Figure(told, bias) if way == world.taken else Figure.at_most(told, abs(bias), 0.005)
        waits = np.array([_first(way, world.day(seed, 0.15), world.reference) for seed in range(DAYS // 3)])
        yield Figure(f"late labels, {name}: days of lost quality found", float(np.isfinite(waits).mean()))
        yield Figure(f"late labels, {name}: days until they were found, mean", float(np.nanmean(waits)))
