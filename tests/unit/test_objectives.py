"""Error budgets and burn rates: the published examples, what always holds, and how often somebody is called for it."""

from __future__ import annotations

import dataclasses
from datetime import timedelta
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from synthetic import EPOCH, rows, sample

from driftline.analyzers import metrics
from driftline.analyzers.alerts import promised
from driftline.analyzers.alerts.lifecycle import Horizon
from driftline.analyzers.alerts.records import Alert, Kind, Series, Severity, State
from driftline.analyzers.alerts.replay import replay
from driftline.analyzers.firing import Rule
from driftline.analyzers.maturity import Ripeness
from driftline.analyzers.measures import Estimate, Measurement, Reason, Status, Task, Verdict
from driftline.analyzers.measures.objective import BURN, GOOD, LEFT, budget_left
from driftline.analyzers.monitors import parse
from driftline.analyzers.objectives import events, verdicts
from driftline.analyzers.objectives.burn import DAY, HOUR, PAGE, PAIRS, TICKET, Counts, Pair, burning, pairs
from driftline.analyzers.objectives.events import Events
from driftline.analyzers.objectives.keeper import _scope, added_up, shares, summed
from driftline.analyzers.objectives.setting import EVERY_VERSION, Objective
from driftline.analyzers.objectives.standing import State as Standing
from driftline.analyzers.objectives.standing import standing
from driftline.analyzers.profiles.binning import DURATION_EDGES
from driftline.analyzers.profiles.history import Counted
from driftline.analyzers.profiles.profile import Profile
from driftline.analyzers.profiles.raw import binning_of, profile_of
from driftline.analyzers.settings import ConfigError
from driftline.analyzers.windows import Window, WindowSize, iso
from driftline.analyzers.yardstick import Yardstick

MINUTE = 60.0
MONTH = 30 * DAY


def counts(bad, total, window=HOUR) -> Counts:
    """Events in windows that follow each other."""
    bad, total = np.asarray(bad), np.asarray(total)
    return Counts(np.arange(len(total)) * window, total - bad, total)


def steady(share: float, windows: int, each: int = 100_000, window: float = HOUR) -> Counts:
    """As many bad events in each window."""
    return counts([round(share * each)] * windows, [each] * windows, window)


def fired(found: Counts, target: float, window: float, severity: str) -> np.ndarray:
    """In which windows some pair of a severity calls."""
    seen = [burning(found, pair, target, window).fires for pair in pairs(window) if pair.severity == severity]
    return np.any([np.zeros(len(found.start), bool), *seen], axis=0)


# The published arithmetic


@pytest.mark.parametrize(
    ("burn", "errors", "days"), [(1, 0.001, 30), (2, 0.002, 15), (10, 0.01, 3), (1_000, 1.0, 0.03)]
)
def test_burn_rates_are_those_of_the_workbook(burn, errors, days):
    """Table "Burn rates and time to complete budget exhaustion" of the SRE Workbook, for a target of 99.9 %."""
    found = steady(errors, 24)
    assert found.over(HOUR, HOUR).burn(0.999)[-1] == pytest.approx(burn)
    assert MONTH / burn / DAY == pytest.approx(days)


@pytest.mark.parametrize(("pair", "budget"), list(zip(PAIRS, [0.02, 0.05, 0.10, 0.10], strict=True)))
def test_each_pair_calls_when_its_part_of_the_budget_is_gone(pair, budget):
    """2 % of a month's budget in an hour, 5 % in six hours, 10 % in a day and in three days: the Workbook's parts."""
    assert pair.factor * pair.long / MONTH == pytest.approx(budget)


def test_an_outage_is_found_as_quickly_as_the_workbook_says():
    """A window of an hour and a burn rate of 14.4 find a total outage of a 99.9 % service in 52 seconds."""
    second = 1.0
    bad = [0] * 7_200 + [100] * 120
    found = burning(counts(bad, [100] * len(bad), second), Pair(PAGE, 14.4, HOUR, 5 * MINUTE), 0.999, second)
    first = int(np.flatnonzero(found.fires)[0]) - 7_200 + 1
    assert first == pytest.approx(0.001 / 1.0 * HOUR * 14.4, abs=1)


