"""The pipeline, and its middle: what has to change.

A run of ``up`` is::

    ecsctl.yaml --load_spec--> Spec --read, desired--> resources --observe--> Snapshot
                                                             |                     |
                                                             +------- plan --------+
                                                                       |
                                                   Plan --apply--> events --> Report

``plan`` is pure and prints the very object that ``apply`` executes; ``down`` is the same with nothing desired;
``cluster create``, ``instance bootstrap``, ``service create`` and ``scale`` make a Spec of their flags and take the
same way.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from ecsctl.deploy.changes import CREATE, REMOVE, REPLACE, UPDATE, Change, Conflict, Plan, top_fields
from ecsctl.deploy.kinds import TABLE
from ecsctl.deploy.observe import Snapshot
from ecsctl.deploy.resources import Actual, Key, Known, Resource
from ecsctl.deploy.tags import tag_changes
from ecsctl.ecs_definitions.field_changes import FieldChange
from ecsctl.errors import EcsctlError


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
    found = snapshot.found.items()
    extra = [actual for key, actual in found if actual.owner == project and key not in desired]
    kept = [actual for actual in extra if desired and TABLE[actual.key.kind].never_desired]
    extra = [actual for actual in extra if actual not in kept]
    for key in ordered(desired):
        resource, actual = desired[key], snapshot.found.get(key)
        kind = TABLE[key.kind]
        foreign = actual is not None and not snapshot.scope.may_change(actual)
        if actual is not None and foreign and not kind.conflicts(resource, actual):
            known.pop(key, None)
            actual = None
        if actual is not None and foreign:
            if kind.shared and (obstacles := tuple(kind.obstacles(resource, actual, known))):
                conflicts += obstacles
            elif kind.shared:
                maker = f"made by project {actual.owner}" if actual.owner else "not made by ecsctl"
                notes.append(f"{key} exists, {maker}: it is used as it is")
            elif kind.adoptable and not actual.owner and decide(resource, actual, known) is None:
                notes.append(f"{key} exists, not made by ecsctl, and is what the file says: it is left as it is")
            else:
                conflicts.append(Conflict(key, actual.id, actual.owner))
            continue
        if actual is not None and actual.owner == project:
            notes += kind.drift(resource, actual, known)
            obstacles = tuple(kind.obstacles(resource, actual, known))
            if obstacles:
                conflicts += obstacles
                continue
        change = decide(resource, actual, known, extra if prune else ())
        if change is not None:
            changes.append(change)
            if change.renews:
                known.pop(key, None)
    for kind in TABLE.values():
        notes += kind.notes(changes)
    notes += [TABLE[actual.key.kind].kept_note(actual, snapshot.scope.cluster) for actual in kept]
    staying = [actual for key, actual in found if key in desired]
    going = [*(extra if prune else ()), *(change.actual for change in changes if change.action == REPLACE)]
    notes += [note for actual in going if actual is not None for note in TABLE[actual.key.kind].goes_with(actual)]
    changes += removals(extra if prune else [], staying)
    return Plan(project, snapshot.scope.cluster, tuple(changes), tuple(conflicts), tuple(notes))


def removals(extra: Sequence[Actual], staying: Sequence[Actual] = ()) -> list[Change]:
    """The removal of each, in an order that AWS takes: what holds something goes before it.

    What a resource that stays names until its change has come into effect goes after that.
    """
    after = {
        actual.key: frozenset(other.key for other in extra if TABLE[other.key.kind].depends(other, actual))
        for actual in extra
    }
    named = {name: actual.key.kind for actual in staying for name in TABLE[actual.key.kind].refers_to(actual)}
    waits = {
        actual.key: frozenset(named[name] for name in (actual.id, str(actual.key)) if name in named) for actual in extra
    }
    for key, others in after.items():
        for other in others:
            # What holds it (its balancer) goes no earlier; what is waited for (a service) does not wait for itself.
            if other.kind not in waits[key]:
                waits[other] |= waits[key]
    by_key = {actual.key: actual for actual in extra}
    return [
        Change(REMOVE, key, actual=by_key[key], after=after[key], waits=waits[key])
        for key in topological({k: after[k] for k in sorted(after)})
    ]


def decide(resource: Resource, actual: Actual | None, known: Known, leaving: Sequence[Actual] = ()) -> Change | None:
    """The change that one resource needs, or None.

    Args:
        known: the attributes of what exists.
        leaving: what of the project goes with the same plan.

    Raises:
        EcsctlError: it cannot be had.
    """
    after = resource.dependencies()
    kind = TABLE[resource.key.kind]
    if actual is None:
        return Change(CREATE, resource.key, tuple(kind.summary(resource)), resource, after=after)
    if actual.status:
        # It is on its way out (a service that drains): the new one comes when the old one has gone.
        fields = (FieldChange("status", actual.status, "ACTIVE"),)
        return Change(REPLACE, resource.key, fields, resource, actual, after, reason=f"the old one is {actual.status}")
    amended = kind.amend(resource, actual, known, leaving)
    different = tuple(kind.differences(amended, actual, known))
    retagged = tuple(tag_changes(resource, actual))
    if not different:
        return Change(UPDATE, resource.key, retagged, resource, actual, after, renews=False) if retagged else None
    for item in different:
        if item.field in kind.immutable:
            raise EcsctlError(
                f"{resource.key}: {item.path} is {item.before} and cannot become {item.after} while it is in use",
                hint="`ecsctl down`, then `ecsctl up`; or give the project another name",
            )
    reason = kind.replacement(amended, actual, top_fields(different), known)
    if reason is not None:
        stops = kind.interruption(actual)
        return Change(REPLACE, resource.key, different, resource, actual, after, reason=reason, interrupts=stops)
    return Change(UPDATE, resource.key, (*different, *retagged), amended, actual, after, renews=kind.update_renews)


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
