"""What the page server answers, without an Elasticsearch behind it: statuses, headers, and text that stays text."""

from __future__ import annotations

import socket
import sys

import pytest
from click.testing import CliRunner
from elasticsearch import BadRequestError
from elasticsearch import ConnectionError as NoConnection

from driftline.analyzers.ui import app, guard
from driftline.cli import main
from driftline.ingest.streams import Streams

LIBRARY = "/* draws */"
NASTY = "<script>alert(1)</script>"
PATHS = ["/", "/model?name=m", "/incident/abcd", "/predictions", "/prediction?id=p", "/assets/charts-0.js", "/nowhere"]


class Pretended:
    """A cluster that answers as it is told to; every index is empty at first."""

    url = "http://127.0.0.1:9200"

    def __init__(self):
        self.streams = Streams("shop")
        self.documents = []
        self.error = None
        self.bodies = []

    def search(self, index, body):
        """One search."""
        self.bodies.append((index, body))
        if self.error:
            raise self.error
        found = [{"_source": document} for document in self.documents if index == self.streams.predictions]
        return {"hits": {"total": {"value": len(found)}, "hits": found}}

    def search_many(self, index, bodies):
        """Several."""
        return [self.search(index, body) for body in bodies]

    def count_predictions(self, body):
        """One of the predictions."""
        return self.search(self.streams.predictions, body)

    def alerting(self, *_):
        """No alert."""
        self.search(self.streams.alerts, {})
        return iter(())


@pytest.fixture
def cluster():
    """One that is empty."""
    return Pretended()


@pytest.fixture
def browser(cluster):
    """What asks the server."""
    return app.create(app.Pages(cluster, LIBRARY)).test_client()


def named(identity):
    """A prediction."""
    return {
        "@timestamp": "2026-02-02T00:00:00.000Z",
        "event": {"id": identity},
        "model": {"name": identity, "version": identity},
        "prediction": {"label": identity},
        "features": {identity: identity},
    }


def test_an_empty_namespace_says_what_to_do(browser):
    """The first page of somebody who has just begun."""
    answer = browser.get("/")
    assert answer.status_code == 200
    assert "driftline analyze" in answer.text


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("/model?name=nobody", "There is no model"),
        ("/model", "There is no model"),
        ("/incident/abcdef", "is none"),
        ("/incident/a", "allowed: an id"),
        ("/prediction?id=nothing", "There is no prediction"),
        ("/nowhere", "Not Found"),
        ("/assets/charts-0000000000000000.js", "There is no script"),
    ],
)
def test_what_there_is_not_is_a_page_that_says_so(browser, path, text):
    """With status 404, and a way back."""
    answer = browser.get(path)
    assert answer.status_code == 404
    assert text in answer.text
    assert 'href="/"' in answer.text


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("method", ["post", "put", "delete", "patch", "options"])
def test_nothing_can_be_written(browser, cluster, path, method):
    """Only GET is answered, and no other request reaches the cluster."""
    answer = getattr(browser, method)(path)
    assert answer.status_code == (404 if path == "/nowhere" else 405)
    assert cluster.bodies == []


@pytest.mark.parametrize("path", PATHS)
def test_every_answer_says_what_browsers_may_do_with_it(browser, path):
    """Errors included: no script of elsewhere, no frame, no guessing, no address told to others."""
    answer = browser.get(path)
    assert guard.COMMON.items() <= dict(answer.headers).items()
    policy = answer.headers["Content-Security-Policy"]
    assert "frame-ancestors 'none'" in policy
    assert "default-src 'none'" in policy
    assert "http" not in policy
    assert answer.headers["Cache-Control"] == "no-store"


def test_pages_are_not_for_another_name(browser, cluster):
    """A page of elsewhere whose name leads here gets nothing to read."""
    answer = browser.get("/", headers={"Host": "evil.example:8077"})
    assert answer.status_code == 400
    assert cluster.bodies == []
    assert browser.get("/", headers={"Host": "127.0.0.1:8077"}).status_code == 200


def test_the_name_that_was_asked_for_is_ours(cluster):
    """`--host` may say a name, too."""
    there = app.create(app.Pages(cluster, LIBRARY), {"dash.example"}).test_client()
    assert there.get("/", headers={"Host": "Dash.example:80"}).status_code == 200


def test_the_script_may_be_kept_for_ever(browser, cluster):
    """Its name changes with its text, and nothing else is under that name."""
    address = app.Pages(cluster, LIBRARY).script
    answer = browser.get(address)
    assert (answer.status_code, answer.text, answer.headers["Cache-Control"]) == (200, LIBRARY, app.FOR_EVER)
    assert answer.headers["Content-Type"].startswith("text/javascript")
    assert app.Pages(cluster, LIBRARY + " ").script != address


