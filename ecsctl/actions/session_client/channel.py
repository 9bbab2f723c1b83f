"""A data channel: messages in order, acknowledged, sent again where no answer comes; the handshake of a session.

Works on anything with ``send``, ``recv`` and ``close``; a WebSocket of the ``websockets`` library is what it is for.
"""

from __future__ import annotations

import json
import threading
import time
import uuid
from collections import OrderedDict
from collections.abc import Callable
from typing import Any, Protocol

from ecsctl.actions.session_client import messages
from ecsctl.actions.session_client.messages import Message
from ecsctl.errors import EcsctlError

# As Session Manager's own client introduces itself: agents choose by it what they take for granted.
CLIENT_VERSION = "1.2.707.0"
# The most bytes of a message, as that client sends them.
CHUNK = 1024
# Messages under way without an acknowledgement, and after how many seconds the oldest is sent again.
WINDOW = 256
RESEND = 1.0
GIVE_UP = 300.0
# So long the other end is waited for when the channel is closed: what it still sends then, nobody reads, and behind
# some messages of that websockets does not see its answer.
CLOSE_SECONDS = 1.0
# Messages that came too early are held, so many at most.
EARLY = 10_000


class Socket(Protocol):
    """What a channel needs of a WebSocket."""

    def send(self, data: str | bytes) -> None: ...

    def recv(self, timeout: float | None = None) -> str | bytes: ...

    def close(self) -> None: ...


