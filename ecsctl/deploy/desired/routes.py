"""Spec and facts → application and network balancers with their target groups: pure."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ecsctl.deploy.resources import (
    Forward,
    Ingress,
    Key,
    LoadBalancer,
    Ref,
    Resource,
    SecurityGroup,
    TargetGroup,
    base_name,
)
from ecsctl.errors import EcsctlError

if TYPE_CHECKING:
    from ecsctl.deploy.data_sources import Subnet
    from ecsctl.manifest.model import ListenerSpec, LoadBalancerSpec, ServiceSpec, Spec

# A name of a target group has 32 characters at most; a hash of what AWS cannot change of it takes a part of them.
LONGEST_NAME = 32
HASH = 8
# From here Linux and Docker draw the host ports that a definition leaves open.
EPHEMERAL = (32768, 65535)
LAYER_4 = ("UDP", "TCP_UDP")


@dataclass(frozen=True)
class Route:
    """From a balancer to a container of a service. ``host_port`` 0 is drawn when a task starts.

    ``by_address``: its tasks have addresses of their own (awsvpc), so they, not their instances, are the targets.
    """

    balancer: str
    service: str
    container: str
    container_port: int
    host_port: int
    by_address: bool

    @classmethod
    def of(cls, spec: Spec, service: ServiceSpec) -> Route:
        """The route to a service that has a balancer."""
        target = service.load_balancer
        assert target is not None
        definition = definition_of(spec, service)
        host = 0 if definition else target.container_port
        for container in definition.get("containerDefinitions", ()):
            if container.get("name") != target.container_name:
                continue
            for mapping in container.get("portMappings", ()):
                if mapping.get("containerPort") == target.container_port:
                    host = int(mapping.get("hostPort") or host)
        mode = definition.get("networkMode")
        if mode in ("host", "awsvpc"):
            host = target.container_port
        return cls(
            target.name, service.name, target.container_name, target.container_port, host, has_addresses(spec, service)
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


def has_addresses(spec: Spec, service: ServiceSpec) -> bool:
    """Whether the service's tasks have network interfaces of their own."""
    definition = definition_of(spec, service)
    if definition.get("networkMode"):
        return bool(definition["networkMode"] == "awsvpc")
    if "FARGATE" in (definition.get("requiresCompatibilities") or ()) or service.definition.get("networkConfiguration"):
        return True
    return on_fargate(service)


def on_fargate(service: ServiceSpec) -> bool:
    """Whether the service says that it runs on Fargate."""
    strategy = service.definition.get("capacityProviderStrategy") or ()
    providers = {str(item.get("capacityProvider", "")) for item in strategy}
    return service.definition.get("launchType") == "FARGATE" or any(name.startswith("FARGATE") for name in providers)


def balancer_group(spec: Spec, balancer: str) -> Key:
    """The security group of a balancer."""
    return Key(SecurityGroup.kind, f"{base_name(spec.name)}-{balancer}")


def forwards(
    spec: Spec,
    tags: Mapping[str, str],
    balancer: LoadBalancerSpec,
    routes: Sequence[Route],
    subnets: Sequence[Subnet],
    vpc: str,
) -> list[Resource]:
    """An application or network balancer, its security group, and a target group for each route.

    Args:
        subnets: where it stands, all of ``vpc``.

    Raises:
        EcsctlError: an application balancer in one subnet, or a listener that leads to no service.
    """
    if balancer.type == "application" and len({subnet.zone for subnet in subnets}) < 2:
        raise EcsctlError(
            f"loadBalancers.{balancer.name}: an application balancer needs subnets in two zones",
            hint="name two: `subnets: [subnet-…, subnet-…]`; or type: network",
        )
    groups = {route: _target_group(spec, tags, balancer, route, vpc) for route in routes}
    listeners = [
        Forward(item.port, item.protocol, Ref(groups[_behind(balancer, item, routes)].key, "arn"), item.certificate)
        for item in balancer.listeners
    ]
    if not listeners:
        raise EcsctlError(
            f"loadBalancers.{balancer.name}: no service of the file stands behind it",
            hint=f"add `loadBalancer: {balancer.name}:80` to a service",
        )
    group = SecurityGroup(
        balancer_group(spec, balancer.name).name,
        tags,
        vpc=vpc,
        description=f"ecsctl {spec.name}: who may reach {balancer.name}",
        ingress=tuple(
            Ingress(port, port, protocol, cidr)
            for port, protocol in sorted({(f.port, p) for f in listeners for p in _transport(f.protocol)})
            for cidr in balancer.ingress
        ),
    )
    made = LoadBalancer(
        balancer.name,
        tags,
        type=balancer.type,
        scheme=balancer.scheme,
        subnets=tuple(subnet.id for subnet in subnets),
        placed=bool(balancer.subnets),
        security_groups=(Ref(group.key, "id"),),
        listeners=tuple(listeners),
    )
    return [group, *groups.values(), made]


def admitted(spec: Spec, routes: Sequence[Route]) -> Iterator[Ingress]:
    """What the targets of these routes have to admit: their balancers, on the ports that they send to."""
    for route in routes:
        source = Ref(balancer_group(spec, route.balancer), "id")
        balancer = spec.load_balancers[route.balancer]
        for protocol in sorted({p for item in balancer.listeners for p in _transport(item.protocol)} | {"tcp"}):
            yield Ingress(*route.ports(), protocol, source)


