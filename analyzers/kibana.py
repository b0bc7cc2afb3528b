"""Kibana over HTTP: rules and connectors are put where they differ, saved objects are imported."""

from __future__ import annotations

import http.client
import os
import urllib.error
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import IO, Any
from urllib.parse import quote, urlsplit

import orjson

from .settings import ConfigError
from .setup import Action, SetupError

TIMEOUT = 60.0
_ANSWERS = {"GET": 404, "POST": 409, "PUT": 404}
"""The refusal that is an answer: there is none, or there is one already."""
_MADE_ONCE = {"rules": ("rule_type_id", "consumer"), "connectors": ("connector_type_id",)}
"""What an update may not name."""
_NOT_SHOWN = ("secrets", "artifacts")
"""What Kibana never gives back: no secrets are ours, and of artifacts the tags hold a digest."""
_PATHS = {"rules": "alerting/rule", "connectors": "actions/connector"}
_IMPORT = "saved_objects/_import?overwrite=true"
_BOUNDARY = "driftline-saved-objects"


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

    def import_objects(self, content: bytes) -> dict[str, Action]:
        """Import saved objects, in place of those that have their ids; all of them or none.

        Args:
            content: The objects, one a line.

        Returns:
            What was done, by type and id.

        Raises:
            SetupError: Kibana does not answer, refuses the file, or objects in it.
        """
        head = f'--{_BOUNDARY}\r\nContent-Disposition: form-data; name="file"; filename="driftline.ndjson"\r\n'
        data = (
            f"{head}Content-Type: application/ndjson\r\n\r\n".encode() + content + f"\r\n--{_BOUNDARY}--\r\n".encode()
        )
        answer = self._send("POST", _IMPORT, data, f"multipart/form-data; boundary={_BOUNDARY}")
        # It answers 200 also when it took nothing.
        if not answer or answer.get("success") is not True:
            errors = (answer or {}).get("errors") or [{}]
            msg = f"Kibana refuses saved objects: {'; '.join(map(_refusal, errors))}"
            raise SetupError(msg)
        return {
            f"{item['type']}/{item['id']}": Action.UPDATED if item.get("overwrite") else Action.CREATED
            for item in answer.get("successResults", ())
        }

    def _request(self, method: str, path: str, body: Mapping[str, Any] | None = None) -> Any:
        """The answer; None where there is no such thing, or where it is there already."""
        return self._send(method, path, orjson.dumps(body) if body is not None else None, "application/json")

    def _send(self, method: str, path: str, data: bytes | None, content_type: str) -> Any:
        space = f"/s/{quote(self.space, safe='')}" if self.space else ""
        headers = {"kbn-xsrf": "driftline", "content-type": content_type}
        if self.key:
            headers["authorization"] = f"ApiKey {self.key}"
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


def holds(stored: Any, wanted: Any) -> bool:
    """Whether all that is wanted is stored; a server adds defaults and ids of its own, in objects and not in lists."""
    if isinstance(wanted, Mapping):
        return isinstance(stored, Mapping) and all(
            key in stored and holds(stored[key], value) for key, value in wanted.items()
        )
    if isinstance(wanted, list):
        return isinstance(stored, list) and len(stored) == len(wanted) and all(map(holds, stored, wanted))
    return bool(stored == wanted)


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


def _refusal(error: Mapping[str, Any]) -> str:
    """Which object was refused, and why."""
    reason = error.get("error") or {}
    missing = ", ".join(f"{item['type']}/{item['id']}" for item in reason.get("references", ()))
    said = " ".join(filter(None, (reason.get("type", "no reason given"), missing, reason.get("message"))))
    title = (error.get("meta") or {}).get("title")
    named = f"{error.get('type', '?')}/{error.get('id', '?')}" + (f" ({title})" if title else "")
    return f"{named}: {said}"


def _reason(error: urllib.error.HTTPError) -> str:
    try:
        return str(orjson.loads(error.read())["message"])
    except (OSError, ValueError, KeyError, TypeError):
        return error.reason or "no reason given"
