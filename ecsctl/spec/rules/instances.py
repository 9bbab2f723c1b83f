"""Container instances: how many, and who may reach them."""

from __future__ import annotations

from collections.abc import Iterator

from ecsctl.errors import UsageError
from ecsctl.spec.model import IngressSpec
from ecsctl.spec.project import Project, listed
from ecsctl.spec.rules import Finding, rule


@rule(
    "ECS065",
    "The counts of instances are in order: min ≤ desired ≤ max.",
    service="Desired capacity must be between the specified min size and max size.",
    why="The Auto Scaling group refuses anything else.",
)
def instance_counts(project: Project) -> Iterator[Finding]:
    """``instances.count``."""
    count = (project.instances or {}).get("count")
    if not isinstance(count, dict):
        return
    low, desired, high = (count.get(key) for key in ("min", "desired", "max"))
    if isinstance(low, int) and isinstance(desired, int) and isinstance(high, int) and not low <= desired <= high:
        message = f"min {low}, desired {desired}, max {high} are not in order"
        yield Finding(("instances", "count"), message, "min ≤ desired ≤ max")


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
