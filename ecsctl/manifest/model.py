"""What a definition file says, as frozen values: the ``Spec`` that everything else works from.

Field names inside ``definition`` are the ECS API's own; shorthands are expanded before a ``Spec`` is made.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from ecsctl.aws.names import require_cluster_name
from ecsctl.errors import UsageError

Severity = Literal["error", "warning"]

SHIFTING = ("BLUE_GREEN", "LINEAR", "CANARY")
SSH = 22
SSH_HINT = (
    "Session Manager (`aws ssm start-session`) and ECS Exec need no open port; "
    "or name your own network: 22@203.0.113.0/24"
)


def log_group_of(family: str) -> str:
    """The log group that ``logs: awslogs`` gives the containers of a family."""
    return f"/ecs/{family}"


@dataclass(frozen=True, order=True)
class Position:
    """A place in a file; line and column count from 1."""

    file: str
    line: int
    column: int

    def __str__(self) -> str:
        return f"{self.file}:{self.line}:{self.column}"


@dataclass(frozen=True)
class Fault:
    """One thing that is wrong with a file.

    ``path`` is the place in the document (``services.web.desiredCount``), ``rule`` the rule's id (``ECS014``), or None
    for what the schema or YAML itself refuses, ``allowed`` what would be right, for the user.
    """

    position: Position | None
    path: str
    message: str
    rule: str | None = None
    severity: Severity = "error"
    allowed: str | None = None

    def __str__(self) -> str:
        where = f"{self.position}: " if self.position else ""
        path = f"{self.path}: " if self.path else ""
        kind = "warning: " if self.severity == "warning" else ""
        rule = f" [{self.rule}]" if self.rule else ""
        allowed = f" ({self.allowed})" if self.allowed else ""
        return f"{where}{kind}{path}{self.message}{allowed}{rule}"


class SpecError(UsageError):
    """A file has faults; ``str()`` gives all of them, one a line, in the order of the file (exit 2)."""

    def __init__(self, faults: Sequence[Fault], *, hint: str | None = None) -> None:
        self.faults = tuple(faults)
        lines = [str(fault) for fault in self.faults]
        if len(lines) == 1:
            super().__init__(lines[0], hint=hint)
        else:
            files = sorted({fault.position.file for fault in self.faults if fault.position})
            what = f"{len(lines)} faults in {', '.join(files)}" if files else f"{len(lines)} faults"
            super().__init__(what, hint=hint, details=lines)

    def __str__(self) -> str:
        return "\n".join(str(fault) for fault in self.faults)


@dataclass(frozen=True)
class IngressSpec:
    """What a security group admits: ports ``from_port``..``to_port`` of ``protocol`` from the network ``cidr``."""

    from_port: int
    to_port: int
    protocol: str = "tcp"
    cidr: str = "0.0.0.0/0"

    @property
    def ipv6(self) -> bool:
        """Whether ``cidr`` is an IPv6 network (the API has another field for those)."""
        return ":" in self.cidr

    @classmethod
    def parse(cls, text: str) -> IngressSpec:
        """Read ``80``, ``8000-8100/udp``, ``443@10.0.0.0/8``.

        Raises:
            UsageError: it cannot be read, is no range of ports, or opens SSH to the world.
        """
        match = re.fullmatch(r"\s*(\d{1,5})(?:-(\d{1,5}))?(?:/([A-Za-z]+))?(?:@(\S+))?\s*", text)
        if match is None:
            raise UsageError(
                f"{text!r} is not a valid ingress rule", hint="write it as 80, 8000-8100/udp or 443@10.0.0.0/8"
            )
        first, last, protocol, cidr = match.groups()
        return cls.checked(int(first), int(last or first), (protocol or "tcp").lower(), cidr or "0.0.0.0/0")

    @classmethod
    def checked(cls, from_port: int, to_port: int, protocol: str = "tcp", cidr: str = "0.0.0.0/0") -> IngressSpec:
        """Make a rule of its parts.

        Raises:
            UsageError: as ``parse``.
        """
        if not 1 <= from_port <= to_port <= 65535:
            raise UsageError(f"ports {from_port}-{to_port} are not a port range within 1-65535")
        if protocol not in ("tcp", "udp"):
            raise UsageError(f"protocol {protocol!r} is not tcp or udp")
        try:
            network = ipaddress.ip_network(cidr)
        except ValueError as error:
            raise UsageError(
                f"{cidr!r} is not a valid network: {error}", hint="write it as 10.0.0.0/8 or 2001:db8::/32"
            ) from None
        if protocol == "tcp" and from_port <= SSH <= to_port and network.prefixlen == 0:
            raise UsageError(f"port {SSH} (SSH) open to the world ({cidr}) is refused", hint=SSH_HINT)
        return cls(from_port, to_port, protocol, str(network))


@dataclass(frozen=True)
class InstancesSpec:
    """EC2 capacity: one Auto Scaling group of ``type`` with ``minimum`` ≤ ``desired`` ≤ ``maximum`` instances.

    ``image`` is ``al2023``, ``bottlerocket``, ``ubuntu``, an AMI id or the name of an SSM parameter. No subnets: those
    of the default VPC. ``scaled``: the file leaves the number open, so it only begins with ``desired``. ``agent``:
    how Ubuntu runs the agent, as a ``package`` or as a ``container``. ``user_data``: the boot script, where it is not
    ecsctl's own of the image.
    """

    minimum: int
    desired: int
    maximum: int
    type: str = "t3.small"
    image: str = "al2023"
    subnets: tuple[str, ...] = ()
    ingress: tuple[IngressSpec, ...] = ()
    key_name: str | None = None
    scaled: bool = False
    agent: str = "package"
    user_data: str | None = None


@dataclass(frozen=True)
class HealthCheckSpec:
    """A balancer's health check; ``interval`` and ``timeout`` in seconds.

    ``target`` is the classic form (``HTTP:80/``, ``TCP:80``), ``path`` the one of target groups. ``matcher`` has the
    HTTP codes of an answer that is healthy (``200``, ``200-399``, ``200,301``).
    """

    interval: int = 10
    timeout: int = 5
    healthy_threshold: int = 2
    unhealthy_threshold: int = 2
    target: str | None = None
    path: str | None = None
    matcher: str | None = None


@dataclass(frozen=True)
class ListenerSpec:
    """A port of the balancer, and the port of the instances (or targets) that it forwards to.

    ``instance_port`` None: the host port of the container that the service names. ``domain``: the certificate is that
    of ACM for this name. ``redirect``: whoever comes is sent to this port, by HTTPS.
    """

    port: int
    instance_port: int | None = None
    protocol: str = "HTTP"
    instance_protocol: str = "HTTP"
    certificate: str | None = None
    domain: str | None = None
    redirect: int | None = None


@dataclass(frozen=True)
class LoadBalancerSpec:
    """A load balancer; ``type`` is ``classic``, ``application`` or ``network``, ``scheme`` the API's word.

    ``ingress`` has the networks that may reach its listeners; no subnets: those of the default VPC.
    ``deregistration_delay`` (seconds) is for how long a target that leaves keeps its connections; classic has none.
    ``stickiness`` (seconds) is for how long a client keeps its target, ``slow_start`` (seconds) for how long a new
    target gets less than its share; 0: off, None: left alone. Only application balancers have both.
    """

    name: str
    type: str = "classic"
    health_check: HealthCheckSpec = field(default_factory=HealthCheckSpec)
    listeners: tuple[ListenerSpec, ...] = ()
    subnets: tuple[str, ...] = ()
    ingress: tuple[str, ...] = ("0.0.0.0/0",)
    scheme: str = "internet-facing"
    deregistration_delay: int = 30
    stickiness: int | None = None
    slow_start: int | None = None


@dataclass(frozen=True)
class LoadBalancerRef:
    """A service's balancer: a name of the file's ``loadBalancers`` or of a classic one that exists in AWS.

    Where ``hosts`` or ``paths`` are said, the service gets only what comes for them, by a rule of the listeners; the
    rule of the lowest ``priority`` counts, and without one the order of the file. ``test_listener``: the port at which
    a deployment that shifts traffic can be tried before it has any.
    """

    name: str
    container_name: str
    container_port: int
    hosts: tuple[str, ...] = ()
    paths: tuple[str, ...] = ()
    priority: int | None = None
    test_listener: int | None = None

    @property
    def by_rule(self) -> bool:
        """Whether a rule leads to the service, and not the listener itself."""
        return bool(self.hosts or self.paths)


@dataclass(frozen=True)
class RoleSpec:
    """A role that the project makes: managed policies by name or ARN, and statements in IAM's words (Allow: usual)."""

    policies: tuple[str, ...] = ()
    statements: tuple[Mapping[str, Any], ...] = ()


