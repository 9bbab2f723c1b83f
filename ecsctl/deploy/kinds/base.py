"""What a kind is: all that ecsctl knows of one kind of resource. The generic stages know kinds only through this.

How a kind is added: docs/architecture.md.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any, ClassVar, Generic, TypeVar

from ecsctl.aws.failures import is_no_answer
from ecsctl.deploy.changes import Change, Conflict
from ecsctl.deploy.compare import compare_fields, summarize
from ecsctl.deploy.guards import Use
from ecsctl.deploy.resources import (
    OWNER_TAG,
    Actual,
    Key,
    Known,
    Resource,
    Scope,
    owner_of,
    resolve,
    tag_list,
)
from ecsctl.deploy.tags import tags_of
from ecsctl.ecs_definitions.field_changes import FieldChange
from ecsctl.errors import AwsError, WaitTimeoutError
from ecsctl.polling import Deadline, Progress, poll

if TYPE_CHECKING:
    from ecsctl.aws.session import Aws
    from ecsctl.deploy.usage import Usage

__all__ = [
    "Actual",
    "Deadline",
    "Kind",
    "Scope",
    "Waiting",
    "arns_of",
    "ecs_tags",
    "last",
    "owner_of",
    "retag_ec2",
    "retag_ecs",
    "tag_list",
    "tags_of",
    "until_gone",
]

R = TypeVar("R", bound=Resource)


@dataclass(frozen=True)
class Waiting:
    """What waiting needs to know.

    ``since``: what happened before does not count. ``applied`` has the attributes of what was just made or changed.
    """

    deadline: Deadline
    since: datetime
    applied: Mapping[Key, Mapping[str, str]] = field(default_factory=dict)


class Kind(Generic[R]):
    """One kind of resource: how it is read and written, and what is special about it.

    Class attributes:
        operations: the API operations that it calls, as ``ecs:CreateCluster``; the trimmed models and the README's
            table of IAM rights are made of them.
        permissions: IAM actions that these need besides, as ``iam:PassRole``.
        depends_on: the kinds whose resources it uses. Where all goes, it goes before them.
        waits_for: the kinds that have to be in service before one of this kind is made or changed.
        force_new: fields that AWS cannot change: a difference there is a replacement.
        immutable: fields that cannot be had by a replacement either, since others hold on to what is there.
        secret_fields: fields whose text is never shown.
        update_renews: whether an update is something new for what refers to it (a revision).
        shared: what another maker has is used as it is instead of being in the way.
        adoptable: so is what nobody owns, where it is just what is wanted.
        never_desired: no file asks for one. What the project has of it stays, and a plan says so, until all goes.
        exists, gone: the error codes that say that somebody else (or a call whose answer was lost) was faster; apply
            then reads it again and goes on from what it finds.
        retagging: the arguments of the ``aws`` command that puts the tag ``{tag}={project}`` on ``{id}`` or ``{name}``.
    """

    resource: ClassVar[type[Resource]]
    operations: ClassVar[tuple[str, ...]] = ()
    permissions: ClassVar[tuple[str, ...]] = ()
    depends_on: ClassVar[frozenset[str]] = frozenset()
    waits_for: ClassVar[frozenset[str]] = frozenset()
    force_new: ClassVar[frozenset[str]] = frozenset()
    immutable: ClassVar[frozenset[str]] = frozenset()
    secret_fields: ClassVar[frozenset[str]] = frozenset()
    update_renews: ClassVar[bool] = False
    shared: ClassVar[bool] = False
    adoptable: ClassVar[bool] = False
    never_desired: ClassVar[bool] = False
    exists: ClassVar[frozenset[str]] = frozenset()
    gone: ClassVar[frozenset[str]] = frozenset()
    retagging: ClassVar[str] = ""

    # -- AWS ----------------------------------------------------------------------------------------------------------

    def find(self, aws: Aws, scope: Scope, names: Collection[str]) -> Iterable[Actual]:
        """Those of these names, whoever made them, and all others that the project owns."""
        raise NotImplementedError

    def actual(self, described: Mapping[str, Any]) -> Actual:
        """What AWS has, of one answer that describes it (with its tags); only kinds that a command names need it."""
        raise NotImplementedError

    def create(self, aws: Aws, resource: R) -> Mapping[str, str]:
        """Make it, with its tags; returns its attributes. ``resource`` has no Refs left."""
        raise NotImplementedError

    def update(self, aws: Aws, resource: R, actual: Actual, changed: Collection[str]) -> Mapping[str, str]:
        """Change the fields ``changed`` of what exists; returns its attributes."""
        raise NotImplementedError

    def retag(self, aws: Aws, actual: Actual, put: Mapping[str, str], drop: Sequence[str]) -> None:
        """Take the tags of these keys away from what exists, then put tags on; either may be empty.

        In this order: the tag that lists the keys is put on last, so that a cut in between loses none of them.
        """
        raise NotImplementedError

    def delete(self, aws: Aws, scope: Scope, actual: Actual, deadline: Deadline) -> None:
        """Remove it, and return when it has gone. Where it has gone already, AWS may say so in a code of ``gone``.

        Raises:
            WaitTimeoutError: it has not gone in time.
        """
        raise NotImplementedError

    def wait(self, aws: Aws, resources: Sequence[R], waiting: Waiting) -> None:
        """Wait until these, which are made, are in service; nothing to wait for in most kinds.

        Raises:
            WaitTimeoutError: they are not, in time.
            EcsctlError: they cannot be any more.
        """

    def users(self, usage: Usage, change: Change) -> Iterable[Use]:
        """Who uses what a change takes away (a removal, a replacement, a smaller size), the project's own or not.

        Raises:
            AwsError: AWS does not say; nothing is changed then.
        """
        return ()

    def is_race(self, error: AwsError) -> bool:
        """Whether a refusal may only mean that somebody else (or a call whose answer was lost) was faster."""
        return error.ambiguous or error.aws_code in self.exists or error.aws_code in self.gone

    # -- planning: pure -----------------------------------------------------------------------------------------------

    def amend(self, resource: R, actual: Actual, known: Known, leaving: Collection[Actual] = ()) -> R:
        """The resource with what has to be said besides, as AWS has ``actual`` and leaves alone what is not said.

        Args:
            leaving: what of the project goes with the same plan.
        """
        return resource

    def differences(self, resource: R, actual: Actual, known: Known) -> Iterator[FieldChange]:
        """What differs, field by field; a field that is left out is left alone.

        Args:
            known: the attributes of what exists, which Refs are resolved with.
        """
        yield from compare_fields(actual.fields, resolve(resource.fields(), known), self.secret_fields)

    def summary(self, resource: R) -> Iterator[FieldChange]:
        """What a resource that is made will have."""
        yield from summarize(resource.fields(), self.secret_fields)

    def forces_new(self, field: str, resource: R) -> bool:
        """Whether a difference of that field needs a replacement."""
        return field in self.force_new

    def replacement(self, resource: R, actual: Actual, fields: Collection[str], known: Known) -> str | None:
        """Why a difference in these top-level fields needs a replacement; None where an update does.

        Raises:
            EcsctlError: it cannot be had either way.
        """
        forced = sorted(field for field in fields if self.forces_new(field, resource))
        return f"{' and '.join(forced)} cannot be changed in place" if forced else None

    def interruption(self, actual: Actual) -> str:
        """What does not work while it is replaced; empty where nothing is interrupted."""
        return ""

    def refers_to(self, actual: Actual) -> Collection[str]:
        """The ids, and the keys as text, of what it names and would miss."""
        return ()

    def conflicts(self, resource: R, actual: Actual) -> bool:
        """Whether what has the same name has this one's place, so that somebody else's keeps it from being made."""
        return True

    def obstacles(self, resource: R, actual: Actual, known: Known) -> Iterable[Conflict]:
        """What is in the way of a part of what is wanted: what somebody else put on what the project owns.

        Of a shared kind also what one of another maker lacks, since it is not changed.
        """
        return ()

    def depends(self, actual: Actual, other: Actual) -> bool:
        """Whether ``actual``, which is of this kind, has to be gone before ``other`` can go."""
        return other.key.kind in self.depends_on

    def notes(self, changes: Sequence[Change]) -> Iterable[str]:
        """What the user should know of a plan with these changes (of all kinds)."""
        return ()

    def drift(self, resource: R, actual: Actual, known: Known) -> Iterable[str]:
        """What somebody has put on what the project owns and a plan leaves alone, in words and with a way out."""
        return ()

    def goes_with(self, actual: Actual) -> Iterable[str]:
        """What somebody has put on it and is gone when it is removed, in words."""
        return ()

    def kept_note(self, actual: Actual, cluster: str) -> str:
        """What a plan says of what is never desired and stays; ``cluster`` is the plan's."""
        raise NotImplementedError

    def conflict_hint(self, conflict: Conflict, cluster: str) -> str | None:
        """What the user can do about something of this kind that is in the way, besides renaming and removing."""
        return None

    def tag_command(self, conflict: Conflict, project: str) -> str | None:
        """The command that gives a project what is its own, but has lost its owner tag; None where there is none."""
        if conflict.owner or not self.retagging:
            return None
        return "aws " + self.retagging.format(id=conflict.id, name=conflict.key.name, tag=OWNER_TAG, project=project)

    def forms(self, resource: R | None, actual: Actual | None, known: Known) -> tuple[Any, Any] | None:
        """What AWS has and what is wanted, as ``diff`` shows them; None where the kind is not shown there."""
        return None


