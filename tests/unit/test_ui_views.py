"""What the pages make of answers, without a server."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from driftline.analyzers.ui import (
    asked,
    courses,
    drawing,
    features,
    fleet,
    guard,
    lines,
    model,
    prediction,
    predictions,
)

DAY = 86_400_000
UNTIL = datetime(2026, 3, 1, tzinfo=UTC)
SINCE = UNTIL - timedelta(days=30)
INCIDENT = {
    "message": "churn: moved: age since 2026-02-01T00:00Z",
    "model": {"name": "churn"},
    "incident": {
        "id": "abcdef0123456789",
        "kind": "feature",
        "state": "firing",
        "severity": "page",
        "since": "2026-02-01T00:00:00.000Z",
        "fired": "2026-02-03T00:00:00.000Z",
        "parent": "p",
        "alerts": {"feature": 3},
    },
}


def window(day, value, **others):
    """One window of an answer."""
    numbers = {"value": value, "lower": None, "upper": None} | others
    return {
        "key": day * DAY,
        "key_as_string": f"1970-01-{day + 1:02}T00:00:00.000Z",
        **{name: {"value": number} for name, number in numbers.items()},
    }


def not_ok(wrong):
    """The windows of a series that are not ok, by day."""
    verdicts = [{"key": status, "windows": {"buckets": [{"key": day * DAY}]}} for day, status in (wrong or {}).items()]
    return {"verdicts": {"buckets": verdicts}}


def measure(name, family, *windows, wrong=None, **metric):
    """One measure of an answer, the newest window first as it is asked for."""
    return {
        "key": name,
        "newest": {"hits": {"hits": [{"_source": {"metric": {"family": family} | metric}}]}},
        "windows": {"buckets": sorted(windows, key=lambda found: -found["key"])},
        "not_ok": not_ok(wrong),
    }


def of_series(*found, count=0):
    """An answer with these series."""
    return {"aggregations": {"series": {"buckets": list(found)}, "count": {"value": count}}}


def hits(*documents):
    """An answer with these documents."""
    return {"hits": {"total": {"value": len(documents)}, "hits": [{"_source": document} for document in documents]}}


# Charts


def test_a_course_is_drawn_from_its_lowest_to_its_highest_end():
    """The band, the line and the reference share one scale, and time runs from edge to edge."""
    points = [drawing.Point(0, 1.0, 0.5, 1.5), drawing.Point(DAY, 2.0, 1.0, 2.5, "critical")]
    found = drawing.course(points, 0.25, [DAY / 2, 5 * DAY], ("critical",))
    assert (found.low, found.high) == (0.25, 2.5)
    assert found.rule == drawing.HEIGHT - drawing.EDGE
    assert found.line == "M4,52L296,20"
    assert found.band == "M4,36L296,4L296,52L4,68Z"
    assert found.marks == ((296.0, 20.0, "critical"),)
    assert found.changes == (150.0,)


def test_a_window_without_a_value_is_a_gap():
    """A line never leads over what was not measured, and one window alone can still be seen."""
    points = [drawing.Point(0, 1.0), drawing.Point(1, None), drawing.Point(2, 3.0)]
    assert drawing.course(points, None).line.count("M") == 2


def test_nothing_measured_is_no_chart():
    """An axis without values would say nothing."""
    assert drawing.course([drawing.Point(0, None)], 0.5) is None


@pytest.mark.parametrize("value", [0.0, 3.0, -2.0])
def test_a_level_course_lies_in_the_middle(value):
    """One value for all windows, whichever it is, has room above and below."""
    found = drawing.course([drawing.Point(0, value), drawing.Point(1, value)], None)
    assert found.low < value < found.high


def test_bars_are_as_high_as_they_are_many():
    """The highest fills the chart, none is not there, and one of many can still be seen."""
    found = list(drawing.bars([0, 1000, 1]))
    assert [(x, height) for x, _, _, height in found] == [(100.0, 80.0), (200.0, 3.0)]


def test_a_strip_joins_windows_of_one_shade():
    """Its size grows with what happened, not with how many windows there are."""
    bounds = drawing.shades(1.0)
    found = drawing.runs([0.0, 0.01, None, 1.0, 1.0], bounds)
    assert [(run.start, run.length, run.shade) for run in found] == [(0, 2, 1), (2, 1, 0), (3, 2, 5)]


# Whom the server answers


@pytest.mark.parametrize(
    "host", ["localhost", "LOCALHOST:8077", "127.0.0.1:8077", "[::1]:8077", "::1", "10.0.0.5", "localhost."]
)
def test_its_own_names_are_answered(host):
    """The loopback name and addresses, with a port or without."""
    assert guard.is_ours(host, {"localhost"})


@pytest.mark.parametrize(
    "host", ["", "evil.example", "evil.example:8077", "localhost.evil.example", "127.0.0.1.nip.io"]
)
def test_another_name_that_leads_here_is_not(host):
    """However a page of elsewhere has its name resolved."""
    assert not guard.is_ours(host, {"localhost"})


@pytest.mark.parametrize(
    ("host", "alone"),
    [("127.0.0.1", True), ("::1", True), ("localhost", True), ("0.0.0.0", False), ("example.org", False)],
)
def test_what_listens_for_others_is_known(host, alone):
    """So that it can be said that there is no login."""
    assert guard.is_loopback(host) is alone


# What was asked


@pytest.mark.parametrize("page", ["0", "-1", "1.5", "x", "401", "9" * 30, "²"])
def test_a_number_that_is_none_is_refused(page):
    """With its field, and what is allowed."""
    with pytest.raises(asked.AskedError, match="allowed: 1 to 400") as caught:
        asked.number({"page": page}, "page", 400)
    assert caught.value.field == "page"


def test_what_is_left_out_has_a_default():
    """An empty field is one that was not filled in."""
    assert asked.number({"page": ""}, "page", 400) == 1
    assert asked.moment({"since": " "}, "since") is None
    assert asked.one_of({}, "sort", ("a", "b"), "b") == "b"


@pytest.mark.parametrize("given", ["x" * 2001, "a\0b"])
def test_no_text_is_endless(given):
    """What no name can be is refused before anybody is asked."""
    with pytest.raises(asked.AskedError):
        asked.text({"q": given}, "q")


# Fleet


def size(name, **parts):
    """One size of windows of an answer."""
    return {"key": name, "doc_count": 1, **parts}


def of_model(name, *, judged=5, alarms=(), rates=()):
    """One model of an answer."""
    return {
        "key": name,
        "newest": {"value_as_string": "2026-02-28T00:00:00.000Z"},
        "judged": {"doc_count": judged},
        "alarms": {"sizes": {"buckets": list(alarms)}},
        "throughput": {"sizes": {"buckets": list(rates)}},
    }


def fleet_of(models, alive=(), severities=None, firing=None):
    """The view of a fleet."""
    by_model = [
        {"key": name, "severities": {"buckets": [{"key": s, "doc_count": n} for s, n in found.items()]}}
        for name, found in (severities or {}).items()
    ]
    of_alerts = [
        hits(*alive) | {"aggregations": {"models": {"buckets": by_model}}},
        hits(),
        {"aggregations": {"models": {"buckets": [{"key": n, "doc_count": c} for n, c in (firing or {}).items()]}}},
    ]
    answer = {"models": {"buckets": models}, "count": {"value": len(models) + 2}}
    return fleet.view(answer, of_alerts, SINCE, UNTIL)


def test_models_in_trouble_come_first():
    """By the gravest of their open incidents; what nobody could judge is never ok."""
    severities = {"b": {"ticket": 4}, "c": {"page": 1, "digest": 9}}
    found = fleet_of([of_model("a"), of_model("b"), of_model("c"), of_model("d", judged=0)], severities=severities)
    assert [(row.name, row.status) for row in found.rows] == [
        ("c", "page"),
        ("b", "ticket"),
        ("d", "unknown"),
        ("a", "ok"),
    ]
    assert found.more == 2


def test_a_model_that_went_silent_is_still_there():
    """Its incident is open, though no window of it lies in the period."""
    found = fleet_of([of_model("a")], severities={"gone": {"page": 1}}, firing={"gone": 3, "quiet": 1})
    assert [(row.name, row.status, row.alarms) for row in found.rows] == [
        ("gone", "page", 3),
        ("quiet", "unknown", 1),
        ("a", "ok", 0),
    ]


def test_alarms_over_time_are_those_of_the_smallest_windows():
    """Months repeat what days have said; each bar is a thirtieth of the period."""
    first = {"key": SINCE.timestamp() * 1000, "doc_count": 2}
    last = {"key": UNTIL.timestamp() * 1000 - 1000, "doc_count": 4}
    alarms = [size("month", bars={"buckets": [first] * 9}), size("1d", bars={"buckets": [first, last]})]
    (row,) = fleet_of([of_model("a", alarms=alarms)]).rows
    assert [(x, height) for x, _, _, height in row.bars] == [(0.0, 40.0), (290.0, 80.0)]
    assert row.summary == "alarms in 2 of 30 parts of this period, 4 at most"


def test_traffic_is_told_a_day():
    """From the throughput a second."""
    (row,) = fleet_of([of_model("a", rates=[size("1h", rate={"value": 0.5})])]).rows
    assert row.traffic == "43,200"


def test_incidents_are_listed_as_the_command_lists_them():
    """The gravest first, by the same columns."""
    ticket = INCIDENT | {"incident": INCIDENT["incident"] | {"severity": "ticket"}}
    found = fleet_of([], alive=[ticket, INCIDENT]).open
    assert [line.cells["severity"] for line in found] == ["page", "ticket"]
    assert (found[0].id, found[0].cells["what"], found[0].cells["alerts"]) == ("abcdef0123456789", "moved: age", "3")


def test_what_people_said_today_does_not_end_the_period():
    """Feedback on an incident of last year is a metric of this month."""
    for body in (fleet.newest(), fleet.models(SINCE, UNTIL)):
        assert body["query"]["bool"]["must_not"] == {"term": {"metric.family": "alerting"}}


def test_no_answer_of_the_fleet_grows_with_the_documents():
    """Nothing is fetched but some incidents, and every aggregation has a size."""
    assert fleet.models(SINCE, UNTIL)["size"] == 0
    assert fleet.newest()["size"] == 0
    assert [body["size"] for body in fleet.incidents()] == [fleet.INCIDENTS, fleet.RECENT, 0]


# Model


def choice_of(whole, **segments):
    """What can be chosen, of a model with these segments and their values."""
    of_segments = [{"key": n, "values": {"buckets": [{"key": v} for v in values]}} for n, values in segments.items()]
    return model.choice({"aggregations": {"whole": whole, "segments": {"buckets": of_segments}}})


def test_the_largest_windows_with_enough_of_them_are_shown_first():
    """A course of two months says nothing; of many hours it says too much."""
    answer = {
        "versions": {"buckets": [{"key": "2"}, {"key": "1"}]},
        "sizes": {
            "buckets": [
                size("1d", windows={"value": 365}),
                size("month", windows={"value": 12}),
                size("week", windows={"value": 52}),
            ]
        },
        "drift": {"measures": {"buckets": [{"key": "psi"}]}},
    }
    found = choice_of(answer)
    assert list(found.sizes) == ["week", "month", "1d"]
    shown = model.ask("churn", found, {"version": "1", "since": "2026-02-01"})
    assert (shown.version, shown.size, shown.drift) == ("1", "week", "psi")
    with pytest.raises(asked.AskedError, match="got '3', allowed: 2, 1"):
        model.ask("churn", found, {"version": "3"})


def test_a_model_of_which_nothing_is_stored_has_no_page():
    """Neither where the index is missing nor where it knows other models."""
    assert model.choice({"hits": {}}) is None
    assert choice_of({"versions": {"buckets": []}}) is None


def test_a_segment_is_chosen_by_its_name_and_value():
    """All predictions unless one is asked for; what is asked for is one of those that there are."""
    whole = {
        "versions": {"buckets": [{"key": "1"}]},
        "sizes": {"buckets": [size("1d", windows={"value": 30})]},
        "drift": {"measures": {"buckets": []}},
    }
    found = choice_of(whole, region=["north", "a=b"], age=["old"])
    assert list(found.segments) == [model.EVERYTHING, "age=old", "region=a=b", "region=north"]
    everything, north = (model.ask("churn", found, given) for given in ({}, {"segment": "region=a=b"}))
    assert {"bool": {"must_not": [{"exists": {"field": "segment.name"}}]}} in model.filters(found, everything)
    assert [{"term": {"segment.name": "region"}}, {"term": {"segment.value": "a=b"}}] == [
        clause for clause in model.filters(found, north) if "segment" in str(clause)
    ]
    with pytest.raises(asked.AskedError, match="got 'region=south', allowed: all predictions, age=old"):
        model.ask("churn", found, {"segment": "region=south"})
    many = choice_of(whole, id=[str(number) for number in range(50)])
    with pytest.raises(asked.AskedError, match=r"id=\d+ and 31 more$"):
        model.ask("churn", many, {"segment": "?"})


def test_a_chart_tells_the_newest_window():
    """With its interval and verdict, by the measure's title and unit, in order of time."""
    windows = [window(1, 0.7, lower=0.6, upper=0.8), window(0, 0.9)]
    found = measure("roc_auc", "classification", *windows, wrong={1: "critical"}, reference_value=0.9)
    (chart,) = courses.charts(of_series(found), [])
    assert (chart.title, chart.now, chart.interval, chart.status, chart.window) == (
        "ROC-AUC",
        "0.7",
        "0.6 to 0.8",
        "critical",
        "1970-01-02",
    )
    assert chart.summary == "2 windows from 1970-01-01 to 1970-01-02: 0.7 to 0.9; 1 critical"
    assert chart.rows == [("1970-01-02", "0.7", "0.6 to 0.8", "critical"), ("1970-01-01", "0.9", "", "ok")]
    assert (chart.course.rule, chart.course.high) == (drawing.EDGE, 0.9)


