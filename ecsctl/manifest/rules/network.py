"""Network modes and ports of task definitions."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ecsctl.manifest.rules import Finding, Tell, Values, cites, rule
from ecsctl.manifest.rules.document import Project, boxes, listed, network_mode
from ecsctl.refusals import networking as facts
from ecsctl.refusals import patterns
from ecsctl.refusals.limits import MAX_PORT

RESERVED = {22, 2375, 2376, 51678, 51679, 51680}


def _bounds(values: Values) -> str:
    return f"{values['least']} to {MAX_PORT}"


def _known_containers(values: Values) -> str:
    return f"one of {', '.join(str(name) for name in values['names'])}"


cites(
    "ECS040",
    "Ports are numbers that ports can have.",
    Tell(facts.PORT_MISSING, "containerPort is missing", "containerPort or containerPortRange"),
    Tell(facts.PORT_AND_RANGE, "containerPortRange beside a single port", "one of them"),
    Tell(facts.PORT_RANGE, "{value!r} is not a range of ports", "as 8000-8010"),
    Tell(facts.PORT_BOUNDS, "{value} is not a port", _bounds),
    why="A port mapping names one port of the container, or a range of them.",
    looks_at="containerPort 1-65535, hostPort 0-65535, and one of containerPort and containerPortRange",
)
cites(
    "ECS041",
    "In network mode host or awsvpc the host's port is the container's.",
    Tell(
        facts.PORTS_MATCH,
        "the host port {host} is not the container port {port} in network mode {mode}",
        "{port}, or leave hostPort out",
    ),
    why="There is one network only, the instance's or the task's, so there is nothing to map.",
    looks_at="hostPort equals containerPort",
)
cites(
    "ECS042",
    "Network mode none has no ports.",
    Tell(facts.NONE_PORTS, "port mappings in network mode none", "networkMode: bridge"),
    why="The container has no network.",
    looks_at="portMappings are empty",
)
cites(
    "ECS043",
    "Links are for network mode bridge.",
    Tell(facts.AWSVPC_LINKS, "links are not supported in network mode awsvpc", "localhost and the port"),
    Tell(facts.LINKS_MODE, "links are not supported in network mode {mode}", "localhost and the port"),
    why="Containers of one awsvpc or host task reach each other on localhost.",
    looks_at="links",
)
cites(
    "ECS044",
    "Network mode awsvpc takes no host names and name servers of a container's own.",
    *(
        Tell(refusal, "{member} is not supported in network mode awsvpc", "leave it out")
        for refusal in (
            facts.AWSVPC_HOSTNAME,
            facts.AWSVPC_EXTRA_HOSTS,
            facts.AWSVPC_DNS_SERVERS,
            facts.AWSVPC_DNS_SEARCH,
            facts.AWSVPC_NETWORKING,
        )
    ),
    why="The containers of a task share the network of its own interface, which the agent sets up.",
    looks_at="hostname, extraHosts, dnsServers, dnsSearchDomains, disableNetworking",
)
cites(
    "ECS045",
    "A fixed host port is taken once.",
    Tell(facts.HOST_PORT_TWICE, "port {port} is taken by the container {container} of the same task"),
    why="Two containers of one task cannot hold the same port of the instance, so the task is never placed.",
    looks_at="hostPort and protocol; in awsvpc and host containerPort",
)
cites(
    "ECS047",
    "A port mapping's name is its own, of small letters, digits, - and _.",
    Tell(facts.PORT_NAME, "{name!r} is not a valid name of a port", patterns.PORT_NAME_IS),
    Tell(facts.PORT_NAME_TWICE, "the port name {name} is taken by another port of the task"),
    why="Service Connect and VPC Lattice find the port by this name.",
    looks_at="portMappings[].name",
)
cites(
    "ECS048",
    "Ranges of ports do not overlap, and are for bridge and awsvpc.",
    Tell(facts.PORT_TWICE_AWSVPC, "the port {port} is in two mappings of the task", "ranges that do not overlap"),
    Tell(
        facts.PORT_RANGES_OVERLAP, "the port {port} is in two mappings of the container", "ranges that do not overlap"
    ),
    Tell(facts.PORT_RANGE_MODE, "containerPortRange is not supported in network mode {mode}", "bridge or awsvpc"),
    Tell(facts.PORT_RANGES_COUNT, "{count} port ranges are too many", "at most {most}"),
    why="A port of the container can be mapped once.",
    looks_at="containerPortRange",
)
cites(
    "ECS049",
    "An App Mesh proxy is a container of the task, in network mode awsvpc, and says its ports.",
    Tell(facts.PROXY_MODE, "a proxy in network mode {mode}", "networkMode: awsvpc"),
    Tell(facts.PROXY_CONTAINER, "there is no container {name!r}", _known_containers),
    Tell(facts.PROXY_INGRESS, "the proxy has no ProxyIngressPort", "{{name: ProxyIngressPort, value: '15000'}}"),
    Tell(facts.PROXY_PROPERTIES, "the proxy has no {name}", "{{name: {name}, value: …}}"),
    why="The agent sends all traffic of the task through it.",
    looks_at="proxyConfiguration",
)


def _mappings(project: Project) -> Iterator[tuple[str, tuple[str | int, ...], dict[str, Any]]]:
    for definition, path, box in boxes(project):
        for place, mapping in listed(box, "portMappings", path):
            yield network_mode(project, definition), place, mapping


@rule(
    "ECS046",
    "A fixed host port is none of those that the instance needs itself.",
    why="SSH, Docker and the ECS agent hold 22, 2375, 2376 and 51678-51680 on every instance.",
)
def host_port_free(project: Project) -> Iterator[Finding]:
    """``hostPort`` in bridge and host."""
    for mode, place, mapping in _mappings(project):
        member = "containerPort" if mode == "host" and not mapping.get("hostPort") else "hostPort"
        if mode in ("bridge", "host") and mapping.get(member) in RESERVED:
            yield Finding(
                (*place, member), f"the host port {mapping[member]} is reserved on ECS instances", "another one"
            )
