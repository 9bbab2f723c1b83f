"""Spec and facts → desired resources: pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from ecsctl.deploy.data_sources import named_subnets
from ecsctl.deploy.desired.routes import Route, admitted, balancer_group, forwards, network, references
from ecsctl.deploy.resources import (
    CLUSTER_TAG,
    IMAGE_TAG,
    OWNER_TAG,
    AutoScalingGroup,
    ClassicLoadBalancer,
    Cluster,
    Ingress,
    InstanceProfile,
    InstanceRole,
    Key,
    LaunchTemplate,
    Listener,
    LoadBalancer,
    LogGroup,
    Ref,
    Resource,
    SecurityGroup,
    Service,
    TaskDefinition,
    base_name,
)
from ecsctl.deploy.user_data import user_data
from ecsctl.errors import EcsctlError
from ecsctl.manifest.model import log_group_of

if TYPE_CHECKING:
    from ecsctl.deploy.data_sources import Facts, Subnet
    from ecsctl.manifest.model import InstancesSpec, LoadBalancerSpec, ServiceSpec, Spec

POLICIES = (
    "arn:{partition}:iam::aws:policy/service-role/AmazonEC2ContainerServiceforEC2Role",
    "arn:{partition}:iam::aws:policy/AmazonSSMManagedInstanceCore",
)


def desired(spec: Spec, facts: Facts) -> dict[Key, Resource]:
    """The resources that a Spec asks for, by key.

    Raises:
        EcsctlError: its parts do not fit (a balancer in another VPC than the instances).
    """
    tags = {**spec.tags, OWNER_TAG: spec.name}
    resources: list[Resource] = [Cluster(spec.cluster, tags)]
    for family, item in spec.task_definitions.items():
        groups = [LogGroup(name, tags) for name in _log_groups(item.definition, family, facts.region)]
        resources += groups
        after = tuple(group.key for group in groups)
        resources.append(TaskDefinition(family, tags, after, definition=item.definition))
    routes = [Route.of(spec, service) for service in spec.services.values() if service.load_balancer]
    for balancer in spec.load_balancers.values():
        resources += _balancer(spec, facts, tags, balancer, [r for r in routes if r.balancer == balancer.name])
    if spec.instances:
        resources += _instances(spec, facts, tags, spec.instances, routes)
    made = {resource.key for resource in resources}
    for service in spec.services.values():
        if service.ingress is not None:
            subnets = _subnets(facts, named_subnets(service))
            vpc = _vpc(subnets, f"service {service.name}")
            group, configuration = network(spec, tags, service, subnets, vpc)
            resources.append(group)
            definition = {**service.definition, "networkConfiguration": configuration}
            service = replace(service, definition=definition)
        resources.append(_service(spec, facts, tags, service, made))
    return {resource.key: resource for resource in resources}


def _log_groups(definition: Mapping[str, Any], family: str, region: str) -> list[str]:
    """The log group of a family's own name, where its containers log to that in this region and no driver makes it."""
    name = log_group_of(family)
    for container in definition.get("containerDefinitions", ()):
        logs = container.get("logConfiguration") or {}
        options = logs.get("options") or {}
        if logs.get("logDriver") != "awslogs" or options.get("awslogs-create-group") == "true":
            continue
        if options.get("awslogs-group") == name and options.get("awslogs-region") in (None, "", region):
            return [name]
    return []


def _subnets(facts: Facts, named: Iterable[str]) -> tuple[Subnet, ...]:
    return tuple(facts.named[id_] for id_ in named) or facts.subnets


def _subnets_with_type(facts: Facts, instances: InstancesSpec) -> tuple[Subnet, ...]:
    """The subnets of the instances: the named ones as they are, of the default VPC's those whose zone has the type."""
    subnets = _subnets(facts, instances.subnets)
    if instances.subnets or not facts.zones:
        return subnets
    fitting = tuple(subnet for subnet in subnets if subnet.zone in facts.zones)
    if not fitting:
        raise EcsctlError(
            f"no subnet of the default VPC is in a zone that has {instances.type}",
            hint=f"choose another type, or name subnets in {', '.join(sorted(facts.zones))}",
        )
    return fitting


def _vpc(subnets: Sequence[Subnet], what: str) -> str:
    vpcs = {subnet.vpc for subnet in subnets}
    if len(vpcs) > 1:
        raise EcsctlError(
            f"the subnets of {what} are in {len(vpcs)} VPCs: {', '.join(sorted(vpcs))}", hint="name subnets of one VPC"
        )
    return vpcs.pop()


def _listeners(spec: LoadBalancerSpec, routes: Sequence[Route]) -> tuple[Listener, ...]:
    if not spec.listeners:
        return tuple(
            Listener(route.container_port, "HTTP", (route.host_port or route.container_port), "HTTP")
            for route in {route.container_port: route for route in routes}.values()
        )
    by_port = {route.container_port: (route.host_port or route.container_port) for route in routes}
    only = routes[0].host_port if len(routes) == 1 else None
    return tuple(
        Listener(
            item.port,
            item.protocol,
            item.instance_port or by_port.get(item.port) or only or item.port,
            item.instance_protocol,
            item.certificate,
        )
        for item in spec.listeners
    )


