"""The seams inside the sandbox: what the ECS engine asks of the machines, the containers and the balancers.

The engine (``ecsctl.sandbox.ecs``) knows the ECS API and its control loops and nothing else: no moto, no Docker, no
socket, no clock of its own. Everything outside reaches it through these protocols, so that its tests step it by hand.
All engine methods run under one lock; nothing behind these protocols may block (Docker works in threads of its own and
reports through :meth:`Runtime.events`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, Protocol


@dataclass(frozen=True)
class PortBinding:
    """One container port published on its host (``networkBindings[]`` of the API)."""

    container_port: int
    host_port: int
    protocol: Literal["tcp", "udp"] = "tcp"


@dataclass(frozen=True)
class ContainerRequest:
    """What it takes to start one container of a task, resolved (overrides applied, ports chosen).

    ``definition`` is the container definition of the API as registered, with overrides merged in; ``environment`` is
    the final map. ``address`` is the loopback address the host ports are published on (in the sandbox it stands for
    the instance's, or the task's own network interface's). ``task_ports`` are those of all containers of the task:
    with network mode awsvpc they share one network.
    """

    task_arn: str
    cluster: str
    family: str
    revision: int
    name: str
    image: str
    definition: Mapping[str, object]
    environment: Mapping[str, str]
    ports: Sequence[PortBinding]
    network_mode: str
    address: str
    instance_id: str | None
    volumes: Sequence[Mapping[str, object]] = ()
    memory_mib: int | None = None
    task_ports: Sequence[PortBinding] = ()
    # The ECS service's name, where the task is of one.
    service: str | None = None


@dataclass(frozen=True)
class ContainerEvent:
    """News of a container from the runtime.

    ``kind``: ``started`` (running; ``runtime_id`` is set, ``image_digest`` where it is known), ``exited``
    (``exit_code``, perhaps ``reason``), ``failed`` (never started; ``reason`` in the words of the ECS agent, as
    ``CannotPullContainerError: …``), ``health`` (``health`` is HEALTHY or UNHEALTHY).
    """

    task_arn: str
    name: str
    kind: Literal["started", "exited", "failed", "health"]
    runtime_id: str | None = None
    exit_code: int | None = None
    reason: str | None = None
    health: str | None = None
    image_digest: str | None = None


class Runtime(Protocol):
    """Runs containers, for real (Docker) or simulated. No call blocks."""

    kind: Literal["docker", "simulated"]

    def launch(self, request: ContainerRequest) -> None: ...

    def stop(self, task_arn: str, name: str, grace_seconds: float) -> None: ...

    def release(self, task_arn: str) -> None:
        """Give back what a task that has stopped left: ended containers, its volumes, its network."""
        ...

    def events(self) -> Sequence[ContainerEvent]:
        """Take all events since the last call."""
        ...


@dataclass(frozen=True)
class NetworkInterface:
    """The elastic network interface of an awsvpc task; addresses are of the EC2 backend (and so describable)."""

    id: str
    private_ip: str
    public_ip: str | None
    mac: str
    subnet_id: str
    private_dns: str


class Ec2(Protocol):
    """EC2 as the engine needs it."""

    def address(self, owner: str) -> str:
        """The loopback address that stands for an instance's, or a network interface's, by its id."""
        ...

    def create_interface(
        self, subnets: Sequence[str], security_groups: Sequence[str], *, public: bool, task_arn: str
    ) -> NetworkInterface: ...

    def delete_interface(self, interface_id: str) -> None: ...

    def create_volume(self, zone: str, configuration: Mapping[str, object], task_arn: str) -> str:
        """Make an EBS volume as a ``managedEBSVolume`` says; its id. Raises where EC2 refuses it."""
        ...

    def delete_volume(self, volume_id: str) -> None: ...

    def launch_managed(
        self,
        subnets: Sequence[str],
        security_groups: Sequence[str],
        *,
        profile: str,
        cpu: int,
        memory: int,
        architecture: str,
    ) -> InstanceDetails:
        """Launch the smallest machine with so many CPU units and MiB. Raises where EC2 refuses it or has none."""
        ...

    def terminate(self, instance_id: str) -> None: ...

    def availability_zone(self, subnet_id: str) -> str: ...

    def subnet_exists(self, subnet_id: str) -> bool: ...

    def security_group_exists(self, group_id: str) -> bool: ...


TargetGroupWeights = Mapping[str, float]
"""Target group ARN → the percentage of the requests that it gets; a balancer's rule (or listener) forwards so."""

TargetHealth = Literal["initial", "healthy", "unhealthy", "draining", "unused"]


class ElasticLoadBalancing(Protocol):
    """ELB and ELBv2 as the ECS service scheduler needs them. ``target`` is an instance id (classic balancer or
    target type instance) or an IP address (target type ip)."""

    def classic_exists(self, name: str) -> bool: ...

    def target_group_problem(self, arn: str) -> str | None:
        """None where the target group exists and has a listener; ``missing`` or ``no-listener`` otherwise."""
        ...

    def target_type(self, arn: str) -> str:
        """``instance``, ``ip`` …: how a target group that exists names its targets."""
        ...

    def register(self, *, classic: str | None, target_group: str | None, target: str, port: int) -> None: ...

    def deregister(self, *, classic: str | None, target_group: str | None, target: str, port: int) -> None: ...

    def route(self, rule: str, weights: TargetGroupWeights) -> None:
        """Have a listener rule (or a listener, of a network balancer) forward so. Raises where there is none."""
        ...

    def health(self, *, classic: str | None, target_group: str | None, target: str, port: int) -> TargetHealth: ...


class CloudWatch(Protocol):
    """CloudWatch as the engine needs it."""

    def states(self, names: Sequence[str]) -> Mapping[str, str]:
        """Alarm name → OK, ALARM or INSUFFICIENT_DATA, of those that exist."""
        ...


class CloudMap(Protocol):
    """AWS Cloud Map as Service Connect needs it."""

    def namespace(self, name: str) -> str | None:
        """The ARN of the namespace with this name or ARN; None where there is none."""
        ...

    def create_namespace(self, name: str) -> str:
        """Make a namespace of API calls only (HTTP); its ARN."""
        ...

    def discovery_service(self, namespace: str, name: str) -> str:
        """The ARN of a service in a namespace (an ARN), which is made where there is none."""
        ...


@dataclass(frozen=True)
class GroupDetails:
    """An Auto Scaling group. ``instances`` are the EC2 ids in service, those that still boot included; ``size`` tells
    what a new one would be (None where its launch template does not say)."""

    least: int
    most: int
    desired: int
    instances: Sequence[str]
    protects_new: bool
    size: InstanceDetails | None


class AutoScaling(Protocol):
    """Auto Scaling as the capacity providers need it. A group is named by its ARN."""

    def facts(self, arn: str) -> GroupDetails | None:
        """None where there is no such group."""
        ...

    def resize(self, arn: str, desired: int) -> None: ...

    def protect(self, arn: str, instances: Sequence[str], protected: bool) -> None:
        """Protect instances from scale-in, or no longer."""
        ...

    def take(self, arn: str, *, policy: str | None, target: int, warmup: int, drains: bool) -> None:
        """A capacity provider has the group: its tag, its scaling policy (None: no managed scaling), and whether
        instances that scale-in takes drain first. Does nothing where all is so already."""
        ...

    def leave(self, arn: str) -> None:
        """The capacity provider was deleted."""
        ...

    def report(self, cluster: str, provider: str, percent: float, now: float) -> None:
        """Write the metric ``CapacityProviderReservation`` (``now``: epoch seconds)."""
        ...


@dataclass(frozen=True)
class InstanceDetails:
    """What an agent tells ECS when it registers (``RegisterContainerInstance`` in the real service)."""

    ec2_instance_id: str
    instance_type: str
    availability_zone: str
    cpu_units: int
    memory_mib: int
    ami_id: str
    os: str = "linux"
    cpu_architecture: str = "x86_64"
    vpc_id: str = ""
    subnet_id: str = ""
    attributes: Mapping[str, str | None] = field(default_factory=dict)
    agent_version: str = "1.97.0"
    docker_version: str = "25.0.8"
    gpus: int = 0
    # How many network interfaces the type takes, its own one included; None: no limit is kept.
    interfaces: int | None = None
    auto_scaling_group_arn: str | None = None


class AgentApi(Protocol):
    """What the machines' side calls on the engine (the engine implements it)."""

    def register_agent(self, cluster: str, facts: InstanceDetails) -> str:
        """An agent came up: returns the container instance ARN. A second call for the same EC2 instance reconnects
        the same container instance. Raises ``ecsctl.sandbox.ecs.api.wire.EcsApiError`` (``ClientException``
        "Cluster not found.") as the real service does."""
        ...

    def agent_connected(self, ec2_instance_id: str, connected: bool) -> None: ...

    def drain(self, ec2_instance_id: str) -> int:
        """Drain the instance's container instance; how many tasks are still on it (0 for an unknown one)."""
        ...

    def instance_terminated(self, ec2_instance_id: str) -> None:
        """EC2 terminated it: its container instance deregisters, its tasks stop ("Host EC2 (instance i-…)
        terminated", stopCode TerminationNotice)."""
        ...


class InstanceFaults(Protocol):
    """What injected faults do to EC2."""

    def dead_zone(self, zone: str) -> bool:
        """Whether an availability zone is down, so that nothing can be launched there."""
        ...

    def impaired(self, instance_id: str) -> bool:
        """Whether an instance's status checks fail."""
        ...
