"""Reads files of ``NAME=value`` lines (``.env`` and ``env_file``) as Compose does."""

from __future__ import annotations

import os
import re
from pathlib import Path

LINE = re.compile(r"(?:export\s+)?([A-Za-z_][A-Za-z0-9_.\-]*)\s*(?:[=:]\s*(.*))?", re.DOTALL)
LARGEST = 1024 * 1024
ESCAPED = {"n": "\n", "t": "\t", "r": "\r", '"': '"', "\\": "\\", "$": "$$"}


def load(path: str | Path) -> tuple[dict[str, str | None], list[str]]:
    """The variables of a file, and what is wrong with it.

    Values are as Compose has them before interpolation: in single-quoted ones a dollar is written ``$$``. None: the
    name stands alone, and the value comes from the environment.

    Raises:
        OSError: the file cannot be read.
        ValueError: it is too large, or no text; the message is for the user.
    """
    if not os.path.isfile(path):
        raise OSError(2, "there is no such file")
    with open(path, "rb") as file:
        data = file.read(LARGEST + 1)
    if len(data) > LARGEST:
        raise ValueError("it is larger than 1 MiB")
    try:
        return parse(data.decode("utf-8-sig"))
    except UnicodeDecodeError:
        raise ValueError("it is not UTF-8") from None


def parse(text: str) -> tuple[dict[str, str | None], list[str]]:
    """As ``load``, of a text. What is wrong is said without any value."""
    found: dict[str, str | None] = {}
    problems: list[str] = []
    lines = text.replace("\r\n", "\n").split("\n")
    index = 0
    while index < len(lines):
        number, line = index + 1, lines[index].strip()
        index += 1
        if not line or line.startswith("#"):
            continue
        match = LINE.fullmatch(line)
        if match is None:
            problems.append(f"line {number} is not NAME=value")
            continue
        name, value = match.group(1), match.group(2)
        if value is None or not value:
            found[name] = value
            continue
        quote = value[0]
        if quote in "'\"":
            while _end(value, quote) < 0 and index < len(lines):
                value, index = f"{value}\n{lines[index]}", index + 1
            end = _end(value, quote)
            if end < 0:
                problems.append(f"the quote in line {number} is not closed")
                return found, problems
            inner = value[1:end]
            found[name] = inner.replace("$", "$$") if quote == "'" else re.sub(r"\\(.)", _unescape, inner)
        else:
            found[name] = re.split(r"\s+#", value)[0].strip()
    return found, problems


def _end(value: str, quote: str) -> int:
    index = 1
    while index < len(value):
        if value[index] == "\\" and quote == '"':
            index += 2
            continue
        if value[index] == quote:
            return index
        index += 1
    return -1


def _unescape(match: re.Match[str]) -> str:
    return ESCAPED.get(match.group(1), match.group(0))
