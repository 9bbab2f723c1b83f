"""The tags of what ecsctl made, and the words that tags keep of what a file said before: pure.

A tag that the file no longer has is taken away only where ecsctl put it: the tag ``ecsctl:tags`` lists their keys. The
tag ``ecsctl:fields`` of a service lists what its section said, in the same form.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, TypeVar
from urllib.parse import quote, unquote

from ecsctl.deploy.resources import OWNER_TAG, Actual, Resource
from ecsctl.ecs_definitions.field_changes import FieldChange

R = TypeVar("R", bound=Resource)

TAGS = "tags"
KEYS_TAG = "ecsctl:tags"
FIELDS_TAG = "ecsctl:fields"
OWN = "ecsctl:"
# What AWS takes of a tag's value; a longer list goes on in a tag of the next number.
LONGEST_VALUE = 256


def listed(tag: str, words: Collection[str]) -> dict[str, str]:
    """Words as the values of tags (``tag``, ``tag.2`` …), in characters that every service takes; none for no words."""
    values: list[str] = []
    for word in sorted(words):
        safe = quote(word, safe=":/@+.-_").replace("%", "=")
        if values and len(values[-1]) + len(safe) < LONGEST_VALUE:
            values[-1] += f" {safe}"
        else:
            values.append(safe)
    return {tag if number == 1 else f"{tag}.{number}": value for number, value in enumerate(values, 1)}


def words_of(tag: str, tags: Mapping[str, str]) -> frozenset[str]:
    """The words that :func:`listed` put into tags."""
    values = [value for key, value in tags.items() if key == tag or key.startswith(f"{tag}.")]
    return frozenset(unquote(word.replace("=", "%")) for value in values for word in value.split())


def with_keys(resource: R) -> R:
    """A resource with the tags that list the keys of its tags, but for those that are ecsctl's own."""
    keys = [key for key in resource.own_tags() if not key.startswith(OWN)]
    return replace(resource, tags={**resource.tags, **listed(KEYS_TAG, keys)})


def tag_changes(resource: Resource, actual: Actual) -> Iterator[FieldChange]:
    """What differs in the tags of something that the resource's project owns.

    Only the keys that are wanted and those that ecsctl put there before count.
    """
    wanted, has = resource.own_tags(), actual.tags
    if has is None or not wanted.get(OWNER_TAG) or has.get(OWNER_TAG) != wanted[OWNER_TAG]:
        return
    for key in sorted({*wanted, *_put(has)}):
        if has.get(key) != wanted.get(key):
            yield FieldChange(f"{TAGS}.{key}", has.get(key), wanted.get(key))


def _put(tags: Mapping[str, str]) -> set[str]:
    """The keys that ecsctl has put among these tags, but those of which each kind knows itself."""
    own = {key for key in tags if key.startswith((KEYS_TAG, FIELDS_TAG))}
    return (own | words_of(KEYS_TAG, tags)) & tags.keys()


@dataclass(frozen=True)
class TagWrite:
    """Tags to put on, and keys to take away."""

    put: Mapping[str, str]
    drop: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.put or self.drop)


NO_TAGS = TagWrite({})


def to_write(resource: Resource, actual: Actual) -> tuple[TagWrite, TagWrite]:
    """What to write before an update, and what after it: that a field was taken back is noted once it was."""
    wanted = resource.own_tags()
    changed = [item.path.removeprefix(f"{TAGS}.") for item in tag_changes(resource, actual)]
    noted = {key for key in changed if key.startswith(FIELDS_TAG)}

    def of(keys: Collection[str]) -> TagWrite:
        return TagWrite({k: wanted[k] for k in keys if k in wanted}, tuple(sorted(k for k in keys if k not in wanted)))

    return of([key for key in changed if key not in noted]), of(noted)


def tags_of(rows: Any, key: str = "Key", value: str = "Value") -> dict[str, str]:
    """A list of tags as a mapping (ECS spells them ``key`` and ``value``)."""
    return {str(row[key]): str(row.get(value) or "") for row in rows or () if row.get(key)}
