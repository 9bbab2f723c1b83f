"""Log groups of CloudWatch Logs."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from os.path import commonprefix
from typing import TYPE_CHECKING, Any, ClassVar

from ecsctl.aws.concurrency import map_concurrently
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

# As many groups as one answer has.
PAGE = 50
# Descriptions of single groups that are asked for at the same time.
READS = 8
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
        arns = _arns(aws, {*names, *own, *tagged} - {""})
        every = map_concurrently(lambda arn: _tags(aws, arn), list(arns.values()), READS)
        for (name, arn), tags in zip(arns.items(), every, strict=True):
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


def _arns(aws: Aws, names: Collection[str]) -> dict[str, str]:
    """The ARNs of the groups of these very names, by name, in the form that takes tags.

    CloudWatch Logs lists the groups that begin alike, 50 a page, and allows few calls a second. So names with a common
    beginning are looked for in one list, of as many pages as there are names; what is not among them, since others'
    groups stand in between, is asked for by its name.
    """
    found: dict[str, str] = {}
    left = set(names)
    prefix = commonprefix(sorted(names))  # noqa: RUF071 - names, not paths
    if len(names) > 1 and prefix:
        listed = _listed(aws, prefix)
        for count, (name, arn) in enumerate(listed, 1):
            if name in left:
                found[name] = arn
                left.discard(name)
            if not left or count == PAGE * len(names):
                break
        else:
            return found

    def ask(name: str) -> tuple[str, str | None]:
        return name, dict(_listed(aws, name)).get(name)

    found |= {name: arn for name, arn in map_concurrently(ask, sorted(left), READS) if arn is not None}
    return dict(sorted(found.items()))


def _listed(aws: Aws, prefix: str) -> Iterator[tuple[str, str]]:
    """Name and ARN of each group whose name begins so (logs:DescribeLogGroups)."""
    for group in aws.pages("logs", "DescribeLogGroups", {"logGroupNamePrefix": prefix}, "logGroups"):
        yield group["logGroupName"], str(group.get("logGroupArn") or group["arn"]).removesuffix(":*")


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
