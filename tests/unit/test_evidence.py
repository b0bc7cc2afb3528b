"""The parts of evidence, each a pure function: what is said, in which order, and what is not said."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import incidents
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from driftline.analyzers import monitors
from driftline.analyzers.alerts.evidence import affected, cause, changes, checked, gained, rows, suspects, told
from driftline.analyzers.alerts.evidence.shape import LONGEST, MOST, MOST_FEATURES
from driftline.analyzers.alerts.records import Kind, Series
from driftline.analyzers.measures import MEASURES, Distribution, MomentArrays, Subject
from driftline.analyzers.reading import kql
from driftline.analyzers.windows import Window, WindowSize, iso
from driftline.ingest.events import Change, Source

EPOCH = datetime(2024, 1, 1, tzinfo=UTC)
HOUR = timedelta(hours=1)


def model(task="binary", **more):
    """A model with all measures that its task allows."""
    positive = {"positive_class": "yes"} if task == "binary" else {}
    fair = task == "binary"
    left_out = {Subject.OBJECTIVE, Subject.FEEDBACK} | (set() if fair else {Subject.ATTRIBUTE})
    names = [m.name for m in MEASURES if task in m.tasks and m.subject not in left_out]
    content = {"name": "m", "task": task, "window": "1h", "measures": dict.fromkeys(names), **positive, **more}
    content |= {"fairness": {"attributes": ["sex"]}} if fair else {}
    return monitors.parse(str({"models": [content]}).replace("None", "null")).models[0]


def metric(measure="recall", hour=0, *, feature=None, segment=None, status="critical", **numbers):
    """A metric document."""
    start = EPOCH + hour * HOUR
    found = {
        "model": {"name": "m", "version": "1"},
        "window": {"start": iso(start), "end": iso(start + HOUR), "size": "1h"},
        "metric": {
            "name": measure,
            "status": status,
            "value": 0.4,
            "reference_value": 0.6,
            "threshold": 0.1,
            **numbers,
        },
    }
    found |= {"feature": {"name": feature}} if feature else {}
    return found | ({"segment": dict(zip(("name", "value"), segment, strict=True))} if segment else {})


def alert(*arguments, **options):
    """An alert of one window."""
    return incidents.alert([metric(*arguments, **options)])


def test_the_parent_comes_first_then_kinds_then_the_whole_then_effects():
    """In that order, and only the first ten are told."""
    parent = alert("accuracy")
    others = [
        alert("recall", segment=("region", "north"), value=0.0),
        alert("precision", value=0.3),
        alert("recall", value=0.1),
        alert("missing_rate", feature="temp", value=0.2, reference_value=0.0, threshold=0.05),
    ]
    found = told.ordered([*others, parent], parent.id, model())
    measures = [(a.series.measure, a.series.segment) for a in found]
    expected = ["accuracy", "missing_rate", "recall", "precision"]
    assert measures == [*((name, None) for name in expected), ("recall", ("region", "north"))]
    assert len(told.told(found * 3)) == MOST


@pytest.mark.parametrize(
    ("measure", "numbers", "effect"),
    [
        ("recall", {"value": 0.4, "reference_value": 0.6, "threshold": 0.1}, 2.0),  # a change
        ("log_loss", {"value": 0.6, "reference_value": 0.4, "threshold": 0.25}, 2.0),  # a ratio
        ("psi", {"value": 0.75, "reference_value": 0.0, "threshold": 0.25}, 3.0),  # a value
        ("demographic_parity_ratio", {"value": 0.2, "threshold": 0.8}, 4.0),  # a value that is to be high
        ("recall", {"value": None}, 0.0),
        ("base_rate", {"threshold": None}, 0.0),
    ],
)
def test_effects_are_counted_in_floors(measure, numbers, effect):
    """So effects of unlike measures can be compared."""
    assert told.effect(metric(measure, **numbers), model()) == pytest.approx(effect)


def test_a_metric_is_told_with_its_worst_window_and_how_it_is_now():
    """Numbers, interval, labels and cause of the worst window; those of the last one beside it."""
    windows = [
        metric("recall", 0, value=0.5, lower=0.45, upper=0.55, labels="mature", label_maturity=0.95),
        metric("recall", 1, value=0.2, lower=0.15, upper=0.25, cause={"kind": "moved", "text": "x" * 500}),
        metric("recall", 2, value=0.55),
    ]
    (found,) = told.told([incidents.alert(windows)])
    assert (found["value"], found["lower"], found["since"]) == (0.2, 0.15, iso(EPOCH))
    assert found["window"]["start"] == iso(EPOCH + HOUR)
    assert found["latest"]["value"] == 0.55
    assert len(found["cause"]["text"]) == LONGEST
    assert told.title("objective_of_ours") == "objective_of_ours"


def in_regions(**values):
    """A recall per region; None: it could not be judged."""
    return [
        metric(
            segment=("region", name),
            value=value,
            status="insufficient_data" if value is None else "critical" if value < 0.5 else "ok",
        )
        for name, value in values.items()
    ]


COUNTS = {None: 1000, ("region", "north"): 200, ("region", "south"): 800}


@pytest.mark.parametrize(
    ("values", "named", "sentence"),
    [
        ({"north": 0.1, "south": 0.6}, ["north"], "Only region=north, 20 % of the predictions."),
        (
            {"north": 0.1, "south": 0.4},
            ["north", "south"],
            "All judged segments: region=north, 20 % of the predictions, ",
        ),
        (
            {"north": 0.1, "south": None},
            ["north"],
            "All judged segments: region=north",
        ),  # of the other nothing is known
        ({"north": 0.1, "south": 0.4, "west": 0.6}, ["north", "south"], "Most of all: region=north"),
        ({"north": 0.6, "south": 0.6}, [], "No segment stands out."),
        ({"north": None}, [], "All predictions; no segment could be judged."),
    ],
)
def test_a_segment_is_the_only_one_where_others_were_found_well(values, named, sentence):
    """What could not be judged proves nothing."""
    found = affected.affected(in_regions(**values), COUNTS, model())
    assert [part["segment"]["value"] for part in found] == named
    judged = sum(value is not None for value in values.values())
    assert affected.who(found, None, judged).startswith(sentence)
    assert [part["only"] for part in found] == [sentence.startswith("Only")] * len(named)


def test_a_segment_whose_size_is_not_known_has_no_share():
    """Nothing is made up."""
    (found, *_) = affected.affected(in_regions(north=0.1, south=0.6), {}, model())
    assert (found["predictions"], found["share"]) == (None, None)
    assert affected.who([found], None, 2) == "Only region=north."
    assert affected.who([], ("region", "west"), 0) == "region=west."


def verdicts(**statuses):
    """Buckets of names with their statuses."""
    return {
        "buckets": [
            {"key": name, "statuses": {"buckets": [{"key": status} for status in found]}}
            for name, found in statuses.items()
        ]
    }


def test_only_what_was_never_wrong_is_fine():
    """One bad window is enough not to be; what was never judged is counted apart."""
    measures = verdicts(accuracy=["ok"], recall=["ok", "warning"], f1=["insufficient_data"])
    features = verdicts(temp=["critical"], amount=["ok", "insufficient_data"])
    found = checked.checked({"aggregations": {"measures": {"names": measures}, "features": features}})
    assert found == checked.Checked(("accuracy", "amount"), 1)
    assert checked.checked({}) == checked.Checked((), 0)


def change(minutes, action="model-deployed", **more):
    """The document of a change so long after the epoch."""
    return Change(action=action, timestamp=EPOCH + timedelta(minutes=minutes), **more).to_document(Source())


PERIOD = Window(EPOCH - 3 * HOUR, EPOCH + 3 * HOUR)


def test_changes_are_told_the_nearest_first_and_bounded():
    """By the distance to the onset, on both sides."""
    found = changes.changes([change(-100), change(30, "b"), change(-20, "c")], {}, EPOCH, PERIOD)
    assert [told_["action"] for told_ in found] == ["c", "b", "model-deployed"]
    assert len(changes.changes([change(minute) for minute in range(50)], {}, EPOCH, PERIOD)) == MOST
    (long,) = changes.changes([change(0, message="x" * 9_000)], {}, EPOCH, PERIOD)
    assert len(long["message"]) == LONGEST


def test_a_version_that_nobody_announced_is_a_change():
    """One that was first seen then; not the first of all, nor one whose deploy was logged, nor one of another time."""
    buckets = [
        {"key": version, "first": {"value_as_string": iso(EPOCH + hours * HOUR)}}
        for version, hours in {"1": -400, "2": -1, "3": 0, "4": -300}.items()
    ]
    versions = changes.first_seen({"aggregations": {"versions": {"buckets": buckets}}})
    assert set(versions) == {"2", "3", "4"}
    found = changes.changes([change(-70, version="2")], versions, EPOCH, PERIOD)
    assert [told_["action"] for told_ in found] == ["version-first-seen", "model-deployed"]
    assert "version 3" in found[0]["message"]
    assert changes.first_seen({}) == {}


def cause_of(parent, *others, logged=()):
    """The likely cause of an incident."""
    found = changes.changes(logged, {}, parent.since, PERIOD)
    return cause.likely(parent, [parent, *others], found)


UNIT = {"kind": "unit", "text": "probably Fahrenheit instead of Celsius", "confidence": 0.99}
MOVED = {"kind": "moved", "text": "distribution moved: 80 or more +20 percentage points"}


def test_nothing_known_is_said_to_be_so():
    """No cause is made up, and a change of long before is none."""
    assert cause_of(alert("recall"), logged=[change(-130)])["kind"] == "unknown"
    assert cause_of(alert("recall"), logged=[change(70)])["kind"] == "unknown"


def test_a_recognised_cause_comes_first_and_a_deploy_speaks_for_it():
    """What the values look like, with its confidence, then what changed at the onset."""
    found = cause_of(alert("psi", feature="temp", cause=UNIT), logged=[change(-45, message="2.0")])
    assert (found["kind"], found["confidence"]) == ("unit", 0.99)
    text = "temp: probably Fahrenheit instead of Celsius. The change `model-deployed` (2.0) came 45 min before"
    assert found["text"].startswith(text)


def test_a_deploy_alone_is_told_as_what_came_before():
    """In the window before the first bad one, or in that one."""
    assert cause_of(alert("recall"), logged=[change(-45)])["kind"] == "change"
    found = cause_of(alert("recall"), logged=[change(10)])
    assert found["text"] == "The change `model-deployed` came in the first bad window."


def test_a_feature_that_moved_first_is_told_with_what_followed():
    """And one that moved afterwards is not."""
    feature, later = alert("psi", feature="temp", cause=MOVED), alert("recall", 2)
    found = cause_of(feature, later)
    assert found["kind"] == "feature"
    assert found["text"].endswith("percentage points); Recall followed 2 h later.")
    assert cause_of(alert("recall", 0), alert("psi", 1, feature="temp"))["kind"] == "unknown"
    assert cause_of(feature)["kind"] == "moved"


@pytest.mark.parametrize("task", ["binary", "multiclass", "regression"])
def test_each_measure_of_answers_has_rows_that_can_be_searched_for(task):
    """Both queries are KQL, of the two sides; only what has no rows has none."""
    without = set()
    for measure in MEASURES:
        if measure.subject not in (Subject.MODEL, Subject.ATTRIBUTE, Subject.SERIES) or task not in measure.tasks:
            continue
        found = suspects.of_measure(metric(measure.name), model(task))
        if found is None:
            without.add(measure.name)
            continue
        assert kql.parse(found.rows) != kql.parse(found.ordinary or "")
        assert found.order
    assert without == {"throughput"}


@pytest.mark.parametrize(
    ("measure", "numbers", "rows_", "ordinary"),
    [
        (
            "recall",
            {},
            'outcome.label: "yes" and prediction.label: * and not (prediction.label: "yes")',
            "evaluation.correct: true",
        ),
        (
            "estimated_precision",
            {},
            'prediction.label: "yes" and outcome.label: * and not (outcome.label: "yes")',
            "evaluation.correct: true",
        ),
        ("accuracy", {}, "evaluation.correct: false", "evaluation.correct: true"),
        ("error_rate", {}, 'event.outcome: "failure"', 'not (event.outcome: "failure")'),
        ("prediction_rate", {"value": 0.9}, 'prediction.label: "yes"', None),
        ("latency_p95", {"reference_value": 5e7}, "event.duration > 50000000.0", None),
    ],
)
def test_the_rows_are_those_that_moved_the_metric(measure, numbers, rows_, ordinary):
    """One-sided measures see one side of the confusion matrix."""
    found = suspects.of_measure(metric(measure, **numbers), model())
    assert found is not None
    assert found.rows == rows_
    assert ordinary in (None, found.ordinary)


def test_errors_of_a_regression_are_those_beyond_the_reference():
    """In the unit of the error; without a typical error there is no ordinary side."""
    found = suspects.of_measure(metric("mse", reference_value=9.0), model("regression"))
    assert found.rows == "evaluation.absolute_error > 3.0"
    assert suspects.of_measure(metric("r2"), model("regression")).ordinary is None


def numbers(fine, missing=0, low=0.0, high=9.0):
    """A number's distribution over bins with edges 0, 1, 2 ..."""
    counts = np.array([fine])
    edges = np.arange(len(fine) - 1, dtype=float)
    moments = MomentArrays(*(np.array([value]) for value in (sum(fine), 0.0, 0.0, low, high)))
    return Distribution(counts, np.zeros(1, int), np.array([missing]), counts, edges, moments)


