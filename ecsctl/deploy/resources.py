"""What a project consists of in AWS: one frozen dataclass a kind, no I/O.

``fields()`` is what is compared with AWS and shown in a plan, in the words of the API. A :class:`Ref` stands for a
value that is known once another resource exists, and makes that resource a dependency.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar

OWNER_TAG = "ecsctl:project"
IMAGE_TAG = "ecsctl:image"
CLUSTER_TAG = "ecsctl:cluster"
# IAM allows 64 characters, and its names carry the region (14 at most) besides the prefix.
LONGEST_PROJECT = 40


def base_name(project: str) -> str:
    """What the names of a project's own resources begin with; a long project's name is cut and told by its hash."""
    if len(project) > LONGEST_PROJECT:
        digest = hashlib.sha256(project.encode()).hexdigest()[:8]
        project = f"{project[: LONGEST_PROJECT - 9]}-{digest}"
    return f"ecsctl-{project}"


@dataclass(frozen=True, order=True)
class Key:
    """The name of a resource within a project: its kind and its name in AWS."""

    kind: str
    name: str

    def __str__(self) -> str:
        return f"{self.kind} {self.name}"


@dataclass(frozen=True)
class Ref:
    """An attribute of another resource, known after it was applied (``id``, ``arn``, ``revision``)."""

    key: Key
    attribute: str

    def __str__(self) -> str:
        return f"({self.attribute} of {self.key})"


@dataclass(frozen=True)
class Resource:
    """What all kinds share. ``tags`` are put on at creation; they hold the owner."""

    kind: ClassVar[str]
    name: str
    tags: Mapping[str, str] = field(default_factory=dict)
    after: tuple[Key, ...] = ()

    @property
    def key(self) -> Key:
        return Key(self.kind, self.name)

    def fields(self) -> dict[str, Any]:
        """What is compared and shown; None means "leave alone"."""
        return {}

    def dependencies(self) -> frozenset[Key]:
        """The resources that must exist first: those of ``after`` and of every Ref in ``fields()``."""
        return frozenset(self.after) | frozenset(ref.key for ref in refs(self.fields()))


@dataclass(frozen=True)
class Cluster(Resource):
    """An ECS cluster."""

    kind: ClassVar[str] = "cluster"


@dataclass(frozen=True)
class InstanceRole(Resource):
    """The IAM role of the instances: ``policies`` are the managed policies' ARNs."""

    kind: ClassVar[str] = "iam-role"
    policies: tuple[str, ...] = ()

    def fields(self) -> dict[str, Any]:
        return {"policies": frozenset(self.policies)}


@dataclass(frozen=True)
class InstanceProfile(Resource):
    """The instance profile that hands the role to the instances."""

    kind: ClassVar[str] = "instance-profile"
    role: Ref | str = ""

    def fields(self) -> dict[str, Any]:
        return {"role": self.role}


@dataclass(frozen=True)
class Ingress:
    """A rule of a security group: ports of a protocol from ``source``, a network or another security group."""

    from_port: int
    to_port: int
    protocol: str
    source: Ref | str

    def __str__(self) -> str:
        ports = str(self.from_port) if self.from_port == self.to_port else f"{self.from_port}-{self.to_port}"
        return f"{ports}/{self.protocol} from {self.source}"


@dataclass(frozen=True)
class SecurityGroup(Resource):
    """A security group of a VPC, and who may come in."""

    kind: ClassVar[str] = "security-group"
    vpc: str = ""
    description: str = ""
    ingress: tuple[Ingress, ...] = ()

    def fields(self) -> dict[str, Any]:
        return {"vpc": self.vpc, "ingress": frozenset(self.ingress)}


@dataclass(frozen=True)
class LaunchTemplate(Resource):
    """How instances are launched.

    ``image`` is the AMI; ``image_source`` what the file says (``al2023``), which is what is compared: that AWS has
    published a newer AMI is no change of the project.
    """

    kind: ClassVar[str] = "launch-template"
    image: str = ""
    image_source: str = ""
    instance_type: str = ""
    user_data: str = ""
    profile: Ref | str = ""
    security_groups: tuple[Ref | str, ...] = ()
    key_name: str | None = None

    def fields(self) -> dict[str, Any]:
        return {
            "image": self.image_source,
            "instanceType": self.instance_type,
            "userData": self.user_data,
            "instanceProfile": self.profile,
            "securityGroups": frozenset(self.security_groups),
            "keyName": self.key_name or "",
        }


@dataclass(frozen=True)
class AutoScalingGroup(Resource):
    """The group that keeps the instances alive; ``cluster`` is where they join.

    ``scaled``: something else says how many there are between least and greatest, so ``desired`` is the beginning
    only. ``placed``: the file names the subnets; else those of the beginning stay, whatever the default VPC gets.
    """

    kind: ClassVar[str] = "auto-scaling-group"
    minimum: int = 0
    desired: int = 0
    maximum: int = 0
    subnets: tuple[str, ...] = ()
    template: Ref | str = ""
    cluster: str = ""
    scaled: bool = False
    placed: bool = True

    def fields(self) -> dict[str, Any]:
        return {
            "minSize": self.minimum,
            "desiredCapacity": None if self.scaled else self.desired,
            "maxSize": self.maximum,
            "subnets": frozenset(self.subnets) if self.placed else None,
            "launchTemplate": self.template,
            "cluster": self.cluster,
        }


@dataclass(frozen=True)
class LogGroup(Resource):
    """A log group of CloudWatch Logs; how long it keeps what it has is left to whoever sets it."""

    kind: ClassVar[str] = "log-group"


