"""A service, its deployments and revisions as the API answers them."""

from __future__ import annotations

from collections import Counter

from ecsctl.sandbox.ecs.api.tags import tag_list
from ecsctl.sandbox.ecs.region import Response
from ecsctl.sandbox.ecs.scheduler.circuit_breaker import circuit_threshold
from ecsctl.sandbox.ecs.scheduler.launching import ephemeral_key, platform_family
from ecsctl.sandbox.ecs.scheduler.targets import behind_classic
from ecsctl.sandbox.ecs.store.store import Deployment, Service, Store, TaskDefinition, TaskSet

_OF_SERVICE = (
    "loadBalancers",
    "serviceRegistries",
    "launchType",
    "capacityProviderStrategy",
    "platformVersion",
    "deploymentConfiguration",
    "networkConfiguration",
    "healthCheckGracePeriodSeconds",
    "deploymentController",
    "enableECSManagedTags",
    "propagateTags",
    "enableExecuteCommand",
    "availabilityZoneRebalancing",
)
_OF_DEPLOYMENT = (
    "capacityProviderStrategy",
    "launchType",
    "platformVersion",
    "networkConfiguration",
    "serviceConnectConfiguration",
    "volumeConfigurations",
)
_OF_REVISION = (
    "capacityProviderStrategy",
    "launchType",
    "platformVersion",
    "loadBalancers",
    "serviceRegistries",
    "networkConfiguration",
    "serviceConnectConfiguration",
    "volumeConfigurations",
    "vpcLatticeConfigurations",
)
_OF_TASK_SET = ("capacityProviderStrategy", "launchType", "platformVersion", "networkConfiguration")
PENDING = ("PROVISIONING", "PENDING", "ACTIVATING")

Counts = dict[str, "Counter[str]"]


def task_counts(store: Store, service: Service) -> Counts:
    """Deployment id → how many of its tasks are ``running`` and ``pending``."""
    counts: Counts = {}
    for task in store.service_tasks(service):
        of = counts.setdefault(task.deployment or "", Counter())
        if task.last_status == "RUNNING":
            of["running"] += 1
        elif task.last_status in PENDING:
            of["pending"] += 1
    return counts


def service_view(store: Store, service: Service, *, tagged: bool) -> Response:
    """A service as DescribeServices answers it."""
    counts = task_counts(store, service)
    settings = service.settings
    view: Response = {name: settings[name] for name in _OF_SERVICE if settings.get(name) is not None}
    fargate = "platformVersion" in settings
    task_sets = service.task_sets
    view |= {
        "serviceArn": service.arn,
        "serviceName": service.name,
        "clusterArn": store.arn("cluster", service.cluster),
        "loadBalancers": settings.get("loadBalancers", []),
        "serviceRegistries": settings.get("serviceRegistries", []),
        "status": service.status,
        "desiredCount": service.desired,
        "runningCount": sum(of["running"] for of in counts.values()),
        "pendingCount": sum(of["pending"] for of in counts.values()),
        "platformFamily": "Linux" if fargate else None,
        "taskDefinition": service.task_definition or None,
        "deployments": [deployment_view(store, service, d, counts) for d in service.deployments if d not in task_sets],
        "taskSets": [task_set_view(store, service, each, counts) for each in task_sets],
        "roleArn": service.role_arn,
        "events": [
            {"id": event.id, "createdAt": event.created_at, "message": event.message} for event in service.events
        ],
        "createdAt": service.created_at,
        "placementConstraints": settings.get("placementConstraints", []),
        "placementStrategy": settings.get("placementStrategy", []),
        "schedulingStrategy": service.scheduling,
        "tags": tag_list(service.tags) if tagged else [],
        "createdBy": f"arn:{store.partition}:iam::{store.account}:root",
        "resourceManagementType": "CUSTOMER",
    }
    if service.deployments and not task_sets:
        primary = service.primary
        own, test = primary.weight, primary.test_weight
        view["currentServiceRevisions"] = [
            _summary(primary, counts, own, test),
            *(
                _summary(blue, counts, 100.0 - own, 100.0 - test)
                for blue in service.deployments
                if blue.id == primary.source
            ),
        ]
        if primary.rollout_state == "IN_PROGRESS":
            view["currentServiceDeployment"] = deployment_arn(store, service, primary)
    return view


