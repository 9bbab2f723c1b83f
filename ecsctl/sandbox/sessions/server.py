"""The endpoint of data channels: a WebSocket server on loopback, begun with the first session."""

from __future__ import annotations

import json
import logging
import secrets
import socket
import threading
import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from ecsctl.sandbox.sessions.agent import Agent, Connections, Process, carry_command

log = logging.getLogger(__name__)

SHELL, PORT = "InteractiveCommands", "Port"


class Entrance:
    """What the runtimes offer of their containers to sessions. Both may block."""

    def enter(self, task_arn: str, name: str, command: Sequence[str]) -> Process:
        """Run a command in a container, with a terminal.

        Raises:
            Exception: it cannot be run; the text says why.
        """
        raise NotImplementedError

    def dial(self, task_arn: str, name: str, host: str | None, port: int) -> socket.socket:
        """A connection to a port of a container, or of a host that it reaches.

        Raises:
            OSError: nothing answers there.
        """
        raise NotImplementedError


@dataclass
class Session:
    """A session: who may open it, and what it is for."""

    id: str
    token: str
    type: str
    properties: dict[str, Any]
    work: Callable[[], Any]
    opened: Any = None


class SessionServer:
    """Opens sessions and serves their channels."""

    def __init__(self) -> None:
        self._sessions: dict[str, Session] = {}
        self._guard = threading.Lock()
        self._server: Any = None

    def command(self, entrance: Entrance, task_arn: str, name: str, command: Sequence[str]) -> dict[str, str]:
        """A session with a command in a container, as ExecuteCommand answers it."""

        def work() -> Any:
            return carry_command(entrance.enter(task_arn, name, command))

        made = self._open("ecs-execute-command", SHELL, {}, work)
        return {"sessionId": made.id, "streamUrl": self._url(made), "tokenValue": made.token}

    def port(self, entrance: Entrance, task_arn: str, name: str, parameters: dict[str, list[str]]) -> dict[str, str]:
        """A session that forwards a port, as StartSession answers it.

        Raises:
            ValueError: the parameters lack the port.
        """
        port = int(parameters["portNumber"][0])
        hosts = parameters.get("host")
        host = hosts[0] if hosts else None
        properties = {key: values[0] for key, values in parameters.items()}

        def work() -> Any:
            return Connections(lambda: entrance.dial(task_arn, name, host, port))

        made = self._open("session", PORT, {**properties, "type": "LocalPortForwarding"}, work)
        return {"SessionId": made.id, "StreamUrl": self._url(made), "TokenValue": made.token}

    def terminate(self, session_id: str) -> bool:
        """End a session; False where there is none of that id."""
        with self._guard:
            session = self._sessions.pop(session_id, None)
        if session is not None and session.opened is not None:
            session.opened.close()
        return session is not None

    def close(self) -> None:
        """End all sessions and the server."""
        for session_id in list(self._sessions):
            self.terminate(session_id)
        if self._server is not None:
            self._server.shutdown()

    def _open(self, prefix: str, type_: str, properties: dict[str, Any], work: Callable[[], Any]) -> Session:
        made = Session(f"{prefix}-{uuid.uuid4().hex[:17]}", secrets.token_urlsafe(48), type_, properties, work)
        with self._guard:
            self._sessions[made.id] = made
            if self._server is None:
                from websockets.sync.server import serve

                self._server = serve(self._handle, "127.0.0.1", 0, max_size=None, compression=None, ping_interval=None)
                threading.Thread(target=self._server.serve_forever, name="sessions", daemon=True).start()
        return made

    def _url(self, session: Session) -> str:
        port = self._server.socket.getsockname()[1]
        return f"ws://127.0.0.1:{port}/v1/data-channel/{session.id}?role=publish_subscribe"

    def _handle(self, opened: Any) -> None:
        session_id = opened.request.path.partition("?")[0].rpartition("/")[2]
        with self._guard:
            session = self._sessions.get(session_id)
        try:
            token = json.loads(opened.recv(timeout=30)).get("TokenValue")
        except Exception:
            return
        if session is None or session.opened is not None or not secrets.compare_digest(str(token), session.token):
            opened.close(4401, "the token is not valid")
            return
        session.opened = opened
        agent = Agent(opened, session.id, session.type, session.properties)
        try:
            work = session.work()
        except Exception as error:
            log.debug("session %s: %s", session.id, error)
            message = str(error)

            def work(agent: Agent) -> Any:
                def say() -> None:
                    agent.send(f"{message}\r\n".encode())
                    agent.close(message)

                threading.Thread(target=say, daemon=True).start()
                return lambda frame: None

        try:
            agent.run(work)
        finally:
            with self._guard:
                self._sessions.pop(session.id, None)
