"""How ``ecsctl cp`` copies: as a tar archive over a session, in either direction."""

from __future__ import annotations

import contextlib
import os
import posixpath
import tarfile
import threading
from typing import TYPE_CHECKING, Any

from ecsctl.cli.settings import Settings
from ecsctl.errors import EcsctlError, NotFoundError

if TYPE_CHECKING:
    from ecsctl.actions.sessions import Target
    from ecsctl.aws.session import Aws


def download(settings: Settings, aws: Aws, chosen: Target, path: str, destination: str) -> None:
    """Copy a file or folder of a container to this machine.

    Raises:
        EcsctlError: it is not there, or cannot be read.
    """
    from ecsctl.cli.exec import enter

    folder, name = posixpath.split(path.rstrip("/") or "/")
    into, renamed = (destination, name) if os.path.isdir(destination) else os.path.split(destination)
    reading, writing = os.pipe()
    failed: list[Exception] = []

    def unpack() -> None:
        try:
            with os.fdopen(reading, "rb") as pipe, tarfile.open(fileobj=pipe, mode="r|") as archive:
                for member in archive:
                    first, _, rest = member.name.partition("/")
                    member.name = posixpath.join(renamed or first, rest) if rest else (renamed or first)
                    _extract(archive, member, into or ".")
        except Exception as error:
            failed.append(error)

    thread = threading.Thread(target=unpack, name="unpack")
    thread.start()
    out = os.fdopen(writing, "wb")

    def write(data: bytes) -> None:
        if not failed:
            with contextlib.suppress(BrokenPipeError):
                out.write(data)

    command = ["tar", "cf", "-", "-C", folder or ".", name or "."]
    code = None
    try:
        code = enter(settings, aws, chosen, command, with_input=False, tty=False, out=write)
    finally:
        with contextlib.suppress(BrokenPipeError):
            out.close()
        thread.join()
    if code:
        raise EcsctlError(
            f"{path} cannot be copied: tar ended with exit code {code}",
            hint="does it exist? `ecsctl cp` needs `tar` in the image",
        )
    if failed:
        raise EcsctlError(f"{path} cannot be written to {destination}: {failed[0]}")


def _extract(archive: tarfile.TarFile, member: tarfile.TarInfo, into: str) -> None:
    # Nothing of a container leads out of the folder here.
    options: dict[str, Any] = {"filter": "data"} if hasattr(tarfile, "data_filter") else {}
    archive.extract(member, into, **options)


def upload(settings: Settings, aws: Aws, chosen: Target, source: str, path: str) -> None:
    """Copy a file or folder of this machine into a container: into ``path`` where that is a folder there.

    Raises:
        EcsctlError: it is not here, or cannot be written there.
    """
    from ecsctl.cli.exec import enter

    if not os.path.exists(source):
        raise NotFoundError(f"there is no {source} here")
    name = os.path.basename(os.path.abspath(source))
    reading, writing = os.pipe()
    failed: list[Exception] = []

    def pack() -> None:
        try:
            with os.fdopen(writing, "wb") as pipe, tarfile.open(fileobj=pipe, mode="w|") as archive:
                archive.add(source, arcname=name)
        except Exception as error:
            failed.append(error)

    thread = threading.Thread(target=pack, name="pack", daemon=True)
    thread.start()
    # Of a path that is no folder there, the last part is the new name.
    script = (
        'if [ -d "$1" ]; then exec tar xf - -C "$1"; fi; d=$(dirname "$1"); t="$d/.ecsctl-cp.$$"; mkdir -p "$t" && '
        'tar xf - -C "$t" && rm -rf "$1" && mv "$t/$2" "$1"; c=$?; rm -rf "$t"; exit $c'
    )
    command = ["sh", "-c", script, "sh", path, name]
    code = enter(settings, aws, chosen, command, with_input=True, tty=False, read=lambda: os.read(reading, 65536))
    if failed:
        raise EcsctlError(f"{source} cannot be read: {failed[0]}")
    if code:
        raise EcsctlError(
            f"{source} cannot be copied to {path}: exit code {code}",
            hint="the image needs `sh` and `tar` for `ecsctl cp`",
        )
