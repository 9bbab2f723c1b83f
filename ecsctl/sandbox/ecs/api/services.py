"""Services: create, update, describe, list, delete. What keeps them running is in ``rollout``."""

from __future__ import annotations

import hashlib
import json
from copy import deepcopy

from ecsctl.refusals import state
from ecsctl.refusals.deployments import check_deployment, rebalancing_problem
from ecsctl.refusals.service_context import Context
from ecsctl.sandbox.ecs.api import task_sets
from ecsctl.sandbox.ecs.api.capacity_providers import checked_strategy
from ecsctl.sandbox.ecs.api.clusters import ensure_active
from ecsctl.sandbox.ecs.api.paging import listing, page
from ecsctl.sandbox.ecs.api.references import (
    active_service,
    bounded,
    described,
    find_cluster,
    runnable_definition,
    service_of,
)
from ecsctl.sandbox.ecs.api.service_rules import check_external, check_name, check_settings
from ecsctl.sandbox.ecs.api.service_view import service_view
from ecsctl.sandbox.ecs.api.tags import checked_tags
from ecsctl.sandbox.ecs.errors import invalid, refuse_first, refused, service_not_active, service_not_found
from ecsctl.sandbox.ecs.region import Region, Request, Response, operation
from ecsctl.sandbox.ecs.scheduler import deployments
from ecsctl.sandbox.ecs.scheduler.capacity_strategy import launch_type_of
from ecsctl.sandbox.ecs.store.store import Cluster, Document, Service, Token

_NOT_KEPT = frozenset({"cluster", "serviceName", "clientToken", "tags", "taskDefinition"})
# As the API's model says of each parameter: "this parameter triggers a new service deployment".
_NEEDS_DEPLOYMENT = (
    "taskDefinition",
    "networkConfiguration",
    "platformVersion",
    "loadBalancers",
    "serviceRegistries",
    "serviceConnectConfiguration",
    "volumeConfigurations",
    "vpcLatticeConfigurations",
)
_UPDATED = (
    *_NEEDS_DEPLOYMENT,
    "capacityProviderStrategy",
    "enableExecuteCommand",
    "propagateTags",
    "enableECSManagedTags",
    "desiredCount",
    "deploymentConfiguration",
    "availabilityZoneRebalancing",
    "placementConstraints",
    "placementStrategy",
    "healthCheckGracePeriodSeconds",
)


@operation("CreateService")
def create_service(region: Region, request: Request) -> Response:
    """CreateService: with a client token the same call again answers the same service; else a second is refused."""
    store = region.store
    cluster = find_cluster(region, request)
    ensure_active(cluster)
    check_name(request)
    name = request["serviceName"]
    token, digest = request.get("clientToken"), _digest(request)
    existing = store.services.get((cluster.name, name))
    if existing is not None and existing.status == "DRAINING":
        raise refused(state.STILL_DRAINING)
    if existing is not None and existing.status == "ACTIVE":
        known = store.tokens.get(("CreateService", cluster.name, token)) if token else None
        if known is not None and known.digest == digest and known.results == (existing.arn,):
            return {"service": service_view(store, existing, tagged=True)}
        raise refused(state.NOT_IDEMPOTENT)

    settings = _filled(region, cluster, request)
    definition = None
    check_external(request, settings)
    if settings["deploymentController"]["type"] != "EXTERNAL":
        definition = runnable_definition(region, request["taskDefinition"])
        check_settings(region, cluster, definition, settings, name=name)
    tags = checked_tags(request.get("tags"))
    service = Service(
        arn=store.arn("service", cluster.name, name),
        name=name,
        cluster=cluster.name,
        created_at=region.now,
        task_definition=definition.arn if definition is not None else "",
        settings=settings,
        desired=settings.get("desiredCount") or 0,
        scheduling=settings["schedulingStrategy"],
        tags=tags,
        role_arn=_role_arn(region, settings),
    )
    store.services[service.key] = service
    store.services_of_cluster[cluster.name][name] = None
    if service.controller == "ECS":
        deployments.begin(region, service)
    elif definition is not None:
        task_sets.begin(region, service)
    if token:
        store.tokens["CreateService", cluster.name, token] = Token(digest, (service.arn,), region.now)
    return {"service": service_view(store, service, tagged=True)}