def test_charts_stand_by_family():
    """Performance before the service; within a family by name."""
    found = [
        measure(n, f, window(0, 1.0))
        for n, f in (("throughput", "service"), ("recall", "classification"), ("f1", "classification"))
    ]
    assert [chart.name for chart in courses.charts(of_series(*found), [])] == ["f1", "recall", "throughput"]


def test_the_table_keeps_what_went_wrong():
    """Of more windows than it takes, those with a verdict and then the newest."""
    found = measure("recall", "classification", *(window(day, 0.5) for day in range(60)), wrong={3: "critical"})
    (chart,) = courses.charts(of_series(found), [])
    assert len(chart.rows) == courses.ROWS
    assert chart.rows[0][0] == "1970-03-01"
    assert chart.rows[-1][0] == "1970-01-04"


def test_the_table_of_windows_that_all_went_wrong_is_as_long():
    """The newest of them."""
    wrong = dict.fromkeys(range(60), "critical")
    found = measure("recall", "classification", *(window(day, 0.5) for day in range(60)), wrong=wrong)
    (chart,) = courses.charts(of_series(found), [])
    assert [chart.rows[0][0], chart.rows[-1][0], len(chart.rows)] == ["1970-03-01", "1970-01-31", courses.ROWS]


def test_a_metric_without_a_value_says_so():
    """No chart, and no number that was not measured."""
    found = measure("recall", "classification", window(0, None), wrong={0: "insufficient_data"})
    (chart,) = courses.charts(of_series(found), [])
    assert (chart.course, chart.now, chart.status) == (None, "", "insufficient_data")
    assert chart.summary == "no value in 1 windows"


