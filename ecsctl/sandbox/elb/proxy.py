"""The balancers' listeners: forwarders that take turns over the healthy targets.

A listener of an application balancer reads each request's head and decides by its rules; others forward connections.
"""

from __future__ import annotations

import contextlib
import select
import socket
import ssl
import threading
from collections.abc import Callable, Sequence

from ecsctl.sandbox.elb.listener_rules import Request, parse_head

Targets = Sequence[tuple[str, int]]

CONNECT_SECONDS = 2.0
# How long a client may take for the head of its request, and how long that may be.
HEAD_SECONDS = 60.0
HEAD_BYTES = 65536
BUFFER = 65536
UNAVAILABLE = (
    b"HTTP/1.1 503 Service Unavailable: Back-end server is at capacity\r\n"
    b"Content-Length: 0\r\nConnection: close\r\n\r\n"
)


class Forwarder:
    """Listens on one address and forwards each connection to the next of its targets.

    Args:
        targets: gives the (address, port) of the healthy targets at this moment.
        web: whether a client without a target hears an HTTP 503 (else its connection is closed).
        tls: gives the context that ends TLS here; None: the listener speaks plainly.

    Raises:
        OSError: the port cannot be had.
    """

    def __init__(
        self,
        address: str,
        port: int,
        targets: Callable[[], Targets],
        *,
        web: bool,
        tls: Callable[[], ssl.SSLContext | None] = lambda: None,
    ) -> None:
        self._targets = targets
        self._web = web
        self._tls = tls
        self._turn = 0
        self._closed = False
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        try:
            self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            self._socket.bind((address, port))
            self._socket.listen(128)
        except OSError:
            self._socket.close()
            raise
        self.port = int(self._socket.getsockname()[1])
        threading.Thread(target=self._accept, name=f"balancer {address}:{port}", daemon=True).start()

    def close(self) -> None:
        """Listen no more; connections that are open end by themselves."""
        self._closed = True
        # A close alone does not wake a thread that waits in accept.
        with contextlib.suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()

    def _accept(self) -> None:
        while not self._closed:
            try:
                client, _ = self._socket.accept()
            except OSError:
                return
            threading.Thread(target=self._admit, args=(client,), daemon=True).start()

    def _admit(self, client: socket.socket) -> None:
        with contextlib.suppress(OSError):
            context = self._tls()
            if context is not None:
                client.settimeout(HEAD_SECONDS)
                client = context.wrap_socket(client, server_side=True)
                client.settimeout(None)
            self._serve(client)

    def _serve(self, client: socket.socket) -> None:
        with client, contextlib.suppress(OSError):
            server = self._connect(self._targets())
            if server is None:
                if self._web:
                    client.settimeout(CONNECT_SECONDS)
                    with contextlib.suppress(OSError):
                        client.recv(BUFFER)
                    client.sendall(UNAVAILABLE)
                return
            with server:
                pump(client, server)

    def _connect(self, found: Targets) -> socket.socket | None:
        targets = list(found)
        for offset in range(len(targets)):
            address, port = targets[(self._turn + offset) % len(targets)]
            try:
                server = socket.create_connection((address, port), CONNECT_SECONDS)
            except OSError:
                continue
            self._turn += offset + 1
            server.settimeout(None)
            return server
        return None


class HttpForwarder(Forwarder):
    """A listener that decides by each request: its own answer (bytes), or the targets that take it in turns.

    Every request has a connection of its own: clients are told so, and open the next one.

    Args:
        decide: gives the answer, or the (address, port) of the healthy targets.
    """

    def __init__(
        self,
        address: str,
        port: int,
        decide: Callable[[Request], bytes | Targets],
        *,
        scheme: str,
        tls: Callable[[], ssl.SSLContext | None] = lambda: None,
    ) -> None:
        self._decide = decide
        self._scheme = scheme
        super().__init__(address, port, lambda: (), web=True, tls=tls)

    def _serve(self, client: socket.socket) -> None:
        with client, contextlib.suppress(OSError):
            client.settimeout(HEAD_SECONDS)
            head, rest = _read_head(client)
            request = parse_head(head, client.getpeername()[0])
            if request is None:
                return
            decided = self._decide(request)
            if isinstance(decided, bytes):
                client.sendall(decided)
                return
            server = self._connect(decided)
            if server is None:
                client.sendall(UNAVAILABLE)
                return
            client.settimeout(None)
            with server:
                server.sendall(self._forwarded(head, request) + rest)
                single = "upgrade" not in request.headers
                pump(client, server, _LastAnswer().feed if single else lambda data: data)

    def _forwarded(self, head: bytes, request: Request) -> bytes:
        """The head as the target gets it: who asked, how, and that no other request follows."""
        lines = head.rstrip(b"\r\n").split(b"\r\n")
        single = "upgrade" not in request.headers
        dropped = {b"x-forwarded-for", b"x-forwarded-proto", b"x-forwarded-port"}
        dropped |= {b"connection", b"keep-alive"} if single else set()
        kept = [lines[0], *(line for line in lines[1:] if line.partition(b":")[0].strip().lower() not in dropped)]
        kept += [b"Connection: close"] if single else []
        told = request.headers.get("x-forwarded-for")
        source = f"{told}, {request.source}" if told else request.source
        kept.append(f"X-Forwarded-For: {source}".encode("latin-1"))
        kept.append(f"X-Forwarded-Proto: {self._scheme}".encode())
        kept.append(f"X-Forwarded-Port: {self.port}".encode())
        return b"\r\n".join(kept) + b"\r\n\r\n"


def _read_head(client: socket.socket) -> tuple[bytes, bytes]:
    """A request's head with the empty line, and what came after it already; empty where none came."""
    data = b""
    while b"\r\n\r\n" not in data and len(data) < HEAD_BYTES:
        more = client.recv(BUFFER)
        if not more:
            return b"", b""
        data += more
    head, end, rest = data.partition(b"\r\n\r\n")
    return head + end, rest


class _LastAnswer:
    """Tells the client in the head of the answer that the connection ends with it: it would send another request."""

    def __init__(self) -> None:
        self._head: bytes | None = b""

    def feed(self, data: bytes) -> bytes:
        """The bytes for the client, of those that come of the target."""
        if self._head is None:
            return data
        self._head += data
        head, end, rest = self._head.partition(b"\r\n\r\n")
        if not end and len(self._head) < HEAD_BYTES:
            return b""
        if head.split(b" ")[1:2] == [b"100"]:
            self._head = b""
            return head + end + self.feed(rest)
        self._head = None
        lines = [line for line in head.split(b"\r\n") if not line.lower().startswith((b"connection:", b"keep-alive:"))]
        return b"\r\n".join([*lines, b"Connection: close"]) + end + rest


def pump(client: socket.socket, server: socket.socket, answer: Callable[[bytes], bytes] = lambda data: data) -> None:
    """Carry bytes both ways until both sides have ended; over TLS until the server has.

    Args:
        answer: makes what the client gets of what the server sends.
    """
    peers = {client: server, server: client}
    open_ = {client, server}
    while open_:
        # What TLS has decrypted already, no select tells of.
        waiting = [side for side in open_ if isinstance(side, ssl.SSLSocket) and side.pending()]
        readable = waiting or select.select(list(open_), [], [], 60)[0]
        if not readable:
            return
        for side in readable:
            data = side.recv(BUFFER)
            if data:
                peers[side].sendall(answer(data) if side is server else data)
                continue
            open_.discard(side)
            if isinstance(peers[side], ssl.SSLSocket):
                return
            with contextlib.suppress(OSError):
                peers[side].shutdown(socket.SHUT_WR)
