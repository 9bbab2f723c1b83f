"""Task sets: how CodeDeploy and EXTERNAL controllers deploy."""

from __future__ import annotations

import hashlib
import json
from copy import deepcopy

from ecsctl.refusals import state
from ecsctl.sandbox.ecs.api.capacity_providers import checked_strategy
from ecsctl.sandbox.ecs.api.references import active_service, find_cluster, runnable_definition
from ecsctl.sandbox.ecs.api.service_rules import check_settings
from ecsctl.sandbox.ecs.api.service_view import task_counts, task_set_view
from ecsctl.sandbox.ecs.api.tags import checked_tags
from ecsctl.sandbox.ecs.errors import EcsApiError, invalid, refused
from ecsctl.sandbox.ecs.region import Region, Request, Response, operation
from ecsctl.sandbox.ecs.scheduler.capacity_strategy import launch_type_of
from ecsctl.sandbox.ecs.scheduler.launching import FARGATE_PLATFORM
from ecsctl.sandbox.ecs.scheduler.task_set_scheduling import computed
from ecsctl.sandbox.ecs.store.store import Cluster, Document, Service, Store, TaskSet, Token

MOST = 5
_OWN = (
    "networkConfiguration",
    "loadBalancers",
    "serviceRegistries",
    "launchType",
    "capacityProviderStrategy",
    "platformVersion",
)
_LEFT_TO_OTHERS = {
    "taskDefinition": "task definition",
    "networkConfiguration": "network parameters",
    "platformVersion": "platform version",
    "loadBalancers": "load balancers",
    "capacityProviderStrategy": "capacity provider strategy",
}


def begin(region: Region, service: Service) -> TaskSet:
    """The first task set of a service that CodeDeploy will deploy: PRIMARY, with the whole desired count."""
    settings = {name: service.settings[name] for name in _OWN if name in service.settings}
    made = _add(region, service, service.task_definition, settings, scale=100.0)
    made.status = "PRIMARY"
    return made


def _add(region: Region, service: Service, definition: str, settings: Document, scale: float) -> TaskSet:
    number = region.store.new_number()
    made = TaskSet(
        id=f"ecs-svc/{number}",
        number=number,
        revision_arn=region.store.arn("service-revision", service.cluster, service.name, number),
        task_definition=definition,
        status="ACTIVE",
        created_at=region.now,
        updated_at=region.now,
        settings={**service.settings, **settings},
        scale=scale,
        stable_at=region.now,
    )
    made.desired = computed(service, made)
    service.deployments.insert(0, made)
    region.store.touch(service)
    return made


def check_update(service: Service, request: Request) -> None:
    """Refuse the members of UpdateService that another controller than ECS decides.

    Raises:
        EcsApiError: ``InvalidParameterException``.
    """
    codedeploy = service.controller == "CODE_DEPLOY"
    broken = state.CODE_DEPLOY_UPDATE if codedeploy else state.EXTERNAL_UPDATE
    for member, what in _LEFT_TO_OTHERS.items():
        given = request.get(member)
        # CodeDeploy is asked for these even where they are what they were.
        anyway = codedeploy and member in ("taskDefinition", "networkConfiguration")
        if given and (anyway or given != service.settings.get(member)):
            raise refused(broken, what=what)
    if request.get("forceNewDeployment"):
        raise refused(state.CODE_DEPLOY_FORCE if codedeploy else state.EXTERNAL_FORCE)


def _service(region: Region, request: Request) -> tuple[Cluster, Service]:
    cluster = find_cluster(region, request)
    service = active_service(region, cluster.name, request["service"])
    if service.status != "ACTIVE":
        raise EcsApiError("ServiceNotActiveException", "Service was not ACTIVE.")
    if service.controller == "ECS":
        raise invalid(
            "Amazon ECS only supports task set management on services configured to use external deployment "
            "controllers."
        )
    return cluster, service


def _find(service: Service, reference: str) -> TaskSet:
    found = _lookup(service, reference)
    if found is None:
        raise EcsApiError("TaskSetNotFoundException", "The specified task set wasn't found.")
    return found


def _lookup(service: Service, reference: str) -> TaskSet | None:
    """A task set by ``ecs-svc/NUMBER`` or its ARN."""
    wanted = reference
    if reference.startswith("arn:"):
        path = reference.rsplit(":", 1)[-1].split("/")
        if path[:3] != ["task-set", service.cluster, service.name]:
            return None
        wanted = "/".join(path[3:])
    return next((task_set for task_set in service.task_sets if task_set.id == wanted), None)


def _view(region: Region, service: Service, task_set: TaskSet, *, tagged: bool = True) -> Response:
    return task_set_view(region.store, service, task_set, task_counts(region.store, service), tagged=tagged)


def _scale(request: Request) -> float:
    scale = request.get("scale") or {}
    value = float(scale.get("value", 0.0))
    if not 0.0 <= value <= 100.0:
        raise invalid("The scale value must be between 0.0 and 100.0.")
    return value


