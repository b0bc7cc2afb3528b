"""From the windows of a series to its alerts: when they begin, fire, flap, fall silent, and are over."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from driftline.analyzers.alerts import lifecycle
from driftline.analyzers.alerts.evaluate import reconciled
from driftline.analyzers.alerts.kinds import kind_of
from driftline.analyzers.alerts.lifecycle import Horizon, Seen
from driftline.analyzers.alerts.records import Kind, Resolution, Series, State
from driftline.analyzers.firing import Level, Rule, alarms
from driftline.analyzers.windows import Window, WindowSize, iso

START = datetime(2026, 3, 1, tzinfo=UTC)
DAY = timedelta(days=1)
WORDS = {"s": Level.SEVERE, "b": Level.BAD, "-": Level.BETWEEN, "c": Level.CALM, "?": Level.UNKNOWN}
RULE = Rule()
SERIES = Series("churn", "1", "1d", "psi", "age")


def seen(levels: str, first: int = 0) -> list[Seen]:
    """Daily windows of one series, a letter each; the value is the number of the day."""
    found = []
    for day, (sign, alarm) in enumerate(zip(levels, alarms((WORDS[s] for s in levels), RULE), strict=True), first):
        window = Window(START + day * DAY, START + (day + 1) * DAY)
        document = {
            "model": {"name": "churn", "version": "1"},
            "window": {"start": iso(window.start), "end": iso(window.end), "size": "1d"},
            "metric": {"name": "psi", "value": float(day), "reference_value": 0.0},
            "feature": {"name": "age"},
        }
        found.append(Seen(window, WORDS[sign], alarm, document))
    return found


def horizon(days: float, last: int | None = None) -> Horizon:
    """What is known after so many days: by then, or by the day given, windows have come."""
    end = START + (int(days) if last is None else last) * DAY
    return Horizon(WindowSize("1d"), RULE, timedelta(0), START + days * DAY, end, lambda _: end)


def found(levels: str, **options):
    """The alerts of the series, when its last window has just come."""
    return list(lifecycle.alerts(SERIES, seen(levels), horizon(len(levels)), **options))


def day(moment: datetime | None) -> int | None:
    """The number of a day."""
    return None if moment is None else (moment - START).days


@pytest.mark.parametrize(
    ("levels", "expected"),
    [
        ("ccc", []),
        ("cb", [("pending", 1, None, None)]),
        ("cbccc", []),
        ("cbb", [("firing", 1, 3, None)]),
        ("cbcb", [("firing", 1, 4, None)]),  # it began with the first bad one that counted
        ("csc", [("firing", 1, 2, None)]),
        ("cbbccc", [("resolved", 1, 3, 6)]),
        ("cbbcc", [("firing", 1, 3, None)]),
        ("bb???", [("unknown", 0, 2, None)]),  # nothing is known: no recovery
        ("bb??c", [("firing", 0, 2, None)]),
        ("bbccc" + "c" * 7 + "bbb", [("resolved", 0, 2, 5), ("firing", 12, 14, None)]),  # long after: another alert
    ],
)
def test_an_alert_begins_with_its_first_bad_window_and_ends_with_enough_calm_ones(levels, expected):
    """State, since, fired (the end of the window that told it), until."""
    told = [(a.state, day(a.since), day(a.fired), day(a.until)) for a in found(levels)]
    assert told == expected


def test_what_clears_and_fires_again_is_one_alert_that_takes_longer_to_be_over():
    """Each time it flaps, it has to be calm twice as long: 3, 6, 12, 24 windows, and no longer."""
    once = "bbccc" + "bb"
    assert [(a.state, a.flaps) for a in found(once)] == [("firing", 1)]
    assert [a.state for a in found(once + "ccccc")] == [State.FIRING]
    (over,) = found(once + "cccccc")
    assert (over.state, over.flaps, day(over.until)) == (State.RESOLVED, 1, 13)
    many = "bbccc" * 9
    (flapping,) = found(many + "c" * 20)
    assert (flapping.state, flapping.flaps) == (State.FIRING, 8)
    assert [a.state for a in found(many + "c" * 21)] == [State.RESOLVED]


def test_the_worst_the_first_and_the_last_window_are_kept():
    """The worst by the measure's direction; the last that could be judged."""
    (alert,) = found("cbcb-?")
    assert [doc["metric"]["value"] for doc in (alert.first, alert.peak, alert.latest)] == [1.0, 3.0, 4.0]
    assert alert.bad == 2


def test_a_model_of_which_nothing_is_heard_is_unknown_and_after_a_month_retired():
    """Silence is no recovery; yet a model that is gone wakes nobody for ever."""
    windows = seen("cbb")
    for days, state, resolution in (
        (6, State.FIRING, None),
        (7, State.UNKNOWN, None),
        (33, State.UNKNOWN, None),
        (34, State.RESOLVED, Resolution.RETIRED),
    ):
        (alert,) = lifecycle.alerts(SERIES, windows, horizon(days, last=3))
        assert (alert.state, alert.resolution) == (state, resolution), days
        assert (
            lifecycle.aged(replace(alert, state=State.FIRING, resolution=None, until=None), horizon(days, 3)).state
            is state
        )


