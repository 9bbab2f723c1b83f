"""Reads one service out of a file of any shape, as the input of CreateService."""

from __future__ import annotations

from typing import Any

from ecsctl.errors import UsageError
from ecsctl.manifest.interpolation.templates import Values
from ecsctl.manifest.loading import input_shapes
from ecsctl.manifest.loading.assemble import Assembly
from ecsctl.manifest.loading.files import Reader, read_only
from ecsctl.manifest.model import SpecError
from ecsctl.manifest.rules.document import Project, referred
from ecsctl.manifest.yaml.nodes import MapNode, Node


def read_service(
    path: str, name: str | None, reader: Reader, values: Values, *, lenient: bool
) -> tuple[dict[str, Any], list[str]]:
    """See ``ecsctl.manifest.load_service``."""
    assembly = Assembly(reader, values)
    document = assembly.read(path)
    assert document.root is not None
    found = input_shapes.services(document.root, read_only)
    if found.faults:
        raise SpecError([*document.faults, *found.faults])
    chosen, node = _choose(path, name, found.items)
    taken, cluster = input_shapes.without_cluster(node)
    root = input_shapes.section_of("services", [(chosen, taken)], document.root)
    if isinstance(document.root, MapNode) and isinstance(document.root.entries.get("taskDefinitions"), MapNode):
        # The same file's task definitions tell which container a short reference to a balancer means.
        root.set("taskDefinitions", document.root.entries["taskDefinitions"], document.root)
    assembly.whole.notes += found.notes
    assembly.sections(root)
    checked = assembly.checked("Sections", lenient=lenient, strip=2)
    if checked.errors or checked.data is None:
        raise SpecError(checked.errors)
    project = Project(checked.data, whole=False)
    service = project.services[chosen]
    for own in ("ingress", "scaling"):
        if own in service.data:
            raise UsageError(f"service {chosen}: its {own} is a part of a project", hint="`ecsctl up` makes it")
    made = {key: value for key, value in service.data.items() if key != "loadBalancer"}
    made["serviceName"] = chosen
    target = referred(project, service)
    if target is not None:
        part = {"loadBalancerName": target.name, "containerName": target.container, "containerPort": target.port}
        made["loadBalancers"] = [part]
    if cluster is not None:
        made["cluster"] = cluster
    warnings = [str(fault) for fault in checked.faults]
    return made, [*checked.notes, *warnings]


def _choose(path: str, name: str | None, items: list[tuple[str | None, Node]]) -> tuple[str, Node]:
    if name is None and len(items) == 1:
        inner, node = items[0]
        if inner is None:
            inner = _name_in(path, node)
        return inner, node
    known = ", ".join(sorted(item or "" for item, _ in items)) or "none"
    if name is None:
        raise UsageError(f"{path} has {len(items)} services", hint=f"name one of them: {known}")
    for item, node in items:
        if item == name:
            return name, node
    raise UsageError(f"{path} has no service {name!r}", hint=f"it has {known}")


def _name_in(path: str, node: Node) -> str:
    if not isinstance(node, MapNode) or "serviceName" not in node.entries:
        raise UsageError(f"{path} does not say the service's name", hint="write serviceName: NAME")
    return str(getattr(node.entries["serviceName"], "text", ""))
