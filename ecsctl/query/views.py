"""Values made of what AWS answers: tasks, their hosts, services and clusters. Pure: nothing here calls anything.

Field names follow the ECS API. A view keeps only what is shown or decided on, so that thousands of tasks stay small.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

Json = Mapping[str, Any]

SHORT = 8


def name_of(arn: str) -> str:
    """The last part of an ARN, or a plain name as it is."""
    return arn.rsplit("/", 1)[-1]


def age(since: datetime | None, now: datetime) -> str:
    """How long ago, in one unit: ``42s``, ``5m``, ``3h``, ``12d``; ``-`` for never."""
    seconds = seconds_since(since, now)
    if seconds is None:
        return "-"
    for size, unit in ((86400, "d"), (3600, "h"), (60, "m")):
        if seconds >= size:
            return f"{seconds // size}{unit}"
    return f"{seconds}s"


def seconds_since(since: datetime | None, now: datetime) -> int | None:
    """How many whole seconds ago; None for never."""
    return None if since is None else max(0, int((now - since).total_seconds()))


@dataclass(frozen=True, slots=True)
class Binding:
    """A container port published on its host (``networkBindings[]``)."""

    container_port: int
    host_port: int
    protocol: str = "tcp"
    bind_ip: str = "0.0.0.0"


@dataclass(frozen=True, slots=True)
class ContainerView:
    """A container of a task; ``runtime_id`` is Docker's, whose first 12 digits are the container's host name."""

    name: str
    last_status: str
    image: str = ""
    exit_code: int | None = None
    reason: str | None = None
    health: str | None = None
    runtime_id: str | None = None
    bindings: tuple[Binding, ...] = ()


@dataclass(frozen=True, slots=True)
class InterfaceView:
    """The elastic network interface of an awsvpc or Fargate task; addresses are None where there is none."""

    id: str
    private_address: str | None = None
    public_address: str | None = None
    ipv6_address: str | None = None


@dataclass(frozen=True, slots=True)
class InstanceView:
    """A container instance, joined with its EC2 instance where that was asked.

    ``instance_id`` is EC2's (``i-…``) or, of ECS Anywhere, ``mi-…``. CPU is in units (1024 a core), memory in MiB.
    """

    arn: str
    instance_id: str
    status: str
    agent_connected: bool
    running: int = 0
    pending: int = 0
    cpu_left: int = 0
    cpu: int = 0
    memory_left: int = 0
    memory: int = 0
    ports_used: tuple[int, ...] = ()
    zone: str | None = None
    type: str | None = None
    attributes: frozenset[str] = frozenset()
    registered_at: datetime | None = None
    status_reason: str | None = None
    private_address: str | None = None
    public_address: str | None = None

    @property
    def external(self) -> bool:
        """Whether it is not an EC2 instance (ECS Anywhere): EC2 knows nothing of it."""
        return not self.instance_id.startswith("i-")


@dataclass(frozen=True, slots=True)
class TaskView:
    """A task; ``instance`` and ``interface`` are there once they were joined."""

    arn: str
    cluster: str
    definition_arn: str
    last_status: str
    desired_status: str
    group: str | None = None
    health: str | None = None
    launch_type: str | None = None
    zone: str | None = None
    container_instance_arn: str | None = None
    interface: InterfaceView | None = None
    instance: InstanceView | None = None
    containers: tuple[ContainerView, ...] = ()
    started_by: str | None = None
    created_at: datetime | None = None
    started_at: datetime | None = None
    stopped_at: datetime | None = None
    stop_code: str | None = None
    stopped_reason: str | None = None

    @property
    def id(self) -> str:
        """The id alone."""
        return name_of(self.arn)

    @property
    def short_id(self) -> str:
        """The first digits of the id, enough for a person."""
        return self.id[:SHORT]

    @property
    def definition(self) -> str:
        """``family:revision``."""
        return name_of(self.definition_arn)

    @property
    def family(self) -> str:
        """The task definition's family."""
        return self.definition.rpartition(":")[0]

    @property
    def revision(self) -> int:
        """The task definition's revision."""
        last = self.definition.rpartition(":")[2]
        return int(last) if last.isdigit() else 0

    @property
    def service(self) -> str | None:
        """The service that started it, if one did."""
        return self.group[len("service:") :] if self.group and self.group.startswith("service:") else None

    @property
    def host(self) -> str | None:
        """Where it runs, as shown: the instance's id, ``FARGATE``, or None where it is not placed yet."""
        if self.instance is not None:
            return self.instance.instance_id
        if self.container_instance_arn:
            return name_of(self.container_instance_arn)
        return self.launch_type if self.launch_type == "FARGATE" else None

    @property
    def stopped(self) -> bool:
        """Whether it has ended."""
        return self.last_status == "STOPPED"


