"""Alerts that began together are one incident, explained by one of them; what it costs says whom it calls."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from driftline.analyzers import monitors
from driftline.analyzers.alerts import documents, incidents, people
from driftline.analyzers.alerts.impact import Costs, impact
from driftline.analyzers.alerts.patience import Patience
from driftline.analyzers.alerts.records import Alert, Basis, Kind, Resolution, Series, Severity, State
from driftline.analyzers.measures import Task
from driftline.analyzers.settings import ConfigError
from driftline.analyzers.windows import iso

START = datetime(2026, 3, 1, tzinfo=UTC)
HOUR = timedelta(hours=1)
TOGETHER = 3 * HOUR


def alert(
    since: float,
    kind: Kind = Kind.FEATURE,
    feature: str | None = "age",
    *,
    measure: str = "psi",
    until: float | None = None,
    size: str = "1h",
    segment: tuple[str, str] | None = None,
    incident: str | None = None,
    **metric,
) -> Alert:
    """An alert that began so many hours after the start and fired two windows later."""
    length = {"1h": HOUR, "1d": 24 * HOUR}[size]
    begin = START + since * HOUR
    document = {"metric": {"name": measure, "value": 0.5, "reference_value": 0.1, **metric}}
    document["window"] = {"start": iso(begin), "end": iso(begin + length), "size": size}
    series = Series("churn", "1", size, measure, feature, segment)
    return Alert(
        id=f"{since}-{measure}-{feature}-{segment}-{size}",
        series=series,
        kind=kind,
        state=State.RESOLVED if until is not None else State.FIRING,
        since=begin,
        fired=begin + (2 if size == "1h" else 1) * length,
        until=None if until is None else START + until * HOUR,
        resolution=None if until is None else Resolution.RECOVERED,
        bad=2,
        flaps=0,
        first=document,
        peak=document,
        latest=document,
        incident=incident,
    )


def groups(*alerts: Alert, known=None) -> list[set[str]]:
    """The incidents, each as the set of its alerts' features or measures, in order of time."""
    found: dict[str, set[str]] = {}
    for one in incidents.grouped(alerts, TOGETHER, known or {}):
        found.setdefault(one.incident, set()).add(one.series.feature or one.series.measure)
    return list(found.values())


def test_what_begins_together_is_one_incident_and_what_begins_later_another():
    """Three windows apart is together."""
    assert groups(alert(0), alert(3, feature="income")) == [{"age", "income"}]
    assert groups(alert(0), alert(4, feature="income")) == [{"age"}, {"income"}]


def test_it_does_not_grow_without_end():
    """What begins with the last of an incident has not begun with its first."""
    assert groups(*(alert(2.0 * n, feature=f"f{n}") for n in range(4))) == [{"f0", "f1"}, {"f2", "f3"}]


def test_the_same_trouble_in_more_measures_segments_and_larger_windows_is_the_same_incident():
    """As long as it is on; afterwards it is another one."""
    first = alert(0, until=None)
    assert groups(first, alert(90, measure="wasserstein"), alert(80, segment=("sex", "f"))) == [{"age"}]
    assert groups(first, alert(-10, size="1d", feature="age"), alert(50, feature="income")) == [{"age"}, {"income"}]
    assert len(groups(alert(0, until=40), alert(90, measure="wasserstein"))) == 2


def test_a_larger_window_in_which_it_began_belongs_to_it():
    """A day begins before the trouble in it; what of the day is told last joins the first."""
    assert groups(alert(5), alert(0, Kind.PERFORMANCE, None, measure="recall", size="1d")) == [{"age", "recall"}]


def test_broken_data_of_a_feature_that_had_moved_before_is_another_incident():
    """Else a new fault would hide behind an old one."""
    assert len(groups(alert(0), alert(90, Kind.QUALITY, measure="missing_rate"))) == 2


def test_alerts_stay_in_the_incident_that_they_are_known_to_be_in():
    """What was told of one incident is not moved to another when more is found."""
    known = alert(0, incident="known")
    found = incidents.grouped([known, alert(1, feature="income")], TOGETHER, {"known": START})
    assert [one.incident for one in found] == ["known", "known"]
    late = incidents.grouped([alert(20, incident="known")], TOGETHER, {"known": START})
    assert late[0].incident == "known"


def test_ten_thousand_series_are_one_incident():
    """A storm wakes once, and none of it is lost."""
    storm = [alert(n % 3, feature=f"f{n}") for n in range(10_000)]
    found = incidents.grouped(storm, TOGETHER, {})
    assert len(found) == 10_000
    assert len({one.incident for one in found}) == 1


