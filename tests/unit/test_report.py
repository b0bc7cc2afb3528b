"""The incident page: what it says, that it escapes everything, and charts that compile."""

from __future__ import annotations

import json
import re
import sys
from dataclasses import replace
from datetime import timedelta
from html.parser import HTMLParser
from itertools import pairwise

import numpy as np
import pytest
import reporting
import vl_convert
from click.testing import CliRunner

from driftline.analyzers import report
from driftline.analyzers.alerts.records import State
from driftline.analyzers.profiles.binning import Binning, NumericBins
from driftline.analyzers.profiles.profile import CategoryCounts, NumericCounts, Profile
from driftline.analyzers.report import charts, commands, figures, limits, moving, page, rows, scripts, view, words
from driftline.analyzers.report.found import Line
from driftline.analyzers.report.parts import Cell, Table
from driftline.analyzers.windows import Window
from driftline.cli import main

DRAWN = scripts.Scripts(inline=("/* what draws */",))


class Outline(HTMLParser):
    """The tags of a page with their attributes, its texts, and what is inside scripts."""

    VOID = frozenset({"meta", "link", "br", "img", "input", "hr"})

    def __init__(self, text):
        super().__init__()
        self.tags, self.open, self.texts = [], [], []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag, attrs):
        """Note a tag."""
        self.tags.append((tag, dict(attrs)))
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        """Close the tag that was opened last, and no other."""
        assert self.open.pop() == tag

    def handle_data(self, data):
        """Note a text."""
        if self.open and self.open[-1] not in ("script", "style"):
            self.texts.append(data)

    def named(self, tag):
        """The attributes of all tags of a name."""
        return [attributes for name, attributes in self.tags if name == tag]


PAGES = {
    "incident": reporting.incident,
    "resolved": lambda: reporting.incident(state=State.RESOLVED),
    "no evidence": lambda: reporting.incident({}),
    "period": reporting.period,
}


@pytest.fixture(params=PAGES, ids=list(PAGES))
def html(request):
    """A page of each kind."""
    return page.html(PAGES[request.param](), DRAWN)


def test_every_text_is_escaped(html):
    """The only scripts are ours and data, nothing has a handler, and all that was opened is closed."""
    outline = Outline(html)
    assert outline.open == []
    assert "img" not in [tag for tag, _ in outline.tags]
    assert not [name for _, attributes in outline.tags for name in attributes if name.startswith("on")]
    kinds = {attributes.get("type") for attributes in outline.named("script")}
    assert kinds <= {"module", "application/json"}
    assert sum(attributes.get("type") == "module" for attributes in outline.named("script")) == 1
    assert "<script>window.hacked" not in html


def test_hostile_texts_are_read_as_they_are():
    """What looks like a tag is shown as text, in a table and in the data of a chart."""
    html = page.html(reporting.incident(), DRAWN)
    assert reporting.HOSTILE in Outline(html).texts
    bins = [row["bin"] for spec in specs(html) for row in spec.get("data", {}).get("values", ()) if "bin" in row]
    assert reporting.HOSTILE in bins


def test_only_addresses_of_the_web_are_links(html):
    """Nothing that is run, and nothing that leads nowhere from a file."""
    addresses = [attributes["href"] for attributes in Outline(html).named("a")]
    assert all(address.startswith(("https://", "#")) for address in addresses)


def test_nothing_is_asked_for_from_anywhere(html):
    """No address is loaded, and the policy lets nothing but the page's own script run."""
    outline = Outline(html)
    assert not [a for tag, a in outline.tags if tag in ("script", "img", "iframe") and "src" in a]
    assert [a["href"] for a in outline.named("link")] == ["data:,"]
    (policy,) = [a["content"] for a in outline.named("meta") if a.get("http-equiv")]
    assert "default-src 'none'" in policy
    assert re.search(r"script-src 'sha256-[A-Za-z0-9+/=]+';", policy)
    assert "eval" not in policy


def test_headings_are_in_order_and_ids_are_unique(html):
    """One heading of the first level, none that skips a level; every id once; links lead to ids."""
    outline = Outline(html)
    levels = [int(tag[1]) for tag, _ in outline.tags if re.fullmatch(r"h[1-6]", tag)]
    assert levels.count(1) == 1
    assert all(after - before <= 1 for before, after in pairwise(levels))
    ids = [attributes["id"] for _, attributes in outline.tags if "id" in attributes]
    assert len(ids) == len(set(ids))
    inner = [a["href"][1:] for a in outline.named("a") if a["href"].startswith("#")]
    told = [a["aria-labelledby"] for _, a in outline.tags if "aria-labelledby" in a]
    assert set(inner) | set(told) <= set(ids)


