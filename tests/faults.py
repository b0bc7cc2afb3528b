"""A proxy before Elasticsearch that does to requests what networks and overloaded clusters do to them."""

from __future__ import annotations

import http.client
import http.server
import socket
import struct
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from enum import Enum
from typing import Any
from urllib.parse import urlsplit

from serving import serving


class Fault(Enum):
    """What happens to a request."""

    NONE = "it is passed on"
    RESET = "the connection is reset before it is passed on"
    UNANSWERED = "it is passed on, and the connection reset instead of the answer"
    HALF = "it is passed on, and the answer is cut in half"
    OVERLOADED = "it is answered with 429"
    UNAVAILABLE = "it is answered with 503"
    SLOW = "it is passed on after half a second"


REFUSALS = {Fault.OVERLOADED: 429, Fault.UNAVAILABLE: 503}
USUAL = {"content-type": "application/json", "x-elastic-product": "Elasticsearch"}
Choose = Callable[[int], Fault]


class Proxy(http.server.ThreadingHTTPServer):
    """Passes requests on, as far as it is not told otherwise.

    Attributes:
        choose: Says what happens to the request of this number, from 1.
        requests: How many there were.
        suffered: How often each fault happened.
    """

    daemon_threads = True

    def __init__(self, target: str) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.target = urlsplit(target)
        self.choose: Choose = lambda _: Fault.NONE
        self.requests = 0
        self.suffered: dict[Fault, int] = {}
        self.guard = threading.Lock()

    @property
    def url(self) -> str:
        """Where it answers."""
        return f"http://127.0.0.1:{self.server_port}"

    def next(self) -> Fault:
        """What happens now."""
        with self.guard:
            self.requests += 1
            fault = self.choose(self.requests)
            self.suffered[fault] = self.suffered.get(fault, 0) + 1
            return fault

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A connection that breaks is what this is for."""


class Handler(http.server.BaseHTTPRequestHandler):
    """Passes one request on."""

    protocol_version = "HTTP/1.1"
    server: Proxy

    def do_POST(self) -> None:
        """Whatever the method is."""
        body = self.rfile.read(int(self.headers.get("content-length") or 0))
        fault = self.server.next()
        if fault is Fault.RESET:
            self.reset()
        elif fault in REFUSALS:
            self.answer(REFUSALS[fault], b'{"error":{"reason":"told to"},"status":%d}' % REFUSALS[fault], {})
        else:
            self.forward(body, fault)

    do_GET = do_HEAD = do_PUT = do_DELETE = do_POST

    def forward(self, body: bytes, fault: Fault) -> None:
        """Ask Elasticsearch, and answer as well as the fault allows."""
        if fault is Fault.SLOW:
            time.sleep(0.5)
        target = self.server.target
        connection = http.client.HTTPConnection(str(target.hostname), target.port, timeout=60)
        try:
            headers = {name: value for name, value in self.headers.items() if name.lower() != "host"}
            connection.request(self.command, self.path, body or None, headers)
            response = connection.getresponse()
            content, answered = response.read(), dict(response.getheaders())
        except OSError:
            self.reset()
            return
        finally:
            connection.close()
        if fault is Fault.UNANSWERED:
            self.reset()
            return
        kept = {name.lower(): value for name, value in answered.items() if name.lower() in USUAL}
        self.answer(response.status, content, kept, half=fault is Fault.HALF)

    def answer(self, status: int, content: bytes, headers: dict[str, str], *, half: bool = False) -> None:
        """Answer, or begin to."""
        self.send_response(status)
        for name, value in (USUAL | headers).items():
            self.send_header(name, value)
        self.send_header("content-length", str(len(content)))
        self.end_headers()
        self.wfile.write(content[: len(content) // 2] if half else b"" if self.command == "HEAD" else content)
        if half:
            self.reset()

    def reset(self) -> None:
        """End the connection the hard way: the other side gets RST, not FIN."""
        self.close_connection = True
        self.wfile.flush()
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.connection.close()

    def log_message(self, *_: Any) -> None:
        """Stay quiet."""


@contextmanager
def proxy(target: str) -> Iterator[Proxy]:
    """A running proxy."""
    with serving(Proxy(target)) as running:
        yield running
