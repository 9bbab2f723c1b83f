"""An answer of the EC2 query protocol as botocore gives it, read in one pass without a tree of elements."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

Json = dict[str, Any]

SCALARS: Mapping[str, Callable[[str], Any]] = {
    "string": str,
    "integer": int,
    "long": int,
    "double": float,
    "float": float,
    "boolean": lambda text: text == "true",
    "timestamp": lambda text: datetime.fromisoformat(text.replace("Z", "+00:00")),
}


@dataclass(slots=True)
class _Node:
    """What an element of a shape holds: a scalar to ``convert``, ``members`` by their elements, or ``item``s."""

    convert: Callable[[str], Any] | None = None
    members: dict[str, tuple[str, _Node]] = field(default_factory=dict)
    item: _Node | None = None


def parse(text: bytes, root: str, shape: str, shapes: Mapping[str, Json]) -> Json:
    """The members of a structure that the document says. An element that the model does not know is left out.

    Args:
        root: the name of the document's element.
        shape: the structure's name in ``shapes``, which are as :mod:`ecsctl.aws.fast.record` keeps them.

    Raises:
        ValueError, ExpatError, KeyError: the document is another one, or not one.
    """
    from xml.parsers.expat import ParserCreate

    answer: Json = {}
    node = _node(shape, shapes, {})
    value: Any = answer
    name = ""
    # The open elements around the innermost one: what they hold so far, and under which name that is kept.
    around: list[tuple[_Node, Any, str]] = []
    unknown = 0
    characters: list[str] = []

    def first(tag: str, attributes: Mapping[str, str]) -> None:
        if _local(tag) != root:
            raise ValueError(tag)
        parser.StartElementHandler = start

    def start(tag: str, attributes: Mapping[str, str]) -> None:
        nonlocal node, value, name, unknown
        if unknown:
            unknown += 1
            return
        inner = node.item
        member = ""
        if inner is None:
            found = node.members.get(tag) or node.members.get(_local(tag))
            if found is None:
                unknown = 1
                return
            member, inner = found
        around.append((node, value, name))
        node, name = inner, member
        if inner.convert is None:
            value = [] if inner.item else {}
        else:
            characters.clear()

    def end(tag: str) -> None:
        nonlocal node, value, name, unknown
        if unknown:
            unknown -= 1
            return
        if not around:
            return
        made = node.convert("".join(characters)) if node.convert else value
        member = name
        node, value, name = around.pop()
        if node.item:
            value.append(made)
        else:
            value[member] = made

    parser = ParserCreate()
    parser.buffer_text = True
    parser.StartElementHandler = first
    parser.EndElementHandler = end
    parser.CharacterDataHandler = characters.append
    parser.Parse(text, True)
    return answer


def _local(tag: str) -> str:
    return tag.rpartition("}")[2].rpartition(":")[2]


def _node(shape: str, shapes: Mapping[str, Json], made: dict[str, _Node]) -> _Node:
    if shape in made:
        return made[shape]
    known = shapes[shape]
    node = made[shape] = _Node()
    if known["type"] == "structure":
        for member, (_, element, inner) in known["members"].items():
            node.members[element] = (member, _node(inner, shapes, made))
    elif known["type"] == "list":
        node.item = _node(known["item"][1], shapes, made)
    else:
        node.convert = SCALARS[known["type"]]
    return node