def test_low_traffic_as_in_the_workbook():
    """Ten requests an hour, 99.9 %: one failure is a hundred times too much, and calls nobody; an outage does."""
    quiet = counts([0] * 100 + [1] + [0] * 5, [10] * 106)
    assert quiet.over(HOUR, HOUR).burn(0.999)[100] == pytest.approx(100)
    assert not fired(quiet, 0.999, HOUR, PAGE).any()
    assert not fired(quiet, 0.999, HOUR, TICKET).any()
    out = counts([0] * 100 + [10], [10] * 101)
    assert fired(out, 0.999, HOUR, PAGE)[-1]


# What always holds


@st.composite
def histories(draw):
    """Bad events among those of some windows."""
    total = draw(st.lists(st.integers(0, 50), min_size=1, max_size=90))
    return [draw(st.integers(0, n)) for n in total], total


@given(histories(), st.integers(0, 10_000), st.sampled_from(PAIRS), st.sampled_from([0.9, 0.99, 0.999]))
def test_more_bad_events_never_lower_a_burn_rate(history, where, pair, target):
    """Nor do they end a call that there is."""
    bad, total = history
    at = where % len(total)
    worse = [n + (position == at and n < total[at]) for position, n in enumerate(bad)]
    (pair,) = [p for p in pairs(HOUR) if p.factor == pair.factor]
    before, after = (burning(counts(b, total), pair, target, HOUR) for b in (bad, worse))
    known = ~np.isnan(before.long)
    assert (after.long >= before.long)[known].all()
    assert (after.chance <= before.chance).all()
    assert (after.fires >= before.fires).all()


@given(histories(), st.integers(1, 100), st.sampled_from([0.5, 0.9, 0.999]))
def test_the_budget_left_is_one_less_the_burn_rate_over_the_period(history, hours, target):
    """And a sum over windows is the sum of those that end last."""
    bad, total = history
    found = counts(bad, total).over(hours * HOUR, HOUR)
    assert found.total[-1] == sum(total[-hours:])
    assert found.total[-1] - found.good[-1] == sum(bad[-hours:])
    left = budget_left(int(found.good[-1]), int(found.total[-1]), target)
    burn = found.burn(target)[-1]
    if not found.total[-1]:
        assert (left.value, np.isnan(burn)) == (None, True)
        return
    assert left.value == pytest.approx(1 - burn)
    assert left.lower - 1e-9 <= left.value <= left.upper + 1e-9


@given(st.integers(1, 4 * 86_400))
def test_pairs_are_whole_windows(window):
    """Each is a whole number of them and one at least, no longer than asked for, and in the order asked for."""
    for pair in pairs(window):
        asked = next(p for p in PAIRS if p.factor == pair.factor)
        assert pair.long % window == 0
        assert window <= pair.short <= pair.long <= asked.long
        assert pair.short <= max(asked.short, window)


def test_what_windows_can_tell():
    """Hours see the pair of an hour as one window; days see only the tickets; weeks see none."""
    assert [(p.long, p.short) for p in pairs(HOUR)] == [
        (HOUR, HOUR), (6 * HOUR, HOUR), (DAY, 2 * HOUR), (3 * DAY, 6 * HOUR)]  # fmt: skip
    assert [(p.factor, p.long, p.short) for p in pairs(DAY)] == [(3.0, DAY, DAY), (1.0, 3 * DAY, DAY)]
    assert list(pairs(7 * DAY)) == []
    promised = [Objective("fast", "latency", 0.99, within=timedelta(milliseconds=200))]
    day, limit = verdicts.notes(promised, DAY)
    assert day.endswith("3x over 1d and 1d; 1x over 3d and 1d")
    assert limit == "objective fast: counts tell what took longer than 208.2 ms"
    assert "only budgets are told" in verdicts.notes(promised, 7 * DAY)[0]
    assert verdicts.notes([], DAY) == []
    _, never = verdicts.notes([Objective("right", "correct", 0.9)], HOUR)
    assert never.endswith("burns at most 10 times too fast, too slow for 14.4x")


