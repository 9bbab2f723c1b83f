"""Containers that are only said to run, where no Docker engine answers.

They start at once, and run until they are stopped or until a command that says so itself ends (``simulated_program``).
An image of a registry that cannot exist (``*.invalid``, RFC 2606) cannot be pulled here either. So that an address
which ``locate`` prints answers all the same, the sandbox itself listens on published TCP ports, with a page that says
what it is: no container.
"""

from __future__ import annotations

import contextlib
import hashlib
import heapq
import html
import selectors
import socket
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence, Set
from typing import Any, Literal, cast

from ecsctl.sandbox.interfaces import ContainerEvent, ContainerRequest
from ecsctl.sandbox.logs.container_logs import ContainerLogs, LogSetupError
from ecsctl.sandbox.logs.events import ComputedEvents
from ecsctl.sandbox.runtimes.simulated.program import Program, passes, program_of
from ecsctl.sandbox.runtimes.simulated.shell import SimulatedShell
from ecsctl.sandbox.sessions.agent import Process
from ecsctl.sandbox.sessions.server import Entrance

LISTENERS = 256
DIAL_SECONDS = 5.0
# A failing health check is tried no slower than this (seconds), whatever interval is configured.
SLOWEST = 1.0
PAGE = (
    "<html><body><h1>A simulated container</h1><p>This is no answer of your image: the ecsctl sandbox runs without a "
    "Docker engine, and stands in for container {name} of task {task} on {host}.</p></body></html>\n"
)
# What it logs, a line a second; the braces of the second are filled in then.
LINE = "container {name} of task {task} is simulated, and has been for {{seconds}} s: no image runs without Docker"


class SimulatedRuntime(Entrance):
    """Implements :class:`ecsctl.sandbox.interfaces.Runtime` without containers.

    Args:
        clock: seconds, from any start; the lifetimes of containers are told by it.
    """

    kind: Literal["docker", "simulated"] = "simulated"
    problem: str | None = None

    def __init__(self, responder: Responder, clock: Callable[[], float] = time.time) -> None:
        self._clock = clock
        # What will happen by itself: when, in which order it was foreseen, of which start of a container, what.
        self._due: list[tuple[float, int, ContainerRequest, ContainerEvent]] = []
        self._foreseen = 0
        self._events: deque[ContainerEvent] = deque()
        self._running: dict[tuple[str, str], ContainerRequest] = {}
        # Asked by the probes' thread, too.
        self._listening: set[tuple[str, int]] = set()
        self._responder = responder
        self._logs: ContainerLogs | None = None
        self._writing: dict[tuple[str, str], ComputedEvents] = {}

    def log_to(self, logs: ContainerLogs) -> None:
        """Have the containers' lines go there."""
        self._logs = logs

    def enter(self, task_arn: str, name: str, command: Sequence[str]) -> Process:
        """Run a command in a container; see :class:`ecsctl.sandbox.sessions.server.Entrance`."""
        return SimulatedShell(command)

    def dial(self, task_arn: str, name: str, host: str | None, port: int) -> socket.socket:
        """A connection to a container's port: to where the sandbox answers for it."""
        request = self._running.get((task_arn, name))
        if host is not None or request is None:
            return socket.create_connection((host or "127.0.0.1", port), DIAL_SECONDS)
        published = next((p.host_port for p in request.ports if p.container_port == port), port)
        return socket.create_connection((request.address, published), DIAL_SECONDS)

    def launch(self, request: ContainerRequest) -> None:
        registry = request.image.split("/", 1)[0].split(":", 1)[0]
        if registry.endswith(".invalid"):
            why = f"CannotPullContainerError: failed to resolve ref {request.image}: lookup {registry}: no such host"
            self._events.append(ContainerEvent(request.task_arn, request.name, "failed", reason=why))
            return
        runtime_id = hashlib.sha256(f"{request.task_arn}/{request.name}".encode()).hexdigest()
        program = program_of(request.definition)
        try:
            self._write(request, runtime_id, program)
        except LogSetupError as error:
            self._events.append(ContainerEvent(request.task_arn, request.name, "failed", reason=str(error)))
            return
        self._running[request.task_arn, request.name] = request
        self._listening.update((request.address, port.host_port) for port in request.ports)
        for port in request.ports:
            if port.protocol == "tcp":
                self._responder.open(request.address, port.host_port, page(request))
        digest = request.image.partition("@")[2] or f"sha256:{hashlib.sha256(request.image.encode()).hexdigest()}"
        started = ContainerEvent(request.task_arn, request.name, "started", runtime_id=runtime_id, image_digest=digest)
        self._events.append(started)
        self._foresee_health(request)
        if program.seconds is not None:
            end = ContainerEvent(request.task_arn, request.name, "exited", exit_code=program.exit_code)
            self._foresee(program.seconds, request, end)

    def _write(self, request: ContainerRequest, runtime_id: str, program: Program) -> None:
        if self._logs is None:
            return
        task = request.task_arn.rsplit("/", 1)[-1]
        events = self._logs.compute(request, runtime_id, program.lines, LINE.format(name=request.name, task=task))
        if events is not None:
            self._writing[request.task_arn, request.name] = events

    def _foresee_health(self, request: ContainerRequest) -> None:
        check = cast(Mapping[str, Any], request.definition.get("healthCheck") or {})
        if not check:
            return
        if passes(check):
            self._events.append(ContainerEvent(request.task_arn, request.name, "health", health="HEALTHY"))
            return
        tries = int(check.get("retries") or 3) * min(float(check.get("interval") or 30), SLOWEST)
        sick = ContainerEvent(request.task_arn, request.name, "health", health="UNHEALTHY")
        self._foresee(float(check.get("startPeriod") or 0) + tries, request, sick)

    def _foresee(self, seconds: float, request: ContainerRequest, event: ContainerEvent) -> None:
        self._foreseen += 1
        heapq.heappush(self._due, (self._clock() + seconds, self._foreseen, request, event))

    def stop(self, task_arn: str, name: str, grace_seconds: float) -> None:
        request = self._running.get((task_arn, name))
        if request is not None:
            self._end(request)
            self._events.append(ContainerEvent(task_arn, name, "exited", exit_code=0))

    def _end(self, request: ContainerRequest) -> None:
        del self._running[request.task_arn, request.name]
        writing = self._writing.pop((request.task_arn, request.name), None)
        if writing is not None:
            writing.close()
        self._listening.difference_update((request.address, port.host_port) for port in request.ports)
        for port in request.ports:
            self._responder.close(request.address, port.host_port)

    def adopt(self, request: ContainerRequest) -> None:
        """Take a container over that ran before the sandbox was stopped."""
        self.launch(request)

    def events(self) -> Sequence[ContainerEvent]:
        now = self._clock()
        while self._due and self._due[0][0] <= now:
            _, _, request, event = heapq.heappop(self._due)
            # Of a container that was stopped, or started again, since, it is no news.
            if self._running.get((request.task_arn, request.name)) is request:
                if event.kind == "exited":
                    self._end(request)
                self._events.append(event)
        taken = list(self._events)
        self._events.clear()
        return taken

    def listens(self, address: str, port: int) -> bool:
        """Whether a container is said to listen there."""
        return (address, port) in self._listening

    def release(self, task_arn: str) -> None:
        """Nothing is left of a simulated container."""

    def cleanup(self, keep: Set[tuple[str, str]]) -> None:
        """Nothing outlives the sandbox's process here."""

    def reset(self) -> None:
        """Forget all containers, without a word."""
        self.suspend()
        self._events.clear()

    def close(self) -> None:
        """Nothing is held open."""

    def suspend(self) -> None:
        """Stop answering."""
        for request in self._running.values():
            for port in request.ports:
                self._responder.close(request.address, port.host_port)
        self._running.clear()
        self._writing.clear()
        self._listening.clear()
        self._due.clear()


