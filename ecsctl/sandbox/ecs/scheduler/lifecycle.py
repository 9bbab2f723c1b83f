"""The life of a task, from PROVISIONING to STOPPED.

PROVISIONING → PENDING → ACTIVATING → RUNNING → DEACTIVATING → STOPPING → DEPROVISIONING → STOPPED.
Every step of the engine moves a task by one status at most, so that each status can be seen.
"""

from __future__ import annotations

import logging
import zlib
from collections import Counter
from collections.abc import Callable, Iterator, Sequence

from ecsctl.sandbox.ecs.region import Region
from ecsctl.sandbox.ecs.scheduler import targets
from ecsctl.sandbox.ecs.scheduler.launching import settle, zones_of
from ecsctl.sandbox.ecs.scheduler.placement import Placer
from ecsctl.sandbox.ecs.scheduler.resources import bindings, release
from ecsctl.sandbox.ecs.store.store import Container, ContainerInstance, Task
from ecsctl.sandbox.interfaces import ContainerEvent, ContainerRequest

log = logging.getLogger(__name__)

DEFAULT_STOP_TIMEOUT = 30.0
RESTART_PERIOD = 60.0
WAIT_FOR_SCALING = 900.0
WAIT_WITHOUT_SCALING = 30.0
NOT_STARTED = "Task failed to start"


def begin_stop(region: Region, task: Task, code: str, reason: str) -> None:
    """Want the task STOPPED; does nothing where that is wanted already. The loop does the rest."""
    if task.desired_status == "STOPPED":
        return
    task.desired_status = "STOPPED"
    task.stop_code = code
    task.stopped_reason = reason
    task.stopping_at = region.now
    task.version += 1
    region.store.moving[task.arn] = None
    region.store.touch_service_of(task)


def advance(region: Region, task: Task) -> None:
    """Move the task to its next status if it is ready for it."""
    if task.desired_status == "STOPPED" and task.last_status in ("PROVISIONING", "PENDING", "ACTIVATING", "RUNNING"):
        _deactivate(region, task)
        return
    _STEPS[task.last_status](region, task)


def _move(region: Region, task: Task, status: str) -> None:
    region.store.set_status(task, status, region.now)


def host_of(region: Region, task: Task) -> ContainerInstance | None:
    """The container instance of the task; None for Fargate, for a task not placed yet, and after its host has gone."""
    return region.store.instances.get(task.instance) if task.instance else None


def _provision(region: Region, task: Task) -> None:
    if task.launch_type != "FARGATE" and task.instance is None and not _find_room(region, task):
        return
    if task.network_mode == "awsvpc" and task.interface is None:
        network = (task.network or {}).get("awsvpcConfiguration") or {}
        host = host_of(region, task)
        subnets = [
            subnet
            for subnet in network.get("subnets", ())
            if host is None or region.ec2.availability_zone(subnet) == host.facts.availability_zone
        ]
        if host is None:
            subnets = _spread(region, task, subnets)
        try:
            task.interface = region.ec2.create_interface(
                subnets or network.get("subnets", ()),
                network.get("securityGroups", ()),
                public=network.get("assignPublicIp") == "ENABLED",
                task_arn=task.arn,
            )
        except Exception as error:
            log.warning("no network interface for %s: %s", task.arn, error)
            begin_stop(
                region,
                task,
                "TaskFailedToStart",
                f"Unexpected EC2 error while attempting to Create Network Interface: {error}",
            )
            return
        task.attachment_status = "ATTACHED"
        task.availability_zone = region.ec2.availability_zone(task.interface.subnet_id)
    if _make_volumes(region, task):
        _move(region, task, "PENDING")


def _make_volumes(region: Region, task: Task) -> bool:
    """Make the EBS volumes of a task where it will run; False where EC2 refuses one, and the task ends."""
    for volume in task.volumes:
        if volume["id"] is None:
            try:
                zone = task.availability_zone or f"{region.store.region}a"
                volume["id"] = region.ec2.create_volume(zone, volume["managedEBSVolume"], task.arn)
            except Exception as error:
                log.warning("no volume for %s: %s", task.arn, error)
                begin_stop(region, task, "TaskFailedToStart", f"ResourceInitializationError: volume: {error}")
                return False
    return True


