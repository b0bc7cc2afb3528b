"""What happened to a feature: named rightly where something was done to it, and not named on natural changes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np
from benchmarks.figures import Figure

from driftline.analyzers.arrays import FloatArray
from driftline.analyzers.causes import Kind
from driftline.analyzers.causes.categories import Categories
from driftline.analyzers.causes.numbers import Numbers
from driftline.analyzers.causes.table import of_categories, of_numbers
from driftline.analyzers.profiles.binning import Binning
from driftline.analyzers.profiles.profile import Profile
from driftline.analyzers.profiles.raw import Rows, binning_of, profile_of

SIZES = (200, 1_000, 10_000)
GOAL_AT = 1_000
REFERENCE = 20_000
SEEDS = 60
Rng = np.random.Generator
Draw = Callable[[Rng, int], FloatArray]
COLOURS = np.array(["red", "green", "blue", "pink", "grey", "gold", "teal", "plum"])
SHARES = np.array([0.3, 0.22, 0.16, 0.12, 0.08, 0.06, 0.04, 0.02])


def temperature(rng: Rng, n: int) -> FloatArray:
    """Degrees Celsius."""
    return rng.normal(10, 8, n)


def amount(rng: Rng, n: int) -> FloatArray:
    """Money, one in twenty nothing."""
    return np.where(rng.random(n) < 0.05, 0.0, rng.lognormal(3, 0.8, n))


def weight(rng: Rng, n: int) -> FloatArray:
    """Kilograms."""
    return rng.normal(70, 15, n)


def distance(rng: Rng, n: int) -> FloatArray:
    """Kilometres."""
    return rng.gamma(3.0, 20.0, n)


def hour(rng: Rng, n: int) -> FloatArray:
    """Hours of the day, whole: two rushes."""
    early = rng.normal(8, 2, n)
    return np.asarray(np.floor(np.where(rng.random(n) < 0.4, early, rng.normal(17, 4, n)) % 24), np.float64)


@dataclass(frozen=True, slots=True)
class Scene:
    """Something that happens to a feature: what it is like, what is done to it, and what that is to be called."""

    name: str
    draw: Draw
    done: Callable[[Rng, FloatArray], FloatArray]
    kind: Kind


def _some(share: float, value: float) -> Callable[[Rng, FloatArray], FloatArray]:
    return lambda rng, x: np.where(rng.random(len(x)) < share, value, x)


INJECTED: tuple[Scene, ...] = (
    Scene("nulls, 15 %", amount, _some(0.15, np.nan), Kind.MISSING),
    Scene("nulls, 60 %", temperature, _some(0.6, np.nan), Kind.MISSING),
    Scene("default 0, 20 %", weight, _some(0.2, 0.0), Kind.DEFAULT_VALUE),
    Scene("default -999, 20 %", temperature, _some(0.2, -999.0), Kind.DEFAULT_VALUE),
    Scene("default inside the range, 20 %", distance, _some(0.2, 60.0), Kind.DEFAULT_VALUE),
    Scene("cents", amount, lambda _, x: 100 * x, Kind.UNIT),
    Scene("milliseconds", distance, lambda _, x: 1_000 * x, Kind.UNIT),
    Scene("Fahrenheit", temperature, lambda _, x: 1.8 * x + 32, Kind.UNIT),
    Scene("Fahrenheit on a warmer day", temperature, lambda _, x: 1.8 * (x + 2) + 32, Kind.UNIT),
    Scene("Kelvin", temperature, lambda _, x: x + 273.15, Kind.UNIT),
    Scene("pounds", weight, lambda _, x: 2.20462 * x, Kind.UNIT),
    Scene("miles", weight, lambda _, x: x / 1.609344, Kind.UNIT),
    Scene("other sign", distance, lambda _, x: -x, Kind.SIGN),
    Scene("clipped at the 85th percentile", distance, lambda _, x: np.minimum(x, 87.0), Kind.CLIPPED),
    Scene("nothing above the 70th percentile", temperature, lambda _, x: x[x <= 14], Kind.TRUNCATED),
    Scene("rounded to tens", weight, lambda _, x: np.round(x, -1), Kind.ROUNDED),
    Scene("whole numbers", temperature, lambda _, x: np.floor(x / 5) * 5, Kind.ROUNDED),
    Scene("five hours later", hour, lambda _, x: (x + 5) % 24, Kind.TIME_ZONE),
    Scene("two hours earlier", hour, lambda _, x: (x - 2) % 24, Kind.TIME_ZONE),
    Scene("stuck", weight, lambda _, x: np.full_like(x, 71.3), Kind.STUCK),
)
NATURAL: Mapping[str, tuple[Draw, Draw]] = {
    **{f"nothing, {draw.__name__}": (draw, draw) for draw in (temperature, amount, weight, distance, hour)},
    "half a deviation up": (temperature, lambda rng, n: temperature(rng, n) + 4.0),
    "half a deviation down": (weight, lambda rng, n: weight(rng, n) - 7.5),
    "summer": (temperature, lambda rng, n: temperature(rng, n) * rng.uniform(0.6, 0.9) + rng.uniform(10.0, 20.0)),
    "more spread": (weight, lambda rng, n: 70 + rng.uniform(1.2, 2.0) * (weight(rng, n) - 70)),
    "less spread": (temperature, lambda rng, n: 10 + rng.uniform(0.5, 0.8) * (temperature(rng, n) - 10)),
    "dearer": (amount, lambda rng, n: rng.uniform(1.1, 1.5) * amount(rng, n)),
    "cheaper": (amount, lambda rng, n: rng.uniform(0.7, 0.9) * amount(rng, n)),
    "longer ways": (distance, lambda rng, n: rng.gamma(rng.uniform(3.5, 5.0), 20.0, n)),
    "two kinds of customers": (
        distance,
        lambda rng, n: np.where(rng.random(n) < rng.uniform(0.1, 0.4), rng.gamma(9.0, 15.0, n), distance(rng, n)),
    ),
    "another daily rhythm": (hour, lambda rng, n: np.floor(rng.normal(rng.uniform(11, 15), 4, n) % 24)),
}
"""What features are like, and how they change by nature."""


@cache
def _reference(draw: Draw) -> tuple[Binning, Profile]:
    rows = Rows(numeric={"x": draw(np.random.default_rng(1_000), REFERENCE)})
    binning = binning_of(rows)
    return binning, profile_of(rows, binning)


def reference_binning(draw: Draw) -> Binning:
    """The bins of a feature."""
    return _reference(draw)[0]


def numbers(reference: Draw, current: FloatArray) -> Numbers:
    """A feature as it is and as it was."""
    binning, before = _reference(reference)
    now = profile_of(Rows(numeric={"x": current}), binning)
    return Numbers("x", binning.numeric["x"], now.numeric["x"], before.numeric["x"])


def categories(reference: Sequence[str | None], current: Sequence[str | None]) -> Categories:
    """A categorical feature as it is and as it was."""
    rows, before = Rows(categorical={"x": current}), Rows(categorical={"x": reference})
    binning = binning_of(before)
    now, then = (profile_of(side, binning).categorical["x"] for side in (rows, before))
    known = binning.categorical["x"]
    unseen = Counter(name for name in current if name is not None and name not in known)
    return Categories("x", known, now, then, dict(unseen.most_common(20)))


def colours(rng: Rng, n: int, shares: FloatArray = SHARES) -> list[str | None]:
    """Colours, some frequent and some seldom."""
    return list(rng.choice(COLOURS, n, p=shares).tolist())


def _replaced(names: Mapping[str | None, str | None]) -> Callable[[Rng, list[str | None]], list[str | None]]:
    return lambda _, drawn: [names.get(name, name) for name in drawn]


def _lost(rng: Rng, drawn: list[str | None]) -> list[str | None]:
    return [None if gone else name for name, gone in zip(drawn, rng.random(len(drawn)) < 0.15, strict=True)]


def _new(rng: Rng, drawn: list[str | None]) -> list[str | None]:
    return ["lilac" if new else name for name, new in zip(drawn, rng.random(len(drawn)) < 0.15, strict=True)]


RELABELLED: Mapping[str, tuple[Callable[[Rng, list[str | None]], list[str | None]], Kind]] = {
    "nulls, 15 %, categories": (_lost, Kind.MISSING),
    "upper case": (_replaced({name: name.upper() for name in COLOURS.tolist()}), Kind.RECASED),
    "codes for names": (_replaced({"red": "17", "green": "4", "pink": "9"}), Kind.RENAMED),
    "a category away": (lambda _, drawn: [name for name in drawn if name != "blue"], Kind.VANISHED),
    "a new category": (_new, Kind.UNSEEN),
    "stuck, categories": (lambda _, drawn: ["blue"] * len(drawn), Kind.STUCK),
}


def named(size: int) -> Iterator[tuple[str, Kind, Counter[Kind]]]:
    """What is done, what it is to be called, and how often it was called what; `MOVED` of natural changes."""
    for scene in INJECTED:
        tale = ((scene.draw, scene.done(rng, scene.draw(rng, size))) for rng in _generators())
        yield scene.name, scene.kind, Counter(of_numbers(numbers(*pair)).kind for pair in tale)
    for name, (do, kind) in RELABELLED.items():
        told = ((colours(rng, REFERENCE), do(rng, colours(rng, size))) for rng in _generators())
        yield name, kind, Counter(of_categories(categories(*pair)).kind for pair in told)
    for name, (before, after) in NATURAL.items():
        tale = ((before, after(rng, size)) for rng in _generators())
        yield name, Kind.MOVED, Counter(of_numbers(numbers(*pair)).kind for pair in tale)
    for name, weight_of in {"nothing, categories": 1e6, "other shares": 20.0}.items():
        told = (
            (colours(rng, REFERENCE), colours(rng, size, rng.dirichlet(weight_of * SHARES))) for rng in _generators()
        )
        yield name, Kind.MOVED, Counter(of_categories(categories(*pair)).kind for pair in told)


def _generators() -> Iterator[Rng]:
    return (np.random.default_rng(seed) for seed in range(SEEDS))


def figures(say: Callable[[str], None]) -> list[Figure]:
    """The part's figures."""
    return list(_figures(say))


def _figures(say: Callable[[str], None]) -> Iterator[Figure]:
    for size in SIZES:
        say(f"  causes at {size:,} rows")
        right, wrong = {}, {}
        for name, kind, found in named(size):
            if kind is Kind.MOVED:
                wrong[name] = 1 - found[kind] / found.total()
            else:
                right[name] = found[kind] / found.total()
        if size == GOAL_AT:
            for name, share in right.items():
                yield Figure.at_least(f"cause, {size:,} rows: {name}, named rightly", share, 0.95)
        yield Figure(
            f"cause, {size:,} rows: named rightly, mean of {len(right)} faults", float(np.mean([*right.values()]))
        )
        yield Figure(f"cause, {size:,} rows: named rightly, the worst fault", min(right.values()))
        told = f"cause, {size:,} rows: natural changes given a cause"
        yield Figure.at_most(told, float(np.mean([*wrong.values()])), 0.02)
