"""What lives in an account, whoever made it: services, tasks and instances, as far as a plan may take something from
them. Read only when a plan takes something away, and each thing once.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeVar

from ecsctl.aws import ec2, ecs
from ecsctl.aws.concurrency import map_concurrently
from ecsctl.aws.session import batches
from ecsctl.deploy.guards import Use
from ecsctl.deploy.resources import Scope, owner_of
from ecsctl.errors import AwsError

if TYPE_CHECKING:
    from ecsctl.aws.session import Aws

# Besides those of `aws.ec2` and `aws.ecs`.
AWS_OPERATIONS = ("autoscaling:DescribeAutoScalingGroups", "ecs:DescribeTasks")

T = TypeVar("T")
ENDED = ("terminated", "shutting-down")
NO_CLUSTER = "ClusterNotFoundException"


@dataclass(frozen=True)
class Registered:
    """A container instance: its EC2 id (``mi-…`` of ECS Anywhere) and the owner; ``ended``: EC2 has it no more."""

    arn: str
    id: str
    owner: str | None
    ended: bool = False


@dataclass(frozen=True)
class Workload:
    """A service, or a task that no service started.

    ``hosts`` are the EC2 ids of the instances that its tasks run on, one entry a task; ``definitions`` the ARNs of the
    task definitions that it runs; ``described`` is what ECS says of a service; ``interfaces`` the ids of the network
    interfaces that its tasks have of their own.
    """

    kind: str
    name: str
    cluster: str
    owner: str | None
    hosts: tuple[str, ...] = ()
    definitions: frozenset[str] = frozenset()
    described: Mapping[str, Any] = field(default_factory=dict, compare=False)
    arn: str = field(default="", compare=False)
    interfaces: frozenset[str] = field(default=frozenset(), compare=False)

    @property
    def ends(self) -> str:
        """The command that ends it."""
        if self.kind == "task":
            return f"ecsctl stop {self.name[:8]} -c {self.cluster}"
        if self.owner:
            return f"ecsctl service delete {self.name} -c {self.cluster}"
        return f"aws ecs delete-service --cluster {self.cluster} --service {self.name} --force"

    def use(self, effect: str, detail: str = "") -> Use:
        """It as a user of something."""
        shown = self.name[:8] if self.kind == "task" else self.name
        return Use(f"{self.kind} {shown}", self.owner, effect, detail, self.ends)


class Usage:
    """The account of one plan. Every method reads what it needs, and remembers it."""

    def __init__(self, aws: Aws, scope: Scope) -> None:
        self.aws = aws
        self.scope = scope
        self._read: dict[Hashable, Any] = {}

    def once(self, key: Hashable, read: Callable[[], T]) -> T:
        """What ``read`` returns, read once under that key."""
        if key not in self._read:
            self._read[key] = read()
        found: T = self._read[key]
        return found

    def cluster(self, name: str) -> Mapping[str, Any]:
        """What ECS says of a cluster (ecs:DescribeClusters); empty where there is none."""

        def read() -> Mapping[str, Any]:
            found = ecs.describe_clusters(self.aws, [name]).found
            return next((item for item in found if item.get("status") != "INACTIVE"), {})

        return self.once(("cluster", name), read)

    def clusters(self) -> list[str]:
        """The names of all clusters of the region (ecs:ListClusters)."""
        return self.once("clusters", lambda: [_last(arn) for arn in ecs.list_clusters(self.aws)])

    def services(self, cluster: str) -> list[Workload]:
        """The services of a cluster, without their tasks (ecs:ListServices, DescribeServices)."""

        def read() -> list[Workload]:
            try:
                named = {_last(arn) for arn in ecs.list_services(self.aws, cluster)}
                # Those that drain, or have just gone, are not listed; their tasks name them.
                busy = {service for task in self._tasks_read(cluster) if (service := _service_of(task))}
                described = ecs.describe_services(self.aws, cluster, sorted(named | busy)).found
            except AwsError as error:
                if error.aws_code == NO_CLUSTER:
                    return []
                raise
            left = [item for item in described if item.get("status") != "INACTIVE" or item["serviceName"] in busy]
            return [_service(cluster, item) for item in left]

        return self.once(("services", cluster), read)

    def all_services(self) -> list[Workload]:
        """The services of all clusters of the region."""

        def read() -> list[Workload]:
            found = map_concurrently(lambda cluster: _listed(self.aws, cluster), self.clusters())
            return [service for services in found for service in services]

        return self.once("all services", read)

    def workloads(self, cluster: str) -> list[Workload]:
        """The services of a cluster with their tasks, and its tasks that no service started.

        A task that ``ecsctl run`` started carries the cluster's name: in a cluster of the project's it is its own.
        """

        def read() -> list[Workload]:
            services = {service.name: service for service in self.services(cluster)}
            hosts = {item.arn: item.id for item in self.instances(cluster)}
            tasks = self._tasks_read(cluster)
            found = []
            for name, service in services.items():
                mine = [task for task in tasks if _service_of(task) == name]
                found.append(
                    Workload(
                        "service",
                        name,
                        cluster,
                        service.owner,
                        _hosts(mine, hosts),
                        service.definitions | {str(task.get("taskDefinitionArn", "")) for task in mine},
                        service.described,
                        service.arn,
                        _interfaces(mine),
                    )
                )
            alone = [task for task in tasks if _service_of(task) not in services]
            return [*found, *(self._alone(cluster, task, hosts) for task in alone)]

        return self.once(("workloads", cluster), read)

    def by_interface(self, ids: Collection[str]) -> Mapping[str, Workload]:
        """Whose task each of these network interfaces is, as far as a task of the region has it of its own.

        Other clusters than the project's are read only where it has not all of them.
        """

        def of(clusters: Sequence[str]) -> dict[str, Workload]:
            parts = map_concurrently(self.workloads, clusters)
            return {id_: item for part in parts for item in part for id_ in item.interfaces}

        found = of([self.scope.cluster]) if ids else {}
        return found if found.keys() >= set(ids) else of(self.clusters())

    def foreign(self, cluster: str) -> list[Workload]:
        """The workloads of a cluster that are not the project's."""
        return [item for item in self.workloads(cluster) if item.owner != self.scope.project]

    def on_instances(self, cluster: str, ids: Collection[str], effect: str = "stop") -> Iterator[Use]:
        """The workloads of others that have tasks on some of these instances."""
        if not ids:
            return
        for item in self.foreign(cluster):
            hit = [host for host in item.hosts if host in ids]
            if hit and item.kind == "task":
                yield item.use(effect, f"on {hit[0]}")
            elif hit:
                tasks = "1 task" if len(hit) == 1 else f"{len(hit)} tasks"
                yield item.use(effect, f"{tasks} on {', '.join(sorted(set(hit)))}")

    def services_that(self, refer: Callable[[Mapping[str, Any]], bool], effect: str, detail: str = "") -> Iterator[Use]:
        """The services, of all clusters, whose description ``refer`` finds to use something."""
        for service in self.all_services():
            if service.owner != self.scope.project and refer(service.described):
                yield service.use(effect, detail)

    def definition(self, arn: str) -> Mapping[str, Any]:
        """A task definition; empty where there is none any more (ecs:DescribeTaskDefinition)."""
        return self.once(("definition", arn), lambda: ecs.describe_task_definition(self.aws, arn) or {})

    def scaling_groups(self) -> list[Mapping[str, Any]]:
        """All Auto Scaling groups of the region (autoscaling:DescribeAutoScalingGroups)."""
        return self.once(
            "scaling groups",
            lambda: list(self.aws.pages("autoscaling", "DescribeAutoScalingGroups", {}, "AutoScalingGroups")),
        )

    def instances(self, cluster: str) -> list[Registered]:
        """The container instances of a cluster, with the owners of their EC2 instances."""

        def read() -> list[Registered]:
            try:
                arns = list(ecs.list_container_instances(self.aws, cluster))
                found = ecs.describe_container_instances(self.aws, cluster, arns).found
            except AwsError as error:
                if error.aws_code == NO_CLUSTER:
                    return []
                raise
            ids = {str(row["containerInstanceArn"]): str(row.get("ec2InstanceId") or "") for row in found}
            machines = self.machines([id_ for id_ in ids.values() if id_.startswith("i-")])
            return [
                Registered(
                    arn,
                    id_ or _last(arn),
                    owner_of(machines.get(id_, {}).get("Tags", ())),
                    id_.startswith("i-") and machines.get(id_, {}).get("State", {}).get("Name", ENDED[0]) in ENDED,
                )
                for arn, id_ in ids.items()
            ]

        return self.once(("instances", cluster), read)

    def machines(self, ids: Collection[str]) -> dict[str, Mapping[str, Any]]:
        """The EC2 instances of these ids, by id (ec2:DescribeInstances)."""
        wanted = tuple(sorted(set(ids)))
        described = self.once(("machines", wanted), lambda: ec2.describe_instances(self.aws, wanted))
        return {str(item["InstanceId"]): item for item in described}

    def _tasks_read(self, cluster: str) -> list[Mapping[str, Any]]:
        """The tasks of a cluster that are meant to run, with their tags (ecs:ListTasks, DescribeTasks)."""

        def describe(arns: Any) -> list[Mapping[str, Any]]:
            query = {"cluster": cluster, "tasks": list(arns), "include": ["TAGS"]}
            answer = self.aws.call("ecs", "DescribeTasks", query, about=f"cluster {cluster}")
            return [task for task in answer.get("tasks", ()) if task.get("lastStatus") != "STOPPED"]

        def read() -> list[Mapping[str, Any]]:
            try:
                arns = list(ecs.list_tasks(self.aws, cluster))
            except AwsError as error:
                if error.aws_code == NO_CLUSTER:
                    return []
                raise
            return [task for part in map_concurrently(describe, list(batches(arns, ecs.TASKS))) for task in part]

        return self.once(("tasks", cluster), read)

    def _alone(self, cluster: str, task: Mapping[str, Any], hosts: Mapping[str, str]) -> Workload:
        arn = str(task["taskArn"])
        owner = owner_of(task.get("tags", ()), "key", "value")
        if owner == cluster and owner_of(self.cluster(cluster).get("tags", ()), "key", "value") == self.scope.project:
            owner = self.scope.project
        definition = frozenset({str(task.get("taskDefinitionArn", ""))})
        return Workload(
            "task",
            _last(arn),
            cluster,
            owner,
            _hosts([task], hosts),
            definition,
            arn=arn,
            interfaces=_interfaces([task]),
        )


