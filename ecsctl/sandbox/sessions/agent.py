"""The agent's end of a session: the handshake, numbered and acknowledged messages, and what runs behind them."""

from __future__ import annotations

import contextlib
import json
import logging
import socket
import struct
import threading
from collections.abc import Callable
from typing import Any, Protocol

from ecsctl.sandbox.sessions import wire

log = logging.getLogger(__name__)

# As the agent's own.
VERSION = "3.3.2299.0"
CHUNK = 1024
WINDOW = 256
MUX = struct.Struct("<BBHI")
SYN, FIN, PSH = 0, 1, 2


class Process(Protocol):
    """A command that runs with a terminal of its own."""

    def read(self) -> bytes:
        """What it writes next; nothing where it has ended."""
        ...

    def write(self, data: bytes) -> None: ...

    def resize(self, columns: int, rows: int) -> None: ...

    def close(self) -> None: ...


class Agent:
    """One session. ``opened`` is its WebSocket (of ``websockets``)."""

    def __init__(self, opened: Any, session_id: str, type_: str, properties: dict[str, Any]) -> None:
        self._socket = opened
        self._id = session_id
        self._type = type_
        self._properties = properties
        self._next = 0
        self._expected = 0
        self._early: dict[int, wire.Frame] = {}
        self._unacknowledged: set[int] = set()
        self._state = threading.Condition()
        self._handshaken = threading.Event()
        self._gone = False
        self._take: Callable[[wire.Frame], None] = lambda frame: None

    def send(self, data: bytes, kind: int = wire.DATA) -> None:
        """Send data to the client, in pieces; waits while too much is under way.

        Raises:
            ConnectionError: the client has gone.
        """
        for start in range(0, len(data), CHUNK):
            with self._state:
                while len(self._unacknowledged) >= WINDOW and not self._gone:
                    self._state.wait(1.0)
                if self._gone:
                    raise ConnectionError("the session's client has gone")
                number, self._next = self._next, self._next + 1
                self._unacknowledged.add(number)
                self._socket.send(wire.pack(wire.OUTPUT, data[start : start + CHUNK], kind, number))

    def run(self, work: Callable[[Agent], Callable[[wire.Frame], None]]) -> None:
        """Shake hands, begin ``work`` (which gives what takes the client's messages), and carry all until the end."""
        action = {
            "ActionType": "SessionType",
            "ActionParameters": {"SessionType": self._type, "Properties": self._properties},
        }
        request = {"AgentVersion": VERSION, "RequestedClientActions": [action]}
        self.send(json.dumps(request).encode(), wire.HANDSHAKE_REQUEST)
        receiver = threading.Thread(target=self._receive, name="session input", daemon=True)
        receiver.start()
        if not self._handshaken.wait(30) or self._gone:
            return
        self._take = work(self)
        self.send(json.dumps({"HandshakeTimeToComplete": 1, "CustomerMessage": ""}).encode(), wire.HANDSHAKE_COMPLETE)
        receiver.join()

    def close(self, words: str = "") -> None:
        """Tell the client that the session has ended, once it has all that was sent."""
        with self._state:
            self._state.wait_for(lambda: not self._unacknowledged or self._gone, 30)
        content = {
            "MessageType": "channel_closed",
            "SessionId": self._id,
            "DestinationId": self._id,
            "MessageId": self._id,
            "CreatedDate": "",
            "SchemaVersion": 1,
            "Output": words,
        }
        with contextlib.suppress(Exception):
            self._socket.send(wire.pack(wire.CLOSED, json.dumps(content).encode()))
            self._socket.close()

    def _receive(self) -> None:
        try:
            for data in self._socket:
                if isinstance(data, bytes):
                    self._hear(wire.unpack(data))
        except Exception as error:
            log.debug("session %s: %s", self._id, error)
        finally:
            with self._state:
                self._gone = True
                self._state.notify_all()
            self._handshaken.set()

    def _hear(self, frame: wire.Frame) -> None:
        if frame.type == wire.ACKNOWLEDGE:
            number = json.loads(frame.payload).get("AcknowledgedMessageSequenceNumber")
            with self._state:
                self._unacknowledged.discard(number)
                self._state.notify_all()
            return
        if frame.type != wire.INPUT:
            return
        if frame.sequence > self._expected:
            self._early[frame.sequence] = frame
            self._socket.send(wire.acknowledgement(frame))
            return
        if frame.sequence == self._expected:
            following: wire.Frame | None = frame
            while following is not None:
                self._expected += 1
                self._input(following)
                following = self._early.pop(self._expected, None)
        # After it was taken, so that the client waits for a slow reader.
        self._socket.send(wire.acknowledgement(frame))

    def _input(self, frame: wire.Frame) -> None:
        if frame.kind == wire.HANDSHAKE_RESPONSE:
            self._handshaken.set()
        else:
            self._take(frame)


