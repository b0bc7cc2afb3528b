"""References that move, on a real cluster: another season is no drift, a slow change is followed, a break is found."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import numpy as np
import pytest
from synthetic import EPOCH

from driftline.analyzers.windows import iso
from driftline.ingest.events import Prediction, Source

DAYS, WEEKS, ROWS = 24, 2, 60
BREAK = range((DAYS - 2) * 4, DAYS * 4)
"""Six-hour windows of the last two days, in which the values are shifted."""
MONITORS = """
models:
  - name: m
    task: regression
    window: 6h
    reference: {reference}
    features: {{amount: numeric}}
    segments: [region]
    measures: {{wasserstein: {{}}, mean: {{}}, throughput: {{}}}}
    false_alarms: 1 per week
"""


def events(namespace, *, shift=0.0, trend=0.0, windows=range(DAYS * 4), suffix=""):
    """Predictions in six-hour windows: Sundays are unlike other days; there may be a trend, and a break at the end."""
    source = Source("s", "1", "test", namespace)
    for window in windows:
        rng = np.random.default_rng(window)
        begin = EPOCH + window * timedelta(hours=6)
        rows = ROWS // 3 if begin.weekday() == 6 else ROWS
        centre = 5.0 if begin.weekday() == 6 else 0.0
        centre += rng.normal(0, 0.1) + trend * window / 4 + (shift if window in BREAK else 0.0)
        for row in range(rows):
            yield Prediction(
                model="m", task="regression", version="1", id=f"{window}-{row}{suffix}", value=0.0,
                timestamp=begin + timedelta(seconds=row), features={"amount": float(rng.normal(centre, 1))},
                segments={"region": "north" if row % 2 else "south"},
            ).to_document(source)  # fmt: skip


@pytest.fixture
def judged(ship, analyze, metrics, streams):
    """Analyse events by a reference; gives the metrics of one measure over the windows that have a reference."""

    def run(reference: str, name: str = "wasserstein", feature: str | None = "amount", **changes: Any) -> list[dict]:
        ship(events(streams.namespace, **changes))
        analyze(MONITORS.format(reference=reference))
        found = metrics()
        of_it = [m for key, m in sorted(found.items(), key=lambda item: item[0][4]) if key[:3] == (name, feature, None)]
        return [m for m in of_it if "reference" in m]

    return run


SEASONAL = "{kind: seasonal, season: day_of_week, weeks: 2}"
ROLLING = "{kind: rolling, last: 7d, gap: 1d}"


def test_another_weekday_is_compared_with_its_like(judged):
    """On Sundays everything is different, as on every Sunday: distances stay small, and so does throughput's change."""
    found = judged(SEASONAL)
    assert {m["reference"]["kind"] for m in found} == {"seasonal"}
    assert found[0]["window"]["start"] == iso(EPOCH + timedelta(days=14))
    assert len(found) == (DAYS - 14) * 4
    assert max(m["metric"]["value"] for m in found) < 0.8
    assert {m["metric"]["status"] for m in found if m["metric"]["sample_size"] >= 30} == {"ok"}
    (sunday,) = [m for m in found if m["window"]["start"] == iso(EPOCH + timedelta(days=20))]
    assert sunday["metric"]["reference_size"] == WEEKS * 4 * ROWS // 3


def test_the_rate_of_a_season_is_that_of_its_own_time(judged):
    """A third of the traffic on Sundays: the reference's rate is that of Sundays."""
    found = judged(SEASONAL, "throughput", None)
    for metric in found:
        assert metric["metric"]["value"] == pytest.approx(metric["metric"]["reference_value"])


def test_a_break_is_found_against_the_season(judged):
    """A shift by two standard deviations on the last two days."""
    found = judged(SEASONAL, shift=2.0)
    assert [m["metric"]["status"] for m in found[-8:-4]] == ["critical"] * 4
    assert [m["metric"]["alarm"] for m in found[-8:]] == ["firing"] * 8


def test_a_rolling_reference_follows_a_trend(judged):
    """A shift of 0.1 a day: a week before, it was nearly the same; the reference is the week up to the day before."""
    found = [m for m in judged(ROLLING, trend=0.1) if m["metric"]["sample_size"] >= 30]
    last = found[-1]
    day = EPOCH + timedelta(days=DAYS - 1)
    assert last["reference"] == {
        "kind": "rolling", "start": iso(day - timedelta(days=8)), "end": iso(day - timedelta(days=1)),
    }  # fmt: skip
    assert not [m for m in found if m["metric"].get("alarm") == "firing"]


