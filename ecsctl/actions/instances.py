"""Drain instances and remove them: what is no plan, since it is about some of a group's instances."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from ecsctl.aws import ec2, ecs
from ecsctl.aws.session import Aws, batches
from ecsctl.deploy.changes import REMOVE
from ecsctl.deploy.desired.instances import instance_group
from ecsctl.deploy.guards import Refusal, refusals, ways_out
from ecsctl.deploy.observe import refresh
from ecsctl.deploy.resources import OWNER_TAG, Key, Scope, owner_of
from ecsctl.deploy.usage import Usage
from ecsctl.errors import ConflictError, NotFoundError, WaitTimeoutError
from ecsctl.polling import Deadline, Progress, poll, quiet
from ecsctl.query import selectors
from ecsctl.query.views import InstanceView, instance_view

AWS_OPERATIONS = (
    "autoscaling:DescribeAutoScalingGroups",
    "autoscaling:TerminateInstanceInAutoScalingGroup",
    "autoscaling:UpdateAutoScalingGroup",
    "ec2:TerminateInstances",
    "ecs:DeregisterContainerInstance",
    "ecs:UpdateContainerInstancesState",
)

STATES_A_CALL = 10


def select(aws: Aws, cluster: str, ids: Iterable[str]) -> list[InstanceView]:
    """The instances of a cluster that these ids name: EC2's (``i-…``), container instances' or their ARNs.

    Raises:
        NotFoundError: one is none of the cluster's.
    """
    listed = ecs.list_container_instances(aws, cluster)
    found = list(selectors.instances(aws, cluster, listed, addresses=False).values())
    return [_named(found, id_, cluster) for id_ in dict.fromkeys(ids)]


def _named(found: Sequence[InstanceView], id_: str, cluster: str) -> InstanceView:
    for view in found:
        if id_ in (view.instance_id, view.arn, view.arn.rsplit("/", 1)[-1]):
            return view
    raise NotFoundError(
        f"there is no instance {id_} in cluster {cluster}", hint=f"`ecsctl instance list -c {cluster}` lists them"
    )


def joined(aws: Aws, cluster: str) -> list[str]:
    """The EC2 ids of a cluster's instances, sorted (ecs:ListContainerInstances, DescribeContainerInstances)."""
    listed = ecs.list_container_instances(aws, cluster)
    found = selectors.instances(aws, cluster, listed, addresses=False)
    return sorted(view.instance_id for view in found.values())


def require_own(aws: Aws, chosen: Sequence[InstanceView]) -> None:
    """Refuse instances that ecsctl did not make.

    Raises:
        ConflictError: one has no owner tag.
    """
    described = {item["InstanceId"]: item for item in ec2.describe_instances(aws, [v.instance_id for v in chosen])}
    for view in chosen:
        if owner_of(described.get(view.instance_id, {}).get("Tags", ())) is None:
            ends = f"aws ec2 terminate-instances --instance-ids {view.instance_id}"
            if not view.instance_id.startswith("i-"):
                # A machine of ECS Anywhere: EC2 does not know it.
                cluster, id_ = view.arn.split("/")[-2:]
                ends = f"aws ecs deregister-container-instance --cluster {cluster} --container-instance {id_}"
            raise ConflictError(
                f"instance {view.instance_id} was not made by ecsctl, so ecsctl does not remove it",
                hint=f"`{ends}` does",
            )


def require_unused(aws: Aws, cluster: str, chosen: Sequence[InstanceView]) -> None:
    """Refuse instances on which tasks run of others than the project that made them.

    Raises:
        ConflictError: there are some; it names each with its owner.
    """
    described = {item["InstanceId"]: item for item in ec2.describe_instances(aws, [v.instance_id for v in chosen])}
    owners = {view.instance_id: owner_of(described.get(view.instance_id, {}).get("Tags", ())) for view in chosen}
    found: list[Refusal] = []
    for project in sorted({owner for owner in owners.values() if owner}):
        usage = Usage(aws, Scope(project, cluster, aws.region))
        mine = [id_ for id_, owner in owners.items() if owner == project]
        uses = {(REMOVE, Key("instance", id_)): tuple(usage.on_instances(cluster, [id_])) for id_ in mine}
        found += refusals(project, uses)
    if found:
        many = len(found) > 1
        raise ConflictError(
            "others run tasks on these instances; nothing was changed" if many else f"{found[0]}; nothing was changed",
            details=[str(item) for item in found] if many else (),
            hint=ways_out(found),
        )


