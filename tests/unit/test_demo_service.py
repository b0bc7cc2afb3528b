"""The demo's model and service: honest scores, and events in the order in which they happened."""

from __future__ import annotations

from datetime import UTC, datetime

import numpy as np
import pytest
import structlog
from demo import data, model, service

from driftline.ingest import ModelLogger, Streams, driftline_processors
from driftline.ingest.events import Dataset


class Recorder:
    """Stands where the shipper does."""

    def __init__(self):
        self.documents = []

    def send(self, document):
        """Keep it."""
        self.documents.append(document)
        return True


@pytest.fixture(scope="module")
def flights():
    """The first days of the year, and as many after the training months."""
    frame = data.flights()
    month = [datetime(2013, month, 1, tzinfo=UTC) for month in (1, 3)]
    return frame[frame["scheduled"].map(lambda t: any(start <= t < start.replace(day=6) for start in month))]


@pytest.fixture(scope="module")
def trained(flights):
    """A model of few flights."""
    return model.train(flights)


def test_training_is_repeatable(flights, trained):
    """The same flights give the same threshold and the same scores, so that a second run says the same."""
    again = model.train(flights)
    assert again.threshold == trained.threshold
    assert model.score(again, flights).equals(model.score(trained, flights))


def test_flights_of_the_training_months_are_scored_by_models_that_had_not_seen_them(flights, trained):
    """The model itself knows its training flights better than it should: its own scores are not used for them."""
    known = flights[(flights["scheduled"] < model.TRAINED_UNTIL) & flights["late"].notna()]
    late = known["late"].astype(float)
    used = model.score(trained, known)
    flattering = trained.pipeline.predict_proba(known[data.FEATURES])[:, 1]
    assert ((flattering - late) ** 2).mean() < ((used - late) ** 2).mean()


def test_later_flights_are_scored_by_the_model_itself(flights, trained):
    """What was not in training gets the trained model's probability, alone as in a batch."""
    later = flights[flights["scheduled"] >= model.TRAINED_UNTIL]
    expected = trained.pipeline.predict_proba(later[data.FEATURES])[:, 1]
    assert np.array_equal(model.score(trained, later), expected)
    assert model.score(trained, later.iloc[[5]]).iloc[0] == pytest.approx(expected[5], abs=1e-12)


def test_as_many_are_predicted_late_as_were_late_in_training(flights, trained):
    """The threshold matches the base rate, so that precision and recall mean something."""
    known = flights[(flights["scheduled"] < model.TRAINED_UNTIL) & flights["late"].notna()]
    predicted = (model.score(trained, known) >= trained.threshold).mean()
    assert predicted == pytest.approx(known["late"].astype(float).mean(), abs=0.005)


def test_events_are_logged_in_the_order_in_which_they_happened(flights, trained):
    """Within a day predictions and outcomes alternate by time, and no outcome comes before its prediction."""
    day = flights[flights["scheduled"].dt.strftime(service.DAY) == "2013-01-02"]
    arrivals = flights[flights["arrived"].dt.strftime(service.DAY) == "2013-01-02"]
    recorder = Recorder()
    log = structlog.wrap_logger(None, processors=driftline_processors("flights", shipper=recorder))
    service._log_day(ModelLogger(model.NAME, "binary", model.VERSION, logger=log), trained, day, arrivals)
    moments = [document["@timestamp"] for document in recorder.documents]
    assert moments == sorted(moments)
    events = [(document["event"]["dataset"], document["event"]["id"]) for document in recorder.documents]
    position = {event: at for at, event in enumerate(events)}
    assert len(position) == len(day) + len(arrivals)
    predicted_today = set(day["id"]) & set(arrivals["id"])
    assert predicted_today
    assert all(position[Dataset.PREDICTIONS, i] < position[Dataset.OUTCOMES, i] for i in predicted_today)


def test_a_flight_that_never_arrived_has_no_outcome(flights):
    """Cancelled and diverted flights are predicted, and nothing is ever said of them again."""
    lost = flights[flights["late"].isna()]
    assert len(lost)
    assert lost["arrived"].isna().all()


class Held:
    """A cluster that holds so many events a day."""

    def __init__(self, predictions, outcomes):
        self._counts = {"predictions": predictions, "outcomes": outcomes}
        self.indices = self

    def refresh(self, **_):
        """Nothing is waiting."""

    def search(self, *, index, **_):
        """The events of each day."""
        (counts,) = (counts for kind, counts in self._counts.items() if kind in index)
        buckets = [{"key_as_string": day, "doc_count": count} for day, count in counts.items()]
        return {"aggregations": {"days": {"buckets": buckets}}}


def test_only_days_that_are_held_whole_are_passed_over(flights):
    """As many events as there are on a day: done. Any fewer, even as many as were chosen of it: logged again."""
    whole = {when: flights[when].dt.strftime(service.DAY).value_counts().to_dict() for when in ("scheduled", "arrived")}
    held = Held(whole["scheduled"] | {"2013-01-03": 7}, whole["arrived"] | {"2013-03-04": 0})
    missing = list(service._missing_days(held, Streams(), flights, flights))
    days = [leaving["scheduled"].dt.strftime(service.DAY).iloc[0] for leaving, _ in missing]
    assert days == ["2013-01-03", "2013-03-04"]

    seven = flights[flights["scheduled"].dt.strftime(service.DAY) == "2013-01-03"].tail(7)
    ((leaving, _), *_) = service._missing_days(held, Streams(), flights, seven)
    assert len(leaving) == 7


def test_a_flight_on_every_other_day_is_timed(flights, trained):
    """One flight has a duration on one of two days in a row, so that a month has too few for a verdict."""
    found = []
    for text in ("2013-01-02", "2013-01-03"):
        day = flights[flights["scheduled"].dt.strftime(service.DAY) == text]
        recorder = Recorder()
        log = structlog.wrap_logger(None, processors=driftline_processors("flights", shipper=recorder))
        service._log_day(ModelLogger(model.NAME, "binary", model.VERSION, logger=log), trained, day, day[:0])
        durations = [d["event"]["duration"] for d in recorder.documents if "duration" in d["event"]]
        assert all(duration > 0 for duration in durations)
        found.append(len(durations))
    assert sorted(found) == [0, 1]
