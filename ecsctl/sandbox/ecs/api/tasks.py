"""Tasks: run, start, stop, describe, list."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Iterator

from ecsctl.refusals import Violation, state
from ecsctl.refusals import service as service_facts
from ecsctl.refusals.ebs_volumes import check_volumes
from ecsctl.refusals.launch_types import task_size
from ecsctl.refusals.limits import MAX_OVERRIDES
from ecsctl.refusals.placement import check_placement
from ecsctl.refusals.service import check_compatible, check_network, check_platform, check_strategy
from ecsctl.refusals.service_context import Context
from ecsctl.sandbox.ecs.api.capacity_providers import checked_strategy
from ecsctl.sandbox.ecs.api.paging import listing, page
from ecsctl.sandbox.ecs.api.references import (
    bounded,
    described,
    find_cluster,
    instance_of,
    missing,
    runnable_definition,
    service_of,
    task_of,
)
from ecsctl.sandbox.ecs.api.service_rules import check_network_exists
from ecsctl.sandbox.ecs.api.tags import checked_tags
from ecsctl.sandbox.ecs.api.task_view import task_view
from ecsctl.sandbox.ecs.errors import EcsApiError, invalid, refuse_first, refused
from ecsctl.sandbox.ecs.region import Region, Request, Response, operation
from ecsctl.sandbox.ecs.scheduler.capacity_strategy import next_provider, provider_kind
from ecsctl.sandbox.ecs.scheduler.launching import Launch, create_task, zones_of
from ecsctl.sandbox.ecs.scheduler.lifecycle import begin_stop
from ecsctl.sandbox.ecs.scheduler.placement import Placer
from ecsctl.sandbox.ecs.scheduler.resources import needed, shortage
from ecsctl.sandbox.ecs.store.store import Cluster, ContainerInstance, Document, Task, TaskDefinition, Token

MAX_COUNT = 10
TOKEN_SECONDS = 24 * 3600.0


@operation("RunTask")
def run_task(region: Region, request: Request) -> Response:
    """RunTask: places up to 10 tasks; those without a place are ``failures`` under HTTP 200."""
    cluster = find_cluster(region, request)
    definition = runnable_definition(region, request["taskDefinition"])
    count = request.get("count", 1)
    if not 1 <= count <= MAX_COUNT:
        raise invalid("Count should be between 1 and 10.")
    strategy = checked_strategy(request.get("capacityProviderStrategy", ()), cluster.capacity_providers)
    refuse_first(check_strategy(request))
    if not strategy and not request.get("launchType"):
        strategy = cluster.default_strategy
    launch_type = _launch_type(region, request, strategy)
    refuse_first(_violations(request, definition, launch_type))
    launch = _launch(region, request, cluster, definition, launch_type)

    token, digest = request.get("clientToken"), _digest(request)
    if token:
        if len(token) > 64:
            raise invalid("clientToken can have at most 64 characters.")
        known = _known_token(region, cluster, token, digest)
        if known is not None:
            return {"tasks": [task_view(region.store, task, tagged=True) for task in known], "failures": []}

    made, failures = _place(region, cluster, launch, count, strategy)
    if token:
        key = ("RunTask", cluster.name, token)
        region.store.tokens[key] = Token(digest, tuple(task.arn for task in made), region.now)
    return {"tasks": [task_view(region.store, task, tagged=True) for task in made], "failures": failures}


def _launch_type(region: Region, request: Request, strategy: list[Document]) -> str:
    if strategy:
        return provider_kind(region.store, strategy[0]["capacityProvider"])
    return str(request.get("launchType", "EC2"))


def _violations(request: Request, definition: TaskDefinition, launch_type: str) -> Iterator[Violation]:
    """What RunTask and StartTask refuse of a request and its task definition."""
    context = Context(mode=definition.network_mode, family=definition.family, launch_type=launch_type)
    if request.get("launchType") == "MANAGED_INSTANCES":
        yield service_facts.MANAGED_LAUNCH.at(("launchType",))
    yield from check_compatible(request, definition.document, launch_type)
    yield from check_network(request, definition.document, context, launch_type)
    yield from check_platform(request, launch_type)
    yield from check_placement(request, len(definition.document.get("placementConstraints", ())))
    yield from check_volumes(request, definition.document, launch_type)
    yield from _override_violations(request.get("overrides", {}), definition)


def _override_violations(overrides: Document, definition: TaskDefinition) -> Iterator[Violation]:
    if len(json.dumps(overrides, separators=(",", ":"))) > MAX_OVERRIDES:
        yield state.OVERRIDES_LENGTH.at(("overrides",), most=MAX_OVERRIDES)
    names = {container["name"] for container in definition.containers}
    for override in overrides.get("containerOverrides", ()):
        if override.get("name") and override["name"] not in names:
            yield state.OVERRIDE_CONTAINER.at(("overrides",), name=override["name"])


def _check_overrides(overrides: Document) -> None:
    for override in overrides.get("containerOverrides", ()):
        if override and not override.get("name"):
            raise invalid("Container override name can not be blank.")
    for member in ("cpu", "memory"):
        if overrides.get(member) and not task_size(overrides[member]):
            raise invalid(f"Invalid '{member}' setting in the task overrides.")


def _launch(region: Region, request: Request, cluster: Cluster, definition: TaskDefinition, launch_type: str) -> Launch:
    """The common part of RunTask's and StartTask's tasks, checked."""
    overrides = request.get("overrides", {})
    _check_overrides(overrides)
    check_network_exists(region, request.get("networkConfiguration"))
    if len(request.get("startedBy", "")) > 128:
        raise invalid("startedBy can have at most 128 characters.")
    if request.get("group", "").startswith("service:"):
        raise invalid("Group name must not start with service:.")
    role = overrides.get("taskRoleArn") or definition.document.get("taskRoleArn")
    if request.get("enableExecuteCommand") and not role:
        raise refused(state.RUN_EXEC_ROLE)
    tags = checked_tags(request.get("tags"))
    if request.get("propagateTags") == "TASK_DEFINITION":
        tags = definition.tags | tags
    elif request.get("propagateTags") == "SERVICE":
        raise invalid("PropagateTags cannot be SERVICE when a task is not part of a service.")
    if request.get("enableECSManagedTags"):
        tags["aws:ecs:clusterName"] = cluster.name
    return Launch(
        cluster=cluster.name,
        definition=definition,
        group=request.get("group") or f"family:{definition.family}",
        overrides=overrides,
        launch_type=launch_type,
        platform_version=request.get("platformVersion"),
        network=request.get("networkConfiguration"),
        started_by=request.get("startedBy"),
        tags=tags,
        execute_command=bool(request.get("enableExecuteCommand")),
        constraints=request.get("placementConstraints", ()),
        strategy=request.get("placementStrategy", ()),
        volumes=request.get("volumeConfigurations", ()),
    )


def _place(
    region: Region, cluster: Cluster, launch: Launch, count: int, strategy: list[Document]
) -> tuple[list[Task], list[Document]]:
    """Make the tasks. Only a launch type EC2 must find room now; all else waits in PROVISIONING."""
    made: list[Task] = []
    if launch.fargate or strategy:
        used: Counter[str] = Counter()
        for _ in range(count):
            provider = next_provider(strategy, used) if strategy else None
            if provider:
                used[provider] += 1
            made.append(create_task(region, launch, None, provider))
        return made, []
    if not any(i.status == "ACTIVE" for i in region.store.cluster_instances(cluster.name)):
        raise refused(state.NO_INSTANCES)
    placer = Placer(
        region.store,
        cluster.name,
        launch.definition,
        needed(launch.definition, launch.overrides),
        group=launch.group,
        constraints=launch.constraints,
        strategy=launch.strategy,
        zones=zones_of(region, launch.definition.network_mode, launch.network),
        now=region.now,
    )
    failures: list[Document] = []
    for _ in range(count):
        instance = placer.choose()
        if instance is None:
            failures = [{"arn": r.instance.arn, "reason": r.reason} for r in placer.problems()]
            break
        made.append(create_task(region, launch, instance))
    return made, failures


def _digest(request: Request) -> str:
    relevant = {key: value for key, value in request.items() if key != "clientToken"}
    return hashlib.sha256(json.dumps(relevant, sort_keys=True).encode()).hexdigest()


def _known_token(region: Region, cluster: Cluster, token: str, digest: str) -> list[Task] | None:
    """The tasks an earlier call with this token made; None where there was none.

    Raises:
        EcsApiError: ``ConflictException`` where that call had other parameters.
    """
    store = region.store
    known = store.tokens.get(("RunTask", cluster.name, token))
    if known is None or region.now - known.at > TOKEN_SECONDS:
        return None
    if known.digest != digest:
        raise EcsApiError(
            "ConflictException",
            "The RunTask request could not be processed due to conflicts. The provided clientToken is already in use "
            "with a different RunTask request.",
        )
    return [store.tasks[arn] for arn in known.results if arn in store.tasks]


@operation("StartTask")
def start_task(region: Region, request: Request) -> Response:
    """StartTask: one task on each of up to 10 named container instances."""
    cluster = find_cluster(region, request)
    definition = runnable_definition(region, request["taskDefinition"])
    references = bounded(request["containerInstances"], 10, "container instances")
    refuse_first(_violations(request, definition, "EC2"))
    launch = _launch(region, request, cluster, definition, "EC2")
    need = needed(definition, launch.overrides)
    made: list[Task] = []
    failures: list[Document] = []
    for reference in references:
        instance = instance_of(region, cluster.name, reference)
        if instance is None:
            failures.append(missing(region, "container-instance", cluster.name, reference))
            continue
        reason = _refused(instance, definition) or shortage(instance, need)
        if reason:
            named = reason if reason in ("INACTIVE", "AGENT", "ATTRIBUTE") else f"RESOURCE:{reason}"
            failures.append({"arn": instance.arn, "reason": named})
        else:
            made.append(create_task(region, launch, instance))
    return {"tasks": [task_view(region.store, task, tagged=True) for task in made], "failures": failures}


def _refused(instance: ContainerInstance, definition: TaskDefinition) -> str | None:
    if instance.status == "INACTIVE":
        return "INACTIVE"
    if not instance.agent_connected:
        return "AGENT"
    for attribute in definition.document.get("requiresAttributes", ()):
        name = attribute["name"]
        if name not in instance.attributes or attribute.get("value") not in (None, instance.attributes[name]):
            return "ATTRIBUTE"
    return None


@operation("StopTask")
def stop_task(region: Region, request: Request) -> Response:
    """StopTask: the task is wanted STOPPED from now on; stopping a stopped one changes nothing."""
    cluster = find_cluster(region, request)
    task = task_of(region, cluster.name, request["task"])
    if task is None:
        raise invalid("The referenced task was not found.")
    if task.last_status != "STOPPED":
        begin_stop(region, task, "UserInitiated", request.get("reason") or "Task stopped by user")
    return {"task": task_view(region.store, task, tagged=True)}


@operation("DescribeTasks")
def describe_tasks(region: Region, request: Request) -> Response:
    """DescribeTasks: at most 100 of one cluster; stopped ones for an hour."""
    cluster = find_cluster(region, request).name
    tagged = "TAGS" in request.get("include", ())

    def view(task: Task) -> Document:
        return task_view(region.store, task, tagged=tagged)

    found, failures = described(region, "task", cluster, bounded(request["tasks"], 100, "tasks"), task_of, view)
    return {"tasks": found, "failures": failures}


@operation("ListTasks")
def list_tasks(region: Region, request: Request) -> Response:
    """ListTasks: by desired status (RUNNING by default), family, instance, service, launch type; or startedBy."""
    cluster = find_cluster(region, request).name
    filters = ("containerInstance", "family", "serviceName", "launchType", "daemonName")
    if "startedBy" in request and any(name in request for name in filters):
        raise invalid("When startedBy is specified, it must be the only filter.")
    found = _candidates(region, cluster, request)
    status = request.get("desiredStatus", "RUNNING")
    for member, attribute in (("family", "family"), ("launchType", "launch_type"), ("startedBy", "started_by")):
        if member in request:
            found = [task for task in found if getattr(task, attribute) == request[member]]
    arns = [task.arn for task in found if task.desired_status == status]
    return listing("taskArns", *page(request, arns))


def _candidates(region: Region, cluster: str, request: Request) -> list[Task]:
    """The smallest indexed set that the filters allow: of an instance or a service, else of the cluster."""
    store = region.store
    found = None
    if "serviceName" in request:
        service = service_of(region, cluster, request["serviceName"])
        if service is None:
            raise EcsApiError("ServiceNotFoundException", "Service not found.")
        found = [t for t in store.cluster_tasks(cluster) if t.service == service.name]
    if "containerInstance" in request:
        instance = instance_of(region, cluster, request["containerInstance"])
        if instance is None:
            raise invalid("Referenced container instance not found.")
        found = [t for t in (store.cluster_tasks(cluster) if found is None else found) if t.instance == instance.arn]
    return list(store.cluster_tasks(cluster)) if found is None else found
