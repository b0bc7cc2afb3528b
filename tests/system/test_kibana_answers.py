"""Each dashboard answers its question on the demo's data: what its panels show is what happened."""

from __future__ import annotations

from pathlib import Path

import pytest
from kibana.check import answers, bundle, run, searches

SHIPPED = Path(__file__).parents[2] / "kibana" / "driftline.ndjson"
PERIOD = searches.Period("2013-01-01", "2013-04-30")
APRIL = searches.Period("2013-04-01", "2013-04-30")
NOW = searches.Period("now-1y", "now")
MODEL = "arrival-delay"


@pytest.fixture(scope="module")
def shown(client, spring):
    """What a panel shows: dashboard, panel, period, and what people choose in the controls."""
    read, _ = bundle.read(SHIPPED.read_text(encoding="utf-8"))
    place = run.Place(client, spring.namespace)

    def rows(dashboard, panel, period=PERIOD, where=""):
        found = answers.find(read, f"Driftline · {dashboard}", panel)
        return answers.rows(place, found, read, period, where)

    return rows


def test_fleet_says_which_model_is_in_trouble_and_since_when(shown):
    """The model is silent for the first six weeks, and fires from spring on."""
    worst, *_ = shown("Fleet", "Models, those in trouble first")
    assert (MODEL, True) == (worst["Model"], worst["Critical"] > 0 and worst["Alarms"] > 0)
    alarms = {row["@timestamp"][:10]: row["Alarms"] for row in shown("Fleet", "Alarms by model and time")}
    assert not any(count for start, count in alarms.items() if start < "2013-02-12")
    assert all(count for start, count in alarms.items() if start >= "2013-03-05")
    assert sum(alarms.values()) == worst["Alarms"]
    most, *_ = shown("Fleet", "What fires most")
    assert "temp" == most["Feature"]


def test_fleet_says_which_incidents_there_are(shown):
    """From March on, of the model that is in trouble; one of them is about temperatures."""
    incidents = shown("Fleet", "Incidents that began in this time")
    assert {MODEL} == {row["model.name"] for row in incidents}
    assert all(row["incident.since"] >= "2013-03-01" for row in incidents)
    assert any("temp" in row["message"] for row in incidents)


def test_performance_says_which_month_is_the_worst(shown):
    """Recall and ROC-AUC are lowest in April, when every month has all its outcomes."""
    months = {row["Month"][:7]: row for row in shown("Performance", "Month by month")}
    assert ["2013-01", "2013-02", "2013-03", "2013-04"] == sorted(months)
    for measure in ("Recall", "ROC-AUC"):
        assert "2013-04" == min(months, key=lambda month: months[month][measure])
    assert all(row["Outcomes"] > 20_000 for row in months.values())
    assert "2013-04" == max(months, key=lambda month: months[month]["Log loss"])


def test_performance_says_which_segment_is_the_worst(shown):
    """Late flights from LaGuardia are found least."""
    segments = shown("Performance", "Segments", where='window.size : "month"')
    assert f"{MODEL} month origin=LGA" == min(segments, key=lambda row: row["Recall"])["Series"]


def test_drift_says_which_feature_moved_most_and_how_far(shown):
    """In April temperatures are about two standard deviations above those of the winter that the model learnt from."""
    month = 'window.size : "month"'
    first, second, *_ = shown("Drift", "What moved most", APRIL, month)
    assert "temp" == first["Feature"]
    assert first["Largest distance"] > 1.5 * second["Largest distance"]
    farthest, *_ = shown("Drift", "How far, in standard deviations", APRIL, month)
    assert ("temp", True) == (farthest["Feature"], 1.5 < farthest["Largest shift"] < 2.5)


