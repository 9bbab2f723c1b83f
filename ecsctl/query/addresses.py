"""Where a task answers: a task joined with its host → one :class:`Location` for each port. Pure.

bridge and host networking publish a container's port on its instance (``networkBindings``); awsvpc and Fargate tasks
have a network interface of their own, where the port is the container's.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from ecsctl.query.views import Binding, TaskView, port_range

ANY = {"0.0.0.0", "::", ""}
HTTPS = {443, 8443}

# Of one task definition: each container's (port, protocol), in order.
Ports = Mapping[str, Sequence[tuple[int, str]]]


@dataclass(frozen=True, slots=True)
class Location:
    """One port of one container. ``address`` is what to connect to, or None where AWS does not know it."""

    task: TaskView
    container: str
    container_port: int
    port: int
    protocol: str
    address: str | None
    public_address: str | None
    private_address: str | None

    @property
    def endpoint(self) -> str | None:
        """``host:port``, an IPv6 host in brackets."""
        if self.address is None:
            return None
        return f"[{self.address}]:{self.port}" if ":" in self.address else f"{self.address}:{self.port}"

    @property
    def bare(self) -> str | None:
        """The endpoint as printed alone: a port that is not TCP says so, as ``192.0.2.1:53/udp``."""
        return self.endpoint if self.protocol == "tcp" or self.endpoint is None else f"{self.endpoint}/{self.protocol}"

    @property
    def url(self) -> str | None:
        """What a browser can open; None for UDP."""
        if self.endpoint is None or self.protocol != "tcp":
            return None
        scheme = "https" if self.port in HTTPS or self.container_port in HTTPS else "http"
        return f"{scheme}://{self.endpoint}/"


@dataclass(frozen=True)
class Found:
    """The locations of a task, and what its user should know about them."""

    locations: tuple[Location, ...]
    notes: tuple[str, ...] = field(default=())


def locate(task: TaskView, ports: Ports | None = None, *, private: bool = False) -> Found:
    """The locations of a placed task.

    Args:
        ports: those of its task definition; needed where the task has its own network interface.
        private: give the private addresses although there are public ones.
    """
    if task.interface is not None:
        return _on_interface(task, ports or {}, private)
    return _on_host(task, private)


def silent_containers(task: TaskView, ports: Ports | None = None) -> list[str]:
    """The names of the containers that publish no port."""
    known = ports or {}
    if task.interface is not None:
        return [container.name for container in task.containers if not known.get(container.name)]
    return [container.name for container in task.containers if not container.bindings]


def _on_interface(task: TaskView, ports: Ports, private: bool) -> Found:
    interface = task.interface
    assert interface is not None
    inside = interface.private_address or interface.ipv6_address
    outside = interface.public_address
    address, notes = _choose(outside, inside, private, f"task {task.short_id} has")
    found = [
        Location(task, container.name, port, port, protocol, address, outside, inside)
        for container in task.containers
        for port, protocol in ports.get(container.name, ())
    ]
    return Found(tuple(found), tuple(notes) if found else ())


def _on_host(task: TaskView, private: bool) -> Found:
    bindings = [(container.name, binding) for container in task.containers for binding in _distinct(container.bindings)]
    if not bindings:
        return Found(())
    instance = task.instance
    outside = instance.public_address if instance else None
    inside = instance.private_address if instance else None
    host = instance.instance_id if instance else task.host or "its instance"
    notes: list[str] = []
    if instance is not None and instance.external:
        address = None
        opened = ", ".join(str(binding.host_port) for _, binding in bindings)
        notes.append(
            f"task {task.short_id} runs on {host}, an external instance whose address AWS does not know; "
            f"its port there: {opened}"
        )
    elif outside is None and inside is None:
        address = None
        notes.append(f"EC2 does not know instance {host} of task {task.short_id} (any more): no address")
    else:
        address, notes = _choose(outside, inside, private, f"instance {host} of task {task.short_id} has")
    found = []
    for name, binding in bindings:
        chosen = address
        if binding.bind_ip not in ANY:
            chosen = binding.bind_ip
            if binding.bind_ip.startswith("127."):
                notes.append(f"port {binding.host_port} of task {task.short_id} answers on {host} itself only")
        found.append(
            Location(task, name, binding.container_port, binding.host_port, binding.protocol, chosen, outside, inside)
        )
    return Found(tuple(found), tuple(notes))


def _choose(outside: str | None, inside: str | None, private: bool, subject: str) -> tuple[str | None, list[str]]:
    if private or outside is None:
        missing = [] if private else [f"{subject} no public address: {inside} is the private one"]
        return inside or outside, missing
    return outside, []


def _distinct(bindings: Sequence[Binding]) -> Sequence[Binding]:
    if len(bindings) <= 1:
        return bindings
    # An instance with IPv4 and IPv6 reports the same port once for 0.0.0.0 and once for ::.
    seen: dict[tuple[int, int, str, str], Binding] = {}
    for binding in bindings:
        where = "" if binding.bind_ip in ANY else binding.bind_ip
        seen.setdefault((binding.container_port, binding.host_port, binding.protocol, where), binding)
    return list(seen.values())


def ports_of(definition: Mapping[str, object]) -> dict[str, list[tuple[int, str]]]:
    """Each container's ports of a task definition (DescribeTaskDefinition's ``taskDefinition``)."""
    result: dict[str, list[tuple[int, str]]] = {}
    containers = definition.get("containerDefinitions")
    for container in containers if isinstance(containers, list) else ():
        ports: list[tuple[int, str]] = []
        for mapping in container.get("portMappings") or ():
            protocol = mapping.get("protocol") or "tcp"
            if mapping.get("containerPortRange"):
                ports += [(port, protocol) for port in port_range(mapping["containerPortRange"])]
            elif mapping.get("containerPort"):
                ports.append((int(mapping["containerPort"]), protocol))
        result[container.get("name", "")] = ports
    return result