def categories(counts, other=0, missing=0):
    """The distribution of a categorical feature."""
    return Distribution(np.array([[*counts, other]]), np.array([other]), np.array([missing]))


def shape(current, reference, names=(), unseen=()):
    """A feature in a window and in the reference."""
    return gained.Shape("features.x", current, reference, names, unseen)


BEFORE = numbers([0, 100, 100, 100, 100, 100, 0])


@pytest.mark.parametrize(
    ("measure", "current", "rows_", "way"),
    [
        ("psi", numbers([0, 10, 10, 80, 200, 200, 0]), "features.x >= 3.0 and features.x < 5.0", "desc"),
        ("psi", numbers([0, 300, 100, 50, 40, 10, 0]), "features.x >= 0.0 and features.x < 1.0", "asc"),
        ("ks", numbers([0, 0, 0, 0, 0, 0, 500]), "features.x >= 5.0", "desc"),
        ("ks", numbers([0, 50, 50, 50, 50, 50, 0], missing=250), "not (features.x: *)", None),
        ("missing_rate", numbers([0, 9, 0, 0, 0, 0, 0], missing=1), "not (features.x: *)", None),
        ("out_of_range_rate", numbers([9, 0, 0, 0, 0, 0, 2]), "features.x < 0.0", "asc"),
        ("out_of_range_rate", numbers([1, 0, 0, 0, 0, 0, 2]), "features.x >= 5.0", "desc"),
        ("constant", numbers([0, 0, 9, 0, 0, 0, 0], low=1.5), "features.x >= 1.5 and features.x <= 1.5", None),
    ],
)
def test_a_range_that_gained_most_is_looked_at(measure, current, rows_, way):
    """The far end of it first; of quality measures it is the very value in question."""
    found = gained.suspects(measure, shape(current, BEFORE))
    assert found is not None
    assert found.rows == rows_
    assert kql.parse(found.ordinary)
    assert way in (None, *(order["order"] for order in found.order[0].values() if isinstance(order, dict)))