def feature(name, *windows, wrong=None, **metric):
    """One feature of an answer."""
    peak = {"window": {"start": "1970-01-02T00:00:00.000Z"}, "metric": {"value": 0.5, "status": "critical"} | metric}
    return {
        "key": name,
        "most": {"value": 0.5},
        "peak": {"hits": {"hits": [{"_source": peak}]}},
        "windows": {"buckets": list(windows)},
        "not_ok": not_ok(wrong),
    }


def test_strips_lie_over_the_same_windows():
    """A feature that was not measured in some has a gap there."""
    age = feature("age", window(0, 0.0), window(1, 0.5), wrong={1: "critical"}, cause={"text": "unit"})
    sex = feature("sex", window(1, 0.1), wrong={1: "warning"})
    found = features.table(of_series(age, sex, count=5), "psi")
    age, sex = found.strips
    assert (found.windows, found.more, found.first, found.last) == (2, 3, "1970-01-01 00:00", "1970-01-02 00:00")
    assert [(run.start, run.shade) for run in age.runs] == [(0, 1), (1, 5)]
    assert [(run.start, run.shade) for run in age.wrong] == [(0, 0), (1, 2)]
    assert [(run.start, run.shade) for run in sex.runs] == [(0, 0), (1, 3)]
    assert [(run.start, run.shade) for run in sex.wrong] == [(0, 0), (1, 1)]
    assert (age.worst, age.when, age.cause, age.summary) == ("0.5", "1970-01-02 00:00", "unit", "2 windows: 1 critical")


