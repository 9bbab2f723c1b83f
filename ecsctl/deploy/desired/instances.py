"""The instances: role, instance profile, security group, launch template and Auto Scaling group."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from ecsctl.deploy.desired.load_balancers import admitted, balancer_group, instance_ports
from ecsctl.deploy.desired.network import subnets_with_type, vpc_of
from ecsctl.deploy.desired.routes import EPHEMERAL, Route, connected, has_addresses
from ecsctl.deploy.kinds.auto_scaling_group import AutoScalingGroup
from ecsctl.deploy.kinds.cluster import Cluster
from ecsctl.deploy.kinds.iam_role import InstanceRole
from ecsctl.deploy.kinds.instance import Instance
from ecsctl.deploy.kinds.instance_profile import InstanceProfile
from ecsctl.deploy.kinds.launch_template import LaunchTemplate
from ecsctl.deploy.kinds.security_group import ITSELF, Ingress, SecurityGroup
from ecsctl.deploy.resources import CLUSTER_TAG, IMAGE_TAG, Key, Ref, Resource, base_name
from ecsctl.deploy.user_data import user_data

if TYPE_CHECKING:
    from ecsctl.deploy.data_sources import DataSources
    from ecsctl.manifest.model import InstancesSpec, Spec

# What `instance bootstrap` makes, and what has left its group since.
INSTANCE_KINDS = frozenset(
    kind.kind for kind in (InstanceRole, InstanceProfile, SecurityGroup, LaunchTemplate, AutoScalingGroup, Instance)
)
POLICIES = (
    "arn:{partition}:iam::aws:policy/service-role/AmazonEC2ContainerServiceforEC2Role",
    "arn:{partition}:iam::aws:policy/AmazonSSMManagedInstanceCore",
)


def instance_group(project: str) -> Key:
    """The Auto Scaling group of a project's instances."""
    return Key(AutoScalingGroup.kind, base_name(project))


def resized(project: str, cluster: str, count: int) -> Resource:
    """The group of a project's instances, of which only the number is said."""
    name = instance_group(project).name
    return AutoScalingGroup(name, minimum=count, desired=count, maximum=count, cluster=cluster, placed=False)


def instances(
    spec: Spec, sources: DataSources, tags: Mapping[str, str], wanted: InstancesSpec, routes: Sequence[Route]
) -> list[Resource]:
    """What it takes that instances join the cluster. ``routes`` are those of all load balancers.

    Raises:
        EcsctlError: their subnets do not fit.
    """
    name = base_name(spec.name)
    subnets = subnets_with_type(sources, wanted)
    ingress = [Ingress(rule.from_port, rule.to_port, rule.protocol, rule.cidr) for rule in wanted.ingress]
    for balancer in spec.load_balancers.values():
        # The balancer reaches the host ports of what stands behind it, and nobody else does through this rule.
        mine = [route for route in routes if route.balancer == balancer.name]
        if balancer.type != "classic":
            ingress += admitted(spec, [route for route in mine if not route.by_address])
            continue
        source = Ref(balancer_group(spec, balancer.name), "id")
        ingress += [Ingress(port, port, "tcp", source) for port in instance_ports(balancer)]
    if any(connected(item) and not has_addresses(spec, item) for item in spec.services.values()):
        # The proxies of Service Connect reach each other at ports that the instances draw.
        ingress.append(Ingress(*EPHEMERAL, "tcp", ITSELF))
    # IAM is global, so its names carry the region.
    role = InstanceRole(
        f"{name}-{sources.region}",
        tags,
        policies=tuple(policy.format(partition=sources.partition) for policy in POLICIES),
    )
    profile = InstanceProfile(f"{name}-{sources.region}", tags, role=Ref(role.key, "name"))
    group = SecurityGroup(
        f"{name}-instances",
        tags,
        vpc=vpc_of(subnets, "the instances"),
        description=f"ecsctl {spec.name}: container instances",
        ingress=tuple(ingress),
    )
    template = LaunchTemplate(
        name,
        {**tags, "Name": f"{spec.cluster}-ecs", IMAGE_TAG: wanted.image},
        image=sources.image,
        image_source=wanted.image,
        instance_type=wanted.type,
        user_data=wanted.user_data or user_data(sources.flavour, spec.cluster, wanted.agent),
        profile=Ref(profile.key, "name"),
        security_groups=(Ref(group.key, "id"),),
        key_name=wanted.key_name,
    )
    fleet = AutoScalingGroup(
        name,
        {**tags, CLUSTER_TAG: spec.cluster},
        # An agent that finds no cluster gives up for good, so the cluster comes first.
        after=(Key(Cluster.kind, spec.cluster),),
        minimum=wanted.minimum,
        desired=wanted.desired,
        maximum=wanted.maximum,
        subnets=tuple(subnet.id for subnet in subnets),
        template=Ref(template.key, "id"),
        cluster=spec.cluster,
        scaled=wanted.scaled,
        placed=bool(wanted.subnets),
    )
    return [role, profile, group, template, fleet]
