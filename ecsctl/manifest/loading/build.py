"""Makes the frozen ``Spec`` of a checked document."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from ecsctl.manifest.model import (
    HealthCheckSpec,
    IngressSpec,
    InstancesSpec,
    ListenerSpec,
    LoadBalancerRef,
    LoadBalancerSpec,
    RoleSpec,
    ScalingSpec,
    ScheduleSpec,
    ServiceSpec,
    Spec,
    TaskDefinitionSpec,
)
from ecsctl.manifest.rules.document import Definition, Project, Referred, counts, referred

WEB_PORT = 80
# What ecsctl makes of a service besides the service.
ROLES = ("taskRole", "executionRole")
OWN_MEMBERS = ("loadBalancer", "ingress", "scaling")
INSTANCE_PROTOCOL = {"HTTPS": "HTTP", "SSL": "TCP", "TLS": "TCP"}


def build(data: dict[str, Any]) -> Spec:
    """The ``Spec`` of a document that was found to be without errors; what only AWS knows may be left out of it.

    Raises:
        UsageError: an ingress rule cannot be meant (the schema cannot say all of it).
    """
    data = _known(data)
    project = Project(_short_references(data), whole=True)
    return Spec(
        name=data["name"],
        cluster=data.get("cluster", data["name"]),
        region=data.get("region"),
        account=data.get("account"),
        instances=_instances(data["instances"]) if "instances" in data else None,
        task_definitions={name: task_definition(name, one.data) for name, one in project.task_definitions.items()},
        load_balancers={name: _load_balancer(project, one) for name, one in project.load_balancers.items()},
        services={name: _service(project, one) for name, one in project.services.items()},
        tags=data.get("tags", {}),
    )


def _known(data: Any) -> Any:
    # An item of a list that only AWS knows keeps its place there as None, so that the others keep theirs.
    if isinstance(data, dict):
        return {key: _known(value) for key, value in data.items()}
    if isinstance(data, list):
        return [_known(item) for item in data if item is not None]
    return data


def task_definition(family: str, data: dict[str, Any]) -> TaskDefinitionSpec:
    """A task definition with its family in it."""
    definition = {"family": family, **{key: value for key, value in data.items() if key not in ROLES}}
    return TaskDefinitionSpec(family, definition, *(_role(data.get(name)) for name in ROLES))


def _role(said: dict[str, Any] | None) -> RoleSpec | None:
    if said is None:
        return None
    return RoleSpec(tuple(said.get("policies") or ()), tuple(said.get("statements") or ()))


def _instances(data: dict[str, Any]) -> InstancesSpec:
    minimum, desired, maximum = counts(data) or (0, 0, 0)
    options: dict[str, Any] = {key: data[key] for key in ("type", "image", "agent") if key in data}
    return InstancesSpec(
        minimum=minimum,
        desired=desired,
        maximum=maximum,
        subnets=tuple(data.get("subnets", ())),
        ingress=tuple(ingress(item) for item in data.get("ingress", ()) if "fromPort" in item),
        key_name=data.get("keyName"),
        scaled=minimum < maximum and "desired" not in data.get("count", {}),
        **options,
    )


def ingress(data: dict[str, Any]) -> IngressSpec:
    """An ingress rule of its expanded form.

    Raises:
        UsageError: as ``IngressSpec.parse``.
    """
    first = data["fromPort"]
    protocol, cidr = data.get("protocol", "tcp"), data.get("cidr", "0.0.0.0/0")
    return IngressSpec.checked(first, data.get("toPort", first), protocol, cidr)


def _load_balancer(project: Project, balancer: Definition) -> LoadBalancerSpec:
    kind = balancer.get("type", "classic")
    listeners = [_listener(item, kind) for item in balancer.get("listeners", ()) if "port" in item]
    behind = [
        target
        for service in project.services.values()
        if (target := referred(project, service)) is not None and target.name == balancer.name
    ]
    direct = [one for one in behind if not one.by_rule]
    if not listeners:
        protocol = "TCP" if kind == "network" else "HTTP"
        # What rules lead to says nothing of the listener's own port.
        ports = dict.fromkeys(one.port for one in direct) or ([WEB_PORT] if behind else [])
        listeners = [ListenerSpec(port, None, protocol, protocol) for port in ports]
    behind = direct
    listeners = [replace(item, instance_port=_instance_port(item, kind, behind)) for item in listeners]
    return LoadBalancerSpec(
        name=balancer.name,
        type=kind,
        health_check=_health_check(balancer.get("healthCheck", {}), kind, listeners),
        listeners=tuple(listeners),
        subnets=tuple(balancer.get("subnets", ())),
        ingress=tuple(balancer.get("ingress", ("0.0.0.0/0",))),
        scheme=balancer.get("scheme", "internet-facing"),
        deregistration_delay=balancer.get("deregistrationDelay", LoadBalancerSpec.deregistration_delay),
        stickiness=balancer.get("stickiness"),
        slow_start=balancer.get("slowStart"),
    )


def _instance_port(listener: ListenerSpec, kind: str, behind: list[Referred]) -> int | None:
    """Where a listener sends to that does not say it: to the container of its own port, else to the only one."""
    if listener.instance_port or listener.redirect or not behind:
        return listener.instance_port
    chosen = [one for one in behind if one.port == listener.port] or behind
    if kind == "classic":
        return chosen[0].host_port or chosen[0].port
    return chosen[0].port if chosen[0].port == listener.port else None


def _listener(data: dict[str, Any], kind: str) -> ListenerSpec:
    secure = data.get("certificate") or data.get("domain")
    usual = ("TLS" if data.get("domain") else "TCP") if kind == "network" else ("HTTPS" if secure else "HTTP")
    protocol = data.get("protocol", usual)
    inside = data.get("instanceProtocol", INSTANCE_PROTOCOL.get(protocol, protocol))
    return ListenerSpec(
        data["port"],
        data.get("instancePort"),
        protocol,
        inside,
        data.get("certificate"),
        data.get("domain"),
        data.get("redirect"),
    )


def _health_check(data: dict[str, Any], kind: str, listeners: list[ListenerSpec]) -> HealthCheckSpec:
    target, path = data.get("target"), data.get("path")
    port = listeners[0].instance_port if listeners else None
    if kind == "classic" and target is None and port is not None:
        target = f"HTTP:{port}{path}" if path else f"TCP:{port}"
    usual = HealthCheckSpec()
    interval = data.get("interval", usual.interval)
    return HealthCheckSpec(
        interval=interval,
        timeout=data.get("timeout", min(usual.timeout, interval - 1)),
        healthy_threshold=data.get("healthyThreshold", usual.healthy_threshold),
        unhealthy_threshold=data.get("unhealthyThreshold", usual.unhealthy_threshold),
        target=target,
        path=path,
        matcher=data.get("matcher"),
    )


def _service(project: Project, service: Definition) -> ServiceSpec:
    definition = {key: value for key, value in service.data.items() if key not in OWN_MEMBERS}
    definition["serviceName"] = service.name
    target = referred(project, service)
    said = service.get("loadBalancer") or {}
    hosts, paths = tuple(sorted(said.get("host", ()))), tuple(sorted(said.get("path", ())))
    reference = None
    if target is not None:
        more = said.get("priority"), said.get("testListener")
        reference = LoadBalancerRef(target.name, target.container, target.port, hosts, paths, *more)
    rules = service.get("ingress")
    own = None if rules is None else tuple(ingress(item) for item in rules if "fromPort" in item)
    return ServiceSpec(service.name, definition, reference, own, _scaling(service.get("scaling")))


def _scaling(said: dict[str, Any] | None) -> ScalingSpec | None:
    if not said or "min" not in said or "max" not in said:
        return None
    schedules = {
        name: ScheduleSpec(item["schedule"], item.get("timezone"), item.get("min"), item.get("max"))
        for name, item in (said.get("schedules") or {}).items()
        if "schedule" in item
    }
    return ScalingSpec(
        said["min"],
        said["max"],
        said.get("cpu"),
        said.get("memory"),
        said.get("requestsPerTarget"),
        said.get("scaleInCooldown"),
        said.get("scaleOutCooldown"),
        schedules,
    )


def _short_references(data: dict[str, Any]) -> dict[str, Any]:
    # loadBalancers written the API's way, naming a balancer of this file: the same as the shorthand.
    balancers = data.get("loadBalancers") or {}
    services = dict(data.get("services") or {})
    for name, service in services.items():
        listed: list[dict[str, Any]] = service.get("loadBalancers") or []
        only = listed[0] if len(listed) == 1 else {}
        container, port = only.get("containerName"), only.get("containerPort")
        if only.get("loadBalancerName") in balancers and container and port:
            reference = {"name": only["loadBalancerName"], "containerName": container, "containerPort": port}
            rest = {key: value for key, value in service.items() if key != "loadBalancers"}
            services[name] = {**rest, "loadBalancer": reference}
    return {**data, "services": services}