def network(
    spec: Spec, tags: Mapping[str, str], service: ServiceSpec, subnets: Sequence[Subnet], vpc: str
) -> tuple[SecurityGroup, dict[str, Any]]:
    """The security group of a service's own tasks, and the service's ``networkConfiguration`` with it."""
    assert service.ingress is not None
    rules = [Ingress(rule.from_port, rule.to_port, rule.protocol, rule.cidr) for rule in service.ingress]
    if service.load_balancer and service.load_balancer.name in spec.load_balancers:
        rules += admitted(spec, [Route.of(spec, service)])
    group = SecurityGroup(
        f"{base_name(spec.name)}-{service.name}-tasks",
        tags,
        vpc=vpc,
        description=f"ecsctl {spec.name}: tasks of {service.name}",
        ingress=tuple(rules),
    )
    said = dict((service.definition.get("networkConfiguration") or {}).get("awsvpcConfiguration") or {})
    # Only on Fargate an interface may have a public address; without one, the default VPC leads to no image.
    usual = {"assignPublicIp": "ENABLED"} if not said and runs_on_fargate(spec, service) else {}
    said = {"subnets": [subnet.id for subnet in subnets], **usual, **said}
    said["securityGroups"] = [*(said.get("securityGroups") or ()), Ref(group.key, "id")]
    return group, {"awsvpcConfiguration": said}


def runs_on_fargate(spec: Spec, service: ServiceSpec) -> bool:
    """Whether the service, or the cluster by its default, starts its tasks on Fargate."""
    definition = definition_of(spec, service)
    only = set(definition.get("requiresCompatibilities") or ()) == {"FARGATE"}
    return on_fargate(service) or (only and "launchType" not in service.definition)


def references(spec: Spec, balancer: LoadBalancerSpec, route: Route, vpc: str) -> list[dict[str, Any]]:
    """``loadBalancers`` of the service of a route."""
    key = Key(TargetGroup.kind, _group_name(spec, balancer, route, vpc))
    return [
        {
            "targetGroupArn": Ref(key, "arn"),
            "containerName": route.container,
            "containerPort": route.container_port,
        }
    ]


def _transport(protocol: str) -> tuple[str, ...]:
    return ("tcp", "udp") if protocol == "TCP_UDP" else ("udp",) if protocol == "UDP" else ("tcp",)


def _behind(balancer: LoadBalancerSpec, listener: ListenerSpec, routes: Sequence[Route]) -> Route:
    """The route that a listener leads to: by the port of the container, else the only one."""
    for port in (listener.instance_port, None if listener.instance_port else listener.port):
        for route in routes:
            if port and port in (route.container_port, route.host_port):
                return route
    if len(routes) == 1 and not listener.instance_port:
        return routes[0]
    raise EcsctlError(
        f"loadBalancers.{balancer.name}: it cannot be told which service the listener {listener.port} leads to",
        hint='say the container\'s port: `listeners: ["80:8080"]`, and `loadBalancer: '
        f"{balancer.name}:8080` in the service",
    )


def _protocol(balancer: LoadBalancerSpec, route: Route) -> str:
    """What the balancer speaks to its targets."""
    if balancer.type == "application":
        inside = {item.instance_protocol for item in balancer.listeners}
        return "HTTPS" if inside == {"HTTPS"} else "HTTP"
    for listener in balancer.listeners:
        if listener.protocol in LAYER_4 and (listener.instance_port or listener.port) == route.container_port:
            return listener.protocol
    return "TCP"


def _group_name(spec: Spec, balancer: LoadBalancerSpec, route: Route, vpc: str) -> str:
    kind = "ip" if route.by_address else "instance"
    # What cannot be changed of a target group is another name, so that the old one serves until the new one does.
    what = [spec.name, spec.cluster, balancer.name, route.service, route.container, route.container_port, kind, vpc]
    text = "\0".join(str(part) for part in [*what, _protocol(balancer, route)])
    digest = hashlib.sha256(text.encode()).hexdigest()[:HASH]
    # A name may not begin or end with a hyphen, nor with "internal-".
    stem = re.sub(r"[^A-Za-z0-9]+", "-", f"ecsctl-{route.service}")[: LONGEST_NAME - HASH - 1].strip("-")
    return f"{stem}-{digest}"


def _target_group(
    spec: Spec, tags: Mapping[str, str], balancer: LoadBalancerSpec, route: Route, vpc: str
) -> TargetGroup:
    check = balancer.health_check
    protocol = _protocol(balancer, route)
    asked: dict[str, Any] = {
        "HealthCheckProtocol": protocol if balancer.type == "application" else ("HTTP" if check.path else "TCP"),
        "HealthCheckIntervalSeconds": check.interval,
        "HealthCheckTimeoutSeconds": check.timeout,
        "HealthyThresholdCount": check.healthy_threshold,
        "UnhealthyThresholdCount": check.unhealthy_threshold,
    }
    if asked["HealthCheckProtocol"] != "TCP":
        asked["HealthCheckPath"] = check.path or "/"
    return TargetGroup(
        _group_name(spec, balancer, route, vpc),
        tags,
        vpc=vpc,
        protocol=protocol,
        port=route.container_port,
        target_type="ip" if route.by_address else "instance",
        health_check=asked,
        deregistration_delay=balancer.deregistration_delay,
    )