def test_tables_have_captions_and_scoped_headers(html):
    """Each table says what it shows, and each header of what it is one."""
    outline = Outline(html)
    assert len(outline.named("table")) == len(outline.named("caption"))
    assert all(attributes.get("scope") in ("col", "row") for attributes in outline.named("th"))


def test_each_chart_has_words_and_a_table(html):
    """A summary for those who do not see it, focus for those who use keys, and the numbers."""
    outline = Outline(html)
    places = [attributes for _, attributes in outline.tags if "data-chart" in attributes]
    assert all(place["role"] == "img" and place["tabindex"] == "0" and place["aria-label"] for place in places)
    assert len(places) == len(outline.named("details"))


def specs(html):
    """The specifications in a page."""
    return [json.loads(text) for text in re.findall(r'<script type="application/json"[^>]*>(.*?)</script>', html)]


def test_charts_compile(html):
    """Vega-Lite takes each specification, as a browser would, and says nothing against it."""
    for spec in specs(html):
        made = vl_convert.vegalite_to_vega(spec)
        assert made["marks"]


def test_the_script_is_one_text_that_a_page_can_hold():
    """It ends nowhere but at its end, is small enough to mail, and calls what it brings."""
    text = scripts.library()
    assert "</script" not in text.lower()
    assert "<!--" not in text
    assert len(text.encode()) < 1_500_000
    assert "data-chart" in text


def test_the_page_of_a_file_is_small_enough_to_mail():
    """Under three megabytes, script and data included."""
    assert len(page.html(reporting.incident(), scripts.inlined()).encode()) < 3_000_000


def test_an_incident_is_told_in_the_order_in_which_one_asks():
    """What, then what to do, then when, how bad, what moved, whom, which, and who knows."""
    html = page.html(reporting.incident(), DRAWN)
    ids = re.findall(r'<h2 id="([^"]+)"', html)
    assert ids == [
        "next", "timeline-section", "metrics", "moved", "segments", "predictions", "fine", "changes", "told",
    ]  # fmt: skip
    text = " ".join(" ".join(Outline(html).texts).split())
    assert "412.5 predictions a day" in text
    assert "at least 380; 45.0% of 900 predictions a day; measured on outcomes" in text
    assert "Share missing of amount was 0.48 at its worst (2026-04-09, 1d" in text
    assert "0.02 in the reference, the limit is 0.07." in text
    assert "Only region=eu, 33 % of the predictions" in text
    assert "46 % of the values are missing" in text
    assert "410 predictions without features.amount, 46.0% of all" in text
    assert "there are 3 more" in text
    assert f"pager {reporting.HOSTILE} (sent)" in text


@pytest.mark.parametrize(("state", "asked"), [(State.FIRING, True), (State.RESOLVED, False)])
def test_one_is_asked_to_look_after_what_is_on(state, asked):
    """And for a word on what it was worth, unless both are there."""
    found = reporting.incident({}, state=state)
    commands = [step.command for step in view.incident(found, found.whole)["steps"]]
    assert ("driftline alerts ack i --namespace shop" in commands) is asked
    assert "driftline alerts feedback i useful --namespace shop" in commands
    told = reporting.incident(state=state)
    commands = [step.command or "" for step in view.incident(told, told.whole)["steps"]]
    assert not [command for command in commands if "alerts" in command]


def test_a_page_without_evidence_says_what_is_not_known():
    """Each section is there, and none pretends."""
    text = " ".join(Outline(page.html(reporting.incident({}), DRAWN)).texts)
    assert "No windows of this metric are stored any more." in text
    assert "No profiles of these windows are stored" in text
    assert "Nothing is known of segments." in text
    assert "No single predictions are behind it." in text
    assert "No notice has been sent." in text
    assert "not known" in text


def test_a_period_is_told_with_its_incidents_and_its_verdicts():
    """Which incidents, which measures were wrong, and how often."""
    parts = view.period(reporting.period())
    assert [fact.text for fact in parts["facts"] if fact.name == "Measures that were wrong"] == ["2"]
    assert len(parts["timelines"]) == 2
    cells = {row[0].text: [cell.text for cell in row] for row in parts["measures"].rows}
    assert cells["Share missing"][-2:] == ["5", "1"]
    assert "10 of 80 verdicts are a warning or critical" in parts["verdicts"].summary


def test_a_quiet_period_has_no_sign_in_it():
    """Its chart compiles, too, and says that nothing is wrong."""
    quiet = [reporting.metric(day, 0.02) for day in range(3)]
    lines = [Line(reporting.period().lines[0].series, quiet)]
    chart = view.period(reporting.period(lines))["verdicts"]
    assert chart.summary == "None of 3 verdicts is wrong."
    assert vl_convert.vegalite_to_vega(chart.spec)["marks"]


