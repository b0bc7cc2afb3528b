"""References that move with the window."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from driftline.analyzers.monitors import parse
from driftline.analyzers.moving import Moving, Season
from driftline.analyzers.settings import ConfigError
from driftline.analyzers.windows import Window

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
    fixed = model("{kind: fixed, start: 2024-01-01, end: 2024-02-01}")
    assert fixed == model("{start: 2024-01-01, end: 2024-02-01}")


@pytest.mark.parametrize(
    ("reference", "window", "message"),
    [
        ("{kind: moving}", "1h", "models[0].reference.kind: got 'moving', allowed: fixed, rolling, seasonal"),
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
    assert moving.cell(moment) == moving.cell(moment + 7 * DAY) == moving.cell(moment - 21 * DAY)
    hours = {moving.cell(moment + timedelta(hours=hour)) for hour in range(168)}
    assert len(hours) == {Season.HOUR_OF_DAY: 24, Season.DAY_OF_WEEK: 7, Season.HOUR_OF_WEEK: 168}[season]
