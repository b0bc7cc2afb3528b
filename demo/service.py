"""The service: predicts every flight when it is due to leave, and logs what came true when it has arrived."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import datetime
from typing import Any

import pandas as pd
from elasticsearch import Elasticsearch
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

from driftline.ingest import ModelLogger, Shipper, Stats, Streams, configure, events

from .data import FEATURES
from .model import NAME, TRAINED_UNTIL, VERSION, Trained, score

LATE, ON_TIME = "late", "on_time"
DAY = "%Y-%m-%d"


def serve(client: Elasticsearch, namespace: str, model: Trained, every: pd.DataFrame, chosen: pd.DataFrame) -> Stats:
    """Log the predictions and outcomes of the chosen flights in the order in which they happened.

    Every event has an id of its own, so that a run after a crash stores nothing twice; days that the cluster holds
    completely are passed over.
    """
    with Shipper(namespace=namespace, block=True) as shipper:
        configure(service="flights", environment="demo", namespace=namespace, shipper=shipper)
        logger = ModelLogger(NAME, "binary", VERSION)
        if (chosen["scheduled"] >= TRAINED_UNTIL).any():
            _deploy(logger)
        days = list(_missing_days(client, Streams(namespace), every, chosen))
        columns = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), TimeRemainingColumn())
        with Progress(*columns) as progress:
            task = progress.add_task("logging predictions and outcomes", total=len(days))
            for departures, arrivals in days:
                _log_day(logger, model, departures, arrivals)
                progress.advance(task)
        shipper.flush()
        return shipper.close()


def _deploy(logger: ModelLogger) -> None:
    # Before this day there was no model to ask: what it says of the training months it says in hindsight.
    logger.change(
        "model-deployed",
        f"{NAME} {VERSION}, trained on January and February, goes into service",
        id=f"{NAME}-{VERSION}-deployed",
        timestamp=TRAINED_UNTIL,
    )


def _missing_days(
    client: Elasticsearch, streams: Streams, every: pd.DataFrame, chosen: pd.DataFrame
) -> Iterator[tuple[pd.DataFrame, pd.DataFrame]]:
    """The chosen flights that depart and those that arrive, on each day that the cluster does not hold completely."""
    departures, arrivals = _by_day(chosen, "scheduled"), _by_day(chosen, "arrived")
    # Only this service writes here, so a day of which as many events are held as there are is held whole.
    held = _per_day(client, streams.predictions), _per_day(client, streams.outcomes)
    whole = [every[when].dt.strftime(DAY).value_counts() for when in ("scheduled", "arrived")]
    for day in sorted(departures | arrivals):
        if any(found.get(day, 0) != all_of_it.get(day, 0) for found, all_of_it in zip(held, whole, strict=True)):
            yield departures.get(day, chosen[:0]), arrivals.get(day, chosen[:0])


def _by_day(frame: pd.DataFrame, when: str) -> dict[str, pd.DataFrame]:
    known = frame[frame[when].notna()]
    return dict(list(known.groupby(known[when].dt.strftime(DAY))))


def _per_day(client: Elasticsearch, index: str) -> dict[str, int]:
    client.indices.refresh(index=index, ignore_unavailable=True)
    histogram = {"date_histogram": {"field": events.TIMESTAMP, "calendar_interval": "day", "format": "yyyy-MM-dd"}}
    answer = client.search(index=index, size=0, aggs={"days": histogram}, ignore_unavailable=True)
    buckets = answer.get("aggregations", {"days": {"buckets": []}})["days"]["buckets"]
    return {bucket["key_as_string"]: bucket["doc_count"] for bucket in buckets}


def _log_day(logger: ModelLogger, model: Trained, departures: pd.DataFrame, arrivals: pd.DataFrame) -> None:
    outcomes = _pairs(arrivals, "arrived")
    waiting = next(outcomes, None)
    durations = _timed(model, departures)
    for moment, row in _predictions(model, departures):
        while waiting is not None and waiting[0] <= moment:
            _log_outcome(logger, *waiting)
            waiting = next(outcomes, None)
        logger.prediction(
            id=row["id"],
            timestamp=moment,
            score=row["score"],
            label=LATE if row["score"] >= model.threshold else ON_TIME,
            features={name: row[name] for name in FEATURES},
            segments={"origin": row["origin"]},
            duration=durations.get(row["id"]),
        )
    while waiting is not None:
        _log_outcome(logger, *waiting)
        waiting = next(outcomes, None)


def _predictions(model: Trained, departures: pd.DataFrame) -> Iterator[tuple[datetime, dict[str, Any]]]:
    # One call scores a whole day; its share would be no flight's duration.
    return _pairs(departures.assign(score=score(model, departures)), "scheduled") if len(departures) else iter(())


def _timed(model: Trained, departures: pd.DataFrame) -> dict[str, float]:
    """How long a prediction takes, in seconds by id: of one flight on every other day, which is scored alone for it.

    Enough to be seen, and too few to be judged: how fast this machine is today is no news of the flights.
    """
    first = departures.head(1)
    if first.empty or first["scheduled"].iloc[0].toordinal() % 2:
        return {}
    begun = time.perf_counter()
    score(model, first)
    return {first["id"].iloc[0]: time.perf_counter() - begun}


def _pairs(frame: pd.DataFrame, when: str) -> Iterator[tuple[datetime, dict[str, Any]]]:
    ordered = frame.sort_values([when, "id"])
    moments = ordered[when].dt.to_pydatetime()
    return iter(zip(moments, ordered.to_dict("records"), strict=True))


def _log_outcome(logger: ModelLogger, moment: datetime, row: dict[str, Any]) -> None:
    logger.outcome(str(row["id"]), label=LATE if row["late"] else ON_TIME, timestamp=moment)