def _spread(region: Region, task: Task, subnets: Sequence[str]) -> list[str]:
    """The subnets of a Fargate task, those first whose zone has the fewest of its service: Fargate spreads them."""
    if not task.service:
        return list(subnets)
    siblings = (region.store.tasks[arn] for arn in region.store.tasks_of_service[task.cluster, task.service])
    zones = Counter(other.availability_zone for other in siblings if other.desired_status == "RUNNING")
    return sorted(subnets, key=lambda subnet: zones[region.ec2.availability_zone(subnet)])


def _find_room(region: Region, task: Task) -> bool:
    """Place a task that waits for capacity of its provider; after a while it fails instead."""
    store = region.store
    definition = store.definitions.get((task.family, task.revision))
    if definition is None:
        begin_stop(region, task, "TaskFailedToStart", "TaskFailedToStart: the task definition was deleted")
        return False
    placer = Placer(
        store,
        task.cluster,
        definition,
        task.need,
        group=task.group,
        constraints=task.placement_constraints,
        capacity_provider=task.capacity_provider,
        zones=zones_of(region, task.network_mode, task.network),
        now=region.now,
    )
    instance = placer.choose()
    if instance is not None:
        settle(task, instance)
        return True
    provider = store.capacity_providers.get(task.capacity_provider or "")
    scaling = ((provider.auto_scaling_group if provider else None) or {}).get("managedScaling") or {}
    scales = scaling.get("status") == "ENABLED" or (provider is not None and provider.managed_instances is not None)
    patience = WAIT_FOR_SCALING if scales else WAIT_WITHOUT_SCALING
    if region.now - task.created_at >= patience:
        problems = placer.problems()
        reason = problems[0].reason if problems else "EMPTY CAPACITY PROVIDER"
        begin_stop(region, task, "TaskFailedToStart", f"TaskFailedToStart: {reason}")
    return False


def _start(region: Region, task: Task) -> None:
    """PENDING: start every container whose dependencies allow it; go on once all have started."""
    host = host_of(region, task)
    if task.launch_type != "FARGATE" and (host is None or not host.agent_connected):
        return
    by_name = {container.name: container for container in task.containers}
    for container in task.containers:
        if container.launched or container.last_status == "STOPPED":
            continue
        ready = _dependencies(container, by_name)
        if ready is None:
            _dependency_failed(region, task, container)
        elif ready:
            _launch(region, task, container, host)
    if task.desired_status == "RUNNING" and all(c.last_status in ("RUNNING", "STOPPED") for c in task.containers):
        task.pull_stopped_at = task.pull_stopped_at or region.now
        _move(region, task, "ACTIVATING")


def _dependencies(container: Container, by_name: dict[str, Container]) -> bool | None:
    """True where the container may start, False where it waits, None where it never will."""
    ready = True
    for name, condition in _conditions(container):
        other = by_name.get(name)
        if other is None:
            return None
        stopped, running = other.last_status == "STOPPED", other.last_status == "RUNNING"
        if condition == "START":
            met, never = running or (stopped and other.started_at is not None), stopped and other.started_at is None
        elif condition == "COMPLETE":
            met, never = stopped and other.started_at is not None, stopped and other.started_at is None
        elif condition == "SUCCESS":
            met, never = stopped and other.exit_code == 0, stopped and other.exit_code != 0
        else:
            met, never = running and other.health == "HEALTHY", stopped
        if never:
            return None
        ready = ready and met
    return ready


def _conditions(container: Container) -> Iterator[tuple[str, str]]:
    """The containers that come first, and how far they must be: a link and borrowed volumes need what has started."""
    definition = container.definition
    yield from ((item["containerName"], item["condition"]) for item in definition.get("dependsOn", ()))
    yield from ((link.partition(":")[0], "START") for link in definition.get("links", ()))
    yield from ((item["sourceContainer"], "START") for item in definition.get("volumesFrom", ()))


