"""The standard streams: whoever does not read them, or cannot, stops nothing that is under way.

Progress and errors on stderr are said to whoever listens: where nobody does (a closed descriptor, a reader that has
gone, a full disk), the command goes on. Data on stdout is what the command is for: a reader that has gone ends it
quietly, as ``| head`` does; a full disk is told as the error that it is.
"""

from __future__ import annotations

import io
import os
import select
import sys
from typing import TextIO

from ecsctl.errors import EcsctlError

STDIN, STDOUT, STDERR = 0, 1, 2


class ReaderGoneError(Exception):
    """Whoever read standard output has gone (``| head``). No OSError: click makes an exit code of its own of those."""


class UnwritableError(EcsctlError):
    """Standard output cannot be written (exit 1)."""


class Output(io.FileIO):
    """A descriptor that is written until it fails; after that, what is written is dropped.

    Args:
        silent: a failure is not told to the writer either.
    """

    def __init__(self, descriptor: int, *, silent: bool) -> None:
        super().__init__(descriptor, "w", closefd=False)
        self._silent = silent
        self._failed = False

    def write(self, data: bytes, /) -> int:  # type: ignore[override]
        """Write; see the class.

        Raises:
            ReaderGoneError: the reader has gone.
            UnwritableError: it cannot be written for another reason.
        """
        size = len(data)
        # click writes nothing to find out whether it could write.
        if self._failed or not size:
            return size
        try:
            while (written := super().write(data)) is None:
                # Somebody made the terminal or pipe non-blocking.
                select.select([], [self], [])
        except BrokenPipeError as error:
            self._failed = True
            if not self._silent:
                raise ReaderGoneError from error
            return size
        except OSError as error:
            self._failed = True
            if not self._silent:
                reason = error.strerror or str(error)
                raise UnwritableError(f"standard output cannot be written: {reason}") from error
            return size
        return written


def install() -> None:
    """Replace this process's standard streams by ones that never stop a command."""
    for descriptor in (STDIN, STDOUT, STDERR):
        try:
            os.fstat(descriptor)
        except OSError:
            # Else the next file or socket that is opened would be taken for the stream.
            os.open(os.devnull, os.O_RDWR)
    if sys.stdin is None:
        sys.stdin = open(STDIN, encoding="utf-8", closefd=False)  # noqa: SIM115 - for the whole run
    sys.stdout = _stream(sys.stdout, STDOUT)
    sys.stderr = _stream(sys.stderr, STDERR)


def _stream(before: TextIO | None, descriptor: int) -> io.TextIOWrapper:
    if before is not None:
        before.flush()
    encoding = before.encoding if before is not None else "utf-8"
    # PYTHONUNBUFFERED, and `python -u`
    unbuffered = bool(getattr(before, "write_through", False))
    raw = Output(descriptor, silent=descriptor == STDERR)
    return io.TextIOWrapper(
        raw if unbuffered else io.BufferedWriter(raw),  # type: ignore[type-var]
        encoding,
        # What a terminal's encoding does not have is a question mark there.
        "replace",
        line_buffering=descriptor == STDERR or raw.isatty(),
        write_through=unbuffered,
    )
