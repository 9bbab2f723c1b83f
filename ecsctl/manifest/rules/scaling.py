"""Scaling of services by Application Auto Scaling."""

from __future__ import annotations

from collections.abc import Iterator

from ecsctl.manifest.rules import Finding, rule
from ecsctl.manifest.rules.document import Project

MOVES = ("cpu", "memory", "requestsPerTarget", "schedules")


@rule(
    "ECS089",
    "A service scales between bounds that are in order, by something that moves it.",
    why="Application Auto Scaling changes the desired count of replicas; without a metric or a schedule it never does.",
)
def scaling(project: Project) -> Iterator[Finding]:
    """``scaling`` of services: ``min``, ``max``, ``requestsPerTarget``, and the bounds of ``schedules``."""
    for service in project.services.values():
        said = service.get("scaling")
        if not isinstance(said, dict):
            continue
        path = (*service.path, "scaling")
        if service.get("schedulingStrategy") == "DAEMON":
            yield Finding(path, "a DAEMON service has a task on every instance", "leave it out")
        if not any(said.get(name) for name in MOVES):
            yield Finding(path, "nothing moves the number of tasks", f"{', '.join(MOVES[:-1])} or {MOVES[-1]}")
        bounds = [(path, said), *(((*path, "schedules", name), item) for name, item in _schedules(said))]
        for place, item in bounds:
            least, most = item.get("min"), item.get("max")
            if isinstance(least, int) and isinstance(most, int) and least > most:
                yield Finding((*place, "min"), f"min {least} is above max {most}", f"at most {most}")
            elif place != path and least is None and most is None:
                yield Finding(place, "it changes neither bound", "min, max or both")
        reference = service.get("loadBalancer")
        name = reference.get("name") if isinstance(reference, dict) else None
        front = project.load_balancers.get(str(name))
        if said.get("requestsPerTarget") and (front is None or front.get("type") != "application"):
            message = "requests are counted at an application balancer of the file"
            yield Finding((*path, "requestsPerTarget"), message, "loadBalancer: NAME:PORT")


def _schedules(said: dict[str, object]) -> list[tuple[str, dict[str, object]]]:
    found = said.get("schedules")
    return [(name, item) for name, item in found.items() if isinstance(item, dict)] if isinstance(found, dict) else []
