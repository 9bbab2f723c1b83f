"""Makes the tree of a document from the events of a YAML or JSON reader, and catches what both allow to go wrong."""

from __future__ import annotations

import math
import re

from ecsctl.manifest.model import Fault, Position
from ecsctl.manifest.yaml.nodes import ListNode, MapNode, Node, Path, Scalar, path_text, shorten

MAX_DEPTH = 100
MAX_NODES = 300_000
MAX_FAULTS = 200

INTEGER = re.compile(r"[-+]?(?:0|[1-9][0-9]*)")
FLOAT = re.compile(r"[-+]?(?:[0-9]+\.[0-9]*|\.[0-9]+|[0-9]+(?=[eE]))(?:[eE][-+]?[0-9]+)?")
SEXAGESIMAL = re.compile(r"[-+]?[0-9][0-9_]*(?::[0-5]?[0-9])+(?:\.[0-9_]*)?")
RADIX = re.compile(r"[-+]?(?:0x[0-9a-fA-F_]+|0o[0-7]+|0b[01_]+|[0-9][0-9_]*)")
NULLS = {"", "~", "null", "Null", "NULL"}
BOOLEANS = {"true": True, "True": True, "TRUE": True, "false": False, "False": False, "FALSE": False}
TRAP_BOOLEANS = {"yes": True, "no": False, "on": True, "off": False}
LONGEST_NUMBER = 40


class UnreadableError(Exception):
    """The document cannot be read on; carries the fault."""

    def __init__(self, fault: Fault) -> None:
        super().__init__(str(fault))
        self.fault = fault


def resolve(text: str) -> tuple[str | int | float | bool | None, str | None]:
    """What a plain scalar means, and the trap it is (a key of ``nodes.NUMBER_TRAPS``, ``boolean``, or None).

    Only what every YAML reader agrees on becomes a number or a boolean; the rest stays text.
    """
    if not text or text[0] not in "0123456789+-.~nNtTfFyYoO":
        return (None if text in NULLS else text), None
    if text in NULLS:
        return None, None
    if text in BOOLEANS:
        return BOOLEANS[text], None
    if text.lower() in TRAP_BOOLEANS:
        return text, "boolean"
    if len(text) > LONGEST_NUMBER:
        return text, None
    if INTEGER.fullmatch(text):
        return int(text), None
    if FLOAT.fullmatch(text):
        number = float(text)
        return (number if math.isfinite(number) else text), None
    if SEXAGESIMAL.fullmatch(text):
        return text, "sexagesimal"
    if RADIX.fullmatch(text):
        return text, "octal" if re.fullmatch(r"[-+]?0[0-7_]+", text) else "radix"
    return text, None


