"""Load balancers with their security groups and target groups."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from ecsctl.deploy.desired.listeners import forwards, rules_of
from ecsctl.deploy.desired.network import subnets_of, vpc_of
from ecsctl.deploy.desired.routes import Route
from ecsctl.deploy.kinds.classic_load_balancer import ClassicLoadBalancer, Listener
from ecsctl.deploy.kinds.load_balancer import LoadBalancer
from ecsctl.deploy.kinds.security_group import Ingress, SecurityGroup
from ecsctl.deploy.kinds.target_group import TargetGroup
from ecsctl.deploy.resources import Key, Ref, Resource, base_name
from ecsctl.errors import EcsctlError

if TYPE_CHECKING:
    from ecsctl.deploy.data_sources import DataSources, Subnet
    from ecsctl.manifest.model import LoadBalancerSpec, Spec

# A name of a target group has 32 characters at most; a hash of what AWS cannot change of it takes a part of them.
LONGEST_NAME = 32
HASH = 8
LAYER_4 = ("UDP", "TCP_UDP")


def load_balancer(
    spec: Spec, sources: DataSources, tags: Mapping[str, str], balancer: LoadBalancerSpec, routes: Sequence[Route]
) -> list[Resource]:
    """A load balancer and what it needs. ``routes`` are those through it.

    Raises:
        EcsctlError: its subnets do not fit, or a listener leads nowhere.
    """
    subnets = subnets_of(sources, balancer.subnets)
    vpc = vpc_of(subnets, f"load balancer {balancer.name}")
    if balancer.type == "classic":
        return _classic(spec, tags, balancer, subnets, vpc)
    return _forwarding(spec, sources, tags, balancer, routes, subnets, vpc)


def balancer_group(spec: Spec, balancer: str) -> Key:
    """The security group of a balancer."""
    return Key(SecurityGroup.kind, f"{base_name(spec.name)}-{balancer}")


def admitted(spec: Spec, routes: Sequence[Route]) -> Iterator[Ingress]:
    """What the targets of these routes have to admit: their balancers, on the ports that they send to."""
    for route in routes:
        source = Ref(balancer_group(spec, route.balancer), "id")
        balancer = spec.load_balancers[route.balancer]
        for protocol in sorted({p for item in balancer.listeners for p in _transport(item.protocol)} | {"tcp"}):
            yield Ingress(*route.ports(), protocol, source)


def instance_ports(balancer: LoadBalancerSpec) -> list[int]:
    """The ports of the instances that a classic balancer sends to."""
    return sorted({listener.instance_port for listener in _listeners(balancer)})


def references(
    spec: Spec, balancer: LoadBalancerSpec, service: str, vpc: str, role: Ref | None
) -> list[dict[str, Any]]:
    """``loadBalancers`` of a service.

    Args:
        role: with which its deployments shift traffic, where they do.
    """
    routes = [
        Route.of(spec, item)
        for item in spec.services.values()
        if item.load_balancer is not None and item.load_balancer.name == balancer.name
    ]
    route = next(item for item in routes if item.service == service)
    key = Key(TargetGroup.kind, _group_name(spec, balancer, route, vpc))
    made: dict[str, Any] = {
        "targetGroupArn": Ref(key, "arn"),
        "containerName": route.container,
        "containerPort": route.container_port,
    }
    if route.shifts:
        other = Key(TargetGroup.kind, _group_name(spec, balancer, route, vpc, other=True))
        made["advancedConfiguration"] = {
            "alternateTargetGroupArn": Ref(other, "arn"),
            **rules_of(balancer, route, routes),
            "roleArn": role,
        }
    return [made]


def _classic(
    spec: Spec,
    tags: Mapping[str, str],
    balancer: LoadBalancerSpec,
    subnets: Sequence[Subnet],
    vpc: str,
) -> list[Resource]:
    listeners = _listeners(balancer)
    if not listeners:
        raise EcsctlError(
            f"loadBalancers.{balancer.name}: it has no listener, and no service in the file uses it",
            hint=f"add `listeners: [{{port: 80, instancePort: 80}}]`, or `loadBalancer: {balancer.name}:80` to a "
            "service",
        )
    group = _security_group(spec, tags, balancer, vpc, {(listener.port, "tcp") for listener in listeners})
    check = balancer.health_check
    first = listeners[0]
    web = first.instance_protocol.upper() in ("HTTP", "HTTPS")
    target = check.target or (
        f"{first.instance_protocol.upper()}:{first.instance_port}{check.path or '/'}"
        if web or check.path
        else f"TCP:{first.instance_port}"
    )
    return [
        group,
        ClassicLoadBalancer(
            balancer.name,
            tags,
            scheme=balancer.scheme,
            subnets=tuple(subnet.id for subnet in subnets),
            placed=bool(balancer.subnets),
            security_groups=(Ref(group.key, "id"),),
            listeners=listeners,
            health_check={
                "Target": target,
                "Interval": check.interval,
                "Timeout": check.timeout,
                "HealthyThreshold": check.healthy_threshold,
                "UnhealthyThreshold": check.unhealthy_threshold,
            },
        ),
    ]


def _security_group(
    spec: Spec, tags: Mapping[str, str], balancer: LoadBalancerSpec, vpc: str, ports: Collection[tuple[int, str]]
) -> SecurityGroup:
    """The security group of a balancer: ``ports`` (with their protocols) from the networks that the file names."""
    return SecurityGroup(
        balancer_group(spec, balancer.name).name,
        tags,
        vpc=vpc,
        description=f"ecsctl {spec.name}: who may reach {balancer.name}",
        ingress=tuple(
            Ingress(port, port, protocol, cidr) for port, protocol in sorted(ports) for cidr in balancer.ingress
        ),
    )


def _listeners(spec: LoadBalancerSpec) -> tuple[Listener, ...]:
    return tuple(
        Listener(item.port, item.protocol, item.instance_port or item.port, item.instance_protocol, item.certificate)
        for item in spec.listeners
    )


def _forwarding(
    spec: Spec,
    sources: DataSources,
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
    others = {route: _target_group(spec, tags, balancer, route, vpc, other=True) for route in routes if route.shifts}
    listeners = forwards(sources, balancer, groups, others)
    if not listeners or not routes:
        raise EcsctlError(
            f"loadBalancers.{balancer.name}: no service in the file uses it",
            hint=f"add `loadBalancer: {balancer.name}:80` to a service",
        )
    open_ports = {(listener.port, protocol) for listener in listeners for protocol in _transport(listener.protocol)}
    group = _security_group(spec, tags, balancer, vpc, open_ports)
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
    return [group, *groups.values(), *others.values(), made]


def _target_group(
    spec: Spec, tags: Mapping[str, str], balancer: LoadBalancerSpec, route: Route, vpc: str, *, other: bool = False
) -> TargetGroup:
    check = balancer.health_check
    protocol = _protocol(balancer, route)
    asked: dict[str, Any] = {
        "HealthCheckProtocol": protocol if balancer.type == "application" else ("HTTP" if check.path else "TCP"),
        # AWS's own defaults of the port and the matcher are said as well, so that others are seen.
        "HealthCheckPort": "traffic-port",
        "HealthCheckIntervalSeconds": check.interval,
        "HealthCheckTimeoutSeconds": check.timeout,
        "HealthyThresholdCount": check.healthy_threshold,
        "UnhealthyThresholdCount": check.unhealthy_threshold,
    }
    if asked["HealthCheckProtocol"] != "TCP":
        asked["HealthCheckPath"] = check.path or "/"
    if balancer.type == "application":
        asked["Matcher"] = {"HttpCode": check.matcher or "200"}
    web = balancer.type == "application"
    return TargetGroup(
        _group_name(spec, balancer, route, vpc, other=other),
        tags,
        vpc=vpc,
        protocol=protocol,
        port=route.container_port,
        target_type="ip" if route.by_address else "instance",
        health_check=asked,
        deregistration_delay=balancer.deregistration_delay,
        stickiness=balancer.stickiness if web else None,
        slow_start=balancer.slow_start if web else None,
    )


def _group_name(spec: Spec, balancer: LoadBalancerSpec, route: Route, vpc: str, *, other: bool = False) -> str:
    """``other``: of the group that deployments shift the traffic to."""
    kind = "ip" if route.by_address else "instance"
    # What cannot be changed of a target group is another name, so that the old one serves until the new one does.
    what = [spec.name, spec.cluster, balancer.name, route.service, route.container, route.container_port, kind, vpc]
    text = "\0".join(str(part) for part in [*what, _protocol(balancer, route), *(["other"] if other else [])])
    digest = hashlib.sha256(text.encode()).hexdigest()[:HASH]
    # A name may not begin or end with a hyphen, nor with "internal-".
    stem = re.sub(r"[^A-Za-z0-9]+", "-", f"ecsctl-{route.service}")[: LONGEST_NAME - HASH - 1].strip("-")
    return f"{stem}-{digest}"


def _protocol(balancer: LoadBalancerSpec, route: Route) -> str:
    """What the balancer speaks to its targets."""
    if balancer.type == "application":
        inside = {item.instance_protocol for item in balancer.listeners}
        return "HTTPS" if inside == {"HTTPS"} else "HTTP"
    for listener in balancer.listeners:
        if listener.protocol in LAYER_4 and (listener.instance_port or listener.port) == route.container_port:
            return listener.protocol
    return "TCP"


def _transport(protocol: str) -> tuple[str, ...]:
    return ("tcp", "udp") if protocol == "TCP_UDP" else ("udp",) if protocol == "UDP" else ("tcp",)
