"""Faults put into stored windows, and what a replay says of them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from driftline.analyzers import monitors
from driftline.analyzers.alerts.records import Severity
from driftline.analyzers.alerts.replay import replay
from driftline.analyzers.firing import Rule
from driftline.analyzers.planning.commands import delay, detected
from driftline.analyzers.planning.inject import Injection, shifted
from driftline.analyzers.profiles.history import Counted
from driftline.analyzers.profiles.raw import Rows, binning_of, profile_of
from driftline.analyzers.windows import Window, iso

START = datetime(2026, 3, 1, tzinfo=UTC)
HOUR = timedelta(hours=1)


def rows(seed: int, size: int = 20_000, shift: float = 0.0) -> Rows:
    """One numeric and one categorical feature."""
    rng = np.random.default_rng(seed)
    return Rows(
        numeric={"x": rng.normal(10 + shift, 2, size)},
        categorical={"c": rng.choice(["a", "b", "d"], size).tolist()},
    )


BINNING = binning_of(rows(0))
BEFORE = profile_of(rows(0), BINNING)
WINDOW = Counted("1", Window(START, START + HOUR), {None: profile_of(rows(1), BINNING)})


def injected(text: str):
    """The profile of the window with a fault."""
    return Injection.parse(text).into(WINDOW, BEFORE, BINNING).profiles[None]


@pytest.mark.parametrize("size", [-0.8, -0.1, 0.05, 0.5, 2.0])
def test_a_shift_is_what_counting_shifted_values_gives(size):
    """Within what bins can tell: a hundredth of the values."""
    spread = float(np.sqrt(BEFORE.numeric["x"].moments.variance))
    moved = injected(f"shift:x={size}@2026-03-01")
    raw = profile_of(rows(1, shift=size * spread), BINNING)
    found, exact = (np.cumsum(p.numeric["x"].counts) / 20_000 for p in (moved, raw))
    assert np.abs(found - exact).max() < 0.015
    assert moved.numeric["x"].moments.mean == pytest.approx(raw.numeric["x"].moments.mean, abs=1e-9)
    assert moved.numeric["x"].moments.variance == pytest.approx(raw.numeric["x"].moments.variance, rel=1e-9)
    assert moved.categorical == WINDOW.profiles[None].categorical


@given(st.floats(-30, 30, allow_nan=False))
def test_a_shift_loses_no_value(by):
    """However far."""
    counts = WINDOW.profiles[None].numeric["x"]
    moved = shifted(counts, BINNING.numeric["x"].edges, by)
    assert moved.counts.sum() == counts.counts.sum()
    assert (moved.counts >= 0).all()


@pytest.mark.parametrize(("feature", "kind"), [("x", "numeric"), ("c", "categorical")])
def test_missing_takes_a_share_of_all_values(feature, kind):
    """The rest keeps its distribution."""
    found = getattr(injected(f"missing:{feature}=0.25@2026-03-01"), kind)[feature]
    before = getattr(WINDOW.profiles[None], kind)[feature]
    assert found.missing == 5_000
    assert np.abs(found.counts - 0.75 * before.counts).max() <= 1


def test_errors_are_a_share_of_the_predictions():
    """Those that failed before stay failed."""
    assert injected("errors=0.1@2026-03-01").errors == 2_000


def test_before_its_time_nothing_is_wrong():
    """From the window on that begins then."""
    assert injected("errors=0.1@2026-03-01T00:30:00Z").errors == 0


@pytest.mark.parametrize(
    "text",
    [
        *("", "x", "shift:x@2026-03-01", "shift:x=0.5", "shift:x=0.5@soon", "melt:x=1@2026-03-01"),
        *("shift=0.5@2026-03-01", "missing:x=1.5@2026-03-01", "shift:x=0@2026-03-01", "errors:x=0.1@2026-03-01"),
    ],
)
def test_what_is_no_fault_is_refused(text):
    """What was got, and what is allowed."""
    with pytest.raises(ValueError, match=r"allowed: shift:FEATURE=SIZE@TIME"):
        Injection.parse(text)


def test_a_feature_that_is_none_is_refused():
    """The known ones are named; a category cannot be shifted."""
    with pytest.raises(ValueError, match="got feature 'c', allowed: x"):
        injected("shift:c=0.5@2026-03-01")
    with pytest.raises(ValueError, match="got feature 'y', allowed: c, x"):
        injected("missing:y=0.5@2026-03-01")


MODEL = monitors.parse("models: [{name: m, task: binary, positive_class: a, window: 1h}]").models[0]


def series(levels: str, measure: str = "psi", feature: str | None = "x", **metric):
    """Hourly metrics, a letter each."""
    words = {"s": "severe", "b": "bad", "c": "calm"}
    for hour, sign in enumerate(levels):
        start = START + hour * HOUR
        document = {
            "model": {"name": "m", "version": "1"},
            "window": {"start": iso(start), "end": iso(start + HOUR), "size": "1h"},
            "metric": {"name": measure, "level": words[sign], "value": 0.5, "reference_value": 0.1, **metric},
        }
        yield document | ({"feature": {"name": feature}} if feature else {})


def test_a_replay_tells_what_would_have_been():
    """Incidents, whom they call, flaps, how long."""
    told = [
        *series("ccbbccc" + "ccccc" + "bccccccc"),
        *series("ccccccc" + "ccccc" + "ccccssccc"[:8], "recall", None),
        *series("c" * 20, "accuracy", None, value=0.8, reference_value=0.9, status="ok"),
        *series("c" * 20, "throughput", None, value=0.1, reference_value=0.1, status="ok"),
    ]
    made = replay(MODEL, told, {"1h": Rule()})
    assert [(i.kind, i.severity, (i.fired - START) / HOUR) for i in made.incidents] == [
        ("feature", Severity.PAGE, 4),
        ("performance", Severity.PAGE, 17),
    ]
    assert made.count(Severity.PAGE) == 2
    assert made.flaps == 0
    assert made.time_on == 5 * HOUR + 4 * HOUR
    stricter = replay(MODEL, told, {"1h": Rule(3, 3, 3)})
    assert [i.kind for i in stricter.incidents] == ["performance"]
    found = Injection.parse("shift:x=1@2026-03-01T02:00:00Z")
    assert detected(found, made) == made.incidents[0]
    assert delay(found, made) == 2 * HOUR
    assert detected(found, stricter) is None
    assert delay(found, stricter) is None


def test_nothing_is_nothing():
    """No window, no incident."""
    made = replay(MODEL, [], {"1h": Rule()})
    assert (list(made.incidents), made.period, made.time_on) == ([], None, timedelta(0))
