"""Links: Rison and KQL are read back as they were meant, and addresses hold period, query and runbook."""

from __future__ import annotations

import re
import shlex
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import unquote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from driftline.analyzers import monitors
from driftline.analyzers.alerts.evidence import kuery, links, rison
from driftline.analyzers.alerts.places import RUNBOOKS, Places
from driftline.analyzers.alerts.records import Kind, Series
from driftline.analyzers.reading import kql
from driftline.analyzers.settings import ConfigError
from driftline.analyzers.windows import Window

ROOT = Path(__file__).resolve().parents[2]
PERIOD = Window(datetime(2024, 1, 2, tzinfo=UTC), datetime(2024, 1, 3, tzinfo=UTC))
SERIES = Series("fraud", "1.0", "1d", "recall")
WORD = re.compile(r"[^\-0-9 '!:(),*@$][^ '!:(),*@$]*")
TEXT = st.text(st.characters(exclude_categories=["Cs"]))
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | TEXT,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXT, inner, max_size=4),
    max_leaves=12,
)


class Decoder:
    """A reader of Rison, as its grammar has it."""

    def __init__(self, text):
        self.text, self.at = text, 0

    def whole(self):
        """The value of all of the text."""
        value = self.value()
        assert self.at == len(self.text), self.text[self.at :]
        return value

    def value(self):
        """The value that begins here."""
        sign = self.text[self.at]
        if sign == "!":
            self.at += 2
            kind = self.text[self.at - 1]
            return self.items(")", self.value) if kind == "(" else {"t": True, "f": False, "n": None}[kind]
        if sign == "(":
            self.at += 1
            return dict(self.items(")", self.pair))
        if sign == "'" or WORD.match(self.text, self.at):
            return self.string()
        number = re.compile(r"-?[0-9]+(\.[0-9]+)?(e-?[0-9]+)?").match(self.text, self.at)
        self.at = number.end()
        return float(number[0]) if number[1] or number[2] else int(number[0])

    def items(self, end, read):
        """What stands between brackets."""
        found = []
        while self.text[self.at] != end:
            self.at += self.text[self.at] == ","
            found.append(read())
        self.at += 1
        return found

    def pair(self):
        """A key and its value."""
        key = self.string()
        assert self.text[self.at] == ":"
        self.at += 1
        return key, self.value()

    def string(self):
        """A text, with or without quotes."""
        if self.text[self.at] != "'":
            match = WORD.match(self.text, self.at)
            self.at = match.end()
            return match[0]
        quoted = re.compile(r"'((?:[^'!]|!['!])*)'", re.DOTALL).match(self.text, self.at)
        self.at = quoted.end()
        return re.sub(r"!(.)", r"\1", quoted[1])


def decode(text):
    """The value of a text in Rison."""
    return Decoder(text).whole()


@given(JSON)
def test_rison_is_read_back(value):
    """Whatever JSON holds survives, in an address as well."""
    assert decode(rison.encode(value)) == value
    assert decode(unquote(rison.parameter(value))) == value


def test_rison_is_what_kibana_writes():
    """Words without quotes, other texts with them, as in its own addresses."""
    state = {"time": {"from": "now-15m", "to": "now"}, "query": 'a: "it\'s!"', "on": True, "none": None, "n": [1, -2.5]}
    assert rison.encode(state) == "(time:(from:now-15m,to:now),query:'a: \"it!'s!!\"',on:!t,none:!n,n:!(1,-2.5))"
    assert rison.encode({"from": "2024-01-02T00:00:00.000Z"}) == "(from:'2024-01-02T00:00:00.000Z')"


@given(st.text(st.characters(exclude_categories=["Cs"]), min_size=1), TEXT)
def test_a_value_is_searched_for_as_it_is(field, value):
    """Whatever a field is called and a value holds, the query is of this field and this value."""
    assert kql.parse(kuery.equals(field, value)) == {"match_phrase": {field: value}}
    assert kql.parse(kuery.neither(kuery.exists(field))) == {"bool": {"must_not": [{"exists": {"field": field}}]}}


