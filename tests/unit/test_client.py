"""The way to Elasticsearch: where it is, who we are there, and what went wrong in plain words."""

from __future__ import annotations

import pytest
from elastic_transport import ApiResponseMeta, HttpHeaders, NodeConfig
from elasticsearch import ApiError, ConnectionTimeout
from elasticsearch import ConnectionError as NoConnection

from driftline.ingest.client import AddressError, connect, explain, url_of

VARIABLES = ("URL", "API_KEY", "USERNAME", "PASSWORD", "CA_CERTS")


@pytest.fixture(autouse=True)
def _environment(monkeypatch):
    for name in VARIABLES:
        monkeypatch.delenv(f"ELASTICSEARCH_{name}", raising=False)


def refusal(status: int, body: object) -> ApiError:
    """An answer that is an error."""
    node = NodeConfig("http", "es", 9200)
    return ApiError(str(body), ApiResponseMeta(status, "1.1", HttpHeaders(), 0.1, node), body)


def test_the_address_given_wins_over_that_of_the_environment(monkeypatch):
    """Without either it is the local one."""
    assert url_of() == "http://127.0.0.1:9200"
    monkeypatch.setenv("ELASTICSEARCH_URL", "http://there:9200")
    assert url_of() == "http://there:9200"
    assert url_of("http://here:1") == "http://here:1"


@pytest.mark.parametrize(
    ("url", "node"),
    [
        ("http://es", "http://es:9200"),
        ("https://es", "https://es:443"),
        ("https://es:9243/path", "https://es:9243/path"),
    ],
)
def test_a_port_that_is_left_out_is_that_of_its_scheme(url, node):
    """The client itself demands one."""
    with connect(url) as client:
        assert [found.base_url for found in client.transport.node_pool.all()] == [node]


@pytest.mark.parametrize("url", ["nonsense", "ftp://es", "http://", "9200"])
def test_an_address_that_is_none_is_told(url):
    """With what is allowed."""
    with pytest.raises(AddressError, match="as the address of Elasticsearch, allowed: http://host:port"):
        connect(url)


def test_credentials_come_from_the_environment(monkeypatch):
    """A key wins over a name and a password."""
    monkeypatch.setenv("ELASTICSEARCH_USERNAME", "ann")
    monkeypatch.setenv("ELASTICSEARCH_PASSWORD", "secret")
    with connect("http://es:1") as client:
        assert client._headers["authorization"].startswith("Basic ")
    monkeypatch.setenv("ELASTICSEARCH_API_KEY", "a2V5")
    with connect("http://es:1") as client:
        assert client._headers["authorization"] == "ApiKey a2V5"


@pytest.mark.parametrize(
    ("error", "text"),
    [
        (
            NoConnection("HTTPConnection(host='es', port=9200): Failed to resolve 'es'\nmore"),
            "cannot be reached: Failed to resolve 'es'; `driftline status` tells more",
        ),
        (ConnectionTimeout("late"), "did not answer in time; it may be overloaded"),
        (refusal(401, {}), "refuses the credentials (HTTP 401): set ELASTICSEARCH_API_KEY, or"),
        (
            refusal(403, {"error": {"root_cause": [{"reason": "action [x] is unauthorized"}]}}),
            "does not allow this (HTTP 403): action [x] is unauthorized; the folder index-templates/roles lists",
        ),
        (refusal(500, {"error": {"reason": "broken"}}), "answered HTTP 500: broken"),
        (refusal(502, "<html>"), "answered HTTP 502: <html>"),
        (refusal(400, {"error": "plain"}), "answered HTTP 400: plain"),
        (KeyError(), "KeyError"),
    ],
)
def test_what_went_wrong_is_one_line_with_the_address_and_what_to_do(error, text):
    """No reader needs to know the client library."""
    line = explain(error, "http://es:9200")
    assert line.startswith("Elasticsearch at http://es:9200 ")
    assert text in line
    assert "\n" not in line


def test_an_error_tells_no_password():
    """Errors go to logs, and to whoever looks at the pages."""
    line = explain(NoConnection("refused"), "https://elastic:geheim@es:9200/path")
    assert "geheim" not in line
    assert line.startswith("Elasticsearch at https://es:9200/path cannot be reached")