def carry_command(process: Process) -> Callable[[Agent], Callable[[wire.Frame], None]]:
    """The work of a session with a command."""

    def work(agent: Agent) -> Callable[[wire.Frame], None]:
        def output() -> None:
            with contextlib.suppress(ConnectionError):
                while data := process.read():
                    agent.send(data)
            agent.close()

        def take(frame: wire.Frame) -> None:
            if frame.kind == wire.DATA:
                process.write(frame.payload)
            elif frame.kind == wire.SIZE:
                size = json.loads(frame.payload)
                process.resize(int(size["cols"]), int(size["rows"]))
            elif frame.kind == wire.FLAG and int.from_bytes(frame.payload, "big") == wire.TERMINATE:
                process.close()

        threading.Thread(target=output, name="session output", daemon=True).start()
        return take

    return work


class Connections:
    """The work of a session that forwards a port: the streams of smux, each a connection."""

    def __init__(self, dial: Callable[[], socket.socket]) -> None:
        self._dial = dial
        self._rest = b""
        self._open: dict[int, socket.socket] = {}
        self._sending = threading.Lock()

    def __call__(self, agent: Agent) -> Callable[[wire.Frame], None]:
        def take(frame: wire.Frame) -> None:
            if frame.kind == wire.DATA:
                self._feed(agent, frame.payload)
            elif frame.kind == wire.FLAG and int.from_bytes(frame.payload, "big") == wire.TERMINATE:
                self.close()
                threading.Thread(target=agent.close, daemon=True).start()

        return take

    def close(self) -> None:
        """End all connections."""
        for connection in list(self._open.values()):
            connection.close()

    def _feed(self, agent: Agent, data: bytes) -> None:
        data = self._rest + data
        place = 0
        while len(data) - place >= MUX.size:
            _, command, length, number = MUX.unpack_from(data, place)
            if len(data) - place - MUX.size < length:
                break
            place += MUX.size
            self._frame(agent, command, number, data[place : place + length])
            place += length
        self._rest = data[place:]

    def _frame(self, agent: Agent, command: int, number: int, data: bytes) -> None:
        if command == SYN:
            try:
                connection = self._dial()
            except OSError:
                self._send(agent, FIN, number)
                with contextlib.suppress(ConnectionError):
                    agent.send(wire.CONNECT_ERROR.to_bytes(4, "big"), wire.FLAG)
                return
            self._open[number] = connection
            threading.Thread(target=self._back, args=(agent, number, connection), daemon=True).start()
        elif command == PSH and number in self._open:
            with contextlib.suppress(OSError):
                self._open[number].sendall(data)
        elif command == FIN and number in self._open:
            with contextlib.suppress(OSError):
                self._open[number].shutdown(socket.SHUT_WR)

    def _back(self, agent: Agent, number: int, connection: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while data := connection.recv(32768):
                self._send(agent, PSH, number, data)
        self._send(agent, FIN, number)
        self._open.pop(number, None)
        connection.close()

    def _send(self, agent: Agent, command: int, number: int, data: bytes = b"") -> None:
        with self._sending, contextlib.suppress(ConnectionError):
            agent.send(MUX.pack(1, command, len(data), number) + data)
