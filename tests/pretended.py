"""A pretended Elasticsearch, which fails in every way that it is told to."""

from __future__ import annotations

import http.server
import json
import socket
import threading
from collections.abc import Callable
from typing import Any


class Server(http.server.ThreadingHTTPServer):
    """A pretended Elasticsearch: stores what it takes, and answers as it is told to."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.stored: dict[str, dict[str, Any]] = {}
        self.attempts = 0
        self.ready = True
        self.guard = threading.Lock()
        self.arrive: Callable[[int], object] = lambda _: None
        self.behave: Callable[[int, list[dict[str, Any]]], tuple[int, list[dict[str, Any]] | None]] | None = None

    @property
    def url(self) -> str:
        """Where it answers."""
        return f"http://127.0.0.1:{self.server_port}"

    def store(self, identity: str, document: dict[str, Any]) -> dict[str, Any]:
        """One item of a bulk answer, as Elasticsearch's `create` gives it."""
        if identity in self.stored:
            return {"status": 409, "error": {"type": "version_conflict_engine_exception", "reason": "exists"}}
        self.stored[identity] = document
        return {"status": 201}


class Handler(http.server.BaseHTTPRequestHandler):
    """Answers `_bulk`."""

    protocol_version = "HTTP/1.1"
    server: Server

    def do_PUT(self) -> None:
        """Take a bulk request."""
        body = self.rfile.read(int(self.headers["content-length"])).splitlines()
        pairs = [(json.loads(a)["create"], json.loads(d)) for a, d in zip(body[::2], body[1::2], strict=True)]
        self.server.arrive(len(pairs))
        with self.server.guard:
            self.server.attempts += 1
            status, items = 200, None
            if self.server.behave:
                status, items = self.server.behave(self.server.attempts, pairs)
            if status == 0:
                self.close_connection = True
                self.connection.shutdown(socket.SHUT_RDWR)
                return
            if status == 200 and items is None:
                items = [self.server.store(action["_id"], document) for action, document in pairs]
        answer = {"error": {"reason": "no"}, "status": status}
        if status == 200:
            answer = {"errors": any("error" in i for i in items), "items": [{"create": i} for i in items]}
        self.answer(status, answer)

    def answer(self, status: int, answer: Any) -> None:
        """Answer as Elasticsearch does."""
        content = b"" if self.command == "HEAD" else json.dumps(answer).encode()
        self.send_response(status)
        self.send_header("X-Elastic-Product", "Elasticsearch")
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    do_POST = do_PUT

    def do_HEAD(self) -> None:
        """Whether Driftline is set up."""
        self.answer(200 if self.server.ready else 404, {})

    def do_GET(self) -> None:
        """Which cluster it is."""
        self.answer(200, {"cluster_uuid": "pretended"})

    def log_message(self, *_: Any) -> None:
        """Stay quiet."""
