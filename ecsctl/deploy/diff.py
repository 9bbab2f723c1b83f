"""The definitions that a plan would change, each beside what AWS has."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ecsctl.deploy.kinds import TABLE
from ecsctl.ecs_definitions.text_diff import Difference, unified

if TYPE_CHECKING:
    from ecsctl.deploy.changes import Plan
    from ecsctl.deploy.observe import Snapshot


def of_plan(plan: Plan, snapshot: Snapshot) -> list[Difference]:
    """The differences of what a plan would change, in the plan's order: of the kinds that have definitions."""
    known = snapshot.attributes()
    result = []
    for change in plan.changes:
        if change.renews:
            known.pop(change.key, None)
        forms = TABLE[change.key.kind].forms(change.resource, change.actual, known)
        if forms is None:
            continue
        have, want = f"{change.key} (AWS)", f"{change.key} (file)"
        if change.actual is None:
            have = "/dev/null"
        elif "revision" in change.actual.attributes:
            have = f"{change.key.kind} {change.actual.attributes['revision']} (AWS)"
        if change.resource is None:
            want = "/dev/null"
        result.append(Difference(change.key.kind, have, want, change.fields, unified(*forms, (have, want))))
    return result