@dataclass(frozen=True)
class TaskDefinition(Resource):
    """A family; ``definition`` is the input of RegisterTaskDefinition. A change is a new revision."""

    kind: ClassVar[str] = "task-definition"
    definition: Mapping[str, Any] = field(default_factory=dict)

    def fields(self) -> dict[str, Any]:
        return {"definition": self.definition}


@dataclass(frozen=True)
class Listener:
    """A listener of a classic balancer."""

    port: int
    protocol: str
    instance_port: int
    instance_protocol: str
    certificate: str | None = None

    def __str__(self) -> str:
        return f"{self.protocol}:{self.port} → {self.instance_protocol}:{self.instance_port}"


@dataclass(frozen=True)
class ClassicLoadBalancer(Resource):
    """A classic load balancer. ``health_check`` has the API's own keys (Target, Interval, …).

    ``placed``: as of :class:`AutoScalingGroup`.
    """

    kind: ClassVar[str] = "load-balancer"
    scheme: str = "internet-facing"
    subnets: tuple[str, ...] = ()
    security_groups: tuple[Ref | str, ...] = ()
    listeners: tuple[Listener, ...] = ()
    health_check: Mapping[str, Any] = field(default_factory=dict)
    placed: bool = True

    def fields(self) -> dict[str, Any]:
        return {
            "scheme": self.scheme,
            "subnets": frozenset(self.subnets) if self.placed else None,
            "securityGroups": frozenset(self.security_groups),
            "listeners": frozenset(self.listeners),
            "healthCheck": dict(self.health_check),
        }


@dataclass(frozen=True)
class TargetGroup(Resource):
    """A target group. ``health_check`` has the API's own keys (HealthCheckPath, …), the delay is in seconds.

    AWS cannot change its network, protocol, port and type, so whoever names it puts them into the name.
    """

    kind: ClassVar[str] = "target-group"
    vpc: str = ""
    protocol: str = "HTTP"
    port: int = 80
    target_type: str = "instance"
    health_check: Mapping[str, Any] = field(default_factory=dict)
    deregistration_delay: int = 300

    def fields(self) -> dict[str, Any]:
        return {
            "vpc": self.vpc,
            "protocol": self.protocol,
            "port": self.port,
            "targetType": self.target_type,
            "healthCheck": dict(self.health_check),
            "deregistrationDelay": self.deregistration_delay,
        }


@dataclass(frozen=True)
class Forward:
    """A listener of an application or network balancer: what comes to ``port`` goes to the target group ``group``."""

    port: int
    protocol: str
    group: Ref | str
    certificate: str | None = None

    def __str__(self) -> str:
        name = self.group.split("/")[-2] if isinstance(self.group, str) and "/" in self.group else self.group
        return f"{self.protocol}:{self.port} → {name}"


@dataclass(frozen=True)
class LoadBalancer(Resource):
    """An application or network load balancer with its listeners. ``placed``: as of :class:`AutoScalingGroup`."""

    kind: ClassVar[str] = "load-balancer-v2"
    type: str = "application"
    scheme: str = "internet-facing"
    subnets: tuple[str, ...] = ()
    security_groups: tuple[Ref | str, ...] = ()
    listeners: tuple[Forward, ...] = ()
    placed: bool = True

    def fields(self) -> dict[str, Any]:
        return {
            "type": self.type,
            "scheme": self.scheme,
            "subnets": frozenset(self.subnets) if self.placed else None,
            "securityGroups": frozenset(self.security_groups),
            "listeners": frozenset(self.listeners),
        }


@dataclass(frozen=True)
class Service(Resource):
    """A service of ``cluster``; ``definition`` is the input of CreateService, in which Refs may stand."""

    kind: ClassVar[str] = "service"
    cluster: str = ""
    definition: Mapping[str, Any] = field(default_factory=dict)

    def fields(self) -> dict[str, Any]:
        return {name: value for name, value in self.definition.items() if name not in ("serviceName", "tags")}


KINDS: tuple[type[Resource], ...] = (
    Cluster,
    InstanceRole,
    InstanceProfile,
    SecurityGroup,
    LaunchTemplate,
    AutoScalingGroup,
    LogGroup,
    TaskDefinition,
    ClassicLoadBalancer,
    TargetGroup,
    LoadBalancer,
    Service,
)


def refs(value: Any) -> Iterator[Ref]:
    """Every Ref inside a value (mappings, lists, sets, and the rules and listeners of this module)."""
    if isinstance(value, Ref):
        yield value
    elif isinstance(value, Ingress):
        yield from refs(value.source)
    elif isinstance(value, Forward):
        yield from refs(value.group)
    elif isinstance(value, Mapping):
        for item in value.values():
            yield from refs(item)
    elif isinstance(value, (list, tuple, set, frozenset)):
        for item in value:
            yield from refs(item)


def resolve(value: Any, known: Mapping[Key, Mapping[str, str]]) -> Any:
    """``value`` with each Ref replaced by what is known of it; a Ref to what does not exist yet stays."""
    if isinstance(value, Ref):
        return known.get(value.key, {}).get(value.attribute, value)
    if isinstance(value, Ingress):
        return Ingress(value.from_port, value.to_port, value.protocol, resolve(value.source, known))
    if isinstance(value, Forward):
        return replace(value, group=resolve(value.group, known))
    if isinstance(value, Mapping):
        return {name: resolve(item, known) for name, item in value.items()}
    if isinstance(value, (list, tuple, set, frozenset)):
        return type(value)(resolve(item, known) for item in value)
    return value
