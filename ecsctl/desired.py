"""Spec → desired resources: pure, but for the facts of AWS that :func:`gather` reads first."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from ecsctl.errors import EcsctlError, NotFoundError
from ecsctl.resources import (
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
    Ref,
    Resource,
    SecurityGroup,
    Service,
    TaskDefinition,
    base_name,
)
from ecsctl.userdata import user_data

if TYPE_CHECKING:
    from ecsctl.aws.session import Aws
    from ecsctl.spec.model import InstancesSpec, LoadBalancerSpec, ServiceSpec, Spec

AL2023 = "/aws/service/ecs/optimized-ami/amazon-linux-2023/{arm}recommended/image_id"
BOTTLEROCKET = "/aws/service/bottlerocket/aws-ecs-2/{arch}/latest/image_id"
UBUNTU = "/aws/service/canonical/ubuntu/server/24.04/stable/current/{deb}/hvm/ebs-gp3/ami-id"
ARM_FAMILY = re.compile(r"^([a-z]+\d+g[a-z]*|a1)\.")
POLICIES = (
    "arn:{partition}:iam::aws:policy/service-role/AmazonEC2ContainerServiceforEC2Role",
    "arn:{partition}:iam::aws:policy/AmazonSSMManagedInstanceCore",
)


@dataclass(frozen=True)
class Subnet:
    """A subnet: its id, network (VPC) and availability zone."""

    id: str
    vpc: str
    zone: str


@dataclass(frozen=True)
class Facts:
    """What desired resources need to know of AWS.

    ``subnets`` are those of the default VPC, one a zone; ``named`` those that the file names, by id. ``image`` is the
    AMI of the instances and ``flavour`` the kind of its boot script. ``revisions`` has the newest revision of families
    that services name without being in the file.
    """

    region: str
    partition: str = "aws"
    subnets: tuple[Subnet, ...] = ()
    named: Mapping[str, Subnet] | None = None
    image: str = ""
    flavour: str = "al2023"
    revisions: Mapping[str, str] = field(default_factory=dict)


def gather(aws: Aws, spec: Spec) -> Facts:
    """Read what :func:`desired` needs: subnets (ec2:DescribeVpcs, DescribeSubnets) and the image (ssm:GetParameters).

    Nothing is asked for that the Spec does not need.

    Raises:
        EcsctlError: there is no default VPC, a subnet or an image does not exist.
    """
    asked: set[str] = set(spec.instances.subnets if spec.instances else ())
    for balancer in spec.load_balancers.values():
        asked |= set(balancer.subnets)
    default = bool(spec.instances and not spec.instances.subnets)
    default = default or any(not balancer.subnets for balancer in spec.load_balancers.values())
    image, flavour = _image(aws, spec.instances) if spec.instances else ("", "al2023")
    return Facts(
        region=aws.region,
        partition=aws.partition(),
        subnets=_default_subnets(aws) if default else (),
        named=_named_subnets(aws, sorted(asked)) if asked else {},
        image=image,
        flavour=flavour,
        revisions=_revisions(aws, spec),
    )


def _revisions(aws: Aws, spec: Spec) -> dict[str, str]:
    """``family:revision`` of what services run that the file does not define (ecs:DescribeTaskDefinition)."""
    from ecsctl.aws.ecs import describe_task_definition

    found: dict[str, str] = {}
    for service in spec.services.values():
        name = str(service.definition.get("taskDefinition") or "")
        if not name or name in spec.task_definitions or name in found:
            continue
        described = describe_task_definition(aws, name)
        if described is None:
            raise NotFoundError(
                f"service {service.name}: there is no task definition {name} in {aws.region}",
                hint="`ecsctl task register FILE` registers one; `ecsctl task definitions` lists them",
            )
        found[name] = f"{described['family']}:{described['revision']}"
    return found


def _default_subnets(aws: Aws) -> tuple[Subnet, ...]:
    query: dict[str, Any] = {"Filters": [{"Name": "is-default", "Values": ["true"]}]}
    vpcs = list(aws.pages("ec2", "DescribeVpcs", query, "Vpcs"))
    if not vpcs:
        raise EcsctlError(
            f"there is no default VPC in {aws.region}",
            hint="name subnets: --subnet subnet-…, or `subnets:` in the file; `aws ec2 create-default-vpc` makes one",
        )
    query = {"Filters": [{"Name": "vpc-id", "Values": [vpcs[0]["VpcId"]]}]}
    found = sorted(aws.pages("ec2", "DescribeSubnets", query, "Subnets"), key=lambda item: str(item["SubnetId"]))
    zones: dict[str, Subnet] = {}
    # One subnet a zone (a classic balancer takes no more), the zone's default one first.
    for item in sorted(found, key=lambda item: not item.get("DefaultForAz")):
        zones.setdefault(item["AvailabilityZone"], Subnet(item["SubnetId"], item["VpcId"], item["AvailabilityZone"]))
    if not zones:
        raise EcsctlError(
            f"the default VPC {vpcs[0]['VpcId']} has no subnets", hint="name others: --subnet, `subnets:` in the file"
        )
    return tuple(zones[zone] for zone in sorted(zones))


def _named_subnets(aws: Aws, ids: Sequence[str]) -> dict[str, Subnet]:
    query = {"Filters": [{"Name": "subnet-id", "Values": list(ids)}]}
    found = {
        item["SubnetId"]: Subnet(item["SubnetId"], item["VpcId"], item["AvailabilityZone"])
        for item in aws.pages("ec2", "DescribeSubnets", query, "Subnets")
    }
    missing = [id_ for id_ in ids if id_ not in found]
    if missing:
        raise NotFoundError(
            f"no subnet {', '.join(missing)} in {aws.region}", hint="`aws ec2 describe-subnets` lists those that exist"
        )
    return found


def _image(aws: Aws, instances: InstancesSpec) -> tuple[str, str]:
    """The AMI and the flavour of its boot script."""
    image = instances.image
    if image.startswith("ami-"):
        found = aws.call(
            "ec2", "DescribeImages", {"Filters": [{"Name": "image-id", "Values": [image]}]}, about=image
        ).get("Images", [])
        if not found:
            raise NotFoundError(f"no image {image} in {aws.region}", hint="`aws ec2 describe-images` lists images")
        return image, flavour_of(f"{found[0].get('Name', '')} {found[0].get('Description', '')}")
    parameter = image.removeprefix("resolve:ssm:")
    if not parameter.startswith("/"):
        parameter = parameter_of(image, arm=_is_arm(aws, instances.type))
    answer = aws.call("ssm", "GetParameters", {"Names": [parameter]}, about=parameter)
    values = [row["Value"] for row in answer.get("Parameters", ())]
    if not values:
        raise NotFoundError(
            f"no image for {image!r} in {aws.region}: there is no SSM parameter {parameter}",
            hint="choose another --image (al2023, bottlerocket, ubuntu), or an AMI by its id",
        )
    ami = re.search(r"ami-[0-9a-f]+", values[0])
    if ami is None:
        raise EcsctlError(
            f"the SSM parameter {parameter} names no AMI", hint="a parameter that ends in /image_id does; or ami-…"
        )
    return ami.group(), flavour_of(parameter)


def _is_arm(aws: Aws, instance_type: str) -> bool:
    from ecsctl.errors import AwsError

    try:
        answer = aws.call("ec2", "DescribeInstanceTypes", {"InstanceTypes": [instance_type]}, about=instance_type)
    except AwsError as error:
        if error.aws_code == "InvalidInstanceType":
            raise NotFoundError(
                f"there is no instance type {instance_type} in {aws.region}",
                hint="`aws ec2 describe-instance-types` lists those that exist",
            ) from error
        # Not every credential may ask; the family's name tells as well.
        return bool(ARM_FAMILY.match(instance_type))
    types = answer.get("InstanceTypes", ())
    architectures = types[0].get("ProcessorInfo", {}).get("SupportedArchitectures", ()) if types else ()
    return "arm64" in architectures if architectures else bool(ARM_FAMILY.match(instance_type))


def parameter_of(image: str, *, arm: bool) -> str:
    """The public SSM parameter that names the newest AMI of an image (``al2023``, ``bottlerocket``, ``ubuntu``).

    Raises:
        EcsctlError: no such image.
    """
    forms = {"al2023": AL2023, "bottlerocket": BOTTLEROCKET, "ubuntu": UBUNTU}
    if image not in forms:
        raise EcsctlError(f"no image {image!r}", hint="al2023, bottlerocket, ubuntu, ami-… or an SSM parameter (/…)")
    return forms[image].format(
        arm="arm64/" if arm else "", arch="arm64" if arm else "x86_64", deb="arm64" if arm else "amd64"
    )


def flavour_of(text: str) -> str:
    """The boot script's flavour by the name of an image or of its parameter; ECS-optimised Amazon Linux by default."""
    text = text.lower()
    if "bottlerocket" in text:
        return "bottlerocket"
    return "ubuntu" if "ubuntu" in text or "debian" in text else "al2023"


