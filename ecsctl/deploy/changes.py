"""A plan as data: what is to be done, what is in its way, and what the user should know of it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from ecsctl.deploy.guards import Refusal
from ecsctl.deploy.resources import Actual, Key, Resource
from ecsctl.ecs_definitions.field_changes import FieldChange as FieldChange

CREATE, UPDATE, REPLACE, REMOVE = "create", "update", "replace", "remove"


@dataclass(frozen=True)
class Change:
    """One thing to do.

    ``fields`` has what an update or a replacement changes, and what a new resource will have. ``after`` are the changes
    that go first, where they are in the same plan. ``renews``: what refers to the resource will refer to something
    else (a replacement, a new revision).
    """

    action: str
    key: Key
    fields: tuple[FieldChange, ...] = ()
    resource: Resource | None = None
    actual: Actual | None = None
    after: frozenset[Key] = frozenset()
    renews: bool = True
    reason: str = ""
    interrupts: str = ""
    waits: frozenset[str] = frozenset()

    @property
    def actual_status(self) -> str:
        """What keeps what exists from being used (``DRAINING``); empty where nothing does."""
        return self.actual.status if self.actual else ""

    @property
    def changed(self) -> frozenset[str]:
        """The top-level fields that differ."""
        return top_fields(self.fields)

    def to_data(self) -> dict[str, Any]:
        """The change as plain data, for JSON and YAML."""
        return {
            "action": self.action,
            "kind": self.key.kind,
            "name": self.key.name,
            "id": self.actual.id if self.actual else None,
            "reason": self.reason or None,
            "interrupts": self.interrupts or None,
            "fields": [item.to_data() for item in self.fields],
        }


@dataclass(frozen=True)
class Conflict:
    """Something of that name exists that this project did not make; ``part``: of something that it did make."""

    key: Key
    id: str
    owner: str | None
    part: str = ""

    def __str__(self) -> str:
        whose = f"belongs to project {self.owner}" if self.owner else "was not made by ecsctl"
        return f"{self.part or self.key} ({self.id}) {whose}"


@dataclass(frozen=True)
class Plan:
    """All that has to be done, in an order that respects the dependencies; nothing is done while it is blocked.

    ``conflicts`` are of names and places that somebody else has; ``refusals`` of what somebody else uses.
    """

    project: str
    cluster: str
    changes: tuple[Change, ...] = ()
    conflicts: tuple[Conflict, ...] = ()
    notes: tuple[str, ...] = ()
    refusals: tuple[Refusal, ...] = ()

    @property
    def blocked(self) -> bool:
        """Whether it cannot be carried out."""
        return bool(self.conflicts or self.refusals)

    @property
    def empty(self) -> bool:
        return not self.changes

    def count(self, action: str) -> int:
        return sum(change.action == action for change in self.changes)

    def to_data(self) -> dict[str, Any]:
        """The plan as plain data, for JSON and YAML."""
        return {
            "project": self.project,
            "cluster": self.cluster,
            "changes": [change.to_data() for change in self.changes],
            "conflicts": [
                {
                    "kind": item.key.kind,
                    "name": item.key.name,
                    "part": item.part or None,
                    "id": item.id,
                    "owner": item.owner,
                }
                for item in self.conflicts
            ],
            "refusals": [
                {
                    "action": item.action,
                    "kind": item.key.kind,
                    "name": item.key.name,
                    "usedBy": item.use.what,
                    "owner": item.use.owner,
                    "message": str(item),
                }
                for item in self.refusals
            ],
            "notes": list(self.notes),
        }


def top_fields(fields: Iterable[FieldChange]) -> frozenset[str]:
    """The names of the top-level fields of these changes."""
    return frozenset(item.field for item in fields)
