"""RegisterTaskDefinition: containers that wait for each other."""

from __future__ import annotations

from collections.abc import Iterator

from ecsctl.refusals.containers import REGISTER
from ecsctl.refusals.model import CLIENT, Data, Path, Violation, containers, fact, items, model, preflight

UNKNOWN = fact(
    "dependency-unknown", REGISTER, CLIENT, "dependsOn names no container of the task definition",
    "Cannot depend on container + '{name}' because it does not exist",
    f"{preflight('dependson-container-missing')}; dagster-io/dagster#6926",
)  # fmt: skip
LINK_UNKNOWN = fact(
    "link-unknown", REGISTER, CLIENT, "links names no container of the task definition",
    "Invalid link '{link}': the container '{name}' does not exist.", basis=model("ContainerDefinition.links"),
)  # fmt: skip
ESSENTIAL = fact(
    "dependency-essential", REGISTER, CLIENT, "condition SUCCESS or COMPLETE of an essential container",
    "A dependency container with SUCCESS or COMPLETE condition cannot be an essential container",
    f"{preflight('dependson-complete-on-essential')}; klothoplatform/klotho#892",
)  # fmt: skip
HEALTHY = fact(
    "dependency-health-check", REGISTER, CLIENT, "condition HEALTHY of a container without healthCheck",
    "A dependency container with HEALTHY condition must have health check configured",
    preflight("dependson-healthy-without-healthcheck"),
)  # fmt: skip
SELF = fact(
    "dependency-self", REGISTER, CLIENT,
    "a container that depends on itself, links to itself or mounts its own volumes",
    "Container '{container}' cannot depend on itself.", basis=model("ContainerDependency"),
)  # fmt: skip
CYCLE = fact(
    "dependency-cycle", REGISTER, CLIENT, "containers that wait for each other",
    "The dependencies of the containers have a cycle: {cycle}.", basis=model("ContainerDependency"),
)  # fmt: skip


def check_dependencies(definition: Data) -> Iterator[Violation]:
    """``dependsOn``, ``links`` and ``volumesFrom`` of all containers together."""
    found = list(containers(definition))
    by_name = {str(box.get("name")): (path, box) for path, box in found}
    names = list(by_name)
    depends = tuple((*path, "name") for path, _ in found)
    edges: dict[str, list[tuple[Path, str]]] = {}
    for path, box in found:
        own = str(box.get("name"))
        for place, item in items(box, "dependsOn", path):
            name = item.get("containerName")
            if name is None:
                continue
            edges.setdefault(own, []).append((place, name))
            if name == own:
                yield SELF.at((*place, "containerName"), container=own)
            elif name not in by_name:
                yield UNKNOWN.at((*place, "containerName"), name=name, names=names, depends=depends)
            else:
                yield from _condition(place, item, *by_name[name])
        for index, link in enumerate(box.get("links") or ()):
            name = str(link).partition(":")[0]
            place = (*path, "links", index)
            if name == own:
                yield SELF.at(place, container=own)
            elif name not in by_name:
                yield LINK_UNKNOWN.at(place, link=link, name=name, names=names, depends=depends)
        for place, item in items(box, "volumesFrom", path):
            if item.get("sourceContainer") == own:
                yield SELF.at((*place, "sourceContainer"), container=own)
    yield from _cycles(edges)


def _condition(place: Path, item: Data, other_path: Path, other: Data) -> Iterator[Violation]:
    condition, name = item.get("condition"), item["containerName"]
    if condition in ("SUCCESS", "COMPLETE") and other.get("essential") is not False:
        yield ESSENTIAL.at(place, name=name, condition=condition)
    if condition == "HEALTHY" and not other.get("healthCheck"):
        yield HEALTHY.at(place, name=name, depends=((*other_path, "healthCheck"),))


def _cycles(edges: dict[str, list[tuple[Path, str]]]) -> Iterator[Violation]:
    done: set[str] = set()
    for start in edges:
        stack: list[tuple[str, list[str]]] = [(start, [start])]
        while stack:
            name, way = stack.pop()
            if name in done:
                continue
            for path, other in edges.get(name, ()):
                if other == start and len(way) > 1:
                    done.update(way)
                    yield CYCLE.at(path, cycle=" → ".join([*way, start]))
                    stack.clear()
                    break
                if other not in way:
                    stack.append((other, [*way, other]))
        done.add(start)
