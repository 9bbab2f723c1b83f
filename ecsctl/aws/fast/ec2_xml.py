"""An answer of the EC2 query protocol as botocore gives it, read in one pass without a tree of elements."""

from __future__ import annotations

from collections.abc import Callable, Mapping
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


def parse(text: bytes, root: str, shape: str, shapes: Mapping[str, Json]) -> Json:
    """The members of a structure that the document says.

    Args:
        root: the name of the document's element.
        shape: the structure's name in ``shapes``, which are as :mod:`ecsctl.aws.fast.record` keeps them.

    Raises:
        ValueError, ExpatError, KeyError: the document is another one, or not one.
    """
    from xml.parsers.expat import ParserCreate

    tags = {
        name: {there: (member, inner) for member, (_, there, inner) in one["members"].items()}
        for name, one in shapes.items()
        if one["type"] == "structure"
    }
    answer: Json = {}
    # One entry an open element: where its value goes (a mapping or a list), under which name, its shape, the value.
    # An element that the model does not know has no shape, and hides all that is in it.
    stack: list[tuple[Any, str, str | None, Any]] = []
    characters: list[str] = []

    def start(tag: str, attributes: Mapping[str, str]) -> None:
        tag = tag.rpartition("}")[2].rpartition(":")[2]
        characters.clear()
        if not stack:
            if tag != root:
                raise ValueError(tag)
            stack.append((None, "", shape, answer))
            return
        _, _, outer, made = stack[-1]
        inner: str | None = None
        name = ""
        if outer is not None and shapes[outer]["type"] == "structure":
            name, inner = tags[outer].get(tag, ("", None))
        elif outer is not None and shapes[outer]["type"] == "list":
            inner = shapes[outer]["item"][1]
        kind = shapes[inner]["type"] if inner is not None else ""
        stack.append((made, name, inner, {} if kind == "structure" else [] if kind == "list" else None))

    def end(tag: str) -> None:
        into, name, inner, value = stack.pop()
        if inner is None or into is None:
            return
        if value is None:
            value = SCALARS[shapes[inner]["type"]]("".join(characters))
        if isinstance(into, list):
            into.append(value)
        else:
            into[name] = value
        characters.clear()

    parser = ParserCreate()
    parser.buffer_text = True
    parser.StartElementHandler = start
    parser.EndElementHandler = end
    parser.CharacterDataHandler = characters.append
    parser.Parse(text, True)
    return answer
