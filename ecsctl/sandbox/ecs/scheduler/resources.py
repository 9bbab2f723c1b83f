"""The accounting of instances: what a task needs, what fits, who holds which port."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Literal, cast

from ecsctl.sandbox.ecs.store.store import ContainerInstance, Document, Need, Task, TaskDefinition
from ecsctl.sandbox.interfaces import PortBinding

RESERVED_TCP_PORTS = (22, 2375, 2376, 51678, 51679, 51680)
DYNAMIC_PORTS = range(32768, 61000)


def needed(definition: TaskDefinition, overrides: Document) -> Need:
    """What one task of this definition takes, with RunTask's overrides."""
    by_name = {o["name"]: o for o in overrides.get("containerOverrides", ()) if o.get("name")}
    cpu = memory = gpu = 0
    ports: list[tuple[str, int]] = []
    dynamic = definition.network_mode == "bridge"
    for container in definition.containers:
        merged = {**container, **by_name.get(container["name"], {})}
        cpu += int(merged.get("cpu") or 0)
        memory += int(merged.get("memoryReservation") or merged.get("memory") or 0)
        gpu += sum(int(r["value"]) for r in merged.get("resourceRequirements", ()) if r.get("type") == "GPU")
        if definition.network_mode in ("bridge", "host"):
            for mapping in container.get("portMappings", ()):
                host = mapping.get("hostPort") or (0 if dynamic else mapping.get("containerPort", 0))
                if host:
                    ports.append((mapping.get("protocol", "tcp"), int(host)))
    task_cpu = overrides.get("cpu") or definition.document.get("cpu")
    task_memory = overrides.get("memory") or definition.document.get("memory")
    return Need(
        cpu=int(task_cpu) if task_cpu else cpu,
        memory=int(task_memory) if task_memory else memory,
        gpu=gpu,
        ports=tuple(dict.fromkeys(ports)),
        interface=definition.network_mode == "awsvpc",
    )


def shortage(instance: ContainerInstance, need: Need) -> str | None:
    """None where the task fits now; else the resource that is short: CPU, MEMORY, PORTS, GPU or ENI."""
    facts = instance.facts
    if need.cpu > facts.cpu_units - instance.cpu_used:
        return "CPU"
    if need.memory > facts.memory_mib - instance.memory_used:
        return "MEMORY"
    for port in need.ports:
        if port in instance.fixed_ports or port in instance.dynamic_ports:
            return "PORTS"
        if port[0] == "tcp" and port[1] in RESERVED_TCP_PORTS:
            return "PORTS"
    if need.gpu > facts.gpus - instance.gpu_used:
        return "GPU"
    # One interface is the instance's own.
    if need.interface and facts.interfaces is not None and instance.interfaces_used >= facts.interfaces - 1:
        return "ENI"
    return None


def reserve(instance: ContainerInstance, task: Task) -> None:
    """Give the task its share of the instance; the caller has asked :func:`shortage` before."""
    need = task.need
    instance.cpu_used += need.cpu
    instance.memory_used += need.memory
    instance.gpu_used += need.gpu
    instance.interfaces_used += need.interface
    for port in need.ports:
        instance.fixed_ports[port] = task.arn
    instance.tasks[task.arn] = None
    instance.version += 1


def release(instance: ContainerInstance, task: Task) -> None:
    """Take back everything that the task holds; does nothing where it holds nothing."""
    if task.arn not in instance.tasks:
        return
    del instance.tasks[task.arn]
    need = task.need
    instance.cpu_used -= need.cpu
    instance.memory_used -= need.memory
    instance.gpu_used -= need.gpu
    instance.interfaces_used -= need.interface
    instance.version += 1
    for table in (instance.fixed_ports, instance.dynamic_ports):
        for port in [port for port, holder in table.items() if holder == task.arn]:
            del table[port]