def test_a_timeline_says_what_it_shows():
    """The lowest, the highest, how many are wrong and since when."""
    line = reporting.incident().lines[0]
    chart = figures.timeline("t", "Share missing of amount", line)
    assert "in 40 windows from 2026-03-01, 1d to 2026-04-09, 1d" in chart.summary
    assert "highest 0.48 (2026-04-09, 1d); 5 wrong, the first 2026-04-05, 1d." in chart.summary
    assert "Dashed: limit, 0.07." in chart.note
    assert len(chart.table.rows) == 40


def test_a_timeline_that_is_cut_says_so():
    """There are more windows than are drawn."""
    line = reporting.incident().lines[0]
    assert "The first 40 windows; there are more." in figures.timeline("t", "name", replace(line, cut=True)).note
    assert "there are more" not in figures.timeline("t", "name", line).note


def test_several_versions_are_told_apart():
    """One has no need of a name."""
    (first, _) = reporting.period().lines
    second = replace(first, series=replace(first.series, version="2"))
    assert [name for name, _ in figures.named([first])] == ["Share missing"]
    assert [name for name, _ in figures.named([first, second])] == [
        "Share missing, version 1",
        "Share missing, version 2",
    ]


def test_limits_are_told_in_the_unit_of_the_value():
    """A floor of the value, of a change, of a ratio, and on both sides where any change is worse."""

    def found(name, value=9.0, status="critical", **numbers):
        return {"metric": {"name": name, "status": status, "value": value} | numbers}

    assert limits.limits([found("psi", threshold=0.1)]) == [0.1]
    assert limits.limits([found("missing_rate", threshold=0.05, reference_value=0.1)]) == [0.15]
    assert limits.limits([found("recall", 0.1, threshold=0.1, reference_value=0.7)]) == [0.6]
    assert limits.limits([found("prediction_rate", threshold=0.1, reference_value=0.5)]) == [0.4, 0.6]
    assert limits.limits([found("recall", threshold=0.1)]) == []
    assert limits.limits([found("of nothing that is known", threshold=0.1)]) == []


def test_a_limit_that_verdicts_contradict_is_not_told():
    """A threshold that monitors.yml applies to something else than usual."""
    wrong = {"metric": {"name": "psi", "status": "critical", "value": 0.05, "threshold": 0.1}}
    assert limits.limits([wrong]) == []


def test_effects_are_counted_in_limits():
    """One is the limit that decided, of whatever unit."""
    change = {"name": "recall", "threshold": 0.1, "reference_value": 0.7}
    assert limits.effect(change, 0.5) == pytest.approx(2)
    assert limits.effect({"measure": "psi", "threshold": 0.1}, 0.25) == pytest.approx(2.5)
    assert limits.effect({"name": "psi"}, 0.25) is None
    both = {"name": "prediction_rate", "threshold": 0.1, "reference_value": 0.5, "value": 0.3}
    assert [limits.effect(both, value) for value in (0.2, 0.3, 0.6)] == pytest.approx([3, 2, -1])
    assert limits.effect(change, None) is None


def test_a_metric_that_its_limit_contradicts_is_on_no_scale():
    """Neither in the chart nor in the sentence."""
    odd = {"measure": "psi", "title": "PSI", "status": "critical", "value": 0.05, "threshold": 0.1}
    odd |= {"window": {"start": "2026-03-01T00:00:00.000Z", "size": "1d"}}
    assert figures.effects([odd, odd]) is None
    assert "limit" not in view.sentence(reporting.incident().lines[0].series, odd)


def test_what_stands_out_is_marked():
    """A text or a lack that no ordinary prediction has, and a number beyond all of theirs."""
    assert rows.stands_out(99, [10, 20])
    assert not rows.stands_out(15, [10, 20])
    assert rows.stands_out(None, [10, 20])
    assert not rows.stands_out(None, [10, None])
    assert rows.stands_out("red", ["blue", "green"])
    assert not rows.stands_out("red", ["red"])


def test_exemplars_stand_above_their_ordinary_ones():
    """Two rows a pair, features that are in alarm first, differences marked in the upper row."""
    told = reporting.evidence()
    table = rows.predictions(told["exemplars"], told["ordinary"], ["amount"])
    names = [row[0].text for row in table.rows[:2]]
    assert names == ["exemplar-0", "ordinary-0"]
    at = [column.text for column in table.columns].index("amount")
    assert table.rows[0][at] == Cell("missing", "", marked=True)
    assert table.rows[1][at] == Cell("12.5", "number", marked=False)


