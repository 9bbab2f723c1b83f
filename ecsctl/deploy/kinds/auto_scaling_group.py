"""Auto Scaling groups."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, ClassVar

from ecsctl.aws.ec2 import describe_instances
from ecsctl.aws.ecs import deregister_instances
from ecsctl.deploy.changes import REMOVE, UPDATE, Change
from ecsctl.deploy.guards import Use, require_unused
from ecsctl.deploy.kinds import group_additions
from ecsctl.deploy.kinds.base import (
    Actual,
    Deadline,
    Kind,
    Scope,
    Waiting,
    retag_ec2,
    tag_list,
    tags_of,
    until_gone,
)
from ecsctl.deploy.resources import CLUSTER_TAG, OWNER_TAG, Known, Ref, Resource, owner_of, tag_of
from ecsctl.deploy.usage import AWS_OPERATIONS, Usage
from ecsctl.deploy.wait_instances import wait_for_instances
from ecsctl.errors import AwsError
from ecsctl.polling import Progress

if TYPE_CHECKING:
    from ecsctl.aws.session import Aws

SETTINGS = {"minSize": "MinSize", "desiredCapacity": "DesiredCapacity", "maxSize": "MaxSize"}


@dataclass(frozen=True)
class AutoScalingGroup(Resource):
    """The group that keeps the instances alive; ``cluster`` is where they join.

    ``scaled``: something else says how many there are between least and greatest, so ``desired`` is the beginning
    only. No ``template``: the one that it has. ``placed``: the file names the subnets; else those of the beginning
    stay, whatever the default VPC gets.
    """

    kind: ClassVar[str] = "auto-scaling-group"
    minimum: int = 0
    desired: int = 0
    maximum: int = 0
    subnets: tuple[str, ...] = ()
    template: Ref | str = ""
    cluster: str = ""
    scaled: bool = False
    placed: bool = True

    def fields(self) -> dict[str, Any]:
        return {
            "minSize": self.minimum,
            "desiredCapacity": None if self.scaled else self.desired,
            "maxSize": self.maximum,
            "subnets": frozenset(self.subnets) if self.placed else None,
            "launchTemplate": self.template or None,
            "cluster": self.cluster,
        }


class AutoScalingGroupKind(Kind[AutoScalingGroup]):
    """Found by its owner tag and by its name."""

    resource = AutoScalingGroup
    retagging = (
        "autoscaling create-or-update-tags --tags ResourceId={name},"
        "ResourceType=auto-scaling-group,Key={tag},Value={project},PropagateAtLaunch=true"
    )
    operations = (
        *AWS_OPERATIONS,
        *group_additions.OPERATIONS,
        "autoscaling:CreateAutoScalingGroup",
        "autoscaling:CreateOrUpdateTags",
        "autoscaling:DeleteAutoScalingGroup",
        "autoscaling:DeleteTags",
        "autoscaling:DescribeAutoScalingGroups",
        "autoscaling:DescribeScalingActivities",
        "autoscaling:UpdateAutoScalingGroup",
        "ec2:CreateTags",
        "ec2:DeleteTags",
        "ec2:DescribeInstances",
        "ec2:GetConsoleOutput",
        "ecs:DeregisterContainerInstance",
        "ecs:DescribeContainerInstances",
        "ecs:ListClusters",
        "ecs:ListContainerInstances",
    )
    permissions = ("ec2:RunInstances", "iam:PassRole")
    depends_on = frozenset({"cluster", "instance-profile", "launch-template", "security-group"})
    # Instances stay with the cluster that they joined first.
    force_new = frozenset({"cluster"})
    exists = frozenset({"AlreadyExists", "AlreadyExistsFault"})

    def find(self, aws: Aws, scope: Scope, names: Collection[str]) -> Iterable[Actual]:
        groups: dict[str, dict[str, Any]] = {}
        asked: list[dict[str, Any]] = [{"Filters": [{"Name": f"tag:{OWNER_TAG}", "Values": [scope.project]}]}]
        if names:
            asked.append({"AutoScalingGroupNames": sorted(names)})
        for query in asked:
            found = aws.pages("autoscaling", "DescribeAutoScalingGroups", query, "AutoScalingGroups")
            groups.update({item["AutoScalingGroupName"]: item for item in found})
        for name, item in groups.items():
            owner = owner_of(item.get("Tags", ()))
            if name not in names and owner != scope.project:
                continue  # an emulator that ignores the filter
            template = item.get("LaunchTemplate", {})
            zones = str(item.get("VPCZoneIdentifier") or "")
            yield Actual(
                self.resource(name).key,
                item.get("AutoScalingGroupARN", name),
                owner,
                fields={
                    "minSize": item.get("MinSize"),
                    "desiredCapacity": item.get("DesiredCapacity"),
                    "maxSize": item.get("MaxSize"),
                    "subnets": frozenset(part.strip() for part in zones.split(",") if part.strip()),
                    "launchTemplate": _launched_by(template),
                    "cluster": tag_of(item.get("Tags", ()), CLUSTER_TAG),
                    # Of no resource: what is suspended or set by hand; the instances that may end, with whether Auto
                    # Scaling spares them.
                    "suspended": tuple(sorted(row["ProcessName"] for row in item.get("SuspendedProcesses", ()))),
                    "managed": group_additions.is_managed(item),
                    "settings": tuple(group_additions.settings(item)),
                    "additions": tuple(group_additions.additions(aws, scope, item)) if owner == scope.project else (),
                    "instances": {
                        row["InstanceId"]: bool(row.get("ProtectedFromScaleIn"))
                        for row in item.get("Instances", ())
                        if not str(row.get("LifecycleState", "")).startswith(("Terminat", "Detach"))
                    },
                },
                attributes={"name": name},
                tags=tags_of(item.get("Tags")),
                status="being deleted" if item.get("Status") else "",
            )

    def drift(self, resource: AutoScalingGroup, actual: Actual, known: Known) -> Iterable[str]:
        """What is suspended, so that the group does not do what the plan waits for; and how it ends instances."""
        for text, command in actual.fields.get("additions", ()):
            yield f"{actual.key} has {text}, which ecsctl did not make, and which it leaves alone: `{command}`"
        for text in actual.fields.get("settings", ()):
            yield (
                f"{actual.key} has {text}, which ecsctl did not set, and which it leaves alone: "
                f"`aws autoscaling update-auto-scaling-group --auto-scaling-group-name {actual.key.name} …` changes it"
            )
        suspended = actual.fields.get("suspended")
        if suspended:
            yield (
                f"{actual.key}: {', '.join(suspended)} suspended by hand, and left so: "
                f"`aws autoscaling resume-processes --auto-scaling-group-name {actual.key.name}` resumes them"
            )

    def goes_with(self, actual: Actual) -> Iterable[str]:
        """What somebody put on the group: it is nothing without it."""
        for text, _ in actual.fields.get("additions", ()):
            yield f"{text}, which ecsctl did not make, goes with {actual.key}"

    def users(self, usage: Usage, change: Change) -> Iterable[Use]:
        """Others' tasks on the instances that end, instances that others attached, and providers that launch by it."""
        assert change.actual is not None
        cluster = str(change.actual.fields.get("cluster") or usage.scope.cluster)
        ending = _ending(usage, change)
        yield from usage.on_instances(cluster, ending)
        for id_, machine in sorted(usage.machines(ending).items() if ending else ()):
            owner = owner_of(machine.get("Tags", ()))
            if owner != usage.scope.project:
                ends = (
                    f"aws autoscaling detach-instances --auto-scaling-group-name {change.key.name} --instance-ids {id_}"
                )
                ends += " --should-decrement-desired-capacity"
                yield Use(f"instance {id_}", owner, "terminate", "attached to the group by hand", ends)
        if change.action == UPDATE:
            return
        clusters = None if change.actual.fields.get("managed") else usage.clusters()
        for provider in group_additions.providers(usage.aws, change.actual.id, clusters):
            name = str(provider.get("name"))
            ends = f"aws ecs delete-capacity-provider --capacity-provider {name}"
            owner = owner_of(provider.get("tags", ()), "key", "value")
            yield Use(f"capacity-provider {name}", owner, "take the group from", ends=ends)

    def create(self, aws: Aws, resource: AutoScalingGroup) -> Mapping[str, str]:
        tags = [
            {"Key": name, "Value": value, "PropagateAtLaunch": True} for name, value in sorted(resource.tags.items())
        ]
        query: dict[str, Any] = {
            "AutoScalingGroupName": resource.name,
            "LaunchTemplate": _template(resource),
            "MinSize": resource.minimum,
            "MaxSize": resource.maximum,
            "DesiredCapacity": resource.desired,
            "VPCZoneIdentifier": ",".join(resource.subnets),
            "Tags": tags,
        }
        aws.call("autoscaling", "CreateAutoScalingGroup", query, about=f"Auto Scaling group {resource.name}")
        return {"name": resource.name}

    def update(
        self, aws: Aws, resource: AutoScalingGroup, actual: Actual, changed: Collection[str]
    ) -> Mapping[str, str]:
        fields = resource.fields()
        query: dict[str, Any] = {"AutoScalingGroupName": resource.name}
        query.update({name: fields[field] for field, name in SETTINGS.items() if field in changed})
        if "subnets" in changed:
            query["VPCZoneIdentifier"] = ",".join(resource.subnets)
        if "launchTemplate" in changed:
            query["LaunchTemplate"] = _template(resource)
        aws.call("autoscaling", "UpdateAutoScalingGroup", query, about=f"Auto Scaling group {resource.name}")
        return actual.attributes

    def interruption(self, actual: Actual) -> str:
        if not actual.fields.get("desiredCapacity"):
            return ""
        return "its instances and the tasks on them end, and none runs there until new instances have joined"

    def retag(self, aws: Aws, actual: Actual, put: Mapping[str, str], drop: Sequence[str]) -> None:
        name = actual.key.name

        def rows(tags: Mapping[str, str]) -> list[dict[str, Any]]:
            group = {"ResourceId": name, "ResourceType": "auto-scaling-group"}
            return [{**group, "PropagateAtLaunch": True, **row} for row in tag_list(tags)]

        about = f"Auto Scaling group {name}"
        if drop:
            gone = [
                {key: row[key] for key in ("ResourceId", "ResourceType", "Key")}
                for row in rows(dict.fromkeys(drop, ""))
            ]
            aws.call("autoscaling", "DeleteTags", {"Tags": gone}, about=about)
        if put:
            aws.call("autoscaling", "CreateOrUpdateTags", {"Tags": rows(put)}, about=about)
        # The group hands them to instances that it launches, not to those that run. Somebody may have attached others.
        described = describe_instances(aws, _instances(aws, name))
        instances = [str(item["InstanceId"]) for item in described if owner_of(item.get("Tags", ())) == actual.owner]
        if instances:
            retag_ec2(aws, instances, put, drop)

    def delete(self, aws: Aws, scope: Scope, actual: Actual, deadline: Deadline) -> None:
        name = actual.key.name
        group = _describe(aws, name) or {}
        instances = [str(row["InstanceId"]) for row in group.get("Instances", ())]
        if group and not actual.status:
            now = replace(actual, fields={**actual.fields, "instances": dict.fromkeys(instances, False)})
            change = Change(REMOVE, actual.key, actual=now)
            require_unused(scope.project, actual.key, self.users(Usage(aws, scope), change))
        # Only a running agent deregisters its instance when that is terminated. While the group exists, its instances
        # are known; so this comes first.
        deregister_instances(aws, str(actual.fields.get("cluster") or scope.cluster), instances, disconnected=True)
        if not actual.status:
            # ForceDelete terminates the instances with the group, protected from scale-in or not.
            query = {"AutoScalingGroupName": name, "ForceDelete": True}
            try:
                aws.call("autoscaling", "DeleteAutoScalingGroup", query, about=f"Auto Scaling group {name}")
            except AwsError as error:
                # Somebody else was faster, or the answer of the first call was lost; its instances may still end.
                if error.aws_code != "ValidationError" or "not found" not in error.aws_message:
                    raise
        hint = "run the same command again; `aws autoscaling describe-scaling-activities` says what it waits for"
        until_gone(lambda: _gone(aws, name, instances), f"Auto Scaling group {name}", deadline, hint)

    def wait(self, aws: Aws, resources: Sequence[AutoScalingGroup], waiting: Waiting) -> None:
        """Wait until the group's instances have joined the cluster."""
        for group in resources:
            if group.desired:
                deadline = waiting.deadline
                wait_for_instances(
                    aws,
                    group.cluster,
                    group.name,
                    group.desired,
                    timeout=deadline.left(),
                    report=deadline.report,
                    since=waiting.since,
                )


