"""ECS services."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Iterable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from ecsctl.aws.ecs import describe_services, list_services
from ecsctl.deploy.kinds.base import Actual, Kind, Patience, Scope, arns_of, ecs_tags, last, owner_of, until_gone
from ecsctl.deploy.resources import Service
from ecsctl.ecs_definitions.api_inputs import counted
from ecsctl.errors import AwsError
from ecsctl.polling import Progress

if TYPE_CHECKING:
    from ecsctl.aws.session import Aws

# What UpdateService takes; all else that CreateService takes can only be had anew.
UPDATABLE = frozenset(
    {
        "availabilityZoneRebalancing",
        "capacityProviderStrategy",
        "deploymentConfiguration",
        "deploymentController",
        "desiredCount",
        "enableECSManagedTags",
        "enableExecuteCommand",
        "healthCheckGracePeriodSeconds",
        "loadBalancers",
        "networkConfiguration",
        "placementConstraints",
        "placementStrategy",
        "platformVersion",
        "propagateTags",
        "serviceConnectConfiguration",
        "serviceRegistries",
        "taskDefinition",
        "volumeConfigurations",
        "vpcLatticeConfigurations",
    }
)


OF_DEPLOYMENT = (
    "networkConfiguration",
    "capacityProviderStrategy",
    "serviceConnectConfiguration",
    "volumeConfigurations",
    "vpcLatticeConfigurations",
)


class ServiceKind(Kind[Service]):
    """ecs:CreateService, UpdateService, DescribeServices, DeleteService."""

    resource = Service
    fixed = frozenset({"launchType", "role", "schedulingStrategy"})
    lent = True
    gone = frozenset({"ServiceNotFoundException", "ServiceNotActiveException", "ClusterNotFoundException"})

    def find(self, aws: Aws, scope: Scope, names: Collection[str]) -> Iterable[Actual]:
        yield from self._of_cluster(aws, scope, scope.cluster, names)
        if scope.alone:
            return
        # A file that names another cluster than before leaves its services behind in the old one.
        others = {cluster_of(arn) for arn in arns_of(aws, scope.project, "ecs:service")} - {"", scope.cluster}
        for cluster in sorted(others):
            for found in self._of_cluster(aws, scope, cluster, ()):
                yield replace(found, key=self.resource(f"{cluster}/{found.key.name}").key)

    def _of_cluster(self, aws: Aws, scope: Scope, cluster: str, names: Collection[str]) -> Iterable[Actual]:
        try:
            listed = {last(arn) for arn in list_services(aws, cluster)}
            # Services that drain are not listed, only described: those of the file are asked for by name.
            described = describe_services(aws, cluster, sorted({*listed, *names})).found
        except AwsError as error:
            if error.aws_code == "ClusterNotFoundException":
                return
            raise
        for found in described:
            if found.get("status") == "INACTIVE":
                continue
            owner = owner_of(found.get("tags", ()), "key", "value")
            name = str(found["serviceName"])
            if name not in names and owner != scope.project:
                continue
            yield Actual(
                self.resource(name).key,
                str(found["serviceArn"]),
                owner,
                fields=_fields(found),
                attributes={"name": name, "arn": str(found["serviceArn"])},
                status="" if found.get("status") == "ACTIVE" else str(found.get("status", "")),
            )

    def raced(self, error: AwsError) -> bool:
        return super().raced(error) or "not idempotent" in error.aws_message

    def create(self, aws: Aws, resource: Service) -> Mapping[str, str]:
        query = {
            **counted(resource.definition),
            "cluster": resource.cluster,
            "serviceName": resource.name,
            "tags": ecs_tags(resource.tags),
        }
        # The same request is the same service, however often its answer is lost or two runs meet; but it is another
        # one than the service of that name that was deleted before.
        past = _incarnation(aws, resource.cluster, resource.name)
        text = json.dumps([query, past], sort_keys=True, default=str)
        query.setdefault("clientToken", hashlib.sha256(text.encode()).hexdigest()[:32])
        answer = aws.call("ecs", "CreateService", query, about=f"service {resource.name}")
        return {
            "name": resource.name,
            "arn": str(answer["service"]["serviceArn"]),
            "deployment": _deployment(answer["service"]),
        }

    def update(self, aws: Aws, resource: Service, actual: Actual, changed: Collection[str]) -> Mapping[str, str]:
        query = {name: value for name, value in resource.definition.items() if name in changed and name in UPDATABLE}
        query.update(cluster=resource.cluster, service=resource.name)
        answer = aws.call("ecs", "UpdateService", query, about=f"service {resource.name}")
        return {**actual.attributes, "deployment": _deployment(answer.get("service") or {})}

    def replaced_by(self, field: str, resource: Service) -> bool:
        """Whether a difference of that field needs a new service; a classic balancer is fixed at creation."""
        if field == "loadBalancers":
            return any("loadBalancerName" in item for item in resource.definition.get(field, ()))
        return field not in UPDATABLE

    def delete(self, aws: Aws, scope: Scope, actual: Actual, patience: Patience) -> None:
        name, cluster = last(actual.id), cluster_of(actual.id) or scope.cluster
        if actual.status != "DRAINING":
            query = {"cluster": cluster, "service": name, "force": True}
            aws.call("ecs", "DeleteService", query, about=f"service {name}")
        hint = f"run the same command again; `ecsctl ps -c {cluster} --all` shows the tasks that it waits for"
        until_gone(lambda: _inactive(aws, cluster, name), f"service {name}", patience, hint)


def cluster_of(arn: str) -> str:
    """The cluster in a service's ARN; empty in ARNs of the old form, which do not name it."""
    parts = arn.split("/")
    return parts[-2] if len(parts) > 2 else ""