def _dependency_failed(region: Region, task: Task, container: Container) -> None:
    container.last_status = "STOPPED"
    container.reason = f"TaskDependencyError: a dependency of container {container.name} did not reach its condition"
    if container.essential:
        begin_stop(region, task, "TaskFailedToStart", NOT_STARTED)


def _launch(region: Region, task: Task, container: Container, host: ContainerInstance | None) -> None:
    if not container.bindings:
        try:
            container.bindings = bindings(container.definition, task.network_mode, host, task.arn)
        except OverflowError as error:
            container.last_status = "STOPPED"
            container.reason = f"CannotStartContainerError: {error}"
            begin_stop(region, task, "TaskFailedToStart", NOT_STARTED)
            return
    container.launched = True
    container.stop_asked = False
    task.pull_started_at = task.pull_started_at or region.now
    region.runtime.launch(request_of(region, task, container))


def request_of(region: Region, task: Task, container: Container) -> ContainerRequest:
    """What the runtime must know to run the container (or to take it over again)."""
    host = host_of(region, task)
    definition = container.definition
    machine = host.facts.ec2_instance_id if host else None
    if task.interface is not None:
        address = region.ec2.address(task.interface.id)
    else:
        address = region.ec2.address(machine) if machine else ""
    environment = {pair["name"]: pair.get("value", "") for pair in definition.get("environment", ())}
    environment |= {
        "AWS_EXECUTION_ENV": f"AWS_ECS_{task.launch_type or 'EC2'}",
        "ECS_CONTAINER_METADATA_URI_V4": f"http://169.254.170.2/v4/{container.arn.rsplit('/', 1)[-1]}",
    }
    known = region.store.definitions.get((task.family, task.revision))
    return ContainerRequest(
        task_arn=task.arn,
        cluster=task.cluster,
        family=task.family,
        revision=task.revision,
        name=container.name,
        image=container.image,
        definition=definition,
        environment=environment,
        ports=tuple(container.bindings),
        network_mode=task.network_mode,
        address=address,
        instance_id=machine,
        volumes=tuple(known.document.get("volumes", ())) if known else (),
        memory_mib=definition.get("memory") or (int(task.memory) if task.memory else None),
        task_ports=tuple(b for c in task.containers for b in c.bindings or bindings(c.definition, "awsvpc", None, ""))
        if task.network_mode == "awsvpc"
        else tuple(container.bindings),
        service=task.service,
    )


def _activate(region: Region, task: Task) -> None:
    task.started_at = region.now
    task.connectivity_at = region.now
    _move(region, task, "RUNNING")
    targets.register(region, task, host_of(region, task))


def _rest(region: Region, task: Task) -> None:
    region.store.moving.pop(task.arn, None)


def _deactivate(region: Region, task: Task) -> None:
    targets.deregister(region, task)
    _move(region, task, "DEACTIVATING")


def _stop_containers(region: Region, task: Task) -> None:
    """DEACTIVATING: wait for the balancers to let go, then stop what runs."""
    host = host_of(region, task)
    if not targets.drained(region, task) or (host is not None and not host.agent_connected):
        return
    for container in task.containers:
        if not container.launched:
            container.last_status = "STOPPED"
        _ask_stop(region, task, container)
    _move(region, task, "STOPPING")


def _ask_stop(region: Region, task: Task, container: Container) -> None:
    if container.launched and container.last_status != "STOPPED" and not container.stop_asked:
        grace = container.definition.get("stopTimeout")
        container.stop_asked = True
        region.runtime.stop(task.arn, container.name, DEFAULT_STOP_TIMEOUT if grace is None else float(grace))


def _wait_stopped(region: Region, task: Task) -> None:
    if all(container.last_status == "STOPPED" for container in task.containers):
        task.execution_stopped_at = region.now
        _move(region, task, "DEPROVISIONING")


def _finish(region: Region, task: Task) -> None:
    _let_go(region, task)
    region.runtime.release(task.arn)
    task.stopped_at = region.now
    _move(region, task, "STOPPED")


