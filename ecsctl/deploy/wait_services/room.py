"""Whether a service's next task could be placed at all: asked where nothing moves, since ECS mutes what it has told."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from typing import TYPE_CHECKING, Any

from ecsctl.aws import ec2, ecs
from ecsctl.aws.failures import can_go_without
from ecsctl.errors import AwsError
from ecsctl.query.placement import Constraint, NoRoom, why_no_room
from ecsctl.query.views import service_view

if TYPE_CHECKING:
    from ecsctl.aws.session import Aws

AWS_OPERATIONS = ("autoscaling:DescribeAutoScalingGroups", "ec2:DescribeSubnets")

Json = Mapping[str, Any]
# Of so many tasks that have stopped or are stopping it is looked whether one still holds its place.
STOPPED_LOOKED_AT = 300
GROUP_TAG = "aws:autoscaling:groupName"


def no_room(aws: Aws, cluster: str, service: Json, definition: Json) -> NoRoom | None:
    """Why no instance can take a task of the service; None where one can, or where room is on its way.

    Room is on its way while tasks of the cluster are stopping and while an Auto Scaling group has yet to launch.

    Args:
        service: one of DescribeServices' ``services[]``.
        definition: the task definition of its primary deployment.

    Calls: ecs:ListContainerInstances, DescribeContainerInstances, ListTasks, DescribeTasks; ec2:DescribeSubnets,
    DescribeInstances; autoscaling:DescribeAutoScalingGroups. What it may not ask, it takes for no obstacle.
    """
    providers = {str(row.get("capacityProvider")) for row in service.get("capacityProviderStrategy") or ()}
    if service.get("launchType") == "FARGATE" or providers & {"FARGATE", "FARGATE_SPOT"}:
        return None
    try:
        arns = list(ecs.list_container_instances(aws, cluster))
        rows = [dict(row) for row in ecs.describe_container_instances(aws, cluster, arns).found] if arns else []
        rows = [row for row in rows if not providers or row.get("capacityProviderName") in providers]
        if any(row.get("status") == "REGISTERING" for row in rows):
            return None
        constraints = list(
            _constraints(aws, cluster, service, definition, [row["containerInstanceArn"] for row in rows])
        )
        found = why_no_room(definition, rows, constraints=constraints, zones=_zones(aws, service))
        if found is None or (found.may_come_free and _any_stopping(aws, cluster)) or _launching(aws, rows):
            return None
        return found
    except AwsError as error:
        if not can_go_without(error):
            raise
        return None


def _constraints(
    aws: Aws, cluster: str, service: Json, definition: Json, instances: Sequence[str]
) -> Iterator[Constraint]:
    """The placement constraints, each with the instances that meet it: AWS itself evaluates the expressions."""
    rows = [*(service.get("placementConstraints") or ()), *(definition.get("placementConstraints") or ())]
    for row in rows:
        if row.get("type") == "memberOf" and row.get("expression"):
            met = frozenset(ecs.list_container_instances(aws, cluster, query=str(row["expression"])))
            yield Constraint(f"memberOf({row['expression']})", met)
    alone = any(row.get("type") == "distinctInstance" for row in rows)
    if alone or service_view(service).scheduling == "DAEMON":
        name = str(service["serviceName"])
        tasks = list(ecs.list_tasks(aws, cluster, service=name))
        described = ecs.describe_tasks(aws, cluster, tasks).found if tasks else ()
        taken = {str(task.get("containerInstanceArn")) for task in described}
        yield Constraint("distinctInstance" if alone else "one task an instance", frozenset(instances) - taken)


def _zones(aws: Aws, service: Json) -> set[str]:
    """The Availability Zones of the service's subnets; empty where it has none or EC2 does not say."""
    network = (service.get("networkConfiguration") or {}).get("awsvpcConfiguration") or {}
    if not network.get("subnets"):
        return set()
    try:
        answer = aws.call("ec2", "DescribeSubnets", {"SubnetIds": list(network["subnets"])})
    except AwsError as error:
        if not can_go_without(error):
            raise
        return set()
    return {str(row["AvailabilityZone"]) for row in answer.get("Subnets", ()) if row.get("AvailabilityZone")}


def _any_stopping(aws: Aws, cluster: str) -> bool:
    """Whether a task of the cluster is on its way out and still holds its place."""
    stopped = list(islice(ecs.list_tasks(aws, cluster, desired_status="STOPPED"), STOPPED_LOOKED_AT))
    described = ecs.describe_tasks(aws, cluster, stopped).found if stopped else ()
    return any(task.get("lastStatus") != "STOPPED" for task in described)


def _launching(aws: Aws, rows: Sequence[Json]) -> bool:
    """Whether an Auto Scaling group of these instances wants more instances than are in the cluster."""
    ids = [str(row.get("ec2InstanceId") or "") for row in rows if row.get("status") == "ACTIVE"]
    try:
        groups: dict[str, int] = {}
        for instance in ec2.describe_instances(aws, ids):
            for tag in instance.get("Tags", ()):
                if tag.get("Key") == GROUP_TAG:
                    groups[str(tag["Value"])] = groups.get(str(tag["Value"]), 0) + 1
        if not groups:
            return False
        query = {"AutoScalingGroupNames": sorted(groups)}
        found = aws.pages("autoscaling", "DescribeAutoScalingGroups", query, "AutoScalingGroups")
        return any(int(row.get("DesiredCapacity") or 0) > groups.get(row["AutoScalingGroupName"], 0) for row in found)
    except AwsError as error:
        if not can_go_without(error):
            raise
        return False
