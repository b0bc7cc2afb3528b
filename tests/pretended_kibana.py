"""A pretended Kibana: rules, connectors and imported objects; and an Elasticsearch with Watcher, in one."""

from __future__ import annotations

import email
import email.policy
import http.server
import json
import re
from collections.abc import Iterator
from typing import Any
from urllib.parse import unquote

from driftline.analyzers.alerts.export import shapes, watch_shapes
from driftline.analyzers.settings import ConfigError

_PATH = re.compile(r"(?:/s/(?P<space>[^/]+))?/api/(?P<kind>alerting/rule|actions/connector)/(?P<id>[^/]+)")
_IMPORT = re.compile(r"(?:/s/(?P<space>[^/]+))?/api/saved_objects/_import\?overwrite=(?P<overwrite>true|false)")
_LAST_KNOWN = {"dashboard": (10, 3, 0), "search": (10, 12, 0), "index-pattern": (8, 0, 0), "tag": (8, 0, 0)}
"""The newest versions that Kibana 9.4 knows."""
_WATCH = re.compile(r"/_watcher/watch/(?P<id>[^/]+)")
_MADE_ONCE = {"alerting/rule": {"rule_type_id", "consumer", "enabled"}, "actions/connector": {"connector_type_id"}}


class Server(http.server.ThreadingHTTPServer):
    """Stores what it takes; `key` is the API key that it asks for."""

    daemon_threads = True

    def __init__(self, key: str | None = None) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.key = key
        self.stored: dict[tuple[str, str], tuple[str, dict[str, Any]]] = {}
        self.watches: dict[str, dict[str, Any]] = {}
        self.objects: dict[tuple[str, str, str], dict[str, Any]] = {}
        self.asked: list[tuple[str, str]] = []
        self.failing: tuple[int, bytes] | None = None
        self.hidden = 0

    @property
    def url(self) -> str:
        """Where it answers."""
        return f"http://127.0.0.1:{self.server_port}"

    def writes(self) -> list[str]:
        """What was asked for but reading, forgotten afterwards."""
        found = [method for method, _ in self.asked if method != "GET"]
        self.asked.clear()
        return found


def _refuse_newer(item: dict[str, Any]) -> None:
    known, given = _LAST_KNOWN.get(item["type"]), item.get("typeMigrationVersion", "0.0.0")
    if known and tuple(map(int, given.split("."))) > known:
        last = ".".join(map(str, known))
        raise Refused(
            400,
            f'Document "{item["id"]}" belongs to a more recent version of Kibana [{given}] when the last known version '
            f"is [{last}].",
        )


def _missing(sent: list[dict[str, Any]], known: set[tuple[str, str]]) -> Iterator[dict[str, Any]]:
    """Of data views and searches alone: dangling references of other types are taken in silence."""
    for item in sent:
        wanted = [(r["type"], r["id"]) for r in item["references"] if r["type"] in ("index-pattern", "search")]
        if lacking := [{"type": kind, "id": identity} for kind, identity in wanted if (kind, identity) not in known]:
            yield _error(item, {"type": "missing_references", "references": lacking})


def _error(item: dict[str, Any], error: dict[str, Any]) -> dict[str, Any]:
    return {"id": item["id"], "type": item["type"], "meta": {"title": item["attributes"].get("title")}, "error": error}


class Refused(Exception):  # noqa: N818 (it is an answer)
    """A status and why."""


