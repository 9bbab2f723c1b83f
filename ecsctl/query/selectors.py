"""From what a user names to tasks: ids, prefixes, ARNs, container and host names, services, families.

A full id or ARN is described at once (one call). All else is looked for in the cluster's list of tasks. What is not
there is looked for in the region's other clusters, to say where it is; it is never taken from there unasked.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from ecsctl.aws import ecs
from ecsctl.aws.session import Aws, is_error
from ecsctl.errors import EcsctlError, NotFoundError, UsageError
from ecsctl.query.views import InstanceView, TaskView, instance_view, name_of, task_view

FULL_ID = re.compile(r"[0-9a-f]{32}|[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
PREFIX = re.compile(r"[0-9a-f][0-9a-f-]*")
INSTANCE_ID = re.compile(r"m?i-[0-9a-f]+")
# A container's host name is the first 12 digits of its runtime id.
HOST_NAME = re.compile(r"[0-9a-f]{12,64}")
# How many other clusters are looked through for a task that is not in the one asked.
ELSEWHERE = 50
CANDIDATES = 20


@dataclass(frozen=True)
class Selector:
    """What a user wrote for a task; ``cluster`` is the one that an ARN names."""

    text: str
    id: str
    cluster: str | None = None

    @property
    def full(self) -> bool:
        """Whether it is a whole task id."""
        return FULL_ID.fullmatch(self.id) is not None


def parse(text: str, region: str | None = None) -> Selector:
    """Read a task's id, prefix, ARN or name.

    Args:
        region: the region in force; an ARN of another one is refused.

    Raises:
        UsageError: it is empty, an ARN of something else, or of another region.
    """
    text = text.strip()
    if not text:
        raise UsageError("an empty task name", hint="`ecsctl ps` lists the tasks")
    if not text.startswith("arn:"):
        return Selector(text, text.lower() if FULL_ID.fullmatch(text.lower()) else text)
    parts = text.split(":", 5)
    kind = parts[5].split("/")[0] if len(parts) == 6 else ""
    if len(parts) < 6 or parts[2] != "ecs" or kind not in ("task", "service", "container-instance"):
        raise UsageError(f"{text} is not the ARN of a task", hint="`ecsctl ps` lists the tasks")
    if kind == "service":
        raise UsageError(f"{text} is a service", hint=f"write --service {name_of(text)}")
    if kind == "container-instance":
        raise UsageError(f"{text} is a container instance", hint=f"`ecsctl ps --instance {name_of(text)}`")
    if region and parts[3] != region:
        raise UsageError(f"{text} is in region {parts[3]}, not {region}", hint=f"add --region {parts[3]}")
    names = parts[5].split("/")
    return Selector(text, names[-1], names[1] if len(names) == 3 else None)


def find(aws: Aws, cluster: str, selectors: Sequence[str], *, several: bool = True) -> list[TaskView]:
    """The tasks that these words name, in their order, each once; hosts not yet joined.

    Args:
        several: a container's or host's name may stand for several tasks.

    Raises:
        NotFoundError: one names nothing; it says where else was looked, and where the task is if found there.
        UsageError: a prefix (or, without ``several``, a name) matches more than one task; the details list them.
    """
    parsed = [parse(text) for text in selectors]
    if any(selector.cluster for selector in parsed):
        parsed = [parse(text, aws.region) for text in selectors]
    found: dict[str, TaskView] = {}
    direct: dict[str, list[Selector]] = {}
    for selector in parsed:
        if selector.full:
            direct.setdefault(selector.cluster or name_of(cluster), []).append(selector)
    described = {where: _described(aws, where, [s.id for s in wanted]) for where, wanted in direct.items()}
    search = _Search(aws, cluster)
    for selector in parsed:
        if selector.full:
            where = selector.cluster or name_of(cluster)
            known = described[where]
            task = known.get(selector.id) if known is not None else None
            if task is None:
                raise elsewhere(aws, where, selector, exists=known is not None)
            matches = [task]
        else:
            matches = search.matches(selector, several)
        found.update((task.arn, task) for task in matches)
    return list(found.values())


def find_here(aws: Aws, cluster: str, selectors: Sequence[str]) -> dict[str, list[TaskView]]:
    """The tasks that these words name in this cluster, by word; nowhere else is looked, and none is no error.

    Raises:
        UsageError: a prefix matches more than one task.
    """
    found: dict[str, list[TaskView]] = {}
    search = _Search(aws, cluster)
    for text in selectors:
        selector = parse(text)
        if selector.cluster and (selector.cluster != name_of(cluster) or text.split(":")[3] != aws.region):
            continue
        if selector.full:
            found[text] = list((_described(aws, cluster, [selector.id]) or {}).values())
        else:
            found[text] = search.candidates(selector)
    return found


def _described(aws: Aws, cluster: str, ids: Sequence[str]) -> dict[str, TaskView] | None:
    """The tasks found by their ids; None where there is no such cluster."""
    try:
        answer = ecs.describe_tasks(aws, cluster, ids)
    except EcsctlError as error:
        if is_error(error, "ClusterNotFoundException"):
            return None
        raise
    return {name_of(task["taskArn"]): task_view(task) for task in answer.found}


class _Search:
    """Looks for prefixes and names among a cluster's tasks; every listing is made once."""

    def __init__(self, aws: Aws, cluster: str) -> None:
        self._aws = aws
        self._cluster = cluster
        self._listed: dict[str, list[str]] = {}
        self._tasks: list[TaskView] | None = None

    def matches(self, selector: Selector, several: bool) -> list[TaskView]:
        tasks = self.candidates(selector)
        if not tasks:
            raise elsewhere(self._aws, self._cluster, selector)
        if len(tasks) > 1 and not several:
            raise _ambiguous(selector.text, tasks[:CANDIDATES], len(tasks))
        return tasks

    def candidates(self, selector: Selector) -> list[TaskView]:
        text = selector.id
        if PREFIX.fullmatch(text):
            for status in ("RUNNING", "STOPPED"):
                arns = [arn for arn in self._arns(status) if name_of(arn).startswith(text)]
                if len(arns) > 1:
                    raise _ambiguous(selector.text, self._describe(arns[:CANDIDATES]), len(arns))
                if arns:
                    tasks = self._describe(arns)
                    if tasks:
                        return tasks
        return self._on_instance(text) if INSTANCE_ID.fullmatch(text) else self._named(text)

    def _arns(self, status: str) -> list[str]:
        if status not in self._listed:
            self._listed[status] = list(ecs.list_tasks(self._aws, self._cluster, desired_status=status))
        return self._listed[status]

    def _describe(self, arns: Sequence[str]) -> list[TaskView]:
        return [task_view(task) for task in ecs.describe_tasks(self._aws, self._cluster, arns).found]

    def _named(self, text: str) -> list[TaskView]:
        if self._tasks is None:
            self._tasks = self._describe(self._arns("RUNNING"))
        return [
            task
            for task in self._tasks
            if any(_is_named(container.name, container.runtime_id, text) for container in task.containers)
            or (task.container_instance_arn and name_of(task.container_instance_arn) == text)
        ]

    def _on_instance(self, instance_id: str) -> list[TaskView]:
        return list(select(self._aws, self._cluster, instance=instance_id))