def _incarnation(aws: Aws, cluster: str, name: str) -> str:
    """When the deleted service of that name was made, as far as AWS still knows; empty where there was none."""
    answer = aws.call("ecs", "DescribeServices", {"cluster": cluster, "services": [name]}, about=f"service {name}")
    rows = [item for item in answer.get("services", ()) if item.get("status") == "INACTIVE"]
    return str(max((str(item.get("createdAt")) for item in rows), default=""))


def _inactive(aws: Aws, cluster: str, name: str) -> Progress:
    query = {"cluster": cluster, "services": [name]}
    try:
        found = aws.call("ecs", "DescribeServices", query, about=f"service {name}").get("services", ())
    except AwsError as error:
        if error.aws_code == "ClusterNotFoundException":
            return Progress(True)
        raise
    alive = [item for item in found if item.get("status") != "INACTIVE"]
    if not alive:
        return Progress(True)
    running = alive[0].get("runningCount", 0)
    return Progress(False, lines=(f"service {name} is {alive[0].get('status')}: {running} tasks run",))


def _deployment(service: Mapping[str, Any]) -> str:
    """The id of the primary deployment, by which what ECS shows later can be told from what was before; or empty."""
    primary = [str(item.get("id", "")) for item in service.get("deployments", ()) if item.get("status") == "PRIMARY"]
    return primary[0] if primary else ""


def _fields(found: Mapping[str, Any]) -> dict[str, Any]:
    """A described service in the words of CreateService."""
    whole = completed(found)
    fields = {name: value for name, value in whole.items() if name in UPDATABLE or name in ServiceKind.fixed}
    fields["taskDefinition"] = last(str(found.get("taskDefinition", "")))
    fields["role"] = last(str(found.get("roleArn", "")))
    return {name: value for name, value in fields.items() if value is not None}


def completed(found: Mapping[str, Any]) -> dict[str, Any]:
    """A described service with what DescribeServices tells of its primary deployment alone."""
    made = dict(found)
    for deployment in found.get("deployments", ()):
        if deployment.get("status") == "PRIMARY":
            for name in OF_DEPLOYMENT:
                if made.get(name) is None and deployment.get(name):
                    made[name] = deployment[name]
    return made