def _digest(request: Request) -> str:
    return hashlib.sha256(json.dumps(request, sort_keys=True).encode()).hexdigest()


def _filled(region: Region, cluster: Cluster, request: Request) -> Document:
    """The request's members with the defaults of CreateService."""
    settings = {key: deepcopy(value) for key, value in request.items() if key not in _NOT_KEPT}
    settings.setdefault("schedulingStrategy", "REPLICA")
    daemon = settings["schedulingStrategy"] == "DAEMON"
    if not settings.get("launchType") and not settings.get("capacityProviderStrategy"):
        if cluster.default_strategy:
            settings["capacityProviderStrategy"] = deepcopy(cluster.default_strategy)
        else:
            settings["launchType"] = "EC2"
    if settings.get("capacityProviderStrategy") and not settings.get("launchType"):
        settings["capacityProviderStrategy"] = checked_strategy(
            settings["capacityProviderStrategy"], cluster.capacity_providers
        )
    if launch_type_of(region.store, settings) == "FARGATE":
        settings["platformVersion"] = settings.get("platformVersion") or "LATEST"
    configuration = settings.setdefault("deploymentConfiguration", {})
    configuration.setdefault("maximumPercent", 100 if daemon else 200)
    configuration.setdefault("minimumHealthyPercent", 0 if daemon else 100)
    configuration.setdefault("strategy", "ROLLING")
    configuration.setdefault("deploymentCircuitBreaker", {"enable": False, "rollback": False})
    awsvpc = (settings.get("networkConfiguration") or {}).get("awsvpcConfiguration")
    if awsvpc:
        awsvpc.setdefault("assignPublicIp", "DISABLED")
        awsvpc.setdefault("securityGroups", [])
    if configuration["strategy"] == "ROLLING":
        configuration.setdefault("bakeTimeInMinutes", 0)
    settings["placementStrategy"] = _strategy(settings)
    settings.setdefault("deploymentController", {"type": "ECS"})
    if settings.get("loadBalancers"):
        settings.setdefault("healthCheckGracePeriodSeconds", 0)
    settings.setdefault("enableECSManagedTags", False)
    settings.setdefault("propagateTags", "NONE")
    settings.setdefault("enableExecuteCommand", False)
    if "availabilityZoneRebalancing" not in settings:
        # ENABLED even where maximumPercent then has it refused; the service exempts only what can never rebalance.
        able = settings["schedulingStrategy"] != "DAEMON" and rebalancing_problem(settings) is None
        settings["availabilityZoneRebalancing"] = "ENABLED" if able else "DISABLED"
    return settings


def _strategy(settings: Document) -> list[Document]:
    """``placementStrategy`` as it is kept: ``host`` is another name for ``instanceId``."""
    return [
        {**item, "field": "instanceId"} if item.get("field") == "host" else item
        for item in settings.get("placementStrategy", ())
    ]


def _role_arn(region: Region, settings: Document) -> str | None:
    """``roleArn`` as ECS answers it: the given role, else the service-linked one where balancers need one."""
    store = region.store
    role = settings.get("role")
    if role:
        return str(role) if role.startswith("arn:") else f"arn:{store.partition}:iam::{store.account}:role/{role}"
    if not settings.get("loadBalancers"):
        return None
    linked = "role/aws-service-role/ecs.amazonaws.com/AWSServiceRoleForECS"
    return f"arn:{store.partition}:iam::{store.account}:{linked}"


