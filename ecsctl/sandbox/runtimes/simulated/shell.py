"""A small shell for simulated containers: `echo`, `cat`, `exit N` and what `program` knows; nothing is executed.

The two scripts below which ``ecsctl exec`` runs a command are understood: their marks tell the exit code, and input
comes as base64.
"""

from __future__ import annotations

import base64
import queue
import re
import shlex
from collections.abc import Sequence

from ecsctl.sandbox.runtimes.simulated.program import program_of

MARK = re.compile(r"printf '\\036([\w-]+):x:%d\\036'")
INTERACTIVE = re.compile(r"trap : INT QUIT; (.*); c=\$\?; printf", re.DOTALL)
PIPED = re.compile(r"\{ \{ (.*?) 2>&1 >&3 3>&-( </dev/null)?; printf", re.DOTALL)
PROMPT = b"$ "


class SimulatedShell:
    """Implements :class:`ecsctl.sandbox.sessions.agent.Process`."""

    def __init__(self, command: Sequence[str]) -> None:
        self._output: queue.Queue[bytes | None] = queue.Queue()
        self._line = b""
        self._typed = b""
        self._done = False
        self._cat = False
        self._shell = False
        self._mark: str | None = None
        self._base64 = False
        self._begin(list(command))

    def _begin(self, words: list[str]) -> None:
        script = words[2] if len(words) == 3 and words[0].endswith("sh") and words[1] == "-c" else None
        mark = MARK.search(script) if script else None
        if script and mark:
            self._mark = mark[1]
            piped, interactive = PIPED.search(script), INTERACTIVE.search(script)
            inner = piped or interactive
            self._base64 = piped is not None and not piped[2] and "base64 -d" in script
            if piped:
                self._say(f"\x1e{self._mark}:r:\x1e".encode())
            words = shlex.split(inner[1]) if inner else []
        if words and words[0].rsplit("/", 1)[-1] in ("sh", "bash", "ash") and len(words) == 1:
            self._shell = True
            if not self._base64:
                self._say(PROMPT)
        else:
            self._run(words)

    def _run(self, words: list[str]) -> None:
        name = words[0].rsplit("/", 1)[-1] if words else ""
        if name == "cat" and len(words) == 1:
            self._cat = True
            return
        if name == "exit":
            self._end(int(words[1]) if len(words) > 1 and words[1].isdigit() else 0)
            return
        code = self._simple(words)
        if not self._shell:
            self._end(code)

    def _simple(self, words: list[str]) -> int:
        if not words:
            return 0
        program = program_of({"command": words})
        newline = b"\n" if self._mark and not self._shell else b"\r\n"
        for _, text in program.lines:
            self._say(text.encode() + newline)
        if program.seconds is None and not program.lines:
            self._say(f"sh: {words[0]}: this container is simulated".encode() + newline)
            return 127
        return program.exit_code

    def write(self, data: bytes) -> None:
        """Take typed bytes."""
        if self._done:
            return
        if self._base64:
            self._typed += data
            while b"\n" in self._typed:
                line, _, self._typed = self._typed.partition(b"\n")
                if line == b".":
                    self._eof()
                    return
                self._input(base64.b64decode(line))
            return
        if data == b"\x03":
            self._say(b"^C\r\n")
            if not self._shell:
                self._end(130)
            else:
                self._cat, self._line = False, b""
                self._say(PROMPT)
            return
        for byte in data:
            one = bytes([byte])
            if one == b"\x04" and not self._line:
                self._eof()
            elif one in (b"\r", b"\n"):
                self._say(b"\r\n")
                line, self._line = self._line, b""
                self._input(line + b"\n")
            else:
                self._say(one)
                self._line += one

    def _input(self, data: bytes) -> None:
        if self._cat:
            self._say(data if self._base64 else data.replace(b"\n", b"\r\n"))
        elif self._shell:
            for line in data.decode("utf-8", "replace").splitlines():
                try:
                    self._run(shlex.split(line))
                except ValueError:
                    self._say(b"sh: syntax error\r\n")
                if self._done:
                    return
            if not self._base64 and not self._cat:
                self._say(PROMPT)

    def _eof(self) -> None:
        if self._cat and self._shell and not self._base64:
            self._cat = False
            self._say(PROMPT)
        else:
            self._end(0)

    def _say(self, data: bytes) -> None:
        self._output.put(data)

    def _end(self, code: int) -> None:
        self._done = True
        if self._mark:
            self._say(f"\x1e{self._mark}:x:{code}\x1e\x1e{self._mark}:z:\x1e".encode())
        self._output.put(None)

    def read(self) -> bytes:
        """What is written next."""
        return self._output.get() or b""

    def resize(self, columns: int, rows: int) -> None:
        """There is nothing to draw anew."""

    def close(self) -> None:
        """End it."""
        if not self._done:
            self._done = True
            self._output.put(None)
