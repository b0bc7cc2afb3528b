"""The demo's story: sentences that say what the metrics say."""

from __future__ import annotations

from dataclasses import replace

import pytest
import reporting
from demo import story

from driftline.analyzers.alerts.records import Basis, Impact, Severity
from driftline.analyzers.windows import parse_moment


def metric(start, name, value, *, status="ok", reference=0.7, feature=None):
    """One metric document."""
    found = {
        "window": {"start": f"{start}T00:00:00.000Z", "size": "month"},
        "metric": {"name": name, "value": value, "status": status, "reference_value": reference, "sample_size": 10},
    }
    return found | ({"feature": {"name": feature}} if feature else {})


def test_the_worst_month_is_the_lowest_of_what_should_be_high_and_the_highest_of_what_should_be_low():
    """One sentence a measure, with its reference, its worst, and the months that were worth a word."""
    months = [
        metric("2013-01-01", "recall", 0.6),
        metric("2013-02-01", "recall", 0.2, status="critical"),
        metric("2013-03-01", "recall", 0.4, status="warning"),
        metric("2013-01-01", "log_loss", 0.5, reference=0.4),
        metric("2013-02-01", "log_loss", 0.3, reference=0.4),
    ]
    assert list(story._account(months)) == [
        (
            "Recall was 0.7 in the reference and 0.2 at its worst, in February; "
            "worse than it should be in February and March."
        ),
        "Log loss was 0.4 in the reference and 0.5 at its worst, in January; never worse than it should be.",
    ]


def test_a_measure_without_a_value_is_not_told():
    """A month that could not be judged says nothing."""
    month = metric("2013-01-01", "recall", 0.0)
    del month["metric"]["value"]
    assert list(story._account([month])) == []


def test_features_that_were_gone_are_told_by_day():
    """Features that were missing on the same days share a sentence; a share below one is not gone."""
    found = [
        metric("2013-12-31", "missing_rate", 1, feature="temp"),
        metric("2013-12-31", "missing_rate", 1, feature="dewp"),
        metric("2013-12-30", "missing_rate", 0.99, feature="dewp"),
    ]
    assert list(story._gone(found)) == ["No value all day on 2013-12-31: dewp and temp."]


def test_unequal_treatment_is_told_apart_from_drift():
    """A sentence an attribute: since when, and by which measures."""
    found = [
        metric("2013-05-01", "demographic_parity_ratio", 0.5, feature="origin"),
        metric("2013-03-01", "demographic_parity_ratio", 0.6, feature="origin"),
        metric("2013-04-01", "calibration_gap", 0.2, feature="origin"),
    ]
    (sentence,) = story._unequal(found)
    assert sentence == "Not the same for each origin since 2013-03-01: calibration_gap and demographic_parity_ratio."


@pytest.mark.parametrize(("names", "text"), [(["a"], "a"), (["a", "b"], "a and b"), (["a", "b", "c"], "a, b and c")])
def test_lists_read_as_people_write_them(names, text):
    """Commas, and an `and` before the last."""
    assert story._listed(names) == text


def test_coverage_counts_what_is_known():
    """Predictions and outcomes are sums over days, from the metrics alone."""
    days = [metric("2013-01-01", "label_coverage", 0.5), metric("2013-01-02", "label_coverage", 1.0)]
    assert "20 predictions, 15 outcomes (75.0%)" in story._coverage(days)


def test_the_gravest_incident_calls_most_loudly_and_costs_most():
    """Severity first, then what it costs for sure; what began after the year is no part of it."""

    def incident(name, severity, at_least, since="2013-05-01"):
        cost = Impact(2 * at_least, at_least, "predictions", 0.1, 900.0, Basis.COUNTED)
        whole = reporting.incident({}).whole
        assert whole is not None
        return replace(whole.incident, id=name, severity=Severity(severity), impact=cost, since=parse_moment(since))

    found = [
        incident("digest", "digest", 900.0),
        incident("page", "page", 10.0),
        incident("dearer page", "page", 20.0),
        incident("next year", "page", 1000.0, "2014-01-01"),
    ]
    gravest = story.gravest([*found, replace(found[1], id="of unknown cost", impact=None)])
    assert gravest is not None
    assert gravest.id == "dearer page"
    assert story.gravest([]) is None