def _ending(usage: Usage, change: Change) -> frozenset[str]:
    """The instances that a change may end. Which ones a smaller size ends is chosen by Auto Scaling."""
    assert change.actual is not None
    fields: Mapping[str, Any] = change.actual.fields
    present: Mapping[str, bool] = fields.get("instances") or {}
    if change.action != UPDATE:
        return frozenset(present)
    assert isinstance(change.resource, AutoScalingGroup)
    wanted = change.resource.fields()
    desired = wanted["desiredCapacity"] if wanted["desiredCapacity"] is not None else fields["desiredCapacity"]
    ending: set[str] = set()
    if min(int(desired), change.resource.maximum) < min(int(fields["desiredCapacity"]), len(present)):
        ending |= {id_ for id_, spared in present.items() if not spared}
    left = frozenset(fields["subnets"]) - (wanted["subnets"] or frozenset(fields["subnets"]))
    if left:
        # It moves what runs in a subnet that the group leaves, spared from scaling in or not.
        machines = usage.machines(present)
        ending |= {id_ for id_, machine in machines.items() if machine.get("SubnetId") in left}
    return frozenset(ending)


def _launched_by(template: Mapping[str, Any]) -> str:
    """The id of the template that a group launches by, with the version where it is not the newest one."""
    version = template.get("Version")
    pinned = f" version {version}" if version not in (None, "$Latest") else ""
    return f"{template.get('LaunchTemplateId', '')}{pinned}"