def test_a_category_that_gained_most_is_looked_at():
    """By its name; unseen ones by the names that the window has."""
    before = categories([50, 50])
    grown = gained.suspects("psi", shape(categories([10, 90]), before, ("a", "b")))
    assert grown.rows == 'features.x: ("b")'
    new = shape(categories([40, 30], other=30), before, ("a", "b"), ("c", "d"))
    for measure in ("psi", "unseen_rate"):
        assert gained.suspects(measure, new).rows == 'features.x: ("c" or "d")'
    assert gained.suspects("constant", shape(categories([0, 9]), before, ("a", "b"))).rows == 'features.x: ("b")'


def test_where_nothing_grew_there_are_no_rows():
    """Nor where there is nothing to compare with, nor names."""
    assert gained.suspects("psi", shape(BEFORE, BEFORE)) is None
    assert gained.suspects("psi", shape(BEFORE, None)) is None
    assert gained.suspects("unseen_rate", shape(categories([1], other=1), None, ("a",))) is None


@given(st.lists(st.integers(-20, 20), min_size=1, max_size=20))
def test_no_run_of_bins_gained_more(gains):
    """Compared with all runs that there are."""
    first, last, gain = gained.steepest(np.array(gains, float))
    assert gain == sum(gains[first : last + 1])
    runs = [sum(gains[i : j + 1]) for i in range(len(gains)) for j in range(i, len(gains))]
    assert gain == max(runs)