def test_months_are_not_all_as_long():
    """Three of them are three windows, February among them or not."""
    starts = [np.datetime64(f"2024-{month:02}-01").astype("datetime64[s]").astype(float) for month in range(1, 13)]
    month = 365.25 / 12 * DAY
    found = Counts(np.array(starts), np.full(12, 9), np.full(12, 10)).over(3 * month, month)
    assert found.total.tolist() == [10, 20, *[30] * 10]


# How often somebody is called


def calls(rng, target, traffic, months, window=HOUR, worse=1.0) -> dict[str, float]:
    """Calls that began, a month, in simulated windows of a service that just keeps its target, or is so much worse."""
    n = int(months * MONTH / window)
    total = rng.poisson(traffic, n)
    found = counts(rng.binomial(total, worse * (1 - target)), total, window)
    began = {}
    for severity in (PAGE, TICKET):
        fires = fired(found, target, window, severity)
        began[severity] = int((fires[1:] & ~fires[:-1]).sum()) / months
    return began


@pytest.mark.parametrize("window", [5 * MINUTE, HOUR, DAY])
@pytest.mark.parametrize("target", [0.9, 0.99, 0.999])
@pytest.mark.parametrize("traffic", [0.5, 10, 10_000])
def test_a_service_that_keeps_its_target_calls_hardly_anybody(traffic, target, window):
    """However few events there are, two pairs are together wrong at most twice a year."""
    rng = np.random.default_rng(int(traffic * 1e6 + target * 1e4 + window))
    months = 120 if window >= HOUR else 6
    began = calls(rng, target, traffic, months, window)
    allowed = 2 / 12 + 3 * np.sqrt(2 / 12 / months)
    assert began[PAGE] <= allowed
    assert began[TICKET] <= allowed


@pytest.mark.parametrize(
    ("target", "traffic", "windows"),
    [(0.999, 10_000, 1), (0.999, 10, 1), (0.999, 2, 2), (0.95, 10_000, 1), (0.95, 10, 1), (0.95, 2, 5), (0.9, 10, 5)],
)
def test_an_outage_pages_within_the_first_windows(target, traffic, windows):
    """Nothing works: a page after an hour, later only where traffic is very low, or no budget burns so fast."""
    for seed in range(20):
        rng = np.random.default_rng(seed)
        total = np.maximum(1, rng.poisson(traffic, 24 * 30 + 12))
        bad = rng.binomial(total, (1 - target) / 10)
        bad[-12:] = total[-12:]
        fires = fired(counts(bad, total), target, HOUR, PAGE)[-12:]
        assert fires[windows - 1 :].all()


@pytest.mark.parametrize("target", [0.95, 0.99, 0.999])
def test_a_slow_burn_is_a_ticket_and_no_page(target):
    """Three and a half times too much, for days: a ticket by the end of the second day, and nobody is woken."""
    rng = np.random.default_rng(3)
    total = rng.poisson(20_000, 24 * 10)
    share = np.where(np.arange(240) < 120, 0.5, 3.5) * (1 - target)
    found = counts(rng.binomial(total, share), total)
    tickets = fired(found, target, HOUR, TICKET)
    assert not tickets[:120].any()
    assert 0 <= int(np.flatnonzero(tickets)[0]) - 120 <= 47
    assert tickets[170:].all()
    assert not fired(found, target, HOUR, PAGE).any()


def test_a_call_is_over_when_the_short_window_is_well():
    """The long window still holds the outage; what burns is over."""
    found = counts([0] * 100 + [500] * 2 + [0] * 10, [1_000] * 112, 5 * MINUTE)
    (first, *_) = pairs(5 * MINUTE)
    burnt = burning(found, first, 0.999, 5 * MINUTE)
    assert burnt.fires[100:103].tolist() == [True, True, False]
    assert burnt.long[102] > 14.4


# What is counted


def durations(*seconds) -> Profile:
    """A profile of predictions that took so long."""
    found = sample(Task.BINARY, len(seconds))
    part = dataclasses.replace(rows(found), duration=np.array(seconds) * 1e9)
    return profile_of(part, binning_of(part))


