"""What ECS knows in one region: plain data, picklable, with the indexes that keep every loop linear.

Only this module and the accounting of ``resources`` change the indexes; everybody else goes through the methods.
"""

from __future__ import annotations

import random
import string
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field

from ecsctl.sandbox.ecs.store.records import Deployment as Deployment
from ecsctl.sandbox.ecs.store.records import Document as Document
from ecsctl.sandbox.ecs.store.records import Service as Service
from ecsctl.sandbox.ecs.store.records import ServiceEvent as ServiceEvent
from ecsctl.sandbox.ecs.store.records import TaskSet as TaskSet
from ecsctl.sandbox.interfaces import ContainerEvent, InstanceDetails, NetworkInterface, PortBinding

STORE_VERSION = 4
_URL_SAFE = string.ascii_letters + string.digits + "-_"

RETENTION_SECONDS = 3600.0
"""How long a stopped task stays describable."""


DEFAULT_CLUSTER = "default"


@dataclass
class Cluster:
    name: str
    arn: str
    status: str = "ACTIVE"
    tags: dict[str, str] = field(default_factory=dict)
    settings: dict[str, str] = field(default_factory=dict)
    configuration: Document | None = None
    service_connect_defaults: Document | None = None
    capacity_providers: list[str] = field(default_factory=list)
    default_strategy: list[Document] = field(default_factory=list)


@dataclass
class CapacityProvider:
    name: str
    arn: str
    kind: str
    auto_scaling_group: Document | None = None
    managed_instances: Document | None = None
    # Of Managed Instances: since when each of its machines has had no task.
    idle_since: dict[str, float] = field(default_factory=dict)
    cluster: str | None = None
    status: str = "ACTIVE"
    update_status: str | None = "CREATE_COMPLETE"
    update_reason: str | None = None
    tags: dict[str, str] = field(default_factory=dict)
    # Of managed scaling: its policy, when the loop looks next, and since when the group has been too big.
    policy: str | None = None
    look_at: float = 0.0
    reported_at: float = 0.0
    stepped_at: float = 0.0
    low_since: float | None = None


@dataclass
class TaskDefinition:
    """One revision. ``document`` is what DescribeTaskDefinition answers, defaults filled in."""

    family: str
    revision: int
    arn: str
    document: Document
    tags: dict[str, str] = field(default_factory=dict)
    status: str = "ACTIVE"

    @property
    def network_mode(self) -> str:
        return str(self.document.get("networkMode") or "bridge")

    @property
    def containers(self) -> list[Document]:
        containers: list[Document] = self.document["containerDefinitions"]
        return containers


@dataclass
class ContainerInstance:
    arn: str
    id: str
    cluster: str
    facts: InstanceDetails
    registered_at: float
    attributes: dict[str, str | None]
    status: str = "ACTIVE"
    agent_connected: bool = True
    version: int = 1
    tags: dict[str, str] = field(default_factory=dict)
    capacity_provider: str | None = None
    agent_update_status: str | None = None
    cpu_used: int = 0
    memory_used: int = 0
    gpu_used: int = 0
    interfaces_used: int = 0
    # (protocol, port) → the task that holds it; fixed ports are the scheduler's business, dynamic ones the agent's.
    fixed_ports: dict[tuple[str, int], str] = field(default_factory=dict)
    dynamic_ports: dict[tuple[str, int], str] = field(default_factory=dict)
    next_port: int = 32768
    tasks: dict[str, None] = field(default_factory=dict)
    # What happened to its containers while the agent could not say so.
    unreported: list[ContainerEvent] = field(default_factory=list)


@dataclass(frozen=True)
class Need:
    """What one task takes from an instance: CPU units, MiB, GPUs, fixed host ports, whether its own interface."""

    cpu: int = 0
    memory: int = 0
    gpu: int = 0
    ports: tuple[tuple[str, int], ...] = ()
    interface: bool = False


@dataclass
class Container:
    arn: str
    name: str
    image: str
    definition: Document
    last_status: str = "PENDING"
    launched: bool = False
    runtime_id: str | None = None
    image_digest: str | None = None
    exit_code: int | None = None
    reason: str | None = None
    health: str = "UNKNOWN"
    bindings: list[PortBinding] = field(default_factory=list)
    started_at: float | None = None
    stop_asked: bool = False

    @property
    def essential(self) -> bool:
        return bool(self.definition.get("essential", True))


@dataclass
class Target:
    """A task's place behind a balancer; ``since`` is when it was registered (epoch seconds)."""

    classic: str | None
    target_group: str | None
    target: str
    port: int
    since: float

    @property
    def balancer(self) -> str:
        return f"(target-group {self.target_group})" if self.target_group else f"(elb {self.classic})"


