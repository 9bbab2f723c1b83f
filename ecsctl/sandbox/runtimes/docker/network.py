"""One network namespace a task of network mode awsvpc: its containers see each other on localhost.

As on a real instance a pause container holds the namespace and publishes the ports. Its image is a program of a few
bytes that does nothing but wait, so that nothing has to be downloaded.
"""

from __future__ import annotations

import io
import struct
import tarfile
import threading

from ecsctl.sandbox.interfaces import ContainerRequest
from ecsctl.sandbox.runtimes.docker.client import Docker
from ecsctl.sandbox.runtimes.docker.config import ADDRESS, TASK, Owner

IMAGE = "ecsctl-sandbox-pause:1"
PROGRAM = "/pause"
# The machine's number in an ELF file, and "call pause() for ever" in its code.
MACHINES = {
    # mov eax, 34 (pause); syscall; jmp back
    "x86_64": (62, bytes.fromhex("b8220000000f05ebf7")),
    # mov x0..x4, 0; mov x8, 73 (ppoll); svc 0; b back
    "aarch64": (183, struct.pack("<8I", 0xD2800000, 0xD2800001, 0xD2800002, 0xD2800003, 0xD2800004, 0xD2800928,
                                 0xD4000001, 0x17FFFFF9)),
}  # fmt: skip
LOADED_AT = 0x400000


class NetworkNamespaces:
    """The pause containers of a sandbox, by task."""

    def __init__(self, docker: Docker, owner: Owner) -> None:
        self._docker = docker
        self._owner = owner
        self._lock = threading.Lock()
        self._ids: dict[str, str] = {}

    def of(self, request: ContainerRequest) -> str | None:
        """The container whose network the task's containers share, running; None on a machine without a pause."""
        architecture = self._docker.architecture()
        if architecture not in MACHINES:
            return None
        with self._lock:
            known = self._ids.get(request.task_arn)
            if known is None:
                known = self._ids[request.task_arn] = self._found(request) or self._made(request, architecture)
            self._docker.start(known)
            return known

    def _found(self, request: ContainerRequest) -> str | None:
        for container in self._docker.containers(self._owner):
            if container.labels.get(TASK) == request.task_arn and "com.amazonaws.ecs.pause" in container.labels:
                if container.labels.get(ADDRESS) == request.address:
                    return container.id
                self._docker.remove(container.id)
        return None

    def _made(self, request: ContainerRequest, architecture: str) -> str:
        self._docker.load_image(IMAGE, layer(architecture), [PROGRAM])
        published: dict[str, list[tuple[str, int]]] = {}
        for port in request.task_ports:
            published.setdefault(f"{port.container_port}/{port.protocol}", []).append((request.address, port.host_port))
        task = request.task_arn.rsplit("/", 1)[-1]
        settings = {
            "image": IMAGE,
            "detach": True,
            "labels": {
                **self._owner.labels,
                TASK: request.task_arn,
                ADDRESS: request.address,
                "com.amazonaws.ecs.pause": "true",
            },
            "ports": published,
        }
        return self._docker.create(f"ecsctl-{self._owner.name}-pause-{task}", settings)

    def release(self, task_arn: str) -> None:
        """Remove the task's pause container, if it has one."""
        with self._lock:
            known = self._ids.pop(task_arn, None)
        if known is not None:
            self._docker.remove(known)

    def suspend(self) -> None:
        """Stop all pause containers; they are found again by their label."""
        with self._lock:
            for known in self._ids.values():
                self._docker.stop(known, 0)

    def forget(self) -> None:
        """Know of none any more."""
        with self._lock:
            self._ids.clear()


def layer(architecture: str) -> bytes:
    """The pause image's one layer: a tar with the program."""
    program = executable(*MACHINES[architecture])
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        entry = tarfile.TarInfo(PROGRAM.lstrip("/"))
        entry.size, entry.mode = len(program), 0o755
        archive.addfile(entry, io.BytesIO(program))
    return buffer.getvalue()


def executable(machine: int, code: bytes) -> bytes:
    """A static 64-bit ELF program of nothing but this code."""
    headers = 64 + 56
    size = headers + len(code)
    ident = b"\x7fELF" + bytes([2, 1, 1]) + bytes(9)
    entry = LOADED_AT + headers
    header = ident + struct.pack("<HHIQQQIHHHHHH", 2, machine, 1, entry, 64, 0, 0, 64, 56, 1, 0, 0, 0)
    segment = struct.pack("<IIQQQQQQ", 1, 5, 0, LOADED_AT, LOADED_AT, size, size, 0x10000)
    return header + segment + code