def until_gone(probe: Callable[[], Progress], what: str, deadline: Deadline, hint: str) -> None:
    """Wait until a probe says that ``what`` has gone.

    Raises:
        WaitTimeoutError: it has not, in time.
    """
    ended = poll(probe, timeout=deadline.left(), report=deadline.report, clock=deadline.clock, interval=1.0)
    if ended.outcome != "done":
        raise WaitTimeoutError(
            f"timed out after {deadline.seconds:.0f} s waiting for {what} to be deleted",
            details=ended.last.lines,
            hint=hint,
        )


def ecs_tags(tags: Mapping[str, str]) -> list[dict[str, str]]:
    """Tags as ECS spells them."""
    return tag_list(tags, "key", "value")


def retag_ecs(aws: Aws, arn: str, put: Mapping[str, str], drop: Sequence[str]) -> None:
    """Change the tags of something of ECS's (ecs:TagResource, UntagResource)."""
    if drop:
        aws.call("ecs", "UntagResource", {"resourceArn": arn, "tagKeys": list(drop)}, about=last(arn))
    if put:
        aws.call("ecs", "TagResource", {"resourceArn": arn, "tags": ecs_tags(put)}, about=last(arn))


def retag_ec2(aws: Aws, ids: Sequence[str], put: Mapping[str, str], drop: Sequence[str]) -> None:
    """Change the tags of things of EC2's (ec2:CreateTags, DeleteTags)."""
    if drop:
        query = {"Resources": list(ids), "Tags": [{"Key": key} for key in drop]}
        aws.call("ec2", "DeleteTags", query, about=ids[0])
    if put:
        aws.call("ec2", "CreateTags", {"Resources": list(ids), "Tags": tag_list(put)}, about=ids[0])


# Endpoints that are not AWS may lack the Resource Groups Tagging API: they have nothing there to be looked at.
NO_SUCH_API = frozenset({"InvalidAction", "NotImplemented", "UnknownOperationException"})


def arns_of(aws: Aws, scope: Scope, *types: str) -> list[str]:
    """The ARNs of what a project owns of these types (``ecs:cluster``), by resourcegroupstaggingapi:GetResources.

    Where that is refused, only what has a known name is found, and ``scope.unseen`` says so.

    Raises:
        AwsError: there was no answer.
    """
    query = {"TagFilters": [{"Key": OWNER_TAG, "Values": [scope.project]}], "ResourceTypeFilters": list(types)}
    try:
        found = aws.pages("resourcegroupstaggingapi", "GetResources", query, "ResourceTagMappingList")
        return [str(item["ResourceARN"]) for item in found]
    except AwsError as error:
        if is_no_answer(error):
            raise
        if error.aws_code not in NO_SUCH_API:
            what = ", ".join(types)
            scope.unseen.append(f"what project {scope.project} has of {what} under other names: {error.message}")
        return []


def last(arn: str) -> str:
    """The name at the end of an ARN."""
    return arn.rsplit("/", 1)[-1]
