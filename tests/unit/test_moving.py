"""References that move with the window."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from driftline.analyzers.monitors import parse
from driftline.analyzers.moving import Moving, Season
from driftline.analyzers.settings import ConfigError
from driftline.analyzers.training.stored import TrainingSet
from driftline.analyzers.windows import Window, WindowSize

DAY = timedelta(days=1)
MOMENTS = st.integers(946_684_800, 2_208_988_800).map(lambda seconds: datetime.fromtimestamp(seconds, UTC))


def model(reference, window="1h"):
    """The reference of a model that is configured so."""
    text = f"models: [{{name: m, task: regression, window: {window}, reference: {reference}}}]"
    return parse(text, "f.yml").models[0].reference


def test_what_monitors_yml_says():
    """Each kind, with what it may leave out."""
    assert model("{kind: rolling, last: 28d}") == Moving(28 * DAY)
    assert model("{kind: rolling, last: 7d, gap: 1d}") == Moving(7 * DAY, DAY)
    seasonal = model("{kind: seasonal, season: hour_of_week, weeks: 4}")
    assert seasonal == Moving(28 * DAY, timedelta(0), Season.HOUR_OF_WEEK)
    assert (seasonal.kind, model("{kind: rolling, last: 7d}").kind) == ("seasonal", "rolling")
    with_holidays = model("{kind: rolling, last: 28d, holidays: [2024-12-26, 2024-12-25, 2024-12-25]}")
    assert with_holidays == Moving(28 * DAY, holidays=(date(2024, 12, 25), date(2024, 12, 26)))
    assert model("{kind: file}") == TrainingSet()
    fixed = model("{kind: fixed, start: 2024-01-01, end: 2024-02-01}")
    assert fixed == model("{start: 2024-01-01, end: 2024-02-01}")


@pytest.mark.parametrize(
    ("reference", "window", "message"),
    [
        ("{kind: moving}", "1h", "models[0].reference.kind: got 'moving', allowed: fixed, rolling, seasonal, file"),
        ("{kind: file, path: t.csv}", "1h", "models[0].reference.path: unknown 'path'"),
        (
            "{kind: rolling, last: 7d, holidays: 2024-07-04}",
            "1h",
            "holidays: got datetime.date(2024, 7, 4), allowed: a",
        ),
        (
            "{kind: rolling, last: 7d, holidays: [soon]}",
            "1h",
            "holidays[0]: got 'soon', allowed: an ISO 8601 date such",
        ),
        ("{kind: rolling, last: 7d, holidays: [2024-07-04T06:00:00Z]}", "1h", "allowed: an ISO 8601 date such"),
        (
            "{kind: rolling, last: 28d, holidays: [2024-07-04]}",
            "week",
            "allowed: none, since windows are longer than a",
        ),
        (
            "{start: 2024-01-01, end: 2024-02-01, holidays: [2024-07-04]}",
            "1h",
            "reference.holidays: unknown 'holidays'",
        ),
        ("{kind: rolling}", "1h", "models[0].reference: last is missing"),
        ("{kind: rolling, last: 36h}", "1h", "reference.last: got '36h', allowed: a length of whole days, such as 28d"),
        ("{kind: rolling, last: 7d, start: 2024-01-01}", "1h", "models[0].reference.start: unknown 'start'"),
        ("{kind: seasonal, season: tide, weeks: 4}", "1h", "reference.season: got 'tide', allowed: hour_of_day,"),
        ("{kind: seasonal, season: hour_of_day, weeks: 1}", "1h", "weeks: got 1, allowed: a whole number from 2 to 52"),
        ("{kind: seasonal, season: hour_of_day, weeks: 4}", "1d", "season: got 'hour_of_day', allowed: day_of_week"),
        ("{kind: rolling, last: 90d}", "month", "reference.kind: got 'rolling', allowed: fixed, since months are too"),
    ],
)
def test_what_is_wrong_is_said(reference, window, message):
    """With path, value, and what is allowed."""
    with pytest.raises(ConfigError) as caught:
        model(reference, window)
    assert message in str(caught.value)


@given(MOMENTS, st.integers(1, 60), st.integers(0, 10))
def test_the_reference_is_over_before_the_window_begins(moment, days, gap):
    """It ends with the day before, or earlier, and is as long as it was told to be."""
    window = Window(moment, moment + timedelta(hours=1))
    found = Moving(days * DAY, gap * DAY).period(window)
    assert found.end <= window.start - gap * DAY
    assert window.start - gap * DAY - found.end < DAY
    assert found.end - found.start == days * DAY


@given(MOMENTS, st.sampled_from(list(Season)))
def test_the_same_season_comes_again_every_week(moment, season):
    """And within a day or a week, no two windows are of the same season but where they should be."""
    moving = Moving(28 * DAY, season=season)
    assert moving.season_of(moment) == moving.season_of(moment + 7 * DAY) == moving.season_of(moment - 21 * DAY)
    hours = {moving.season_of(moment + timedelta(hours=hour)) for hour in range(168)}
    assert len(hours) == {Season.HOUR_OF_DAY: 24, Season.DAY_OF_WEEK: 7, Season.HOUR_OF_WEEK: 168}[season]


def windows(start, days, size="6h"):
    """The windows of some days."""
    return list(WindowSize(size).between(start, start + days * DAY))


MONDAY = datetime(2024, 6, 3, tzinfo=UTC)
HOLIDAY = date(2024, 6, 6)
"""A Thursday."""


@pytest.mark.parametrize("season", [None, *Season])
def test_without_holidays_every_window_is_of_an_ordinary_day(season):
    """And a window of the reference is part of what a window of its season is compared with."""
    moving = Moving(7 * DAY, season=season)
    period = Window(MONDAY, MONDAY + 7 * DAY)
    assert not moving.days_off(period)
    for window in windows(MONDAY, 7, "1h"):
        assert moving.cell(window)[0] is False
        assert moving.cell(window) in list(moving.cells(window, frozenset()))


@pytest.mark.parametrize("season", [None, *Season])
def test_a_holiday_is_no_part_of_what_other_days_are_compared_with(season):
    """A day that is not in the list is compared with no window of one that is."""
    moving = Moving(14 * DAY, season=season, holidays=(HOLIDAY,))
    period = Window(MONDAY, MONDAY + 14 * DAY)
    days_off = moving.days_off(period)
    assert days_off == {HOLIDAY}
    on_it = [window for window in windows(MONDAY, 14) if window.start.date() == HOLIDAY]
    assert len(on_it) == 4
    for window in on_it:
        assert {off for off, _ in moving.cells(window, days_off)} == {True}
        assert moving.cell(window) in list(moving.cells(window, days_off))
    for window in windows(MONDAY, 14):
        if window not in on_it:
            assert {off for off, _ in moving.cells(window, days_off)} == {False}
            assert moving.cell(window)[0] is False


@pytest.mark.parametrize("season", [None, *Season])
def test_a_holiday_without_others_in_its_period_is_compared_with_sundays(season):
    """With those at its hour, where hours are told apart; Sundays stay what other Sundays are compared with."""
    later = date(2024, 6, 20)
    moving = Moving(14 * DAY, season=season, holidays=(later,))
    period = Window(MONDAY, MONDAY + 14 * DAY)
    days_off = moving.days_off(period)
    assert days_off == {date(2024, 6, 9), date(2024, 6, 16)}
    noon = Window(datetime(2024, 6, 20, 12, tzinfo=UTC), datetime(2024, 6, 20, 13, tzinfo=UTC))
    alike = [w.start for w in windows(MONDAY, 14, "1h") if moving.cell(noon) in moving.cells(w, days_off)]
    hours = {None: range(24), Season.DAY_OF_WEEK: range(24)}.get(season, [12])
    assert alike == [datetime(2024, 6, day, hour, tzinfo=UTC) for day in (9, 16) for hour in hours]
    sunday = windows(datetime(2024, 6, 9, tzinfo=UTC), 1, "1h")[3]
    assert moving.cell(sunday) in list(moving.cells(sunday, days_off))


def test_a_day_of_hours_is_a_holiday_and_a_week_is_not():
    """A sum of hours is compared with whole days off; a week that begins on a holiday with all ordinary days."""
    moving = Moving(28 * DAY, season=Season.HOUR_OF_WEEK, holidays=(MONDAY.date(),))
    assert moving.cell(Window(MONDAY, MONDAY + DAY)) == (True, None)
    assert moving.cell(Window(MONDAY, MONDAY + 7 * DAY)) == (False, None)


def test_another_holiday_judges_anew():
    """Verdicts depend on the list, and on nothing else about it than its days."""
    text = "models: [{{name: m, task: regression, window: 1h, reference: {{kind: rolling, last: 7d{}}}}}]"
    plain, listed = (parse(text.format(h)).models[0] for h in ("", ", holidays: [2024-07-04]"))
    assert plain.judging != listed.judging
    assert listed.judging == parse(text.format(", holidays: [2024-07-04]")).models[0].judging
