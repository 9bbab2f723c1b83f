"""What ECS is asked: lists as pages, describes in batches of the API's limits, ``failures[]`` beside what was found.

Answers are the API's own mappings; :mod:`ecsctl.query.views` makes values of them.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice

from ecsctl.aws.concurrency import map_concurrently
from ecsctl.aws.session import Aws, Json, batches, is_error
from ecsctl.errors import AwsError, NotFoundError

AWS_OPERATIONS = (
    "ecs:DeregisterContainerInstance",
    "ecs:DescribeClusters",
    "ecs:DescribeContainerInstances",
    "ecs:DescribeServices",
    "ecs:DescribeTaskDefinition",
    "ecs:DescribeTasks",
    "ecs:ListClusters",
    "ecs:ListContainerInstances",
    "ecs:ListServices",
    "ecs:ListTaskDefinitionFamilies",
    "ecs:ListTaskDefinitions",
    "ecs:ListTasks",
    "ecs:RunTask",
    "ecs:StopTask",
)

# The most that one describe call takes.
TASKS = 100
CONTAINER_INSTANCES = 100
CLUSTERS = 100
SERVICES = 10
# The most that one list page gives, and one RunTask call starts.
PAGE = 100
RUN_TASK = 10
# How many services a hint names.
KNOWN_SERVICES = 20


@dataclass(frozen=True)
class Failure:
    """A row of ``failures[]``: what it is about (an ARN, or nothing), the reason (``MISSING``) and its detail."""

    arn: str
    reason: str
    detail: str = ""

    def __str__(self) -> str:
        return f"{self.reason} ({self.detail})" if self.detail else self.reason


@dataclass(frozen=True)
class Described:
    """The answer of a describe call: what was found, and the failures, which come with HTTP 200."""

    found: tuple[Json, ...]
    failures: tuple[Failure, ...]


def failures_of(answer: Json) -> tuple[Failure, ...]:
    """The ``failures[]`` of an answer."""
    return tuple(
        Failure(str(row.get("arn", "")), str(row.get("reason", "")), str(row.get("detail", "")))
        for row in answer.get("failures", ())
    )


def _describe(ask: Callable[[Sequence[str]], Json], names: Sequence[str], size: int, result: str) -> Described:
    answers = list(map_concurrently(ask, list(batches(names, size))))
    return Described(
        tuple(item for answer in answers for item in answer.get(result, ())),
        tuple(failure for answer in answers for failure in failures_of(answer)),
    )


def list_tasks(
    aws: Aws,
    cluster: str,
    *,
    service: str | None = None,
    family: str | None = None,
    container_instance: str | None = None,
    started_by: str | None = None,
    desired_status: str = "RUNNING",
) -> Iterator[str]:
    """The ARNs of a cluster's tasks whose desired status is RUNNING or STOPPED (ecs:ListTasks).

    ``started_by`` must be the only filter. Stopped tasks are kept for about an hour.

    Raises:
        AwsError: ClusterNotFoundException (exit 6), ServiceNotFoundException (exit 6) …
    """
    query: Json = {"cluster": cluster, "maxResults": PAGE}
    if started_by is not None:
        query["startedBy"] = started_by
    else:
        query["desiredStatus"] = desired_status
        filters = {"serviceName": service, "family": family, "containerInstance": container_instance}
        query.update({name: value for name, value in filters.items() if value})
    return aws.pages("ecs", "ListTasks", query, "taskArns", about=f"cluster {cluster}")


def describe_tasks(aws: Aws, cluster: str, tasks: Sequence[str]) -> Described:
    """Describe tasks by id or ARN, 100 a call (ecs:DescribeTasks). A task of another cluster is a failure MISSING."""

    def ask(batch: Sequence[str]) -> Json:
        return aws.call("ecs", "DescribeTasks", {"cluster": cluster, "tasks": list(batch)}, about=f"cluster {cluster}")

    return _describe(ask, tasks, TASKS, "tasks")


def describe_listed_tasks(aws: Aws, cluster: str, arns: Iterable[str]) -> Iterator[Described]:
    """Describe the tasks of a listing while it goes on, 100 at a time: the next page is asked for meanwhile."""

    def cut() -> Iterator[list[str]]:
        source = iter(arns)
        while batch := list(islice(source, TASKS)):
            yield batch

    return map_concurrently(lambda batch: describe_tasks(aws, cluster, batch), cut())


def list_container_instances(
    aws: Aws, cluster: str, *, status: str | None = None, query: str | None = None
) -> Iterator[str]:
    """The ARNs of a cluster's container instances (ecs:ListContainerInstances).

    Args:
        status: ``ACTIVE``, ``DRAINING`` … or None for all but INACTIVE.
        query: an expression of the cluster query language, as ``ec2InstanceId == i-0abc``.
    """
    asked: Json = {"cluster": cluster, "maxResults": PAGE}
    if status:
        asked["status"] = status
    if query:
        asked["filter"] = query
    return aws.pages("ecs", "ListContainerInstances", asked, "containerInstanceArns", about=f"cluster {cluster}")


def describe_container_instances(aws: Aws, cluster: str, instances: Sequence[str]) -> Described:
    """Describe container instances by id or ARN, 100 a call (ecs:DescribeContainerInstances)."""

    def ask(batch: Sequence[str]) -> Json:
        query = {"cluster": cluster, "containerInstances": list(batch)}
        return aws.call("ecs", "DescribeContainerInstances", query, about=f"cluster {cluster}")

    return _describe(ask, instances, CONTAINER_INSTANCES, "containerInstances")


def list_clusters(aws: Aws) -> Iterator[str]:
    """The ARNs of the region's clusters (ecs:ListClusters)."""
    return aws.pages("ecs", "ListClusters", {"maxResults": PAGE}, "clusterArns")


