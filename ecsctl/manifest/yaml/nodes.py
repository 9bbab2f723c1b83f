"""A document as a tree in which every key and value knows its place in its file."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from ecsctl.manifest.model import Position

Path = tuple[str | int, ...]

# Why a plain scalar is not what it seems: YAML 1.1 readers (most of them) take it for something else.
NUMBER_TRAPS = {
    "octal": "YAML 1.1 reads the leading zero as an octal number",
    "sexagesimal": "YAML 1.1 reads it as a number in base 60",
    "radix": "YAML reads it as a number in another base or with separators",
}


class Node:
    """Anything in a document. ``line`` and ``column`` count from 1."""

    __slots__ = ("column", "file", "line")

    def __init__(self, file: str, line: int, column: int) -> None:
        self.file, self.line, self.column = file, line, column

    @property
    def position(self) -> Position:
        """Where it begins."""
        return Position(self.file, self.line, self.column)

    @property
    def kind(self) -> str:
        """What it is, for messages."""
        raise NotImplementedError


class Scalar(Node):
    """A string, number, boolean or null.

    ``text`` is what is written (without quotes), ``value`` what it means, ``trap`` is a key of ``NUMBER_TRAPS`` or
    ``boolean`` (for ``NO``, ``on`` …) where YAML 1.1 means something else; ``value`` is then the text. ``style`` is how
    it is quoted (empty where it is not, None where it was not read from a file). ``filled``: a template was filled in,
    so it was text all along; ``unresolved``: only AWS knows its value; ``implied``: nobody wrote it.
    """

    __slots__ = ("filled", "implied", "style", "text", "trap", "unresolved", "value")

    def __init__(
        self,
        file: str,
        line: int,
        column: int,
        value: str | int | float | bool | None,
        text: str | None = None,
        trap: str | None = None,
        *,
        style: str | None = None,
        filled: bool = False,
        unresolved: bool = False,
        implied: bool = False,
    ) -> None:
        self.file, self.line, self.column = file, line, column
        self.value, self.trap = value, trap
        self.style, self.filled, self.unresolved, self.implied = style, filled, unresolved, implied
        self.text = text if text is not None else ("" if value is None else str(value))

    @property
    def kind(self) -> str:
        value = self.value
        if value is None:
            return "null"
        if isinstance(value, bool):
            return f"the boolean {self.text}"
        if isinstance(value, (int, float)):
            return f"the number {self.text}"
        return "an empty string" if value == "" else f"the string {shorten(value)!r}"


class MapNode(Node):
    """A mapping: ``entries`` has the values, ``keys`` the keys' own places."""

    __slots__ = ("entries", "keys")

    def __init__(self, file: str, line: int, column: int) -> None:
        super().__init__(file, line, column)
        self.entries: dict[str, Node] = {}
        self.keys: dict[str, Node] = {}

    @property
    def kind(self) -> str:
        return "a mapping"

    def set(self, key: str, value: Node, at: Node | None = None) -> None:
        """Put ``value`` under ``key``, whose own place is ``at`` (else it is that of the value)."""
        self.entries[key] = value
        self.keys[key] = at if at is not None else self.keys.get(key, value)

    def drop(self, key: str) -> None:
        """Take ``key`` out, if it is there."""
        self.entries.pop(key, None)
        self.keys.pop(key, None)

    def copy(self) -> MapNode:
        """The same entries in a new node."""
        new = MapNode(self.file, self.line, self.column)
        new.entries.update(self.entries)
        new.keys.update(self.keys)
        return new


class ListNode(Node):
    """A sequence."""

    __slots__ = ("items",)

    def __init__(self, file: str, line: int, column: int, items: Iterable[Node] = ()) -> None:
        super().__init__(file, line, column)
        self.items: list[Node] = list(items)

    @property
    def kind(self) -> str:
        return "a list"


def plain(node: Node) -> Any:
    """The tree as plain data: dict, list, str, int, float, bool, None."""
    if isinstance(node, MapNode):
        return {key: plain(value) for key, value in node.entries.items()}
    if isinstance(node, ListNode):
        return [plain(item) for item in node.items]
    assert isinstance(node, Scalar)
    return node.value


def made(data: Any, at: Node) -> Node:
    """Plain data as a tree whose every part stands at the place of ``at``; nodes inside ``data`` stay as they are."""
    if isinstance(data, Node):
        return data
    where = (at.file, at.line, at.column)
    if isinstance(data, Mapping):
        new = MapNode(*where)
        for key, value in data.items():
            new.set(str(key), made(value, at))
        return new
    if isinstance(data, (list, tuple)):
        return ListNode(*where, [made(item, at) for item in data])
    return Scalar(*where, data)


def find(root: Node, path: Path) -> Node:
    """The node at ``path``, or the last one on the way to it that exists."""
    node = root
    for part in path:
        if isinstance(node, MapNode) and part in node.entries:
            node = node.entries[str(part)]
        elif isinstance(node, ListNode) and isinstance(part, int) and 0 <= part < len(node.items):
            node = node.items[part]
        else:
            break
    return node


def place(root: Node, path: Path) -> Node:
    """As ``find``, but a key's own place where the value at ``path`` is a mapping or a list (or is missing)."""
    at: Node = root
    node = root
    for part in path:
        if isinstance(node, MapNode) and part in node.entries:
            at = node.keys[str(part)]
            node = node.entries[str(part)]
        elif isinstance(node, ListNode) and isinstance(part, int) and 0 <= part < len(node.items):
            node = at = node.items[part]
        else:
            return at
    return node if isinstance(node, Scalar) else at


def path_text(path: Path) -> str:
    """A path as people write it: ``services.web.loadBalancers[0].containerPort``."""
    text = ""
    for part in path:
        if isinstance(part, int):
            text += f"[{part}]"
        else:
            text += f".{part}" if text else part
    return text


def walk(node: Node, path: Path = ()) -> Iterator[tuple[Path, Node]]:
    """Every node of a tree with its path, parents first."""
    yield path, node
    if isinstance(node, MapNode):
        for key, value in node.entries.items():
            yield from walk(value, (*path, key))
    elif isinstance(node, ListNode):
        for index, item in enumerate(node.items):
            yield from walk(item, (*path, index))


def shorten(text: str, length: int = 60) -> str:
    """Text for a message, cut in length."""
    return text if len(text) <= length else text[: length - 1] + "…"
