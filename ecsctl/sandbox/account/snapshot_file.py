"""The file with the saved state: written whole beside it and moved into place, so that it is never half a state."""

from __future__ import annotations

import contextlib
import os
import threading
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

MIN_PAUSE_SECONDS = 0.5


class SnapshotFile:
    """Writes the state to a file.

    Args:
        path: the file; what is being written is beside it.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._last = b""
        # How long the last snapshot took.
        self.seconds = 0.0
        # Held while a state is made and written; it comes before the account's lock.
        self.writing = threading.RLock()
        self.problem: str | None = None
        # What became of a state that could not be read.
        self.lost: str | None = None

    def exists(self) -> bool:
        """Whether there is a state."""
        return self._path.exists()

    def read(self) -> bytes | None:
        """The last state, or None."""
        for rest in self._path.parent.glob("state-*.new"):
            rest.unlink(missing_ok=True)
        try:
            return self._path.read_bytes()
        except FileNotFoundError:
            return None
        except OSError as error:
            self.set_aside(error.strerror or str(error))
            return None

    def set_aside(self, why: str) -> None:
        """Keep a state that is of no use under another name, where the next one does not overwrite it."""
        aside = self._path.with_suffix(".unreadable")
        with contextlib.suppress(OSError):
            os.replace(self._path, aside)
        self.lost = (
            f"the saved state could not be taken up ({why}): the sandbox began empty; it is kept as {aside}, and "
            "`ecsctl sandbox reset` ends this message"
        )

    def save(self, lock: AbstractContextManager[Any], snapshot: Callable[[], bytes]) -> bool:
        """Take a snapshot and write it. A full disk becomes :attr:`problem`, not a crash.

        Args:
            lock: held while the snapshot is taken, not while it is written.
            snapshot: gives the state as bytes. No copy of the process takes it: a process of many threads cannot be
                forked safely, since whatever lock another thread holds is never released in the copy.
        Returns:
            Whether the state is on disk.
        """
        with self.writing:
            with lock:
                began = time.perf_counter()
                data = snapshot()
                self.seconds = time.perf_counter() - began
            try:
                if data != self._last:
                    self._put(data)
            except OSError as error:
                self.problem = f"the state cannot be written to {self._path}: {error.strerror or error}"
                return False
            self._last = data
            self.problem = None
            return True

    @property
    def pause(self) -> float:
        """Seconds to wait before the next save: saving holds requests up for at most a thirtieth of the time."""
        return max(MIN_PAUSE_SECONDS, 29 * self.seconds)

    def _put(self, data: bytes) -> None:
        aside = self._path.with_name(f"state-{os.getpid()}.new")
        try:
            with open(os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            os.replace(aside, self._path)
        except OSError:
            with contextlib.suppress(OSError):
                os.unlink(aside)
            raise

    def forget(self) -> None:
        """Remove the file."""
        with self.writing:
            self._last = b""
            self.seconds = 0.0
            self.problem = self.lost = None
            self._path.unlink(missing_ok=True)
