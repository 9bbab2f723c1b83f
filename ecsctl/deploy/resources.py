"""What all kinds of resources share: keys, references, what is wanted and what AWS has; no kind of its own, no I/O.

A :class:`Resource` is frozen data. Its ``fields()`` are compared with AWS and shown in a plan, in the words of the API.
A :class:`Ref` stands for a value that is known once another resource exists, and makes that resource a dependency.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, fields, is_dataclass, replace
from typing import Any, ClassVar

OWNER_TAG = "ecsctl:project"
IMAGE_TAG = "ecsctl:image"
CLUSTER_TAG = "ecsctl:cluster"
# IAM allows 64 characters, and its names carry the region (14 at most) besides the prefix.
LONGEST_PROJECT = 40


def base_name(project: str) -> str:
    """What the names of a project's own resources begin with; a long project's name is cut and told by its hash."""
    if len(project) > LONGEST_PROJECT:
        digest = hashlib.sha256(project.encode()).hexdigest()[:8]
        project = f"{project[: LONGEST_PROJECT - 9]}-{digest}"
    return f"ecsctl-{project}"


def owner_of(tags: Iterable[Mapping[str, Any]], key: str = "Key", value: str = "Value") -> str | None:
    """The project of the owner tag in a list of tags (ECS spells them ``key`` and ``value``)."""
    for tag in tags:
        if tag.get(key) == OWNER_TAG:
            return str(tag.get(value) or "")
    return None


def tag_of(tags: Iterable[Mapping[str, Any]], name: str) -> str:
    """The value of a tag in a list of tags; empty where it is not there."""
    return next((str(tag.get("Value") or "") for tag in tags if tag.get("Key") == name), "")


def tag_list(tags: Mapping[str, str], key: str = "Key", value: str = "Value") -> list[dict[str, str]]:
    """Tags as the API takes them, in a steady order."""
    return [{key: name, value: tags[name]} for name in sorted(tags)]


@dataclass(frozen=True, order=True)
class Key:
    """The name of a resource within a project: its kind and its name in AWS."""

    kind: str
    name: str

    def __str__(self) -> str:
        return f"{self.kind} {self.name}"


@dataclass(frozen=True)
class Ref:
    """An attribute of another resource, known after it was applied (``id``, ``arn``, ``revision``)."""

    key: Key
    attribute: str

    def __str__(self) -> str:
        return f"({self.attribute} of {self.key})"


Known = Mapping[Key, Mapping[str, str]]


@dataclass(frozen=True)
class Resource:
    """What all kinds share. ``tags`` hold the owner; they are put on at creation, and brought up to date later."""

    kind: ClassVar[str]
    name: str
    tags: Mapping[str, str] = field(default_factory=dict)
    after: tuple[Key, ...] = ()

    @property
    def key(self) -> Key:
        return Key(self.kind, self.name)

    def fields(self) -> dict[str, Any]:
        """What is compared and shown; None means "leave alone"."""
        return {}

    def own_tags(self) -> Mapping[str, str]:
        """The tags of the resource itself, as far as they are wanted."""
        return self.tags

    def dependencies(self) -> frozenset[Key]:
        """The resources that must exist first: those of ``after`` and of every Ref in ``fields()``."""
        return frozenset(self.after) | frozenset(ref.key for ref in refs(self.fields()))


@dataclass(frozen=True)
class Actual:
    """A resource as AWS has it.

    ``owner`` is the project of its owner tag, None where it has none. ``fields`` has the words of the resource's own
    ``fields()``; ``attributes`` what Refs to it mean; ``status`` what keeps it from being used (``DRAINING``). ``tags``
    are all that it has, None where they were not read.
    """

    key: Key
    id: str
    owner: str | None
    fields: Mapping[str, Any] = field(default_factory=dict)
    attributes: Mapping[str, str] = field(default_factory=dict)
    status: str = ""
    tags: Mapping[str, str] | None = None


@dataclass(frozen=True)
class Scope:
    """What is looked at: a project, its cluster, and where.

    ``leftovers``: look for what an interrupted removal left half done, too (deregistered revisions), which takes more
    calls. ``alone``: leave out what the project has in other clusters (a command is about one cluster, a file about the
    project). ``named``: what the user named, which is changed whoever made it. ``unseen``: what could not be looked at,
    and why, as far as the reading has come.
    """

    project: str
    cluster: str
    region: str = ""
    leftovers: bool = False
    alone: bool = False
    named: frozenset[Key] = frozenset()
    unseen: list[str] = field(default_factory=list, compare=False)

    def may_change(self, actual: Actual) -> bool:
        """Whether a resource is the project's own, or one that the user named."""
        return actual.owner == self.project or actual.key in self.named


def refs(value: Any) -> Iterator[Ref]:
    """Every Ref inside a value: mappings, lists, sets, and frozen dataclasses such as a rule or a listener."""
    if isinstance(value, Ref):
        yield value
    elif is_dataclass(value) and not isinstance(value, type):
        for item in fields(value):
            yield from refs(getattr(value, item.name))
    elif isinstance(value, Mapping):
        for inner in value.values():
            yield from refs(inner)
    elif isinstance(value, (list, tuple, set, frozenset)):
        for inner in value:
            yield from refs(inner)


def resolve(value: Any, known: Known) -> Any:
    """``value`` with each Ref replaced by what is known of it; a Ref to what does not exist yet stays."""
    if isinstance(value, Ref):
        return known.get(value.key, {}).get(value.attribute, value)
    if is_dataclass(value) and not isinstance(value, type):
        return replace(value, **{item.name: resolve(getattr(value, item.name), known) for item in fields(value)})
    if isinstance(value, Mapping):
        return {name: resolve(item, known) for name, item in value.items()}
    if isinstance(value, (list, tuple, set, frozenset)):
        return type(value)(resolve(item, known) for item in value)
    return value