def test_no_feature_is_no_table():
    """Of a model without any, or where nothing is stored."""
    assert features.table({"hits": {}}, "psi") is None


def test_an_index_that_is_not_there_yet_has_no_charts():
    """Its answer is without aggregations."""
    assert courses.charts({"hits": {}}, []) == []


def test_no_answer_of_the_model_page_grows_with_the_documents():
    """Nothing is fetched, and every aggregation of series and windows has a size."""
    for body in (courses.request([]), features.request([], "psi")):
        assert body["size"] == 0
        series = body["aggs"]["series"]
        assert series["terms"]["size"] <= 40
        assert series["aggs"]["windows"]["terms"]["size"] == courses.WINDOWS


def test_a_period_is_kept_to():
    """Windows that begin in it, incidents that were on in it, changes made in it."""
    chosen = model.Choice(["1"], ["1d"], ["psi"], {model.EVERYTHING: None})
    shown = model.Asked("churn", "1", "1d", "psi", model.EVERYTHING, SINCE, UNTIL)
    assert {
        "range": {"window.start": {"gte": "2026-01-30T00:00:00.000Z", "lt": "2026-03-01T00:00:00.000Z"}}
    } in model.filters(chosen, shown)
    query = model.incidents(shown)["query"]["bool"]
    assert {"range": {"incident.since": {"lt": "2026-03-01T00:00:00.000Z"}}} in query["filter"]
    assert query["must_not"] == [{"range": {"incident.until": {"lt": "2026-01-30T00:00:00.000Z"}}}]


