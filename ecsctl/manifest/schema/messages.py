"""The words for what jsonschema finds wrong: one function for each keyword of the schema."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from ecsctl.manifest.schema.suggestions import one_of
from ecsctl.manifest.yaml.nodes import NUMBER_TRAPS, ListNode, MapNode, Node, Scalar

Schema = dict[str, Any]
# What is wrong, and what would be right.
Message = tuple[str, str | None]

TYPES = {
    "string": "a string",
    "integer": "an integer",
    "number": "a number",
    "boolean": "true or false",
    "array": "a list",
    "object": "a mapping",
}
FORMS = {
    r"^\d{12}$": "12 digits, in quotes",
    "^[A-Za-z0-9_-]{1,255}$": "1 to 255 letters, digits, hyphens and underscores",
    "^[A-Za-z0-9][A-Za-z0-9_-]{0,39}$": "up to 40 letters, digits, hyphens and underscores, starting with a letter or "
    "digit",
    r"^[a-z]{2,4}(-[a-z0-9]+)+-\d+$": "for example eu-west-1",
    r"^[a-z][a-z0-9-]*\.[a-z0-9-]+$": "for example t3.small",
    "^subnet-[0-9a-f]+$": "for example subnet-0123abcd",
    r"^(?:(?:TCP|SSL):\d{1,5}|HTTPS?:\d{1,5}/\S*)$": "for example HTTP:80/path or TCP:80",
    r"^/\S*$": "a path that starts with /",
}


def _type(node: Node, wanted: str, schema: Schema) -> Message:
    if not isinstance(node, Scalar):
        return f"expected {TYPES[wanted]}, got {node.kind}", None
    value, trap = node.value, node.trap
    allowed: str | None
    if value is None:
        allowed = 'omit the key, or write "" for an empty string' if wanted == "string" else "omit the key"
        return f"expected {TYPES[wanted]}, got {node.kind}", allowed
    if trap in NUMBER_TRAPS and wanted in ("integer", "number"):
        return f"{node.text} is not a plain decimal number: {NUMBER_TRAPS[trap]}", "write it in decimal"
    if trap == "boolean" and wanted == "string":
        return f"expected a string, got {node.text}, which YAML reads as a boolean", f'write "{node.text}" in quotes'
    allowed = None
    if wanted == "string":
        allowed = f'write "{node.text}" in quotes'
    elif isinstance(value, str) and _reads_as(value, wanted):
        allowed = f"write {value} without quotes"
    elif isinstance(value, float) and wanted == "integer":
        allowed = "write it without a fraction"
    return f"expected {TYPES[wanted]}, got {node.kind}", allowed


def _reads_as(text: str, wanted: str) -> bool:
    if wanted in ("integer", "number"):
        return re.fullmatch(r"-?\d+", text) is not None
    return wanted == "boolean" and text in ("true", "false")


def _enum(node: Node, allowed: list[Any], schema: Schema) -> Message:
    text = node.text if isinstance(node, Scalar) else ""
    return f"{node.kind} is not an allowed value", one_of(text, allowed)


def _min_length(node: Node, least: int, schema: Schema) -> Message:
    if isinstance(node, Scalar) and node.text:
        return f"{node.kind} is too short", f"at least {least} characters"
    return "must not be empty", None


def _max_length(node: Node, most: int, schema: Schema) -> Message:
    length = len(node.text) if isinstance(node, Scalar) else 0
    return f"too long: {length} characters", f"at most {most}"


def _pattern(node: Node, pattern: str, schema: Schema) -> Message:
    return f"{node.kind} is not valid", form_of(pattern)


def _bounds(node: Node, bound: Any, schema: Schema) -> Message:
    least, above, most = (schema.get(name) for name in ("minimum", "exclusiveMinimum", "maximum"))
    text = node.text if isinstance(node, Scalar) else ""
    if above is not None:
        allowed = f"more than {above}" if most is None else f"more than {above}, at most {most}"
    elif least is None:
        allowed = f"at most {most}"
    else:
        allowed = f"at least {least}" if most is None else f"{least} to {most}"
    return f"{text} is out of range", allowed


def _min_items(node: Node, least: int, schema: Schema) -> Message:
    return f"too few items: {_size(node)}", f"at least {least}"


def _max_items(node: Node, most: int, schema: Schema) -> Message:
    return f"too many items: {_size(node)}", f"at most {most}"


def _min_keys(node: Node, least: int, schema: Schema) -> Message:
    return f"too few keys: {_size(node)}", f"at least {least}"


def _max_keys(node: Node, most: int, schema: Schema) -> Message:
    known = ", ".join(schema.get("properties", ()))
    return f"too many keys: {_size(node)}", f"at most {most}" + (f" of {known}" if known else "")


def _size(node: Node) -> int:
    if isinstance(node, ListNode):
        return len(node.items)
    return len(node.entries) if isinstance(node, MapNode) else 0


# By the schema's keyword. Of several faults of one value the first in this order is told: the rest follow from it.
MESSAGES: dict[str, Callable[[Node, Any, Schema], Message]] = {
    "type": _type,
    "enum": _enum,
    "minLength": _min_length,
    "maxLength": _max_length,
    "pattern": _pattern,
    "minimum": _bounds,
    "exclusiveMinimum": _bounds,
    "maximum": _bounds,
    "minItems": _min_items,
    "maxItems": _max_items,
    "minProperties": _min_keys,
    "maxProperties": _max_keys,
}


def form_of(pattern: str) -> str:
    """A pattern in words."""
    if pattern.startswith(r"^([\w\s"):
        return "letters, digits, spaces and _ . : / = + - @"
    return FORMS.get(pattern, f"it must match {pattern}")