class Handler(http.server.BaseHTTPRequestHandler):
    """Answers as Kibana and Elasticsearch do."""

    protocol_version = "HTTP/1.1"
    server: Server

    def do_GET(self) -> None:
        """Answer any request."""
        content = self.rfile.read(int(self.headers.get("content-length") or 0))
        self.server.asked.append((self.command, self.path))
        if self.server.failing:
            self._answer(*self.server.failing)
            return
        try:
            if watch := _WATCH.fullmatch(self.path):
                self._answer(200, self._watch(watch["id"], content))
            elif path := _IMPORT.fullmatch(self.path):
                self._authorize()
                self._answer(200, self._import(path, content))
            elif path := _PATH.fullmatch(self.path):
                self._answer(200, self._kibana(path, content))
            else:
                self._answer(404, {"message": "Not Found"})
        except Refused as refusal:
            self._answer(refusal.args[0], {"message": refusal.args[1], "statusCode": refusal.args[0]})
        except ConfigError as error:
            self._answer(400, {"message": str(error), "statusCode": 400})

    do_POST = do_PUT = do_GET

    def _authorize(self) -> None:
        if self.server.key and self.headers.get("authorization") != f"ApiKey {self.server.key}":
            raise Refused(401, "Unauthorized")
        if self.command != "GET" and "kbn-xsrf" not in self.headers:
            raise Refused(400, "Request must contain a kbn-xsrf header.")

    def _import(self, path: re.Match[str], content: bytes) -> dict[str, Any]:
        """Take all of a file or none of it; what is refused is said with status 200."""
        if self.command != "POST":
            raise Refused(404, "Not Found")
        head = f"content-type: {self.headers['content-type']}\r\n\r\n".encode()
        (part,) = email.message_from_bytes(head + content, policy=email.policy.HTTP).iter_parts()
        if part.get_param("name", header="content-disposition") != "file":
            raise Refused(400, "[request body.file]: expected value of type [Stream] but got [undefined]")
        if not (part.get_filename() or "").endswith(".ndjson"):
            raise Refused(400, f"Invalid file extension .{(part.get_filename() or '').rpartition('.')[2]}")
        sent = [json.loads(line) for line in part.get_payload(decode=True).splitlines() if line]
        for item in sent:
            _refuse_newer(item)
        space, overwrite = path["space"] or "default", path["overwrite"] == "true"
        known = {(kind, identity) for home, kind, identity in self.server.objects if home == space}
        known_or_sent = known | {(item["type"], item["id"]) for item in sent}
        errors = [
            *_missing(sent, known_or_sent),
            *(_error(o, {"type": "conflict"}) for o in sent if not overwrite and (o["type"], o["id"]) in known),
        ]
        if errors:
            return {"success": False, "successCount": 0, "errors": errors}
        results = []
        for item in sent:
            key = item["type"], item["id"]
            results.append({"type": key[0], "id": key[1], "meta": {}} | ({"overwrite": True} if key in known else {}))
            self.server.objects[(space, *key)] = item
        return {"success": True, "successCount": len(sent), "successResults": results}

    def _kibana(self, path: re.Match[str], content: bytes) -> dict[str, Any]:
        self._authorize()
        kind, identity, space = path["kind"], unquote(path["id"]), path["space"] or "default"
        # An id is given once, whatever the space.
        owner, stored = self.server.stored.get((kind, identity), (space, None))
        if self.command == "POST":
            if stored is not None:
                raise Refused(409, f"Saved object [{kind}/{identity}] conflict")
            return self._store(kind, identity, space, json.loads(content))
        if self.server.hidden:
            self.server.hidden -= 1
            stored = None
        if stored is None or owner != space:
            raise Refused(404, f"Saved object [{kind}/{identity}] not found")
        if self.command == "PUT":
            body = json.loads(content)
            if wrong := set(body) & _MADE_ONCE[kind]:
                raise Refused(400, f"[request body.{min(wrong)}]: definition for this key is missing")
            kept = {name: stored[name] for name in _MADE_ONCE[kind] if name in stored}
            return self._store(kind, identity, space, body | kept)
        return self._shown(kind, identity, stored)

    def _store(self, kind: str, identity: str, space: str, body: dict[str, Any]) -> dict[str, Any]:
        (shapes.check_rule if kind == "alerting/rule" else shapes.check_connector)(identity, body)
        self.server.stored[kind, identity] = space, body
        return self._shown(kind, identity, body)

    def _shown(self, kind: str, identity: str, body: dict[str, Any]) -> dict[str, Any]:
        """As it is given back: with defaults and ids, without secrets and artifacts."""
        hidden = ("secrets", "artifacts")
        shown = {key: value for key, value in body.items() if key not in hidden} | {"id": identity}
        if kind == "actions/connector":
            return shown | {"is_preconfigured": False, "is_deprecated": False, "is_missing_secrets": False}
        actions = [
            {**action, "uuid": f"u{number}", "connector_type_id": ".index"}
            for number, action in enumerate(body["actions"])
        ]
        return {"enabled": True, "mute_all": False, "revision": 0} | shown | {"actions": actions}

    def _watch(self, identity: str, content: bytes) -> dict[str, Any]:
        stored = self.server.watches.get(identity)
        if self.command == "GET":
            if stored is None:
                raise Refused(404, "no such watch")
            # Defaults are filled in.
            return {"found": True, "_id": identity, "watch": {**stored, "throttle_period_in_millis": 1}}
        body = json.loads(content)
        watch_shapes.check_watch(identity, body)
        self.server.watches[identity] = body
        return {"_id": identity, "created": stored is None}

    def _answer(self, status: int, answer: Any) -> None:
        content = answer if isinstance(answer, bytes) else json.dumps(answer).encode()
        self.send_response(status)
        self.send_header("X-Elastic-Product", "Elasticsearch")
        self.send_header("Content-Type", "application/json")
        if status == 302:
            self.send_header("Location", "http://127.0.0.1:9/elsewhere")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_: Any) -> None:
        """Stay quiet."""