def test_drift_is_green_while_the_weather_is_that_of_the_reference(shown):
    """A cold day is as far from two months as a fault may be, and is no drift; an April of warm days is."""
    winter = shown("Drift", "Features by time", searches.Period("2013-01-01", "2013-02-28"))
    assert {"temp", "pressure", "precip"} <= {row["Feature"] for row in winter}
    weather = ("temp", "dewp", "humid", "pressure", "precip", "visib", "wind_dir", "wind_speed", "wind_gust")
    assert not any(row["Drifted"] for row in winter if row["Feature"] in weather)
    assert any(row["Drifted"] for row in shown("Drift", "Features by time", APRIL) if row["Feature"] == "temp")


def test_drift_shows_the_distribution_of_the_chosen_feature(shown):
    """The warmest bins hold more of April than of the reference; all bins hold all of each."""
    chosen = 'feature.name : "temp" and window.size : "month"'
    bins = shown("Drift", "Distribution of the chosen feature", APRIL, chosen)
    assert {f"{MODEL} temp (month)"} == {row["Series"] for row in bins}
    for column in ("Now", "In the reference"):
        assert sum(row[column] for row in bins) == pytest.approx(1, abs=0.01)
    *_, warm, warmest = (row for row in bins if not row["Bin"].endswith("missing"))
    assert warm["Now"] > 5 * warm["In the reference"]
    assert warmest["Now"] > warmest["In the reference"] == 0


def test_fairness_says_which_group_is_the_lowest(shown):
    """Flights from LaGuardia are predicted late least often, and late ones among them are found least."""
    groups = shown("Fairness and compliance", "Groups", where='window.size : "month"')
    for column in ("Predicted positive", "Recall"):
        assert f"{MODEL} month origin=LGA" == min(groups, key=lambda row: row[column])["Group"]
        assert f"{MODEL} month origin=EWR" == max(groups, key=lambda row: row[column])["Group"]


def test_fairness_says_between_which_groups_the_gap_lies(shown):
    """Found by the measures of fairness themselves, and below four fifths."""
    gaps = shown("Fairness and compliance", "Between which groups", where='window.size : "month"')
    assert {("EWR", "LGA")} <= {(row["Highest"], row["Lowest"]) for row in gaps}
    ratios = shown("Fairness and compliance", "Disparate impact: smallest share predicted positive by the largest")
    assert min(row["Smallest ratio"] for row in ratios) < 0.8


def test_service_says_how_much_it_answers_and_whether_labels_come_back(shown, client, spring):
    """Every prediction is counted, none failed, and labels are missing most when snow closed the airports."""
    counted = sum(row["Predictions"] for row in shown("Service", "Throughput"))
    within = {"range": {"@timestamp": {"gte": PERIOD.since, "lte": PERIOD.until}}}
    assert client.count(index=spring.predictions, query=within)["count"] == counted > 100_000
    assert {0.0} == {row["Error rate"] for row in shown("Service", "Error rate")}
    known = shown("Service", "Labels that are known")
    worst = min(known, key=lambda row: row["Share with a known outcome"])
    assert "2013-02-05" <= worst["@timestamp"][:10] <= "2013-02-09"
    assert all(3_600 < row["Median"] < 6 * 3_600 for row in shown("Service", "How late labels come"))


def test_pipeline_says_whether_all_is_stored_and_analysed(shown):
    """No analysis failed, no outcome is an orphan, and how late each stream is is known."""
    assert {"success"} == {row["Outcome"] for row in shown("Pipeline health", "Analyses", NOW)}
    analysed, *_ = shown("Pipeline health", "What was analysed", NOW)
    assert (MODEL, True, 0) == (analysed["Model"], analysed["Windows"] > 100, analysed["Orphans"])
    assert {"predictions", "outcomes"} <= {row["Stream"] for row in shown("Pipeline health", "Streams", NOW)}
    (change,) = shown("Pipeline health", "Changes")
    assert (MODEL, "model-deployed") == (change["model.name"], change["event.action"])
    assert {"joined"} == {row["Status"] for row in shown("Pipeline health", "Outcomes by what became of them")}