def test_latency_is_counted_in_favour_of_the_model_and_says_how_exactly():
    """What lies in the bin of the limit may have been quick enough, and is told as doubtful."""
    objective = Objective("fast", "latency", 0.99, within=timedelta(milliseconds=200))
    profile = durations(0.1, 0.19, 0.205, 0.209, 5.0)
    found = events.counted(objective, profile, Ripeness.EARLY)
    assert found == Events(good=3, total=5, doubtful=1)
    told = verdicts.of_window(objective, found)
    assert told.measurement.estimate.value == pytest.approx(0.6)
    assert told.measurement.estimate.error_bound == pytest.approx(0.2)
    # An edge itself is told exactly: the first edges are whole microseconds.
    assert DURATION_EDGES[0] == 1_000
    exact = dataclasses.replace(objective, within=timedelta(microseconds=1))
    assert events.counted(exact, profile, Ripeness.EARLY) == Events(0, 5)


def test_failures_and_mistakes_are_counted():
    """Failed predictions of all; right ones of the labelled, once enough labels are there."""
    found = sample(Task.BINARY, 2_000, seed=4)
    part = dataclasses.replace(rows(found), failed=[row % 40 == 0 for row in range(2_000)])
    profile = profile_of(part, binning_of(part))
    errors = Objective("answered", "errors", 0.999)
    assert events.counted(errors, profile, Ripeness.EARLY) == Events(1_950, 2_000)
    right = Objective("right", "correct", 0.9)
    known = [(a, b) for a, b in zip(found.label, found.actual, strict=True) if a is not None and b is not None]
    for ripeness in (Ripeness.MATURE, Ripeness.COMPLETE):
        assert events.counted(right, profile, ripeness) == Events(sum(a == b for a, b in known), len(known))
    assert events.counted(right, profile, Ripeness.EARLY) is None


@pytest.mark.parametrize(
    ("estimate", "reason", "expected"),
    [
        (Estimate(0.15, 0.11, 0.2, sample_size=500), None, Events(0, 1)),
        (Estimate(0.15, 0.05, 0.2, sample_size=500), None, Events(1, 1)),
        (Estimate(0.15, 0.11, 0.2, sample_size=99), Reason.SAMPLES, None),
        (Estimate(None, sample_size=500), None, None),
        (Estimate(0.15, 0.11, 0.2, sample_size=500), Reason.LABELS, None),
    ],
)
def test_a_window_is_bad_when_a_measure_is_surely_beyond_its_bound(estimate, reason, expected):
    """Too few rows or labels are no event at all; other features and segments are others' events."""
    name = "equal_opportunity_difference"
    objective = Objective("fair", name, 0.95, bound=0.1, feature="sex")
    told = [
        Verdict(Measurement(name, Estimate(0.9, 0.8, 1.0, sample_size=999), "age"), Status.OK),
        Verdict(Measurement(name, estimate, "sex"), Status.OK, reason=reason),
    ]
    assert events.kept(objective, told, Ripeness.COMPLETE) == expected
    assert events.kept(objective, told, Ripeness.EARLY) is None
    assert events.kept(objective, told[:1], Ripeness.COMPLETE) is None


def test_a_lower_bound_is_passed_downwards():
    """An accuracy is bad when even the upper end of its interval is too low."""
    objective = Objective("good", "accuracy", 0.95, bound=0.8, above=True)
    for upper, good in ((0.79, 0), (0.81, 1)):
        estimate = Estimate(0.75, 0.7, upper, sample_size=500)
        told = [Verdict(Measurement("accuracy", estimate), Status.OK)]
        assert events.kept(objective, told, Ripeness.COMPLETE) == Events(good, 1)


def test_a_window_is_fresh_when_first_analysed_in_time():
    """What was over before anything was analysed was never promised."""
    objective = Objective("fresh", "freshness", 0.99, within=timedelta(minutes=15))
    window = Window(EPOCH, EPOCH + timedelta(hours=1))
    for late, good in ((5, 1), (15, 1), (16, 0)):
        analysed = window.end + timedelta(minutes=late)
        assert events.fresh(objective, window, analysed, EPOCH) == Events(good, 1)
        assert events.fresh(objective, window, analysed, window.end) is None


# What is told


