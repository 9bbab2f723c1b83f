"""ECS clusters."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from ecsctl.aws.ecs import deregister_instances
from ecsctl.deploy.kinds.base import Actual, Deadline, Kind, Scope, arns_of, ecs_tags, last, owner_of, until_gone
from ecsctl.deploy.resources import Resource
from ecsctl.errors import AwsError, ConflictError
from ecsctl.polling import Progress

if TYPE_CHECKING:
    from ecsctl.aws.session import Aws


@dataclass(frozen=True)
class Cluster(Resource):
    """An ECS cluster."""

    kind: ClassVar[str] = "cluster"


class ClusterKind(Kind[Cluster]):
    """Found by its name, and by its owner tag where it is not the scope's; one of another maker is used as it is."""

    resource = Cluster
    operations = (
        "ecs:CreateCluster",
        "ecs:DeleteCluster",
        "ecs:DeregisterContainerInstance",
        "ecs:DescribeClusters",
        "ecs:DescribeContainerInstances",
        "ecs:DescribeServices",
        "ecs:ListContainerInstances",
        "ecs:ListServices",
        "ecs:ListTasks",
        "ecs:StopTask",
        "ec2:DescribeInstances",
        "resourcegroupstaggingapi:GetResources",
    )
    permissions = ("ecs:TagResource",)
    gone = frozenset({"ClusterNotFoundException"})
    shared = True

    def find(self, aws: Aws, scope: Scope, names: Collection[str]) -> Iterable[Actual]:
        from ecsctl.aws.ecs import describe_clusters

        # A file that names another cluster than before leaves its old one behind.
        others = () if scope.alone else (last(arn) for arn in arns_of(aws, scope, "ecs:cluster"))
        asked = sorted({*names, scope.cluster, *others})
        for found in describe_clusters(aws, asked).found:
            # Deleted clusters linger as INACTIVE.
            if found.get("status") == "INACTIVE":
                continue
            owner = owner_of(found.get("tags", ()), "key", "value")
            name = found["clusterName"]
            if name not in (*names, scope.cluster) and owner != scope.project:
                continue
            yield Actual(
                self.resource(name).key,
                found["clusterArn"],
                owner,
                attributes={"name": name, "arn": found["clusterArn"]},
                status="" if found.get("status") == "ACTIVE" else str(found.get("status")),
            )

    def create(self, aws: Aws, resource: Cluster) -> Mapping[str, str]:
        answer = aws.call(
            "ecs",
            "CreateCluster",
            {"clusterName": resource.name, "tags": ecs_tags(resource.tags)},
            about=f"cluster {resource.name}",
        )
        return {"name": resource.name, "arn": answer["cluster"]["clusterArn"]}

    def delete(self, aws: Aws, scope: Scope, actual: Actual, deadline: Deadline) -> None:
        """Remove a cluster with the tasks that were run by hand in it, and what dead instances left registered.

        Raises:
            ConflictError: it holds services or instances that this project did not make; nothing is touched then.
            WaitTimeoutError: its tasks have not stopped in time.
        """
        name = actual.key.name
        _require_empty(aws, scope, name)
        _stop_tasks(aws, name)
        hint = f"run the same command again; `ecsctl ps -c {name} --all` shows the tasks that it waits for"
        until_gone(lambda: _tasks_left(aws, name), f"the tasks of cluster {name}", deadline, hint)
        aws.call("ecs", "DeleteCluster", {"cluster": name}, about=f"cluster {name}")


def _require_empty(aws: Aws, scope: Scope, cluster: str) -> None:
    """Refuse to take a cluster from under others; deregister what is registered of instances that have ended."""
    from ecsctl.aws.ecs import describe_services, list_services

    listed = describe_services(aws, cluster, list(list_services(aws, cluster))).found
    services = [str(item["serviceName"]) for item in listed if item.get("status") != "INACTIVE"]
    registered = {str(item.get("ec2InstanceId", "")): item for item in _instances(aws, cluster)}
    alive = _alive(aws, [id_ for id_ in registered if id_.startswith("i-")])
    alive.update({id_: None for id_ in registered if not id_.startswith("i-")})
    foreign = [id_ for id_, owner in alive.items() if owner != scope.project]
    if services or foreign:
        raise ConflictError(
            f"cluster {cluster} is used by what project {scope.project} did not make, so it stays",
            details=[*(f"service {service}" for service in services), *(f"instance {id_}" for id_ in foreign)],
            hint="remove these, or leave the cluster to them",
        )
    deregister_instances(aws, cluster, list(registered))


def _instances(aws: Aws, cluster: str) -> Iterator[dict[str, Any]]:
    arns = list(aws.pages("ecs", "ListContainerInstances", {"cluster": cluster}, "containerInstanceArns"))
    for start in range(0, len(arns), 100):
        query = {"cluster": cluster, "containerInstances": arns[start : start + 100]}
        yield from aws.call("ecs", "DescribeContainerInstances", query).get("containerInstances", ())


def _alive(aws: Aws, ids: Collection[str]) -> dict[str, str | None]:
    """The owner by id of those instances that have not ended."""
    from ecsctl.aws.ec2 import describe_instances

    return {
        item["InstanceId"]: owner_of(item.get("Tags", ()))
        for item in describe_instances(aws, sorted(ids))
        if item["State"]["Name"] not in ("terminated", "shutting-down")
    }


def _stop_tasks(aws: Aws, cluster: str) -> None:
    # The tasks of services have gone with their services; what is left was run by hand in a cluster that goes now.
    for arn in aws.pages("ecs", "ListTasks", {"cluster": cluster}, "taskArns"):
        query = {"cluster": cluster, "task": arn, "reason": "the cluster is deleted by ecsctl"}
        try:
            aws.call("ecs", "StopTask", query, about=f"task {last(arn)}")
        except AwsError as error:
            # It ended in the meantime.
            if error.aws_code != "InvalidParameterException":
                raise


def _tasks_left(aws: Aws, cluster: str) -> Progress:
    answer = aws.call("ecs", "DescribeClusters", {"clusters": [cluster]}, about=f"cluster {cluster}")
    left = sum(
        int(found.get(count, 0))
        for found in answer.get("clusters", ())
        for count in ("runningTasksCount", "pendingTasksCount")
        if found.get("status") != "INACTIVE"
    )
    return Progress(not left, lines=(f"cluster {cluster}: {left} tasks are still stopping",) if left else ())
