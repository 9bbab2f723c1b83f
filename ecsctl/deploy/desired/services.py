"""Services, and the security groups of their own tasks."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from ecsctl.deploy.data_sources import named_subnets
from ecsctl.deploy.desired.deployment_role import deployment_role, needs_role
from ecsctl.deploy.desired.load_balancers import admitted, references
from ecsctl.deploy.desired.network import subnets_of, vpc_of
from ecsctl.deploy.desired.routes import Route, connected, definition_of, runs_on_fargate
from ecsctl.deploy.desired.scaling import scaling
from ecsctl.deploy.kinds.auto_scaling_group import AutoScalingGroup
from ecsctl.deploy.kinds.classic_load_balancer import ClassicLoadBalancer
from ecsctl.deploy.kinds.cluster import Cluster
from ecsctl.deploy.kinds.load_balancer import LoadBalancer
from ecsctl.deploy.kinds.security_group import Ingress, SecurityGroup
from ecsctl.deploy.kinds.service import Service
from ecsctl.deploy.kinds.service_updates import said_fields
from ecsctl.deploy.kinds.task_definition import TaskDefinition
from ecsctl.deploy.resources import Key, Ref, Resource, base_name
from ecsctl.deploy.tags import FIELDS_TAG, listed

if TYPE_CHECKING:
    from ecsctl.deploy.data_sources import DataSources, Subnet
    from ecsctl.manifest.model import ServiceSpec, Spec


def fields_tags(definition: Mapping[str, Any]) -> dict[str, str]:
    """The tags that list what a file says of a service and ecsctl can take back."""
    return listed(FIELDS_TAG, said_fields(definition))


def needs_namespace(service: ServiceSpec) -> bool:
    """Whether a service has Service Connect in its cluster's default namespace."""
    return connected(service) and not service.definition["serviceConnectConfiguration"].get("namespace")


def connected_after(spec: Spec, wanted: ServiceSpec) -> tuple[Key, ...]:
    """The service that comes before one with Service Connect: the last before it in the file that offers ports.

    A deployment knows the names that its namespace has when it begins, and learns no others. Who offers none is a
    client of all.
    """
    if not connected(wanted):
        return ()
    last: tuple[Key, ...] = ()
    for other in spec.services.values():
        if other.name == wanted.name:
            if _offers(wanted):
                break
        elif connected(other) and _offers(other):
            last = (Key(Service.kind, other.name),)
    return last


def _offers(service: ServiceSpec) -> bool:
    return bool(service.definition["serviceConnectConfiguration"].get("services"))


def service(
    spec: Spec,
    sources: DataSources,
    tags: Mapping[str, str],
    wanted: ServiceSpec,
    made: Collection[Key],
    earlier: Sequence[Key] = (),
) -> list[Resource]:
    """A service, and the security group of its tasks where they have addresses of their own.

    Args:
        made: the keys of what the project has besides.
        earlier: the services that have to be there before.

    Raises:
        EcsctlError: its subnets do not fit.
    """
    if wanted.ingress is None:
        service = _service(spec, sources, tags, wanted, made, earlier)
        return [service, *scaling(spec, tags, wanted, service)]
    subnets = subnets_of(sources, named_subnets(wanted))
    group, configuration = _network(spec, tags, wanted, subnets, vpc_of(subnets, f"service {wanted.name}"))
    wanted = replace(wanted, definition={**wanted.definition, "networkConfiguration": configuration})
    service = _service(spec, sources, tags, wanted, made, earlier)
    return [group, service, *scaling(spec, tags, wanted, service)]


def deployment(
    name: str, cluster: str, definition: Mapping[str, Any], *, revision_of: str | None = None, anew: bool = False
) -> Service:
    """A service of which only what a deployment changes is said.

    Args:
        definition: the members of UpdateService that are said.
        revision_of: the family whose new revision it is to run.
        anew: begin a new deployment even where nothing differs.
    """
    said = dict(definition)
    if revision_of is not None:
        said["taskDefinition"] = Ref(Key(TaskDefinition.kind, revision_of), "revision")
    return Service(name, cluster=cluster, definition=said, anew=anew)


def revision(family: str, definition: Mapping[str, Any]) -> TaskDefinition:
    """A new revision of a family, with the tags that the definition has."""
    return TaskDefinition(family, definition=definition)


def _network(
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


def _hooked(definition: Mapping[str, Any], role: Ref) -> dict[str, Any]:
    """``deploymentConfiguration`` with the role by which ECS calls the hooks that name none."""
    configuration = definition.get("deploymentConfiguration") or {}
    if not any(map(needs_role, configuration.get("lifecycleHooks") or ())):
        return {}
    hooks = [{**hook, "roleArn": role} if needs_role(hook) else hook for hook in configuration["lifecycleHooks"]]
    return {"deploymentConfiguration": {**configuration, "lifecycleHooks": hooks}}


def _service(
    spec: Spec,
    sources: DataSources,
    tags: Mapping[str, str],
    service: ServiceSpec,
    made: Collection[Key],
    earlier: Sequence[Key],
) -> Service:
    definition = dict(service.definition)
    family = str(definition.get("taskDefinition", ""))
    if Key(TaskDefinition.kind, family) in made:
        definition["taskDefinition"] = Ref(Key(TaskDefinition.kind, family), "revision")
    elif family in sources.revisions:
        definition["taskDefinition"] = sources.revisions[family]
    after = [Key(Cluster.kind, spec.cluster), *earlier]
    after += [key for key in made if key.kind == AutoScalingGroup.kind]
    front = spec.load_balancers.get(service.load_balancer.name) if service.load_balancer else None
    if front is not None and front.type != "classic":
        after.append(Key(LoadBalancer.kind, front.name))
        vpc = vpc_of(subnets_of(sources, front.subnets), f"load balancer {front.name}")
        role = Ref(deployment_role(spec, sources), "arn") if service.shifts else None
        definition["loadBalancers"] = references(spec, front, service.name, vpc, role)
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
    definition.update(_hooked(definition, Ref(deployment_role(spec, sources), "arn")))
    first = None
    if service.scaling is not None:
        # The number is Application Auto Scaling's from then on.
        count = definition.pop("desiredCount", None)
        least, most = service.scaling.minimum, service.scaling.maximum
        first = min(max(least if count is None else int(count), least), most)
    own = {str(tag["key"]): str(tag.get("value", "")) for tag in definition.pop("tags", ())}
    runs = definition_of(spec, service) or sources.definitions.get(family)
    on_instances = spec.instances is not None and "EC2" in ((runs or {}).get("requiresCompatibilities") or ("EC2",))
    return Service(
        service.name,
        {**own, **tags, **fields_tags(definition)},
        after=tuple(sorted(after)),
        cluster=spec.cluster,
        definition=definition,
        runs=runs,
        default_launch="EC2" if on_instances else None,
        first_count=first,
    )
