"""The balancers' listeners: TCP forwarders that take turns over the healthy targets, a connection at a time."""

from __future__ import annotations

import contextlib
import select
import socket
import threading
from collections.abc import Callable, Sequence

CONNECT_SECONDS = 2.0
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

    Raises:
        OSError: the port cannot be had.
    """

    def __init__(self, address: str, port: int, targets: Callable[[], Sequence[tuple[str, int]]], *, web: bool) -> None:
        self._targets = targets
        self._web = web
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
            threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        with client, contextlib.suppress(OSError):
            server = self._connect()
            if server is None:
                if self._web:
                    client.settimeout(CONNECT_SECONDS)
                    with contextlib.suppress(OSError):
                        client.recv(BUFFER)
                    client.sendall(UNAVAILABLE)
                return
            with server:
                pump(client, server)

    def _connect(self) -> socket.socket | None:
        targets = list(self._targets())
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


def pump(client: socket.socket, server: socket.socket) -> None:
    """Carry bytes both ways until both sides have ended."""
    peers = {client: server, server: client}
    open_ = {client, server}
    while open_:
        readable, _, _ = select.select(list(open_), [], [], 60)
        if not readable:
            return
        for side in readable:
            data = side.recv(BUFFER)
            if data:
                peers[side].sendall(data)
                continue
            open_.discard(side)
            with contextlib.suppress(OSError):
                peers[side].shutdown(socket.SHUT_WR)
