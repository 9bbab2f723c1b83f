"""Connections to a port of this machine, carried to a port of a task."""

from __future__ import annotations

import contextlib
import queue
import socket
import threading
from collections.abc import Callable

from ecsctl.actions.session_client import messages
from ecsctl.actions.session_client.channel import Channel, Socket
from ecsctl.actions.session_client.mux import FIN, PSH, SYN, Demux, frames
from ecsctl.errors import EcsctlError

READ_BYTES = 32768
# So many pieces of a connection wait for a slow reader here before all wait.
WAITING = 256


class Forwarding:
    """Carries every connection that a listener accepts.

    Args:
        listener: bound and listening.
        report: called for each connection that fails.
    """

    def __init__(
        self, opened: Socket, secret: str, listener: socket.socket, report: Callable[[str], None] = lambda line: None
    ) -> None:
        self._listener = listener
        self._report = report
        self._sending = threading.Lock()
        self._guard = threading.Lock()
        self._streams: dict[int, queue.Queue[bytes | None]] = {}
        self._next = 1
        self._demux = Demux(self._frame)
        self.channel = Channel(opened, secret, self._take)

    def run(self) -> None:
        """Carry connections until the session ends.

        Raises:
            EcsctlError: the channel was lost.
        """
        threading.Thread(target=self._accept, name="accept", daemon=True).start()
        try:
            self.channel.run()
        finally:
            self._listener.close()
            with self._guard:
                waiting, self._streams = list(self._streams.values()), {}
            for one in waiting:
                one.put(None)

    def end(self) -> None:
        """End the session, from another thread or a signal."""
        with contextlib.suppress(EcsctlError):
            self.channel.flag(messages.TERMINATE)
        self.channel.close()

    def _accept(self) -> None:
        self.channel.ready.wait()
        while not self.channel.closed:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            with self._guard:
                # The client's streams have odd numbers.
                self._next += 2
                number = self._next
                waiting = self._streams[number] = queue.Queue(WAITING)
            try:
                self._send(SYN, number)
            except EcsctlError:
                connection.close()
                return
            for work in (self._outwards, self._inwards):
                threading.Thread(target=work, args=(number, connection, waiting), daemon=True).start()

    def _send(self, command: int, number: int, data: bytes = b"") -> None:
        with self._sending:
            self.channel.send(b"".join(frames(command, number, data)))

    def _outwards(self, number: int, connection: socket.socket, waiting: queue.Queue[bytes | None]) -> None:
        try:
            while data := connection.recv(READ_BYTES):
                self._send(PSH, number, data)
        except OSError:
            pass
        except EcsctlError:
            return
        with contextlib.suppress(EcsctlError):
            self._send(FIN, number)

    def _inwards(self, number: int, connection: socket.socket, waiting: queue.Queue[bytes | None]) -> None:
        try:
            while (data := waiting.get()) is not None:
                connection.sendall(data)
            connection.shutdown(socket.SHUT_WR)
        except OSError:
            pass
        finally:
            with self._guard:
                self._streams.pop(number, None)
            # What still comes for it goes nowhere; what it still has to say is read by the other thread to its end.
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RD) if connection.fileno() >= 0 else None

    def _take(self, kind: int, payload: bytes) -> None:
        if kind == messages.FLAG and int.from_bytes(payload, "big") == messages.CONNECT_ERROR:
            self._report("a connection was refused: nothing answers at that port there")
        elif kind == messages.DATA:
            self._demux.feed(payload)

    def _frame(self, command: int, number: int, data: bytes) -> None:
        with self._guard:
            waiting = self._streams.get(number)
        if waiting is None:
            return
        if command == PSH:
            waiting.put(data)
        elif command == FIN:
            waiting.put(None)
