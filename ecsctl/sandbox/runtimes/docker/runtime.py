"""Containers that really run, in the Docker engine that answers here.

No method waits for Docker: launches and stops are carried out by worker threads, and what becomes of a container is
heard from Docker's event stream. Every container carries the sandbox's labels, by which a later process of the same
sandbox finds it again.
"""

from __future__ import annotations

import contextlib
import functools
import json
import logging
import secrets
import socket
import threading
from collections import deque
from collections.abc import Callable, Iterator, Sequence, Set
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from ecsctl.sandbox.contract import CONTAINERS
from ecsctl.sandbox.interfaces import ContainerEvent, ContainerRequest
from ecsctl.sandbox.logs.container_logs import ContainerLogs, LogSetupError
from ecsctl.sandbox.runtimes.docker.client import Docker, why
from ecsctl.sandbox.runtimes.docker.config import ADDRESS, CONTAINER, TASK, Owner, settings_of
from ecsctl.sandbox.runtimes.docker.logs import LogShipping
from ecsctl.sandbox.runtimes.docker.network import NetworkNamespaces
from ecsctl.sandbox.sessions.agent import Process
from ecsctl.sandbox.sessions.server import Entrance

log = logging.getLogger(__name__)

LAUNCHERS = 8
STOPPERS = 32
# A container that does not mind SIGTERM would cost 30 seconds at each stop; one whose definition has its own
# stopTimeout gets that.
GRACE = 2.0
RECONNECT = 1.0
OUT_OF_MEMORY = "OutOfMemoryError: Container killed due to memory usage"
Key = tuple[str, str]


@dataclass
class Entry:
    """A container that is to run, or runs. ``id`` is None until Docker has made it; the lock orders its news."""

    request: ContainerRequest
    id: str | None = None
    name: str = ""
    ended: bool = False
    unwanted: bool = False
    lock: threading.RLock = field(default_factory=threading.RLock)