def test_versions_add_up_and_windows_without_events_are_no_recovery():
    """A page, then silence: that of nothing, which neither ends nor proves anything."""

    def source(hour, value, size, version="1"):
        start = (EPOCH + timedelta(hours=hour)).isoformat()
        found = {"sample_size": size, "as_of": f"{hour}{version}"} | ({} if value is None else {"value": value})
        end = (EPOCH + timedelta(hours=hour + 1)).isoformat()
        return {"window": {"start": start, "end": end, "size": "1h"}, "model": {"version": version}, "metric": found}

    stored = [source(0, 1.0, 99), source(0, 0.0, 1, "2"), source(1, 0.5, 100), source(2, None, 0)]
    windows, as_of, found = added_up(stored)
    assert [window.start.hour for window in windows] == [0, 1, 2]
    assert as_of == ["02", "11", "21"]
    assert (found.good.tolist(), found.total.tolist()) == ([99, 50, 0], [100, 100, 0])
    objective = Objective("answered", "errors", 0.99)
    told = dict(verdicts.of_series(objective, found, HOUR, 1))
    assert list(told) == [1, 2]
    page, nothing = (next(v for v in told[at] if v.measurement.measure == BURN) for at in (1, 2))
    assert (page.status, page.threshold, page.calm) == (Status.CRITICAL, 14.4, False)
    assert page.measurement.estimate.value == pytest.approx(50)
    assert [rate.fires for rate in page.measurement.promise.burn_rates] == [True] * 4
    assert (nothing.status, nothing.reason, nothing.calm) == (Status.INSUFFICIENT, Reason.SAMPLES, False)
    left = next(v for v in told[2] if v.measurement.measure == LEFT)
    assert left.measurement.estimate.value == pytest.approx(1 - 51 / 200 / 0.01)
    assert {v.measurement.feature for v in told[1]} == {"answered"}


def test_how_an_objective_stands():
    """Called, over its budget, well, or not known."""
    window = {"end": "2024-01-01T01:00:00.000Z"}
    promise = {"name": "fast", "of": "latency", "target": 0.99, "period": "28d"}

    def metric(**fields):
        return {"model": {"name": "m"}, "objective": promise, "window": window, "metric": fields}

    nothing = standing(metric(), {}, {})
    assert (nothing.state, nothing.achieved) == (Standing.UNKNOWN, None)
    well = metric(value=0.4, lower=0.2, upper=0.5, sample_size=100)
    found = standing(well, well, metric(status="ok"))
    assert (found.state, found.left) == (Standing.OK, 0.4)
    assert (found.achieved, found.lower, found.upper) == pytest.approx((0.994, 0.992, 0.995))
    assert standing(well, metric(value=-0.1), metric(status="ok")).state is Standing.SPENT
    assert standing(well, well, metric(status="critical")).state is Standing.PAGE
    assert standing(well, well, metric(status="warning")).state is Standing.TICKET


def test_whom_a_broken_promise_calls():
    """As its burn rate says, at whichever window, or as other reasons do; alerts of other kinds say nothing of it."""

    def alert(kind, *statuses):
        first, peak, latest = ({"metric": {"status": status}} for status in statuses)
        series = Series("m", EVERY_VERSION, "1h", BURN, "fast")
        return Alert("a", series, kind, State.FIRING, EPOCH, EPOCH, None, None, 1, 0, first, peak, latest)

    ticket = alert(Kind.OBJECTIVE, "warning", "warning", "ok")
    page = alert(Kind.OBJECTIVE, "critical", "warning", "warning")
    other = alert(Kind.SERVICE, "critical", "critical", "critical")
    assert promised.severity([ticket]) is Severity.TICKET
    assert promised.severity([other, ticket, page]) is Severity.PAGE
    assert promised.severity([ticket], Severity.PAGE) is Severity.PAGE
    assert promised.severity([other]) is Severity.DIGEST


