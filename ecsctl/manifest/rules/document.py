"""What the rules look at: a checked document as plain data, with the questions that many rules ask of it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from ecsctl import units
from ecsctl.manifest import placement
from ecsctl.manifest.placement import host_port, on_fargate
from ecsctl.manifest.yaml.nodes import Path
from ecsctl.refusals import Violation

Data = dict[str, Any]


@dataclass(frozen=True)
class Definition:
    """A task definition or a service: its name, its place, its members."""

    name: str
    path: Path
    data: Data

    def get(self, key: str, default: Any = None) -> Any:
        """A member."""
        return self.data.get(key, default)

    def items(self, key: str) -> Iterator[tuple[Path, Data]]:
        """The mappings of a list member, with their places; what the schema refused is left out."""
        yield from listed(self.data, key, self.path)


def listed(data: Data, key: str, path: Path) -> Iterator[tuple[Path, Data]]:
    """The mappings in the list ``data[key]``, with their places."""
    for index, item in enumerate(data.get(key) or ()):
        if isinstance(item, dict):
            yield (*path, key, index), item


class Project:
    """A checked document. What the schema refused is not in it, so every member may be missing.

    ``whole`` False: it is a task definition or a service alone, and what it refers to is elsewhere.
    """

    def __init__(self, data: Data, *, whole: bool) -> None:
        self.data = data
        self.whole = whole
        self.task_definitions = self._definitions("taskDefinitions")
        self.services = self._definitions("services")
        self.load_balancers = self._definitions("loadBalancers")
        self.instances: Data | None = data.get("instances")
        run_there = {str(one.get("taskDefinition")) for one in self.services.values() if on_fargate(one.data)}
        wanted = {name: one.get("requiresCompatibilities") or () for name, one in self.task_definitions.items()}
        self._fargate = {
            name for name, kinds in wanted.items() if "FARGATE" in kinds or (not kinds and name in run_there)
        }
        self.violations: tuple[Violation, ...] | None = None

    def _definitions(self, section: str) -> dict[str, Definition]:
        found = self.data.get(section) or {}
        return {name: Definition(name, (section, name), item) for name, item in found.items() if isinstance(item, dict)}

    def fargate(self, definition: Definition) -> bool:
        """Whether a task definition is meant for Fargate, by its own word or by a service that runs it there."""
        return definition.name in self._fargate

    def task_definition_of(self, service: Definition) -> Definition | None:
        """The service's task definition, where it is one of this file."""
        return self.task_definitions.get(str(service.get("taskDefinition")))


def counts(instances: Data | None) -> tuple[int, int, int] | None:
    """The least, desired and greatest number of instances; what is left out follows the rest. None: it says none."""
    count = (instances or {}).get("count")
    given = {key: value for key, value in count.items() if isinstance(value, int)} if isinstance(count, dict) else {}
    if not given:
        return None
    desired = given.get("desired", given.get("min", given.get("max", 0)))
    return given.get("min", desired), desired, given.get("max", desired)


def boxes(project: Project) -> Iterator[tuple[Definition, Path, Data]]:
    """Every container definition of every task definition, with its place."""
    for definition in project.task_definitions.values():
        for path, box in definition.items("containerDefinitions"):
            yield definition, path, box


def amount(definition: Definition, key: str) -> int | None:
    """A task's ``cpu`` (units) or ``memory`` (MiB), which the API has as text; None where it is no amount."""
    try:
        return (units.cpu_units if key == "cpu" else units.memory_mib)(str(definition.get(key) or ""))
    except ValueError:
        return None


def network_mode(project: Project, definition: Definition) -> str:
    """The network mode that a task definition gets: its own, ``awsvpc`` on Fargate, else ``bridge``."""
    return placement.network_mode(definition.data, fargate=project.fargate(definition))


def ports_of(definition: Definition | None) -> tuple[Path, ...]:
    """The places in a task definition that say which container has which ports."""
    if definition is None:
        return ()
    boxes = definition.data.get("containerDefinitions") or [None]
    inside = [
        (*definition.path, "containerDefinitions", index, member)
        for index in range(len(boxes))
        for member in ("name", "portMappings")
    ]
    return (*inside, (*definition.path, "networkMode"))


@dataclass(frozen=True)
class Referred:
    """A service's balancer in full, or ``problem`` where it cannot be told."""

    name: str
    container: str = ""
    port: int = 0
    host_port: int | None = None
    problem: str | None = None
    allowed: str | None = None
    by_rule: bool = False


def referred(project: Project, service: Definition) -> Referred | None:
    """Which container and port a service's ``loadBalancer`` means; None where it has none."""
    reference = service.get("loadBalancer")
    if not isinstance(reference, dict) or not reference.get("name"):
        return None
    name, container, port = reference["name"], reference.get("containerName"), reference.get("containerPort")
    by_rule = bool(reference.get("host") or reference.get("path"))
    definition = project.task_definition_of(service)
    if definition is None:
        if container and port:
            return Referred(name, container, port, by_rule=by_rule)
        problem = "its task definition is not in this file, so the container is not known"
        return Referred(name, problem=problem, allowed=f"{name}:CONTAINER:PORT")
    mode = network_mode(project, definition)
    open_ports = [
        (str(box.get("name")), mapping["containerPort"], host_port(mode, mapping))
        for path, box in definition.items("containerDefinitions")
        for _, mapping in listed(box, "portMappings", path)
        if mapping.get("containerPort") and (container is None or box.get("name") == container)
    ]
    unique = {(name, number): host for name, number, host in open_ports}
    matching = [key for key in unique if port is None or key[1] == port]
    known = ", ".join(f"{name}:{box}:{number}" for box, number in unique) or "none has a port mapping"
    if len(matching) == 1:
        box, number = matching[0]
        return Referred(name, box, number, unique[matching[0]], by_rule=by_rule)
    asked = f"port {port}" if port is not None else "a port"
    whom = f"the container {container}" if container else f"a container of {definition.name}"
    if not matching:
        return Referred(name, problem=f"{whom} with {asked} does not exist", allowed=known)
    return Referred(name, problem=f"more than one container or port fits {asked}", allowed=known)