def _template(resource: AutoScalingGroup) -> dict[str, str]:
    return {"LaunchTemplateId": str(resource.template), "Version": "$Latest"}


def _describe(aws: Aws, name: str) -> dict[str, Any] | None:
    query = {"AutoScalingGroupNames": [name]}
    for item in aws.pages("autoscaling", "DescribeAutoScalingGroups", query, "AutoScalingGroups"):
        if item["AutoScalingGroupName"] == name:
            return dict(item)
    return None


def _instances(aws: Aws, name: str) -> list[str]:
    group = _describe(aws, name)
    return [instance["InstanceId"] for instance in group.get("Instances", ())] if group else []


def _gone(aws: Aws, name: str, instances: Collection[str]) -> Progress:
    group = _describe(aws, name)
    if group is not None:
        return Progress(False, lines=(f"the group {name} is {group.get('Status') or 'being deleted'}",))
    if not instances:
        return Progress(True)
    query = {"Filters": [{"Name": "instance-id", "Values": sorted(instances)}]}
    states = {
        instance["InstanceId"]: instance["State"]["Name"]
        for reservation in aws.pages("ec2", "DescribeInstances", query, "Reservations")
        for instance in reservation["Instances"]
    }
    left = {id_: state for id_, state in states.items() if state != "terminated"}
    return Progress(not left, lines=tuple(f"{id_} is {state}" for id_, state in sorted(left.items())))