class DockerRuntime(Entrance):
    """Implements :class:`ecsctl.sandbox.interfaces.Runtime` with a Docker engine.

    Args:
        name: the sandbox's.
        folder: where it keeps its state; tells sandboxes of one name apart.
        docker: the engine.
    """

    kind: Literal["docker", "simulated"] = "docker"

    def __init__(self, name: str, folder: Path, docker: Docker) -> None:
        self.owner = Owner(name, str(folder.resolve()))
        self._docker = docker
        self._suspended = folder / "suspended.json"
        (folder / CONTAINERS).touch()
        self._namespaces = NetworkNamespaces(docker, self.owner)
        self._shipping = LogShipping(docker)
        self._events: deque[ContainerEvent] = deque()
        self._entries: dict[Key, Entry] = {}
        # Tasks that have stopped, but still have a container to end.
        self._released: set[str] = set()
        self._guard = threading.Lock()
        self._launchers = ThreadPoolExecutor(LAUNCHERS, "launch")
        self._stoppers = ThreadPoolExecutor(STOPPERS, "stop")
        self._closed = threading.Event()
        self.problem: str | None = None
        threading.Thread(target=self._listen, name="docker events", daemon=True).start()

    def log_to(self, logs: ContainerLogs) -> None:
        """Have the containers' output go there."""
        self._shipping.logs = logs

    def enter(self, task_arn: str, name: str, command: Sequence[str]) -> Process:
        """Run a command in a container; see :class:`ecsctl.sandbox.sessions.server.Entrance`."""
        return self._docker.enter(self._running(task_arn, name), command)

    def dial(self, task_arn: str, name: str, host: str | None, port: int) -> socket.socket:
        """A connection to a container's port; see :class:`ecsctl.sandbox.sessions.server.Entrance`."""
        return self._docker.dial(self._running(task_arn, name), host, port)

    def _running(self, task_arn: str, name: str) -> str:
        with self._guard:
            entry = self._entries.get((task_arn, name))
        if entry is None or entry.id is None or entry.ended:
            raise ConnectionError("the container has ended")
        return entry.id

    def launch(self, request: ContainerRequest) -> None:
        entry = Entry(request)
        with self._guard:
            self._entries[request.task_arn, request.name] = entry
        self._submit(self._launchers, lambda: self._launch(entry))

    def stop(self, task_arn: str, name: str, grace_seconds: float) -> None:
        with self._guard:
            entry = self._entries.get((task_arn, name))
        if entry is None:
            self._events.append(ContainerEvent(task_arn, name, "exited"))
            return
        entry.unwanted = True
        own = entry.request.definition.get("stopTimeout") is not None
        grace = grace_seconds if own else min(grace_seconds, GRACE)
        self._submit(self._stoppers, lambda: self._stop(entry, grace))

    def release(self, task_arn: str) -> None:
        with self._guard:
            self._released.add(task_arn)
        self._submit(self._stoppers, lambda: self._release(task_arn))

    def events(self) -> Sequence[ContainerEvent]:
        taken: list[ContainerEvent] = []
        while self._events:
            taken.append(self._events.popleft())
        return taken

    def adopt(self, request: ContainerRequest) -> None:
        """Take a container over that ran before this process began: its state comes as an event."""
        entry = Entry(request)
        with self._guard:
            self._entries[request.task_arn, request.name] = entry
        self._submit(self._launchers, lambda: self._adopt(entry))

    def cleanup(self, keep: Set[Key]) -> None:
        """Remove what an earlier process left and nobody expects any more."""
        tasks = {task for task, _ in keep}
        try:
            for container in self._docker.containers(self.owner):
                key = (container.labels.get(TASK, ""), container.labels.get(CONTAINER, ""))
                # Ended containers lend their volumes as long as their task goes on.
                if key not in keep and ((container.running and key[1]) or key[0] not in tasks):
                    self._docker.remove(container.id)
            self._docker.remove_volumes(self.owner, keep=tasks)
        except Exception as error:
            self._silent(error)

    def suspend(self) -> None:
        """Stop all containers, for :meth:`adopt` to start them again."""
        with self._guard:
            entries = [entry for entry in self._entries.values() if entry.id and not entry.ended]
        self._closed.set()
        stopped: list[str] = []

        def stop(entry: Entry) -> None:
            with contextlib.suppress(Exception):
                self._docker.stop(str(entry.id), GRACE)
                stopped.append(str(entry.id))

        list(self._stoppers.map(stop, entries))
        self._namespaces.suspend()
        with contextlib.suppress(OSError):
            self._suspended.write_text(json.dumps(stopped))

    def reset(self) -> None:
        """Remove every container and volume of this sandbox; nothing is told of them."""
        with self._guard:
            entries, self._entries = list(self._entries.values()), {}
            self._released.clear()
        for entry in entries:
            entry.unwanted = entry.ended = True
        ids = [container.id for container in self._docker.containers(self.owner)]
        list(self._stoppers.map(self._docker.remove, ids))
        self._docker.remove_volumes(self.owner)
        self._namespaces.forget()
        self._events.clear()

    def close(self) -> None:
        """Give threads and connections back."""
        self._closed.set()
        self._launchers.shutdown(wait=False, cancel_futures=True)
        self._stoppers.shutdown(wait=False, cancel_futures=True)
        self._docker.close()

    def _submit(self, pool: ThreadPoolExecutor, work: Callable[[], None]) -> None:
        def guarded() -> None:
            try:
                work()
            except Exception:
                log.exception("a container's work failed")

        with contextlib.suppress(RuntimeError):  # the pool is shut: the sandbox ends
            pool.submit(guarded)

    def _launch(self, entry: Entry) -> None:
        try:
            digest = self._docker.ensure_image(entry.request.image)
        except Exception as error:
            self._fail(entry, f"CannotPullContainerError: {why(error)}")
            return
        with entry.lock:
            if not entry.unwanted:
                self._start(entry, digest)
                return
        if not entry.ended:
            self._end(entry)
            self._tell(entry, "exited")

    def _start(self, entry: Entry, digest: str | None) -> None:
        """Create and start the container; the caller has its lock, so that nobody sees one that failed as exited."""
        problem = "CannotCreateContainerError"
        try:
            self._create(entry)
            problem = "CannotStartContainerError"
            ship = self._shipping.prepare(entry.request, str(entry.id))
            self._docker.start(str(entry.id))
            ship()
        except LogSetupError as error:
            self._fail(entry, str(error))
        except Exception as error:
            self._fail(entry, f"{problem}: {why(error)}")
        else:
            self._tell(entry, "started", runtime_id=entry.id, image_digest=digest)

    def _fail(self, entry: Entry, reason: str) -> None:
        self._discard(entry)
        if not entry.ended:
            self._end(entry)
            self._tell(entry, "failed", reason=reason)

    def _create(self, entry: Entry) -> None:
        request = entry.request
        namespace = self._namespaces.of(request) if request.network_mode == "awsvpc" else None
        entry.name = (
            f"ecsctl-{self.owner.name}-{request.family}-{request.revision}-{request.name}-{secrets.token_hex(6)}"
        )
        settings = settings_of(request, self.owner, self._names(request), namespace)
        entry.id = self._docker.create(entry.name, settings)

    def _names(self, request: ContainerRequest) -> dict[str, str]:
        """The task's containers as Docker knows them, for one that leans on others; ended ones, too."""
        if not request.definition.get("links") and not request.definition.get("volumesFrom"):
            return {}
        # The newest of a name comes last: one that was restarted has been there before.
        found = self._docker.containers(self.owner, request.task_arn)[::-1]
        return {container.labels[CONTAINER]: container.name for container in found if CONTAINER in container.labels}

    def _adopt(self, entry: Entry) -> None:
        try:
            with entry.lock:
                self._resume(entry)
        except Exception as error:
            self._end(entry)
            self._tell(entry, "exited", reason=f"CannotStartContainerError: {why(error)}")
            return
        self._look(entry)

    def _resume(self, entry: Entry) -> None:
        request = entry.request
        found = next(self._of(request), None)
        if found is None:
            self._end(entry)
            self._tell(entry, "exited", reason="the container was gone when the sandbox started again")
            return
        entry.id, entry.name = found.id, found.name
        resume = not found.running and found.id in self._to_resume()
        moved = (found.running or resume) and found.labels.get(ADDRESS) != request.address
        if moved:
            # Another sandbox has taken the instance's address meanwhile, and it was given a new one.
            self._docker.remove(found.id)
            self._create(entry)
        ship = self._shipping.prepare(request, str(entry.id))
        if moved:
            self._docker.start(str(entry.id))
        elif resume:
            if request.network_mode == "awsvpc":
                self._namespaces.of(request)
            self._docker.start(found.id)
        ship()
        self._tell(entry, "started", runtime_id=entry.id)

    def _of(self, request: ContainerRequest) -> Iterator[Any]:
        for container in self._docker.containers(self.owner):
            if (container.labels.get(TASK), container.labels.get(CONTAINER)) == (request.task_arn, request.name):
                yield container

    def _to_resume(self) -> set[str]:
        try:
            return set(json.loads(self._suspended.read_text()))
        except (OSError, ValueError):
            return set()

    def _stop(self, entry: Entry, grace: float) -> None:
        # Waits for a launch on its way, which then sees that nobody wants it any more.
        with entry.lock:
            container = entry.id
        if container is None or entry.ended:
            return
        try:
            self._docker.stop(container, grace)
        except Exception as error:
            log.warning("container %s could not be stopped: %s", entry.name, why(error))
        self._look(entry)

    def _look(self, entry: Entry) -> None:
        """Tell of a container that has ended."""
        with entry.lock:
            if entry.id is None or entry.ended or self._closed.is_set():
                return
            state = self._docker.state(entry.id)
            if state is not None and state.get("Status") in ("running", "created", "restarting", "paused"):
                health = str((state.get("Health") or {}).get("Status", "")).upper()
                if health in ("HEALTHY", "UNHEALTHY"):
                    self._tell(entry, "health", health=health)
                return
            self._end(entry)
            code = None if state is None else int(state.get("ExitCode", 0))
            reason = OUT_OF_MEMORY if state is not None and state.get("OOMKilled") else None
            self._tell(entry, "exited", exit_code=code, reason=reason)

    def _end(self, entry: Entry) -> None:
        entry.ended = True
        key = (entry.request.task_arn, entry.request.name)
        with self._guard:
            # A restarted container has taken its place already, perhaps.
            if self._entries.get(key) is entry:
                del self._entries[key]
            released = key[0] in self._released
        if released:
            self._submit(self._stoppers, lambda: self._release(key[0]))

    def _release(self, task_arn: str) -> None:
        with self._guard:
            if task_arn not in self._released or any(task == task_arn for task, _ in self._entries):
                return
        for container in self._docker.containers(self.owner, task_arn):
            self._shipping.finish(container.id)
            self._docker.remove(container.id)
        self._namespaces.release(task_arn)
        self._docker.remove_volumes(self.owner, task_arn)
        with self._guard:
            self._released.discard(task_arn)

    def _discard(self, entry: Entry) -> None:
        if entry.id is not None:
            self._docker.remove(entry.id)

    def _tell(
        self,
        entry: Entry,
        kind: Literal["started", "exited", "failed", "health"],
        *,
        runtime_id: str | None = None,
        exit_code: int | None = None,
        reason: str | None = None,
        health: str | None = None,
        image_digest: str | None = None,
    ) -> None:
        if not self._closed.is_set():
            key = (entry.request.task_arn, entry.request.name)
            self._events.append(ContainerEvent(*key, kind, runtime_id, exit_code, reason, health, image_digest))

    def _listen(self) -> None:
        """Hear of containers that end or change their health; look at all of them after each silence of the engine."""
        while not self._closed.is_set():
            try:
                for event in self._docker.listen(self.owner, self._look_at_all):
                    self.problem = None
                    self._hear(event)
            except Exception as error:
                self._silent(error)
            self._closed.wait(RECONNECT)

    def _silent(self, error: Exception) -> None:
        if not self._closed.is_set():
            self.problem = f"the Docker engine does not answer: {why(error)}"

    def _look_at_all(self) -> None:
        self.problem = None
        with self._guard:
            entries, released = list(self._entries.values()), list(self._released)
        for entry in entries:
            # A stop that was asked while the engine was silent is asked again.
            look = (
                functools.partial(self._stop, entry, GRACE) if entry.unwanted else functools.partial(self._look, entry)
            )
            self._submit(self._stoppers, look)
        for task_arn in released:
            self._submit(self._stoppers, functools.partial(self._release, task_arn))

    def _hear(self, event: dict[str, Any]) -> None:
        action = str(event.get("Action", ""))
        labels = (event.get("Actor") or {}).get("Attributes") or {}
        with self._guard:
            entry = self._entries.get((labels.get(TASK, ""), labels.get(CONTAINER, "")))
        if entry is None or (action not in ("die", "destroy") and not action.startswith("health_status")):
            return
        if entry.id in (None, (event.get("Actor") or {}).get("ID")):
            self._submit(self._stoppers, lambda: self._look(entry))