def _balancer(
    spec: Spec, facts: Facts, tags: Mapping[str, str], balancer: LoadBalancerSpec, routes: Sequence[Route]
) -> list[Resource]:
    subnets = _subnets(facts, balancer.subnets)
    if balancer.type != "classic":
        return forwards(spec, tags, balancer, routes, subnets, _vpc(subnets, f"balancer {balancer.name}"))
    listeners = _listeners(balancer, routes)
    if not listeners:
        raise EcsctlError(
            f"loadBalancers.{balancer.name}: it has no listener, and no service of the file stands behind it",
            hint=f"add `listeners: [{{port: 80, instancePort: 80}}]`, or `loadBalancer: {balancer.name}:80` to a "
            "service",
        )
    group = SecurityGroup(
        balancer_group(spec, balancer.name).name,
        tags,
        vpc=_vpc(subnets, f"balancer {balancer.name}"),
        description=f"ecsctl {spec.name}: who may reach {balancer.name}",
        ingress=tuple(
            Ingress(port, port, "tcp", cidr)
            for port in sorted({listener.port for listener in listeners})
            for cidr in balancer.ingress
        ),
    )
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


def _instances(
    spec: Spec, facts: Facts, tags: Mapping[str, str], instances: InstancesSpec, routes: Sequence[Route]
) -> list[Resource]:
    name = base_name(spec.name)
    subnets = _subnets_with_type(facts, instances)
    ingress = [Ingress(rule.from_port, rule.to_port, rule.protocol, rule.cidr) for rule in instances.ingress]
    for balancer in spec.load_balancers.values():
        # The balancer reaches the host ports of what stands behind it, and nobody else does through this rule.
        mine = [route for route in routes if route.balancer == balancer.name]
        if balancer.type != "classic":
            ingress += admitted(spec, [route for route in mine if not route.by_address])
            continue
        source = Ref(balancer_group(spec, balancer.name), "id")
        for port in sorted({listener.instance_port for listener in _listeners(balancer, mine)}):
            ingress.append(Ingress(port, port, "tcp", source))
    # IAM is global, so its names carry the region.
    role = InstanceRole(
        f"{name}-{facts.region}", tags, policies=tuple(policy.format(partition=facts.partition) for policy in POLICIES)
    )
    profile = InstanceProfile(f"{name}-{facts.region}", tags, role=Ref(role.key, "name"))
    group = SecurityGroup(
        f"{name}-instances",
        tags,
        vpc=_vpc(subnets, "the instances"),
        description=f"ecsctl {spec.name}: container instances",
        ingress=tuple(ingress),
    )
    template = LaunchTemplate(
        name,
        {**tags, "Name": f"{spec.cluster}-ecs", IMAGE_TAG: instances.image},
        image=facts.image,
        image_source=instances.image,
        instance_type=instances.type,
        user_data=user_data(facts.flavour, spec.cluster),
        profile=Ref(profile.key, "name"),
        security_groups=(Ref(group.key, "id"),),
        key_name=instances.key_name,
    )
    fleet = AutoScalingGroup(
        name,
        {**tags, CLUSTER_TAG: spec.cluster},
        # An agent that finds no cluster gives up for good, so the cluster comes first.
        after=(Key(Cluster.kind, spec.cluster),),
        minimum=instances.minimum,
        desired=instances.desired,
        maximum=instances.maximum,
        subnets=tuple(subnet.id for subnet in subnets),
        template=Ref(template.key, "id"),
        cluster=spec.cluster,
        scaled=instances.scaled,
        placed=bool(instances.subnets),
    )
    return [role, profile, group, template, fleet]


def _service(spec: Spec, facts: Facts, tags: Mapping[str, str], service: ServiceSpec, made: set[Key]) -> Service:
    definition = dict(service.definition)
    family = str(definition.get("taskDefinition", ""))
    if Key(TaskDefinition.kind, family) in made:
        definition["taskDefinition"] = Ref(Key(TaskDefinition.kind, family), "revision")
    elif family in facts.revisions:
        definition["taskDefinition"] = facts.revisions[family]
    after = [Key(Cluster.kind, spec.cluster)]
    after += [key for key in made if key.kind == AutoScalingGroup.kind]
    front = spec.load_balancers.get(service.load_balancer.name) if service.load_balancer else None
    if front is not None and front.type != "classic":
        after.append(Key(LoadBalancer.kind, front.name))
        vpc = _vpc(_subnets(facts, front.subnets), f"balancer {front.name}")
        definition["loadBalancers"] = references(spec, front, Route.of(spec, service), vpc)
    elif service.load_balancer:
        balancer = service.load_balancer
        definition["loadBalancers"] = [
            {
                "loadBalancerName": Ref(Key(ClassicLoadBalancer.kind, balancer.name), "name")
                if Key(ClassicLoadBalancer.kind, balancer.name) in made
                else balancer.name,
                "containerName": balancer.container_name,
                "containerPort": balancer.container_port,
            }
        ]
    own = {str(tag["key"]): str(tag.get("value", "")) for tag in definition.pop("tags", ())}
    return Service(
        service.name, {**own, **tags}, after=tuple(sorted(after)), cluster=spec.cluster, definition=definition
    )