def _listed(aws: Aws, cluster: str) -> list[Workload]:
    try:
        names = [_last(arn) for arn in ecs.list_services(aws, cluster)]
        found = ecs.describe_services(aws, cluster, names).found
    except AwsError as error:
        if error.aws_code == NO_CLUSTER:
            return []
        raise
    return [_service(cluster, item) for item in found if item.get("status") != "INACTIVE"]


def _service(cluster: str, item: Mapping[str, Any]) -> Workload:
    parts = (item, *item.get("deployments", ()), *item.get("taskSets", ()))
    return Workload(
        "service",
        str(item["serviceName"]),
        cluster,
        owner_of(item.get("tags", ()), "key", "value"),
        definitions=frozenset(str(part["taskDefinition"]) for part in parts if part.get("taskDefinition")),
        described=item,
        arn=str(item.get("serviceArn", "")),
    )


def _service_of(task: Mapping[str, Any]) -> str:
    """The service that started a task; empty where none did."""
    group = str(task.get("group") or "")
    return group.partition(":")[2] if group.startswith("service:") else ""


def _interfaces(tasks: Collection[Mapping[str, Any]]) -> frozenset[str]:
    details = (
        detail
        for task in tasks
        for attachment in task.get("attachments", ())
        for detail in attachment.get("details", ())
    )
    return frozenset(str(item.get("value")) for item in details if item.get("name") == "networkInterfaceId")


def _hosts(tasks: Collection[Mapping[str, Any]], hosts: Mapping[str, str]) -> tuple[str, ...]:
    arns = [str(task.get("containerInstanceArn") or "") for task in tasks]
    return tuple(hosts[arn] for arn in arns if arn in hosts)


def _last(arn: str) -> str:
    return arn.rsplit("/", 1)[-1]
