"""Log groups of CloudWatch Logs."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from ecsctl.deploy.changes import UPDATE, Change
from ecsctl.deploy.guards import Use
from ecsctl.deploy.kinds.base import Actual, Deadline, Kind, Scope, arns_of
from ecsctl.deploy.resources import OWNER_TAG, Resource
from ecsctl.deploy.revisions import owned_families
from ecsctl.errors import AwsError
from ecsctl.manifest.model import log_group_of

if TYPE_CHECKING:
    from ecsctl.aws.session import Aws
    from ecsctl.deploy.usage import Usage

GONE = frozenset({"ResourceNotFoundException"})


@dataclass(frozen=True)
class LogGroup(Resource):
    """A log group of CloudWatch Logs; how long it keeps what it has is left to whoever sets it."""

    kind: ClassVar[str] = "log-group"


class LogGroupKind(Kind[LogGroup]):
    """Found by its owner tag, and by the names that go with the project's families.

    A group of another maker is used as it is.
    """

    resource = LogGroup
    retagging = "logs tag-resource --resource-arn {id} --tags {tag}={project}"
    operations = (
        "logs:CreateLogGroup",
        "logs:DeleteLogGroup",
        "logs:DescribeLogGroups",
        "logs:ListTagsForResource",
        "logs:TagResource",
        "logs:UntagResource",
        "ecs:DescribeTaskDefinition",
        "ecs:ListTaskDefinitionFamilies",
        "resourcegroupstaggingapi:GetResources",
    )
    shared = True
    # OperationAborted: another call is at work on it.
    exists = frozenset({"ResourceAlreadyExistsException", "OperationAbortedException"})
    gone = GONE

    def find(self, aws: Aws, scope: Scope, names: Collection[str]) -> Iterable[Actual]:
        own = {log_group_of(family) for family in owned_families(aws, scope.project)}
        # By the service: endpoints do not agree on what its type is called.
        tagged = {arn.partition(":log-group:")[2].removesuffix(":*") for arn in arns_of(aws, scope, "logs")}
        for name in sorted({*names, *own, *tagged} - {""}):
            arn = self._arn(aws, name)
            if arn is None:
                continue
            tags = _tags(aws, arn)
            owner = tags.get(OWNER_TAG)
            if name in names or owner == scope.project:
                yield Actual(self.resource(name).key, arn, owner, attributes={"name": name, "arn": arn}, tags=tags)

    def users(self, usage: Usage, change: Change) -> Iterable[Use]:
        """Services and tasks of others, in the project's cluster, that log there."""
        if change.action == UPDATE:
            return
        for item in usage.foreign(usage.scope.cluster):
            if any(change.key.name in _groups(usage.definition(arn)) for arn in sorted(item.definitions - {""})):
                yield item.use("take it from", "it logs there")

    def create(self, aws: Aws, resource: LogGroup) -> Mapping[str, str]:
        query = {"logGroupName": resource.name, "tags": dict(resource.tags)}
        aws.call("logs", "CreateLogGroup", query, about=f"log group {resource.name}")
        return {"name": resource.name}

    def retag(self, aws: Aws, actual: Actual, put: Mapping[str, str], drop: Sequence[str]) -> None:
        about = f"log group {actual.key.name}"
        if drop:
            aws.call("logs", "UntagResource", {"resourceArn": actual.id, "tagKeys": list(drop)}, about=about)
        if put:
            aws.call("logs", "TagResource", {"resourceArn": actual.id, "tags": dict(put)}, about=about)

    def delete(self, aws: Aws, scope: Scope, actual: Actual, deadline: Deadline) -> None:
        query = {"logGroupName": actual.key.name}
        aws.call("logs", "DeleteLogGroup", query, about=f"log group {actual.key.name}")

    @staticmethod
    def _arn(aws: Aws, name: str) -> str | None:
        """The ARN of the group of that very name, in the form that takes tags."""
        query = {"logGroupNamePrefix": name}
        for group in aws.pages("logs", "DescribeLogGroups", query, "logGroups"):
            if group["logGroupName"] == name:
                return str(group.get("logGroupArn") or group["arn"]).removesuffix(":*")
        return None


def _groups(definition: Mapping[str, Any]) -> set[str]:
    """The log groups that a task definition's containers write to."""
    options = (
        (container.get("logConfiguration") or {}).get("options") or {}
        for container in definition.get("containerDefinitions", ())
    )
    return {str(item["awslogs-group"]) for item in options if item.get("awslogs-group")}


def _tags(aws: Aws, arn: str) -> dict[str, str]:
    try:
        return dict(aws.call("logs", "ListTagsForResource", {"resourceArn": arn}, about=arn).get("tags", {}))
    except AwsError as error:
        if error.aws_code in GONE:
            return {}
        raise