@operation("CreateTaskSet")
def create_task_set(region: Region, request: Request) -> Response:
    """CreateTaskSet: ACTIVE, of its own definition, network and balancers; at most five of a service."""
    store = region.store
    cluster, service = _service(region, request)
    token = request.get("clientToken")
    key = ("CreateTaskSet", service.arn, token or "")
    digest = hashlib.sha256(json.dumps(request, sort_keys=True).encode()).hexdigest()
    known = store.tokens.get(key) if token else None
    if known is not None:
        if known.digest != digest:
            raise invalid("The clientToken is already in use with a different request.")
        earlier = _lookup(service, known.results[0])
        if earlier is not None:
            return {"taskSet": _view(region, service, earlier)}
    if len(service.task_sets) >= MOST:
        raise invalid(
            f"{MOST} deployments exist on the service. Unable to create new TaskSet since this exceeds the maximum "
            "limit."
        )
    definition = runnable_definition(region, request["taskDefinition"])
    own = {name: deepcopy(request[name]) for name in _OWN if request.get(name)}
    _fill(store, cluster, own)
    check_settings(region, cluster, definition, {**service.settings, **own}, name=service.name)
    scale, tags = _scale(request), checked_tags(request.get("tags"))
    made = _add(region, service, definition.arn, own, scale)
    made.external_id = request.get("externalId")
    made.tags = tags
    if token:
        store.tokens[key] = Token(digest, (made.id,), region.now)
    return {"taskSet": _view(region, service, made)}


def _fill(store: Store, cluster: Cluster, own: Document) -> None:
    """The defaults of a task set's own members."""
    if own.get("launchType") and own.get("capacityProviderStrategy"):
        return
    if not own.get("launchType"):
        strategy = own.get("capacityProviderStrategy") or cluster.default_strategy
        if strategy:
            own["capacityProviderStrategy"] = checked_strategy(strategy, cluster.capacity_providers)
        else:
            own["launchType"] = "EC2"
    if launch_type_of(store, own) == "FARGATE":
        version = own.get("platformVersion", "LATEST")
        own["platformVersion"] = FARGATE_PLATFORM if version == "LATEST" else version


@operation("DescribeTaskSets")
def describe_task_sets(region: Region, request: Request) -> Response:
    """DescribeTaskSets: those named, or all of the service."""
    _, service = _service(region, request)
    tagged = "TAGS" in request.get("include", ())
    references = request.get("taskSets") or [task_set.id for task_set in service.task_sets]
    found, failures = [], []
    for reference in dict.fromkeys(references):
        task_set = _lookup(service, reference)
        if task_set is not None:
            found.append(_view(region, service, task_set, tagged=tagged))
            continue
        arn = reference
        if not reference.startswith("arn:"):
            arn = region.store.arn("task-set", service.cluster, service.name, reference)
        failures.append({"arn": arn, "reason": "MISSING"})
    return {"taskSets": found, "failures": failures}


@operation("UpdateTaskSet")
def update_task_set(region: Region, request: Request) -> Response:
    """UpdateTaskSet: another scale."""
    _, service = _service(region, request)
    task_set = _find(service, request["taskSet"])
    if task_set.status == "DRAINING":
        raise invalid("The task set is draining and cannot be updated.")
    task_set.scale = _scale(request)
    _changed(region, service, task_set)
    return {"taskSet": _view(region, service, task_set)}


def _changed(region: Region, service: Service, task_set: TaskSet) -> None:
    task_set.desired = computed(service, task_set)
    task_set.stable = False
    task_set.updated_at = task_set.stable_at = region.now
    region.store.touch(service)


@operation("UpdateServicePrimaryTaskSet")
def update_service_primary_task_set(region: Region, request: Request) -> Response:
    """UpdateServicePrimaryTaskSet: what the task set is made of becomes the service's."""
    _, service = _service(region, request)
    chosen = _find(service, request["primaryTaskSet"])
    if chosen.status == "DRAINING":
        raise invalid("The task set is draining and cannot become the primary one.")
    for task_set in service.task_sets:
        if task_set.status == "PRIMARY":
            task_set.status = "ACTIVE"
    chosen.status = "PRIMARY"
    chosen.updated_at = region.now
    service.task_definition = chosen.task_definition
    kept = {name: value for name, value in service.settings.items() if name not in _OWN}
    service.settings = kept | {name: chosen.settings[name] for name in _OWN if name in chosen.settings}
    region.store.touch(service)
    return {"taskSet": _view(region, service, chosen)}


@operation("DeleteTaskSet")
def delete_task_set(region: Region, request: Request) -> Response:
    """DeleteTaskSet: DRAINING until its tasks have stopped, then gone. Scaled above 0 only with ``force``."""
    _, service = _service(region, request)
    task_set = _find(service, request["taskSet"])
    if task_set.scale > 0 and not request.get("force"):
        raise invalid("The task set cannot be deleted while it is scaled above 0. Scale it to 0, or use force.")
    task_set.status = "DRAINING"
    task_set.scale = 0.0
    _changed(region, service, task_set)
    return {"taskSet": _view(region, service, task_set)}
