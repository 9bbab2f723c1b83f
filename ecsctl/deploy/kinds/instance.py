"""EC2 instances of the project that are in no Auto Scaling group: detached by hand, or left by one that has gone."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from ecsctl.aws.ec2 import describe_instances
from ecsctl.aws.ecs import deregister_instances
from ecsctl.aws.session import batches
from ecsctl.deploy.changes import REMOVE, Change
from ecsctl.deploy.guards import Use, require_unused
from ecsctl.deploy.kinds.base import Actual, Deadline, Kind, Scope, until_gone
from ecsctl.deploy.resources import CLUSTER_TAG, OWNER_TAG, Resource, owner_of, tag_of
from ecsctl.deploy.usage import AWS_OPERATIONS, Usage
from ecsctl.polling import Progress

if TYPE_CHECKING:
    from ecsctl.aws.session import Aws

# The most that one call of DescribeAutoScalingInstances takes.
IDS_A_CALL = 50
ENDING = ("shutting-down", "terminated")


@dataclass(frozen=True)
class Instance(Resource):
    """An instance by itself. Its name is its EC2 id."""

    kind: ClassVar[str] = "instance"


class InstanceKind(Kind[Instance]):
    """Found by its owner tag, as long as it runs and no Auto Scaling group has it. No file asks for one."""

    resource = Instance
    operations = (
        *AWS_OPERATIONS,
        "autoscaling:DescribeAutoScalingInstances",
        "ec2:DescribeInstances",
        "ec2:TerminateInstances",
        "ecs:DeregisterContainerInstance",
        "ecs:DescribeContainerInstances",
        "ecs:ListContainerInstances",
    )
    depends_on = frozenset({"cluster", "instance-profile", "launch-template", "security-group"})
    never_desired = True
    gone = frozenset({"InvalidInstanceID.NotFound"})

    def find(self, aws: Aws, scope: Scope, names: Collection[str]) -> Iterable[Actual]:
        query = {"Filters": [{"Name": f"tag:{OWNER_TAG}", "Values": [scope.project]}]}
        found = {
            str(instance["InstanceId"]): instance
            for reservation in aws.pages("ec2", "DescribeInstances", query, "Reservations")
            for instance in reservation.get("Instances", ())
        }
        found.update(
            {str(item["InstanceId"]): item for item in describe_instances(aws, sorted(set(names) - set(found)))}
        )
        grouped = _grouped(aws, sorted(found))
        for id_, item in sorted(found.items()):
            owner, cluster = owner_of(item.get("Tags", ())), tag_of(item.get("Tags", ()), CLUSTER_TAG)
            state = str(item["State"]["Name"])
            if state in ENDING or id_ in grouped or (id_ not in names and owner != scope.project):
                continue
            if scope.alone and id_ not in names and cluster not in ("", scope.cluster):
                continue
            yield Actual(
                self.resource(id_).key, id_, owner, {"state": state, "cluster": cluster}, attributes={"id": id_}
            )

    def kept_note(self, actual: Actual, cluster: str) -> str:
        where = str(actual.fields.get("cluster") or cluster)
        return (
            f"instance {actual.id} of the project is {actual.fields.get('state')} and in no Auto Scaling group: "
            f"it goes with `ecsctl down`, or by `ecsctl instance remove {actual.id} -c {where}`"
        )

    def users(self, usage: Usage, change: Change) -> Iterable[Use]:
        """Others' tasks on it."""
        assert change.actual is not None
        cluster = str(change.actual.fields.get("cluster") or usage.scope.cluster)
        return usage.on_instances(cluster, [change.actual.id])

    def delete(self, aws: Aws, scope: Scope, actual: Actual, deadline: Deadline) -> None:
        change = Change(REMOVE, actual.key, actual=actual)
        require_unused(scope.project, actual.key, self.users(Usage(aws, scope), change))
        # Only a running agent deregisters its instance when that is terminated.
        cluster = str(actual.fields.get("cluster") or scope.cluster)
        deregister_instances(aws, cluster, [actual.id], disconnected=True)
        aws.call("ec2", "TerminateInstances", {"InstanceIds": [actual.id]}, about=f"instance {actual.id}")

        def probe() -> Progress:
            states = [str(item["State"]["Name"]) for item in describe_instances(aws, [actual.id])]
            left = [state for state in states if state != "terminated"]
            return Progress(not left, lines=tuple(f"{actual.id} is {state}" for state in left))

        hint = "run the same command again; termination protection, where it is on, has to be lifted by hand"
        until_gone(probe, f"instance {actual.id}", deadline, hint)


def _grouped(aws: Aws, ids: list[str]) -> set[str]:
    """Those of these instances that an Auto Scaling group has (autoscaling:DescribeAutoScalingInstances)."""
    rows: list[Mapping[str, Any]] = []
    for batch in batches(ids, IDS_A_CALL):
        query = {"InstanceIds": list(batch)}
        rows += aws.pages("autoscaling", "DescribeAutoScalingInstances", query, "AutoScalingInstances")
    # One that is being detached is on its way out of its group.
    return {str(row["InstanceId"]) for row in rows if not str(row.get("LifecycleState")).startswith("Detach")}
