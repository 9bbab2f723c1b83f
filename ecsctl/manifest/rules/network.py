"""Network modes and ports of task definitions."""

from __future__ import annotations

import re
from collections.abc import Iterator

from ecsctl.manifest.rules import Finding, rule
from ecsctl.manifest.rules.document import Data, Project, boxes, listed, network_mode
from ecsctl.manifest.yaml.nodes import Path

RESERVED = {22, 2375, 2376, 51678, 51679, 51680}
NOT_IN_AWSVPC = ("hostname", "extraHosts", "dnsServers", "disableNetworking")
HIGHEST = 65535
PORT_NAME = re.compile(r"[a-z0-9_][a-z0-9_-]{0,63}")
RANGE = re.compile(r"(\d{1,5})-(\d{1,5})")


def _mappings(project: Project) -> Iterator[tuple[str, Path, Data, Data]]:
    for definition, path, box in boxes(project):
        for place, mapping in listed(box, "portMappings", path):
            yield network_mode(project, definition), place, box, mapping


@rule(
    "ECS040",
    "Ports are numbers that ports can have.",
    service="Invalid 'containerPort' setting for container",
    why="A port mapping names one port of the container, or a range of them.",
)
def port_numbers(project: Project) -> Iterator[Finding]:
    """``containerPort`` 1-65535, ``hostPort`` 0-65535, and one of ``containerPort`` and ``containerPortRange``."""
    for _, place, _, mapping in _mappings(project):
        port, span = mapping.get("containerPort"), mapping.get("containerPortRange")
        if port is None and span is None:
            yield Finding(
                place,
                "containerPort is missing",
                "containerPort or containerPortRange",
                ((*place, "containerPort"), (*place, "containerPortRange")),
            )
        elif port is not None and span is not None:
            yield Finding(
                (*place, "containerPortRange"), "containerPort and containerPortRange together", "one of them"
            )
        ends = RANGE.fullmatch(span) if isinstance(span, str) else None
        if span is not None and (ends is None or not 1 <= int(ends[1]) <= int(ends[2]) <= HIGHEST):
            yield Finding((*place, "containerPortRange"), f"{span!r} is no range of ports", "as 8000-8010")
        for member, least in (("containerPort", 1), ("hostPort", 0)):
            number = mapping.get(member)
            if number is not None and not least <= number <= HIGHEST:
                yield Finding((*place, member), f"{number} is no port", f"{least} to {HIGHEST}")


@rule(
    "ECS041",
    "In network mode host or awsvpc the host's port is the container's.",
    service="When networkMode=host, the host ports and container ports in port mappings must match",
    why="There is one network only, the instance's or the task's, so there is nothing to map.",
)
def ports_match(project: Project) -> Iterator[Finding]:
    """``hostPort`` equals ``containerPort``."""
    for mode, place, _, mapping in _mappings(project):
        port, host = mapping.get("containerPort"), mapping.get("hostPort")
        drawn = mode == "host" and host == 0
        if mode in ("host", "awsvpc") and port and host is not None and port != host and not drawn:
            message = f"the host port {host} is not the container port {port} in network mode {mode}"
            yield Finding((*place, "hostPort"), message, f"{port}, or leave hostPort out")


@rule(
    "ECS042",
    "Network mode none has no ports.",
    service="Port mappings are not supported when networkMode=none.",
    why="The container has no network.",
)
def none_has_no_ports(project: Project) -> Iterator[Finding]:
    """``portMappings`` are empty."""
    for definition, path, box in boxes(project):
        if definition.get("networkMode") == "none" and box.get("portMappings"):
            yield Finding((*path, "portMappings"), "port mappings in network mode none", "networkMode: bridge")


@rule(
    "ECS043",
    "Links are for network mode bridge.",
    service="Links are not supported when networkMode=awsvpc.",
    why="Containers of one awsvpc or host task reach each other on localhost.",
)
def links_in_bridge(project: Project) -> Iterator[Finding]:
    """``links``."""
    for definition, path, box in boxes(project):
        mode = network_mode(project, definition)
        if mode != "bridge" and box.get("links"):
            yield Finding((*path, "links"), f"links are not supported in network mode {mode}", "localhost and the port")


@rule(
    "ECS044",
    "Network mode awsvpc takes no host names and name servers of a container's own.",
    service="The hostname, extraHosts, dnsServers and disableNetworking settings are not supported when "
    "networkMode=awsvpc.",
    why="The containers of a task share the network of its own interface, which the agent sets up.",
)
def awsvpc_bars(project: Project) -> Iterator[Finding]:
    """``hostname``, ``extraHosts``, ``dnsServers``, ``disableNetworking``."""
    for definition, path, box in boxes(project):
        if network_mode(project, definition) == "awsvpc":
            for member in NOT_IN_AWSVPC:
                if box.get(member):
                    yield Finding((*path, member), f"{member} is not supported in network mode awsvpc", "leave it out")


@rule(
    "ECS045",
    "A fixed host port is taken once.",
    service="RESOURCE:PORTS",
    why="Two containers of one task cannot hold the same port of the instance, so the task is never placed.",
)
def host_port_once(project: Project) -> Iterator[Finding]:
    """``hostPort`` and ``protocol``; in awsvpc and host ``containerPort``."""
    for definition in project.task_definitions.values():
        mode = network_mode(project, definition)
        seen: dict[tuple[int, str], str] = {}
        for path, box in definition.items("containerDefinitions"):
            for place, mapping in listed(box, "portMappings", path):
                port = mapping.get("hostPort") if mode == "bridge" else mapping.get("containerPort")
                if not port:
                    continue
                key = (port, mapping.get("protocol") or "tcp")
                if key in seen:
                    message = f"port {port}/{key[1]} is taken by the container {seen[key]} of the same task"
                    yield Finding((*place, "hostPort" if "hostPort" in mapping else "containerPort"), message)
                seen.setdefault(key, str(box.get("name")))


@rule(
    "ECS047",
    "A port mapping's name is its own, of small letters, digits, - and _.",
    service="Port mapping names must be unique within a task definition.",
    why="Service Connect and VPC Lattice find the port by this name.",
)
def port_names(project: Project) -> Iterator[Finding]:
    """``portMappings[].name``."""
    for definition in project.task_definitions.values():
        seen: set[str] = set()
        for path, box in definition.items("containerDefinitions"):
            for place, mapping in listed(box, "portMappings", path):
                name = mapping.get("name")
                if name is None:
                    continue
                if not PORT_NAME.fullmatch(name):
                    allowed = "up to 64 small letters, digits, - and _, no hyphen first"
                    yield Finding((*place, "name"), f"{name!r} is no name of a port", allowed)
                elif name in seen:
                    yield Finding((*place, "name"), f"the port name {name} is taken by another port of the task")
                seen.add(name)


@rule(
    "ECS046",
    "A fixed host port is none of those that the instance needs itself.",
    service="RESOURCE:PORTS",
    why="SSH, Docker and the ECS agent hold 22, 2375, 2376 and 51678-51680 on every instance.",
)
def host_port_free(project: Project) -> Iterator[Finding]:
    """``hostPort`` in bridge and host."""
    for mode, place, _, mapping in _mappings(project):
        member = "containerPort" if mode == "host" and not mapping.get("hostPort") else "hostPort"
        if mode in ("bridge", "host") and mapping.get(member) in RESERVED:
            yield Finding(
                (*place, member), f"the host port {mapping[member]} is reserved on ECS instances", "another one"
            )
