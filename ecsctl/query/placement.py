"""Whether a task would find a place now, and what keeps it from each instance. Pure.

ECS tells only of the closest match, and mutes for hours what it has told once. What the task needs and what the
instances have says it all, at any time.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from ecsctl.query.diagnosis import needed
from ecsctl.query.views import name_of, port_range

Json = Mapping[str, Any]
# What keeps a task from an instance, in the order in which it is told.
Sort = Literal["attribute", "constraint", "zone", "gpu", "ports", "memory", "cpu", "agent", "inactive"]
ORDER: tuple[Sort, ...] = ("attribute", "constraint", "zone", "gpu", "ports", "memory", "cpu", "agent", "inactive")
# What comes free when other tasks end.
FREED = ("gpu", "ports", "memory", "cpu")
# So many instances are named; more are counted.
NAMED = 3


@dataclass(frozen=True)
class Constraint:
    """A placement constraint as the user wrote it, and the instances (ARNs) that meet it."""

    text: str
    met_by: frozenset[str]


@dataclass(frozen=True)
class Obstacle:
    """What keeps a task from one instance.

    ``text`` tells it without the instance, and is the same for all that lack the same; ``left`` is how much the
    instance has left of what is short, and ``lasting`` says that it would be short if nothing else ran there.
    """

    sort: Sort
    instance: str
    text: str
    left: int = 0
    lasting: bool = False


@dataclass(frozen=True)
class NoRoom:
    """That no instance can take the task: an obstacle for each, none where there are no instances."""

    obstacles: tuple[Obstacle, ...] = ()

    @property
    def may_come_free(self) -> bool:
        """Whether it is enough that other tasks end."""
        return any(item.sort in FREED and not item.lasting for item in self.obstacles)

    @property
    def may_come_back(self) -> bool:
        """Whether it is enough that an agent reconnects, or an instance becomes active."""
        return any(item.sort in ("agent", "inactive") for item in self.obstacles)

    def __str__(self) -> str:
        if not self.obstacles:
            return "the cluster has no container instances (`ecsctl instance bootstrap` adds some)"
        groups: dict[tuple[Sort, str, bool], list[Obstacle]] = {}
        for item in self.obstacles:
            groups.setdefault((item.sort, item.text, item.lasting), []).append(item)
        ranked = sorted(groups.items(), key=lambda group: (ORDER.index(group[0][0]), -len(group[1])))
        return "; ".join(_told(sort, text, found) for (sort, text, _), found in ranked)


def _told(sort: Sort, text: str, found: Sequence[Obstacle]) -> str:
    if sort in ("memory", "cpu"):
        most = max(found, key=lambda item: item.left)
        have = "have at most" if len(found) > 1 else "has"
        return f"{text}, and {_named(found)} {have} {most.left} {'in all' if most.lasting else 'left'}"
    return f"{text} {_named(found)}"


def _named(found: Sequence[Obstacle]) -> str:
    names = [item.instance for item in found]
    if len(names) > NAMED:
        return f"{len(names)} instances"
    return " and ".join(filter(None, [", ".join(names[:-1]), names[-1]]))


def why_no_room(
    definition: Json,
    instances: Iterable[Json],
    *,
    constraints: Sequence[Constraint] = (),
    zones: Collection[str] = (),
) -> NoRoom | None:
    """Why none of these instances can take one more task; None where one of them can.

    Args:
        definition: the task definition as DescribeTaskDefinition gives it, with ``requiresAttributes``.
        instances: DescribeContainerInstances' ``containerInstances[]``: all of the cluster that may be used.
        constraints: the service's and the definition's placement constraints.
        zones: where given, the Availability Zones of the task's subnets.
    """
    found: list[Obstacle] = []
    need = _Need.of(definition)
    for row in instances:
        obstacle = next(_obstacles(need, row, constraints, zones), None)
        if obstacle is None:
            return None
        found.append(obstacle)
    return NoRoom(tuple(found))


@dataclass(frozen=True)
class _Need:
    """What one task takes of an instance: CPU units, memory in MiB, GPUs, fixed host ports; and what it must be."""

    cpu: int
    memory: int
    gpus: int
    ports: frozenset[tuple[str, int]]
    attributes: tuple[tuple[str, str | None], ...]

    @classmethod
    def of(cls, definition: Json) -> _Need:
        reserved = needed(definition)
        gpus = sum(
            int(item.get("value") or 0)
            for container in definition.get("containerDefinitions") or ()
            for item in container.get("resourceRequirements") or ()
            if item.get("type") == "GPU"
        )
        return cls(
            reserved.cpu, reserved.memory, gpus, frozenset(_host_ports(definition)), tuple(_attributes(definition))
        )


def _attributes(definition: Json) -> Iterator[tuple[str, str | None]]:
    """The attributes that an instance must have, with their values where they matter, the platform's first."""
    platform = definition.get("runtimePlatform") or {}
    architecture, family = platform.get("cpuArchitecture"), str(platform.get("operatingSystemFamily") or "")
    if architecture:
        yield "ecs.cpu-architecture", str(architecture).lower()
    if family.startswith("WINDOWS"):
        yield "ecs.os-family", family
    for row in definition.get("requiresAttributes") or ():
        yield str(row["name"]), row.get("value")