def test_a_burst_of_failures_is_one_page_from_counts_to_incident():
    """Replayed from the counts of windows of two versions; the hours before and after call nobody."""
    settings = "measures: {accuracy: }, objectives: {answered: {of: errors, target: 0.99}}"
    (model,) = parse(f"models: [{{name: m, task: multiclass, window: 1h, {settings}}}]").models
    binning = binning_of(rows(sample(Task.MULTICLASS, 100)))
    single = []
    for hour in range(48):
        window = Window(EPOCH + timedelta(hours=hour), EPOCH + timedelta(hours=hour + 1))
        for version in ("1", "2"):
            failed = 60 if hour == 30 else hour % 2
            part = dataclasses.replace(Profile.empty(binning), predictions=200, errors=failed)
            scope = dataclasses.replace(_scope(model, window, iso(window.end), EPOCH), version=version)
            told = shares(model, Counted(version, window, {None: part}), (), Ripeness.EARLY)
            single += [metrics.document(scope, verdict) for verdict in told]
    assert {document["model"]["version"] for document in single} == {"1", "2"}
    (objective,) = model.objectives
    both = [
        metrics.document(scope, verdict)
        for scope, told in summed(model, objective, single, EPOCH + timedelta(hours=1), EPOCH)
        for verdict in told
    ]
    assert len(both) == 2 * 47
    found = replay(model, [*single, *both], {"1h": model.alarm})
    (incident,) = found.incidents
    assert (incident.severity, incident.kind) == (Severity.PAGE, Kind.OBJECTIVE)
    assert incident.since == EPOCH + timedelta(hours=30)
    assert incident.title.startswith("m: objective missed: answered since")
    before = [document for document in both if document["window"]["start"] < iso(incident.since)]
    assert not replay(model, before, {"1h": model.alarm}).incidents


def test_what_is_of_every_version_outlives_all_of_them():
    """A version that others replaced is retired; a promise is not, until the model is silent."""
    last = EPOCH + timedelta(days=9)
    horizon = Horizon(WindowSize("1d"), Rule(2, 3, 3), timedelta(0), last, last, {"1": EPOCH}.get)
    assert horizon.is_retired("1")
    assert not horizon.is_retired(EVERY_VERSION)
    assert not horizon.is_silent(EVERY_VERSION)
    assert dataclasses.replace(horizon, now=last + timedelta(days=5)).is_silent(EVERY_VERSION)


# monitors.yml

MODEL = """
models:
  - name: m
    task: {task}
    {positive}
    window: 1h
    lateness: 10m
    {fairness}
    objectives: {objectives}
"""


def read(objectives, task="binary"):
    """The objectives of a model."""
    binary = task == "binary"
    text = MODEL.format(
        task=task,
        positive="positive_class: 'yes'" if binary else "",
        fairness="fairness: {attributes: [sex]}" if binary else "",
        objectives=objectives,
    )
    return parse(text).models[0].objectives


def test_objectives_are_read():
    """Each kind, with what it needs."""
    found = read(
        "{fast: {of: latency, within: 200ms, target: 0.99, period: 30d}, answered: {of: errors, target: 0.999},"
        " right: {of: correct, target: 0.9}, fresh: {of: freshness, within: 15m, target: 0.99},"
        " fair: {of: equal_opportunity_difference, feature: sex, below: 0.1, target: 0.95},"
        " sharp: {of: roc_auc, above: 0.7, target: 0.95}}"
    )
    assert found == (
        Objective("fast", "latency", 0.99, "30d", timedelta(milliseconds=200)),
        Objective("answered", "errors", 0.999),
        Objective("right", "correct", 0.9),
        Objective("fresh", "freshness", 0.99, within=timedelta(minutes=15)),
        Objective("fair", "equal_opportunity_difference", 0.95, bound=0.1, feature="sex"),
        Objective("sharp", "roc_auc", 0.95, bound=0.7, above=True),
    )
    assert found[0].seconds == 30 * DAY
    assert read("{close: {of: mae, below: 5, target: 0.95}}", "regression")[0].bound == 5
    assert parse("models: [{name: m, task: regression, window: 1d}]").models[0].objectives == ()


