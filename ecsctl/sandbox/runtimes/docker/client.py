"""The Docker engine in the few words that the sandbox needs of it."""

from __future__ import annotations

import contextlib
import os
import socket
import threading
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence, Set
from dataclasses import dataclass
from typing import Any

from ecsctl.sandbox.runtimes.docker.config import TASK, Owner
from ecsctl.sandbox.runtimes.docker.entrance import DockerExec, dial

TIMEOUT = 60
ANSWER = 5
CONNECTIONS = 64


@dataclass(frozen=True)
class Found:
    """A container of Docker's list."""

    id: str
    name: str
    running: bool
    labels: dict[str, str]


class Docker:
    """A connection to the engine of ``DOCKER_HOST``, else of docker's current context.

    Raises:
        Exception: none answers.
    """

    def __init__(self) -> None:
        import docker

        address = _context_address()
        options: dict[str, Any] = {"timeout": ANSWER, "max_pool_size": CONNECTIONS}
        self._client = docker.DockerClient(base_url=address, **options) if address else docker.from_env(**options)
        try:
            self._client.ping()
        except Exception:
            self._client.close()
            raise
        self._client.api.timeout = TIMEOUT
        self._pulls: defaultdict[str, threading.Lock] = defaultdict(threading.Lock)

    def ensure_image(self, image: str) -> str | None:
        """Have the image here: pulled, unless it is here already. Its digest in its registry, if it is of one."""
        from docker.errors import ImageNotFound

        with self._pulls[image]:
            try:
                found = self._client.api.inspect_image(image)  # type: ignore[no-untyped-call]
            except ImageNotFound:
                name, _, digest = image.partition("@")
                repository, tag = _split(name)
                found = self._client.images.pull(repository, tag=digest or tag or "latest").attrs
        digests = found.get("RepoDigests") or ()
        return str(digests[0]).partition("@")[2] if digests else None

    def create(self, name: str, settings: dict[str, Any]) -> str:
        """Make a container; its id."""
        return str(self._client.containers.create(name=name, **settings).id)

    def start(self, container: str) -> None:
        """Start a container."""
        self._client.api.start(container)

    def stop(self, container: str, grace: float) -> None:
        """SIGTERM, and SIGKILL after ``grace`` seconds; nothing where it has gone."""
        from docker.errors import APIError, NotFound

        with contextlib.suppress(NotFound):
            if grace > 0:
                self._client.api.stop(container, timeout=max(1, round(grace)))
                return
            try:
                self._client.api.kill(container)
            except APIError as error:
                if error.status_code != 409:  # 409: it does not run
                    raise

    def remove(self, container: str) -> None:
        """Remove a container at once, with its anonymous volumes; nothing where it has gone or is going."""
        from docker.errors import APIError

        with contextlib.suppress(APIError):
            self._client.api.remove_container(container, force=True, v=True)

    def state(self, container: str) -> dict[str, Any] | None:
        """``State`` as Docker inspects it; None where there is no such container."""
        from docker.errors import NotFound

        try:
            return dict(self._client.api.inspect_container(container)["State"])
        except NotFound:
            return None

    def containers(self, owner: Owner, task_arn: str | None = None) -> list[Found]:
        """All containers of a sandbox, ended ones too; or only a task's own."""
        own = [f"{TASK}={task_arn}"] if task_arn else []
        rows = self._client.api.containers(all=True, filters={"label": [*owner.filters, *own]})
        return [
            Found(
                row["Id"],
                str((row.get("Names") or ["/"])[0]).lstrip("/"),
                row.get("State") == "running",
                row.get("Labels") or {},
            )
            for row in rows
        ]

    def remove_volumes(self, owner: Owner, task_arn: str | None = None, *, keep: Set[str] | None = None) -> None:
        """Remove the volumes of a sandbox, only a task's own, or those of all tasks but the ones to ``keep``."""
        from docker.errors import APIError

        own = [f"{TASK}={task_arn}"] if task_arn else []
        for volume in self._client.volumes.list(filters={"label": [*owner.filters, *own]}):
            task = (volume.attrs.get("Labels") or {}).get(TASK)
            if keep is not None and (task is None or task in keep):
                continue
            with contextlib.suppress(APIError):
                volume.remove(force=True)

    def load_image(self, name: str, layer: bytes, command: list[str]) -> None:
        """Make an image of one layer (a tar), unless it is here."""
        from docker.errors import ImageNotFound

        with self._pulls[name]:
            try:
                self._client.api.inspect_image(name)  # type: ignore[no-untyped-call]
            except ImageNotFound:
                import json

                repository, _, tag = name.partition(":")
                changes = [f"ENTRYPOINT {json.dumps(command)}"]
                self._client.api.import_image_from_data(layer, repository=repository, tag=tag, changes=changes)

    def architecture(self) -> str:
        """The engine's, as ``x86_64``."""
        return str(self._client.api.info().get("Architecture", ""))

    def output(
        self, container: str, since_ns: int, tty: bool, *, follow: bool = True
    ) -> Iterator[list[tuple[int, str]]]:
        """What a container has written since then, with ``follow`` until it ends: (nanoseconds, line)."""
        from ecsctl.sandbox.runtimes.docker.logs import READ_BYTES, split, stamped, unchunked, unframed

        api: Any = self._client.api
        query = {"stdout": 1, "stderr": 1, "follow": int(follow), "timestamps": 1}
        since = {"since": f"{since_ns // 1_000_000_000}.{since_ns % 1_000_000_000:09d}"} if since_ns else {}
        answer = api._get(
            api._url("/containers/{0}/logs", container), params={**query, **since}, stream=True, timeout=None
        )
        with contextlib.closing(answer):
            answer.raise_for_status()
            file = answer.raw._fp.fp
            chunked = answer.headers.get("Transfer-Encoding", "").lower() == "chunked"

            def read() -> bytes:
                return bytes(file.read1(READ_BYTES)) if file is not None else b""

            pieces = unchunked(read) if chunked else iter(read, b"")
            yield from stamped(split(pieces) if tty else unframed(pieces))

    def enter(self, container: str, command: Sequence[str]) -> DockerExec:
        """Run a command in a container, with a terminal."""
        return DockerExec(self._client.api, container, command)

    def dial(self, container: str, host: str | None, port: int) -> socket.socket:
        """A connection to a port of a container, or of a host that it reaches."""
        return dial(self._client.api, container, host, port)

    def listen(self, owner: Owner, connected: Callable[[], None]) -> Iterator[dict[str, Any]]:
        """The events of a sandbox's containers; calls ``connected`` as soon as none can be missed any more."""
        stream = self._client.api.events(filters={"label": owner.filters, "type": "container"}, decode=True)
        connected()
        yield from stream

    def close(self) -> None:
        """Give the connections back."""
        self._client.close()