def page(request: ContainerRequest) -> bytes:
    """The HTTP answer of a simulated container."""
    task = request.task_arn.rsplit("/", 1)[-1]
    body = PAGE.format(
        name=html.escape(request.name), task=html.escape(task), host=html.escape(request.instance_id or "Fargate")
    ).encode()
    head = f"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n"
    return head.encode() + body


class Responder:
    """Answers HTTP on any number of addresses from one thread; at most ``LISTENERS``, quietly none beyond."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._selector = selectors.DefaultSelector()
        self._open: dict[tuple[str, int], tuple[socket.socket, bytes]] = {}
        self._wake_out, self._wake_in = socket.socketpair()
        self._selector.register(self._wake_out, selectors.EVENT_READ, None)
        self._thread: threading.Thread | None = None

    def open(self, address: str, port: int, answer: bytes) -> bool:
        """Answer there; False where the port cannot be had (a privileged one without rights, one in use)."""
        with self._lock:
            if len(self._open) >= LISTENERS or (address, port) in self._open:
                return False
            listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
            try:
                listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                listener.bind((address, port))
                listener.listen(16)
            except OSError:
                listener.close()
                return False
            listener.setblocking(False)
            self._open[address, port] = (listener, answer)
            self._selector.register(listener, selectors.EVENT_READ, answer)
            if self._thread is None:
                self._thread = threading.Thread(target=self._serve, name="simulated containers", daemon=True)
                self._thread.start()
        self._wake()
        return True

    def close(self, address: str, port: int) -> None:
        """Answer there no more; the port is free when this returns."""
        with self._lock:
            listener, _ = self._open.pop((address, port), (None, b""))
            if listener is not None:
                with contextlib.suppress(KeyError, ValueError):
                    self._selector.unregister(listener)
                listener.close()
        self._wake()

    def _wake(self) -> None:
        with contextlib.suppress(OSError):
            self._wake_in.send(b"x")

    def _serve(self) -> None:
        while True:
            for key, _ in self._selector.select(timeout=5):
                if key.data is None:
                    self._wake_out.recv(4096)
                    continue
                with contextlib.suppress(OSError):
                    connection, _ = key.fileobj.accept()  # type: ignore[union-attr]
                    threading.Thread(target=_answer, args=(connection, key.data), daemon=True).start()


def _answer(connection: socket.socket, answer: bytes) -> None:
    with connection, contextlib.suppress(OSError):
        connection.settimeout(5)
        received = b""
        while b"\r\n\r\n" not in received and len(received) < 65536:
            part = connection.recv(4096)
            if not part:
                break
            received += part
        connection.sendall(answer)