def desired(spec: Spec, facts: Facts) -> dict[Key, Resource]:
    """The resources that a Spec asks for, by key.

    Raises:
        EcsctlError: its parts do not fit (a balancer in another VPC than the instances).
    """
    tags = {**spec.tags, OWNER_TAG: spec.name}
    resources: list[Resource] = [Cluster(spec.cluster, tags)]
    definitions = {
        family: TaskDefinition(family, tags, definition=item.definition)
        for family, item in spec.task_definitions.items()
    }
    resources += definitions.values()
    routes = [_Route(spec, service) for service in spec.services.values() if service.load_balancer]
    for balancer in spec.load_balancers.values():
        resources += _balancer(spec, facts, tags, balancer, [r for r in routes if r.balancer == balancer.name])
    if spec.instances:
        resources += _instances(spec, facts, tags, spec.instances, routes)
    made = {resource.key for resource in resources}
    for service in spec.services.values():
        resources.append(_service(spec, facts, tags, service, made))
    return {resource.key: resource for resource in resources}


class _Route:
    """From a balancer to the host port of a service's container."""

    def __init__(self, spec: Spec, service: ServiceSpec) -> None:
        assert service.load_balancer is not None
        self.balancer = service.load_balancer.name
        self.container_port = service.load_balancer.container_port
        self.host_port = self.container_port
        family = str(service.definition.get("taskDefinition", ""))
        if family in spec.task_definitions:
            definition = spec.task_definitions[family].definition
            for container in definition.get("containerDefinitions", ()):
                if container.get("name") != service.load_balancer.container_name:
                    continue
                for mapping in container.get("portMappings", ()):
                    if mapping.get("containerPort") == self.container_port and mapping.get("hostPort"):
                        self.host_port = int(mapping["hostPort"])


