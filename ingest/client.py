"""The way to Elasticsearch, and plain words for what goes wrong on it."""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from elasticsearch import ApiError, Elasticsearch

DEFAULT_URL = "http://127.0.0.1:9200"


class AddressError(ValueError):
    """The address of Elasticsearch is none; the text names it and what is allowed."""


def url_of(url: str | None = None) -> str:
    """The address that is used: the one given, else `ELASTICSEARCH_URL`, else the local one."""
    return url or os.environ.get("ELASTICSEARCH_URL") or DEFAULT_URL


def is_loopback(url: str | None = None) -> bool:
    """Whether Elasticsearch is on this very machine."""
    from urllib.parse import urlsplit  # noqa: PLC0415 (as in connect)

    host = urlsplit(url_of(url)).hostname or ""
    return host in ("localhost", "::1") or host.startswith("127.")


def connect(url: str | None = None, **options: Any) -> Elasticsearch:
    """A client for the cluster.

    Credentials come from `ELASTICSEARCH_API_KEY`, or `ELASTICSEARCH_USERNAME` and `ELASTICSEARCH_PASSWORD`; the
    certificates of a private authority from `ELASTICSEARCH_CA_CERTS`.

    Args:
        url: Where it is; see `url_of`.
        options: Further arguments of `elasticsearch.Elasticsearch`, which win.

    Raises:
        AddressError: The address is none.
    """
    # Imported here, so that a service that logs to its standard output never loads it.
    from elasticsearch import Elasticsearch, OrjsonSerializer  # noqa: PLC0415

    settings: dict[str, Any] = {
        "request_timeout": 60,
        "retry_on_timeout": True,
        "max_retries": 3,
        "serializers": {"application/json": OrjsonSerializer()},
    }
    if key := os.environ.get("ELASTICSEARCH_API_KEY"):
        settings["api_key"] = key
    elif user := os.environ.get("ELASTICSEARCH_USERNAME"):
        settings["basic_auth"] = (user, os.environ.get("ELASTICSEARCH_PASSWORD", ""))
    if authority := os.environ.get("ELASTICSEARCH_CA_CERTS"):
        settings["ca_certs"] = authority
    return Elasticsearch(_with_port(url_of(url)), **settings | options)


def _with_port(url: str) -> str:
    """The address with the port that its scheme implies, which the client demands."""
    from urllib.parse import urlsplit  # noqa: PLC0415

    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        msg = f"got {url!r} as the address of Elasticsearch, allowed: http://host:port or https://host:port"
        raise AddressError(msg)
    if parts.port is None:
        default = 443 if parts.scheme == "https" else 9200
        return parts._replace(netloc=f"{parts.netloc}:{default}").geturl()
    return url


def explain(error: Exception, url: str | None = None) -> str:
    """One line on what went wrong between here and Elasticsearch, and what to do about it."""
    from elasticsearch import ApiError, ConnectionTimeout  # noqa: PLC0415
    from elasticsearch import ConnectionError as NoConnection  # noqa: PLC0415

    where = _without_password(url_of(url))
    if isinstance(error, ConnectionTimeout):
        text = "did not answer in time; it may be overloaded: try again, or look at its log"
    elif isinstance(error, NoConnection):
        text = f"cannot be reached: {_first_line(error)}; `driftline status` tells more"
    elif isinstance(error, ApiError):
        text = _STATUS.get(error.status_code, "answered HTTP {status}: {reason}").format(
            status=error.status_code, reason=reason(error)
        )
    else:
        text = _first_line(error)
    return f"Elasticsearch at {where} {text}"


def _without_password(url: str) -> str:
    """The address without the name and password that may stand in it: what is said here goes to logs and pages."""
    from urllib.parse import urlsplit  # noqa: PLC0415 (as in connect)

    parts = urlsplit(url)
    return parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl()


_STATUS = {
    401: "refuses the credentials (HTTP 401): set ELASTICSEARCH_API_KEY, or ELASTICSEARCH_USERNAME and _PASSWORD",
    403: "does not allow this (HTTP 403): {reason}; the folder index-templates/roles lists what is needed",
}


def reason(error: ApiError) -> str:
    """Why Elasticsearch refused a request, in its own words."""
    body = error.body if isinstance(error.body, dict) else {}
    cause = body.get("error", {})
    if isinstance(cause, dict):
        roots = cause.get("root_cause") or [cause]
        return str(roots[0].get("reason") or cause.get("reason") or error.message)
    return str(cause or error.message)


def _first_line(error: Exception) -> str:
    lines = str(getattr(error, "message", error)).splitlines()
    # The address is said already, and more readably.
    return re.sub(r"^HTTPS?Connection\(.*?\): ", "", lines[0]) if lines else type(error).__name__
