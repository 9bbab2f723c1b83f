"""The shapes in which people have task definitions and services in files, and what each of them means."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from ecsctl.manifest.model import Fault
from ecsctl.manifest.yaml.nodes import ListNode, MapNode, Node, Scalar, made

# Members of an answer that mean nothing as an input, though they are no members of the shape either.
ANSWER_ONLY = ("ResponseMetadata", "failures")
# What a task definition or a service says as soon as it says anything.
TASK_SIGNS = ("containerDefinitions", "image", "family")
SERVICE_SIGNS = ("taskDefinition", "serviceName", "desiredCount", "loadBalancers")


@dataclass
class Found:
    """What a file holds: definitions by name (None: the file does not say), notes, and faults."""

    items: list[tuple[str | None, Node]] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    faults: list[Fault] = field(default_factory=list)


def task_definitions(root: Node, read_only: Callable[[str], frozenset[str]]) -> Found:
    """The task definitions of a document of any shape.

    A list of container definitions, the input of RegisterTaskDefinition, the answer of DescribeTaskDefinition, a bare
    task definition, a mapping of families, or a whole file with a ``taskDefinitions`` section.

    Args:
        read_only: the members that only the answer has, by shape.
    """
    found = Found()
    root = _without_nulls(root, found)
    if isinstance(root, ListNode):
        definition = MapNode(root.file, root.line, root.column)
        definition.set("containerDefinitions", root, root)
        found.items.append((None, definition))
        return found
    if not isinstance(root, MapNode):
        return _nothing(root, found, "a task definition: a mapping or a list of container definitions")
    entries = root.entries
    section = entries.get("taskDefinitions")
    if isinstance(section, MapNode):
        found.items += [(name, value) for name, value in section.entries.items() if not name.startswith("x-")]
        return found
    inner = entries.get("taskDefinition")
    if isinstance(inner, MapNode):
        inner = _with_tags(inner, entries.get("tags"))
        found.items.append(_named(_without(inner, read_only("TaskDefinition"), found), "family"))
    elif any(sign in entries for sign in TASK_SIGNS):
        found.items.append(_named(_without(root, read_only("TaskDefinition"), found), "family"))
    elif entries and all(_looks_like(value, TASK_SIGNS) for value in entries.values()):
        found.items += list(entries.items())
    else:
        # Let the schema say what is missing and which keys are unknown.
        found.items.append((None, root))
    return found


def services(root: Node, read_only: Callable[[str], frozenset[str]]) -> Found:
    """The services of a document: the input of CreateService, the answer of DescribeServices, or a section."""
    found = Found()
    root = _without_nulls(root, found)
    if not isinstance(root, MapNode):
        return _nothing(root, found, "a service: a mapping")
    entries = root.entries
    section = entries.get("services")
    inner = entries.get("service")
    if isinstance(section, MapNode):
        found.items += [(name, value) for name, value in section.entries.items() if not name.startswith("x-")]
    elif isinstance(section, ListNode):
        for item in section.items:
            if isinstance(item, MapNode):
                found.items.append(_named(_service_answer(item, read_only, found), "serviceName"))
    elif isinstance(inner, MapNode):
        found.items.append(_named(_service_answer(inner, read_only, found), "serviceName"))
    elif not any(sign in entries for sign in SERVICE_SIGNS) and entries:
        whole = all(_looks_like(value, SERVICE_SIGNS) for value in entries.values())
        found.items += list(entries.items()) if whole else [(None, root)]
    else:
        found.items.append(_named(_service_answer(root, read_only, found), "serviceName"))
    return found


def without_cluster(node: Node) -> tuple[Node, str | None]:
    """A service without what a project says for it, and its own cluster."""
    if not isinstance(node, MapNode):
        return node, None
    cluster = node.entries.get("cluster")
    node = node.copy()
    node.drop("cluster")
    node.drop("clientToken")
    return node, cluster.text if isinstance(cluster, Scalar) and isinstance(cluster.value, str) else None


def _service_answer(node: MapNode, read_only: Callable[[str], frozenset[str]], found: Found) -> MapNode:
    only = read_only("Service")
    role = node.entries.get("roleArn")
    node = _without(node, only, found)
    linked = isinstance(role, Scalar) and "/aws-service-role/" in role.text
    if role is not None and not linked and "role" not in node.entries:
        node = node.copy()
        node.set("role", role, role)
    return node


def _without_nulls(root: Node, found: Found) -> Node:
    """The tree without the members that are null in JSON: the console writes every member that has no value so."""
    dropped = False

    def strip(node: Node) -> Node:
        nonlocal dropped
        if isinstance(node, ListNode):
            return ListNode(node.file, node.line, node.column, [strip(item) for item in node.items])
        if not isinstance(node, MapNode):
            return node
        kept = MapNode(node.file, node.line, node.column)
        for key, value in node.entries.items():
            # A null of YAML was written by hand (its style is known), and may have been meant to be more.
            if isinstance(value, Scalar) and value.value is None and value.style is None:
                dropped = True
            else:
                kept.set(key, strip(value), node.keys[key])
        return kept

    stripped = strip(root)
    if dropped:
        found.notes.append("ignored members that are null")
    return stripped if dropped else root


def _named(node: MapNode, member: str) -> tuple[str | None, Node]:
    name = node.entries.get(member)
    return (name.text if isinstance(name, Scalar) and isinstance(name.value, str) else None), node


def _without(node: MapNode, names: frozenset[str], found: Found) -> MapNode:
    node = _without_reserved_tags(node)
    dropped = [key for key in node.entries if key in names or key in ANSWER_ONLY]
    if not dropped:
        return node
    found.notes.append(f"ignored what only AWS's output has: {', '.join(sorted(dropped))}")
    kept = node.copy()
    for key in dropped:
        kept.drop(key)
    return kept


def _with_tags(node: MapNode, tags: Any) -> MapNode:
    if not isinstance(tags, (ListNode, MapNode)) or "tags" in node.entries:
        return node
    if isinstance(tags, ListNode) and not tags.items:
        return node
    tagged = node.copy()
    tagged.set("tags", tags, tags)
    return tagged


def _without_reserved_tags(node: MapNode) -> MapNode:
    # Who owns the one that was described says nothing of the one that will be made.
    tags = node.entries.get("tags")
    if not isinstance(tags, ListNode) or not any(_reserved(item) for item in tags.items):
        return node
    kept = [item for item in tags.items if not _reserved(item)]
    clean = node.copy()
    clean.drop("tags")
    if kept:
        clean.set("tags", ListNode(tags.file, tags.line, tags.column, kept), node.keys["tags"])
    return clean


def _reserved(tag: Node) -> bool:
    key = tag.entries.get("key") if isinstance(tag, MapNode) else None
    return isinstance(key, Scalar) and key.text.startswith(("ecsctl:", "aws:"))


def _looks_like(node: Node, signs: tuple[str, ...]) -> bool:
    return isinstance(node, MapNode) and any(sign in node.entries for sign in signs)


def _nothing(root: Node, found: Found, wanted: str) -> Found:
    found.faults.append(Fault(root.position, "", f"expected {wanted}, not {root.kind}"))
    return found


def section_of(name: str, definitions: list[tuple[str, Node]], at: Node) -> MapNode:
    """Definitions as a document with one section, such as ``taskDefinitions``."""
    root = MapNode(at.file, at.line, at.column)
    section = MapNode(at.file, at.line, at.column)
    for key, node in definitions:
        section.set(key, node, made(key, node))
    root.set(name, section, at)
    return root