def deployment_view(store: Store, service: Service, deployment: Deployment, counts: Counts) -> Response:
    """One entry of ``deployments``."""
    of = counts.get(deployment.id, Counter())
    view: Response = {
        name: deployment.settings[name] for name in _OF_DEPLOYMENT if deployment.settings.get(name) is not None
    }
    view |= {
        "id": deployment.id,
        "status": deployment.status,
        "taskDefinition": deployment.task_definition,
        "desiredCount": deployment.desired,
        "pendingCount": of["pending"],
        "runningCount": of["running"],
        "failedTasks": deployment.failed_tasks,
        "createdAt": deployment.created_at,
        "updatedAt": deployment.updated_at,
    }
    if deployment.connections:
        view["serviceConnectResources"] = list(deployment.connections)
    view |= _fargate_members(store, service, deployment)
    if not behind_classic(service):
        view["rolloutState"] = deployment.rollout_state
        view["rolloutStateReason"] = deployment.rollout_reason
    return view


def task_set_view(
    store: Store, service: Service, task_set: TaskSet, counts: Counts, *, tagged: bool = False
) -> Response:
    """A task set as DescribeTaskSets answers it."""
    of = counts.get(task_set.id, Counter())
    settings = task_set.settings
    view: Response = {name: settings[name] for name in _OF_TASK_SET if settings.get(name) is not None}
    view |= {
        "id": task_set.id,
        "taskSetArn": store.arn("task-set", service.cluster, service.name, task_set.id),
        "serviceArn": service.arn,
        "clusterArn": store.arn("cluster", service.cluster),
        "startedBy": task_set.started_by,
        "externalId": task_set.external_id,
        "status": task_set.status,
        "taskDefinition": task_set.task_definition,
        "computedDesiredCount": task_set.desired,
        "pendingCount": of["pending"],
        "runningCount": of["running"],
        "createdAt": task_set.created_at,
        "updatedAt": task_set.updated_at,
        "platformFamily": "Linux" if "platformVersion" in settings else None,
        "loadBalancers": settings.get("loadBalancers", []),
        "serviceRegistries": settings.get("serviceRegistries", []),
        "scale": {"value": task_set.scale, "unit": "PERCENT"},
        "stabilityStatus": "STEADY_STATE" if task_set.stable else "STABILIZING",
        "stabilityStatusAt": task_set.stable_at,
        "tags": tag_list(task_set.tags) if tagged else [],
    }
    return view


def deployment_arn(store: Store, service: Service, deployment: Deployment) -> str:
    return store.arn("service-deployment", service.cluster, service.name, deployment.number)


def deployment_status(deployment: Deployment) -> str:
    """The status of a service deployment, from that of the rollout."""
    if deployment.superseded:
        return "STOPPED"
    if deployment.rolled_back_at is not None:
        return "ROLLBACK_SUCCESSFUL"
    if deployment.rollout_state == "COMPLETED":
        return "ROLLBACK_SUCCESSFUL" if deployment.rollback_of else "SUCCESSFUL"
    if deployment.rollout_state == "FAILED":
        return "ROLLBACK_FAILED" if deployment.rollback_of else "STOPPED"
    return "ROLLBACK_IN_PROGRESS" if deployment.rollback_of else "IN_PROGRESS"


