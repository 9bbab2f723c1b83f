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

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from ecsctl.kinds import TABLE
from ecsctl.kinds.base import Actual
from ecsctl.observe import Snapshot
from ecsctl.resources import Key, Ref, Resource, SecurityGroup, Service, TaskDefinition, refs, resolve

CREATE, UPDATE, REPLACE, REMOVE = "create", "update", "replace", "remove"
SECRET_FIELDS = frozenset({"userData"})
# Fields of a service that are named in several ways: by name or ARN.
BY_NAME = frozenset({"taskDefinition", "role"})


@dataclass(frozen=True)
class FieldChange:
    """One field: what AWS has and what it will have, as text; None where there is nothing. Secrets are not in it."""

    path: str
    before: str | None
    after: str | None


@dataclass(frozen=True)
class Change:
    """One thing to do. ``fields`` says why an update or a replacement is needed."""

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
    """
    project = snapshot.scope.project
    changes: list[Change] = []
    conflicts: list[Conflict] = []
    notes: list[str] = []
    known = snapshot.attributes()
    for key in ordered(desired):
        resource, actual = desired[key], snapshot.found.get(key)
        if actual is not None and actual.owner != project:
            if TABLE[key.kind].shared:
                maker = f"made by project {actual.owner}" if actual.owner else "not made by ecsctl"
                notes.append(f"{key} exists, {maker}: it is used as it is")
            else:
                conflicts.append(Conflict(key, actual.id, actual.owner))
            continue
        change = decide(resource, actual, known)
        if change is not None:
            changes.append(change)
            if change.action != UPDATE or key.kind == TaskDefinition.kind:
                # What refers to it will refer to something else.
                known.pop(key, None)
    if prune:
        extra = [actual for key, actual in snapshot.found.items() if actual.owner == project and key not in desired]
        changes += [Change(REMOVE, actual.key, actual=actual) for actual in sorted(extra, key=lambda item: item.key)]
    return Plan(project, snapshot.scope.cluster, tuple(changes), tuple(conflicts), tuple(notes))


def decide(resource: Resource, actual: Actual | None, known: Mapping[Key, Mapping[str, str]]) -> Change | None:
    """The change that one resource needs, or None. ``known`` has the attributes of what exists."""
    after = resource.dependencies()
    if actual is None:
        return Change(CREATE, resource.key, resource=resource, after=after)
    if actual.status:
        # It is on its way out (a service that drains): the new one comes when the old one has gone.
        fields = (FieldChange("status", actual.status, "ACTIVE"),)
        return Change(REPLACE, resource.key, fields, resource, actual, after)
    different = tuple(differences(resource, actual, known))
    if not different:
        return None
    kind = TABLE[resource.key.kind]
    action = REPLACE if any(kind.replaced_by(top, resource) for top in _tops(different)) else UPDATE
    return Change(action, resource.key, different, resource, actual, after)


def changed_fields(change: Change) -> frozenset[str]:
    """The names of the top-level fields that differ."""
    return _tops(change.fields)


def _tops(fields: Iterable[FieldChange]) -> frozenset[str]:
    return frozenset(item.path.split(".")[0] for item in fields)


def differences(resource: Resource, actual: Actual, known: Mapping[Key, Mapping[str, str]]) -> Iterator[FieldChange]:
    """Field by field, in normalised form; a field that is left out is left alone."""
    if isinstance(resource, TaskDefinition):
        from ecsctl.spec.normalize import diff_task_definitions

        changes = diff_task_definitions(actual.fields["definition"], resource.definition)
        yield from (_shown(f"definition.{path}", before, after) for path, before, after in changes)
        return
    fields: dict[str, Any] = resolve(resource.fields(), known)
    have = dict(actual.fields)
    if isinstance(resource, SecurityGroup):
        # A rule that stands there already, by whose hand ever, need not be made.
        have["ingress"] = have["ingress"] | (have.get("unmarked", frozenset()) & fields["ingress"])
    if isinstance(resource, Service):
        from ecsctl.spec.normalize import diff_services

        simple = {name: value for name, value in fields.items() if name not in BY_NAME and not any(refs(value))}
        yield from (_shown(*item) for item in diff_services(simple, have))
        fields = {name: _short_name(value) for name, value in fields.items() if name not in simple}
        have.update({name: _short_name(have.get(name)) for name in BY_NAME})
    if resource.kind == "iam-role":
        have["policies"] = have["policies"] & fields["policies"]
    for name, value in fields.items():
        if value is None:
            continue
        for path, before, after in _compare(name, have.get(name), value):
            if name in SECRET_FIELDS:
                yield FieldChange(path, "(text)" if before else None, "(changed text)")
            else:
                yield FieldChange(path, _text(before), _text(after))


def _short_name(value: Any) -> Any:
    """An ARN or a name as the name that ends it."""
    return value.rsplit("/", 1)[-1] if isinstance(value, str) else value


def _shown(path: str, before: Any, after: Any) -> FieldChange:
    from ecsctl.spec.normalize import redact

    return FieldChange(path, _text(redact(path, before)), _text(redact(path, after)))


def _compare(path: str, have: Any, want: Any) -> Iterator[tuple[str, Any, Any]]:
    """Where ``want`` is not covered by ``have``: keys that ``want`` does not name are AWS's own defaults."""
    if isinstance(want, Mapping):
        for name, value in want.items():
            inner = have.get(name) if isinstance(have, Mapping) else None
            yield from _compare(f"{path}.{name}", inner, value)
    elif isinstance(want, (list, tuple)):
        if not _covers_list(have, want):
            yield path, have, want
    elif isinstance(want, frozenset):
        if frozenset(have or ()) != want:
            yield path, have, want
    elif not _same_scalar(have, want):
        yield path, have, want


def _covers_list(have: Any, want: list[Any] | tuple[Any, ...]) -> bool:
    if not isinstance(have, (list, tuple)) or len(have) != len(want):
        return not want and not have
    left = list(have)
    for item in want:
        for index, candidate in enumerate(left):
            if not any(_compare("", candidate, item)):
                del left[index]
                break
        else:
            return False
    return True


def _same_scalar(have: Any, want: Any) -> bool:
    if have is None:
        # What AWS leaves out is empty, off or nothing.
        return want in ("", False, 0) and not isinstance(want, Ref)
    if isinstance(have, bool) or isinstance(want, bool):
        return bool(have) == bool(want)
    return str(have) == str(want)


def _text(value: Any) -> str | None:
    if value is None or value == "" or value == frozenset():
        return None
    if isinstance(value, (frozenset, set)):
        return ", ".join(sorted(str(item) for item in value))
    if isinstance(value, (list, tuple)):
        return ", ".join(_text(item) or "" for item in value)
    if isinstance(value, Mapping):
        return " ".join(f"{name}={_text(item)}" for name, item in value.items())
    return str(value)


def ordered(resources: Mapping[Key, Resource]) -> list[Key]:
    """The keys so that each comes after its dependencies; the order of the mapping otherwise.

    Raises:
        ValueError: they depend on each other in a circle (a bug: the file cannot say that).
    """
    result: list[Key] = []
    done: set[Key] = set()

    def visit(key: Key, path: tuple[Key, ...]) -> None:
        if key in done or key not in resources:
            return
        if key in path:
            raise ValueError(f"a circle of dependencies: {' → '.join(map(str, (*path, key)))}")
        for dependency in sorted(resources[key].dependencies()):
            visit(dependency, (*path, key))
        done.add(key)
        result.append(key)

    for key in resources:
        visit(key, ())
    return result
