"""What a document is, by all its keys: a project, task definitions, services, or the input of RunTask."""

from __future__ import annotations

from collections.abc import Collection

from ecsctl.manifest.loading.files import read_only
from ecsctl.manifest.schema.api import definitions
from ecsctl.manifest.yaml.nodes import ListNode, MapNode, Node, Scalar

# The kinds are named like the section of a project that they would be in.
TASK_DEFINITIONS, SERVICES, RUN = "taskDefinitions", "services", "run"
NAMES = {TASK_DEFINITIONS: "a task definition", SERVICES: "a service", RUN: "the input of run-task"}
# What an answer of AWS has around the definitions.
AROUND = {"tags", "failures", "ResponseMetadata"}
# These tell the kind whatever stands beside them, and so count for more.
TELLING = {"containerDefinitions", "image", "serviceName"}
WEIGHT = 3


def kind_of(root: Node | None) -> str | None:
    """The kind of a document of definitions; None where it is a project.

    Every key counts for the kinds of files that have it, and the kind with the most is it. A project wins a draw, so
    that the faults of a file that is nothing known say what a project needs.
    """
    if isinstance(root, ListNode):
        return TASK_DEFINITIONS if _mappings(root) else None
    if not isinstance(root, MapNode):
        return None
    counts = {
        kind: sum(WEIGHT if key in TELLING else 1 for key in root.entries if key in keys)
        for kind, keys in _keys(root).items()
    }
    most = max(counts.values())
    if counts[RUN] == len(root.entries) == most and isinstance(root.entries.get("taskDefinition"), Scalar):
        # All that it says run-task takes, and a service would have a name or a count.
        return RUN
    return next(kind for kind, count in counts.items() if count == most)


def _keys(root: MapNode) -> dict[str | None, Collection[str]]:
    """The keys that tell each kind, of those that this document may have; the first of equals wins."""
    known, entries = definitions(), root.entries
    project = set(known["Project"]["properties"])
    task = {*known["TaskDefinition"]["properties"], *read_only("TaskDefinition")}
    service = {*known["Service"]["properties"], *read_only("Service"), "cluster", "clientToken"}
    if "image" in entries:
        task |= {*known["ContainerDefinition"]["properties"], "logs"}
    # One name, two things: the form of the value tells which.
    project -= {
        key
        for key in ("loadBalancers", "taskDefinitions", "services")
        if key in entries and not isinstance(entries[key], MapNode)
    }
    if isinstance(entries.get("loadBalancers"), MapNode):
        service.discard("loadBalancers")
    if isinstance(entries.get("taskDefinition"), MapNode):
        service.discard("taskDefinition")
        task |= {"taskDefinition", *AROUND}
    if _mappings(entries.get("services")) or isinstance(entries.get("service"), MapNode):
        service |= {"services", "service", *AROUND}
    run = set(known["RunTaskRequest"]["properties"])
    return {None: project, TASK_DEFINITIONS: task, SERVICES: service, RUN: run}


def _mappings(node: Node | None) -> bool:
    return isinstance(node, ListNode) and bool(node.items) and all(isinstance(item, MapNode) for item in node.items)
