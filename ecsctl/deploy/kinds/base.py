"""What every kind does: find, create, update, delete. The planner knows kinds only through this."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar, Generic, TypeVar

from ecsctl.deploy.resources import OWNER_TAG, Key, Resource
from ecsctl.errors import AwsError, WaitTimeoutError
from ecsctl.polling import Progress, poll

if TYPE_CHECKING:
    from ecsctl.aws.session import Aws

R = TypeVar("R", bound=Resource)


@dataclass(frozen=True)
class Scope:
    """What is looked at: a project, its cluster, and where.

    ``leftovers``: look for what an interrupted removal left half done, too (deregistered revisions), which takes more
    calls. ``alone``: leave out what the project has in other clusters (a command is about one cluster, a file about the
    project).
    """

    project: str
    cluster: str
    region: str = ""
    leftovers: bool = False
    alone: bool = False


@dataclass(frozen=True)
class Patience:
    """How many seconds a deletion may take, and who is told how it goes (from any thread)."""

    seconds: float = 900.0
    report: Callable[[str], None] = lambda line: None


@dataclass(frozen=True)
class Actual:
    """A resource as AWS has it.

    ``owner`` is the project of its owner tag, None where it has none. ``fields`` has the words of the resource's own
    ``fields()``; ``attributes`` what Refs to it mean; ``status`` what stands in the way of using it (``DRAINING``).
    """

    key: Key
    id: str
    owner: str | None
    fields: Mapping[str, Any] = field(default_factory=dict)
    attributes: Mapping[str, str] = field(default_factory=dict)
    status: str = ""


class Kind(Generic[R]):
    """One kind of resource: how it is read and written.

    ``fixed`` names the fields that AWS cannot change: a difference there is a replacement. ``rooted`` names those that
    cannot be had by a replacement either, since others hold on to what is there. ``exists`` and ``gone`` are the error
    codes that say that somebody else was faster; apply then looks again and goes on from what it finds. ``shared``
    kinds of another owner are used as they are instead of being in the way; ``lent`` ones of no owner are, where they
    are just what is wanted. ``held_by`` are the kinds that keep this
    one busy: where all goes, they go first.
    """

    resource: ClassVar[type[Resource]]
    fixed: ClassVar[frozenset[str]] = frozenset()
    rooted: ClassVar[frozenset[str]] = frozenset()
    exists: ClassVar[frozenset[str]] = frozenset()
    gone: ClassVar[frozenset[str]] = frozenset()
    shared: ClassVar[bool] = False
    lent: ClassVar[bool] = False
    held_by: ClassVar[frozenset[str]] = frozenset()

    def raced(self, error: AwsError) -> bool:
        """Whether a refusal may only mean that somebody else (or a call whose answer was lost) was faster."""
        return error.ambiguous or error.aws_code in self.exists or error.aws_code in self.gone

    def replaced_by(self, field: str, resource: R) -> bool:
        """Whether a difference of that field needs a replacement."""
        return field in self.fixed

    def in_the_way(self, resource: R, actual: Actual) -> bool:
        """Whether what somebody else made under the same name keeps this one from being made."""
        return True

    def held(self, actual: Actual, other: Actual) -> bool:
        """Whether ``other`` has to be gone before ``actual`` can go."""
        return other.key.kind in self.held_by

    def find(self, aws: Aws, scope: Scope, names: Collection[str]) -> Iterable[Actual]:
        """Those of these names, whoever made them, and all others that the project owns."""
        raise NotImplementedError

    def create(self, aws: Aws, resource: R) -> Mapping[str, str]:
        """Make it, with its tags; returns its attributes. ``resource`` has no Refs left."""
        raise NotImplementedError

    def update(self, aws: Aws, resource: R, actual: Actual, changed: Collection[str]) -> Mapping[str, str]:
        """Change the fields ``changed`` of what exists; returns its attributes."""
        raise NotImplementedError

    def delete(self, aws: Aws, scope: Scope, actual: Actual, patience: Patience) -> None:
        """Remove it, and return when it has gone. Where it has gone already, AWS may say so in a code of ``gone``.

        Raises:
            WaitTimeoutError: it has not gone in time.
        """
        raise NotImplementedError


def until_gone(probe: Callable[[], Progress], what: str, patience: Patience, hint: str) -> None:
    """Wait until a probe says that ``what`` has gone.

    Raises:
        WaitTimeoutError: it has not, in time.
    """
    ended = poll(probe, timeout=patience.seconds, report=patience.report, interval=1.0)
    if ended.outcome != "done":
        raise WaitTimeoutError(
            f"{what} has not gone after {patience.seconds:.0f} s", details=ended.last.lines, hint=hint
        )


def owner_of(tags: Iterable[Mapping[str, Any]], key: str = "Key", value: str = "Value") -> str | None:
    """The project of the owner tag in a list of tags (ECS spells them ``key`` and ``value``)."""
    for tag in tags:
        if tag.get(key) == OWNER_TAG:
            return str(tag.get(value) or "")
    return None


def tag_list(tags: Mapping[str, str], key: str = "Key", value: str = "Value") -> list[dict[str, str]]:
    """Tags as the API takes them, in a steady order."""
    return [{key: name, value: tags[name]} for name in sorted(tags)]


def ecs_tags(tags: Mapping[str, str]) -> list[dict[str, str]]:
    """Tags as ECS spells them."""
    return tag_list(tags, "key", "value")


def arns_of(aws: Aws, project: str, *types: str) -> list[str]:
    """The ARNs of what a project owns of these types (``ecs:cluster``), by resourcegroupstaggingapi:GetResources.

    Empty where that is denied or missing: then only what has a known name is found.
    """
    query = {"TagFilters": [{"Key": OWNER_TAG, "Values": [project]}], "ResourceTypeFilters": list(types)}
    try:
        found = aws.pages("resourcegroupstaggingapi", "GetResources", query, "ResourceTagMappingList")
        return [str(item["ResourceARN"]) for item in found]
    except AwsError:
        return []


def last(arn: str) -> str:
    """The name at the end of an ARN."""
    return arn.rsplit("/", 1)[-1]