def _is_named(name: str, runtime_id: str | None, text: str) -> bool:
    return name == text or bool(runtime_id and HOST_NAME.fullmatch(text) and runtime_id.startswith(text))


def _ambiguous(text: str, tasks: Sequence[TaskView], count: int) -> UsageError:
    lines = [f"{task.id}  {task.definition}  {task.last_status}" for task in tasks]
    if count > len(tasks):
        lines.append(f"and {count - len(tasks)} more")
    return UsageError(
        f"{text!r} matches {count} tasks", details=lines, hint="write more of the id, or use --service or --family"
    )


def elsewhere(aws: Aws, cluster: str, selector: Selector, *, exists: bool = True) -> NotFoundError:
    """The error for a task that is not in ``cluster``: where it is instead, or where else was looked.

    Args:
        exists: False where the cluster itself does not exist.
    """
    details = [f"cluster {name_of(cluster)}: no such task among those running, and those stopped in the last hour"]
    if not exists:
        details = [f"there is no cluster {name_of(cluster)} in {aws.region}"]
    looked: list[str] = []
    if selector.full or PREFIX.fullmatch(selector.id):
        try:
            others = [name_of(arn) for arn in ecs.list_clusters(aws) if name_of(arn) != name_of(cluster)]
            for other in others[:ELSEWHERE]:
                tasks = _in_cluster(aws, other, selector)
                if tasks:
                    state = "runs" if not tasks[0].stopped else "ran (it has stopped)"
                    return NotFoundError(
                        f"task {selector.text} is not in cluster {name_of(cluster)}: it {state} in cluster {other}",
                        hint=f"add -c {other}",
                    )
                looked.append(other)
            if looked:
                details.append(f"not in these clusters of {aws.region} either: {', '.join(looked)}")
            if len(others) > ELSEWHERE:
                details.append(f"{len(others) - ELSEWHERE} further clusters were not looked through")
        except EcsctlError as error:
            details.append(f"the other clusters could not be looked through: {error.message}")
        if not looked and len(details) == 1:
            details.append(f"there is no other cluster in {aws.region}")
    else:
        details[0] = f"cluster {name_of(cluster)}: no task, container or host of that name among the running tasks"
    return NotFoundError(
        f"there is no task {selector.text} in cluster {name_of(cluster)}",
        details=details,
        hint="`ecsctl ps --all` lists the cluster's tasks; another cluster: -c NAME, another region: -r REGION",
    )


