"""Starting and stopping a service's tasks: where they go, which ones go first, and what the events say of it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from ecsctl.sandbox.ecs.region import Region
from ecsctl.sandbox.ecs.scheduler import service_events
from ecsctl.sandbox.ecs.scheduler.capacity_strategy import launch_type_of, next_provider
from ecsctl.sandbox.ecs.scheduler.launching import Launch, create_task, zones_of
from ecsctl.sandbox.ecs.scheduler.lifecycle import begin_stop, host_of
from ecsctl.sandbox.ecs.scheduler.placement import Placer, Unfit
from ecsctl.sandbox.ecs.scheduler.resources import needed
from ecsctl.sandbox.ecs.store.store import Deployment, Service, Task, TaskDefinition

BATCH = 200
"""The most tasks one service starts in one step, so that a step stays short."""

_SEE = "For more information, see the Troubleshooting section of the Amazon ECS Developer Guide."
_CLOSEST = {
    "RESOURCE:CPU": "has insufficient CPU units available",
    "RESOURCE:MEMORY": "has insufficient memory available",
    "RESOURCE:PORTS": "is already using a port required by your task",
    "RESOURCE:GPU": "has insufficient GPU resource available",
    "RESOURCE:ENI": 'encountered error "RESOURCE:ENI"',
    "AGENT": 'encountered error "AGENT"',
    "ATTRIBUTE": "is missing an attribute required by your task",
}


def definition_of(region: Region, deployment: Deployment) -> TaskDefinition:
    """The task definition that a deployment runs; the store keeps it as long as the deployment is there."""
    family, _, revision = deployment.task_definition.rsplit("/", 1)[-1].partition(":")
    return region.store.definitions[family, int(revision)]


def launch_of(region: Region, service: Service, deployment: Deployment) -> Launch:
    """What the tasks of a deployment have in common."""
    definition = definition_of(region, deployment)
    settings = deployment.settings
    tags: dict[str, str] = {}
    if settings.get("propagateTags") == "SERVICE":
        tags |= service.tags
    elif settings.get("propagateTags") == "TASK_DEFINITION":
        tags |= definition.tags
    if settings.get("enableECSManagedTags"):
        tags |= {"aws:ecs:clusterName": service.cluster, "aws:ecs:serviceName": service.name}
    return Launch(
        cluster=service.cluster,
        definition=definition,
        group=f"service:{service.name}",
        launch_type=launch_type_of(region.store, settings),
        platform_version=settings.get("platformVersion"),
        network=settings.get("networkConfiguration"),
        started_by=deployment.id,
        tags=tags,
        execute_command=bool(settings.get("enableExecuteCommand")),
        service=service.name,
        deployment=deployment.id,
        constraints=service.settings.get("placementConstraints", ()),
        strategy=service.settings.get("placementStrategy", ()),
        volumes=settings.get("volumeConfigurations", ()),
        connect=connect if (connect := settings.get("serviceConnectConfiguration") or {}).get("enabled") else None,
    )


def start(region: Region, service: Service, deployment: Deployment, count: int, live: Sequence[Task]) -> int:
    """Start up to ``count`` tasks of a deployment; those without a place are complained of.

    Args:
        live: the service's tasks now, for the shares of its capacity providers.
    Returns:
        how many were started.
    """
    launch = launch_of(region, service, deployment)
    strategy = deployment.settings.get("capacityProviderStrategy")
    count = min(count, BATCH)
    made: list[Task] = []
    if launch.fargate or strategy:
        used = Counter(task.capacity_provider or "" for task in live if task.deployment == deployment.id)
        for _ in range(count):
            provider = next_provider(strategy, used) if strategy else None
            used[provider or ""] += 1
            made.append(create_task(region, launch, None, provider))
    else:
        placer = placer_of(region, launch)
        while len(made) < count and (instance := placer.choose()) is not None:
            made.append(create_task(region, launch, instance))
        if len(made) < count:
            service_events.complain(region, service, unplaced(service, placer.problems()))
        else:
            service_events.relieved(service, "was unable to place a task")
    _tell(region, service, "has started {} tasks", made)
    return len(made)


def start_on(region: Region, service: Service, deployment: Deployment, instances: Sequence[str]) -> int:
    """Start one task of a daemon service on each of these instances, as far as they have room."""
    launch = launch_of(region, service, deployment)
    made: list[Task] = []
    problems: list[Unfit] = []
    for arn in instances[:BATCH]:
        placer = placer_of(region, launch, only=[arn])
        instance = placer.choose()
        if instance is None:
            problems += placer.problems()
        else:
            made.append(create_task(region, launch, instance))
    if problems:
        service_events.complain(region, service, unplaced(service, problems))
    _tell(region, service, "has started {} tasks", made)
    return len(made)


def eligible(region: Region, service: Service, deployment: Deployment) -> list[str]:
    """The instances on which a daemon service wants its task: ACTIVE, and of its constraints and attributes."""
    launch = launch_of(region, service, deployment)
    placer = placer_of(region, launch)
    asleep = [refusal.instance for refusal in placer.refusals if refusal.reason == "AGENT"]
    return [instance.arn for instance in (*placer.candidates, *asleep)]


def placer_of(
    region: Region, launch: Launch, only: Sequence[str] | None = None, capacity_provider: str | None = None
) -> Placer:
    """A placer for the tasks of a launch, on these instances (their ARNs) alone where they are given."""
    return Placer(
        region.store,
        launch.cluster,
        launch.definition,
        needed(launch.definition, launch.overrides),
        group=launch.group,
        constraints=launch.constraints,
        strategy=launch.strategy,
        capacity_provider=capacity_provider,
        only=only,
        zones=zones_of(region, launch.definition.network_mode, launch.network),
        now=region.now,
    )


def unplaced(service: Service, problems: Sequence[Unfit]) -> str:
    """ECS's sentence for a task without a place."""
    start = (
        f"(service {service.name}) was unable to place a task because no container instance met all of its "
        "requirements."
    )
    if not problems:
        return f"{start} Reason: No Container Instances were found in your cluster. {_SEE}"
    closest = problems[0]
    why = _CLOSEST.get(closest.reason, f'encountered error "{closest.reason}"')
    return f"{start} The closest matching (container-instance {closest.instance.id}) {why}. {_SEE}"