def _host_ports(definition: Json) -> Iterator[tuple[str, int]]:
    """The fixed host ports that a task takes, with their protocols; none in mode awsvpc."""
    mode = definition.get("networkMode") or "bridge"
    if mode not in ("bridge", "host"):
        return
    for container in definition.get("containerDefinitions") or ():
        for mapping in container.get("portMappings") or ():
            protocol = str(mapping.get("protocol") or "tcp")
            if mode == "host" and mapping.get("containerPortRange"):
                yield from ((protocol, port) for port in port_range(mapping["containerPortRange"]))
                continue
            port = mapping.get("hostPort") or (mapping.get("containerPort") if mode == "host" else 0)
            if port:
                yield protocol, int(port)


def _obstacles(need: _Need, row: Json, constraints: Sequence[Constraint], zones: Collection[str]) -> Iterator[Obstacle]:
    arn = str(row["containerInstanceArn"])
    name = str(row.get("ec2InstanceId") or name_of(arn))
    if row.get("status") != "ACTIVE":
        yield Obstacle("inactive", name, f"{row.get('status')}:")
        return
    has = {str(item.get("name")): item.get("value") for item in row.get("attributes") or ()}
    free = len(_resources(row, "remainingResources").get("GPU", {}).get("stringSetValue") or ())
    if need.gpus > free:
        whole = len(_resources(row, "registeredResources").get("GPU", {}).get("stringSetValue") or ())
        what = f"{need.gpus} GPU{'s' * (need.gpus > 1)} needed, {free or 'none'} free on"
        yield Obstacle("gpu", name, what, free, need.gpus > whole)
    for attribute, value in need.attributes:
        actual = str(has.get(attribute) or "")
        if attribute not in has:
            yield Obstacle("attribute", name, f"attribute {attribute}{f' = {value}' if value else ''} is missing on")
        elif value and actual.lower() != value.lower():
            yield Obstacle("attribute", name, f"{attribute} must be {value} and is {actual} on")
    for constraint in constraints:
        if arn not in constraint.met_by:
            yield Obstacle("constraint", name, f"constraint {constraint.text} is not met by")
    zone = str(has.get("ecs.availability-zone") or "")
    if zones and zone and zone not in zones:
        yield Obstacle("zone", name, f"the task's subnets are in {', '.join(sorted(zones))}, not in {zone} as")
    if not row.get("agentConnected"):
        yield Obstacle("agent", name, "the agent is disconnected on")
    yield from _shortages(need, row, name)


def _shortages(need: _Need, row: Json, name: str) -> Iterator[Obstacle]:
    left, all_in_all = _resources(row, "remainingResources"), _resources(row, "registeredResources")
    # What ECS calls the remaining ports are those in use.
    taken = {
        (protocol, int(port))
        for resource, protocol in (("PORTS", "tcp"), ("PORTS_UDP", "udp"))
        for port in left.get(resource, {}).get("stringSetValue") or ()
    }
    busy = sorted(port for _, port in need.ports & taken)
    if busy:
        ports = ", ".join(map(str, busy))
        yield Obstacle("ports", name, f"host port{'s' * (len(busy) > 1)} {ports} {_is(busy)} in use on")
    sizes: tuple[tuple[Sort, str, int, str], ...] = (
        ("memory", "MEMORY", need.memory, "MiB of memory"),
        ("cpu", "CPU", need.cpu, "CPU units"),
    )
    for sort, resource, wanted, unit in sizes:
        free = int(left.get(resource, {}).get("integerValue") or 0)
        whole = int(all_in_all.get(resource, {}).get("integerValue") or free)
        if resource in left and wanted > free:
            lasting = wanted > whole
            yield Obstacle(sort, name, f"{wanted} {unit} needed", whole if lasting else free, lasting)


def _resources(row: Json, which: str) -> dict[str, Json]:
    return {str(item.get("name")): item for item in row.get(which) or ()}


def _is(items: Sequence[Any]) -> str:
    return "is" if len(items) == 1 else "are"