@pytest.mark.parametrize(
    ("objectives", "task", "said"),
    [
        ("[fast]", "binary", r"objectives: got \['fast'\], allowed: a mapping"),
        ("{fast: {target: 0.9}}", "binary", "fast: of is missing"),
        ("{fast: {of: latency, within: 1s}}", "binary", "fast: target is missing"),
        ("{fast: {of: latence, target: 0.9}}", "binary", "fast.of: unknown 'latence' .did you mean 'latency'"),
        ("{fast: {of: latency, target: 0.9}}", "binary", "fast: got .* allowed: a mapping with `within`"),
        ("{fast: {of: latency, within: fast, target: 0.9}}", "binary", "within: got 'fast', allowed: a length such as"),
        ("{fast: {of: latency, within: 1d, target: 0.9}}", "binary", "within: got '1d', allowed: a length from 1ms"),
        (
            "{fast: {of: latency, within: 1s, target: 1}}",
            "binary",
            "target: got 1, allowed: a number from 0.5 to 0.99999",
        ),
        (
            "{fast: {of: latency, within: 1s, target: 0.9, period: 1d}}",
            "binary",
            "period: got '1d', allowed: .* from 7d",
        ),
        ("{fast: {of: latency, within: 1s, below: 1, target: 0.9}}", "binary", "below: got 1, allowed: nothing"),
        ("{ok: {of: errors, within: 1s, target: 0.9}}", "binary", "within: got '1s', allowed: nothing"),
        (
            "{late: {of: freshness, within: 5m, target: 0.9}}",
            "binary",
            "within: got '5m', allowed: more than the lateness",
        ),
        ("{close: {of: correct, target: 0.9}}", "regression", "of: got 'correct', allowed: .* `{of: mae, below: 5}`"),
        ("{sharp: {of: roc_auc, target: 0.9}}", "binary", "allowed: a mapping with either `below` or `above`"),
        ("{sharp: {of: roc_auc, above: 1, feature: a, target: 0.9}}", "binary", "feature: got 'a', allowed: nothing"),
        ("{fair: {of: equal_opportunity_difference, below: 0.1, target: 0.9}}", "binary", "a mapping with `feature`"),
        (
            "{fair: {of: equal_opportunity_difference, feature: age, below: 0.1, target: 0.9}}",
            "binary",
            "feature: got 'age', allowed: sex",
        ),
        ("{drift: {of: concept_drift, below: 0.1, target: 0.9}}", "binary", "of: unknown 'concept_drift'"),
        ("{fast: {of: errors, goal: 0.9, target: 0.9}}", "binary", "fast.goal: unknown 'goal'"),
    ],
)
def test_what_is_wrong_is_said(objectives, task, said):
    """What, where, got, allowed."""
    with pytest.raises(ConfigError, match=rf"monitors.yml: models\[0\].objectives.*{said.removeprefix('objectives')}"):
        read(objectives, task)


def test_objectives_are_no_measures_to_choose():
    """They follow from `objectives` alone, and changing them has windows judged again."""
    with pytest.raises(ConfigError, match="unknown 'objective_good'"):
        parse("models: [{name: m, task: regression, window: 1d, measures: {objective_good: }}]")
    plain, promised = (
        parse(f"models: [{{name: m, task: regression, window: 1d{more}}}]").models[0].judging
        for more in ("", ", objectives: {answered: {of: errors, target: 0.99}}")
    )
    assert plain != promised


def test_objectives_of_right_answers_learn_how_long_labels_take():
    """Also where nothing else that is measured needs labels."""

    class Empty:
        """A history without windows."""

        def kept(self, _size):
            return {}

        def arrivals(self, _size, _binning):
            return iter(())

    frame = SimpleNamespace(counting=SimpleNamespace(binning=None))
    objectives = "measures: {psi: }, objectives: {a: {of: errors, target: 0.9}}"
    text = f"models: [{{name: m, task: multiclass, window: 1d, {objectives}}}]"
    for of, waits in (("correct", True), ("errors", False)):
        (model,) = parse(text.replace("errors", of)).models
        assert Yardstick(Empty(), model, frame, EPOCH).waits is waits


def test_a_window_of_nothing_is_told_so():
    """Early labels leave a share that is not known yet."""
    told = verdicts.of_window(Objective("right", "correct", 0.9), None)
    assert (told.measurement.measure, told.status, told.reason) == (GOOD, Status.INSUFFICIENT, Reason.SAMPLES)
