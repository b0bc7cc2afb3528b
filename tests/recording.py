"""A proxy in front of a real Elasticsearch that keeps what passes through it."""

from __future__ import annotations

import http.client
import http.server
import urllib.parse
import zlib
from typing import Any

NOT_PASSED_ON = {"transfer-encoding", "connection", "content-length"}


class Proxy(http.server.ThreadingHTTPServer):
    """Passes requests on and keeps their addresses and bodies."""

    daemon_threads = True

    def __init__(self, target: str, port: int = 0) -> None:
        super().__init__(("127.0.0.1", port), Handler)
        parts = urllib.parse.urlsplit(target)
        self.target = (str(parts.hostname), int(parts.port or 80))
        self.requests: list[bytes] = []

    @property
    def url(self) -> str:
        """Where it answers."""
        return f"http://127.0.0.1:{self.server_port}"


class Handler(http.server.BaseHTTPRequestHandler):
    """Passes one request on."""

    protocol_version = "HTTP/1.1"
    server: Proxy

    def do_GET(self) -> None:
        """Any request."""
        body = self.rfile.read(int(self.headers.get("content-length", 0)))
        plain = zlib.decompress(body, zlib.MAX_WBITS | 16) if self.headers.get("content-encoding") == "gzip" else body
        self.server.requests.append(self.path.encode() + b"\n" + plain)
        connection = http.client.HTTPConnection(*self.server.target, timeout=60)
        connection.request(self.command, self.path, body, dict(self.headers))
        answer = connection.getresponse()
        content = answer.read()
        connection.close()
        self.send_response(answer.status)
        for name, value in answer.getheaders():
            if name.lower() not in NOT_PASSED_ON:
                self.send_header(name, value)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    do_POST = do_PUT = do_HEAD = do_GET

    def log_message(self, *_: Any) -> None:
        """Stay quiet."""
