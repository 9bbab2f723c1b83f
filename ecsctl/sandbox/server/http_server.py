"""The HTTP server: a thread per connection, connections that stay open, one packet per answer.

AWS clients reuse their connections; werkzeug's own server closes each after one answer, which costs every call a new
connection and a thread.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from email.utils import formatdate
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from ecsctl.sandbox.http.request import Answer, Request, parse

Application = Callable[[Request], "Answer | None"]
"""Answers a request; None closes the connection without an answer."""

IDLE_SECONDS = 60
MAX_BODY_BYTES = 64 * 1024 * 1024
WITHOUT_BODY = (204, 304)


class HttpServer(ThreadingHTTPServer):
    """Serves an application on one address.

    Args:
        region: of requests whose signature names none.
        now: the time of its answers, in seconds of the epoch.

    Raises:
        OSError: the port is taken.
    """

    daemon_threads = True
    request_queue_size = 256
    # Another process that listens there already must be noticed, also where the system would let both.
    allow_reuse_address = sys.platform != "win32"

    def __init__(
        self, host: str, port: int, application: Application, region: str, now: Callable[[], float] = time.time
    ) -> None:
        self.application = application
        self.region = region
        self.now = now
        super().__init__((host, port), Handler)

    def server_bind(self) -> None:
        # HTTPServer's own looks the host's name up, which can take seconds.
        import socketserver

        socketserver.TCPServer.server_bind(self)
        self.server_name, self.server_port = str(self.server_address[0]), int(self.server_address[1])

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Log an error, unless it is a client that went away in the middle."""
        if not isinstance(sys.exc_info()[1], (ConnectionError, TimeoutError)):
            super().handle_error(request, client_address)


class Handler(BaseHTTPRequestHandler):
    """One connection."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    timeout = IDLE_SECONDS
    server: HttpServer

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
        return

    def _answer(self) -> None:
        body = self._body()
        if body is None:
            self.send_error(400, "the length of the request's body is invalid")
            self.close_connection = True
            return
        request = parse(self.command, self.path, self._headers(), body, self.client_address[0], self.server.region)
        answer = self.server.application(request)
        if answer is None:
            self.close_connection = True
            return
        self._send(*answer)

    def _headers(self) -> dict[str, str]:
        headers: dict[str, str] = {}
        for name, value in self.headers.items():
            known = headers.get(name.lower())
            headers[name.lower()] = f"{known},{value}" if known else value
        return headers

    def _send(self, status: int, headers: dict[str, str], content: bytes) -> None:
        try:
            phrase = HTTPStatus(status).phrase
        except ValueError:
            phrase = "Unknown"
        named = {name.lower() for name in headers}
        lines = [f"HTTP/1.1 {status} {phrase}", *(f"{name}: {value}" for name, value in headers.items())]
        if "date" not in named:
            lines.append(f"Date: {formatdate(self.server.now(), usegmt=True)}")
        if "content-length" not in named and status not in WITHOUT_BODY:
            lines.append(f"Content-Length: {len(content)}")
        if self.close_connection:
            lines.append("Connection: close")
        head = ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1", "replace")
        self.wfile.write(head if self.command == "HEAD" or status in WITHOUT_BODY else head + content)

    def __getattr__(self, name: str) -> Any:
        # BaseHTTPRequestHandler looks for do_GET and its like; every method gets the same treatment here.
        if name.startswith("do_"):
            return self._answer
        raise AttributeError(name)

    def _body(self) -> bytes | None:
        if "chunked" in self.headers.get("Transfer-Encoding", "").lower():
            return self._chunks()
        try:
            length = int(self.headers.get("Content-Length") or 0)
        except ValueError:
            return None
        if not 0 <= length <= MAX_BODY_BYTES:
            return None
        return self.rfile.read(length) if length else b""

    def _chunks(self) -> bytes | None:
        parts: list[bytes] = []
        total = 0
        while True:
            try:
                size = int(self.rfile.readline(64).split(b";")[0], 16)
            except ValueError:
                return None
            total += size
            if size < 0 or total > MAX_BODY_BYTES:
                return None
            if size == 0:
                while self.rfile.readline(65536) not in (b"\r\n", b"\n", b""):
                    pass
                return b"".join(parts)
            parts.append(self.rfile.read(size))
            self.rfile.readline(8)