def require_group_here(aws: Aws, cluster: str) -> None:
    """Refuse where a project that is named like the cluster has its instances in another one.

    Raises:
        ConflictError: its group's instances join another cluster.
    """
    key = instance_group(cluster)
    group = refresh(aws, Scope(cluster, cluster, aws.region), key)
    elsewhere = group.fields["cluster"] if group is not None else ""
    if elsewhere not in ("", cluster):
        raise ConflictError(
            f"the group {key.name} of project {cluster} belongs to cluster {elsewhere}",
            hint="change it by that project's file and `ecsctl up`; or give the project another name",
        )


def drain(aws: Aws, cluster: str, chosen: Sequence[InstanceView], deadline: Deadline) -> None:
    """Set instances DRAINING, and wait until no task runs on them (ecs:UpdateContainerInstancesState).

    Raises:
        WaitTimeoutError: tasks still run when time is up.
    """
    arns = [view.arn for view in chosen]
    for batch in batches(arns, STATES_A_CALL):
        query = {"cluster": cluster, "containerInstances": list(batch), "status": "DRAINING"}
        aws.call("ecs", "UpdateContainerInstancesState", query, about=f"cluster {cluster}")

    def probe() -> Progress:
        views = [instance_view(item) for item in ecs.describe_container_instances(aws, cluster, arns).found]
        busy = [view for view in views if view.running or view.pending]
        lines = tuple(f"{view.instance_id} is draining: {view.running} tasks running" for view in busy)
        return Progress(not busy, lines=lines)

    ended = poll(probe, timeout=deadline.left(), report=deadline.report, clock=deadline.clock)
    if ended.outcome != "done":
        raise WaitTimeoutError(
            f"timed out after {deadline.seconds:.0f} s waiting for tasks to leave the instances",
            details=ended.last.lines,
            hint=f"`ecsctl ps -c {cluster} --instance {chosen[0].instance_id}` shows them; --force does not wait",
        )


def terminate(
    aws: Aws,
    cluster: str,
    chosen: Sequence[InstanceView],
    *,
    shrink: bool,
    report: Callable[[str], None] = quiet,
) -> None:
    """Terminate instances, and deregister those whose agent cannot do it itself.

    Calls autoscaling:TerminateInstanceInAutoScalingGroup, or ec2:TerminateInstances for one outside of a group.

    Args:
        shrink: the groups get smaller by them; else they launch others instead.
    """
    for view in chosen:
        _terminate(aws, view, shrink=shrink)
        report(f"terminated {view.instance_id}")
    offline = [view.instance_id for view in chosen if not view.agent_connected]
    ecs.deregister_instances(aws, cluster, offline)


def _terminate(aws: Aws, view: InstanceView, *, shrink: bool) -> None:
    query = {"Filters": [{"Name": "tag-key", "Values": [OWNER_TAG]}]}
    for group in aws.pages("autoscaling", "DescribeAutoScalingGroups", query, "AutoScalingGroups"):
        name = group["AutoScalingGroupName"]
        if view.instance_id not in {item["InstanceId"] for item in group.get("Instances", ())}:
            continue
        if shrink and group["MinSize"] >= group["DesiredCapacity"] > 0:
            # The group's least size forbids to shrink it, so that is lowered first.
            smaller = {"AutoScalingGroupName": name, "MinSize": group["DesiredCapacity"] - 1}
            aws.call("autoscaling", "UpdateAutoScalingGroup", smaller, about=name)
        aws.call(
            "autoscaling",
            "TerminateInstanceInAutoScalingGroup",
            {"InstanceId": view.instance_id, "ShouldDecrementDesiredCapacity": shrink},
            about=view.instance_id,
        )
        return
    aws.call("ec2", "TerminateInstances", {"InstanceIds": [view.instance_id]}, about=view.instance_id)


def wait_until_gone(aws: Aws, cluster: str, chosen: Sequence[InstanceView], deadline: Deadline) -> None:
    """Wait until the instances have left the cluster.

    Raises:
        WaitTimeoutError: they are still registered when time is up.
    """
    arns = [view.arn for view in chosen]

    def probe() -> Progress:
        found = ecs.describe_container_instances(aws, cluster, arns).found
        left = [str(item.get("ec2InstanceId")) for item in found if item.get("status") != "INACTIVE"]
        return Progress(not left, lines=tuple(f"{id_} is still registered" for id_ in left))

    ended = poll(probe, timeout=deadline.left(), report=deadline.report, clock=deadline.clock, interval=1.0)
    if ended.outcome != "done":
        raise WaitTimeoutError(
            f"timed out after {deadline.seconds:.0f} s waiting for the instances to leave cluster {cluster}",
            details=ended.last.lines,
            hint=f"`ecsctl instance list -c {cluster}` shows what is left",
        )