@given(st.floats(allow_nan=False, allow_infinity=False), st.floats(allow_nan=False, allow_infinity=False))
def test_a_range_keeps_its_bounds(low, high):
    """Numbers of any size and sign are read back to the last digit."""
    first, second = kql.parse(kuery.within("features.x", low, high))["bool"]["filter"]
    assert float(first["range"]["features.x"]["gte"]) == low
    assert float(second["range"]["features.x"]["lt"]) == high


def test_parts_of_a_query_all_hold():
    """Parts are joined by `and`, values of one field by `or`; no part at all is everything."""
    query = kql.parse(kuery.both("", kuery.one_of("a", ["x", "y"]), kuery.neither(kuery.exists("b"))))
    either = {"bool": {"should": [{"match_phrase": {"a": v}} for v in "xy"], "minimum_should_match": 1}}
    assert query == {"bool": {"filter": [either, {"bool": {"must_not": [{"exists": {"field": "b"}}]}}]}}
    assert kql.parse(kuery.both()) == {"match_all": {}}
    assert kql.parse(kuery.within("a", None, None)) == {"exists": {"field": "a"}}


def state_of(link):
    """Path, `_g` and `_a` of an address in Kibana."""
    path, _, parameters = link.partition("?")
    found = dict(parameter.split("=", 1) for parameter in parameters.split("&"))
    return path, decode(unquote(found["_g"])), decode(unquote(found["_a"]))


def test_links_hold_period_query_and_data_view():
    """Discover opens with what was found, and the dashboard with the model; signs that mean something are escaped."""
    rows = kuery.equals("features.who", 'O\'Hara & #1 = 100 % + "x"')
    places = Places("https://k.example/s/ml", "https://wiki.example/runbooks")
    found = links.links(places, Kind.PERFORMANCE, SERIES, PERIOD, ("shop", "driftline-metrics-shop"), rows)
    path, time, state = state_of(found["discover"])
    assert path == "https://k.example/s/ml/app/discover#/"
    assert time == {"time": {"from": "2024-01-02T00:00:00.000Z", "to": "2024-01-03T00:00:00.000Z"}}
    assert state["dataSource"] == {"type": "dataView", "dataViewId": "driftline-predictions"}
    assert state["query"] == {"language": "kuery", "query": f'data_stream.namespace: "shop" and {rows}'}
    path, _, state = state_of(found["dashboard"])
    assert path == "https://k.example/s/ml/app/dashboards#/view/driftline-model-performance"
    assert state["query"]["query"] == 'model.name: "fraud" and model.version: "1.0"'
    _, _, state = state_of(found["metrics"])
    assert state["dataSource"]["dataViewId"] == "driftline-metrics"
    assert 'metric.name: "recall"' in state["query"]["query"]
    assert state["query"]["query"].endswith("and not (segment.name: *)")
    assert found["runbook"] == "https://wiki.example/runbooks/performance.md"


@pytest.mark.parametrize("kind", list(Kind))
def test_every_kind_has_a_dashboard_and_a_runbook(kind):
    """None is forgotten, and each link is to a page that there is."""
    found = links.links(Places(), kind, SERIES, PERIOD, ("default", "driftline-metrics-default"), "")
    assert found["dashboard"].startswith("/app/dashboards#/view/driftline-")
    name = found["runbook"].removeprefix(f"{RUNBOOKS}/")
    assert (ROOT / "docs" / "runbooks" / name).is_file()
    assert f"({name})" in (ROOT / "docs" / "runbooks" / "README.md").read_text()


def test_the_dashboard_of_the_pipeline_opens_whole():
    """Shippers and dead letters know no model, so that a query for one would hide them."""
    found = links.links(Places(), Kind.INGEST, SERIES, PERIOD, ("default", "driftline-metrics-default"), "")
    _, _, state = state_of(found["dashboard"])
    assert state["query"]["query"] == ""


