"""Renders plain data as YAML that people like to edit: block style, comments, quotes only where they are needed."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ecsctl.manifest.yaml.dump import AMBIGUOUS

WIDTH = 100

PLAIN = re.compile(r"[A-Za-z0-9_./\\$(<^+=][^\x00-\x1f\x7f-\x9f\"'`\[\]{},#&*!|>%@]*")
PRINTABLE = re.compile("[\t\x20-\x7e\xa0-\u2027\u202a-\ud7ff\ue000-\ufefe\uff00-\ufffd\U00010000-\U0010ffff]*")
ESCAPES = {"\\": "\\\\", '"': '\\"', "\n": "\\n", "\t": "\\t", "\r": "\\r"}


@dataclass(frozen=True)
class Commented:
    """A value with comments: lines ``above`` its key, or a few words ``beside`` it."""

    value: Any
    above: tuple[str, ...] = ()
    beside: str = ""


@dataclass(frozen=True)
class Flow:
    """A mapping or list to be written in one line: ``{min: 1, max: 4}``."""

    value: Any


def render(document: Mapping[str, Any], *, header: Sequence[str] = (), footer: Sequence[str] = ()) -> str:
    """The document as YAML text with a last newline.

    Args:
        document: mappings, lists and scalars, in which ``Commented`` and ``Flow`` may stand anywhere.
        header: comment lines at the beginning, without ``#``.
        footer: comment lines at the end.
    """
    lines = [*comments(header)]
    for key, value in document.items():
        if lines and (_is_block(bare(value)) or (isinstance(value, Commented) and value.above)):
            lines.append("")
        lines += _entry(key, value, "")
    if footer:
        lines += ["", *comments(footer)]
    return "\n".join(lines) + "\n"


def comments(lines: Sequence[str], indent: str = "") -> Iterator[str]:
    """Comment lines; a text with line breaks makes several, and characters that YAML forbids are shown escaped."""
    for text in lines:
        for line in text.splitlines() or [""]:
            safe = "".join(char if PRINTABLE.fullmatch(char) else escape(char) for char in line).rstrip()
            yield f"{indent}# {safe}".rstrip()


def bare(value: Any) -> Any:
    """The value without its comments."""
    return bare(value.value) if isinstance(value, Commented) else value


def strip(value: Any) -> Any:
    """Plain data: all comments and styles taken off."""
    if isinstance(value, (Commented, Flow)):
        return strip(value.value)
    if isinstance(value, Mapping):
        return {key: strip(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [strip(item) for item in value]
    return value


def _is_block(value: Any) -> bool:
    return isinstance(value, (Mapping, list, tuple)) and bool(value) and flow(value) is None


def _entry(key: str, value: Any, indent: str) -> list[str]:
    above: tuple[str, ...] = ()
    beside = ""
    while isinstance(value, Commented):
        above, beside, value = (*above, *value.above), beside or value.beside, value.value
    name = scalar(str(key))
    lead = f"? {name}\n{indent}:" if len(name) > WIDTH else f"{name}:"
    lines = [*comments(above, indent)]
    body = _value(value, indent)
    tail = "  " + next(iter(comments([beside]))) if beside else ""
    if isinstance(body, str):
        head, newline, rest = body.partition("\n")
        return [*lines, f"{indent}{lead} {head}{tail}{newline}{rest}"]
    return [*lines, f"{indent}{lead}{tail}", *body]


def _value(value: Any, indent: str) -> str | list[str]:
    """A text that goes behind the colon, or the lines of a block below it."""
    short = flow(value)
    if short is not None:
        return short
    inner = indent + "  "
    if isinstance(value, Mapping):
        return [line for key, item in value.items() for line in _entry(key, item, inner)]
    if isinstance(value, (list, tuple)):
        return [line for item in value for line in _item(item, inner)]
    assert isinstance(value, str)
    return _literal(value, inner) or quoted(value)


def _item(value: Any, indent: str) -> list[str]:
    above: tuple[str, ...] = ()
    beside = ""
    while isinstance(value, Commented):
        above, beside, value = (*above, *value.above), beside or value.beside, value.value
    lines = [*comments(above, indent)]
    body = _value(value, indent)
    tail = "  " + next(iter(comments([beside]))) if beside else ""
    if isinstance(body, str):
        head, newline, rest = body.partition("\n")
        return [*lines, f"{indent}- {head}{tail}{newline}{rest}"]
    if isinstance(value, Mapping) and not body[0].lstrip().startswith("#"):
        first = body[0]
        return [
            *lines,
            *([f"{indent}{tail.strip()}"] if tail else []),
            f"{indent}- {first[len(indent) + 2 :]}",
            *body[1:],
        ]
    return [*lines, f"{indent}-{tail}", *body]


def flow(value: Any) -> str | None:
    """The value in one line, or None where a block is better (or comments forbid it)."""
    if isinstance(value, Flow):
        return one_line(value.value)
    if isinstance(value, Mapping):
        return None if value else "{}"
    if isinstance(value, (list, tuple)):
        if any(isinstance(item, (Mapping, list, tuple, Commented, Flow)) for item in value):
            return None
        if any(isinstance(item, str) and ("\n" in item or len(item) > WIDTH) for item in value):
            return None
        text = one_line(value)
        return text if len(text) <= WIDTH else None
    if isinstance(value, str) and "\n" in value.rstrip("\n"):
        return None
    return scalar(value)


def one_line(value: Any) -> str:
    """Any value in flow style; comments inside it are left out."""
    value = strip(value)
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{scalar(str(key), flow=True)}: {one_line(item)}" for key, item in value.items()) + "}"
    if isinstance(value, list):
        # Inside brackets every text is quoted, as people write ["80:80"] and commands.
        return "[" + ", ".join(quoted(item) if isinstance(item, str) else one_line(item) for item in value) + "]"
    return scalar(value, flow=True)


def scalar(value: Any, *, flow: bool = False) -> str:
    """A scalar, with quotes only where YAML needs them (YAML 1.1 and 1.2 alike); ``flow``: inside brackets."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (int, float)):
        return repr(value)
    text = str(value)
    plain = PLAIN.fullmatch(text) and not AMBIGUOUS.fullmatch(text) and PRINTABLE.fullmatch(text)
    if plain and ": " not in text and not text.endswith((" ", ":")) and "\t" not in text:
        return text
    template = re.fullmatch(r"[A-Za-z0-9_./:$-]*(\$\{[A-Za-z0-9_]+(:[-?][A-Za-z0-9_./-]*)?\}[A-Za-z0-9_./-]*)+", text)
    if template and not flow and not AMBIGUOUS.fullmatch(text):
        return text
    return quoted(text)


def quoted(text: str) -> str:
    """A text in double quotes."""
    return (
        '"' + "".join(ESCAPES.get(char) or (char if PRINTABLE.fullmatch(char) else escape(char)) for char in text) + '"'
    )


def escape(char: str) -> str:
    """YAML's escape of a character."""
    code = ord(char)
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


def _literal(text: str, indent: str) -> str | None:
    """A text of several lines as a literal block, where YAML gives back exactly that text."""
    lines = text.split("\n")
    if not all(PRINTABLE.fullmatch(line) for line in lines):
        return None
    if not lines[0] or lines[0][0] in " \t" or any(line.strip() == "" and line for line in lines):
        return None
    chomp = "-"
    if not lines[-1]:
        # A block that keeps several last line breaks would take the document's own empty lines for its text.
        if not lines[-2]:
            return None
        chomp = ""
        lines.pop()
    return "\n".join([f"|{chomp}", *(f"{indent}{line}" if line else "" for line in lines)])