def quiet_days(namespace, days):
    """Predictions of which those of some days are as those of Sundays."""
    source = Source("s", "1", "test", namespace)
    for window in range(DAYS * 4):
        rng = np.random.default_rng(window)
        begin = EPOCH + window * timedelta(hours=6)
        off = begin.weekday() == 6 or window // 4 in days
        for row in range(ROWS // 3 if off else ROWS):
            amount = float(rng.normal((5.0 if off else 0.0) + rng.normal(0, 0.1), 1))
            yield Prediction(
                model="m", task="regression", version="1", id=f"{window}-{row}", value=0.0,
                timestamp=begin + timedelta(seconds=row), features={"amount": amount},
                segments={"region": "north" if row % 2 else "south"},
            ).to_document(source)  # fmt: skip


@pytest.mark.parametrize("kind", ["seasonal, season: day_of_week, weeks: 2", "rolling, last: 14d"])
def test_holidays_are_compared_with_their_like_and_left_out_of_other_days(ship, analyze, metrics, streams, kind):
    """The first holiday with the Sundays before it, the second with the first, and the same weekday with no holiday."""
    first, second, after = 15, 17, 22  # a Tuesday, a Thursday, and the Tuesday of the next week
    ship(quiet_days(streams.namespace, {first, second}))
    dates = [(EPOCH + timedelta(days=day)).date().isoformat() for day in (first, second)]
    text = MONITORS.replace("wasserstein: {{}}", "wasserstein: {{min_samples: 10}}")
    analyze(text.format(reference=f"{{kind: {kind}, holidays: [{', '.join(dates)}]}}"))

    def of(day, name="wasserstein", feature="amount"):
        return metrics()[name, feature, None, "6h", iso(EPOCH + timedelta(days=day, hours=6))]["metric"]

    assert of(first)["reference_size"] == 2 * 4 * ROWS // 3  # two Sundays
    assert of(second)["reference_size"] == 4 * ROWS // 3  # one holiday
    for day in (first, second):
        assert of(day)["value"] < 0.8
        assert of(day)["status"] == "ok"
        rate = of(day, "throughput", None)
        assert rate["reference_value"] == pytest.approx(rate["value"])
    # A week later: one Tuesday and not two, or twelve days and not fourteen, two of them Sundays.
    ordinary = 4 * ROWS if "seasonal" in kind else 10 * 4 * ROWS + 2 * 4 * ROWS // 3
    assert of(after)["reference_size"] == ordinary
    assert of(after)["status"] == "ok"


def test_another_reference_judges_anew_without_counting(ship, analyze, cluster, streams):
    """What is stored is judged again; and late data in a reference judges those anew that are compared with it."""
    ship(events(streams.namespace))
    analyze(MONITORS.format(reference=ROLLING))
    (settled,) = analyze(MONITORS.format(reference=ROLLING))
    assert settled.analysed == 0
    counted = []
    original = type(cluster).count_predictions
    type(cluster).count_predictions = lambda self, body: counted.append(body) or original(self, body)
    try:
        (again,) = analyze(MONITORS.format(reference="{kind: rolling, last: 7d}"))
        assert again.analysed == DAYS * 4
        assert not [body for body in counted if "labelled" in body["aggs"]]
        ship(events(streams.namespace, windows=range(60, 61), suffix="late"))
        (late,) = analyze(MONITORS.format(reference="{kind: rolling, last: 7d}"))
    finally:
        type(cluster).count_predictions = original
    # The window itself, on the fifteenth day, and all windows of the seven days after that.
    assert late.analysed == 1 + 7 * 4
    assert len([body for body in counted if "labelled" in body["aggs"]]) == 1


def test_other_bins_are_said_and_counted_anew(ship, analyze, streams):
    """Another fixed period brings its own bins: what was stored is of no use, and that is told."""
    ship(events(streams.namespace))
    fixed = "{{start: {}, end: {}}}"
    week = timedelta(days=7)
    (first,) = analyze(MONITORS.format(reference=fixed.format(iso(EPOCH), iso(EPOCH + week))))
    (second,) = analyze(MONITORS.format(reference=fixed.format(iso(EPOCH + week), iso(EPOCH + 2 * week))))
    assert not [note for note in first.notes if "other bins" in note]
    assert f"the reference has other bins: {DAYS * 4} windows were counted anew" in second.notes
