"""A file that follows a text: written atomically, only where it differs, and a command is run after it."""

from __future__ import annotations

import contextlib
import os
import subprocess
import tempfile
from collections.abc import Callable

from ecsctl.errors import EcsctlError, UsageError
from ecsctl.polling import INTERVAL, Clock

# Seconds: a text is written once it has stayed the same for so long, and at the latest after so long.
SETTLE, LONGEST = 0.5, 5.0
# Seconds until a command that failed is run again, at first; it doubles up to the second.
RETRY, LONGEST_RETRY = 2.0, 60.0
COMMAND_TIMEOUT = 120.0


class File:
    """A file, written atomically; without a path, stdout.

    Args:
        path: a link is followed; its folder must exist.

    Raises:
        UsageError: it cannot be written there.
    """

    def __init__(self, path: str | None) -> None:
        self.path = os.path.realpath(path) if path else None
        self._text: str | None = None
        if self.path:
            folder = os.path.dirname(self.path)
            if os.path.isdir(self.path) or not os.access(folder, os.W_OK):
                raise UsageError(f"cannot write {path}", hint=f"is {folder} a folder that you may write to?")
            with contextlib.suppress(OSError, UnicodeDecodeError), open(self.path, encoding="utf-8") as file:
                self._text = file.read()

    @property
    def text(self) -> str | None:
        """The file's content; None where there is no file yet."""
        return self._text

    def write(self, text: str) -> None:
        """Put another text in its place: a reader sees the old one or the new one, and a crash leaves one of them.

        Raises:
            EcsctlError: it cannot be written (the disk is full …); the old one stays.
        """
        if self.path is None:
            print(text, end="", flush=True)
        else:
            try:
                self._replace(self.path, text)
            except OSError as error:
                raise EcsctlError(f"cannot write {self.path}: {error.strerror or error}") from None
        self._text = text

    def _replace(self, path: str, text: str) -> None:
        folder, name = os.path.split(path)
        handle, temporary = tempfile.mkstemp(dir=folder, prefix=f".{name}.")
        try:
            with os.fdopen(handle, "w", encoding="utf-8") as file:
                file.write(text)
                file.flush()
                os.fsync(file.fileno())
            try:
                before = os.stat(path)
                os.chmod(temporary, before.st_mode & 0o7777)
                with contextlib.suppress(OSError):
                    os.chown(temporary, before.st_uid, before.st_gid)
            except FileNotFoundError:
                mask = os.umask(0)
                os.umask(mask)
                os.chmod(temporary, 0o666 & ~mask)
            os.replace(temporary, path)
        except BaseException:
            with contextlib.suppress(OSError):
                os.unlink(temporary)
            raise


def run_command(command: str, path: str | None, say: Callable[[str], None]) -> None:
    """Run a command below the shell, with the file's path in ``ECSCTL_OUT``; what it prints goes to ``say``.

    Raises:
        EcsctlError: it failed, or did not end in two minutes.
    """
    try:
        ended = subprocess.run(
            command,
            shell=True,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            timeout=COMMAND_TIMEOUT,
            env={**os.environ, "ECSCTL_OUT": path or ""},
        )
    except subprocess.TimeoutExpired:
        raise EcsctlError(f"`{command}` did not end in {COMMAND_TIMEOUT:.0f} s") from None
    for line in ended.stdout.splitlines():
        say(line)
    if ended.returncode:
        raise EcsctlError(f"`{command}` exited with {ended.returncode}")


class Follower:
    """Writes what it is shown once it has settled, and runs the command then; a command that failed is run again.

    Args:
        run: the command; None: there is none. It raises EcsctlError where it fails.
        note: called with the message of a failure; the next :meth:`see` tries again.
        written: called each time the file has been written, before the command is run.
    """

    def __init__(
        self,
        file: File,
        run: Callable[[], None] | None,
        clock: Clock,
        note: Callable[[str], None],
        written: Callable[[], None] = lambda: None,
    ) -> None:
        self._file = file
        self._run = run
        self._clock = clock
        self._note = note
        self._first = True
        self._pending: tuple[str, float, float] | None = None
        self._retry: tuple[float, float] | None = None
        self._written = written

    def pause(self) -> float:
        """Seconds until it wants to be shown the text again."""
        return SETTLE if self._pending else INTERVAL

    def see(self, text: str) -> None:
        """Be shown the text of now."""
        now = self._clock.monotonic()
        if text == self._file.text:
            self._pending = None
        elif self._is_settled(text, now):
            self._pending = None
            try:
                self._file.write(text)
            except EcsctlError as error:
                self._note(error.message)
                return
            self._written()
            self._retry = (now, RETRY) if self._run else None
        self._first = False
        if self._run and self._retry and now >= self._retry[0]:
            self._execute(self._run, now, self._retry[1])

    def _is_settled(self, text: str, now: float) -> bool:
        if self._first:
            return True
        if self._pending is None or self._pending[0] != text:
            began = now if self._pending is None else self._pending[2]
            self._pending = (text, now, began)
        _, since, began = self._pending
        return now - since >= SETTLE or now - began >= LONGEST

    def _execute(self, run: Callable[[], None], now: float, pause: float) -> None:
        try:
            run()
        except EcsctlError as error:
            self._note(f"{error.message}; trying again in {pause:.0f} s")
            self._retry = (now + pause, min(2 * pause, LONGEST_RETRY))
        else:
            self._retry = None
