"""ECS clusters."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from ecsctl.aws.ecs import deregister_instances
from ecsctl.deploy.changes import REMOVE, UPDATE, Change, Conflict
from ecsctl.deploy.compare import compare_fields
from ecsctl.deploy.guards import Use, require_unused
from ecsctl.deploy.kinds.base import (
    Actual,
    Deadline,
    Kind,
    Scope,
    arns_of,
    ecs_tags,
    last,
    owner_of,
    retag_ecs,
    tags_of,
    until_gone,
)
from ecsctl.deploy.resources import OWNER_TAG, Known, Resource
from ecsctl.deploy.usage import Usage
from ecsctl.ecs_definitions.field_changes import FieldChange
from ecsctl.errors import AwsError
from ecsctl.polling import Progress

if TYPE_CHECKING:
    from ecsctl.aws.session import Aws


@dataclass(frozen=True)
class Cluster(Resource):
    """An ECS cluster. ``providers``: those of Fargate's that its services use; what it has besides is left alone.

    ``namespace``: of Service Connect, for services that name none; another that the cluster has will do as well.
    """

    kind: ClassVar[str] = "cluster"
    providers: frozenset[str] = frozenset()
    namespace: str | None = None

    def fields(self) -> dict[str, Any]:
        defaults = {"namespace": self.namespace} if self.namespace else None
        return {"capacityProviders": self.providers or None, "serviceConnectDefaults": defaults}


class ClusterKind(Kind[Cluster]):
    """Found by its name, and by its owner tag where it is not the scope's; one of another maker is used as it is."""

    resource = Cluster
    retagging = "ecs tag-resource --resource-arn {id} --tags key={tag},value={project}"
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
        "ecs:PutClusterCapacityProviders",
        "ecs:StopTask",
        "ecs:TagResource",
        "ecs:UntagResource",
        "ecs:UpdateCluster",
        "ec2:DescribeInstances",
        "resourcegroupstaggingapi:GetResources",
    )
    # ECS makes the namespace with the rights of whoever calls.
    permissions = ("servicediscovery:CreateHttpNamespace", "servicediscovery:GetNamespace")
    gone = frozenset({"ClusterNotFoundException"})
    shared = True

    def is_race(self, error: AwsError) -> bool:
        # Another project has made it in the meantime, with tags of its own.
        return super().is_race(error) or "idempotent request are inconsistent" in error.aws_message

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
                fields={
                    "capacityProviders": frozenset(found.get("capacityProviders") or ()),
                    "defaultCapacityProviderStrategy": list(found.get("defaultCapacityProviderStrategy") or ()),
                    "serviceConnectDefaults": found.get("serviceConnectDefaults") or None,
                },
                attributes={"name": name, "arn": found["clusterArn"]},
                tags=tags_of(found.get("tags"), "key", "value"),
                status="" if found.get("status") == "ACTIVE" else str(found.get("status")),
            )

    def users(self, usage: Usage, change: Change) -> Iterable[Use]:
        """Services, tasks and instances of others in the cluster, and the capacity providers that it is given."""
        if change.action == UPDATE:
            return
        name = change.key.name
        for item in usage.foreign(name):
            yield item.use("stop" if item.kind == "task" else "take the cluster from")
        for instance in usage.instances(name):
            if not instance.ended and instance.owner != usage.scope.project:
                ends = (
                    f"aws ecs deregister-container-instance --cluster {name} --container-instance {last(instance.arn)}"
                )
                yield Use(f"instance {instance.id}", instance.owner, "take the cluster from", ends=f"{ends} --force")
        for provider in usage.cluster(name).get("capacityProviders", ()):
            if not str(provider).startswith("FARGATE"):
                ends = f"aws ecs put-cluster-capacity-providers --cluster {name} --capacity-providers"
                ends += " --default-capacity-provider-strategy"
                yield Use(f"capacity-provider {last(str(provider))}", None, "take the cluster from", ends=ends)

    def differences(self, resource: Cluster, actual: Actual, known: Known) -> Iterator[FieldChange]:
        """Providers that somebody associated besides, and another namespace, are left alone."""
        has = {"capacityProviders": (actual.fields.get("capacityProviders") or frozenset()) & resource.providers}
        wanted = resource.fields()
        if actual.fields.get("serviceConnectDefaults"):
            del wanted["serviceConnectDefaults"]
        yield from compare_fields(has, wanted)

    def obstacles(self, resource: Cluster, actual: Actual, known: Known) -> Iterable[Conflict]:
        """What a cluster of another maker lacks: it is used as it is."""
        if actual.owner == resource.tags.get(OWNER_TAG):
            return
        for change in self.differences(resource, actual, known):
            lacks = (
                "a namespace for Service Connect" if change.field == "serviceConnectDefaults" else "Fargate's capacity"
            )
            yield Conflict(actual.key, actual.id, actual.owner, part=f"{actual.key}, which is without {lacks}")

    def conflict_hint(self, conflict: Conflict, cluster: str) -> str | None:
        if "Service Connect" in conflict.part:
            asks = f"aws ecs update-cluster --cluster {cluster} --service-connect-defaults namespace={cluster}"
            return f"`{asks}` gives it one"
        return "`aws ecs put-cluster-capacity-providers` associates them"

    def create(self, aws: Aws, resource: Cluster) -> Mapping[str, str]:
        query: dict[str, Any] = {"clusterName": resource.name, "tags": ecs_tags(resource.tags)}
        if resource.providers:
            query["capacityProviders"] = sorted(resource.providers)
        if resource.namespace:
            query["serviceConnectDefaults"] = {"namespace": resource.namespace}
        answer = aws.call("ecs", "CreateCluster", query, about=f"cluster {resource.name}")
        return {"name": resource.name, "arn": answer["cluster"]["clusterArn"]}

    def update(self, aws: Aws, resource: Cluster, actual: Actual, changed: Collection[str]) -> Mapping[str, str]:
        about = f"cluster {resource.name}"
        if "serviceConnectDefaults" in changed:
            defaults = {"cluster": resource.name, "serviceConnectDefaults": {"namespace": resource.namespace}}
            aws.call("ecs", "UpdateCluster", defaults, about=about)
        if "capacityProviders" not in changed:
            return actual.attributes
        # The call replaces both lists.
        query = {
            "cluster": resource.name,
            "capacityProviders": sorted(actual.fields["capacityProviders"] | resource.providers),
            "defaultCapacityProviderStrategy": actual.fields["defaultCapacityProviderStrategy"],
        }
        aws.call("ecs", "PutClusterCapacityProviders", query, about=about)
        return actual.attributes

    def retag(self, aws: Aws, actual: Actual, put: Mapping[str, str], drop: Sequence[str]) -> None:
        retag_ecs(aws, actual.id, put, drop)

    def delete(self, aws: Aws, scope: Scope, actual: Actual, deadline: Deadline) -> None:
        """Remove a cluster with the project's own tasks in it, and what dead instances left registered.

        Raises:
            ConflictError: others have begun to use it since it was planned; nothing of it is touched then.
            WaitTimeoutError: its tasks have not stopped in time.
        """
        name = actual.key.name
        usage = Usage(aws, scope)
        change = Change(REMOVE, actual.key, actual=actual)
        require_unused(scope.project, actual.key, self.users(usage, change))
        for task in usage.workloads(name):
            # The tasks of services have gone with their services; what is left was started by `ecsctl run`.
            if task.kind == "task":
                _stop(aws, name, task.arn)
        deregister_instances(aws, name, [item.id for item in usage.instances(name)])
        hint = f"run the same command again; `ecsctl ps -c {name} --all` shows the tasks that it waits for"
        until_gone(lambda: _tasks_left(aws, name), f"the tasks of cluster {name}", deadline, hint)
        aws.call("ecs", "DeleteCluster", {"cluster": name}, about=f"cluster {name}")


def _stop(aws: Aws, cluster: str, arn: str) -> None:
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
