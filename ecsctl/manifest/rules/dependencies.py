"""Containers that wait for each other, or take something from each other."""

from __future__ import annotations

from collections.abc import Iterator

from ecsctl.manifest.rules import Finding, rule
from ecsctl.manifest.rules.document import Data, Definition, Project, listed
from ecsctl.manifest.yaml.nodes import Path


def _dependencies(definition: Definition) -> Iterator[tuple[Path, str, Data]]:
    for path, box in definition.items("containerDefinitions"):
        for inner, item in listed(box, "dependsOn", path):
            yield inner, str(box.get("name")), item


@rule(
    "ECS027",
    "A container depends on another one of its task definition.",
    service="Container.dependsOn refers to a container that does not exist in the task definition.",
    why="The agent starts and stops the containers of one task in this order.",
)
def dependency_exists(project: Project) -> Iterator[Finding]:
    """``dependsOn[].containerName``, and those of ``volumesFrom`` and ``links``."""
    for definition in project.task_definitions.values():
        found = list(definition.items("containerDefinitions"))
        names = [str(box.get("name")) for _, box in found]
        depends = tuple((*path, "name") for path, _ in found)
        wanted = [
            ((*path, "containerName"), own, item.get("containerName")) for path, own, item in _dependencies(definition)
        ]
        for path, box in found:
            own = str(box.get("name"))
            for inner, item in listed(box, "volumesFrom", path):
                wanted.append(((*inner, "sourceContainer"), own, item.get("sourceContainer")))
            for index, link in enumerate(box.get("links") or ()):
                if isinstance(link, str):
                    wanted.append(((*path, "links", index), own, link.partition(":")[0]))
        for place, own, other in wanted:
            if other is not None and other not in names:
                yield Finding(place, f"there is no container {other!r}", f"one of {', '.join(names)}", depends)
            elif other == own:
                yield Finding(place, f"the container {own} refers to itself")


@rule(
    "ECS028",
    "A dependency that must end is not essential.",
    service="A dependency container with SUCCESS or COMPLETE condition cannot be an essential container",
    why="When an essential container ends, the task ends, before the one that waits for it could start.",
)
def ending_dependency(project: Project) -> Iterator[Finding]:
    """SUCCESS and COMPLETE."""
    for definition in project.task_definitions.values():
        by_name = {str(box.get("name")): box for _, box in definition.items("containerDefinitions")}
        for path, _, item in _dependencies(definition):
            other = by_name.get(str(item.get("containerName")))
            essential = other is not None and other.get("essential") is not False
            if item.get("condition") in ("SUCCESS", "COMPLETE") and essential:
                message = f"{item['containerName']} must end with {item['condition']}, but is essential"
                yield Finding(path, message, f"essential: false on {item['containerName']}")


@rule(
    "ECS029",
    "A dependency that must be HEALTHY has a health check.",
    service="A dependency container with HEALTHY condition must have a health check.",
    why="Without a check nothing ever says that it is healthy, and the task never starts.",
)
def healthy_dependency(project: Project) -> Iterator[Finding]:
    """HEALTHY."""
    for definition in project.task_definitions.values():
        places = {str(box.get("name")): (path, box) for path, box in definition.items("containerDefinitions")}
        for path, _, item in _dependencies(definition):
            other = places.get(str(item.get("containerName")))
            if item.get("condition") == "HEALTHY" and other is not None and not other[1].get("healthCheck"):
                message = f"{item['containerName']} must be HEALTHY, but has no healthCheck"
                yield Finding(path, message, depends=((*other[0], "healthCheck"),))


@rule(
    "ECS030",
    "Dependencies have no cycle.",
    service="There is a circular dependency between containers.",
    why="Containers that wait for each other never start.",
)
def no_cycles(project: Project) -> Iterator[Finding]:
    """``dependsOn`` of all containers together."""
    for definition in project.task_definitions.values():
        edges: dict[str, list[tuple[Path, str]]] = {}
        for path, own, item in _dependencies(definition):
            edges.setdefault(own, []).append((path, str(item.get("containerName"))))
        done: set[str] = set()
        for start in edges:
            cycle = _cycle(start, edges, done)
            if cycle is not None:
                path, names = cycle
                yield Finding(path, f"the containers wait for each other: {' → '.join(names)}")


def _cycle(start: str, edges: dict[str, list[tuple[Path, str]]], done: set[str]) -> tuple[Path, list[str]] | None:
    stack: list[tuple[str, list[str]]] = [(start, [start])]
    while stack:
        name, way = stack.pop()
        if name in done:
            continue
        for path, other in edges.get(name, ()):
            if other == start and len(way) > 1:
                done.update(way)
                return path, [*way, start]
            if other not in way:
                stack.append((other, [*way, other]))
    done.add(start)
    return None
