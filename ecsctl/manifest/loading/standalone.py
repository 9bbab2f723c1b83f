"""A file of definitions that is no project: what ``aws ecs`` takes or prints, looked at by itself."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from typing import Any

from ecsctl.manifest.interpolation.templates import Values
from ecsctl.manifest.loading import input_shapes
from ecsctl.manifest.loading.assemble import Assembly
from ecsctl.manifest.loading.build import build
from ecsctl.manifest.loading.files import Checked, Reader, read_only
from ecsctl.manifest.model import Spec
from ecsctl.manifest.yaml.nodes import ListNode, MapNode, Node, Scalar

# What only a project says at its top.
PROJECT_SIGNS = ("name", "taskDefinitions", "include", "instances")


def section_of(root: Node | None) -> str | None:
    """The section of a project that a document would be of; None where it is a project, or nothing known."""
    if isinstance(root, ListNode):
        return "taskDefinitions" if _mappings(root) else None
    if not isinstance(root, MapNode):
        return None
    entries = root.entries
    if "containerDefinitions" in entries or "image" in entries:
        return "taskDefinitions"
    if any(sign in entries for sign in PROJECT_SIGNS):
        return None
    definition = entries.get("taskDefinition")
    if isinstance(definition, MapNode) or "family" in entries:
        return "taskDefinitions"
    if _mappings(entries.get("services")) or isinstance(entries.get("service"), MapNode):
        return "services"
    return "services" if "serviceName" in entries or isinstance(definition, Scalar) else None


def _mappings(node: Node | None) -> bool:
    return isinstance(node, ListNode) and bool(node.items) and all(isinstance(item, MapNode) for item in node.items)


def inspect_alone(
    files: Sequence[str], reader: Reader, values: Values, *, lenient: bool
) -> tuple[Spec | None, Checked] | None:
    """Check one file of definitions; None where it is a project, or there are several files.

    Returns:
        as ``ecsctl.manifest.inspect``; the ``Spec`` has no name, and a cluster only where the file has one.

    Raises:
        UsageError: it cannot be read.
    """
    if len(files) != 1:
        return None
    section = section_of(reader.read(files[0]).root)
    if section is None:
        return None
    assembly = Assembly(reader, values)
    root = assembly.read(files[0]).root
    assert root is not None
    found = (input_shapes.services if section == "services" else input_shapes.task_definitions)(root, read_only)
    assembly.whole.faults += found.faults
    assembly.whole.notes += found.notes
    named, cluster = [], ""
    for name, node in found.items:
        inner, own = input_shapes.without_cluster(node) if section == "services" else (node, None)
        cluster = cluster or own or ""
        named.append((name or name_of_file(files[0]) or "stdin", inner))
    assembly.sections(input_shapes.section_of(section, named, root))
    checked = assembly.checked("Sections", lenient=lenient, strip=2 if len(named) == 1 else 1)
    if checked.data is None or checked.errors:
        return None, checked
    data: dict[str, Any] = {"name": "", "cluster": cluster, **checked.shown()}
    return build(data), checked


def name_of_file(path: str) -> str:
    """A name of a definition after its file; empty for stdin."""
    return re.sub(r"[^A-Za-z0-9_-]+", "-", os.path.basename(path).split(".")[0]).strip("-") if path != "-" else ""