def task_view(task: Json) -> TaskView:
    """The view of one of DescribeTasks' ``tasks[]``, its host not yet joined."""
    return TaskView(
        arn=task["taskArn"],
        cluster=name_of(task.get("clusterArn", "")),
        definition_arn=task.get("taskDefinitionArn", ""),
        last_status=task.get("lastStatus", "UNKNOWN"),
        desired_status=task.get("desiredStatus", "UNKNOWN"),
        group=task.get("group"),
        health=task.get("healthStatus"),
        launch_type=task.get("launchType"),
        zone=task.get("availabilityZone"),
        container_instance_arn=task.get("containerInstanceArn"),
        interface=_interface_of(task),
        containers=tuple(_container_view(container) for container in task.get("containers", ())),
        started_by=task.get("startedBy"),
        created_at=task.get("createdAt"),
        started_at=task.get("startedAt"),
        stopped_at=task.get("stoppedAt"),
        stop_code=task.get("stopCode"),
        stopped_reason=task.get("stoppedReason"),
    )


def _container_view(container: Json) -> ContainerView:
    return ContainerView(
        name=container.get("name", ""),
        last_status=container.get("lastStatus", "UNKNOWN"),
        image=container.get("image", ""),
        exit_code=container.get("exitCode"),
        reason=container.get("reason"),
        health=container.get("healthStatus"),
        runtime_id=container.get("runtimeId"),
        bindings=tuple(binding for row in container.get("networkBindings") or () for binding in _bindings(row)),
    )


def _bindings(row: Json) -> list[Binding]:
    protocol, bind_ip = row.get("protocol", "tcp"), row.get("bindIP") or "0.0.0.0"
    if row.get("hostPortRange"):
        pairs = zip(port_range(row["containerPortRange"]), port_range(row["hostPortRange"]), strict=False)
        return [Binding(container, host, protocol, bind_ip) for container, host in pairs]
    if not row.get("hostPort"):
        return []
    return [Binding(int(row.get("containerPort", 0)), int(row["hostPort"]), protocol, bind_ip)]


def port_range(text: str) -> range:
    """The ports of ``8000-8010`` or ``8000``."""
    first, _, last = text.partition("-")
    return range(int(first), int(last or first) + 1)


def _interface_of(task: Json) -> InterfaceView | None:
    for attachment in task.get("attachments", ()):
        if attachment.get("type") != "ElasticNetworkInterface":
            continue
        details = {row.get("name"): row.get("value") for row in attachment.get("details", ())}
        if details.get("networkInterfaceId"):
            ipv6 = next(
                (
                    interface["ipv6Address"]
                    for container in task.get("containers", ())
                    for interface in container.get("networkInterfaces") or ()
                    if interface.get("ipv6Address")
                ),
                None,
            )
            return InterfaceView(details["networkInterfaceId"], details.get("privateIPv4Address"), None, ipv6)
    return None


def interface_view(interface: Json) -> InterfaceView:
    """The view of one of EC2's ``NetworkInterfaces[]``."""
    ipv6 = [row["Ipv6Address"] for row in interface.get("Ipv6Addresses", ()) if row.get("Ipv6Address")]
    return InterfaceView(
        interface["NetworkInterfaceId"],
        interface.get("PrivateIpAddress"),
        (interface.get("Association") or {}).get("PublicIp"),
        ipv6[0] if ipv6 else None,
    )


def instance_view(instance: Json, ec2: Json | None = None) -> InstanceView:
    """The view of one of DescribeContainerInstances' ``containerInstances[]``, joined with EC2's if given."""
    left = _resources(instance.get("remainingResources", ()))
    total = _resources(instance.get("registeredResources", ()))
    attributes = {row.get("name", ""): row.get("value") for row in instance.get("attributes", ())}
    ec2 = ec2 or {}
    return InstanceView(
        arn=instance["containerInstanceArn"],
        instance_id=instance.get("ec2InstanceId") or name_of(instance["containerInstanceArn"]),
        status=instance.get("status", "UNKNOWN"),
        agent_connected=bool(instance.get("agentConnected")),
        running=instance.get("runningTasksCount", 0),
        pending=instance.get("pendingTasksCount", 0),
        cpu_left=left.get("CPU", 0),
        cpu=total.get("CPU", 0),
        memory_left=left.get("MEMORY", 0),
        memory=total.get("MEMORY", 0),
        ports_used=_ports(instance.get("remainingResources", ())),
        zone=ec2.get("Placement", {}).get("AvailabilityZone") or attributes.get("ecs.availability-zone"),
        type=ec2.get("InstanceType") or attributes.get("ecs.instance-type"),
        attributes=frozenset(attributes),
        registered_at=instance.get("registeredAt"),
        status_reason=instance.get("statusReason"),
        private_address=ec2.get("PrivateIpAddress"),
        public_address=ec2.get("PublicIpAddress") or None,
    )


