"""What AWS has of a project: all kinds side by side, read only."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from ecsctl.aws.concurrency import map_concurrently
from ecsctl.deploy.kinds import TABLE
from ecsctl.deploy.resources import Actual, Key, Scope

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


def observe(aws: Aws, scope: Scope, keys: Collection[Key], kinds: Collection[str] | None = None) -> Snapshot:
    """Read the resources of these keys and all others that the project owns.

    Args:
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
    return Snapshot(scope, {actual.key: actual for actual in found})


def refresh(aws: Aws, scope: Scope, key: Key) -> Actual | None:
    """Read one resource anew, or None where it is gone."""
    for actual in TABLE[key.kind].find(aws, scope, {key.name}):
        if actual.key == key:
            return actual
    return None
