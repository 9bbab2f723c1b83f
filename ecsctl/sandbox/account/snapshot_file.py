"""The file that keeps the state: written whole, aside, and moved into place, so that it is always one that was."""

from __future__ import annotations

import contextlib
import errno
import gc
import os
import signal
import sys
import threading
import time
import traceback
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

# A state that takes longer to write down (seconds) is written by a copy of this process, and holds no request up.
LONGEST_PAUSE = 0.05
PATIENCE = 60.0
FAILED = 255


class Keeper:
    """Writes states to a file.

    Args:
        path: the file; what is being written is beside it.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._last = b""
        self._took = 0.0
        # Held while a state is made and written; it comes before the world's lock.
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

    def save(self, lock: AbstractContextManager[Any], prepare: Callable[[], Callable[[], bytes]]) -> bool:
        """Make a state and write it; whether it is on disk. A full disk is a problem to tell, not a crash.

        Args:
            lock: held while the state is made, or copied.
            prepare: collects, under the lock, what other threads may be changing; what it returns makes the state, and
                may run in a copy of this process, where no lock of another thread is ever released.
        """
        with self.writing:
            with lock:
                make = prepare()
                if self._took > LONGEST_PAUSE and sys.platform == "linux":
                    child = self._fork(make)
                    data = None
                else:
                    began = time.perf_counter()
                    data = make()
                    self._took = time.perf_counter() - began
            if data is None:
                self._last = b""
                return self._judge(self._wait(child))
            try:
                if data != self._last:
                    self._put(data)
            except OSError as error:
                return self._judge(error.errno or FAILED)
            self._last = data
            return self._judge(0)

    def _judge(self, code: int) -> bool:
        why = "its writer failed; the log says why" if code == FAILED else os.strerror(code)
        self.problem = f"the state cannot be written to {self._path}: {why}" if code else None
        return code == 0

    def _put(self, data: bytes, parent: int | None = None) -> None:
        aside = self._path.with_name(f"state-{os.getpid()}.new")
        try:
            with open(os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            if parent is not None and os.getppid() != parent:
                # Whoever took over has a newer one.
                raise OSError(errno.ECANCELED, "orphaned")
            os.replace(aside, self._path)
        except OSError:
            with contextlib.suppress(OSError):
                os.unlink(aside)
            raise

    def _fork(self, make: Callable[[], bytes]) -> int:
        parent = os.getpid()
        child = os.fork()
        if child:
            return child
        code = FAILED
        try:
            gc.disable()
            # Ports and connections are the parent's alone: they must be free when it ends.
            os.closerange(3, os.sysconf("SC_OPEN_MAX"))
            self._put(make(), parent)
            code = 0
        except OSError as error:
            code = error.errno or FAILED
        except BaseException:
            traceback.print_exc()
        finally:
            os._exit(min(code, FAILED))

    def _wait(self, child: int) -> int:
        """The exit code of a writer; one that hangs is ended."""
        began = time.perf_counter()
        pause = threading.Event()
        while True:
            done, status = os.waitpid(child, os.WNOHANG)
            self._took = time.perf_counter() - began
            if done:
                return os.WEXITSTATUS(status) if os.WIFEXITED(status) else FAILED
            if self._took > PATIENCE:
                os.kill(child, signal.SIGKILL)
                os.waitpid(child, 0)
                self._took = 0.0
                return errno.ETIMEDOUT
            pause.wait(0.01)

    def forget(self) -> None:
        """Remove the file."""
        with self.writing:
            self._last = b""
            self._took = 0.0
            self.problem = self.lost = None
            self._path.unlink(missing_ok=True)
