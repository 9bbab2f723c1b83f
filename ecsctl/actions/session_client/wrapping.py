"""How a command is run so that its exit code, its stderr and the end of its input pass through a session. Pure.

ECS gives a session one terminal, whatever is asked for. So the command runs below a small script of ``sh`` that marks
in the output what a terminal cannot say: ``RS token:kind:value RS``, with a token that no output has by chance.
"""

from __future__ import annotations

import base64
import secrets
import shlex
from collections.abc import Callable, Iterator, Sequence

RS = b"\x1e"
READY, STDERR, EXIT, END = b"r", b"e", b"x", b"z"
# The end of the input: no line of base64 is that. Twice, since busybox's sed reads a line ahead.
LAST_LINE = b".\n.\n"
# So many bytes make a line of the encoded input.
LINE = 57 * 12


def new_token() -> str:
    """What the marks of a session are known by."""
    return f"ecsctl-{secrets.token_hex(8)}"


def interactive(command: Sequence[str], token: str) -> str:
    """A command with the terminal for itself: only its exit code is marked.

    Ctrl-C reaches the command; the script outlives it.
    """
    mark = _printf(token, EXIT, "%d")
    return _sh(f'trap : INT QUIT; {shlex.join(command)}; c=$?; {mark} "$c"')


def piped(command: Sequence[str], token: str, *, with_input: bool) -> str:
    """A command without a terminal: bytes pass as they are, stderr is marked by line, input comes as base64."""
    run = shlex.join(command)
    standard_input = "" if with_input else " </dev/null"
    errors = f'while IFS= read -r l || [ -n "$l" ]; do {_printf(token, STDERR, "%s")} "$l"; done'
    inner = f"{{ {run} 2>&1 >&3 3>&-{standard_input}; {_printf(token, EXIT, '%d')} $? >&3; }} | {errors}"
    if with_input:
        inner = f"sed -n '/^\\.$/q;p' | base64 -d 2>/dev/null | {{ {inner}; {_printf(token, END, '')}; }}"
    else:
        inner = f"{{ {inner}; {_printf(token, END, '')}; }}"
    return _sh(f"stty raw -echo 2>/dev/null; exec 3>&1; {_printf(token, READY, '')}; {inner}")


def _printf(token: str, kind: bytes, form: str) -> str:
    return f"printf '\\036{token}:{kind.decode()}:{form}\\036'"


def _sh(script: str) -> str:
    return shlex.join(["/bin/sh", "-c", script])


def encoded(chunks: Iterator[bytes]) -> Iterator[bytes]:
    """Input as lines of base64, as many bytes at a time as come, and the line that ends it."""
    rest = b""
    for chunk in chunks:
        rest += chunk
        # Three bytes are four digits: what is over waits, so that no line but the last is padded.
        whole = len(rest) - len(rest) % 3
        if whole:
            part, rest = rest[:whole], rest[whole:]
            lines = [base64.b64encode(part[n : n + LINE]) for n in range(0, len(part), LINE)]
            yield b"\n".join(lines) + b"\n"
    yield (base64.b64encode(rest) + b"\n" if rest else b"") + LAST_LINE


class Output:
    """Takes the output of a wrapped command apart; marks may be torn between two pieces.

    Args:
        token: of the marks.
        out: gets the output's bytes.
        err: gets those of stderr.
    """

    def __init__(self, token: str, out: Callable[[bytes], None], err: Callable[[bytes], None]) -> None:
        self._start = RS + token.encode() + b":"
        self._out, self._err = out, err
        self._held = b""
        self.exit_code: int | None = None
        self.ready = False
        self.ended = False

    def feed(self, piece: bytes) -> None:
        """Take in what came."""
        data = self._held + piece
        self._held = b""
        while data:
            at = data.find(self._start)
            if at < 0:
                keep = self._torn(data)
                self._pass(data[: len(data) - keep])
                self._held = data[len(data) - keep :]
                return
            self._pass(data[:at])
            end = data.find(RS, at + len(self._start))
            if end < 0:
                self._held = data[at:]
                return
            self._mark(data[at + len(self._start) : end])
            data = data[end + 1 :]

    def finish(self) -> None:
        """There is nothing more: what was held as half a mark was none."""
        self._pass(self._held)
        self._held = b""

    def _torn(self, data: bytes) -> int:
        """How many bytes at the end may be the beginning of a mark."""
        most = min(len(self._start) - 1, len(data))
        return next((n for n in range(most, 0, -1) if self._start.startswith(data[-n:])), 0)

    def _pass(self, data: bytes) -> None:
        if data:
            self._out(data)

    def _mark(self, text: bytes) -> None:
        kind, _, value = text.partition(b":")
        if kind == STDERR:
            self._err(value + b"\n")
        elif kind == EXIT:
            self.exit_code = int(value) if value.isdigit() else None
        elif kind == READY:
            self.ready = True
        elif kind == END:
            self.ended = True