def _resources(rows: Sequence[Json]) -> dict[str, int]:
    return {row["name"]: int(row.get("integerValue", 0)) for row in rows if row.get("type") == "INTEGER"}


def _ports(rows: Sequence[Json]) -> tuple[int, ...]:
    # The `PORTS` of the *remaining* resources are, in spite of the name, those in use.
    return tuple(int(port) for row in rows if row.get("name") == "PORTS" for port in row.get("stringSetValue", ()))


@dataclass(frozen=True, slots=True)
class ClusterView:
    """A cluster and its counts."""

    name: str
    arn: str
    status: str
    instances: int
    running: int
    pending: int
    services: int
    capacity_providers: tuple[str, ...] = ()


def cluster_view(cluster: Json) -> ClusterView:
    """The view of one of DescribeClusters' ``clusters[]``."""
    return ClusterView(
        name=cluster.get("clusterName") or name_of(cluster["clusterArn"]),
        arn=cluster["clusterArn"],
        status=cluster.get("status", "UNKNOWN"),
        instances=cluster.get("registeredContainerInstancesCount", 0),
        running=cluster.get("runningTasksCount", 0),
        pending=cluster.get("pendingTasksCount", 0),
        services=cluster.get("activeServicesCount", 0),
        capacity_providers=tuple(cluster.get("capacityProviders", ())),
    )


@dataclass(frozen=True, slots=True)
class DeploymentView:
    """A deployment of a service; ``rollout_state`` is None behind a classic balancer."""

    id: str
    status: str
    definition: str
    desired: int
    running: int
    pending: int
    failed: int
    rollout_state: str | None
    rollout_reason: str | None
    created_at: datetime | None


@dataclass(frozen=True, slots=True)
class BalancerView:
    """What stands before a service's container: a classic balancer's ``name``, or a ``target_group`` ARN."""

    container_name: str
    container_port: int
    name: str | None = None
    target_group: str | None = None
    address: str | None = None


@dataclass(frozen=True, slots=True)
class EventView:
    """A service event."""

    id: str
    at: datetime | None
    message: str


@dataclass(frozen=True, slots=True)
class ServiceView:
    """A service, its deployments (the PRIMARY one first), balancers, and events (newest first)."""

    arn: str
    name: str
    cluster: str
    status: str
    desired: int
    running: int
    pending: int
    definition: str
    launch_type: str | None
    scheduling: str
    deployments: tuple[DeploymentView, ...] = ()
    balancers: tuple[BalancerView, ...] = ()
    events: tuple[EventView, ...] = ()
    created_at: datetime | None = None

    @property
    def rollout_state(self) -> str | None:
        """The PRIMARY deployment's; behind a classic balancer the counts must say it, and this is None."""
        return self.deployments[0].rollout_state if self.deployments else None


def service_view(service: Json) -> ServiceView:
    """The view of one of DescribeServices' ``services[]``; the balancers' addresses are not in it."""
    deployments = sorted(service.get("deployments", ()), key=lambda row: row.get("status") != "PRIMARY")
    providers = [row["capacityProvider"] for row in service.get("capacityProviderStrategy", ())]
    return ServiceView(
        arn=service["serviceArn"],
        name=service["serviceName"],
        cluster=name_of(service.get("clusterArn", "")),
        status=service.get("status", "UNKNOWN"),
        desired=service.get("desiredCount", 0),
        running=service.get("runningCount", 0),
        pending=service.get("pendingCount", 0),
        definition=name_of(service.get("taskDefinition", "")),
        launch_type=service.get("launchType") or ",".join(providers) or None,
        scheduling=service.get("schedulingStrategy", "REPLICA"),
        deployments=tuple(
            DeploymentView(
                id=row.get("id", ""),
                status=row.get("status", ""),
                definition=name_of(row.get("taskDefinition", "")),
                desired=row.get("desiredCount", 0),
                running=row.get("runningCount", 0),
                pending=row.get("pendingCount", 0),
                failed=row.get("failedTasks", 0),
                rollout_state=row.get("rolloutState"),
                rollout_reason=row.get("rolloutStateReason"),
                created_at=row.get("createdAt"),
            )
            for row in deployments
        ),
        balancers=tuple(
            BalancerView(
                row.get("containerName", ""),
                row.get("containerPort", 0),
                row.get("loadBalancerName"),
                row.get("targetGroupArn"),
            )
            for row in service.get("loadBalancers", ())
        ),
        events=tuple(
            EventView(row.get("id", ""), row.get("createdAt"), row.get("message", ""))
            for row in service.get("events", ())
        ),
        created_at=service.get("createdAt"),
    )