@dataclass
class Task:
    arn: str
    id: str
    cluster: str
    definition_arn: str
    family: str
    revision: int
    network_mode: str
    containers: list[Container]
    need: Need
    launch_type: str | None
    created_at: float
    group: str
    last_status: str = "PENDING"
    desired_status: str = "RUNNING"
    since: float = 0.0
    version: int = 1
    instance: str | None = None
    capacity_provider: str | None = None
    platform_version: str | None = None
    platform_family: str | None = None
    service: str | None = None
    deployment: str | None = None
    started_by: str | None = None
    overrides: Document = field(default_factory=dict)
    cpu: str | None = None
    memory: str | None = None
    ephemeral_gib: int | None = None
    availability_zone: str | None = None
    tags: dict[str, str] = field(default_factory=dict)
    attributes: list[Document] = field(default_factory=list)
    network: Document | None = None
    placement_constraints: list[Document] = field(default_factory=list)
    interface: NetworkInterface | None = None
    attachment_id: str | None = None
    attachment_status: str = "PRECREATED"
    # EBS volumes: each with the ``name`` and ``managedEBSVolume`` of its configuration, then ``id``, ``status``.
    volumes: list[Document] = field(default_factory=list)
    # What DescribeTasks tells of Service Connect, an attachment a port.
    connections: list[Document] = field(default_factory=list)
    kms_key: str | None = None
    targets: list[Target] = field(default_factory=list)
    execute_command: bool = False
    protected_until: float | None = None
    # The stoppedReason that waits for it: a health check failed, and its replacement comes first.
    failing: str | None = None
    connectivity_at: float | None = None
    pull_started_at: float | None = None
    pull_stopped_at: float | None = None
    started_at: float | None = None
    stopping_at: float | None = None
    execution_stopped_at: float | None = None
    stopped_at: float | None = None
    stop_code: str | None = None
    stopped_reason: str | None = None

    @property
    def live(self) -> bool:
        return self.desired_status == "RUNNING" and self.last_status != "STOPPED"

    @property
    def health(self) -> str:
        checked = [c.health for c in self.containers if c.essential and c.definition.get("healthCheck")]
        if not checked:
            return "UNKNOWN"
        if "UNHEALTHY" in checked:
            return "UNHEALTHY"
        return "UNKNOWN" if "UNKNOWN" in checked else "HEALTHY"


@dataclass(frozen=True)
class Token:
    """An idempotency token as it was used: the request's digest and what it made."""

    digest: str
    results: tuple[str, ...]
    at: float


