"""Service deployments and service revisions: describe, list, stop."""

from __future__ import annotations

from ecsctl.sandbox.ecs.api.paging import listing, page
from ecsctl.sandbox.ecs.api.references import bounded, cluster_name, service_of
from ecsctl.sandbox.ecs.api.service_view import (
    deployment_arn,
    deployment_status,
    service_deployment_view,
    service_revision_view,
)
from ecsctl.sandbox.ecs.errors import EcsApiError, invalid
from ecsctl.sandbox.ecs.region import Region, Request, Response, operation
from ecsctl.sandbox.ecs.scheduler import deployments, traffic_shifting
from ecsctl.sandbox.ecs.store.store import Deployment, Service


def _owner(region: Region, arn: str) -> Service | None:
    """The service in ``arn:…:service-deployment/CLUSTER/SERVICE/ID``."""
    path = arn.rsplit(":", 1)[-1].split("/")
    return region.store.services.get((path[1], path[2])) if len(path) == 4 else None


def _find_deployment(region: Region, arn: str) -> tuple[Service, Deployment] | None:
    service = _owner(region, arn)
    if service is None:
        return None
    found = next((d for d in service.history if deployment_arn(region.store, service, d) == arn), None)
    return (service, found) if found else None


@operation("ListServiceDeployments")
def list_service_deployments(region: Region, request: Request) -> Response:
    """ListServiceDeployments: of one service, newest first, by status and time of creation."""
    store = region.store
    reference = request["service"]
    cluster = cluster_name(request.get("cluster"))
    if reference.startswith("arn:") and reference.count("/") == 2 and "cluster" not in request:
        cluster = reference.split("/")[1]
    service = service_of(region, cluster, reference)
    if service is None:
        raise EcsApiError("ServiceNotFoundException", "Service not found.")
    statuses, created = request.get("status"), request.get("createdAt", {})
    briefs: dict[str, Response] = {}
    for deployment in service.history:
        status = deployment_status(deployment)
        if statuses and status not in statuses:
            continue
        if not created.get("after", 0) <= deployment.created_at <= created.get("before", float("inf")):
            continue
        arn = deployment_arn(store, service, deployment)
        briefs[arn] = {
            "serviceDeploymentArn": arn,
            "serviceArn": service.arn,
            "clusterArn": store.arn("cluster", service.cluster),
            "startedAt": deployment.created_at,
            "createdAt": deployment.created_at,
            "finishedAt": deployment.finished_at,
            "targetServiceRevisionArn": deployment.revision_arn,
            "status": status,
        }
    chosen, token = page(request, list(briefs))
    return listing("serviceDeployments", [briefs[arn] for arn in chosen], token)


@operation("DescribeServiceDeployments")
def describe_service_deployments(region: Region, request: Request) -> Response:
    """DescribeServiceDeployments: at most 20 ARNs."""
    found, failures = [], []
    for arn in bounded(request["serviceDeploymentArns"], 20, "service deployment ARNs"):
        pair = _find_deployment(region, arn)
        if pair is None:
            failures.append({"arn": arn, "reason": "MISSING"})
        else:
            found.append(service_deployment_view(region.store, *pair))
    return {"serviceDeployments": found, "failures": failures}


@operation("DescribeServiceRevisions")
def describe_service_revisions(region: Region, request: Request) -> Response:
    """DescribeServiceRevisions: at most 20 ARNs."""
    found, failures = [], []
    for arn in bounded(request["serviceRevisionArns"], 20, "service revision ARNs"):
        service = _owner(region, arn)
        deployment = next((d for d in service.history if d.revision_arn == arn), None) if service else None
        if service is None or deployment is None:
            failures.append({"arn": arn, "reason": "MISSING"})
        else:
            found.append(service_revision_view(region.store, service, deployment))
    return {"serviceRevisions": found, "failures": failures}


@operation("StopServiceDeployment")
def stop_service_deployment(region: Region, request: Request) -> Response:
    """StopServiceDeployment: roll back (or ABORT where it stands) a deployment in progress."""
    arn = request["serviceDeploymentArn"]
    pair = _find_deployment(region, arn)
    if pair is None:
        raise EcsApiError("ServiceDeploymentNotFoundException", "Service deployment not found.")
    service, deployment = pair
    if deployment.rollout_state != "IN_PROGRESS" or deployment.status != "PRIMARY":
        raise EcsApiError("ConflictException", "The service deployment is not in progress.")
    if request.get("stopType", "ROLLBACK") == "ROLLBACK" and service.last_good is None and not deployment.source:
        raise invalid("There is no earlier deployment of the service to roll back to.")
    deployment.rollout_reason = "ECS deployment stopped by the user."
    deployments.end_early(region, service, rollback=request.get("stopType", "ROLLBACK") == "ROLLBACK")
    return {"serviceDeploymentArn": arn}


@operation("ContinueServiceDeployment")
def continue_service_deployment(region: Region, request: Request) -> Response:
    """ContinueServiceDeployment: let a deployment that waits at a PAUSE hook go on, or go back."""
    arn = request["serviceDeploymentArn"]
    pair = _find_deployment(region, arn)
    if pair is None:
        raise EcsApiError("ServiceDeploymentNotFoundException", "Service deployment not found.")
    service, deployment = pair
    detail = next((hook for hook in deployment.hooks if hook["hookId"] == request["hookId"]), None)
    if detail is None:
        raise invalid("The lifecycle hook was not found in the service deployment.")
    if detail["status"] != "AWAITING_ACTION" or deployment.status != "PRIMARY":
        raise invalid("The lifecycle hook does not await an action.")
    traffic_shifting.answer(region, service, detail, request.get("action", "CONTINUE"))
    return {"serviceDeploymentArn": arn}
