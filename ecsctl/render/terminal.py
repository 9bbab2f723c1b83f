"""What the terminal takes: colours or none, how wide it is, whether lines may be redrawn. Imports nothing heavy."""

from __future__ import annotations

import os
import shutil
from typing import TextIO

OFF = ("", "0", "false", "no")
# When neither the terminal nor COLUMNS tells.
WIDTH = 80


def colours(stream: TextIO) -> bool:
    """Whether to write colours to ``stream``.

    ``NO_COLOR`` (not empty) says no before all others; ``FORCE_COLOR`` and ``CLICOLOR_FORCE`` say yes, also in a pipe
    (with 0: no); then ``TERM=dumb`` and ``CLICOLOR=0`` say no; else a terminal gets them.
    """
    env = os.environ
    if env.get("NO_COLOR"):
        return False
    if "FORCE_COLOR" in env:
        return env["FORCE_COLOR"].lower() not in ("0", "false", "no")
    if env.get("CLICOLOR_FORCE", "").lower() not in OFF:
        return True
    if env.get("TERM") == "dumb" or env.get("CLICOLOR") == "0":
        return False
    return is_terminal(stream)


def is_terminal(stream: TextIO) -> bool:
    """Whether a person sees it on a terminal."""
    try:
        return stream.isatty()
    except ValueError:
        return False


def redraws(stream: TextIO) -> bool:
    """Whether what was written can be drawn over: a terminal, and not a dumb one."""
    return is_terminal(stream) and os.environ.get("TERM") != "dumb"


def width(stream: TextIO) -> int | None:
    """The columns of the terminal; None where ``stream`` is none, and nothing has to fit.

    ``COLUMNS`` goes before what the terminal says.
    """
    if not is_terminal(stream):
        return None
    return shutil.get_terminal_size((WIDTH, 24)).columns


def height(stream: TextIO) -> int:
    """The lines of the terminal."""
    return shutil.get_terminal_size((WIDTH, 24)).lines


def broken(text: str, stream: TextIO, *, taken: int = 0, indent: str = "") -> str:
    """``text`` with its lines broken between words where they are longer than the terminal is wide.

    Args:
        taken: how many columns of the first line something else takes.
        indent: stands before each line but the first.
    """
    columns = width(stream)
    if columns is None or taken + len(text) <= columns:
        return text
    import textwrap

    made: list[str] = []
    for line in text.split("\n"):
        before = len(line) - len(line.lstrip())
        parts = textwrap.wrap(
            line.strip(),
            columns,
            initial_indent=" " * (before or (taken if not made else 0)),
            subsequent_indent=indent,
            break_long_words=False,
            break_on_hyphens=False,
        )
        if not made and parts and taken:
            parts[0] = parts[0][taken:]
        made += parts or [""]
    return "\n".join(made)


def paint(text: str, colour: int) -> str:
    """``text`` in one of the terminal's 8 or 16 colours (30 to 37, 90 to 97)."""
    return f"\x1b[{colour}m{text}\x1b[0m"