class Channel:
    """One session's data channel.

    Args:
        socket: open.
        token: of the session.
        on_data: gets (kind of payload, payload) in order.
        cipher: makes the channel's encryption of the agent's KMS key, where the session is encrypted; None cannot.
    """

    def __init__(
        self,
        socket: Socket,
        token: str,
        on_data: Callable[[int, bytes], None],
        *,
        cipher: Callable[[str], Cipher] | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._socket = socket
        self._on_data = on_data
        self._make_cipher = cipher
        self._cipher: Cipher | None = None
        self._clock = clock
        self._expected = 0
        self._next = 0
        self._early: dict[int, Message] = {}
        # sequence → (message, first sent, last sent)
        self._unacknowledged: OrderedDict[int, tuple[bytes, float, float]] = OrderedDict()
        self._state = threading.Condition()
        self._paused = False
        self.closed = False
        self.closing_words = ""
        self.ready = threading.Event()
        self.properties: dict[str, Any] = {}
        self.agent_version = ""
        opening = {
            "MessageSchemaVersion": "1.0",
            "RequestId": str(uuid.uuid4()),
            "TokenValue": token,
            "ClientId": str(uuid.uuid4()),
            "ClientVersion": CLIENT_VERSION,
        }
        socket.send(json.dumps(opening))

    def send(self, data: bytes, kind: int = messages.DATA) -> None:
        """Send data, in pieces; waits while too much is under way.

        Raises:
            EcsctlError: the channel is closed.
        """
        for start in range(0, len(data), CHUNK) if data else (0,):
            self._send(data[start : start + CHUNK], kind)

    def _send(self, piece: bytes, kind: int) -> None:
        if self._cipher is not None and kind == messages.DATA:
            piece = self._cipher.encrypt(piece)
        with self._state:
            while not self.closed and (len(self._unacknowledged) >= WINDOW or self._paused):
                self._state.wait(1.0)
            if self.closed:
                raise EcsctlError("the session has ended")
            whole = messages.encode(messages.INPUT, piece, kind=kind, sequence=self._next)
            now = self._clock()
            self._unacknowledged[self._next] = (whole, now, now)
            self._next += 1
            self._socket.send(whole)

    def flag(self, flag: int) -> None:
        """Send a flag (:data:`ecsctl.actions.session_client.messages.TERMINATE` …)."""
        self._send(flag.to_bytes(4, "big"), messages.FLAG)

    def flush(self, seconds: float) -> bool:
        """Wait until all that was sent is acknowledged; False where it is not in so many seconds."""
        end = self._clock() + seconds
        with self._state:
            while self._unacknowledged and not self.closed and self._clock() < end:
                self._state.wait(0.2)
            return not self._unacknowledged

    def run(self, until: Callable[[], bool] = lambda: False) -> None:
        """Receive until the session ends, or ``until`` says so; what was not acknowledged is sent again meanwhile.

        Raises:
            EcsctlError: the channel was lost, or the agent asks for what cannot be done.
        """
        try:
            while not self.closed and not until():
                try:
                    data = self._socket.recv(timeout=RESEND / 4)
                except TimeoutError:
                    self._resend()
                    continue
                except Exception as error:
                    if type(error).__name__ == "ConnectionClosedOK" or self.closed:
                        return
                    raise EcsctlError(f"the session's data channel was lost: {error}") from error
                if isinstance(data, bytes):
                    self._take(messages.decode(data))
        finally:
            self.close()

    def close(self) -> None:
        """End the channel here."""
        with self._state:
            self.closed = True
            self._state.notify_all()
        self.ready.set()

    def _resend(self) -> None:
        with self._state:
            if not self._unacknowledged:
                return
            number, (whole, first, last) = next(iter(self._unacknowledged.items()))
            now = self._clock()
            if now - first > GIVE_UP:
                raise EcsctlError(f"the session was lost: no answer for {GIVE_UP:.0f} s")
            if now - last >= RESEND:
                self._unacknowledged[number] = (whole, first, now)
                self._socket.send(whole)

    def _take(self, message: Message) -> None:
        if message.type == messages.ACKNOWLEDGE:
            self._acknowledged(message)
        elif message.type == messages.OUTPUT:
            self._output(message)
        elif message.type == messages.CLOSED:
            self.closing_words = str(message.json().get("Output") or "")
            self.closed = True
        elif message.type in (messages.PAUSE, messages.START):
            with self._state:
                self._paused = message.type == messages.PAUSE
                self._state.notify_all()

    def _acknowledged(self, message: Message) -> None:
        number = int(message.json().get("AcknowledgedMessageSequenceNumber", -1))
        with self._state:
            if self._unacknowledged.pop(number, None) is not None:
                self._state.notify_all()

    def _output(self, message: Message) -> None:
        if message.sequence > self._expected:
            if len(self._early) < EARLY:
                self._early[message.sequence] = message
                self._socket.send(messages.acknowledge(message))
            return
        # One that came already was not heard to be acknowledged.
        self._socket.send(messages.acknowledge(message))
        if message.sequence < self._expected:
            return
        following: Message | None = message
        while following is not None:
            self._expected += 1
            self._handle(following)
            following = self._early.pop(self._expected, None)

    def _handle(self, message: Message) -> None:
        if message.kind == messages.HANDSHAKE_REQUEST:
            self._handshake(message.json())
        elif message.kind == messages.ENCRYPTION_CHALLENGE:
            self._challenge(message.json())
        elif message.kind == messages.HANDSHAKE_COMPLETE:
            self.ready.set()
        else:
            payload = message.payload
            if self._cipher is not None and message.kind in (messages.DATA, messages.STDERR, messages.EXIT_CODE):
                payload = self._cipher.decrypt(payload)
            # Old agents begin without a handshake.
            self.ready.set()
            self._on_data(message.kind, payload)

    def _handshake(self, request: dict[str, Any]) -> None:
        self.agent_version = str(request.get("AgentVersion", ""))
        processed, errors = [], []
        for action in request.get("RequestedClientActions") or ():
            kind, parameters = action.get("ActionType"), action.get("ActionParameters") or {}
            row: dict[str, Any] = {"ActionType": kind, "ActionStatus": 1, "ActionResult": None, "Error": ""}
            if kind == "SessionType":
                self.properties = dict(parameters.get("Properties") or {})
            elif kind == "KMSEncryption" and self._make_cipher is not None:
                self._cipher = self._make_cipher(str(parameters.get("KMSKeyId")))
                row["ActionResult"] = self._cipher.introduction
            else:
                row.update(ActionStatus=3, Error=f"ecsctl does not support {kind}")
                errors.append(row["Error"])
            processed.append(row)
        answer = {"ClientVersion": CLIENT_VERSION, "ProcessedClientActions": processed, "Errors": errors}
        self._send(json.dumps(answer).encode(), messages.HANDSHAKE_RESPONSE)

    def _challenge(self, request: dict[str, Any]) -> None:
        import base64

        assert self._cipher is not None
        plain = self._cipher.decrypt(base64.b64decode(request["Challenge"]))
        answer = {"Challenge": base64.b64encode(self._cipher.encrypt(plain)).decode()}
        self._send(json.dumps(answer).encode(), messages.ENCRYPTION_ANSWER)


class Cipher(Protocol):
    """A session's encryption; ``introduction`` describes its key to the agent."""

    introduction: dict[str, str]

    def encrypt(self, plain: bytes) -> bytes: ...

    def decrypt(self, sealed: bytes) -> bytes: ...


def connect(url: str) -> Socket:
    """Open a session's WebSocket, through a proxy where the environment names one.

    Raises:
        EcsctlError: ``websockets`` is not installed, or the endpoint cannot be reached.
    """
    try:
        from websockets.sync.client import connect as open_socket
    except ImportError:
        raise EcsctlError(
            "sessions need the library websockets",
            hint="`pip install 'ecsctl[exec]'` installs it; or install session-manager-plugin",
        ) from None
    try:
        # Entered, because newer versions warn where the connection is used without; `close` leaves it.
        made: Socket = open_socket(
            url, max_size=None, compression=None, open_timeout=20, ping_interval=None, close_timeout=CLOSE_SECONDS
        ).__enter__()
    except Exception as error:
        host = url.split("/")[2] if "//" in url else url
        raise EcsctlError(
            f"the session's data channel at {host} cannot be opened: {error}",
            hint="outbound HTTPS to ssmmessages.REGION.amazonaws.com must be allowed",
        ) from error
    return made