def _let_go(region: Region, task: Task) -> None:
    if task.interface is not None and task.attachment_status != "DELETED":
        region.ec2.delete_interface(task.interface.id)
        task.attachment_status = "DELETED"
    for volume in task.volumes:
        policy = volume["managedEBSVolume"].get("terminationPolicy") or {}
        # A service's volumes always go with their tasks; a task that was run may keep its own.
        if volume["id"] is not None and (task.service or policy.get("deleteOnTermination", True)):
            region.ec2.delete_volume(volume["id"])
    host = host_of(region, task)
    if host is not None:
        release(host, task)
        region.store.touch_cluster(task.cluster)


def kill(region: Region, task: Task, code: str, reason: str) -> None:
    """STOPPED at once, without the agent's help: its host has gone or was deregistered by force."""
    begin_stop(region, task, code, reason)
    targets.deregister(region, task)
    for container in task.containers:
        if container.launched and container.last_status != "STOPPED":
            region.runtime.stop(task.arn, container.name, 0.0)
        container.last_status = "STOPPED"
    task.targets.clear()
    task.execution_stopped_at = region.now
    _finish(region, task)


_STEPS: dict[str, Callable[[Region, Task], None]] = {
    "PROVISIONING": _provision,
    "PENDING": _start,
    "ACTIVATING": _activate,
    "RUNNING": _rest,
    "DEACTIVATING": _stop_containers,
    "STOPPING": _wait_stopped,
    "DEPROVISIONING": _finish,
}


def receive(region: Region, event: ContainerEvent) -> None:
    """News of a container. While the agent of its instance is disconnected nobody hears it: it is kept for later."""
    task = region.store.tasks.get(event.task_arn)
    if task is None or task.last_status == "STOPPED":
        if event.kind == "started":
            region.runtime.stop(event.task_arn, event.name, 0.0)
        return
    host = host_of(region, task)
    if host is not None and not host.agent_connected:
        host.unreported.append(event)
        return
    container = next((c for c in task.containers if c.name == event.name), None)
    if container is None:
        return
    task.version += 1
    if event.kind == "started":
        _started(region, task, container, event)
    elif event.kind == "health":
        container.health = event.health or "UNKNOWN"
        region.store.touch_service_of(task)
    elif container.last_status != "STOPPED":
        _ended(region, task, container, event)


def _started(region: Region, task: Task, container: Container, event: ContainerEvent) -> None:
    container.last_status = "RUNNING"
    container.runtime_id = event.runtime_id
    if task.launch_type == "FARGATE" and event.runtime_id:
        # Fargate shows no id of Docker's, but the task's and a number.
        container.runtime_id = f"{task.id}-{zlib.crc32(event.runtime_id.encode()):010d}"
    container.image_digest = event.image_digest
    container.started_at = region.now
    if container.stop_asked:
        container.stop_asked = False
        _ask_stop(region, task, container)


def _ended(region: Region, task: Task, container: Container, event: ContainerEvent) -> None:
    container.exit_code = event.exit_code
    container.reason = event.reason
    if event.kind == "exited" and _restarts(region, task, container):
        container.last_status = "PENDING"
        container.launched = False
        _launch(region, task, container, host_of(region, task))
        return
    container.last_status = "STOPPED"
    if not container.essential or task.desired_status == "STOPPED":
        return
    if event.kind == "failed":
        begin_stop(region, task, "TaskFailedToStart", NOT_STARTED)
    else:
        begin_stop(region, task, "EssentialContainerExited", "Essential container in task exited")


def _restarts(region: Region, task: Task, container: Container) -> bool:
    """Whether the container's own restart policy starts it again."""
    policy = container.definition.get("restartPolicy") or {}
    if not policy.get("enabled") or task.desired_status == "STOPPED":
        return False
    if container.exit_code in policy.get("ignoredExitCodes", ()):
        return False
    ran = region.now - (container.started_at or region.now)
    return ran >= float(policy.get("restartAttemptPeriod", RESTART_PERIOD))
