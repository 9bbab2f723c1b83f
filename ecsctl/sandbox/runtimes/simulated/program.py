"""What a simulated container does: of the few commands that say it themselves, just that; of all others, nothing.

``sleep 5``, ``true``, ``false`` and ``sh -c "sleep 1; exit 3"`` end as they would; any other program is said to run
until it is stopped. No command is ever executed.
"""

from __future__ import annotations

import math
import re
import shlex
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

_SHELL = re.compile(r"(?:/(?:usr/)?bin/)?(?:sh|ash|bash)")
_SHORT = frozenset({":", "cat", "chmod", "cp", "date", "echo", "env", "hostname", "id", "ls", "mkdir", "mv", "printf"})
_SHORT |= {"pwd", "rm", "touch", "uname", "trap", "set", "export", "cd"}
_UNITS = {"s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
_REDIRECTS = (">", ">>", "<", ">&")
_TO_A_FILE = frozenset({">", ">>", "&>"})
_JOINS = (";", "&&", "||")


@dataclass(frozen=True)
class Program:
    """How a container goes: ``seconds`` until it exits by itself (None: never), and then with which code.

    ``lines`` are what it writes meanwhile: (seconds after the start, text).
    """

    seconds: float | None = None
    exit_code: int = 0
    lines: tuple[tuple[float, str], ...] = ()


FOREVER = Program()


def program_of(definition: Mapping[str, Any]) -> Program:
    """What the container of a definition does.

    Args:
        definition: ``entryPoint`` and ``command`` are looked at; without a command the image decides, and runs on.
    """
    words = [*map(str, definition.get("entryPoint") or ()), *map(str, definition.get("command") or ())]
    return _read(words, FOREVER)


def passes(check: Mapping[str, Any]) -> bool:
    """Whether a container health check (``healthCheck`` of the API) succeeds: it does, unless its command says not."""
    kind, *rest = [str(word) for word in check.get("command") or ("NONE",)]
    words = ["sh", "-c", " ".join(rest)] if kind == "CMD-SHELL" else rest if kind == "CMD" else [kind, *rest]
    return _read(words, Program(0.0)).exit_code == 0


def _read(words: Sequence[str], unknown: Program) -> Program:
    """The program of a command line; ``unknown`` stands for what cannot be told."""
    if len(words) >= 3 and _SHELL.fullmatch(words[0]) and re.fullmatch(r"-[a-z]*c", words[1]):
        return _script(words[2], unknown)
    return _simple(list(words), unknown)


def _script(text: str, unknown: Program) -> Program:
    """A shell's one-liner: commands joined by ``;``, ``&&`` and ``||``."""
    seconds, code = 0.0, 0
    lines: list[tuple[float, str]] = []
    for join, words in _commands(text):
        if (join == "&&" and code) or (join == "||" and not code):
            continue
        if words[0] == "exit":
            return Program(seconds, _code(words[1]) if len(words) > 1 else code, tuple(lines))
        done = _simple(words, unknown)
        lines += [(seconds + at, text) for at, text in done.lines]
        if done.seconds is None:
            return Program(lines=tuple(lines))
        seconds, code = seconds + done.seconds, done.exit_code
    return Program(seconds, code, tuple(lines))


def _commands(text: str) -> Iterator[tuple[str, list[str]]]:
    """(what joins it to the one before, its words) of each command; redirections are left out."""
    lexer = shlex.shlex(text.replace("\n", ";"), posix=True, punctuation_chars=True)
    lexer.whitespace_split = True
    join, skip, quiet = ";", False, False
    words: list[str] = []
    try:
        tokens = list(lexer)
    except ValueError:
        tokens = ["unreadable"]
    for token in [*tokens, ";"]:
        if skip:
            skip = False
        elif token in _REDIRECTS:
            skip = True
            if words[-1:] == ["2"]:
                words.pop()
            elif token in _TO_A_FILE:
                quiet = True
        elif token in _JOINS:
            if words:
                # What echo writes to a file is no line of the log.
                yield join, ["true"] if quiet and words[0] == "echo" else words
            join, words, quiet = token, [], False
        else:
            words.append(token)


def _simple(words: list[str], unknown: Program) -> Program:
    if words and words[0] == "exec":
        words = words[1:]
    if not words:
        return unknown
    name = words[0].rsplit("/", 1)[-1]
    if name == "echo":
        return Program(0.0, lines=((0.0, " ".join(words[1:])),))
    if name == "true" or name in _SHORT:
        return Program(0.0)
    if name == "false":
        return Program(0.0, 1)
    if name == "sleep" and len(words) == 2:
        return _sleep(words[1], unknown)
    return unknown


def _sleep(text: str, unknown: Program) -> Program:
    found = re.fullmatch(r"(\d+(?:\.\d+)?|infinity|inf)([smhd]?)", text)
    if found is None:
        return unknown
    seconds = float(found[1]) * _UNITS[found[2] or "s"]
    return FOREVER if math.isinf(seconds) else Program(seconds)


def _code(text: str) -> int:
    return int(text) % 256 if text.isdigit() else 2