def _subnets(facts: Facts, named: Iterable[str]) -> tuple[Subnet, ...]:
    chosen = tuple((facts.named or {})[id_] for id_ in named)
    return chosen or facts.subnets


def _vpc(subnets: Sequence[Subnet], what: str) -> str:
    vpcs = {subnet.vpc for subnet in subnets}
    if len(vpcs) > 1:
        raise EcsctlError(
            f"the subnets of {what} are in {len(vpcs)} VPCs: {', '.join(sorted(vpcs))}", hint="name subnets of one VPC"
        )
    return vpcs.pop()


def _listeners(spec: LoadBalancerSpec, routes: Sequence[_Route]) -> tuple[Listener, ...]:
    if not spec.listeners:
        return tuple(
            Listener(route.container_port, "HTTP", route.host_port, "HTTP")
            for route in {route.container_port: route for route in routes}.values()
        )
    by_port = {route.container_port: route.host_port for route in routes}
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
    spec: Spec, facts: Facts, tags: Mapping[str, str], balancer: LoadBalancerSpec, routes: Sequence[_Route]
) -> list[Resource]:
    if balancer.type != "classic":
        raise EcsctlError(
            f"loadBalancers.{balancer.name}: type {balancer.type} cannot be made yet",
            hint="type: classic; or name an existing target group in the service's own `loadBalancers`",
        )
    subnets = _subnets(facts, balancer.subnets)
    listeners = _listeners(balancer, routes)
    if not listeners:
        raise EcsctlError(
            f"loadBalancers.{balancer.name}: it has no listener, and no service of the file stands behind it",
            hint=f"add `listeners: [{{port: 80, instancePort: 80}}]`, or `loadBalancer: {balancer.name}:80` to a "
            "service",
        )
    group = SecurityGroup(
        f"{base_name(spec.name)}-{balancer.name}",
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
    spec: Spec, facts: Facts, tags: Mapping[str, str], instances: InstancesSpec, routes: Sequence[_Route]
) -> list[Resource]:
    name = base_name(spec.name)
    subnets = _subnets(facts, instances.subnets)
    ingress = [Ingress(rule.from_port, rule.to_port, rule.protocol, rule.cidr) for rule in instances.ingress]
    for balancer in spec.load_balancers.values():
        # The balancer reaches the host ports of what stands behind it, and nobody else does through this rule.
        mine = [route for route in routes if route.balancer == balancer.name]
        source = Ref(Key(SecurityGroup.kind, f"{name}-{balancer.name}"), "id")
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
        tags,
        # An agent that finds no cluster gives up for good, so the cluster comes first.
        after=(Key(Cluster.kind, spec.cluster),),
        minimum=instances.minimum,
        desired=instances.desired,
        maximum=instances.maximum,
        subnets=tuple(subnet.id for subnet in subnets),
        template=Ref(template.key, "id"),
        cluster=spec.cluster,
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
    if service.load_balancer:
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
