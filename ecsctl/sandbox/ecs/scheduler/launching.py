"""Making a task: containers with their overrides merged in, its place, its first status."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from ecsctl.sandbox.ecs.region import Region
from ecsctl.sandbox.ecs.scheduler.resources import needed, reserve
from ecsctl.sandbox.ecs.store.store import Cluster, Container, ContainerInstance, Document, Task, TaskDefinition

FARGATE_PLATFORM = "1.4.0"


@dataclass(frozen=True)
class Launch:
    """Everything the tasks of one call, or of one deployment, have in common; the members' names are the API's."""

    cluster: str
    definition: TaskDefinition
    group: str
    overrides: Document = field(default_factory=dict)
    launch_type: str | None = "EC2"
    platform_version: str | None = None
    network: Document | None = None
    started_by: str | None = None
    tags: Mapping[str, str] = field(default_factory=dict)
    execute_command: bool = False
    service: str | None = None
    deployment: str | None = None
    constraints: Sequence[Document] = ()
    strategy: Sequence[Document] = ()
    volumes: Sequence[Document] = ()
    connect: Document | None = None

    @property
    def fargate(self) -> bool:
        return self.launch_type == "FARGATE"


def create_task(
    region: Region, launch: Launch, instance: ContainerInstance | None, capacity_provider: str | None = None
) -> Task:
    """Put a task into the store, its resources reserved where it has its instance already.

    A task that needs nothing before the agent may start it is PENDING at once; one that waits for an interface, for
    Fargate or for capacity is PROVISIONING.
    """
    store, definition = region.store, launch.definition
    task_id = store.new_id()
    arn = store.arn("task", launch.cluster, task_id)
    fargate = launch.fargate or capacity_provider in ("FARGATE", "FARGATE_SPOT")
    ready = instance is not None and definition.network_mode != "awsvpc" and not launch.volumes
    platform = definition.document.get("runtimePlatform") or {}
    task = Task(
        arn=arn,
        id=task_id,
        cluster=launch.cluster,
        definition_arn=definition.arn,
        family=definition.family,
        revision=definition.revision,
        network_mode=definition.network_mode,
        containers=_containers(region, launch, task_id),
        need=needed(definition, launch.overrides),
        launch_type="FARGATE" if fargate else launch.launch_type or "EC2",
        capacity_provider=capacity_provider,
        platform_version=_platform(launch.platform_version) if fargate else None,
        platform_family=platform_family(platform.get("operatingSystemFamily")) if fargate else None,
        created_at=region.now,
        since=region.now,
        last_status="PENDING" if ready else "PROVISIONING",
        group=launch.group,
        service=launch.service,
        deployment=launch.deployment,
        started_by=launch.started_by,
        overrides=_shown_overrides(launch),
        cpu=_size(launch, "cpu"),
        memory=_size(launch, "memory"),
        ephemeral_gib=_ephemeral(launch) if fargate else None,
        kms_key=ephemeral_key(store.clusters.get(launch.cluster)) if fargate else None,
        volumes=[{**volume, "id": None, "attachment": store.new_uuid()} for volume in launch.volumes],
        connections=[
            {"attachment": store.new_uuid(), **service} for service in (launch.connect or {}).get("services", ())
        ],
        tags=dict(launch.tags),
        attributes=[{"name": "ecs.cpu-architecture", "value": platform.get("cpuArchitecture", "x86_64").lower()}],
        network=launch.network,
        placement_constraints=list(launch.constraints),
        execute_command=launch.execute_command,
    )
    if definition.network_mode == "awsvpc":
        task.attachment_id = store.new_uuid()
    store.add_task(task)
    if instance is not None:
        settle(task, instance)
    return task


def zones_of(region: Region, network_mode: str, network: Document | None) -> frozenset[str] | None:
    """The zones that a task's subnets allow its instance; None where it has no subnets of its own."""
    subnets = (network or {}).get("awsvpcConfiguration", {}).get("subnets", ())
    if network_mode != "awsvpc" or not subnets:
        return None
    return frozenset(region.ec2.availability_zone(subnet) for subnet in subnets)


def settle(task: Task, instance: ContainerInstance) -> None:
    """Give a task its instance, and reserve there what it needs."""
    task.instance = instance.arn
    task.availability_zone = instance.facts.availability_zone
    reserve(instance, task)


def _containers(region: Region, launch: Launch, task_id: str) -> list[Container]:
    store = region.store
    overrides = {o["name"]: o for o in launch.overrides.get("containerOverrides", ()) if o.get("name")}
    return [
        Container(
            arn=store.arn("container", launch.cluster, task_id, store.new_uuid()),
            name=definition["name"],
            image=definition["image"],
            definition=_merged(definition, overrides.get(definition["name"])),
        )
        for definition in launch.definition.containers
    ]


def _merged(definition: Document, override: Document | None) -> Document:
    """The container definition with RunTask's override; environment variables merge by name, the rest replaces."""
    if not override:
        return definition
    merged = {**definition, **{k: v for k, v in override.items() if k not in ("name", "environment")}}
    if "environment" in override:
        environment = {pair["name"]: pair for pair in definition.get("environment", ())}
        environment |= {pair["name"]: pair for pair in override["environment"]}
        merged["environment"] = list(environment.values())
    return merged


def _shown_overrides(launch: Launch) -> Document:
    """``overrides`` as DescribeTasks answers them: every container is named."""
    given = {o.get("name"): o for o in launch.overrides.get("containerOverrides", ())}
    shown = {**launch.overrides}
    shown["containerOverrides"] = [given.get(c["name"], {"name": c["name"]}) for c in launch.definition.containers]
    shown.setdefault("inferenceAcceleratorOverrides", [])
    return shown


def _size(launch: Launch, member: str) -> str | None:
    own = launch.overrides.get(member) or launch.definition.document.get(member)
    if own:
        return str(own)
    need = needed(launch.definition, launch.overrides)
    return str(need.cpu if member == "cpu" else need.memory)


def ephemeral_key(cluster: Cluster | None) -> str | None:
    """The KMS key that a cluster's configuration gives the storage of its Fargate tasks."""
    storage = ((cluster.configuration if cluster else None) or {}).get("managedStorageConfiguration") or {}
    return storage.get("fargateEphemeralStorageKmsKeyId")


def _ephemeral(launch: Launch) -> int:
    asked = launch.overrides.get("ephemeralStorage") or launch.definition.document.get("ephemeralStorage") or {}
    return int(asked.get("sizeInGiB", 20))


def _platform(version: str | None) -> str:
    return FARGATE_PLATFORM if version in (None, "LATEST") else str(version)


def platform_family(system: str | None) -> str:
    """``platformFamily`` as ECS answers it, of an ``operatingSystemFamily``."""
    return "Linux" if system in (None, "LINUX") else str(system).replace("_", " ").title().replace(" ", "_")