@pytest.mark.parametrize(("days", "state"), [(3, State.FIRING), (8, State.UNKNOWN), (27, State.RESOLVED)])
def test_a_version_that_others_have_replaced_is_retired(days, state):
    """Its last windows were bad, and there will be no others; one that is silent for a while may come again."""
    now = START + days * DAY
    at = Horizon(WindowSize("1d"), RULE, timedelta(0), now, now, lambda _: START + 3 * DAY)
    (alert,) = lifecycle.alerts(SERIES, seen("cbb"), at)
    assert alert.state is state
    assert alert.resolution is (Resolution.RETIRED if state is State.RESOLVED else None)
    assert day(alert.until) == (3 if state is State.RESOLVED else None)


@given(st.text(alphabet="sbc-?", max_size=40), st.integers(0, 39))
def test_looking_again_finds_the_same_alerts(levels, cut):
    """What was found with part of the windows has the same id when all are there; none fires without a window."""
    before = {a.id: a for a in found(levels[:cut]) if a.fired}
    after = {a.id: a for a in found(levels) if a.fired}
    assert set(before) <= set(after)
    for identity, alert in after.items():
        assert alert.bad >= 1
        assert alert.fired is not None
        assert alert.since < alert.fired
        if identity in before:
            assert before[identity].fired == alert.fired


class TestReconciled:
    """What is found now, under the ids that are known."""

    def test_what_is_not_bad_any_more_is_retracted(self):
        """Late labels have shown that there was nothing."""
        known = found("cbb")
        (alert,) = reconciled(found("c-c"), known, START, START + 3 * DAY)
        assert (alert.id, alert.state, alert.resolution) == (known[0].id, State.RESOLVED, Resolution.RETRACTED)
        assert list(reconciled([], [alert], START, START + 9 * DAY)) == [alert]

    def test_an_alert_that_turns_out_to_have_begun_earlier_stays_the_same(self):
        """Late data have made a window before it bad."""
        known = [replace(a, incident="i") for a in found("ccbb")]
        (alert,) = reconciled(found("cbbb"), known, START, START + 4 * DAY)
        assert (alert.id, alert.incident, day(alert.since), day(alert.fired)) == (known[0].id, "i", 1, 4)

    def test_what_began_before_the_windows_that_were_read_goes_on(self):
        """Its beginning, its worst window and its bad windows are taken from what is known."""
        whole = seen("bbbbbbbb")
        (known,) = lifecycle.alerts(SERIES, whole[:6], horizon(6))
        known = replace(known, peak={**known.peak, "metric": {**known.peak["metric"], "value": 99.0}})
        reach = START + 4 * DAY
        part = lifecycle.alerts(SERIES, whole[4:], horizon(8), counted=START + 5 * DAY)
        (alert,) = reconciled(part, [known], reach, START + 8 * DAY)
        assert (alert.id, day(alert.since), day(alert.fired), alert.bad) == (known.id, 0, 2, 8)
        assert (alert.first, alert.peak["metric"]["value"]) == (known.first, 99.0)
        assert alert.latest["metric"]["value"] == 7.0

    def test_what_was_over_before_the_windows_that_were_read_stays_as_it_was(self):
        """Nothing is retracted that was not looked at."""
        known = found("bbccc")
        assert list(reconciled([], known, START + 4 * DAY, START + 9 * DAY)) == known


@pytest.mark.parametrize(
    ("measure", "feature", "cause", "kind"),
    [
        ("throughput", None, None, Kind.INGEST),
        ("latency_p95", None, None, Kind.SERVICE),
        ("missing_rate", "age", None, Kind.QUALITY),
        ("out_of_range_rate", "age", None, Kind.FEATURE),
        ("out_of_range_rate", "age", "unit", Kind.QUALITY),
        ("psi", "age", "moved", Kind.FEATURE),
        ("psi", "age", "missing", Kind.QUALITY),
        ("psi", "prediction.score", None, Kind.DRIFT),
        ("domain_classifier_auc", None, None, Kind.DRIFT),
        ("recall", None, None, Kind.PERFORMANCE),
        ("estimated_accuracy", None, None, Kind.PERFORMANCE),
        ("concept_drift", None, None, Kind.PERFORMANCE),
        ("demographic_parity_difference", "sex", None, Kind.FAIRNESS),
    ],
)
def test_the_kind_of_trouble(measure, feature, cause, kind):
    """What broke is told from what moved, where the cause is known."""
    metric = {"name": measure} | ({"cause": {"kind": cause}} if cause else {})
    document = {"metric": metric} | ({"feature": {"name": feature}} if feature else {})
    assert kind_of(document) is kind