@dataclass(frozen=True)
class TaskDefinitionSpec:
    """The input of RegisterTaskDefinition, shorthands expanded, ``family`` and ``tags`` included.

    ``task_role`` and ``execution_role`` are made by the project; None: the definition says its own, or none.
    """

    family: str
    definition: Mapping[str, Any]
    task_role: RoleSpec | None = None
    execution_role: RoleSpec | None = None


@dataclass(frozen=True)
class ScheduleSpec:
    """From when on a service's number of tasks has other bounds: ``cron(…)``, ``rate(…)`` or ``at(…)``."""

    schedule: str
    timezone: str | None = None
    minimum: int | None = None
    maximum: int | None = None


@dataclass(frozen=True)
class ScalingSpec:
    """Application Auto Scaling of a service, between ``minimum`` and ``maximum`` tasks.

    ``cpu`` and ``memory`` are percents that are to be kept on average, ``requests_per_target`` a number a minute; the
    cooldowns are in seconds.
    """

    minimum: int
    maximum: int
    cpu: float | None = None
    memory: float | None = None
    requests_per_target: float | None = None
    scale_in_cooldown: int | None = None
    scale_out_cooldown: int | None = None
    schedules: Mapping[str, ScheduleSpec] = field(default_factory=dict)


@dataclass(frozen=True)
class ServiceSpec:
    """The input of CreateService without ``cluster`` and ``clientToken``.

    ``taskDefinition`` stays as written: a family of the file, ``family:revision`` or an ARN. Where ``load_balancer``
    is given, ``definition`` has no ``loadBalancers``: the balancer's part is made when its name or ARN is known.
    ``ingress`` None: the tasks get no security group of the project's. ``scaling`` None: nothing moves their number.
    """

    name: str
    definition: Mapping[str, Any]
    load_balancer: LoadBalancerRef | None = None
    ingress: tuple[IngressSpec, ...] | None = None
    scaling: ScalingSpec | None = None

    @property
    def shifts(self) -> bool:
        """Whether its deployments shift traffic: BLUE_GREEN, LINEAR, CANARY."""
        return (self.definition.get("deploymentConfiguration") or {}).get("strategy") in SHIFTING


@dataclass(frozen=True)
class Spec:
    """A whole project. ``name`` is the owner tag of all that it makes; ``account`` a guard, 12 digits."""

    name: str
    cluster: str
    region: str | None = None
    account: str | None = None
    instances: InstancesSpec | None = None
    task_definitions: Mapping[str, TaskDefinitionSpec] = field(default_factory=dict)
    load_balancers: Mapping[str, LoadBalancerSpec] = field(default_factory=dict)
    services: Mapping[str, ServiceSpec] = field(default_factory=dict)
    tags: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Check the cluster's name, which may come from a flag and not from a file that was validated.

        Raises:
            UsageError: it is none.
        """
        if self.cluster:
            require_cluster_name(self.cluster)
