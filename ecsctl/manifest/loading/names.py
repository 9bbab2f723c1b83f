"""The names in AWS of what a file defines: those that it says, else its keys, with the stage where there is one."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace

from ecsctl.manifest.model import Fault, log_group_of
from ecsctl.manifest.yaml.nodes import ListNode, MapNode, Node, Path, Scalar

# The sections whose keys are names, and the member that says another one.
NAMED = {"taskDefinitions": "family", "services": "serviceName", "loadBalancers": "name"}


def staged(name: str, stage: str) -> str:
    """A name as it is in a stage; one that has the stage's name in it already says it."""
    return name if re.search(rf"(?:^|[-_]){re.escape(stage)}(?:$|[-_])", name) else f"{name}-{stage}"


@dataclass
class Names:
    """The names of a document's definitions in AWS, where they are not the keys above them.

    ``renamed`` has them by section and key.
    """

    renamed: dict[str, dict[str, str]] = field(default_factory=dict)

    def path(self, path: Path) -> Path:
        """A path of the document as its names make it."""
        new = self.renamed.get(str(path[0]), {}).get(str(path[1])) if len(path) > 1 else None
        return path if new is None else (path[0], new, *path[2:])

    def original(self, faults: Sequence[Fault]) -> list[Fault]:
        """Faults with the paths that stand in the file."""
        return [replace(fault, path=self._original(fault.path)) for fault in faults]

    def _original(self, path: str) -> str:
        for section, names in self.renamed.items():
            for old, new in names.items():
                start = f"{section}.{new}"
                if path == start or path.startswith((f"{start}.", f"{start}[")):
                    return f"{section}.{old}{path[len(start) :]}"
        return path


def name(root: Node, stage: str | None, *, own: Collection[str] = ()) -> tuple[Node, Names]:
    """Give a document's definitions their names, and those who refer to them.

    A definition is named by the member that says so (``family``, ``serviceName``, a balancer's ``name``), else by its
    key and the stage. What carries no stage: all of it, where the stage's own part says the project's ``name``.

    Args:
        stage: the stage; None: the keys are the names.
        own: the words (``name``, ``cluster``) that the stage's own part says.

    Returns:
        the document, and its names.
    """
    names = Names()
    if not isinstance(root, MapNode):
        return root, names
    root = root.copy()
    suffix = stage if "name" not in own else None
    for word in ("name", "cluster") if suffix else ():
        value = root.entries.get(word)
        if word not in own and isinstance(value, Scalar) and isinstance(value.value, str) and not value.unresolved:
            root.set(word, _said(value, staged(value.value, str(stage))), root.keys[word])
    for section, member in NAMED.items():
        node = root.entries.get(section)
        if isinstance(node, MapNode):
            root.entries[section] = _section(node, section, member, suffix, names)
    services = root.entries.get("services")
    if isinstance(services, MapNode) and names.renamed:
        for key, service in list(services.entries.items()):
            services.entries[key] = _referring(service, names.renamed)
    return root, names


def _section(node: MapNode, section: str, member: str, suffix: str | None, names: Names) -> MapNode:
    wanted: dict[str, str] = {}
    for key, definition in node.entries.items():
        said = definition.entries.get(member) if isinstance(definition, MapNode) else None
        plain = isinstance(said, Scalar) and isinstance(said.value, str) and said.value and not said.unresolved
        wanted[key] = said.text if plain else f"{key}-{suffix}" if suffix else key  # type: ignore[union-attr]
    new = MapNode(node.file, node.line, node.column)
    for key, definition in node.entries.items():
        name = wanted[key]
        if name in new.entries or (name != key and list(wanted.values()).count(name) > 1):
            # Two of one name: each keeps its key, and the rules tell of it.
            name = key
        if name != key:
            names.renamed.setdefault(section, {})[key] = name
            if section == "taskDefinitions" and isinstance(definition, MapNode):
                definition = _logging(definition, log_group_of(key), log_group_of(name))
        new.set(name, definition, node.keys[key])
    return new


def _logging(definition: MapNode, old: str, new: str) -> MapNode:
    """A definition whose containers log to the group of its new name, where the short form says the group."""
    listed = definition.entries.get("containerDefinitions")
    if not isinstance(listed, ListNode):
        return definition
    items = []
    for container in listed.items:
        logs = container.entries.get("logConfiguration") if isinstance(container, MapNode) else None
        options = logs.entries.get("options") if isinstance(logs, MapNode) else None
        group = options.entries.get("awslogs-group") if isinstance(options, MapNode) else None
        if isinstance(group, Scalar) and group.implied and group.text == old:
            assert isinstance(container, MapNode)
            assert isinstance(logs, MapNode)
            assert isinstance(options, MapNode)
            container, logs, options = container.copy(), logs.copy(), options.copy()
            options.entries["awslogs-group"] = _said(group, new)
            logs.entries["options"] = options
            container.entries["logConfiguration"] = logs
        items.append(container)
    definition = definition.copy()
    definition.entries["containerDefinitions"] = ListNode(listed.file, listed.line, listed.column, items)
    return definition


def _referring(service: Node, renamed: Mapping[str, Mapping[str, str]]) -> Node:
    """A service that refers to definitions by the names that they have."""
    if not isinstance(service, MapNode):
        return service
    service = service.copy()
    family = service.entries.get("taskDefinition")
    if isinstance(family, Scalar) and isinstance(family.value, str):
        key, colon, revision = family.value.partition(":")
        new = renamed.get("taskDefinitions", {}).get(key)
        if new is not None:
            service.entries["taskDefinition"] = _said(family, f"{new}{colon}{revision}")
    balancers = renamed.get("loadBalancers", {})
    front = service.entries.get("loadBalancer")
    if isinstance(front, MapNode):
        service.entries["loadBalancer"] = _renaming(front, "name", balancers)
    listed = service.entries.get("loadBalancers")
    if isinstance(listed, ListNode):
        items = [
            _renaming(item, "loadBalancerName", balancers) if isinstance(item, MapNode) else item
            for item in listed.items
        ]
        service.entries["loadBalancers"] = ListNode(listed.file, listed.line, listed.column, items)
    return service


def _renaming(node: MapNode, member: str, names: Mapping[str, str]) -> MapNode:
    value = node.entries.get(member)
    new = names.get(value.value) if isinstance(value, Scalar) and isinstance(value.value, str) else None
    if new is None:
        return node
    assert isinstance(value, Scalar)
    node = node.copy()
    node.entries[member] = _said(value, new)
    return node


def _said(node: Scalar, text: str) -> Scalar:
    return Scalar(node.file, node.line, node.column, text, style=node.style, filled=node.filled)
