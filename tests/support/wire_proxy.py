"""A proxy between ecsctl and an endpoint that breaks answers on the wire, below botocore, so that its own retries run.

``with wire_proxy(sandbox.endpoint) as wire`` gives an endpoint of its own (``wire.url``), which passes requests on to
the sandbox or any other emulator. ``wire.fault("DescribeClusters", CUT)`` breaks its answers from then on, or the
next ``count`` of them, after ``skip`` good ones. ``wire.operations`` has what was asked, ``wire.passed`` what reached
the endpoint, in order.
"""

from __future__ import annotations

import fnmatch
import http.client
import json
import re
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

HTML = b"<html>\n<head><title>502 Bad Gateway</title></head>\n<body>The proxy has a bad day.</body>\n</html>\n"
XHTML = (
    b'<?xml version="1.0" encoding="UTF-8"?>\n<!DOCTYPE html PUBLIC "-//W3C//DTD XHTML 1.0 Strict//EN" "x.dtd">\n'
    b'<html xmlns="http://www.w3.org/1999/xhtml"><head><title>Login</title></head><body><p>Sign in</p></body></html>'
)
HOP_BY_HOP = {"connection", "transfer-encoding", "content-length", "keep-alive", "server"}
# Operations of protocols that name them in the path alone.
IN_PATH = re.compile(r"/operation/(\w+)$")


@dataclass(frozen=True)
class Answer:
    """An answer of HTTP: ``cut`` closes the connection before the whole of it is sent."""

    status: int
    headers: dict[str, str]
    body: bytes
    cut: bool = False


@dataclass(frozen=True)
class Request:
    """A request as it came: ``protocol`` is ``json``, ``query`` or ``cbor``."""

    operation: str
    protocol: str
    headers: dict[str, str]
    body: bytes


# What a fault makes of a request: it may have it passed on, and gives an answer, or None to drop the connection.
Effect = Callable[[Request, Callable[[], Answer]], "Answer | None"]


def _page(body: bytes, status: int = 200, kind: str = "text/html") -> Effect:
    return lambda request, pass_on: Answer(status, {"Content-Type": kind}, body)


def _changed(change: Callable[[Answer], Answer | None]) -> Effect:
    return lambda request, pass_on: change(pass_on())


