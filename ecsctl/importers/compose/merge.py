"""Compose's rules for laying one service over another: override files, ``extends`` and ``include``."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from ecsctl.importers.report import is_null
from ecsctl.manifest.model import Position
from ecsctl.manifest.yaml.nodes import ListNode, MapNode, Node, Scalar, plain

REPLACED = {"command", "entrypoint", "test"}
ASSIGNMENTS = {"environment", "labels", "annotations", "sysctls", "args", "driver_opts"}
NAMES = {"depends_on", "networks"}
BY_TARGET = {"volumes", "devices"}
BY_SOURCE = {"secrets", "configs"}


@dataclass
class Tags:
    """The places of values that carry Compose's own tags: ``!reset`` takes a value out, ``!override`` replaces it."""

    reset: set[Position] = field(default_factory=set)
    override: set[Position] = field(default_factory=set)


def merge(base: Node, over: Node, tags: Tags, key: str = "") -> Node:
    """``base`` with ``over`` laid over it; every value keeps the place where it was written."""
    if over.position in tags.override or is_null(base) or key in REPLACED:
        return over
    if is_null(over):
        return base
    if key in ASSIGNMENTS:
        base, over = as_mapping(base), as_mapping(over)
    elif key in NAMES:
        base, over = as_mapping(base, lambda text: (text, None)), as_mapping(over, lambda text: (text, None))
    if isinstance(base, MapNode) and isinstance(over, MapNode):
        merged = base.copy()
        for name, value in over.entries.items():
            if value.position in tags.reset:
                merged.drop(name)
            elif name in base.entries:
                merged.set(name, merge(base.entries[name], value, tags, name), over.keys[name])
            else:
                merged.set(name, value, over.keys[name])
        return merged
    if isinstance(base, ListNode) and isinstance(over, ListNode):
        return _appended(base, over, key)
    return over


def without_resets(node: Node, tags: Tags) -> Node:
    """A tree without the values that ``!reset`` takes out."""
    if isinstance(node, MapNode):
        kept = MapNode(node.file, node.line, node.column)
        for name, value in node.entries.items():
            if value.position not in tags.reset:
                kept.set(name, without_resets(value, tags), node.keys[name])
        return kept
    if isinstance(node, ListNode):
        items = [without_resets(item, tags) for item in node.items if item.position not in tags.reset]
        return ListNode(node.file, node.line, node.column, items)
    return node


def _assignment(text: str) -> tuple[str, str | None]:
    name, equals, value = text.partition("=")
    return name, value if equals else None


def as_mapping(node: Node, parse: Callable[[str], tuple[str, str | None]] = _assignment) -> Node:
    """A list of ``NAME=value`` (or of names) as a mapping; anything else as it is."""
    if not isinstance(node, ListNode) or not all(isinstance(item, Scalar) for item in node.items):
        return node
    made = MapNode(node.file, node.line, node.column)
    for item in node.items:
        assert isinstance(item, Scalar)
        name, value = parse(item.text)
        made.set(name, Scalar(item.file, item.line, item.column, value, value), item)
    return made


def _appended(base: ListNode, over: ListNode, key: str) -> Node:
    items = list(base.items)
    for item in over.items:
        identity = _identity(item, key)
        same = [index for index, old in enumerate(items) if _identity(old, key) == identity]
        if same:
            items[same[0]] = item
        else:
            items.append(item)
    return ListNode(over.file, over.line, over.column, items)


def _identity(node: Node, key: str) -> object:
    data = plain(node)
    if isinstance(data, dict) and key in BY_TARGET | BY_SOURCE:
        return str(data.get("target") or data.get("source") or data)
    if isinstance(data, str) and key in BY_TARGET:
        parts = data.split(":")
        return parts[1] if len(parts) > 1 else parts[0]
    return repr(data)
