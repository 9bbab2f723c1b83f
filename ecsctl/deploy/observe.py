"""What AWS has of a project: all kinds side by side, read only."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from ecsctl.aws.concurrency import map_concurrently
from ecsctl.deploy.kinds import TABLE
from ecsctl.deploy.resources import Actual, Key, Resource, Scope

if TYPE_CHECKING:
    from ecsctl.aws.session import Aws

WORKERS = 6


@dataclass(frozen=True)
class Snapshot:
    """What was found: by key, whoever made it."""

    scope: Scope
    found: Mapping[Key, Actual] = field(default_factory=dict)

    def attributes(self) -> dict[Key, Mapping[str, str]]:
        """What Refs mean, of all that exists."""
        return {key: actual.attributes for key, actual in self.found.items()}


def observe(aws: Aws, scope: Scope, keys: Iterable[Key], kinds: Collection[str] | None = None) -> Snapshot:
    """Read the resources of these keys and all others that the project owns.

    Args:
        keys: where they are those of a mapping, it has the resources that are wanted: what AWS has several of under
            one name (security groups, once a VPC) is told apart by them.
        kinds: look at these kinds only; None looks at all.

    Raises:
        AwsError: AWS refused a call.
    """
    names: dict[str, set[str]] = {kind: set() for kind in TABLE if kinds is None or kind in kinds}
    for key in keys:
        if key.kind in names:
            names[key.kind].add(key.name)

    def look(kind: str) -> list[Actual]:
        return list(TABLE[kind].find(aws, scope, names[kind]))

    found = [actual for actuals in map_concurrently(look, list(names), WORKERS) for actual in actuals]
    return Snapshot(scope, told_apart(found, scope, keys if isinstance(keys, Mapping) else {}))


def told_apart(found: Iterable[Actual], scope: Scope, wanted: Mapping[Key, Resource]) -> dict[Key, Actual]:
    """What was found, by key. Of several with one name, the one that is in the place of what is wanted keeps it.

    Before strangers', the project's own; its others have their id in the key.
    """
    named: dict[Key, list[Actual]] = {}
    for actual in found:
        named.setdefault(actual.key, []).append(actual)
    told: dict[Key, Actual] = {}
    for key, several in named.items():
        first = _chosen(several, scope, wanted.get(key))
        told[key] = first
        for other in several:
            if other.id != first.id and other.owner == scope.project:
                apart = Key(key.kind, f"{key.name} ({other.id})")
                told[apart] = replace(other, key=apart)
    return told


def _chosen(several: Iterable[Actual], scope: Scope, wanted: Resource | None) -> Actual:
    def rank(actual: Actual) -> tuple[bool, bool, str]:
        elsewhere = wanted is not None and not TABLE[actual.key.kind].conflicts(wanted, actual)
        return elsewhere, not scope.may_change(actual), actual.id

    return min(several, key=rank)


def refresh(
    aws: Aws, scope: Scope, key: Key, resource: Resource | None = None, actual: Actual | None = None
) -> Actual | None:
    """Read one resource anew, or None where it is gone.

    Args:
        resource: what is wanted, where something is: what has its name in another place is not it.
        actual: what was found before, where that is meant and nothing else of its name.
    """
    kind = TABLE[key.kind]
    if actual is not None:
        found = [item for item in kind.find(aws, scope, {key.name}) if item.id == actual.id or item.key == key]
        again = next((item for item in found if item.id == actual.id), found[0] if found else None)
        return replace(again, key=key) if again else None
    several = [found for found in kind.find(aws, scope, {key.name}) if found.key == key]
    if resource is not None:
        several = [found for found in several if kind.conflicts(resource, found)]
    return _chosen(several, scope, resource) if several else None
