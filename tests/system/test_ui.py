"""The pages over a real Elasticsearch, asked for by a client and looked at in a real Chromium."""

from __future__ import annotations

import html
import json
import re
import uuid
from urllib.parse import quote_plus

import browsing
import httpx
import paged
import pytest
from click.testing import CliRunner

from driftline.analyzers.alerts import people
from driftline.analyzers.cluster import Cluster
from driftline.cli import main
from driftline.ingest.streams import Streams

NAME = html.escape(paged.MODEL)
TRANSFERRED = "performance.getEntriesByType('resource').find(found => found.name.includes('/assets/')).transferSize"
OF_MODEL = f"/model?name={quote_plus(paged.MODEL)}"


@pytest.fixture(scope="module")
def cluster(client, elasticsearch_url):
    """A cluster that holds a model that goes wrong in the end."""
    found = Cluster(client, Streams(f"t{uuid.uuid4().hex[:12]}"))
    paged.build(found, elasticsearch_url)
    yield found
    for index in (found.streams.profiles, found.streams.metrics, found.streams.alerts):
        client.indices.delete(index=index, ignore_unavailable=True)


@pytest.fixture(scope="module")
def address(cluster, elasticsearch_url):
    """Where its pages are."""
    with paged.served(cluster.streams.namespace, elasticsearch_url) as found:
        yield found


@pytest.fixture(scope="module")
def incident(cluster):
    """The worst incident."""
    return people.incidents(cluster, None, None, over=True)[0][0]


@pytest.fixture(scope="module")
def browser():
    """A browser."""
    with browsing.running(browsing.program()) as found:
        yield found


@pytest.fixture(scope="module")
def pages(incident):
    """A path of each kind of page, and what is in it."""
    return {
        "/": NAME,
        OF_MODEL: "Which features moved",
        f"{OF_MODEL}&size=1d&since=2024-01-20": "ROC-AUC",
        f"{OF_MODEL}&size=1d&segment=region%3Dsouth": "Metrics of region=south",
        f"/incident/{incident.id}": "Who was told",
        "/predictions?q=evaluation.correct:+false": "1 to 25 of",
        "/prediction?id=binary-2-7": "binary-2-7",
    }


def ask(address, path):
    """A page that must be there."""
    answer = httpx.get(address + path, timeout=60)
    assert answer.status_code == 200, answer.text
    return answer.text


def rows(text, caption):
    """The rows of the table with a caption: texts of the cells."""
    (table,) = (t for t in re.findall(r"<table>.*?</table>", text, re.DOTALL) if caption in t)
    found = re.findall(r"<tr>(.*?)</tr>", table, re.DOTALL)[1:]
    return [
        [re.sub(r"<[^>]+>", "", cell).strip() for cell in re.findall(r"<t[hd][^>]*>(.*?)</t[hd]>", row, re.DOTALL)]
        for row in found
    ]


# What they say


def test_the_fleet_names_the_model_in_trouble(address, cluster, incident):
    """With its incidents, and the traffic that it had."""
    text = ask(address, "/?days=30")
    ((name, status, opened, alarms, traffic, _, _),) = rows(text, "Models from")
    assert (name, status) == (NAME, incident.severity.value)
    assert f"{incident.severity.value}" in opened
    firing = list(cluster.alerting("driftline.alert", {"term": {"alert.state": "firing"}}))
    assert int(alarms) == len(firing) > 0
    assert float(traffic) == pytest.approx(paged.ROWS, rel=0.01)
    assert f"/incident/{incident.id}" in text


def test_the_model_page_says_what_the_monitoring_index_says(address, cluster):
    """The newest window of a metric, its interval and verdict are those of `driftline metrics`."""
    text = ask(address, f"{OF_MODEL}&size=1d")
    command = ["metrics", "--namespace", cluster.streams.namespace, "--measure", "roc_auc", "--window", "1d"]
    output = CliRunner().invoke(main, [*command, "--segment", "none", "--json"]).stdout
    stored = [json.loads(line) for line in output.splitlines()]
    metric = stored[-1]["metric"]
    window, value, interval, status = rows(text, "<caption>ROC-AUC,")[0]
    assert (window, status) == (stored[-1]["window"]["start"][:10], metric["status"].replace("_", " "))
    assert float(value) == pytest.approx(metric["value"], rel=1e-3)
    assert [float(end) for end in interval.split(" to ")] == pytest.approx([metric["lower"], metric["upper"]], rel=1e-3)
    assert len(rows(text, "<caption>ROC-AUC,")) == len(stored)


def test_a_segment_is_shown_alone(address, cluster):
    """Its metrics are those of `driftline metrics --segment`, and the page leads to its predictions and no others."""
    text = ask(address, f"{OF_MODEL}&size=1d&segment=region%3Dnorth")
    command = ["metrics", "--namespace", cluster.streams.namespace, "--measure", "roc_auc", "--window", "1d"]
    output = CliRunner().invoke(main, [*command, "--segment", "region=north", "--json"]).stdout
    stored = [json.loads(line)["metric"]["value"] for line in output.splitlines()]
    found = [float(row[1]) for row in rows(text, "<caption>ROC-AUC,")]
    assert len(found) > 20
    assert found == pytest.approx(stored[::-1], rel=1e-3)
    assert found != [float(row[1]) for row in rows(ask(address, f"{OF_MODEL}&size=1d"), "<caption>ROC-AUC,")]
    (there,) = re.findall(r'href="(/predictions[^"]+)"', text)
    regions = {row[-1] for row in rows(ask(address, html.unescape(there)), "predictions")}
    assert regions == {"region=north"}