def stop(region: Region, service: Service, tasks: Sequence[Task], reason: str) -> None:
    """Stop tasks for a reason of the scheduler's own."""
    for task in tasks:
        begin_stop(region, task, "ServiceSchedulerInitiated", reason)
    _tell(region, service, "has stopped {} running tasks", tasks)


def protected(task: Task, now: float) -> bool:
    """Whether task scale-in protection holds for the task (``now``: epoch seconds)."""
    return task.protected_until is not None and task.protected_until > now


def first_to_go(region: Region, tasks: Sequence[Task], count: int) -> list[Task]:
    """The tasks that a scale-in stops: not running, fullest zone, fullest instance, newest."""
    zones = Counter(task.availability_zone for task in tasks)
    hosts = Counter(task.instance for task in tasks)
    left = [task for task in tasks if not protected(task, region.now)]
    chosen: list[Task] = []
    order = {task.arn: n for n, task in enumerate(tasks)}
    while left and len(chosen) < count:
        gone = max(
            left,
            key=lambda t: (
                t.last_status != "RUNNING",
                t.health == "UNHEALTHY",
                zones[t.availability_zone],
                hosts[t.instance],
                order[t.arn],
            ),
        )
        zones[gone.availability_zone] -= 1
        hosts[gone.instance] -= 1
        left.remove(gone)
        chosen.append(gone)
    return chosen


def on_leaving_host(region: Region, task: Task) -> bool:
    """Whether the task's instance is DRAINING."""
    host = host_of(region, task)
    return host is not None and host.status == "DRAINING"


def _tell(region: Region, service: Service, what: str, tasks: Sequence[Task]) -> None:
    """One event for up to ten tasks, as ECS writes them."""
    for start_at in range(0, len(tasks), 10):
        some = tasks[start_at : start_at + 10]
        names = " ".join(f"(task {task.id})" for task in some)
        service_events.write(region, service, f"(service {service.name}) {what.format(len(some))}: {names}.")