def _in_cluster(aws: Aws, cluster: str, selector: Selector) -> list[TaskView]:
    try:
        if selector.full:
            return list((_described(aws, cluster, [selector.id]) or {}).values())
        for status in ("RUNNING", "STOPPED"):
            listed = ecs.list_tasks(aws, cluster, desired_status=status)
            arns = [arn for arn in listed if name_of(arn).startswith(selector.id)]
            if arns:
                return [task_view(task) for task in ecs.describe_tasks(aws, cluster, arns[:1]).found]
    except EcsctlError as error:
        if not is_error(error, "ClusterNotFoundException"):
            raise
    return []


def select(
    aws: Aws,
    cluster: str,
    *,
    service: str | None = None,
    family: str | None = None,
    instance: str | None = None,
    stopped: bool = False,
) -> Iterator[TaskView]:
    """The tasks of a cluster, of a service, of a family or on an instance; hosts not yet joined.

    Describing overlaps the listing; memory holds the views only. All filters apply at once.

    Args:
        service: its name or ARN.
        instance: EC2's id, or a container instance's id or ARN.
        stopped: those stopped in the last hour too.

    Raises:
        NotFoundError: the service or the instance does not exist.
        AwsError: ClusterNotFoundException (exit 6) …
    """
    container_instance = _container_instance(aws, cluster, instance) if instance else None
    for status in ("RUNNING", "STOPPED") if stopped else ("RUNNING",):
        arns = ecs.list_tasks(
            aws,
            cluster,
            service=service,
            family=None if service else family,
            container_instance=container_instance,
            desired_status=status,
        )
        for described in ecs.describe_listed_tasks(aws, cluster, arns):
            for task in map(task_view, described.found):
                # Asked of AWS already; looked at again, since not every endpoint heeds every filter.
                if family and task.family != family:
                    continue
                if service and task.service != name_of(service):
                    continue
                if container_instance and task.container_instance_arn != container_instance:
                    continue
                yield task


def _container_instance(aws: Aws, cluster: str, instance: str) -> str:
    if instance.startswith("arn:") or not INSTANCE_ID.fullmatch(instance):
        found = ecs.describe_container_instances(aws, cluster, [instance]).found
    else:
        listed = list(ecs.list_container_instances(aws, cluster, query=f"ec2InstanceId == {instance}"))
        described = ecs.describe_container_instances(aws, cluster, listed).found
        found = tuple(row for row in described if row.get("ec2InstanceId") == instance)
    if not found:
        raise NotFoundError(
            f"there is no instance {instance} in cluster {name_of(cluster)}", hint="`ecsctl instance list` shows them"
        )
    return str(found[0]["containerInstanceArn"])


def require_service(aws: Aws, cluster: str, service: str) -> None:
    """Be sure that the service exists and is not deleted.

    Raises:
        NotFoundError: it does not, or is INACTIVE.
    """
    found = ecs.describe_services(aws, cluster, [service]).found
    if all(row.get("status") == "INACTIVE" for row in found):
        raise ecs.no_service(aws, cluster, service)


def require_family(aws: Aws, family: str) -> None:
    """Be sure that the family has an ACTIVE revision.

    Raises:
        NotFoundError: it has none; the hint names those that begin alike.
    """
    near = list(ecs.list_families(aws, family))
    if family not in near:
        hint = f"did you mean {', '.join(near[:CANDIDATES])}?" if near else "`ecsctl task definitions` lists them"
        raise NotFoundError(f"there is no task definition of the family {family} in {aws.region}", hint=hint)


def instances(aws: Aws, cluster: str, arns: Iterable[str], *, addresses: bool = True) -> dict[str, InstanceView]:
    """Container instances by ARN, joined with EC2's instances where ``addresses`` are wanted."""
    from ecsctl.aws import ec2

    described = ecs.describe_container_instances(aws, cluster, sorted(set(arns))).found
    hosts = {}
    if addresses:
        ids = [row.get("ec2InstanceId", "") for row in described]
        hosts = {row["InstanceId"]: row for row in ec2.describe_instances(aws, ids)}
    return {
        row["containerInstanceArn"]: instance_view(row, hosts.get(row.get("ec2InstanceId", ""))) for row in described
    }