def describe_clusters(aws: Aws, clusters: Sequence[str]) -> Described:
    """Describe clusters by name or ARN, 100 a call, with tags; deleted ones are still told as INACTIVE."""

    def ask(batch: Sequence[str]) -> Json:
        return aws.call("ecs", "DescribeClusters", {"clusters": list(batch), "include": ["TAGS"]})

    return _describe(ask, clusters, CLUSTERS, "clusters")


def list_services(aws: Aws, cluster: str) -> Iterator[str]:
    """The ARNs of a cluster's services; those DRAINING are left out by AWS (ecs:ListServices)."""
    query: Json = {"cluster": cluster, "maxResults": PAGE}
    return aws.pages("ecs", "ListServices", query, "serviceArns", about=f"cluster {cluster}")


def describe_services(aws: Aws, cluster: str, services: Sequence[str]) -> Described:
    """Describe services by name or ARN, 10 a call, with tags (ecs:DescribeServices)."""

    def ask(batch: Sequence[str]) -> Json:
        query = {"cluster": cluster, "services": list(batch), "include": ["TAGS"]}
        return aws.call("ecs", "DescribeServices", query, about=f"cluster {cluster}")

    return _describe(ask, services, SERVICES, "services")


def describe_task_definition(aws: Aws, name: str) -> Json | None:
    """A task definition with its ``tags``, or None where there is none (ecs:DescribeTaskDefinition).

    Args:
        name: ``family`` (its latest ACTIVE revision), ``family:revision`` or an ARN.
    """
    query = {"taskDefinition": name, "include": ["TAGS"]}
    try:
        answer = aws.call("ecs", "DescribeTaskDefinition", query, about=name)
    except Exception as error:
        if is_error(error, "ClientException") and "unable to describe" in str(error).lower():
            return None
        raise
    return {**answer["taskDefinition"], "tags": answer.get("tags", [])}


def list_task_definitions(aws: Aws, family: str | None, *, status: str = "ACTIVE") -> Iterator[str]:
    """The ARNs of the family's (or all) revisions of that status, oldest first (ecs:ListTaskDefinitions).

    The API takes a prefix of the family; what merely begins like it is left out here.
    """
    query: Json = {"status": status, "sort": "ASC", "maxResults": PAGE}
    if family is not None:
        query["familyPrefix"] = family
    for arn in aws.pages("ecs", "ListTaskDefinitions", query, "taskDefinitionArns", about=family):
        if family is None or arn.rsplit("/", 1)[-1].rpartition(":")[0] == family:
            yield arn


def list_families(aws: Aws, prefix: str | None = None) -> Iterator[str]:
    """The families that have an ACTIVE revision (ecs:ListTaskDefinitionFamilies)."""
    query: Json = {"status": "ACTIVE", "maxResults": PAGE}
    if prefix:
        query["familyPrefix"] = prefix
    return aws.pages("ecs", "ListTaskDefinitionFamilies", query, "families")


def require_cluster(aws: Aws, cluster: str) -> Json:
    """The cluster's description.

    Raises:
        NotFoundError: there is none, or it was deleted.
    """
    for found in describe_clusters(aws, [cluster]).found:
        if found.get("status") != "INACTIVE":
            return found
    raise NotFoundError(
        f"there is no cluster {cluster} in {aws.region}",
        hint="`ecsctl cluster list` shows those of this region; `ecsctl cluster create NAME` makes one",
    )


def run_task(aws: Aws, request: Json) -> tuple[list[Json], tuple[Failure, ...]]:
    """Start up to 10 tasks (ecs:RunTask): those started, and the failures, which come with HTTP 200.

    Raises:
        AwsError: InvalidParameterException "No Container Instances were found in your cluster.", ClientException
            where the task definition does not exist …
    """
    answer = aws.call("ecs", "RunTask", request, about=str(request.get("taskDefinition", "")))
    return list(answer.get("tasks", ())), failures_of(answer)


def stop_task(aws: Aws, cluster: str, task: str, reason: str) -> Json:
    """Ask for a task's end (ecs:StopTask): SIGTERM now, SIGKILL after its stopTimeout."""
    query = {"cluster": cluster, "task": task, "reason": reason}
    answer: Json = aws.call("ecs", "StopTask", query, about=f"task {task}")["task"]
    return answer


def deregister_instances(aws: Aws, cluster: str, instances: Collection[str], *, disconnected: bool = False) -> None:
    """Deregister the container instances of these EC2 ids (ecs:DeregisterContainerInstance, with force).

    Args:
        disconnected: only those whose agent is not connected.
    """
    if not instances:
        return
    try:
        arns = list(list_container_instances(aws, cluster))
    except AwsError as error:
        if error.aws_code == "ClusterNotFoundException":
            return
        raise
    for item in describe_container_instances(aws, cluster, arns).found:
        if item.get("ec2InstanceId") not in instances or (disconnected and item.get("agentConnected")):
            continue
        query = {"cluster": cluster, "containerInstance": item["containerInstanceArn"], "force": True}
        try:
            aws.call("ecs", "DeregisterContainerInstance", query, about=f"instance {item.get('ec2InstanceId')}")
        except AwsError as error:
            # It deregistered itself in the meantime.
            if error.aws_code not in ("InvalidParameterException", "ClientException"):
                raise


def no_service(aws: Aws, cluster: str, service: str) -> NotFoundError:
    """The error for a service that does not exist; its hint names those that do."""
    names = [arn.rpartition("/")[2] for arn in list_services(aws, cluster)]
    home = cluster.rpartition("/")[2]
    known = f"its services: {', '.join(sorted(names)[:KNOWN_SERVICES])}" if names else "it has no services"
    return NotFoundError(f"there is no service {service} in cluster {home}", hint=known)
