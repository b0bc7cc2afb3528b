"""Install rules and connectors in Kibana, and watches in Elasticsearch: what is missing or differs, nothing else."""

from __future__ import annotations

import hashlib
import http.client
import os
import urllib.error
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import IO, TYPE_CHECKING, Any
from urllib.parse import quote, urlsplit

import orjson
from elasticsearch import NotFoundError

from ...settings import ConfigError
from ...setup import Action, SetupError
from .files import Exported

if TYPE_CHECKING:
    from elasticsearch import Elasticsearch

TIMEOUT = 60.0
_ANSWERS = {"GET": 404, "POST": 409, "PUT": 404}
"""The refusal that is an answer: there is none, or there is one already."""
_MADE_ONCE = {"rules": ("rule_type_id", "consumer"), "connectors": ("connector_type_id",)}
"""What an update may not name."""
_NOT_SHOWN = ("secrets", "artifacts")
"""What Kibana never gives back: no secrets are ours, and of artifacts the tags hold a digest."""
_PATHS = {"rules": "alerting/rule", "connectors": "actions/connector"}


@dataclass(frozen=True, slots=True)
class Kibana:
    """A Kibana.

    Attributes:
        url: Its address, without a slash in the end.
        space: The space in it; None: the default one.
        key: An API key; None: it asks for none.
    """

    url: str
    space: str | None = None
    key: str | None = field(default=None, repr=False)

    @classmethod
    def found(cls, url: str | None = None, space: str | None = None) -> Kibana | None:
        """The Kibana at an address, else at `KIBANA_URL`, with the key in `KIBANA_API_KEY`; None without an address.

        Raises:
            ConfigError: It is no address, or the key is none.
        """
        address, key = url or os.environ.get("KIBANA_URL"), os.environ.get("KIBANA_API_KEY", "").strip()
        if not address:
            return None
        # Secrets are not shown, since that is what logs keep.
        if "@" in address:
            msg = "the address of Kibana holds a user or a password, allowed: none; the key is in $KIBANA_API_KEY"
            raise ConfigError(msg)
        if not _is_address(address):
            msg = f"got {address!r} as the address of Kibana, allowed: http://host:port or https://host:port"
            raise ConfigError(msg)
        if not (key.isascii() and key.isprintable()):
            msg = "KIBANA_API_KEY is no key: it holds signs that a header may not"
            raise ConfigError(msg)
        return cls(address.rstrip("/"), space, key or None)

    def put(self, kind: str, identity: str, body: Mapping[str, Any]) -> Action:
        """Create a rule or a connector, or update it where it differs.

        Raises:
            SetupError: Kibana does not answer, or refuses it.
        """
        path = f"{_PATHS[kind]}/{quote(identity, safe='')}"
        stored = self._request("GET", path)
        shown = {key: value for key, value in body.items() if key not in _NOT_SHOWN}
        if stored is not None and holds(stored, shown):
            return Action.UNCHANGED
        # Somebody may have made it meanwhile; then it is there, and is updated.
        if stored is None and self._request("POST", path, body) is not None:
            return Action.CREATED
        changed = {key: value for key, value in body.items() if key not in _MADE_ONCE[kind]}
        if self._request("PUT", path, changed) is None:
            msg = f"Kibana has {kind}/{identity} in another space; delete it there, or choose that space"
            raise SetupError(msg)
        return Action.UPDATED

    def _request(self, method: str, path: str, body: Mapping[str, Any] | None = None) -> Any:
        """The answer; None where there is no such thing, or where it is there already."""
        space = f"/s/{quote(self.space, safe='')}" if self.space else ""
        headers = {"kbn-xsrf": "driftline", "content-type": "application/json"}
        if self.key:
            headers["authorization"] = f"ApiKey {self.key}"
        data = orjson.dumps(body) if body is not None else None
        address = f"{self.url}{space}/api/{path}"
        request = urllib.request.Request(address, data, headers, method=method)  # noqa: S310 (http or https, as checked)
        try:
            with urllib.request.build_opener(_NoRedirect).open(request, timeout=TIMEOUT) as answer:
                return orjson.loads(answer.read())
        except urllib.error.HTTPError as error:
            with error:
                if error.code == _ANSWERS[method]:
                    return None
                msg = f"Kibana refuses {method} {path}: {_reason(error)} (HTTP {error.code})"
        except (OSError, http.client.HTTPException, orjson.JSONDecodeError) as error:
            reason = getattr(error, "reason", None) or error
            msg = f"Kibana at {self.url} cannot be used: {reason}"
        raise SetupError(msg)


def install_rules(kibana: Kibana, made: Exported) -> dict[str, Action]:
    """Install connectors, then the rules that act by them.

    Raises:
        SetupError: Kibana does not answer, or refuses something.
    """
    wanted = (("connectors", made.connectors), ("rules", made.rules))
    return {
        f"{kind}/{identity}": kibana.put(kind, identity, body)
        for kind, bodies in wanted
        for identity, body in bodies.items()
    }


def install_watches(client: Elasticsearch, made: Exported) -> dict[str, Action]:
    """Install watches; the cluster must have Watcher."""
    return {f"watches/{identity}": _put_watch(client, identity, body) for identity, body in made.watches.items()}


def holds(stored: Any, wanted: Any) -> bool:
    """Whether all that is wanted is stored; a server adds defaults and ids of its own, in objects and not in lists."""
    if isinstance(wanted, Mapping):
        return isinstance(stored, Mapping) and all(
            key in stored and holds(stored[key], value) for key, value in wanted.items()
        )
    if isinstance(wanted, list):
        return isinstance(stored, list) and len(stored) == len(wanted) and all(map(holds, stored, wanted))
    return bool(stored == wanted)


def _put_watch(client: Elasticsearch, identity: str, body: Mapping[str, Any]) -> Action:
    # Elasticsearch gives a watch back with its defaults filled in, and its metadata as it came.
    digest = hashlib.sha256(orjson.dumps(body, option=orjson.OPT_SORT_KEYS)).hexdigest()[:16]
    try:
        stored = client.watcher.get_watch(id=identity)["watch"]
    except NotFoundError:
        stored = None
    if stored is not None and stored.get("metadata", {}).get("digest") == digest:
        return Action.UNCHANGED
    client.watcher.put_watch(id=identity, **{**body, "metadata": {**body["metadata"], "digest": digest}})
    return Action.CREATED if stored is None else Action.UPDATED


def _is_address(url: str) -> bool:
    try:
        parts = urlsplit(url)
    except ValueError:
        return False
    return parts.scheme in ("http", "https") and bool(parts.hostname)


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    """Refuses to be sent elsewhere: the key is for this address alone."""

    def redirect_request(self, req: Any, fp: IO[bytes], code: int, msg: str, headers: Any, newurl: str) -> None:
        """Go nowhere, which makes the redirection an error."""
        del req, fp, code, msg, headers, newurl


def _reason(error: urllib.error.HTTPError) -> str:
    try:
        return str(orjson.loads(error.read())["message"])
    except (OSError, ValueError, KeyError, TypeError):
        return error.reason or "no reason given"
