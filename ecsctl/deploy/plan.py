"""The pipeline, and its middle: what has to change.

A run of ``up`` is::

    ecsctl.yaml --load_spec--> Spec --gather, desired--> resources --observe--> Snapshot
                                                             |                     |
                                                             +------- plan --------+
                                                                       |
                                                   Plan --apply--> events --> Report

``plan`` is pure and prints the very object that ``apply`` executes; ``down`` is the same with nothing desired;
``cluster create``, ``instance bootstrap``, ``service create`` and ``scale`` make a Spec of their flags and take the
same way.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ecsctl.deploy.compare import FieldChange, differences, summary
from ecsctl.deploy.kinds import TABLE
from ecsctl.deploy.kinds.base import Actual
from ecsctl.deploy.observe import Snapshot
from ecsctl.deploy.resources import AutoScalingGroup, Key, LaunchTemplate, Resource, TaskDefinition
from ecsctl.errors import EcsctlError

CREATE, UPDATE, REPLACE, REMOVE = "create", "update", "replace", "remove"
KEEP_TEMPLATE = "running instances keep the old launch template; `ecsctl instance remove --replace ID` renews one"


@dataclass(frozen=True)
class Change:
    """One thing to do.

    ``fields`` has what an update or a replacement changes, and what a new resource will have. ``after`` are the changes
    that go first, where they are in the same plan.
    """

    action: str
    key: Key
    fields: tuple[FieldChange, ...] = ()
    resource: Resource | None = None
    actual: Actual | None = None
    after: frozenset[Key] = frozenset()

    @property
    def actual_status(self) -> str:
        """What stands in the way of using what exists (``DRAINING``); empty where nothing does."""
        return self.actual.status if self.actual else ""

    @property
    def renews(self) -> bool:
        """Whether what refers to the resource will refer to something else."""
        return self.action != UPDATE or self.key.kind == TaskDefinition.kind

    def to_data(self) -> dict[str, Any]:
        """The change as plain data, for JSON and YAML."""
        return {
            "action": self.action,
            "kind": self.key.kind,
            "name": self.key.name,
            "id": self.actual.id if self.actual else None,
            "fields": [{"path": item.path, "before": item.before, "after": item.after} for item in self.fields],
        }


@dataclass(frozen=True)
class Conflict:
    """Something of that name exists that this project did not make."""

    key: Key
    id: str
    owner: str | None

    def __str__(self) -> str:
        whose = f"belongs to project {self.owner}" if self.owner else "was not made by ecsctl"
        return f"{self.key} ({self.id}) {whose}"


@dataclass(frozen=True)
class Plan:
    """All that has to be done, in an order that respects the dependencies; nothing is done while it has conflicts."""

    project: str
    cluster: str
    changes: tuple[Change, ...] = ()
    conflicts: tuple[Conflict, ...] = ()
    notes: tuple[str, ...] = ()

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
                {"kind": item.key.kind, "name": item.key.name, "id": item.id, "owner": item.owner}
                for item in self.conflicts
            ],
            "notes": list(self.notes),
        }


def plan(desired: Mapping[Key, Resource], snapshot: Snapshot, *, prune: bool) -> Plan:
    """What has to change so that AWS has what is desired.

    Args:
        prune: remove what the project owns and does not desire (the file's way); imperative commands do not.

    Raises:
        EcsctlError: something would have to change that can only be had by removing the project first.
    """
    project = snapshot.scope.project
    changes: list[Change] = []
    conflicts: list[Conflict] = []
    notes: list[str] = []
    known = snapshot.attributes()
    for key in ordered(desired):
        resource, actual = desired[key], snapshot.found.get(key)
        kind = TABLE[key.kind]
        if actual is not None and actual.owner != project and not kind.in_the_way(resource, actual):
            known.pop(key, None)
            actual = None
        if actual is not None and actual.owner != project:
            if kind.shared:
                maker = f"made by project {actual.owner}" if actual.owner else "not made by ecsctl"
                notes.append(f"{key} exists, {maker}: it is used as it is")
            elif kind.lent and not actual.owner and decide(resource, actual, known) is None:
                notes.append(f"{key} exists, not made by ecsctl, and is what the file says: it is left as it is")
            else:
                conflicts.append(Conflict(key, actual.id, actual.owner))
            continue
        change = decide(resource, actual, known)
        if change is not None:
            changes.append(change)
            if change.renews:
                known.pop(key, None)
    actions = {(change.action, change.key.kind) for change in changes}
    if (UPDATE, LaunchTemplate.kind) in actions and (REPLACE, AutoScalingGroup.kind) not in actions:
        notes.append(KEEP_TEMPLATE)
    if prune:
        extra = [actual for key, actual in snapshot.found.items() if actual.owner == project and key not in desired]
        changes += removals(extra)
    return Plan(project, snapshot.scope.cluster, tuple(changes), tuple(conflicts), tuple(notes))


def removals(extra: Sequence[Actual]) -> list[Change]:
    """The removal of each, in an order that AWS takes: what holds something goes before it."""
    after = {
        actual.key: frozenset(other.key for other in extra if TABLE[actual.key.kind].held(actual, other))
        for actual in extra
    }
    by_key = {actual.key: actual for actual in extra}
    return [
        Change(REMOVE, key, actual=by_key[key], after=after[key])
        for key in topological({k: after[k] for k in sorted(after)})
    ]


def decide(resource: Resource, actual: Actual | None, known: Mapping[Key, Mapping[str, str]]) -> Change | None:
    """The change that one resource needs, or None. ``known`` has the attributes of what exists."""
    after = resource.dependencies()
    if actual is None:
        return Change(CREATE, resource.key, tuple(summary(resource)), resource, after=after)
    if actual.status:
        # It is on its way out (a service that drains): the new one comes when the old one has gone.
        fields = (FieldChange("status", actual.status, "ACTIVE"),)
        return Change(REPLACE, resource.key, fields, resource, actual, after)
    different = tuple(differences(resource, actual, known))
    if not different:
        return None
    kind = TABLE[resource.key.kind]
    for item in different:
        if item.path in kind.rooted:
            raise EcsctlError(
                f"{resource.key}: {item.path} is {item.before} and cannot become {item.after} while it is in use",
                hint="`ecsctl down`, then `ecsctl up`; or give the project another name",
            )
    action = REPLACE if any(kind.replaced_by(top, resource) for top in _tops(different)) else UPDATE
    return Change(action, resource.key, different, resource, actual, after)


def changed_fields(change: Change) -> frozenset[str]:
    """The names of the top-level fields that differ."""
    return _tops(change.fields)


def _tops(fields: Iterable[FieldChange]) -> frozenset[str]:
    return frozenset(item.path.split(".")[0].split("[")[0] for item in fields)


def ordered(resources: Mapping[Key, Resource]) -> list[Key]:
    """The keys so that each comes after its dependencies; the order of the mapping otherwise."""
    return topological({key: resource.dependencies() for key, resource in resources.items()})


def topological(after: Mapping[Key, frozenset[Key]]) -> list[Key]:
    """The keys so that each comes after those that it names; the order of the mapping otherwise.

    Where they name each other in a circle (rules of security groups that somebody wrote by hand), one of them comes
    first, and AWS says why it cannot go.
    """
    result: list[Key] = []
    seen: set[Key] = set()

    def visit(key: Key) -> None:
        if key in seen or key not in after:
            return
        seen.add(key)
        for other in sorted(after[key]):
            visit(other)
        result.append(key)

    for key in after:
        visit(key)
    return result