SERIES = Series("m", "1", "1h", "recall")


def test_a_metric_of_a_segment_is_of_its_predictions_alone():
    """Of an intersection, of both of its parts; of a gap, of the group that is looked at."""
    crossed = Series("m", "1", "1h", "recall", None, ("sex*age", "f*old"))
    model_ = 'model.name: "m" and model.version: "1"'
    assert rows.scope(SERIES) == model_
    assert rows.scope(crossed) == f'{model_} and segments.sex: "f" and segments.age: "old"'
    assert rows.scope(SERIES, ("sex", "f")) == f'{model_} and segments.sex: "f"'


def behind(measure="recall", shared=("region",)):
    """The rows behind a metric."""
    found = suspects.of_measure(metric(measure, value=0.9), model())
    return rows.Behind(measure, rows.scope(SERIES), found, Window(EPOCH, EPOCH + HOUR), WindowSize("1h"), shared)


def hit(identity, **source):
    """A prediction as Elasticsearch returns it."""
    found = {"@timestamp": iso(EPOCH + HOUR / 2), "event": {"id": identity}, **source}
    return {"_id": identity, "_index": "i", "_source": found}


def test_an_ordinary_one_shares_window_segments_and_answer():
    """Whatever else there is may differ; where answers are the trouble, they may too."""
    source = hit("a", segments={"region": "north", "other": "x"}, prediction={"label": "no"})
    (body,) = rows.ordinary_bodies(behind(), [source])
    terms = [part["term"] for part in body["query"]["bool"]["filter"] if "term" in part]
    assert terms == [{"segments.region": "north"}, {"prediction.label": "no"}]
    (period,) = [part["range"] for part in body["query"]["bool"]["filter"] if "range" in part]
    assert period == {"@timestamp": {"gte": iso(EPOCH), "lt": iso(EPOCH + HOUR)}}
    (body,) = rows.ordinary_bodies(behind("prediction_rate"), [source])
    assert {"term": {"prediction.label": "no"}} not in body["query"]["bool"]["filter"]


