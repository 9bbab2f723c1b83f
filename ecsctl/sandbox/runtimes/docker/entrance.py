"""Sessions into Docker's containers: ``docker exec`` with a terminal, and connections to their ports."""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Sequence
from typing import Any

READ_BYTES = 65536
DIAL_SECONDS = 5.0


class DockerExec:
    """Implements :class:`ecsctl.sandbox.sessions.agent.Process`.

    Args:
        api: docker's low-level client.
    """

    def __init__(self, api: Any, container: str, command: Sequence[str]) -> None:
        self._api = api
        self._id = api.exec_create(container, list(command), stdin=True, tty=True)["Id"]
        self._stream = api.exec_start(self._id, tty=True, socket=True)
        self._socket: Any = getattr(self._stream, "_sock", self._stream)
        self._socket.settimeout(None)

    def read(self) -> bytes:
        """What it writes next; nothing where it has ended."""
        with contextlib.suppress(OSError):
            return bytes(self._socket.recv(READ_BYTES))
        return b""

    def write(self, data: bytes) -> None:
        """Type that."""
        with contextlib.suppress(OSError):
            self._socket.sendall(data)

    def resize(self, columns: int, rows: int) -> None:
        """The window's size."""
        with contextlib.suppress(Exception):
            self._api.exec_resize(self._id, height=rows, width=columns)

    def close(self) -> None:
        """Hang up: the command gets SIGHUP, as with a terminal that goes."""
        with contextlib.suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)


def dial(api: Any, container: str, host: str | None, port: int) -> socket.socket:
    """A connection to a port of a container, or of a host.

    Raises:
        OSError: nothing answers there.
    """
    return socket.create_connection((host or address_of(api, container), port), DIAL_SECONDS)


def address_of(api: Any, container: str) -> str:
    """The container's address; that of the one whose network it shares.

    Raises:
        OSError: it has no network.
    """
    found = api.inspect_container(container)
    mode = str(found["HostConfig"].get("NetworkMode", ""))
    if mode.startswith("container:"):
        return address_of(api, mode.partition(":")[2])
    networks = (found["NetworkSettings"].get("Networks") or {}).values()
    address = next((row["IPAddress"] for row in networks if row.get("IPAddress")), "")
    if not address:
        raise OSError("the container has no network")
    return str(address)
