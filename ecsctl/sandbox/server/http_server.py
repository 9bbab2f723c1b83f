"""The HTTP server: threads, connections that stay open, one packet an answer.

AWS clients reuse their connections; werkzeug's own server closes each after one answer, which costs every call a new
connection and a thread.
"""

from __future__ import annotations

import contextlib
import io
import sys
from collections.abc import Callable, Iterable
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import unquote

Application = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]
IDLE_SECONDS = 60
LONGEST_BODY = 64 * 1024 * 1024
WITHOUT_BODY = (204, 304)


class AnswerLostError(Exception):
    """Raised by the application: the connection is to be closed without an answer."""


class Httpd(ThreadingHTTPServer):
    """Serves a WSGI application on one address.

    Raises:
        OSError: the port is taken.
    """

    daemon_threads = True
    request_queue_size = 256
    # Another process that listens there already must be noticed, also where the system would let both.
    allow_reuse_address = sys.platform != "win32"

    def __init__(self, host: str, port: int, application: Application) -> None:
        self.application = application
        super().__init__((host, port), Handler)

    def server_bind(self) -> None:
        # HTTPServer's own looks the host's name up, which can take seconds.
        import socketserver

        socketserver.TCPServer.server_bind(self)
        self.server_name, self.server_port = str(self.server_address[0]), int(self.server_address[1])

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that goes away in the middle is nothing to report."""
        if not isinstance(sys.exc_info()[1], (ConnectionError, TimeoutError)):
            super().handle_error(request, client_address)


class Handler(BaseHTTPRequestHandler):
    """One connection."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    timeout = IDLE_SECONDS
    server: Httpd

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
        return

    def _answer(self) -> None:
        body = self._body()
        if body is None:
            self.send_error(400, "the request's length is wrong")
            self.close_connection = True
            return
        started: dict[str, Any] = {}

        def start_response(status: str, headers: list[tuple[str, str]], exc_info: Any = None) -> None:
            started.update(status=status, headers=headers)

        try:
            chunks = self.server.application(self._environ(body), start_response)
        except AnswerLostError:
            self.close_connection = True
            return
        try:
            content = b"".join(chunks)
        finally:
            with contextlib.suppress(AttributeError):
                chunks.close()  # type: ignore[attr-defined]
        self._send(started["status"], started["headers"], content)

    def _send(self, status: str, headers: list[tuple[str, str]], content: bytes) -> None:
        code = int(status.split(" ", 1)[0])
        lines = [f"HTTP/1.1 {status}"]
        named = {name.lower() for name, _ in headers}
        length = "content-length" in named
        lines += [f"{name}: {value}" for name, value in headers]
        if "date" not in named:
            lines.append(f"Date: {formatdate(usegmt=True)}")
        if not length and code not in WITHOUT_BODY:
            lines.append(f"Content-Length: {len(content)}")
        if self.close_connection:
            lines.append("Connection: close")
        head = ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1", "replace")
        self.wfile.write(head if self.command == "HEAD" or code in WITHOUT_BODY else head + content)

    def __getattr__(self, name: str) -> Any:
        # BaseHTTPRequestHandler looks for do_GET and its like: AWS's services tell methods apart themselves.
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
        if not 0 <= length <= LONGEST_BODY:
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
            if size < 0 or total > LONGEST_BODY:
                return None
            if size == 0:
                while self.rfile.readline(65536) not in (b"\r\n", b"\n", b""):
                    pass
                return b"".join(parts)
            parts.append(self.rfile.read(size))
            self.rfile.readline(8)

    def _environ(self, body: bytes) -> dict[str, Any]:
        path, _, query = self.path.partition("?")
        if "://" in path:
            path = "/" + path.split("://", 1)[1].partition("/")[2]
        environ: dict[str, Any] = {
            "REQUEST_METHOD": self.command,
            "SCRIPT_NAME": "",
            "PATH_INFO": unquote(path, "latin-1"),
            "QUERY_STRING": query,
            "RAW_URI": self.path,
            "REQUEST_URI": self.path,
            "SERVER_NAME": self.server.server_name,
            "SERVER_PORT": str(self.server.server_port),
            "SERVER_PROTOCOL": self.request_version,
            "REMOTE_ADDR": self.client_address[0],
            "wsgi.version": (1, 0),
            "wsgi.url_scheme": "http",
            "wsgi.input": io.BytesIO(body),
            "wsgi.errors": sys.stderr,
            "wsgi.multithread": True,
            "wsgi.multiprocess": False,
            "wsgi.run_once": False,
            "CONTENT_LENGTH": str(len(body)),
        }
        for name, value in self.headers.items():
            key = name.upper().replace("-", "_")
            if key == "CONTENT_TYPE":
                environ[key] = value
            elif key not in ("CONTENT_LENGTH", "TRANSFER_ENCODING"):
                known = environ.get(f"HTTP_{key}")
                environ[f"HTTP_{key}"] = f"{known},{value}" if known else value
        return environ
