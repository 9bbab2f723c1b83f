"""Plan → AWS: what can go side by side does; what failed stops what depends on it, and the rest is still done.

Every step can be cut off after any call, meet another run, or lose its answer: where AWS says "exists already" or "is
gone", or the answer was lost, the resource is read again and the step goes on from what is there.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any

from ecsctl.deploy.changes import REMOVE, REPLACE, UPDATE, Change, Plan
from ecsctl.deploy.guards import ways_out
from ecsctl.deploy.kinds import TABLE
from ecsctl.deploy.observe import Snapshot, refresh
from ecsctl.deploy.plan import decide
from ecsctl.deploy.resources import Key, Known, Resource, Scope, resolve
from ecsctl.deploy.steps import Outcome, Step, run_steps
from ecsctl.deploy.tags import NO_TAGS, TAGS, to_write
from ecsctl.errors import AwsError, ConflictError, EcsctlError
from ecsctl.polling import Deadline

if TYPE_CHECKING:
    from ecsctl.aws.session import Aws

WORKERS = 6
TRIES = 4
DEFAULT_SECONDS = 900.0


@dataclass(frozen=True)
class Event:
    """Something happened to a resource: ``phase`` is ``started``, ``done`` or ``failed``."""

    change: Change
    phase: str
    text: str = ""


@dataclass
class Report:
    """What came of a plan.

    ``skipped`` was not begun, since something it needs failed; ``waits`` are the errors of waits between the changes;
    ``attributes`` are of what was done; ``waited`` names the kinds that have been waited for.
    """

    done: list[Change] = field(default_factory=list)
    failed: list[tuple[Change, EcsctlError]] = field(default_factory=list)
    skipped: list[Change] = field(default_factory=list)
    waits: list[EcsctlError] = field(default_factory=list)
    attributes: dict[Key, Mapping[str, str]] = field(default_factory=dict)
    waited: set[str] = field(default_factory=set)

    @property
    def whole(self) -> bool:
        return not self.failed and not self.skipped and not self.waits


def apply(
    aws: Aws,
    plan: Plan,
    snapshot: Snapshot,
    *,
    report: Callable[[Event], None] = lambda event: None,
    waits: Mapping[str, Callable[[Known], None]] | None = None,
    deadline: Deadline | None = None,
) -> Report:
    """Execute a plan: first all that is made or changed, then, where that went well, what is removed.

    Args:
        snapshot: what the plan was made from.
        report: told of each step, from the caller's thread.
        waits: by kind, how to wait until what is desired of it is in service (given the attributes of what was done);
            called before the first change of a kind that waits for it.
        deadline: for all together.

    Returns:
        what was done, what failed and what was left out.

    Raises:
        ConflictError: the plan is blocked; nothing was changed.
        KeyboardInterrupt: interrupted; calls that were under way have been waited for.
    """
    if plan.blocked:
        raise conflict(plan)
    deadline = deadline or Deadline.after(DEFAULT_SECONDS, clock=aws.clock)
    run = _Run(aws, snapshot, report, waits or {}, deadline)
    removed = [change for change in plan.changes if change.action == REMOVE]
    run.carry_out([change for change in plan.changes if change.action != REMOVE])
    if run.outcome.whole:
        run.carry_out(removed)
    else:
        run.outcome.skipped += removed
    return run.outcome


def conflict(plan: Plan) -> ConflictError:
    """The error for a plan that is blocked: for what is in its way, else for what it would take from others."""
    if not plan.conflicts:
        many = len(plan.refusals) > 1
        return ConflictError(
            f"project {plan.project} would take away what others use; nothing was changed"
            if many
            else f"{plan.refusals[0]}; nothing was changed",
            details=[str(item) for item in plan.refusals] if many else (),
            hint=ways_out(plan.refusals),
        )
    many = len(plan.conflicts) > 1
    hint = "rename it in the file (or the project, by `name:`), or remove what is in the way yourself"
    for item in plan.conflicts:
        more = TABLE[item.key.kind].conflict_hint(item, plan.cluster)
        if more:
            hint += f"; {more}"
            break
    for item in plan.conflicts:
        command = TABLE[item.key.kind].tag_command(item, plan.project)
        if command:
            hint += f"; if project {plan.project} made it, and only its tag was lost, `{command}` gives it back"
            break
    return ConflictError(
        f"{len(plan.conflicts)} resources are in the way of project {plan.project}; nothing was changed"
        if many
        else f"{plan.conflicts[0]}: it is in the way of project {plan.project}; nothing was changed",
        details=[str(item) for item in plan.conflicts] if many else (),
        hint=hint,
    )


class _Run:
    def __init__(
        self,
        aws: Aws,
        snapshot: Snapshot,
        report: Callable[[Event], None],
        waits: Mapping[str, Callable[[Known], None]],
        deadline: Deadline,
    ) -> None:
        self.aws = aws
        self.deadline = deadline
        self.scope = snapshot.scope
        self.known: Known = snapshot.attributes()
        self.report = report
        self.waits = waits
        self.outcome = Report()

    def carry_out(self, changes: list[Change]) -> None:
        """Run changes, which are in order, and between them the waits that some of them need."""
        by_key = {change.key: change for change in changes}

        def begins(step: Step) -> None:
            if step.name in by_key:
                self.report(Event(by_key[step.name], "started"))

        def ended(step: Step, attributes: Mapping[str, str]) -> None:
            if step.name in by_key:
                change = by_key[step.name]
                # Replaced, never changed in place: workers read them.
                self.outcome.attributes = {**self.outcome.attributes, change.key: attributes}
                self.known = {**self.known, change.key: attributes}
                self.report(Event(change, "done", attributes.get("revision", "")))

        def failed(step: Step, error: EcsctlError) -> None:
            if step.name in by_key:
                self.report(Event(by_key[step.name], "failed", error.message))

        steps = self._steps(changes)
        outcome = run_steps(steps, WORKERS, begins=begins, ended=ended, failed=failed, report=self.deadline.report)
        self._keep(outcome, by_key)

    def _steps(self, changes: list[Change]) -> list[Step]:
        steps: list[Step] = []
        for change in changes:
            after: set[Any] = set(change.after)
            for kind in change.waits if change.action == REMOVE else TABLE[change.key.kind].waits_for:
                if kind in self.waits and kind not in self.outcome.waited:
                    if not any(step.name == kind for step in steps):
                        first = frozenset(other.key for other in changes if other.key.kind == kind)
                        steps.append(Step(kind, partial(self._wait, kind), first, only_waits=True))
                    after.add(kind)
            steps.append(Step(change.key, partial(self._perform, change), frozenset(after)))
        return steps

    def _perform(self, change: Change) -> Mapping[str, str]:
        return perform(self.aws, self.scope, change, self.known, self.deadline)

    def _wait(self, kind: str) -> None:
        self.waits[kind](self.outcome.attributes)

    def _keep(self, outcome: Outcome, by_key: Mapping[Any, Change]) -> None:
        self.outcome.done += [by_key[step.name] for step, _ in outcome.done if step.name in by_key]
        self.outcome.failed += [(by_key[step.name], error) for step, error in outcome.failed if step.name in by_key]
        self.outcome.skipped += [by_key[step.name] for step in outcome.skipped if step.name in by_key]
        self.outcome.waits += [error for step, error in outcome.failed if step.name not in by_key]
        self.outcome.waited |= {str(step.name) for step, _ in outcome.done if step.name not in by_key}


def perform(aws: Aws, scope: Scope, change: Change, known: Known, deadline: Deadline) -> Mapping[str, str]:
    """Do one change, going on from what is there where somebody or something was faster; returns its attributes.

    Raises:
        AwsError: AWS refused it.
        ConflictError: somebody else made it in the meantime.
    """
    kind = TABLE[change.key.kind]
    for left in reversed(range(TRIES)):
        try:
            return _once(aws, scope, change, known, deadline)
        except AwsError as error:
            if left == 0 or not kind.is_race(error) or not deadline.left():
                raise
            if left < TRIES - 1:
                # What one call of AWS refuses as existing, another may not show for a while.
                aws.clock.sleep(float(TRIES - 1 - left))
            actual = refresh(aws, scope, change.key, change.resource, None if change.resource else change.actual)
            if change.resource is None:
                if actual is None or not scope.may_change(actual):
                    return {}
                change = dataclasses.replace(change, actual=actual)
                continue
            foreign = actual is not None and not scope.may_change(actual)
            if actual is not None and foreign and kind.shared:
                return actual.attributes
            if actual is not None and foreign:
                whose = f"project {actual.owner}" if actual.owner else "somebody else"
                raise ConflictError(
                    f"{change.key} ({actual.id}) was made by {whose} in the meantime",
                    hint="run the same command again to see what is in the way",
                ) from error
            for item in kind.obstacles(change.resource, actual, known) if actual is not None else ():
                raise ConflictError(
                    f"{item}: it is in the way of {change.key}",
                    hint="run the same command again to see what is in the way",
                ) from error
            again = decide(change.resource, actual, known)
            if again is None:
                assert actual is not None
                return actual.attributes
            change = again
    raise AssertionError("unreachable")


def _once(aws: Aws, scope: Scope, change: Change, known: Known, deadline: Deadline) -> Mapping[str, str]:
    kind = TABLE[change.key.kind]
    if change.action == REMOVE:
        assert change.actual is not None
        kind.delete(aws, scope, change.actual, deadline)
        return {}
    assert change.resource is not None
    resource = settled(change.resource, known)
    if change.action == UPDATE:
        assert change.actual is not None
        first, later = to_write(resource, change.actual) if TAGS in change.changed else (NO_TAGS, NO_TAGS)
        if first:
            # What a new deployment starts gets them.
            kind.retag(aws, change.actual, first.put, first.drop)
        attributes = change.actual.attributes
        if change.changed != {TAGS}:
            attributes = kind.update(aws, resource, change.actual, change.changed - {TAGS})
        if later:
            kind.retag(aws, change.actual, later.put, later.drop)
        return attributes
    if change.action == REPLACE:
        assert change.actual is not None
        kind.delete(aws, scope, change.actual, deadline)
    return kind.create(aws, resource)


def settled(resource: Resource, known: Known) -> Resource:
    """The resource with every Ref replaced by what it stands for."""
    values: dict[str, Any] = {
        item.name: resolve(getattr(resource, item.name), known) for item in dataclasses.fields(resource)
    }
    return dataclasses.replace(resource, **values)