def test_runbooks_are_by_default_those_of_the_documentation():
    """Where the project says its documentation is."""
    urls = re.search(r'Documentation = "(.*)"', (ROOT / "pyproject.toml").read_text())
    assert f"{urls[1]}/runbooks" == RUNBOOKS


def test_commands_are_one_word_an_argument():
    """A shell reads back what was meant, whatever the query and the segment hold."""
    query = kuery.equals("features.who", 'O\'Hara "x" $HOME')
    words = shlex.split(links.predictions_command(query, PERIOD, "shop", "duration"))
    assert words[:3] == ["driftline", "predictions", query]
    assert words[-2:] == ["--sort", "duration"]
    series = Series("a b", "1", "1h", "psi", "temp", ("region", "o'north"))
    words = shlex.split(links.metrics_command(series, PERIOD, "shop"))
    assert words[words.index("--segment") + 1] == "region=o'north"
    assert words[words.index("--feature") + 1] == "temp"
    words = shlex.split(links.metrics_command(SERIES, PERIOD, "shop"))
    assert (words[words.index("--feature") + 1], words[words.index("--segment") + 1]) == ("", "none")


MODEL = "models: [{name: m, task: regression, window: 1h}]"


def places(text):
    """What a monitors.yml with these lines says of places."""
    (model,) = monitors.parse(f"{text}\n{MODEL}").models
    return model.places


def test_places_come_from_the_file_then_the_environment(monkeypatch):
    """An address in the file wins; the default space has no part in it; a slash at the end is no matter."""
    monkeypatch.delenv("KIBANA_URL", raising=False)
    assert places("") == Places("", RUNBOOKS)
    monkeypatch.setenv("KIBANA_URL", "http://from.env:5601/")
    assert places("").kibana == "http://from.env:5601"
    assert places("kibana: {space: ml}").kibana == "http://from.env:5601/s/ml"
    assert places("kibana: {url: 'https://k.example/base/', space: default}").kibana == "https://k.example/base"
    assert places("alerts: {runbooks: 'https://wiki.example/r/'}").runbooks == "https://wiki.example/r"


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("kibana: {url: kibana.example}", "kibana.url: got 'kibana.example', allowed: an address such as https://"),
        ("kibana: {url: 'ftp://kibana.example'}", "kibana.url: got 'ftp://kibana.example', allowed: an address"),
        ("kibana: {url: 'https://k.example?a=b'}", "kibana.url: got 'https://k.example?a=b', allowed: an address"),
        ("kibana: {url: 'https://[k.example'}", "kibana.url: got 'https://[k.example', allowed: an address"),
        ("kibana: {space: 'A b'}", "kibana.space: got 'A b', allowed: the identifier of a space"),
        ("kibana: {uri: x}", "kibana.uri: unknown 'uri' (did you mean 'url'?), allowed: space, url"),
        ("alerts: {runbook: x}", "alerts.runbook: unknown 'runbook' (did you mean 'runbooks'?)"),
        ("alerts: {runbooks: 7}", "alerts.runbooks: got 7, allowed: a text"),
    ],
)
def test_wrong_places_are_refused(text, error):
    """The error names file, path, value and what is allowed."""
    with pytest.raises(ConfigError, match=re.escape(f"monitors.yml: {error}")):
        places(text)


def test_a_password_in_an_address_is_refused_and_not_shown(monkeypatch):
    """Links are stored and sent to people."""
    with pytest.raises(ConfigError, match="without a user") as refused:
        places("kibana: {url: 'https://me:hunter2@k.example'}")
    assert "hunter2" not in str(refused.value)
    monkeypatch.setenv("KIBANA_URL", "https://me:hunter2@k.example")
    with pytest.raises(ConfigError, match=r"\$KIBANA_URL") as refused:
        places("")
    assert "hunter2" not in str(refused.value)