def test_the_parent_is_of_the_kind_that_causes_the_others():
    """Ingest before broken data before moved features before answers before performance; then the first."""
    kinds = [Kind.PERFORMANCE, Kind.DRIFT, Kind.FEATURE, Kind.QUALITY, Kind.SERVICE, Kind.INGEST]
    known: list[Alert] = []
    for kind in kinds:
        known.append(alert(3 - len(known) / 10, kind, feature=str(kind)))
        assert incidents.parent(known).kind is kind
    assert incidents.parent(
        [alert(1, feature="b"), alert(0, feature="a"), alert(0, feature="a", segment=("s", "x"))]
    ).id == (alert(0, feature="a").id)


def test_an_incident_is_over_when_all_of_it_is():
    """Firing while one fires, unknown while nothing is heard of the rest, resolved at the end of the last."""
    over, later, on = alert(0, until=5), alert(0, feature="income", until=9), alert(0, feature="height")
    assert incidents.incident("i", [over, on]).state is State.FIRING
    assert incidents.incident("i", [over, replace(on, state=State.UNKNOWN)]).state is State.UNKNOWN
    found = incidents.incident("i", [over, later])
    assert (found.state, found.until, found.resolution) == (State.RESOLVED, later.until, Resolution.RECOVERED)
    assert found.alerts == {Kind.FEATURE: 2}


def test_since_is_told_by_the_smallest_windows():
    """A day that was bad began before what was bad in it."""
    found = incidents.incident("i", [alert(5), alert(0, size="1d")])
    assert found.since == START + 5 * HOUR


@pytest.mark.parametrize(
    ("alerts", "title"),
    [
        ([alert(0)], "churn: moved: age since 2026-03-01T00:00Z"),
        (
            [alert(0), alert(0, feature="b"), alert(0, feature="c"), alert(0, feature="d")],
            "moved: age, b, c and 1 more",
        ),
        (
            [alert(0, Kind.QUALITY, cause={"kind": "unit", "text": "values are 1.8 times as large."})],
            "churn: age: values are 1.8 times as large since",
        ),
        ([alert(0, Kind.PERFORMANCE, None, measure="recall")], "churn: Recall 0.5 (reference 0.1) since"),
    ],
)
def test_the_title_says_what_happened(alerts, title):
    """One line for a phone."""
    assert title in incidents.incident("i", alerts).title


def test_documents_tell_all_of_it():
    """What is read is what was stored."""
    one = alert(0, segment=("sex", "f"), until=5, incident="i")
    assert documents.to_alert(documents.of_alert(one)) == one
    cost = impact(Task.BINARY, Costs(), [window(accuracy=(0.8, 0.9))])
    found = replace(incidents.incident("i", [one]), impact=cost, evidence={"checked": ["recall"]})
    assert documents.to_incident(documents.of_incident(found)) == found


def window(**values: tuple[float, float]) -> list[dict]:
    """The metrics of a window, each with its value and the reference's; 1,000 predictions a day."""
    values.setdefault("throughput", (1000 / 86_400, 1000 / 86_400))
    return [
        {"metric": {"name": name, "value": now, "reference_value": before, "status": "ok"}}
        for name, (now, before) in values.items()
    ]