def service_deployment_view(store: Store, service: Service, deployment: Deployment) -> Response:
    """A deployment as DescribeServiceDeployments answers it."""
    counts = task_counts(store, service)
    sources = [d for d in service.history if d.id == deployment.source]
    # The stage before production has hooks of its own, and no name in the answer.
    stage = "POST_TEST_TRAFFIC_SHIFT" if deployment.stage == "PRE_PRODUCTION_TRAFFIC_SHIFT" else deployment.stage
    rollback = None
    if deployment.rolled_back_at is not None and sources:
        rollback = {
            "reason": deployment.rollout_reason,
            "startedAt": deployment.rolled_back_at,
            "serviceRevisionArn": sources[0].revision_arn,
        }
    configuration = deployment.settings.get("deploymentConfiguration", {})
    breaker = configuration.get("deploymentCircuitBreaker") or {}
    alarms = configuration.get("alarms") or {}
    stopped = deployment.rollout_state == "FAILED"
    return {
        "serviceDeploymentArn": deployment_arn(store, service, deployment),
        "serviceArn": service.arn,
        "clusterArn": store.arn("cluster", service.cluster),
        "createdAt": deployment.created_at,
        "startedAt": deployment.created_at,
        "finishedAt": deployment.finished_at,
        "stoppedAt": deployment.finished_at if stopped else None,
        "updatedAt": deployment.updated_at,
        "sourceServiceRevisions": [
            _summary(d, counts, 100.0 - deployment.weight, 100.0 - deployment.test_weight) for d in sources
        ],
        "targetServiceRevision": _summary(deployment, counts, deployment.weight, deployment.test_weight),
        "lifecycleStage": stage if deployment.rollout_state == "IN_PROGRESS" else None,
        "lifecycleHookDetails": list(deployment.hooks),
        "rollback": rollback,
        "status": deployment_status(deployment),
        "statusReason": deployment.rollout_reason if stopped else None,
        "deploymentConfiguration": configuration,
        "deploymentCircuitBreaker": {
            "status": _monitor(deployment, bool(breaker.get("enable")), deployment.tripped),
            "failureCount": deployment.failed_tasks,
            "threshold": circuit_threshold(breaker, deployment.desired),
        },
        "alarms": {
            "status": _monitor(deployment, deployment.watches_alarms, bool(deployment.triggered_alarms)),
            "alarmNames": alarms.get("alarmNames", []),
            "triggeredAlarmNames": list(deployment.triggered_alarms),
        }
        if alarms
        else None,
    }


def _summary(deployment: Deployment, counts: Counts, weight: float, test_weight: float) -> Response:
    """A revision in a deployment or a service, with the part of the traffic that it gets where traffic is shifted."""
    of = counts.get(deployment.id, Counter())
    view: Response = {
        "arn": deployment.revision_arn,
        "requestedTaskCount": deployment.desired,
        "runningTaskCount": of["running"],
        "pendingTaskCount": of["pending"],
    }
    if deployment.settings["deploymentConfiguration"].get("strategy", "ROLLING") != "ROLLING":
        view["requestedProductionTrafficWeight"] = weight
        view["requestedTestTrafficWeight"] = test_weight
    return view


def _monitor(deployment: Deployment, enabled: bool, triggered: bool) -> str:
    """The status of what watches over a deployment."""
    if not enabled:
        return "DISABLED"
    if triggered:
        return "TRIGGERED"
    return "MONITORING" if deployment.rollout_state == "IN_PROGRESS" else "MONITORING_COMPLETE"


def service_revision_view(store: Store, service: Service, deployment: Deployment) -> Response:
    """What a deployment deploys, as DescribeServiceRevisions answers it."""
    settings = deployment.settings
    view: Response = {name: settings[name] for name in _OF_REVISION if settings.get(name) is not None}
    definition = _definition_of(store, deployment)
    for task in store.service_tasks(service):
        if task.deployment == deployment.id:
            deployment.digests |= {c.name: c.image_digest for c in task.containers if c.image_digest}
    view |= _fargate_members(store, service, deployment)
    view |= {
        "serviceRevisionArn": deployment.revision_arn,
        "serviceArn": service.arn,
        "clusterArn": store.arn("cluster", service.cluster),
        "taskDefinition": deployment.task_definition,
        "containerImages": [
            {"containerName": c["name"], "image": c["image"], "imageDigest": deployment.digests.get(c["name"])}
            for c in (definition.containers if definition else ())
        ],
        "guardDutyEnabled": False,
        "createdAt": deployment.created_at,
    }
    return view


def _definition_of(store: Store, deployment: Deployment) -> TaskDefinition | None:
    family, _, number = deployment.task_definition.rsplit("/", 1)[-1].partition(":")
    return store.definitions.get((family, int(number))) if number else None


def _fargate_members(store: Store, service: Service, deployment: Deployment) -> Response:
    """What is told of a deployment on Fargate only: its platform, and the key of its storage where it has one."""
    if "platformVersion" not in deployment.settings:
        return {}
    definition = _definition_of(store, deployment)
    platform = (definition.document.get("runtimePlatform") if definition else None) or {}
    members: Response = {"platformFamily": platform_family(platform.get("operatingSystemFamily"))}
    key = ephemeral_key(store.clusters.get(service.cluster))
    return members | ({"fargateEphemeralStorage": {"kmsKeyId": key}} if key else {})