def problem_of_engine() -> tuple[Docker | None, str]:
    """The engine, or None and why there is none."""
    try:
        return Docker(), ""
    except Exception as error:
        return None, why(error)


def why(error: Exception) -> str:
    """An error of Docker's in one line, in the words in which the ECS agent passes it on."""
    explanation = getattr(error, "explanation", None)
    if explanation:
        text = explanation.decode(errors="replace") if isinstance(explanation, bytes) else str(explanation)
        return f"Error response from daemon: {' '.join(text.split())}"
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, (FileNotFoundError, ConnectionError, PermissionError)):
            break
        reason = next((item for item in cause.args if isinstance(item, BaseException)), None)
        cause = reason or cause.__cause__ or cause.__context__
    if isinstance(cause, FileNotFoundError):
        return "Cannot connect to the Docker daemon: its socket does not exist"
    if isinstance(cause, PermissionError):
        return "Cannot connect to the Docker daemon: permission denied on its socket"
    if isinstance(cause, ConnectionError):
        return f"Cannot connect to the Docker daemon: {str(cause.strerror or cause).lower()}"
    return " ".join(str(error).split())[:300] or type(error).__name__


def _context_address() -> str | None:
    """The address of docker's current context, where ``DOCKER_HOST`` names none."""
    if os.environ.get("DOCKER_HOST"):
        return None
    with contextlib.suppress(Exception):
        from docker.context import ContextAPI

        context = ContextAPI.get_current_context()
        if context is not None and context.Name != "default":
            host = str(context.Host)
            return host if host.startswith("unix://") else None
    return None


def _split(name: str) -> tuple[str, str]:
    """``registry:5000/image:tag`` → image and tag (empty where there is none)."""
    head, _, tail = name.rpartition("/")
    image, _, tag = tail.partition(":")
    return (f"{head}/{image}" if head else image), tag