class TestImpact:
    """Loss a prediction, beyond the reference, times predictions a day."""

    @pytest.mark.parametrize(
        ("task", "costs", "values", "loss", "basis"),
        [
            (Task.BINARY, Costs(), {"accuracy": (0.8, 0.9)}, 100, Basis.MEASURED),
            (Task.BINARY, Costs(), {"accuracy": (0.95, 0.9)}, 0, Basis.MEASURED),
            (Task.BINARY, Costs(error=3), {"estimated_accuracy": (0.8, 0.9)}, 300, Basis.ESTIMATED),
            (Task.BINARY, Costs(), {"accuracy": (0.8, 0.9), "estimated_accuracy": (0.1, 0.9)}, 100, Basis.MEASURED),
            (Task.REGRESSION, Costs(error=2), {"mae": (7.0, 4.0)}, 6000, Basis.MEASURED),
            (Task.BINARY, Costs(), {"error_rate": (0.06, 0.01)}, 50, Basis.COUNTED),
            (Task.BINARY, Costs(), {"accuracy": (0.8, 0.9), "error_rate": (0.06, 0.01)}, 150, Basis.MEASURED),
            (  # a fifth of 1,000 are positive; recall falls by 0.5, at 10 each; specificity rises by 0.1, at 1 each
                Task.BINARY,
                Costs(false_negative=10, false_positive=1),
                {"base_rate": (0.2, 0.3), "recall": (0.3, 0.8), "specificity": (0.9, 0.8), "accuracy": (0.9, 0.9)},
                1000 - 80,
                Basis.MEASURED,
            ),
        ],
    )
    def test_what_a_window_costs(self, task, costs, values, loss, basis):
        """By hand."""
        found = impact(task, costs, [window(**values)])
        assert found.loss == pytest.approx(loss)
        assert found.predictions == pytest.approx(1000)
        assert found.share == pytest.approx(loss / 1000)
        assert found.basis is basis

    def test_predictions_that_were_never_made_are_lost(self):
        """Those that were to be expected."""
        still = window(throughput=(0.0, 1000 / 86_400))
        still[0]["metric"]["status"] = "critical"
        found = impact(Task.BINARY, Costs(), [still])
        assert (found.loss, found.basis) == (pytest.approx(1000), Basis.COUNTED)
        assert Costs().severity(found) is Severity.PAGE

    def test_the_mean_of_windows_is_known_better_than_each(self):
        """Errors of windows add in squares: 0.1 with +-0.1 in each of 4 is 0.1 +- 0.05."""
        one = window(accuracy=(0.8, 0.9))
        one[0]["metric"] |= {"lower": 0.7, "upper": 0.9}
        assert impact(Task.BINARY, Costs(), [one]).at_least == pytest.approx(0)
        assert impact(Task.BINARY, Costs(), [one] * 4).at_least == pytest.approx(50)

    def test_nothing_known_is_no_impact_and_a_digest(self):
        """Drift alone wakes nobody, however large."""
        assert impact(Task.BINARY, Costs(), [window()]) is None
        untold = window(accuracy=(0.1, 0.9))
        untold[0]["metric"]["status"] = "insufficient_data"
        assert impact(Task.BINARY, Costs(), [untold]) is None
        assert Costs(page=0.0).severity(None) is Severity.DIGEST

    @pytest.mark.parametrize(
        ("costs", "accuracy", "severity"),
        [
            (Costs(), 0.879, Severity.PAGE),
            (Costs(), 0.881, Severity.TICKET),
            (Costs(), 0.896, Severity.DIGEST),
            (Costs(error=5, page=200, ticket=100), 0.859, Severity.PAGE),
            (Costs(error=5, page=200, ticket=100), 0.861, Severity.TICKET),
            (Costs(error=5, page=200, ticket=100), 0.881, Severity.DIGEST),
        ],
    )
    def test_whom_it_calls(self, costs, accuracy, severity):
        """By the floors of monitors.yml, else by the share of predictions that went wrong."""
        assert costs.severity(impact(Task.BINARY, costs, [window(accuracy=(accuracy, 0.9))])) is severity


MODEL = "models: [{name: m, task: binary, positive_class: a, window: 1h, %s}]"


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("impact: {eror: 1}", "impact.eror: unknown 'eror' (did you mean 'error'?)"),
        ("impact: {error: -1}", "impact.error: got -1, allowed: a number from 0"),
        ("impact: {page: 5, ticket: 10}", "impact.page: got 5, allowed: a number from 10 on"),
        ("wait: {digest: 1h}", "wait"),
        ("wait: {page: soon}", "wait.page: got 'soon', allowed: a length such as"),
        ("repeat: {first: soon}", "repeat.first: got 'soon', allowed: a length such as"),
        ("repeat: {factor: 0.5}", "repeat.factor: got 0.5, allowed: a number from 1 to 10"),
    ],
)
def test_settings_that_are_not_allowed(text, told):
    """What, where, got, and allowed."""
    with pytest.raises(ConfigError) as error:
        monitors.parse(MODEL % text)
    assert told in str(error.value)


def test_settings():
    """As they are read."""
    text = (
        MODEL % "impact: {false_negative: 20, unit: EUR, page: 500}, repeat: {first: 1h, factor: 3}, wait: {page: 2h}"
    )
    (model,) = monitors.parse(text).models
    assert model.costs == Costs(false_negative=20, unit="EUR", page=500)
    assert (model.repeat.first, model.repeat.factor) == (HOUR, 3)
    assert model.patience == Patience(page=2 * HOUR)


def test_only_a_binary_model_has_false_positives():
    """Of others `error` is the cost."""
    with pytest.raises(ConfigError, match="only a binary model"):
        monitors.parse("models: [{name: m, task: regression, window: 1h, impact: {false_positive: 2}}]")


def test_the_precision_of_a_rule_is_wilsons():
    """By hand: 8 of 10, https://doi.org/10.1080/01621459.1927.10502953; what was expected counts for neither."""
    told = [("useful", 8), ("noise", 2), ("expected", 5)]
    said = [
        {"model": {"name": "m"}, "feedback": {"incident": f"{verdict}-{n}", "rule": "psi", "verdict": verdict}}
        for verdict, count in told
        for n in range(count)
    ]
    again = {"model": {"name": "m"}, "feedback": {"incident": "useful-0", "rule": "psi", "verdict": "useful"}}
    (rule,) = people.precisions([*said, again])
    assert (rule.useful, rule.noise, rule.expected) == (8, 2, 5)
    assert rule.estimate.value == 0.8
    assert (rule.estimate.lower, rule.estimate.upper) == (
        pytest.approx(0.4902, abs=1e-4),
        pytest.approx(0.9433, abs=1e-4),
    )
    (nobody,) = people.precisions(said[10:])
    assert nobody.estimate.value is None