def test_names_and_values_are_text(browser, cluster):
    """Whatever a service logs, a page shows it and a browser does not run it."""
    cluster.documents = [named(NASTY)]
    for path in (f"/prediction?id={NASTY}", "/predictions", f"/model?name={NASTY}", f"/predictions?q={NASTY}"):
        text = browser.get(path).text
        assert "&lt;script&gt;" in text
        assert "<script>" not in text
    assert 'href="/prediction?id=%3Cscript%3Ealert%281%29%3C%2Fscript%3E"' in browser.get("/predictions").text


@pytest.mark.parametrize(
    ("query", "name", "text"),
    [
        ("q=late", "q", "the query cannot be read here"),
        ("since=yesterday", "since", "allowed: an ISO 8601 date"),
        ("since=2026-02-01&until=2026-01-01", "until", "a time after the beginning"),
    ],
)
def test_a_wrong_question_is_answered_beside_its_field(browser, cluster, query, name, text):
    """With status 400, what was asked still in place, and no search made."""
    answer = browser.get(f"/predictions?{query}")
    assert answer.status_code == 400
    assert f'id="{name}-error"' in answer.text
    assert f'aria-describedby="{name}-error"' in answer.text
    assert text in answer.text
    assert cluster.bodies == []


@pytest.mark.parametrize("query", ["sort=nothing", "page=0", "page=401"])
def test_what_no_form_sends_is_refused_all_the_same(browser, query):
    """With what is allowed."""
    answer = browser.get(f"/predictions?{query}")
    assert answer.status_code == 400
    assert "allowed: " in answer.text


def test_a_query_that_elasticsearch_refuses_is_a_wrong_question(browser, cluster):
    """It can be read, and still compares a number with a word."""
    cause = {"error": {"root_cause": [{"reason": "failed to create query: For input string"}]}}
    cluster.error = BadRequestError("no", type("Meta", (), {"status": 400})(), cause)
    answer = browser.get("/predictions?q=prediction.score>abc")
    assert answer.status_code == 400
    assert "For input string" in answer.text


def test_pages_come_back_with_elasticsearch(browser, cluster):
    """While it is away each page says so, with a link to try again; then all is as before."""
    cluster.error = NoConnection("refused")
    for path in PATHS[:5]:
        answer = browser.get(path)
        assert answer.status_code == 503
        assert "cannot be reached" in answer.text
        assert "Try again" in answer.text
        assert answer.headers["Retry-After"]
    assert 'href="/model?name=m"' in browser.get("/model?name=m").text
    cluster.error = None
    assert browser.get("/").status_code == 200


def test_an_error_of_ours_is_a_page_without_its_inside(cluster):
    """Nobody reads a traceback in the browser."""
    cluster.error = RuntimeError("secret")
    answer = app.create(app.Pages(cluster, LIBRARY)).test_client().get("/")
    assert answer.status_code == 500
    assert "secret" not in answer.text
    assert guard.COMMON.items() <= dict(answer.headers).items()


def test_searches_are_of_one_page(browser, cluster):
    """Whatever there is, and wherever one has turned to."""
    browser.get("/predictions?page=3")
    ((_, body),) = cluster.bodies
    assert (body["from"], body["size"]) == (50, 25)


# The command


def test_a_busy_port_is_one_clear_line(monkeypatch):
    """Which says what else to choose."""
    monkeypatch.setattr("driftline.analyzers.report.scripts.library", lambda: LIBRARY)
    with socket.socket() as busy:
        busy.bind(("127.0.0.1", 0))
        busy.listen()
        port = busy.getsockname()[1]
        result = CliRunner().invoke(main, ["ui", "--port", str(port)])
    assert result.exit_code == 1
    assert result.stderr.startswith(f"driftline: 127.0.0.1 port {port}: ")
    assert "--port" in result.stderr
    assert len(result.stderr.splitlines()) == 1


@pytest.mark.parametrize("host", ["127.0.0.1", "0.0.0.0"])
def test_it_says_where_it_is_and_who_may_read(monkeypatch, host):
    """A server for others has no login, and says that."""
    monkeypatch.setattr("driftline.analyzers.report.scripts.library", lambda: LIBRARY)
    monkeypatch.setattr("waitress.server.TcpWSGIServer.run", lambda _: None)
    opened = []
    monkeypatch.setattr("webbrowser.open", opened.append)
    result = CliRunner().invoke(main, ["ui", "--host", host, "--port", "0", "--open"])
    assert result.exit_code == 0, result.output
    assert result.stdout.startswith(f"http://{host}:")
    assert opened == [result.stdout.split(" ")[0]]
    assert ("no login" in result.stderr) is (host == "0.0.0.0")


def test_without_the_extra_it_says_what_to_install(monkeypatch):
    """The pages are a part that not everybody needs."""
    monkeypatch.setitem(sys.modules, "flask", None)
    monkeypatch.delitem(sys.modules, "driftline.analyzers.ui.app", raising=False)
    result = CliRunner().invoke(main, ["ui", "--port", "0"])
    assert result.exit_code == 2
    assert "pip install 'driftline[ui]'" in result.stderr
