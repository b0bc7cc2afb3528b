"""A webhook receiver for the tests: checks signatures, keeps what it was told, and answers as it is bidden."""

from __future__ import annotations

import hmac
import http.server
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from driftline.analyzers.alerts.delivery.webhook import KEY, SIGNATURE, TIMESTAMP, signature


class Receiver(http.server.ThreadingHTTPServer):
    """Where notices are posted to."""

    daemon_threads = True

    def __init__(self, key: str) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.key = key
        self.answers: list[int] = []
        self.told: list[tuple[str, dict[str, Any]]] = []

    @property
    def url(self) -> str:
        """Where it answers; the path is a token, as with many services."""
        return f"http://127.0.0.1:{self.server_port}/canary-of-an-address"

    @property
    def keys(self) -> list[str]:
        """The idempotency keys, in order."""
        return [key for key, _ in self.told]


class Handler(http.server.BaseHTTPRequestHandler):
    """Takes one notice."""

    server: Receiver

    def do_POST(self) -> None:
        """A signature that is none is 403; then as it is bidden, else 200."""
        body = self.rfile.read(int(self.headers["Content-Length"]))
        right = signature(self.server.key, self.headers[TIMESTAMP], body)
        signed = hmac.compare_digest(right, self.headers[SIGNATURE])
        answer = self.server.answers.pop(0) if self.server.answers else 200
        if signed and answer < 300:
            self.server.told.append((self.headers[KEY], json.loads(body)))
        self.send_response(answer if signed else 403)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_: Any) -> None:
        """Stay quiet."""


@contextmanager
def receiving(key: str) -> Iterator[Receiver]:
    """A receiver that answers until the end."""
    with Receiver(key) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server
        server.shutdown()
