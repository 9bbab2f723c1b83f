"""A command in a container, its input and output here: with a terminal, or as a pipe takes them."""

from __future__ import annotations

import json
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from ecsctl.actions.session_client import messages
from ecsctl.actions.session_client.channel import Channel, Socket
from ecsctl.actions.session_client.wrapping import Output, encoded
from ecsctl.errors import EcsctlError

READ_BYTES = 65536
# How long stderr may still come after the exit code.
LAST_WORDS = 2.0


class Shell:
    """Carries a wrapped command's input and output.

    Args:
        socket: of the data channel, open.
        secret: the session's token.
        mark: of the wrapped command; None where it is not wrapped.
        out, err: get the bytes of stdout and stderr.
        read: gives the next bytes of the input, nothing at its end; None where there is no input.
        terminal: the command has the terminal: input passes as it is, and the window's size is told.
    """

    def __init__(
        self,
        socket: Socket,
        secret: str,
        mark: str | None,
        *,
        out: Callable[[bytes], Any],
        err: Callable[[bytes], Any],
        read: Callable[[], bytes] | None = None,
        terminal: bool = False,
        cipher: Callable[[str], Any] | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._output = Output(mark, out, err) if mark else None
        self._out, self._err = out, err
        self._read = read
        self._terminal = terminal
        self._clock = clock
        self._exited_at: float | None = None
        self._code: int | None = None
        self._started = threading.Event()
        self._broken: BaseException | None = None
        self.channel = Channel(socket, secret, self._take, cipher=cipher)

    def run(self) -> int | None:
        """Carry all until the command has ended; its exit code, or None where nothing said it.

        Raises:
            EcsctlError: the channel was lost.
        """
        if self._read is not None:
            threading.Thread(target=self._feed, name="input", daemon=True).start()
        self.channel.run(self._over)
        if self._output is not None:
            self._output.finish()
        if self._broken is not None:
            raise self._broken
        return self._code

    def resize(self) -> None:
        """Tell the window's size."""
        try:
            size = os.get_terminal_size(sys.stdin.fileno())
        except OSError:
            return
        self._quietly(json.dumps({"cols": size.columns, "rows": size.lines}).encode(), messages.SIZE)

    def _quietly(self, data: bytes, kind: int) -> None:
        try:
            self.channel.send(data, kind)
        except EcsctlError:
            return

    def _take(self, kind: int, payload: bytes) -> None:
        if kind == messages.STDERR:
            self._err(payload)
        elif kind == messages.EXIT_CODE:
            self._code = int(payload) if payload.strip().isdigit() else self._code
            self._exited_at = self._clock()
        elif kind in (messages.DATA, messages.ERROR):
            if self._output is None:
                self._out(payload)
                self._started.set()
                return
            self._output.feed(payload)
            if self._output.ready or self._terminal:
                self._started.set()
            if self._output.exit_code is not None and self._exited_at is None:
                self._code, self._exited_at = self._output.exit_code, self._clock()

    def _over(self) -> bool:
        if self._exited_at is None:
            return False
        if self._terminal or (self._output is not None and self._output.ended):
            return True
        return self._clock() - self._exited_at > LAST_WORDS

    def _feed(self) -> None:
        assert self._read is not None
        try:
            if self._terminal:
                self.channel.ready.wait()
                self.resize()
                for chunk in iter(self._read, b""):
                    self.channel.send(chunk)
                return
            # Before that the terminal there would cut long lines.
            self._started.wait()
            for part in encoded(iter(self._read, b"")):
                self.channel.send(part)
        except (EcsctlError, OSError):
            return


def standard_input() -> bytes:
    """The next bytes of stdin."""
    return os.read(sys.stdin.fileno(), READ_BYTES)


def writer(stream: Any) -> Callable[[bytes], None]:
    """Writes bytes to a standard stream, at once."""
    raw = getattr(stream, "buffer", None)

    def write(data: bytes) -> None:
        if raw is None:
            stream.write(data.decode("utf-8", "replace"))
        else:
            raw.write(data)
        stream.flush()

    return write


@contextmanager
def raw_terminal(resized: Callable[[], None]) -> Iterator[None]:
    """Every key goes to the command, Ctrl-C too, while this lasts; ``resized`` is called when the window changes."""
    import termios
    import tty

    number = sys.stdin.fileno()
    before = termios.tcgetattr(number)
    old = signal.signal(signal.SIGWINCH, lambda *_: threading.Thread(target=resized, daemon=True).start())
    try:
        tty.setraw(number)
        yield
    finally:
        signal.signal(signal.SIGWINCH, old)
        termios.tcsetattr(number, termios.TCSADRAIN, before)
