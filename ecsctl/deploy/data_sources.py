"""What AWS has to be asked before it is known what is wanted: networks, the image, newest revisions. Read only."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from ecsctl.aws.failures import cannot_be_asked
from ecsctl.aws.names import ARM_FAMILY
from ecsctl.errors import AwsError, EcsctlError, NotFoundError

if TYPE_CHECKING:
    from ecsctl.aws.session import Aws
    from ecsctl.manifest.model import InstancesSpec, ServiceSpec, Spec

AWS_OPERATIONS = (
    "acm:ListCertificates",
    "ec2:DescribeImages",
    "ec2:DescribeInstanceTypeOfferings",
    "ec2:DescribeInstanceTypes",
    "ec2:DescribeSubnets",
    "ec2:DescribeVpcs",
    "ssm:GetParameters",
)

# ACM lists those of RSA with 2048 bits alone, unless it is asked for others.
KEY_TYPES = ("RSA_2048", "RSA_3072", "RSA_4096", "EC_prime256v1", "EC_secp384r1", "EC_secp521r1")
AL2023 = "/aws/service/ecs/optimized-ami/amazon-linux-2023/{arm}recommended/image_id"
BOTTLEROCKET = "/aws/service/bottlerocket/aws-ecs-2/{arch}/latest/image_id"
UBUNTU = "/aws/service/canonical/ubuntu/server/24.04/stable/current/{deb}/hvm/ebs-gp3/ami-id"


@dataclass(frozen=True)
class Subnet:
    """A subnet: its id, network (VPC) and availability zone."""

    id: str
    vpc: str
    zone: str


@dataclass(frozen=True)
class DataSources:
    """What desired resources need to know of AWS.

    ``subnets`` are those of the default VPC, one a zone; ``named`` those that the file names, by id. ``zones`` are
    those that have the type of the instances; empty where AWS does not say. ``image`` is the AMI of the instances and
    ``flavour`` the kind of its boot script. ``revisions`` has the newest revision of families that services name
    without being in the file, and ``definitions`` what they say. ``certificates`` has the ARNs of those of ACM, by the
    domain that a listener names.
    """

    region: str
    partition: str = "aws"
    subnets: tuple[Subnet, ...] = ()
    named: Mapping[str, Subnet] = field(default_factory=dict)
    zones: frozenset[str] = frozenset()
    image: str = ""
    flavour: str = "al2023"
    revisions: Mapping[str, str] = field(default_factory=dict)
    definitions: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    certificates: Mapping[str, str] = field(default_factory=dict)


def read(aws: Aws, spec: Spec) -> DataSources:
    """Read what a Spec needs, all side by side; nothing is asked for that it does not need.

    Calls: ec2:DescribeVpcs, DescribeSubnets, DescribeImages, DescribeInstanceTypes, DescribeInstanceTypeOfferings,
    ssm:GetParameters, ecs:DescribeTaskDefinition, acm:ListCertificates.

    Raises:
        EcsctlError: there is no default VPC, a subnet, an image or a task definition does not exist.
    """
    from ecsctl.aws.concurrency import map_concurrently

    instances = spec.instances
    balancers = spec.load_balancers.values()
    networks = [named_subnets(service) for service in spec.services.values() if service.ingress is not None]
    asked = {*(instances.subnets if instances else ()), *(id_ for item in balancers for id_ in item.subnets)}
    asked.update(id_ for named in networks for id_ in named)
    default = (instances is not None and not instances.subnets) or any(not item.subnets for item in balancers)
    default = default or not all(networks)
    needed: dict[str, Callable[[], Any]] = {}
    if default:
        needed["subnets"] = lambda: default_subnets(aws)
    if asked:
        needed["named"] = lambda: _named_subnets(aws, sorted(asked))
    if instances:
        needed["image"] = lambda: _image(aws, instances)
        needed["zones"] = lambda: _zones(aws, instances.type)
    domains = sorted({item.domain for one in balancers for item in one.listeners if item.domain})
    if domains:
        needed["certificates"] = lambda: _certificates(aws, domains)
    if spec.services:
        needed["definitions"] = lambda: _definitions(aws, spec)
    found = dict(zip(needed, map_concurrently(lambda ask: ask(), list(needed.values()), workers=5), strict=True))
    if "image" in found:
        found["image"], found["flavour"] = found["image"]
    described = found.get("definitions", {})
    found["revisions"] = {name: f"{item['family']}:{item['revision']}" for name, item in described.items()}
    return DataSources(region=aws.region, partition=aws.partition(), **found)


def _certificates(aws: Aws, domains: Sequence[str]) -> dict[str, str]:
    """The certificate of ACM for each domain: of the very name before one with a wildcard (acm:ListCertificates).

    Raises:
        NotFoundError: ACM has no issued one for a domain.
    """
    query = {"CertificateStatuses": ["ISSUED"], "Includes": {"keyTypes": list(KEY_TYPES)}}
    rows = list(aws.pages("acm", "ListCertificates", query, "CertificateSummaryList"))
    found: dict[str, str] = {}
    for domain in domains:
        for wanted in (domain, f"*.{domain.partition('.')[2]}"):
            arns = [str(row["CertificateArn"]) for row in rows if wanted in _names_of(row)]
            if arns:
                found[domain] = sorted(arns)[0]
                break
        else:
            raise NotFoundError(
                f"ACM has no issued certificate for {domain} in {aws.region}",
                hint="`aws acm request-certificate` asks for one; or name another by `certificate: arn:…`",
            )
    return found


def _names_of(certificate: Mapping[str, Any]) -> set[str]:
    return {str(certificate.get("DomainName")), *map(str, certificate.get("SubjectAlternativeNameSummaries") or ())}


def named_subnets(service: ServiceSpec) -> tuple[str, ...]:
    """The subnets that a service names for its tasks."""
    network = (service.definition.get("networkConfiguration") or {}).get("awsvpcConfiguration") or {}
    return tuple(network.get("subnets") or ())


def _definitions(aws: Aws, spec: Spec) -> dict[str, Mapping[str, Any]]:
    """What services run that the file does not define, by their name of it (ecs:DescribeTaskDefinition)."""
    from ecsctl.aws.ecs import describe_task_definition

    found: dict[str, Mapping[str, Any]] = {}
    for service in spec.services.values():
        name = str(service.definition.get("taskDefinition") or "")
        if not name or name in spec.task_definitions or name in found:
            continue
        described = describe_task_definition(aws, name)
        if described is None:
            mine = f"; the file has {', '.join(spec.task_definitions)}" if spec.task_definitions else ""
            raise NotFoundError(
                f"service {service.name}: there is no task definition {name} in {aws.region}",
                hint=f"`ecsctl task register FILE` registers one; `ecsctl task definitions` lists them{mine}",
            )
        found[name] = described
    return found


def default_subnets(aws: Aws) -> tuple[Subnet, ...]:
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
            f"the SSM parameter {parameter} does not name an AMI",
            hint="use a parameter that ends in /image_id, or an AMI id (ami-…)",
        )
    return ami.group(), flavour_of(parameter)


def _is_arm(aws: Aws, instance_type: str) -> bool:
    try:
        answer = aws.call("ec2", "DescribeInstanceTypes", {"InstanceTypes": [instance_type]}, about=instance_type)
    except AwsError as error:
        if error.aws_code == "InvalidInstanceType":
            raise NotFoundError(
                f"there is no instance type {instance_type} in {aws.region}",
                hint="`aws ec2 describe-instance-types` lists those that exist",
            ) from error
        if not cannot_be_asked(error):
            raise
        # The family's name tells as well.
        return bool(ARM_FAMILY.match(instance_type))
    types = answer.get("InstanceTypes", ())
    architectures = types[0].get("ProcessorInfo", {}).get("SupportedArchitectures", ()) if types else ()
    return "arm64" in architectures if architectures else bool(ARM_FAMILY.match(instance_type))


def _zones(aws: Aws, instance_type: str) -> frozenset[str]:
    """The zones that have a type; none where that may not be asked: a group keeps trying zones that lack it."""
    query = {
        "LocationType": "availability-zone",
        "Filters": [{"Name": "instance-type", "Values": [instance_type]}],
    }
    try:
        found = aws.pages("ec2", "DescribeInstanceTypeOfferings", query, "InstanceTypeOfferings")
        return frozenset(str(item["Location"]) for item in found)
    except AwsError as error:
        if not cannot_be_asked(error):
            raise
        return frozenset()


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