@operation("UpdateService")
def update_service(region: Region, request: Request) -> Response:
    """UpdateService: what is left out stays. What the tasks are made of begins a new deployment."""
    store = region.store
    cluster = find_cluster(region, request)
    service = active_service(region, cluster.name, request["service"])
    if service.status != "ACTIVE":
        raise service_not_active()
    if service.controller != "ECS":
        task_sets.check_update(service, request)
    given = {key: deepcopy(request[key]) for key in _UPDATED if key in request and key != "taskDefinition"}
    settings = {**service.settings, **given}
    settings["placementStrategy"] = _strategy(settings)
    # The role was for the balancers the service was created with.
    settings.pop("role", None)
    settings["deploymentConfiguration"] = {
        **service.settings["deploymentConfiguration"],
        **given.get("deploymentConfiguration", {}),
    }
    if given.get("capacityProviderStrategy"):
        settings.pop("launchType", None)
        settings["capacityProviderStrategy"] = checked_strategy(
            given["capacityProviderStrategy"], cluster.capacity_providers
        )
        if not request.get("forceNewDeployment"):
            raise refused(state.STRATEGY_CHANGED)
    elif "capacityProviderStrategy" in given:
        # An empty list is the way back to the launch type.
        settings["launchType"] = launch_type_of(store, service.settings)
        if service.settings.get("capacityProviderStrategy") and not request.get("forceNewDeployment"):
            raise refused(state.STRATEGY_CHANGED)
    if service.controller != "ECS":
        refuse_first(check_deployment(settings, Context(update=True)))
        service.settings = settings
        service.desired = given.get("desiredCount", service.desired)
        store.touch(service)
        return {"service": service_view(store, service, tagged=True)}
    reference = request.get("taskDefinition")
    changed_definition = False
    if reference:
        definition = runnable_definition(region, reference)
        changed_definition = definition.arn != service.task_definition
    else:
        family, _, revision = service.task_definition.rsplit("/", 1)[-1].partition(":")
        definition = store.definitions[family, int(revision)]
    check_settings(region, cluster, definition, settings, name=service.name, update=True)
    anew = (
        bool(request.get("forceNewDeployment"))
        or changed_definition
        or any(settings.get(key) != service.settings.get(key) for key in _NEEDS_DEPLOYMENT if key in given)
    )
    service.settings = settings
    if "desiredCount" in given:
        service.desired = given["desiredCount"]
        service.primary.desired = service.desired
        service.primary.updated_at = region.now
    service.task_definition = definition.arn
    if anew:
        deployments.begin(region, service)
    service.steady = False
    service.wake_at = 0.0
    store.touch(service)
    return {"service": service_view(store, service, tagged=True)}


@operation("DescribeServices")
def describe_services(region: Region, request: Request) -> Response:
    """DescribeServices: at most 10 of one cluster, DRAINING and INACTIVE ones too."""
    cluster = find_cluster(region, request).name
    tagged = "TAGS" in request.get("include", ())

    def view(service: Service) -> Document:
        return service_view(region.store, service, tagged=tagged)

    named = bounded(request["services"], 10, "services")
    found, failures = described(region, "service", cluster, named, service_of, view)
    return {"services": found, "failures": failures}


@operation("ListServices")
def list_services(region: Region, request: Request) -> Response:
    """ListServices: the ACTIVE ones, 10 a page unless asked otherwise."""
    cluster = find_cluster(region, request).name
    launch_type, scheduling = request.get("launchType"), request.get("schedulingStrategy")
    found = [
        service.arn
        for service in region.store.cluster_services(cluster)
        if service.status == "ACTIVE"
        and scheduling in (None, service.scheduling)
        and launch_type in (None, service.settings.get("launchType"))
        and request.get("resourceManagementType") in (None, "CUSTOMER")
    ]
    return listing("serviceArns", *page(request, found, default=10))


@operation("ListServicesByNamespace")
def list_services_by_namespace(region: Region, request: Request) -> Response:
    """ListServicesByNamespace: the services whose Service Connect configuration names the namespace."""
    namespace = request["namespace"]
    found = [
        service.arn
        for service in region.store.services.values()
        if service.status == "ACTIVE"
        and namespace in (service.settings.get("serviceConnectConfiguration") or {}).get("namespace", "").split("/")
    ]
    return listing("serviceArns", *page(request, found, default=10))


@operation("DeleteService")
def delete_service(region: Region, request: Request) -> Response:
    """DeleteService: DRAINING until its tasks have stopped, then INACTIVE. Scaled above 0 only with ``force``."""
    store = region.store
    cluster = find_cluster(region, request)
    service = service_of(region, cluster.name, request["service"])
    if service is None:
        raise service_not_found()
    if service.status == "INACTIVE":
        raise service_not_active()
    if service.status == "ACTIVE":
        if not request.get("force") and service.scheduling != "DAEMON":
            if service.desired > 0:
                raise refused(state.SCALED)
            if len(service.deployments) > 1:
                raise invalid("The service cannot be stopped while deployments are active.")
        service.status = "DRAINING"
        service.desired = 0
        for deployment in service.deployments:
            deployment.desired = 0
        store.touch(service)
    return {"service": service_view(store, service, tagged=True)}