class Store:
    """The state of one account in one region.

    Args:
        account: twelve digits.
        region: as ``eu-west-1``.
        seed: of all identifiers and random choices; None draws one.
    """

    changes = 0
    """How often a task was made or moved: where it stands still, nothing was due."""

    def __init__(self, account: str, region: str, seed: int | None = None) -> None:
        self.account = account
        self.region = region
        self.random = random.Random(seed)
        self.clusters: dict[str, Cluster] = {}
        self.capacity_providers: dict[str, CapacityProvider] = {}
        self.definitions: dict[tuple[str, int], TaskDefinition] = {}
        self.revisions: dict[str, int] = {}
        self.latest: dict[str, int] = {}
        self.instances: dict[str, ContainerInstance] = {}
        self.services: dict[tuple[str, str], Service] = {}
        self.tasks: dict[str, Task] = {}
        self.account_settings: dict[tuple[str, str], str] = {}
        self.tokens: dict[tuple[str, str, str], Token] = {}
        self.instances_of_cluster: defaultdict[str, dict[str, None]] = defaultdict(dict)
        self.tasks_of_cluster: defaultdict[str, dict[str, None]] = defaultdict(dict)
        self.tasks_of_service: defaultdict[tuple[str, str], dict[str, None]] = defaultdict(dict)
        self.services_of_cluster: defaultdict[str, dict[str, None]] = defaultdict(dict)
        # The tasks of a group that have not stopped, by (cluster, group); how many tasks have a status and launch type.
        self.tasks_of_group: defaultdict[tuple[str, str], dict[str, None]] = defaultdict(dict)
        self.statuses_of_cluster: defaultdict[str, Counter[tuple[str, str]]] = defaultdict(Counter)
        self.instance_of_machine: dict[str, str] = {}
        # Tasks that the loop must look at, and stopped ones in the order in which they vanish.
        self.moving: dict[str, None] = {}
        self.stopped: dict[str, None] = {}
        self.touched_services: dict[tuple[str, str], None] = {}

    @property
    def partition(self) -> str:
        if self.region.startswith("cn-"):
            return "aws-cn"
        return "aws-us-gov" if self.region.startswith("us-gov-") else "aws"

    def arn(self, kind: str, *path: str) -> str:
        """An ARN of this account and region, as ``arn:aws:ecs:eu-west-1:123456789012:task/web/0a…``."""
        return f"arn:{self.partition}:ecs:{self.region}:{self.account}:{kind}/{'/'.join(path)}"

    def new_id(self) -> str:
        """32 hexadecimal digits."""
        return f"{self.random.getrandbits(128):032x}"

    def new_uuid(self) -> str:
        digits = self.new_id()
        return f"{digits[:8]}-{digits[8:12]}-{digits[12:16]}-{digits[16:20]}-{digits[20:]}"

    def new_number(self) -> str:
        """19 decimal digits, as deployments have them."""
        return str(self.random.randrange(10**18, 10**19))

    def new_deployment_id(self) -> str:
        """21 characters, as service deployments have them (the guide's example: ``NCWGC2ZR-taawPAYrIaU5``)."""
        return "".join(self.random.choices(_URL_SAFE, k=21))

    def add_instance(self, instance: ContainerInstance) -> None:
        self.instances[instance.arn] = instance
        self.instances_of_cluster[instance.cluster][instance.arn] = None
        self.instance_of_machine[instance.facts.ec2_instance_id] = instance.arn

    def remove_instance(self, instance: ContainerInstance) -> None:
        """Forget a container instance; its tasks must be off it already."""
        self.instances.pop(instance.arn, None)
        self.instances_of_cluster[instance.cluster].pop(instance.arn, None)
        if self.instance_of_machine.get(instance.facts.ec2_instance_id) == instance.arn:
            del self.instance_of_machine[instance.facts.ec2_instance_id]

    def add_task(self, task: Task) -> None:
        self.tasks[task.arn] = task
        self.changes += 1
        self.tasks_of_cluster[task.cluster][task.arn] = None
        self.tasks_of_group[task.cluster, task.group][task.arn] = None
        self.statuses_of_cluster[task.cluster][task.last_status, task.launch_type or ""] += 1
        self.moving[task.arn] = None
        if task.service:
            self.tasks_of_service[task.cluster, task.service][task.arn] = None

    def set_status(self, task: Task, status: str, now: float) -> None:
        """Move a task to its next ``lastStatus``, keep the indexes, wake its service."""
        statuses = self.statuses_of_cluster[task.cluster]
        statuses[task.last_status, task.launch_type or ""] -= 1
        statuses[status, task.launch_type or ""] += 1
        task.last_status = status
        task.since = now
        self.changes += 1
        task.version += 1
        if status == "STOPPED":
            self.stopped[task.arn] = None
            of_group = self.tasks_of_group[task.cluster, task.group]
            of_group.pop(task.arn, None)
            if not of_group:
                del self.tasks_of_group[task.cluster, task.group]
            self.moving.pop(task.arn, None)
            if task.service:
                self.tasks_of_service[task.cluster, task.service].pop(task.arn, None)
        elif status == "RUNNING" and task.desired_status == "RUNNING":
            self.moving.pop(task.arn, None)
        else:
            self.moving[task.arn] = None
        self.touch_service_of(task)

    def touch(self, service: Service) -> None:
        """Have the scheduler look at the service in the next step."""
        self.touched_services[service.key] = None

    def touch_service_of(self, task: Task) -> None:
        if task.service:
            self.touched_services[task.cluster, task.service] = None

    def touch_cluster(self, cluster: str) -> None:
        """Capacity of the cluster changed: every service may want another look."""
        for name in self.services_of_cluster[cluster]:
            self.touched_services[cluster, name] = None

    def forget_stopped(self, before: float) -> None:
        """Drop the tasks that stopped before this time (epoch seconds)."""
        for arn in list(self.stopped):
            task = self.tasks[arn]
            if task.stopped_at is not None and task.stopped_at > before:
                return
            del self.stopped[arn], self.tasks[arn]
            self.tasks_of_cluster[task.cluster].pop(arn, None)
            self.statuses_of_cluster[task.cluster][task.last_status, task.launch_type or ""] -= 1

    def group_tasks(self, cluster: str, group: str) -> list[Task]:
        """The tasks of a group that have not stopped, oldest first."""
        return [self.tasks[arn] for arn in self.tasks_of_group.get((cluster, group), ())]

    def service_tasks(self, service: Service) -> list[Task]:
        """The service's tasks that have not stopped, oldest first."""
        return [self.tasks[arn] for arn in self.tasks_of_service[service.key]]

    def cluster_tasks(self, cluster: str) -> Iterator[Task]:
        """All describable tasks of a cluster, stopped ones too, oldest first."""
        return (self.tasks[arn] for arn in self.tasks_of_cluster[cluster])

    def cluster_instances(self, cluster: str) -> list[ContainerInstance]:
        return [self.instances[arn] for arn in self.instances_of_cluster[cluster]]

    def cluster_services(self, cluster: str) -> list[Service]:
        return [self.services[cluster, name] for name in self.services_of_cluster[cluster]]
