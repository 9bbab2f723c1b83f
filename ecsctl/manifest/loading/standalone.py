"""A file of definitions that is not a project: what ``aws ecs`` takes or prints, looked at by itself."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from typing import Any

from ecsctl.manifest.interpolation.templates import Values
from ecsctl.manifest.loading import input_shapes
from ecsctl.manifest.loading.assemble import Assembly
from ecsctl.manifest.loading.build import build
from ecsctl.manifest.loading.document_kind import RUN, kind_of
from ecsctl.manifest.loading.files import Checked, Reader, read_only
from ecsctl.manifest.model import Fault, Spec


def inspect_standalone(
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
    section = kind_of(reader.read(files[0]).root)
    if section is None:
        return None
    assembly = Assembly(reader, values)
    root = assembly.read(files[0]).root
    assert root is not None
    if section == RUN:
        assembly.lay(assembly.expander.expand(root, "RunTaskRequest"))
        checked = assembly.checked("RunTaskRequest", lenient=lenient)
        return (None if checked.errors or checked.data is None else Spec("", checked.data.get("cluster", ""))), checked
    found = (input_shapes.services if section == "services" else input_shapes.task_definitions)(root, read_only)
    assembly.whole.faults += found.faults
    assembly.whole.notes += found.notes
    named, cluster = [], ""
    for name, node in found.items:
        inner, own = input_shapes.without_cluster(node) if section == "services" else (node, None)
        cluster = cluster or own or ""
        if section == "services" and name is None and "serviceName" not in getattr(node, "entries", ()):
            # In a project a service is named by its key; by itself it has to say its name, as AWS wants it.
            assembly.whole.faults.append(Fault(node.position, "", "serviceName is missing"))
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
