"""ECS clusters."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import TYPE_CHECKING

from ecsctl.errors import AwsError
from ecsctl.kinds.base import Actual, Kind, Scope, ecs_tags, last, owner_of
from ecsctl.resources import Cluster

if TYPE_CHECKING:
    from ecsctl.aws.session import Aws


class ClusterKind(Kind[Cluster]):
    """ecs:CreateCluster, DescribeClusters, DeleteCluster. A cluster of another maker is used as it is."""

    resource = Cluster
    gone = frozenset({"ClusterNotFoundException"})
    shared = True

    def find(self, aws: Aws, scope: Scope, names: Collection[str]) -> Iterable[Actual]:
        asked = sorted({*names, scope.cluster})
        answer = aws.call("ecs", "DescribeClusters", {"clusters": asked, "include": ["TAGS"]})
        for found in answer.get("clusters", ()):
            # Deleted clusters linger as INACTIVE.
            if found.get("status") == "INACTIVE":
                continue
            owner = owner_of(found.get("tags", ()), "key", "value")
            name = found["clusterName"]
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

    def delete(self, aws: Aws, scope: Scope, actual: Actual) -> None:
        name = actual.key.name
        _stop_tasks(aws, name)
        _deregister(aws, scope, name)
        aws.call("ecs", "DeleteCluster", {"cluster": name}, about=f"cluster {name}")


def _stop_tasks(aws: Aws, cluster: str) -> None:
    # Tasks of services have gone with their services; what is left was run by hand in a cluster that goes now.
    services = {f"service:{last(arn)}" for arn in aws.pages("ecs", "ListServices", {"cluster": cluster}, "serviceArns")}
    arns = list(aws.pages("ecs", "ListTasks", {"cluster": cluster}, "taskArns"))
    for start in range(0, len(arns), 100):
        answer = aws.call("ecs", "DescribeTasks", {"cluster": cluster, "tasks": arns[start : start + 100]})
        for task in answer.get("tasks", ()):
            if task.get("group") in services or task.get("desiredStatus") == "STOPPED":
                continue
            query = {"cluster": cluster, "task": task["taskArn"], "reason": "the cluster is deleted by ecsctl"}
            aws.call("ecs", "StopTask", query, about=f"task {last(task['taskArn'])}")


def _deregister(aws: Aws, scope: Scope, cluster: str) -> None:
    """Deregister what stays behind when an instance was stopped or lost its agent before it was terminated."""
    arns = list(aws.pages("ecs", "ListContainerInstances", {"cluster": cluster}, "containerInstanceArns"))
    for start in range(0, len(arns), 100):
        batch = arns[start : start + 100]
        answer = aws.call("ecs", "DescribeContainerInstances", {"cluster": cluster, "containerInstances": batch})
        found = {item.get("ec2InstanceId", ""): item for item in answer.get("containerInstances", ())}
        ids = [id_ for id_ in found if id_.startswith("i-")]
        query = {"Filters": [{"Name": "instance-id", "Values": ids}]}
        alive: dict[str, str | None] = {}
        for reservation in aws.pages("ec2", "DescribeInstances", query, "Reservations") if ids else ():
            for instance in reservation["Instances"]:
                if instance["State"]["Name"] not in ("terminated", "shutting-down"):
                    alive[instance["InstanceId"]] = owner_of(instance.get("Tags", ()))
        for id_ in ids:
            if id_ in alive and alive[id_] != scope.project:
                continue
            query_ = {
                "cluster": cluster,
                "containerInstance": found[id_]["containerInstanceArn"],
                "force": True,
            }
            try:
                aws.call("ecs", "DeregisterContainerInstance", query_, about=f"container instance of {id_}")
            except AwsError as error:
                # It deregistered itself in the meantime.
                if error.aws_code not in ("InvalidParameterException", "ClientException"):
                    raise