def dynamic_ports(instance: ContainerInstance, protocol: str, count: int, task_arn: str) -> list[int] | None:
    """So many free ports in a row of the ephemeral range, held for the task from now on; None where there are none.

    The search goes on from the last port given, so that an address is not reused at once.
    """

    def taken(port: int) -> bool:
        key = (protocol, port)
        return key in instance.fixed_ports or key in instance.dynamic_ports or port in RESERVED_TCP_PORTS

    start = instance.next_port - DYNAMIC_PORTS.start
    row: list[int] = []
    for step in range(len(DYNAMIC_PORTS) + count - 1):
        port = DYNAMIC_PORTS[(start + step) % len(DYNAMIC_PORTS)]
        row = [] if taken(port) or (row and port != row[-1] + 1) else row
        if not taken(port):
            row.append(port)
        if len(row) == count:
            instance.dynamic_ports |= {(protocol, each): task_arn for each in row}
            instance.next_port = port + 1 if port + 1 in DYNAMIC_PORTS else DYNAMIC_PORTS.start
            return row
    return None


def bindings(
    container: Document, network_mode: str, instance: ContainerInstance | None, task_arn: str
) -> list[PortBinding]:
    """The ports a container publishes: fixed as asked, dynamic ones drawn from the instance, a range in a row.

    Raises:
        OverflowError: the ephemeral range of the instance is used up.
    """
    bound: list[PortBinding] = []
    for mapping in container.get("portMappings", ()):
        protocol = cast(Literal["tcp", "udp"], mapping.get("protocol", "tcp"))
        ports = list(container_ports(mapping))
        fixed = int(mapping.get("hostPort") or 0)
        if network_mode in ("host", "awsvpc"):
            hosts: list[int] | None = ports
        elif fixed or instance is None:
            hosts = [fixed or port for port in ports]
        else:
            hosts = dynamic_ports(instance, protocol, len(ports), task_arn)
        if hosts is None:
            raise OverflowError("the ephemeral port range is used up")
        bound += [PortBinding(port, host, protocol) for port, host in zip(ports, hosts, strict=True)]
    return bound


def container_ports(mapping: Document) -> Iterable[int]:
    """The container's ports of one mapping: one, or a ``containerPortRange``."""
    if mapping.get("containerPortRange"):
        first, _, last = str(mapping["containerPortRange"]).partition("-")
        return range(int(first), int(last or first) + 1)
    return (int(mapping["containerPort"]),)


def resource_lists(instance: ContainerInstance) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """``registeredResources`` and ``remainingResources`` of the API. A PORTS set lists the ports that are taken."""
    facts = instance.facts
    reserved = [str(port) for port in RESERVED_TCP_PORTS]
    held_tcp = [str(port) for protocol, port in instance.fixed_ports if protocol == "tcp"]
    held_udp = [str(port) for protocol, port in instance.fixed_ports if protocol == "udp"]
    registered = [
        _number("CPU", facts.cpu_units),
        _number("MEMORY", facts.memory_mib),
        _ports("PORTS", reserved),
        _ports("PORTS_UDP", []),
    ]
    remaining = [
        _number("CPU", facts.cpu_units - instance.cpu_used),
        _number("MEMORY", facts.memory_mib - instance.memory_used),
        _ports("PORTS", reserved + held_tcp),
        _ports("PORTS_UDP", held_udp),
    ]
    if facts.gpus:
        registered.append(_ports("GPU", [f"GPU-{n}" for n in range(facts.gpus)]))
        remaining.append(_ports("GPU", [f"GPU-{n}" for n in range(facts.gpus - instance.gpu_used)]))
    return registered, remaining


def _number(name: str, value: int) -> dict[str, Any]:
    return {"name": name, "type": "INTEGER", "doubleValue": 0.0, "longValue": 0, "integerValue": value}


def _ports(name: str, values: list[str]) -> dict[str, Any]:
    return {
        "name": name,
        "type": "STRINGSET",
        "doubleValue": 0.0,
        "longValue": 0,
        "integerValue": 0,
        "stringSetValue": values,
    }