@given(st.datetimes(min_value=datetime(1970, 1, 1), max_value=datetime(2100, 1, 1), timezones=st.just(UTC)))  # noqa: DTZ001
def test_a_time_that_was_asked_for_can_be_asked_for_again(moment):
    """It stands in the form, and in addresses, as it was read."""
    assert asked.moment({"since": asked.written(moment)}, "since") == moment


def test_a_time_is_written_as_short_as_it_can_be():
    """A day, a minute, or more."""
    texts = ["2013-06-01", "2013-06-01 14:30", "2013-06-01 14:30:05", ""]
    assert [asked.written(asked.moment({"since": text}, "since")) for text in texts] == texts


# Predictions


def test_pages_are_turned_with_the_question_kept():
    """Both ways, from the second page of three."""
    given = {"q": "a: 1 and b: 2", "sort": "time", "since": "", "until": ""}
    found = predictions.view(given, [], total=51, number=2)
    assert found.before == "/predictions?q=a%3A+1+and+b%3A+2&sort=time&page=1"
    assert found.after == "/predictions?q=a%3A+1+and+b%3A+2&sort=time&page=3"
    assert predictions.view(given, [], total=51, number=3).after is None
    assert predictions.view(given, [], total=51, number=1).before is None


def test_pages_end_where_elasticsearch_does():
    """The page says that there is more."""
    found = predictions.view({}, [], total=20_000, number=predictions.LAST)
    assert (found.after, found.cut) == (None, True)


def test_one_prediction_tells_its_whole_story():
    """Answer, outcome and evaluation, exactly as stored; corrections; what was on."""
    source = {
        "@timestamp": "2026-02-02T00:00:00.000Z",
        "event": {"id": "p"},
        "model": {"name": "churn", "version": "1"},
        "prediction": {"label": "stays", "score": 0.16844702047934468},
        "outcome": {"label": "leaves", "revision": 1},
        "evaluation": {"correct": False},
        "features": {"age": 41, "plan": {"name": "basic"}, "tags": ["a", "b"]},
    }
    reports = [{"@timestamp": "2026-02-03T00:00:00.000Z", "outcome": {"value": 0, "status": "joined"}}]
    found = prediction.view(
        [source], reports, [INCIDENT], [{"@timestamp": "2026-01-01T00:00:00.000Z", "event": {"action": "deployed"}}]
    )
    assert ("prediction.score", "0.16844702047934468") in found.facts
    assert ("evaluation.correct", "false") in found.facts
    assert found.features == [("age", "41"), ("plan.name", "basic"), ("tags", '["a","b"]')]
    assert found.outcomes == [("2026-02-03T00:00:00.000Z", "0", "joined")]
    assert found.incidents == lines.incidents([INCIDENT])
    assert found.changes == [("2026-01-01T00:00:00.000Z", "deployed")]
