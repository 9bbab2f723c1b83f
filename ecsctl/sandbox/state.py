"""The state of the sandbox on disk: moto's backends and the ECS engines, written whole and moved into place."""

from __future__ import annotations

import contextlib
import logging
import os
import pickle
import sys
import tempfile
from pathlib import Path
from typing import Any

log = logging.getLogger(__name__)

VERSION = 1
# ssm and ecr hold what cannot be pickled; the public parameters are published anew at each start.
# Those that refer to each other go into one pickle, so that they find each other again.
TOGETHER = ("ec2", "elb", "elbv2", "autoscaling", "iam")
ALONE = ("logs", "cloudwatch", "cloudformation", "secretsmanager", "sns", "sqs")


def backends_of(service: str) -> Any:
    """moto's backends of a service, by account."""
    import importlib

    return getattr(importlib.import_module(f"moto.{service}.models"), f"{service}_backends")


def snapshot(account: str, extra: dict[str, Any]) -> bytes:
    """All state as bytes. A service of moto's that cannot be pickled is left out, rather than losing the rest.

    Call it under the lock.

    Raises:
        Exception: what the sandbox itself stands on cannot be pickled.
    """
    kept: dict[str, Any] = {}
    parts: list[bytes] = []
    for names in (TOGETHER, *((name,) for name in ALONE)):
        for name in names:
            # What nobody has asked for has not been imported, and has no state.
            if f"moto.{name}.models" not in sys.modules:
                continue
            backends = dict.get(backends_of(name), account)
            if backends is not None:
                kept[name] = dict(dict.items(backends))
        try:
            parts.append(pickle.dumps({name: kept.get(name, {}) for name in names}, pickle.HIGHEST_PROTOCOL))
        except Exception as error:
            if names == TOGETHER:
                raise
            log.warning("the state of %s is not kept: %s", ", ".join(names), error)
    return pickle.dumps({"version": VERSION, "account": account, "moto": parts, **extra}, pickle.HIGHEST_PROTOCOL)


def restore(data: bytes, account: str) -> dict[str, Any] | None:
    """Put a snapshot back into moto; returns what else was in it, None where it is of another version."""
    content = pickle.loads(data)
    if content.get("version") != VERSION or content.get("account") != account:
        return None
    for part in content["moto"]:
        for name, regions in pickle.loads(part).items():
            backends = backends_of(name)[account]
            for region, backend in regions.items():
                dict.__setitem__(backends, region, backend)
    return dict(content)


class Keeper:
    """Writes snapshots to a file, only when they changed."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._last = b""
        self.problem: str | None = None

    def exists(self) -> bool:
        """Whether there is a snapshot."""
        return self._path.exists()

    def read(self) -> bytes | None:
        """The last snapshot, or None."""
        try:
            return self._path.read_bytes()
        except OSError:
            return None

    def set_aside(self) -> None:
        """Keep a snapshot that cannot be read under another name, where the next one does not overwrite it."""
        with contextlib.suppress(OSError):
            os.replace(self._path, self._path.with_suffix(".unreadable"))

    def write(self, data: bytes) -> None:
        """Write a snapshot aside and move it into place; a full disk is a problem to tell, not a crash."""
        if data == self._last:
            return
        try:
            handle, name = tempfile.mkstemp(dir=self._path.parent, prefix="state-")
            with os.fdopen(handle, "wb") as file:
                file.write(data)
            os.replace(name, self._path)
            self._last = data
            self.problem = None
        except OSError as error:
            self.problem = f"the state cannot be written: {error.strerror or error}"
            with contextlib.suppress(OSError, UnboundLocalError):
                os.unlink(name)

    def forget(self) -> None:
        """Remove the file."""
        self._last = b""
        self._path.unlink(missing_ok=True)