def test_a_segment_that_there_is_not_is_said(address):
    """With those that there are."""
    answer = httpx.get(f"{address}{OF_MODEL}&segment=region%3Dwest", timeout=60)
    assert answer.status_code == 400
    assert "allowed: all predictions, region=north, region=south" in html.unescape(answer.text)


def test_the_feature_that_moved_comes_first(address):
    """`amount` was shifted, and its worst window is after the change; the change and the objective are named."""
    text = ask(address, f"{OF_MODEL}&size=1d")
    first = rows(text, "Features by")[0]
    assert first[0] == "amount"
    assert first[4] >= "2024-01-25"
    assert rows(text, "What changed")[0][:2] == ["2024-01-25", "a form without &lt;i&gt;age&lt;/i&gt;"]
    assert rows(text, "What is promised")[0][0] == "right"


def test_a_period_shows_what_lies_in_it(address):
    """Before the trouble there is none."""
    text = ask(address, f"{OF_MODEL}&size=1d&since=2024-01-16&until=2024-01-20")
    assert len(rows(text, "<caption>ROC-AUC,")) == 4
    assert "None in the period" in text


def test_search_finds_what_the_command_finds(address, cluster):
    """The same predictions in the same order, page by page."""
    query = "evaluation.correct: false and segments.region: north"
    arguments = ["predictions", query, "--namespace", cluster.streams.namespace, "--limit", "50", "--json"]
    wanted = [json.loads(line)["_id"] for line in CliRunner().invoke(main, arguments).stdout.splitlines()]
    path = f"/predictions?q={quote_plus(query)}"
    found = [row[0] for page in (1, 2) for row in rows(ask(address, f"{path}&page={page}"), "predictions")]
    assert found == wanted


def test_one_prediction_is_shown_with_its_outcome_and_its_time(address, incident):
    """What was reported of it, and the incident that was on."""
    text = ask(address, "/prediction?id=binary-2-1000")
    assert dict(rows(text, "Features"))["colour"] in ("red", "green", "blue", "pink")
    assert incident.id in text
    assert "a form without &lt;i&gt;age" in text


def test_a_word_for_a_number_is_a_wrong_question(address):
    """Elasticsearch's own reason, beside the field."""
    answer = httpx.get(f"{address}/predictions?q=prediction.score+>+abc")
    assert answer.status_code == 400
    assert "abc" in re.search(r'id="q-error">(.*?)</pre>', answer.text, re.DOTALL)[1]


# How they look and feel


@pytest.mark.parametrize("number", range(6))
@pytest.mark.parametrize(("width", "scheme"), [(1280, "light"), (360, "dark")])
def test_pages_in_a_browser(browser, address, pages, number, width, scheme):
    """No error, nothing from elsewhere, nothing beside the screen, nobody kept out; wide and narrow, light and dark."""
    path, text = list(pages.items())[number]
    with browsing.visit(browser, address + path, width, scheme) as found:
        assert text in found.page.content()
        for place in found.page.locator("[data-chart]").all():
            place.and_(found.page.locator("[data-drawn]")).wait_for(state="attached")
        assert found.said == []
        assert {request.split("/")[2] for request in found.requests} == {address.split("/")[2]}
        assert found.overflow() <= 0
        assert found.violations() == []
        ground = found.page.evaluate("getComputedStyle(document.body).backgroundColor")
        assert ground == ("rgb(255, 255, 255)" if scheme == "light" else "rgb(17, 21, 28)")


def test_what_keeps_people_out_would_be_found(browser, address):
    """The check can fail: text that is too pale, and a field without a name."""
    with browsing.visit(browser, f"{address}/predictions") as found:
        found.page.locator("label").first.evaluate("label => label.remove()")
        found.page.locator(".kicker").evaluate("place => place.style.setProperty('color', '#999')")
        assert {rule for rule, *_ in found.violations()} >= {"color-contrast"}


def test_everything_can_be_done_with_keys(browser, address):
    """Past the navigation, into the question, to an answer, and to one prediction."""
    with browsing.visit(browser, f"{address}/predictions") as found:
        assert found.reach(1) == ["A Skip to the content"]
        found.page.keyboard.press("Enter")
        assert found.page.evaluate("document.activeElement.id") == "main"
        assert found.reach(1) == ["INPUT "]
        found.page.keyboard.type("event.id: binary-2-1000")
        found.page.keyboard.press("Enter")
        found.page.wait_for_url("**q=event.id*")
        link = found.page.get_by_role("link", name="binary-2-1000")
        link.focus()
        found.page.keyboard.press("Enter")
        found.page.wait_for_url("**/prediction?id=binary-2-1000")
        assert found.page.locator("h1").inner_text() == "binary-2-1000"


def test_the_way_from_the_fleet_to_an_incident_and_back(browser, address):
    """By links alone: model, incident, model again."""
    with browsing.visit(browser, address) as found:
        found.page.get_by_role("link", name=paged.MODEL).first.click()
        assert found.page.locator("h1").inner_text() == paged.MODEL
        found.page.get_by_role("region", name="Table: Incidents").get_by_role("link").first.click()
        found.page.wait_for_url("**/incident/*")
        found.page.get_by_role("link", name=f"Model {paged.MODEL}").click()
        assert found.page.locator("h1").inner_text() == paged.MODEL


def test_the_script_of_charts_is_fetched_once(browser, address, pages):
    """The second incident that one looks at takes it from the browser."""
    (path,) = (path for path in pages if path.startswith("/incident/"))
    with browsing.visit(browser, address + path) as found:
        assert found.page.evaluate(TRANSFERRED) > 100_000
        found.page.goto(f"{address}/")
        found.page.goto(address + path)
        assert found.page.evaluate(TRANSFERRED) == 0
