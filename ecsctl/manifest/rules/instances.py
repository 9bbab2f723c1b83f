"""Container instances: how many, and who may reach them."""

from __future__ import annotations

from collections.abc import Iterator

from ecsctl.errors import UsageError
from ecsctl.manifest.model import IngressSpec
from ecsctl.manifest.rules import Finding, rule
from ecsctl.manifest.rules.document import Project, counts, listed


@rule(
    "ECS065",
    "The counts of instances are in order: min ≤ desired ≤ max.",
    why="The Auto Scaling group refuses anything else.",
)
def instance_counts(project: Project) -> Iterator[Finding]:
    """``instances.count``."""
    if project.instances is None or not isinstance(project.instances.get("count"), dict):
        return
    numbers = counts(project.instances)
    path = ("instances", "count")
    if numbers is None:
        yield Finding(path, "it says no number", "a number, or {min: 1, desired: 2, max: 4}")
    elif list(numbers) != sorted(numbers):
        low, desired, high = numbers
        yield Finding(path, f"min {low}, desired {desired}, max {high} are not in order", "min ≤ desired ≤ max")


@rule(
    "ECS066",
    "Ingress is a range of ports from a network, and SSH is not open to the world.",
    why="Whoever needs a shell on an instance or in a container has Session Manager and ECS Exec, which need no open "
    "port; port 22 open to everybody is found by scanners within minutes.",
)
def ingress(project: Project) -> Iterator[Finding]:
    """``instances.ingress``."""
    for path, item in listed(project.instances or {}, "ingress", ("instances",)):
        first = item.get("fromPort")
        if not isinstance(first, int):
            continue
        cidr = item.get("cidr") or "0.0.0.0/0"
        try:
            IngressSpec.checked(first, item.get("toPort") or first, item.get("protocol") or "tcp", cidr)
        except UsageError as error:
            yield Finding(path, error.message, error.hint)


@rule(
    "ECS067",
    "An agent that ubuntu runs as a container is not asked for what only the package brings.",
    why="The binaries of ECS Exec and the plugin that mounts EFS with encryption come with the package "
    "amazon-ecs-init: a task that needs them is not placed on, or does not start on, an instance without it.",
    severity="warning",
)
def container_agent(project: Project) -> Iterator[Finding]:
    """``instances.agent``, beside ``enableExecuteCommand`` and ``efsVolumeConfiguration``."""
    if (project.instances or {}).get("agent") != "container":
        return
    advice = "agent: package"
    for service in project.services.values():
        if service.get("enableExecuteCommand"):
            yield Finding((*service.path, "enableExecuteCommand"), "the instances' agent has no ECS Exec", advice)
    for definition in project.task_definitions.values():
        for path, volume in listed(definition.data, "volumes", definition.path):
            if volume.get("efsVolumeConfiguration"):
                place = (*path, "efsVolumeConfiguration")
                yield Finding(place, "the instances' agent has no plugin for EFS", advice)
