"""Routes: which container of which service a load balancer leads to, and on which port."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ecsctl.manifest.placement import host_port, network_mode, on_fargate

if TYPE_CHECKING:
    from ecsctl.manifest.model import ServiceSpec, Spec

# From here Linux and Docker draw the host ports that a definition leaves open.
EPHEMERAL = (32768, 65535)


@dataclass(frozen=True)
class Route:
    """From a balancer to a container of a service. ``host_port`` 0 is drawn when a task starts.

    ``by_address``: its tasks have addresses of their own (awsvpc), so they, not their instances, are the targets.
    Where ``hosts`` or ``paths`` are said, a rule of ``priority`` leads there, else the listener itself. ``shifts``: its
    deployments move the traffic between two target groups, and can be tried at the port ``test_listener``.
    """

    balancer: str
    service: str
    container: str
    container_port: int
    host_port: int
    by_address: bool
    hosts: tuple[str, ...] = ()
    paths: tuple[str, ...] = ()
    priority: int | None = None
    shifts: bool = False
    test_listener: int | None = None

    @property
    def by_rule(self) -> bool:
        """Whether a rule for its hosts or paths leads to it."""
        return bool(self.hosts or self.paths)

    @classmethod
    def of(cls, spec: Spec, service: ServiceSpec) -> Route:
        """The route to a service that has a balancer."""
        target = service.load_balancer
        assert target is not None
        definition = definition_of(spec, service)
        by_address = has_addresses(spec, service)
        mode = network_mode(definition, fargate=by_address)
        # A definition that is not the file's says nothing: its port is taken for the host's.
        hosts = [
            host_port(mode, mapping)
            for container in definition.get("containerDefinitions", ())
            if container.get("name") == target.container_name
            for mapping in container.get("portMappings", ())
            if mapping.get("containerPort") == target.container_port
        ]
        host = next(filter(None, hosts), 0) if definition else target.container_port
        return cls(
            target.name,
            service.name,
            target.container_name,
            target.container_port,
            host,
            by_address,
            target.hosts,
            target.paths,
            target.priority,
            service.shifts,
            target.test_listener,
        )

    def ports(self) -> tuple[int, int]:
        """The ports of the targets, first and last."""
        if self.by_address:
            return self.container_port, self.container_port
        return (self.host_port, self.host_port) if self.host_port else EPHEMERAL


def definition_of(spec: Spec, service: ServiceSpec) -> Mapping[str, Any]:
    """The service's task definition, where the file has it."""
    found = spec.task_definitions.get(str(service.definition.get("taskDefinition", "")))
    return found.definition if found else {}


def connected(service: ServiceSpec) -> bool:
    """Whether a service has Service Connect."""
    return bool((service.definition.get("serviceConnectConfiguration") or {}).get("enabled"))


def has_addresses(spec: Spec, service: ServiceSpec) -> bool:
    """Whether the service's tasks have network interfaces of their own."""
    definition = definition_of(spec, service)
    if definition.get("networkMode"):
        return bool(definition["networkMode"] == "awsvpc")
    if "FARGATE" in (definition.get("requiresCompatibilities") or ()) or service.definition.get("networkConfiguration"):
        return True
    return on_fargate(service.definition)


def runs_on_fargate(spec: Spec, service: ServiceSpec) -> bool:
    """Whether the service, or the cluster by its default, starts its tasks on Fargate."""
    definition = definition_of(spec, service)
    only = set(definition.get("requiresCompatibilities") or ()) == {"FARGATE"}
    return on_fargate(service.definition) or (only and "launchType" not in service.definition)
