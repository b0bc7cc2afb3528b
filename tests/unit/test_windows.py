"""Windows: alignment, order, completeness."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from driftline.analyzers.windows import Window, WindowSize, complete, iso, parse_length, parse_moment

SIZES = [WindowSize(text) for text in ("30s", "5m", "1h", "1d", "week", "month")]
moments = st.datetimes(datetime(1990, 1, 1), datetime(2100, 1, 1)).map(lambda moment: moment.replace(tzinfo=UTC))  # noqa: DTZ001


@given(st.sampled_from(SIZES), moments)
def test_a_moment_lies_in_its_window_and_the_next_window_follows(size, moment):
    """Windows hold their moments, and follow each other without gap or overlap."""
    window = size.at(moment)
    assert window.start <= moment < window.end
    assert size.at(window.start) == window
    assert size.at(window.end).start == window.end


@given(st.sampled_from(SIZES), moments, st.integers(0, 5 * 86_400))
def test_windows_between_two_moments_cover_them(size, start, seconds):
    """The windows that overlap a period are consecutive and cover it."""
    if size.text == "30s":
        seconds %= 3_600
    end = start + timedelta(seconds=seconds)
    windows = list(size.between(start, end))
    if seconds:
        assert windows[0].start <= start
        assert windows[-1].end >= end
    assert all(a.end == b.start for a, b in pairwise(windows))


def test_weeks_begin_on_monday_and_months_on_the_first():
    """Calendar windows are those of Elasticsearch's calendar intervals."""
    moment = datetime(2024, 2, 29, 13, tzinfo=UTC)
    assert WindowSize("week").at(moment) == Window(datetime(2024, 2, 26, tzinfo=UTC), datetime(2024, 3, 4, tzinfo=UTC))
    assert WindowSize("month").at(moment) == Window(datetime(2024, 2, 1, tzinfo=UTC), datetime(2024, 3, 1, tzinfo=UTC))


@pytest.mark.parametrize("text", ["", "5", "m", "0m", "-5m", "1.5h", "5 m", "day", "1w", "year"])
def test_a_size_that_is_none_is_refused_with_what_is_allowed(text):
    """The error names the text and the allowed forms."""
    with pytest.raises(ValueError, match="allowed: a length such as 30s, 5m, 1h, 1d, or a calendar unit: week, month"):
        WindowSize(text)


def test_a_window_is_complete_when_its_lateness_has_passed():
    """Lateness counts from the end of the window."""
    window = WindowSize("1h").at(datetime(2024, 1, 1, tzinfo=UTC))
    late = timedelta(minutes=10)
    assert not complete(window, late, window.end + timedelta(minutes=9, seconds=59))
    assert complete(window, late, window.end + late)


@pytest.mark.parametrize(
    ("large", "small", "holds"),
    [("week", "1d", True), ("month", "5m", True), ("month", "week", False), ("1d", "1h", True), ("1h", "7m", False),
     ("1d", "1d", False), ("week", "36h", False)],
)  # fmt: skip
def test_a_rollup_is_a_whole_number_of_windows(large, small, holds):
    """Only windows that divide a larger one can be summed to it."""
    assert WindowSize(large).holds(WindowSize(small)) is holds


def test_moments_are_read_and_written_in_utc():
    """A date without a zone is UTC; an offset is honoured."""
    assert iso(parse_moment("2013-01-31")) == "2013-01-31T00:00:00.000Z"
    assert iso(parse_moment("2013-01-31T06:00:00+02:00")) == "2013-01-31T04:00:00.000Z"
    assert parse_length("90s") == timedelta(seconds=90)
    with pytest.raises(ValueError, match="got 'tomorrow', allowed: an ISO 8601 date"):
        parse_moment("tomorrow")
