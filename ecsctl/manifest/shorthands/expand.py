"""Walks a document along the schema and puts the long form in the place of every shorthand."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from ecsctl.manifest.model import Fault
from ecsctl.manifest.schema.api import REFERENCE, Schema
from ecsctl.manifest.shorthands.table import SHORTHANDS
from ecsctl.manifest.shorthands.values import Context, ShorthandError
from ecsctl.manifest.yaml.nodes import ListNode, MapNode, Node, Path, Scalar, path_text, plain, walk
from ecsctl.manifest.yaml.tree_builder import resolve

# The members that have a short form of their own, by the structure that they are of.
MEMBERS: dict[str, set[str]] = {}
for _name in SHORTHANDS:
    _shape, _, _member = _name.partition(".")
    if _member:
        MEMBERS.setdefault(_shape, set()).add(_member)

# ecsctl's own parts of the file, and what ECS itself reads: these have the same forms in JSON.
IN_JSON = {"Project.include", "Count", "Ingress", "Listener", "LoadBalancerReference", "TaskDefinition.cpu",
           "TaskDefinition.memory"}  # fmt: skip


class Expander:
    """Expands documents; ``faults`` has the shorthands that could not be read, ``invalid`` their paths.

    ``regional`` has the values that are the region, which is known when all files are laid over each other: ``settle``.

    Args:
        definitions: the schema's ``$defs``.
        json_files: the names of files that are JSON, which AWS reads too: it knows no short forms.
    """

    def __init__(self, definitions: dict[str, Schema], json_files: Collection[str] = ()) -> None:
        self.definitions = definitions
        self.json_files = json_files
        self.regional: list[Scalar] = []
        self.faults: list[Fault] = []
        self.invalid: list[Path] = []
        self._key = ""

    def members(self, shape: str) -> frozenset[str]:
        """The names of a shape's members."""
        return frozenset(self.definitions[shape].get("properties", ()))

    def expand(self, node: Node, shape: str, path: Path = (), key: str = "") -> Node:
        """The tree in its long form.

        Args:
            shape: the name of its schema in ``$defs`` (``Project``, ``TaskDefinition``, ``Service``).
            path: where it stands, for the faults.
            key: the key that it stands under, such as the family.
        """
        self._key = key
        return self._expand(node, {"$ref": REFERENCE + shape}, path, key)

    def settle(self, root: Node, region: str | None) -> None:
        """Put the region into the shorthands of ``root`` that say it; where it is not known, they do not."""
        for place in self.regional:
            place.value, place.text = region, region or ""
        if region is None:
            unknown = {id(place) for place in self.regional}
            for path, node in list(walk(root)):
                if isinstance(node, MapNode):
                    for key in [key for key, value in node.entries.items() if id(value) in unknown]:
                        node.drop(key)
                        # It will be there, so nothing can be concluded from its absence.
                        self.invalid.append((*path, key))

    def _expand(self, node: Node, schema: Schema, path: Path, key: str) -> Node:
        name = None
        if "$ref" in schema:
            name = schema["$ref"].removeprefix(REFERENCE)
            schema = self.definitions[name]
            if name in SHORTHANDS:
                node = self._short(name, node, path, key)
        if isinstance(node, MapNode):
            return self._expand_map(node, schema, name, path)
        if isinstance(node, ListNode):
            items = schema.get("items")
            if items and ("$ref" in items or items.get("type") == "string"):
                new = ListNode(node.file, node.line, node.column)
                new.items = [self._expand(item, items, (*path, index), "") for index, item in enumerate(node.items)]
                return new
            return node
        assert isinstance(node, Scalar)
        return node if node.file in self.json_files else _as_wanted(node, schema.get("type"))

    def _expand_map(self, node: MapNode, schema: Schema, name: str | None, path: Path) -> Node:
        properties = schema.get("properties", {})
        others = schema.get("additionalProperties")
        short = MEMBERS.get(name or "", ())
        new = MapNode(node.file, node.line, node.column)
        for key, value in node.entries.items():
            member = properties.get(key)
            if member is None and others is False and key.startswith("x-"):
                # The user's own, wherever the schema knows all keys: anchors for what is said twice, notes for tools.
                continue
            if member is None and isinstance(others, dict):
                member = others
            if member is not None:
                if key in short:
                    value = self._short(f"{name}.{key}", value, (*path, key), key)
                if isinstance(value, Scalar) and "$ref" not in member:
                    value = value if value.file in self.json_files else _as_wanted(value, member.get("type"))
                else:
                    value = self._expand(value, member, (*path, key), key)
            new.set(key, value, node.keys[key])
        return new

    def _short(self, name: str, node: Node, path: Path, key: str) -> Node:
        if isinstance(node, Scalar) and node.unresolved:
            return node
        if node.file in self.json_files and name not in IN_JSON:
            return self._long_only(name, node, path, key)
        context = Context(key, _family(path, self._key), self.regional, self.members)
        try:
            self._refuse_single_item(name, node)
            expanded = SHORTHANDS[name].expand(node, context)
        except ShorthandError as error:
            context.refused.append(error)
            self.invalid.append(path)
            expanded = node
        for refused in context.refused:
            # The part of the value that is wrong, where it can be told.
            inside = next((inner for inner, part in walk(node) if part is refused.node), ())
            at = path_text((*path, *inside))
            self.faults.append(Fault(refused.node.position, at, refused.message, allowed=refused.allowed))
        return expanded

    def _long_only(self, name: str, node: Node, path: Path, key: str) -> Node:
        """A value of JSON, in which a short form is a fault; a family may still be written as its one container."""
        if name in ("ContainerDefinition", "Service") or (
            name == "TaskDefinition" and "containerDefinitions" in _keys(node)
        ):
            return node
        context = Context(key, _family(path, self._key), self.regional, self.members)
        shorthand = SHORTHANDS[name]
        try:
            expanded = shorthand.expand(node, context)
        except ShorthandError as error:
            context.refused.append(error)
            expanded = node
        if name == "TaskDefinition" or (not context.refused and plain(expanded) == plain(node)):
            return expanded
        self.invalid.append(path)
        message = f"{node.kind} here is a short form, which JSON does not have"
        self.faults.append(Fault(node.position, path_text(path), message, allowed=f"as AWS takes it: {shorthand.long}"))
        return node

    def _refuse_single_item(self, name: str, node: Node) -> None:
        """Refuse one item in the place of a list: ``{name: LOG, value: x}`` would be two variables.

        Raises:
            ShorthandError: the mapping has just the members of an item, with the one that names it.
        """
        items = self.definitions[name].get("items", {}) if name in self.definitions else {}
        if not isinstance(node, MapNode) or "$ref" not in items:
            return
        members = self.definitions[items["$ref"].removeprefix(REFERENCE)].get("properties", {})
        label = node.entries.get(next(iter(members), ""))
        if not isinstance(label, Scalar) or label.value is None:
            return
        if all(key in members and self._is_kind_of(value, members[key]) for key, value in node.entries.items()):
            form = ", ".join(f"{key}: …" for key in node.entries)
            raise ShorthandError(node, "expected a list, got a single item of it", f"[{{{form}}}], with brackets")

    def _is_kind_of(self, node: Node, schema: Schema) -> bool:
        if "$ref" in schema:
            schema = self.definitions[schema["$ref"].removeprefix(REFERENCE)]
        kinds = {"object": MapNode, "array": ListNode}
        return isinstance(node, kinds.get(str(schema.get("type")), Scalar))


def _keys(node: Node) -> Collection[str]:
    return node.entries if isinstance(node, MapNode) else ()


def _family(path: Path, key: str) -> str:
    return str(path[1]) if len(path) > 1 and path[0] == "taskDefinitions" else key


def _as_wanted(node: Scalar, wanted: Any) -> Scalar:
    """A number where a text is wanted is the text as written; ``yes`` and ``no`` are booleans where one is wanted."""
    value = node.value
    if type(value) is str and node.trap is None and not node.filled:
        return node
    if node.filled and isinstance(value, str) and wanted in ("integer", "number", "boolean"):
        # What was filled in came as text; quotes around the template were needed by YAML, not meant.
        meant = resolve(value)[0]
        if not isinstance(meant, str) and meant is not None and isinstance(meant, bool) == (wanted == "boolean"):
            return Scalar(node.file, node.line, node.column, meant, node.text)
    if wanted == "string" and isinstance(value, (int, float)) and not isinstance(value, bool):
        return Scalar(node.file, node.line, node.column, node.text, node.text)
    if wanted == "boolean" and node.trap == "boolean":
        return Scalar(node.file, node.line, node.column, node.text.lower() in ("yes", "on"), node.text)
    return node
