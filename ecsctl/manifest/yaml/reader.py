"""Reads bytes as YAML or JSON into a tree with positions. Whatever the bytes are, the answer is a tree or faults."""

from __future__ import annotations

import json
import re
from typing import Any

from ecsctl.manifest.model import Fault, Position
from ecsctl.manifest.yaml.nodes import ListNode, MapNode, Node, Scalar, shorten
from ecsctl.manifest.yaml.tree_builder import MAX_DEPTH, Builder, UnreadableError, resolve

MAX_BYTES = 4 * 1024 * 1024

# What YAML allows in a file, less the form feed and its like that editors hide.
FORBIDDEN = re.compile("[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
# Python reads no longer number from text (sys.int_info.default_max_str_digits), and nothing here is one.
ENDLESS = re.compile(r"\d{4301}")
TOKEN = re.compile(
    r"(?P<space>[ \t\r\n]+)|(?P<punct>[{}\[\],:])|(?P<string>\"(?:[^\"\\\x00-\x1f]|\\.)*\")"
    r"|(?P<number>-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][-+]?\d+)?)(?![\w.])|(?P<word>true|false|null)(?!\w)"
)
WORDS = {"true": True, "false": False, "null": None}
STR = "tag:yaml.org,2002:str"
KNOWN_TAGS = {f"tag:yaml.org,2002:{name}" for name in ("str", "int", "float", "bool", "null", "map", "seq")}


def read(file: str, data: bytes) -> tuple[Node | None, list[Fault]]:
    """Read a document.

    Args:
        file: its name, for positions; a name ending in ``.json`` is read as JSON only.
        data: its bytes, UTF-8.

    Returns:
        the tree (None where it could not be read to its end) and all faults that were found.
    """
    builder = Builder(file)
    try:
        text = _decode(builder, data)
        if _says_json(file, text):
            _read_json(builder, text)
        else:
            _read_yaml(builder, text)
    except UnreadableError as stop:
        return None, [*builder.faults, stop.fault]
    if builder.root is None:
        builder.faults.append(builder.fault(1, 1, "the file is empty"))
    return builder.root, builder.faults


def is_json(file: str, data: bytes) -> bool:
    """Whether a document is read as JSON, by its name or by what it holds; its bytes are UTF-8 or not read at all."""
    return _says_json(file, data.decode("utf-8-sig", "replace"))


def _says_json(file: str, text: str) -> bool:
    return file.lower().endswith(".json") or (text.lstrip()[:1] in ("{", "[") and _is_json(file, text))


def _decode(builder: Builder, data: bytes) -> str:
    if len(data) > MAX_BYTES:
        size = f"the file is larger than {MAX_BYTES // 1024 // 1024} MiB"
        raise UnreadableError(builder.fault(1, 1, size))
    if data[:2] in (b"\xff\xfe", b"\xfe\xff"):
        raise UnreadableError(builder.fault(1, 1, "the file is UTF-16", allowed="save it as UTF-8"))
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        before = data[: error.start]
        line = before.count(b"\n") + 1
        column = len(before[before.rfind(b"\n") + 1 :].decode("utf-8", "replace")) + 1
        message = f"the byte 0x{data[error.start]:02x} is not UTF-8"
        raise UnreadableError(builder.fault(line, column, message, allowed="save the file as UTF-8")) from None
    bad = FORBIDDEN.search(text)
    if bad:
        line, column = _where(text, bad.start())
        raise UnreadableError(
            builder.fault(line, column, f"the control character U+{ord(bad.group()):04X} is not allowed")
        )
    endless = ENDLESS.search(text)
    if endless:
        raise UnreadableError(builder.fault(*_where(text, endless.start()), "a number of more than 4300 digits"))
    return text


def _where(text: str, index: int) -> tuple[int, int]:
    return text.count("\n", 0, index) + 1, index - (text.rfind("\n", 0, index) + 1) + 1


def _is_json(file: str, text: str) -> bool:
    try:
        _read_json(Builder(file), text)
    except UnreadableError:
        return False
    return True


def _read_json(builder: Builder, text: str) -> None:
    """A JSON reader without recursion, so that no depth of nesting can hurt it."""
    stack: list[str] = []
    wants = "value"
    index, line, start = 0, 1, 0
    while index < len(text):
        match = TOKEN.match(text, index)
        at = (line, index - start + 1)
        if match is None:
            raise UnreadableError(_json_fault(builder, text, index, at))
        kind, token = match.lastgroup, match.group()
        index = match.end()
        if kind == "space":
            newlines = token.count("\n")
            if newlines:
                line, start = line + newlines, match.start() + token.rfind("\n") + 1
            continue
        if token in ("}", "]") and kind == "punct":
            closes = stack and stack[-1] == token and wants in ("comma", "first")
            if not closes:
                after = "a trailing comma before it" if wants in ("value", "key") and stack else "nothing to close"
                raise UnreadableError(builder.fault(*at, f"unexpected {token!r}: {after}"))
            stack.pop()
            builder.end()
            wants = "comma" if stack else "end"
        elif kind == "punct" and token in ",:":
            if token == ":" and wants == "colon":
                wants = "value"
            elif token == "," and wants == "comma":
                wants = "key" if stack[-1] == "}" else "value"
            else:
                raise UnreadableError(builder.fault(*at, f"unexpected {token!r}", allowed=_expected(wants, stack)))
        elif wants == "key" or (wants == "first" and stack[-1] == "}"):
            if kind != "string":
                raise UnreadableError(
                    builder.fault(*at, f"{token} is not a valid key", allowed='keys must be in "quotes"')
                )
            builder.scalar(Scalar(builder.file, *at, _json_string(builder, token, at)))
            wants = "colon"
        elif wants in ("value", "first"):
            wants = _json_value(builder, kind, token, at, stack)
        else:
            raise UnreadableError(builder.fault(*at, f"unexpected {shorten(token)}", allowed=_expected(wants, stack)))
    if wants != "end":
        last = _where(text, len(text.rstrip()))
        if not text.strip():
            raise UnreadableError(builder.fault(1, 1, "the file is empty"))
        raise UnreadableError(builder.fault(*last, "unexpected end of the JSON", allowed=_expected(wants, stack)))


def _json_value(builder: Builder, kind: str | None, token: str, at: tuple[int, int], stack: list[str]) -> str:
    if token == "{":
        builder.start(MapNode(builder.file, *at))
        stack.append("}")
        return "first"
    if token == "[":
        builder.start(ListNode(builder.file, *at))
        stack.append("]")
        return "first"
    value: Any
    if kind == "string":
        value = _json_string(builder, token, at)
        node = Scalar(builder.file, *at, value, style='"')
    else:
        value = WORDS[token] if kind == "word" else resolve(token)[0]
        node = Scalar(builder.file, *at, value, token)
    builder.scalar(node)
    return "comma" if stack else "end"


def _json_string(builder: Builder, token: str, at: tuple[int, int]) -> str:
    if "\\" not in token:
        return token[1:-1]
    try:
        text = json.loads(token)
    except ValueError:
        raise UnreadableError(builder.fault(*at, "the string has a backslash that escapes nothing")) from None
    assert isinstance(text, str)
    if FORBIDDEN.search(text) and any(0xD800 <= ord(char) <= 0xDFFF for char in text):
        raise UnreadableError(builder.fault(*at, "the string has half of a surrogate pair"))
    return text


def _json_fault(builder: Builder, text: str, index: int, at: tuple[int, int]) -> Fault:
    rest = text[index : index + 20]
    if rest.startswith('"'):
        return builder.fault(*at, "the string is not closed on its line")
    if rest.startswith(("//", "/*", "#")):
        return builder.fault(*at, "JSON has no comments", allowed="remove them, or name the file .yaml")
    if rest.startswith("'"):
        return builder.fault(*at, "strings in JSON need double quotes", allowed='write "…"')
    word = re.match(r"\w+|.", rest)
    return builder.fault(*at, f"{word.group() if word else rest!r} is not valid JSON")


def _expected(wants: str, stack: list[str]) -> str:
    close = f" or {stack[-1]!r}" if stack else ""
    return {
        "comma": f"expected ','{close}",
        "colon": "expected ':'",
        "key": "expected a key",
        "end": "expected the end of the file",
        "first": f"expected a value{close}",
    }.get(wants, "expected a value")


def _read_yaml(builder: Builder, text: str) -> None:
    import yaml

    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    documents = 0
    try:
        events: Any = yaml.parse(text, Loader=loader)
        for event in events:
            if isinstance(event, yaml.DocumentStartEvent):
                documents += 1
                if documents > 1:
                    mark: Any = event.start_mark
                    second = "a second document starts here; a file must be a single one"
                    raise UnreadableError(
                        builder.fault(
                            mark.line + 1, 1, second, allowed="remove the `---`, or use two files and -f twice"
                        )
                    )
            else:
                _take(builder, event, yaml)
    except yaml.YAMLError as error:
        raise UnreadableError(_yaml_fault(builder, text, error)) from None
    except RecursionError:
        raise UnreadableError(builder.fault(1, 1, "nested too deep")) from None


def _take(builder: Builder, event: Any, yaml: Any) -> None:
    mark, kind = event.start_mark, type(event)
    line, column = mark.line + 1, mark.column + 1
    if kind is yaml.ScalarEvent:
        style, tag, text = event.style or "", event.tag, event.value
        plain = style == "" and event.implicit[0]
        value, trap = text, None
        if tag is not None and tag != "!":
            value = _tagged(builder, event, line, column)
        elif plain:
            value, trap = resolve(text)
        builder.scalar(Scalar(builder.file, line, column, value, text, trap, style=style), event.anchor, plain=plain)
    elif kind is yaml.MappingEndEvent or kind is yaml.SequenceEndEvent:
        builder.end()
    elif kind is yaml.MappingStartEvent or kind is yaml.SequenceStartEvent:
        if event.tag is not None and event.tag not in KNOWN_TAGS and event.tag != "!":
            builder.faults.append(builder.fault(line, column, _unknown_tag(event.tag)))
        node = MapNode if kind is yaml.MappingStartEvent else ListNode
        builder.start(node(builder.file, line, column), event.anchor)
    elif kind is yaml.AliasEvent:
        builder.alias(event.anchor, line, column)


def _tagged(builder: Builder, event: Any, line: int, column: int) -> Any:
    if event.tag == STR:
        return event.value
    value = resolve(event.value)[0]
    types: dict[str, Any] = {"int": int, "float": (int, float), "bool": bool, "null": type(None)}
    wanted = types.get(event.tag.rpartition(":")[2])
    if event.tag not in KNOWN_TAGS or wanted is None:
        builder.faults.append(builder.fault(line, column, _unknown_tag(event.tag)))
    elif not isinstance(value, wanted):
        tag = event.tag.rpartition(":")[2]
        builder.faults.append(builder.fault(line, column, f"{shorten(event.value)!r} is not a valid {tag}"))
    return value


def _unknown_tag(tag: str) -> str:
    name = tag.replace("tag:yaml.org,2002:", "!!")
    return f"unknown tag {shorten(name)}"


def _yaml_fault(builder: Builder, text: str, error: Any) -> Fault:
    mark: Any = getattr(error, "problem_mark", None) or getattr(error, "context_mark", None)
    if mark is None:
        return builder.fault(1, 1, f"not YAML: {shorten(str(error), 200)}")
    line, column = mark.line + 1, mark.column + 1
    lines = text.splitlines()
    content = lines[mark.line] if mark.line < len(lines) else ""
    problem = str(getattr(error, "problem", None) or "it cannot be read")
    indent = content[: len(content) - len(content.lstrip())]
    char = content[mark.column : mark.column + 1]
    allowed = None
    if "maximum nesting depth" in problem:
        # PyYAML 6.0.4 and newer stop by themselves, and read ahead so far that the tree has not grown deep yet.
        problem = f"nested deeper than {MAX_DEPTH} levels"
    elif "cannot start any token" in problem and ("\t" in indent or char == "\t"):
        column = content.index("\t") + 1
        problem, allowed = "a tab in the indentation", "YAML is indented with spaces"
    elif "cannot start any token" in problem:
        problem, allowed = f"a plain value cannot begin with {char!r}", "put the value in quotes"
    elif "mapping values are not allowed" in problem:
        problem, allowed = "unexpected colon", "quote a value that has ': ' in it, or check the indentation"
    elif "could not find expected ':'" in problem:
        problem, allowed = "a colon is missing after a key", "write `key: value`"
    elif "expected <block end>" in problem or "did not find expected key" in problem:
        problem, allowed = "wrong indentation", "keys of one mapping begin in the same column"
    elif "end of stream" in problem and "quoted" in str(getattr(error, "context", "")):
        begin: Any = getattr(error, "context_mark", None) or mark
        line, column, problem = begin.line + 1, begin.column + 1, "the quote is not closed"
    else:
        context = getattr(error, "context", None)
        problem = f"not YAML: {problem}" + (f" {context}" if context else "")
    if "${" in content:
        allowed = "quote a template inside { } or [ ]"
    return Fault(Position(builder.file, line, column), "", problem, allowed=allowed)