def _half(answer: Answer) -> Answer:
    return Answer(answer.status, answer.headers, answer.body[: len(answer.body) // 2])


def _cbor_text(text: str) -> bytes:
    length = len(text.encode())
    return (bytes([0x60 + length]) if length < 24 else bytes([0x78, length])) + text.encode()


def _refusal(code: str, message: str, status: int) -> Effect:
    def refuse(request: Request, pass_on: Callable[[], Answer]) -> Answer:
        if request.protocol == "json":
            body = json.dumps({"__type": code, "message": message}).encode()
            return Answer(status, {"Content-Type": "application/x-amz-json-1.1"}, body)
        if request.protocol == "cbor":
            told = b"\xa2" + b"".join(map(_cbor_text, ("__type", code, "message", message)))
            return Answer(status, {"Content-Type": "application/cbor", "smithy-protocol": "rpc-v2-cbor"}, told)
        error = f"<Code>{code}</Code><Message>{message}</Message>"
        text = f"<Response><Errors><Error>{error}</Error></Errors><RequestID>r</RequestID></Response>"
        if b"Version=2016-11-15" not in request.body:
            text = f"<ErrorResponse><Error><Type>Sender</Type>{error}</Error><RequestId>r</RequestId></ErrorResponse>"
        return Answer(status, {"Content-Type": "text/xml"}, text.encode())

    return refuse


# The endpoint has done it, and the answer is …
CUT: Effect = _changed(lambda answer: Answer(answer.status, answer.headers, answer.body, cut=True))
HALF: Effect = _changed(_half)
EMPTY: Effect = _changed(lambda answer: Answer(answer.status, answer.headers, b""))
LOST: Effect = _changed(lambda answer: None)
# The endpoint has not heard of it, and the answer is …
DROPPED: Effect = lambda request, pass_on: None  # noqa: E731
PAGE: Effect = _page(HTML)
XHTML_PAGE: Effect = _page(XHTML, kind="application/xhtml+xml")
NOTHING: Effect = _page(b"", kind="text/plain")
OBJECT: Effect = _page(b"{}", kind="application/x-amz-json-1.1")
OTHER_OBJECT: Effect = _page(b'{"error": "not found", "status": 404}', kind="application/json")
LIST: Effect = _page(b"[]", kind="application/json")
THROTTLED: Effect = _refusal("ThrottlingException", "Rate exceeded", 400)
UNAVAILABLE: Effect = _refusal("ServiceUnavailable", "Service is unable to handle request.", 503)
INTERNAL_ERROR: Effect = _refusal("InternalFailure", "An internal error occurred.", 500)

# An HTTP 200 that is no answer of the operation.
NO_ANSWERS: dict[str, Effect] = {
    "half": HALF,
    "empty": EMPTY,
    "page": PAGE,
    "xhtml": XHTML_PAGE,
    "nothing": NOTHING,
    "object": OBJECT,
    "other-object": OTHER_OBJECT,
    "list": LIST,
}


def page(status: int, body: bytes) -> Effect:
    """An effect: somebody else answers with a page, and the request goes nowhere."""
    return _page(body, status)


def refused(code: str, message: str = "refused by the test", status: int = 400) -> Effect:
    """An effect: the service refuses the request, in its own protocol, without doing it."""
    return _refusal(code, message, status)


@dataclass
class Fault:
    """An effect on operations of a pattern (``Describe*``): on the next ``count`` of them, after ``skip`` others."""

    pattern: str
    effect: Effect
    count: int | None = None
    skip: int = 0
    hits: int = field(default=0, compare=False)

    def takes(self, operation: str) -> bool:
        """Whether this request is for it; counts."""
        if not fnmatch.fnmatchcase(operation, self.pattern) or self.count == 0:
            return False
        if self.skip:
            self.skip -= 1
            return False
        if self.count is not None:
            self.count -= 1
        self.hits += 1
        return True


class WireProxy:
    """See the module. ``faults`` are tried in order; the first that takes a request has it."""

    def __init__(self, upstream: str) -> None:
        self.upstream = urlsplit(upstream)
        self.faults: list[Fault] = []
        self.operations: list[str] = []
        self.passed: list[str] = []
        self.url = ""
        self._lock = threading.Lock()

    def fault(self, pattern: str, effect: Effect, *, count: int | None = None, skip: int = 0) -> Fault:
        """Break operations of that pattern; the fault says how often it has done so (``hits``)."""
        made = Fault(pattern, effect, count, skip)
        with self._lock:
            self.faults.append(made)
        return made

    def heal(self) -> None:
        """Pass everything on again, and forget what was asked."""
        with self._lock:
            self.faults.clear()
            self.operations.clear()
            self.passed.clear()

    def answer(self, path: str, request: Request) -> Answer | None:
        """The answer to a request, or None to drop its connection."""

        def pass_on() -> Answer:
            with self._lock:
                self.passed.append(request.operation)
            return self._ask(path, request)

        with self._lock:
            self.operations.append(request.operation)
            fault = next((fault for fault in self.faults if fault.takes(request.operation)), None)
        return fault.effect(request, pass_on) if fault else pass_on()

    def _ask(self, path: str, request: Request) -> Answer:
        connection = http.client.HTTPConnection(self.upstream.hostname or "", self.upstream.port, timeout=120)
        headers = {name: value for name, value in request.headers.items() if name.lower() not in HOP_BY_HOP}
        connection.request("POST", path, request.body, headers)
        response = connection.getresponse()
        body = response.read()
        connection.close()
        kept = {name: value for name, value in response.headers.items() if name.lower() not in HOP_BY_HOP}
        return Answer(response.status, kept, body)


def _request(path: str, headers: dict[str, str], body: bytes) -> Request:
    target = next((value for name, value in headers.items() if name.lower() == "x-amz-target"), None)
    if target:
        return Request(target.rpartition(".")[2], "json", headers, body)
    named = IN_PATH.search(path)
    if named:
        return Request(named[1], "cbor", headers, body)
    return Request(parse_qs(body.decode()).get("Action", [path])[0], "query", headers, body)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    proxy: WireProxy

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        request = _request(self.path, dict(self.headers.items()), body)
        answer = self.proxy.answer(self.path, request)
        if answer is None:
            self.close_connection = True
            with suppress(OSError):
                self.connection.shutdown(socket.SHUT_RDWR)
            return
        self.send_response_only(answer.status)
        for name, value in answer.headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(answer.body)))
        self.end_headers()
        with suppress(OSError):
            self.wfile.write(answer.body[: len(answer.body) // 2] if answer.cut else answer.body)
        if answer.cut:
            self.close_connection = True

    def log_message(self, *told: Any) -> None:
        return


@contextmanager
def wire_proxy(upstream: str) -> Iterator[WireProxy]:
    """A proxy before the endpoint ``upstream``, on a free port of loopback."""
    proxy = WireProxy(upstream)
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("Bound", (_Handler,), {"proxy": proxy}))
    server.daemon_threads = True
    proxy.url = f"http://127.0.0.1:{server.server_port}"
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    try:
        yield proxy
    finally:
        server.shutdown()
        server.server_close()