def test_a_column_without_a_word_is_left_out():
    """But never the first."""
    table = Table.of("t", "caption", ("a", "b", "#c"), [("", "", "1"), ("", "", "2")])
    assert [column.text for column in table.columns] == ["a", "c"]


BINS = NumericBins(np.array([0.0, 10.0, 20.0]), np.array([0, 2]))
BINNING = Binning(numeric={"age": BINS}, categorical={"colour": tuple(f"c{n:02}" for n in range(15))})


def profile(age, colours, missing=0, predicted=None):
    """A profile of two features."""
    return replace(
        Profile.empty(BINNING),
        predictions=sum(age) + missing,
        numeric={"age": NumericCounts(np.array(age), missing=missing)},
        categorical={"colour": CategoryCounts(np.array(colours), other=1, missing=0)},
        predicted=predicted or {},
    )


def test_what_moved_is_the_share_that_lies_elsewhere():
    """Total variation over the bins, missing ones included; what alerts are about comes first."""
    before = profile([0, 50, 50, 0], [10] * 15, predicted={"a": 50, "b": 50})
    now = profile([0, 25, 25, 0], [10] * 15, missing=50, predicted={"a": 100})
    found = moving.moved(BINNING, now, before, Window(reporting.START, reporting.START + reporting.DAY), {"age"})
    assert [(mover.name, mover.alarm) for mover in found.movers] == [("age", True), ("prediction.label", False)]
    age, label = found.movers
    assert age.moved == pytest.approx(0.5)
    assert [(one.name, one.share, one.reference_share) for one in age.bins] == [
        ("below 10", 0.25, 0.5),
        ("10 or more", 0.25, 0.5),
        ("missing", 0.5, 0.0),
    ]
    assert label.moved == pytest.approx(0.5)
    assert found.unmoved == 1


def test_of_many_categories_the_small_ones_are_added_up():
    """Ten by name, what no category is and what is missing by name, and the rest together; no share is lost."""
    counts = list(range(15, 0, -1))
    before, now = profile([0, 5, 5, 0], counts), profile([0, 5, 5, 0], counts[::-1])
    (colour,) = moving.moved(BINNING, now, before, Window(reporting.START, reporting.START), ()).movers
    names = [one.name for one in colour.bins]
    assert moving.OTHERS in names
    assert len(names) <= moving.MOST_CATEGORIES + 3
    assert sum(one.share for one in colour.bins) == pytest.approx(1)
    assert sum(one.reference_share for one in colour.bins) == pytest.approx(1)


def test_without_reference_the_present_is_shown_alone():
    """No distance, and a chart without strokes."""
    (age, *_) = moving.moved(
        BINNING, profile([0, 5, 5, 0], [1] * 15), None, Window(reporting.START, reporting.START), ()
    ).movers
    assert age.moved == 0
    assert len(charts.mover(age)["layer"]) == 1


@pytest.mark.parametrize(
    ("span", "told"),
    [
        (timedelta(days=32), "32 days"),
        (timedelta(days=1, hours=2, minutes=3), "1 day 2 hours"),
        (timedelta(minutes=61), "1 hour 1 minute"),
        (timedelta(seconds=5), "less than a minute"),
    ],
)
def test_lengths_are_told_in_two_units(span, told):
    """As people say them."""
    assert words.length(span) == told


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--incident", "abcd", "--model", "m"], "--incident names one incident"),
        (["--model", "m"], "a period needs --model and --since"),
        (["--since", "2026-01-01"], "a period needs --model and --since"),
        (["--model", "m", "--since", "2026-02-01", "--until", "2026-01-01"], "the period ends before it begins"),
    ],
)
def test_a_request_that_makes_no_sense_is_refused(arguments, said):
    """One clear line, and exit code 2, before anything is read."""
    done = CliRunner().invoke(main, ["report", *arguments])
    assert done.exit_code == 2
    assert said in done.output


def test_without_the_extra_it_says_what_to_install(monkeypatch, tmp_path, capsys):
    """One clear line and exit code 2, and no file."""
    monkeypatch.setitem(sys.modules, "vl_convert", None)
    monkeypatch.delitem(sys.modules, scripts.__name__)
    monkeypatch.delattr(report, "scripts")
    with pytest.raises(SystemExit) as caught:
        commands.write(reporting.incident({}), tmp_path / "page.html")
    assert caught.value.code == 2
    assert capsys.readouterr().err == "driftline: report needs `pip install 'driftline[report]'`\n"
    assert not (tmp_path / "page.html").exists()
