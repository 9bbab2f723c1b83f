"""One service in all detail: its deployments with their images and traffic, its targets, how it is deployed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from ecsctl.aws import ecs
from ecsctl.aws.failures import cannot_be_asked
from ecsctl.errors import AwsError
from ecsctl.query import target_health
from ecsctl.query.scaling import Scaling, scaling_of
from ecsctl.query.service_deployments import describe_deployments, describe_revisions
from ecsctl.query.services import with_addresses
from ecsctl.query.target_health import Targets
from ecsctl.query.views import DeploymentView, ServiceView, name_of, service_view

if TYPE_CHECKING:
    from ecsctl.aws.session import Aws

Json = Mapping[str, Any]


@dataclass(frozen=True)
class DeploymentDetail:
    """A deployment: ``images`` by container, ``traffic`` in percent of the balancer's where it is shifted."""

    view: DeploymentView
    images: Mapping[str, str] = field(default_factory=dict)
    traffic: float | None = None


@dataclass(frozen=True)
class ServiceDetail:
    """A service; what may not be asked is empty. ``stage`` is that of a deployment that shifts traffic."""

    view: ServiceView
    deployments: tuple[DeploymentDetail, ...] = ()
    targets: tuple[Targets, ...] = ()
    configuration: Json = field(default_factory=dict)
    stage: str | None = None
    scaling: Scaling | None = None

    @property
    def strategy(self) -> str:
        """How it is deployed, in a few words."""
        told = str(self.configuration.get("strategy") or "ROLLING")
        low, high = self.configuration.get("minimumHealthyPercent"), self.configuration.get("maximumPercent")
        if told == "ROLLING" and low is not None and high is not None:
            told += f" {low}-{high}%"
        breaker = self.configuration.get("deploymentCircuitBreaker") or {}
        if breaker.get("enable"):
            told += ", circuit breaker" + (" with rollback" if breaker.get("rollback") else "")
        alarms = self.configuration.get("alarms") or {}
        if alarms.get("enable"):
            told += f", alarms {', '.join(alarms.get('alarmNames') or ())}"
        return told


def service_detail(aws: Aws, cluster: str, name: str) -> ServiceDetail:
    """One service in all detail; DRAINING ones are told too.

    Raises:
        NotFoundError: there is none, or it was deleted.

    Calls: ecs:DescribeServices, DescribeTaskDefinition; DescribeTargetHealth or DescribeInstanceHealth;
    DescribeServiceRevisions and DescribeServiceDeployments where traffic is shifted; those of its balancers' addresses,
    and of its scaling.
    """
    found = [row for row in ecs.describe_services(aws, cluster, [name]).found if row.get("status") != "INACTIVE"]
    if not found:
        raise ecs.no_service(aws, cluster, name)
    row = found[0]
    view = with_addresses(aws, [service_view(row)])[0]
    configuration = row.get("deploymentConfiguration") or {}
    traffic, stage = _traffic(aws, row) if configuration.get("strategy", "ROLLING") != "ROLLING" else ({}, None)
    images = {definition: _images(aws, definition) for definition in {item.definition for item in view.deployments}}
    deployments = [
        DeploymentDetail(item, images[item.definition], traffic.get(item.definition)) for item in view.deployments
    ]
    try:
        targets = tuple(target_health.of_service(aws, row))
    except AwsError as error:
        if not cannot_be_asked(error):
            raise
        targets = ()
    moved = scaling_of(aws, name_of(str(row.get("clusterArn") or cluster)), str(row["serviceName"]))
    return ServiceDetail(view, tuple(deployments), targets, configuration, stage, moved)


def _images(aws: Aws, definition: str) -> dict[str, str]:
    try:
        found = ecs.describe_task_definition(aws, definition) if definition else None
    except AwsError as error:
        if not cannot_be_asked(error):
            raise
        return {}
    return {str(row["name"]): str(row.get("image", "")) for row in (found or {}).get("containerDefinitions", ())}


def _traffic(aws: Aws, service: Json) -> tuple[dict[str, float], str | None]:
    """How much of the traffic each task definition has, and the stage of the deployment that is on its way."""
    current = service.get("currentServiceRevisions") or ()
    try:
        revisions = describe_revisions(aws, [str(row["arn"]) for row in current]) if current else {}
        arn = service.get("currentServiceDeployment")
        rows = describe_deployments(aws, [str(arn)]) if arn else []
    except AwsError as error:
        if not cannot_be_asked(error):
            raise
        return {}, None
    weights = {
        name_of(str(revisions[row["arn"]].get("taskDefinition", ""))): float(row["requestedProductionTrafficWeight"])
        for row in current
        if row.get("arn") in revisions and row.get("requestedProductionTrafficWeight") is not None
    }
    return weights, next((row.get("lifecycleStage") for row in rows), None)
