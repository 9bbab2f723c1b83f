"""What every kind does: find, create, update, delete. The planner knows kinds only through this."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar, Generic, TypeVar

from ecsctl.errors import AwsError
from ecsctl.resources import OWNER_TAG, Key, Resource

if TYPE_CHECKING:
    from ecsctl.aws.session import Aws

R = TypeVar("R", bound=Resource)


@dataclass(frozen=True)
class Scope:
    """What is looked at: a project, its cluster, and where."""

    project: str
    cluster: str
    region: str = ""


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

    ``fixed`` names the fields that AWS cannot change: a difference there is a replacement. ``exists`` and ``gone`` are
    the error codes that say that somebody else was faster; apply then looks again and goes on from what it finds.
    ``shared`` kinds of another owner are used as they are instead of being in the way.
    """

    resource: ClassVar[type[Resource]]
    fixed: ClassVar[frozenset[str]] = frozenset()
    exists: ClassVar[frozenset[str]] = frozenset()
    gone: ClassVar[frozenset[str]] = frozenset()
    shared: ClassVar[bool] = False

    def raced(self, error: AwsError) -> bool:
        """Whether a refusal may only mean that somebody else (or a call whose answer was lost) was faster."""
        return error.ambiguous or error.aws_code in self.exists or error.aws_code in self.gone

    def replaced_by(self, field: str, resource: R) -> bool:
        """Whether a difference of that field needs a replacement."""
        return field in self.fixed

    def find(self, aws: Aws, scope: Scope, names: Collection[str]) -> Iterable[Actual]:
        """Those of these names, whoever made them, and all others that the project owns."""
        raise NotImplementedError

    def create(self, aws: Aws, resource: R) -> Mapping[str, str]:
        """Make it, with its tags; returns its attributes. ``resource`` has no Refs left."""
        raise NotImplementedError

    def update(self, aws: Aws, resource: R, actual: Actual, changed: Collection[str]) -> Mapping[str, str]:
        """Change the fields ``changed`` of what exists; returns its attributes."""
        raise NotImplementedError

    def delete(self, aws: Aws, scope: Scope, actual: Actual) -> None:
        """Remove it, and return when it has gone. That it has gone already is no error."""
        raise NotImplementedError


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


def last(arn: str) -> str:
    """The name at the end of an ARN."""
    return arn.rsplit("/", 1)[-1]