class Builder:
    """Takes events in document order; ``root`` is the tree, ``faults`` what was wrong but could be read past.

    Lines and columns count from 1. Every method raises ``UnreadableError`` where it makes no sense to read on.
    """

    def __init__(self, file: str) -> None:
        self.file = file
        self.root: Node | None = None
        self.faults: list[Fault] = []
        self._stack: list[MapNode | ListNode] = []
        self._keys: list[Scalar | None] = []
        self._merges: list[list[Node]] = []
        self._names: list[str | None] = []
        self._sizes: list[int] = []
        self._size: dict[int, int] = {}
        self._anchors: dict[str, Node] = {}
        self._open: set[str] = set()

    def fault(self, line: int, column: int, message: str, allowed: str | None = None, path: Path = ()) -> Fault:
        """A fault of this file, ``path`` in its tree where one can be told."""
        return Fault(Position(self.file, line, column), path_text(path), message, allowed=allowed)

    def path(self) -> Path:
        """Where the next key or item goes: the keys and indices above it."""
        way: list[str | int] = []
        for node, key in zip(self._stack, self._keys, strict=True):
            if isinstance(node, ListNode):
                way.append(len(node.items))
            elif key is not None:
                way.append(key.text)
        return tuple(way)

    def start(self, node: MapNode | ListNode, anchor: str | None = None) -> None:
        """A mapping or list begins."""
        if len(self._stack) >= MAX_DEPTH:
            raise UnreadableError(self.fault(node.line, node.column, f"nested deeper than {MAX_DEPTH} levels"))
        self._refuse_as_key(node)
        self._stack.append(node)
        self._keys.append(None)
        self._merges.append([])
        self._names.append(anchor)
        self._sizes.append(1)
        if anchor:
            self._open.add(anchor)

    def end(self) -> None:
        """The mapping or list that began last ends."""
        node, key, merges = self._stack.pop(), self._keys.pop(), self._merges.pop()
        anchor, size = self._names.pop(), self._sizes.pop()
        assert key is None or isinstance(node, MapNode)
        for source in merges:
            assert isinstance(node, MapNode)
            size += self._merge(node, source)
        if anchor:
            self._open.discard(anchor)
            self._anchors[anchor] = node
        self._size[id(node)] = size
        self._add(node, size)

    def scalar(self, node: Scalar, anchor: str | None = None, *, plain: bool = False) -> None:
        """A scalar; ``plain``: it is written without quotes."""
        if anchor:
            self._anchors[anchor] = node
        if not self._stack:
            self.root = node
            return
        parent, key = self._stack[-1], self._keys[-1]
        if type(parent) is ListNode:
            self._grow(1, node)
            parent.items.append(node)
        elif key is None:
            self._take_key(node, plain)
        else:
            self._add(node, 1)

    def alias(self, name: str, line: int, column: int) -> None:
        """``*name``: the node that was anchored so."""
        node = self._anchors.get(name)
        if node is None or name in self._open:
            within = name in self._open
            raise UnreadableError(
                self.fault(
                    line,
                    column,
                    f"the alias *{shorten(name)} " + ("refers to itself" if within else "is not defined"),
                    allowed=None if within else f"define it before as &{shorten(name)} VALUE",
                )
            )
        if self._wants_key():
            if not isinstance(node, Scalar):
                raise UnreadableError(self.fault(line, column, "a key must be a string, not a mapping or a list"))
            self._take_key(Scalar(self.file, line, column, node.value, node.text), plain=False)
        else:
            self._add(node, self._size.get(id(node), 1))

    def _note(self, fault: Fault) -> None:
        self.faults.append(fault)
        if len(self.faults) >= MAX_FAULTS:
            assert fault.position is not None
            line, column = fault.position.line, fault.position.column
            raise UnreadableError(self.fault(line, column, f"more than {MAX_FAULTS} faults; reading stops here"))

    def _wants_key(self) -> bool:
        return bool(self._stack) and isinstance(self._stack[-1], MapNode) and self._keys[-1] is None

    def _refuse_as_key(self, node: Node) -> None:
        if self._wants_key():
            raise UnreadableError(
                self.fault(
                    node.line,
                    node.column,
                    f"a key must be a string, not {node.kind}",
                    allowed="quote a value that begins with { or [",
                )
            )

    def _take_key(self, node: Scalar, plain: bool) -> None:
        parent = self._stack[-1]
        assert isinstance(parent, MapNode)
        if plain and node.text == "":
            self.faults.append(
                self.fault(node.line, node.column, "a key is missing before the colon", path=self.path())
            )
        if node.text in parent.keys:
            first = parent.keys[node.text]
            self._note(
                self.fault(
                    node.line,
                    node.column,
                    f"duplicate key {shorten(node.text)!r} (first in line {first.line})",
                    path=(*self.path(), node.text),
                )
            )
        node.trap = "merge" if node.text == "<<" and plain else None
        self._keys[-1] = node

    def _add(self, node: Node, size: int) -> None:
        if not self._stack:
            self.root = node
            return
        parent = self._stack[-1]
        self._grow(size, node)
        if isinstance(parent, ListNode):
            parent.items.append(node)
            return
        key = self._keys[-1]
        assert key is not None
        self._keys[-1] = None
        if key.trap == "merge":
            self._merges[-1].append(node)
        elif key.text not in parent.entries:
            parent.set(key.text, node, key)

    def _grow(self, size: int, node: Node) -> None:
        self._sizes[-1] += size
        if self._sizes[-1] > MAX_NODES:
            message = f"more than {MAX_NODES} values (aliases that multiply themselves?)"
            raise UnreadableError(self.fault(node.line, node.column, message))

    def _merge(self, node: MapNode, source: Node) -> int:
        size = 0
        for part in source.items if isinstance(source, ListNode) else [source]:
            if not isinstance(part, MapNode):
                what = f"<< merges mappings, not {part.kind}"
                self.faults.append(self.fault(part.line, part.column, what, path=self.path()))
                continue
            for key, value in part.entries.items():
                if key not in node.entries:
                    node.set(key, value, part.keys[key])
                    size += self._size.get(id(value), 1)
            if size > MAX_NODES:
                raise UnreadableError(self.fault(node.line, node.column, f"more than {MAX_NODES} values after merging"))
        return size