def test_no_ordinary_one_stands_beside_two():
    """The next nearest is taken; where none is left, there is none."""
    exemplars = [hit("a"), hit("b"), hit("c")]
    found = rows.paired(exemplars, [[hit("x")], [hit("x"), hit("y")], [hit("x"), hit("y")]], {})
    assert {one: other["_id"] for one, other in found.items()} == {"a": "x", "b": "y"}
    again = rows.paired([hit("c")], [[hit("x"), hit("z")]], found)
    assert {one: other["_id"] for one, other in again.items()} == {"a": "x", "b": "y", "c": "z"}


def test_what_is_stored_of_a_prediction_is_bounded():
    """The features in question first, few of the others, and no long texts."""
    features = {f"f{number:03}": number for number in range(100)} | {"zz": "x" * 9_000}
    found = rows.shown(hit("a", features=features, prediction={"label": "y" * 500}), ["zz", "not there"], hit("b"))
    assert list(found["features"])[:2] == ["zz", "f000"]
    assert len(found["features"]) == MOST_FEATURES
    assert (len(found["features"]["zz"]), len(found["predicted"])) == (LONGEST, LONGEST)
    assert (found["id"], found["beside"], found["index"]) == ("a", "b", "i")
    assert "score" not in found


def test_kinds_of_the_incident_are_those_of_its_alerts():
    """The helper of these tests makes what the contract says."""
    members = [alert("psi", feature="prediction.score"), alert("recall"), alert("f1")]
    assert incidents.incident(members, members[0]).alerts == {Kind.DRIFT: 1, Kind.PERFORMANCE: 2}
