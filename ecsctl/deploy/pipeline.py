"""``plan``, ``up`` and ``down`` as functions: the stages of the pipeline put together (see ``plan``)."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING

from ecsctl.deploy.apply import Event, Report, apply, conflict
from ecsctl.deploy.changes import CREATE, Plan
from ecsctl.deploy.data_sources import read
from ecsctl.deploy.desired import desired, unlisted
from ecsctl.deploy.guards import refusals
from ecsctl.deploy.kinds import TABLE
from ecsctl.deploy.kinds.base import Waiting
from ecsctl.deploy.observe import Snapshot, observe
from ecsctl.deploy.plan import plan
from ecsctl.deploy.resources import Key, Known, Resource, Scope
from ecsctl.deploy.steps import Step, run_steps
from ecsctl.deploy.usage import Usage
from ecsctl.errors import EcsctlError, ExitCode
from ecsctl.polling import Deadline, Progress, poll

if TYPE_CHECKING:
    from ecsctl.aws.session import Aws
    from ecsctl.manifest.model import Spec


@dataclass(frozen=True)
class Prepared:
    """A plan with all that it takes to execute it."""

    plan: Plan
    snapshot: Snapshot
    resources: dict[Key, Resource]


def scope_of(aws: Aws, spec: Spec, kinds: Collection[str] | None = None) -> Scope:
    """What a Spec is about: the whole project, or, where only some kinds are meant, what it has in this cluster."""
    return Scope(spec.name, spec.cluster, aws.region, alone=kinds is not None)


def prepare(aws: Aws, spec: Spec, *, prune: bool = True, kinds: Collection[str] | None = None) -> Prepared:
    """Read AWS and plan what makes it as ``spec`` says; nothing is changed.

    Args:
        prune: remove what the project owns and the Spec does not have.
        kinds: only these kinds (imperative commands touch nothing else).

    Raises:
        EcsctlError: the account is another one; AWS refused a call; something that the Spec names does not exist.
    """
    aws.require_account(spec.account)
    resources = desired(spec, read(aws, spec))
    if kinds is not None:
        resources = {key: resource for key, resource in resources.items() if key.kind in kinds}
    snapshot = observe(aws, scope_of(aws, spec, kinds), resources, kinds)
    if kinds is not None:
        # A command says nothing of tags, and what is not said is left alone.
        snapshot = replace(snapshot, found={key: replace(item, tags=None) for key, item in snapshot.found.items()})
    planned = guarded(aws, plan(resources, snapshot, prune=prune), snapshot.scope)
    return Prepared(_with_unseen(planned, snapshot), snapshot, resources)


def guarded(aws: Aws, planned: Plan, scope: Scope) -> Plan:
    """The plan, with what is refused since it would take something from others; read before the first change.

    Raises:
        AwsError: AWS does not say who uses it.
    """
    usage = Usage(aws, scope)
    uses = {
        (change.action, change.key): tuple(TABLE[change.key.kind].users(usage, change))
        for change in planned.changes
        if change.action != CREATE
    }
    return replace(planned, refusals=refusals(scope.project, uses))


def require_unused(aws: Aws, prepared: Prepared) -> None:
    """Look once more, after a while, whether others use what a plan takes away; a plan that takes nothing asks nothing.

    Raises:
        ConflictError: somebody has begun to use it since it was planned.
        AwsError: AWS does not say who uses it.
    """
    again = guarded(aws, prepared.plan, prepared.snapshot.scope)
    if again.refusals:
        raise conflict(again)


def _with_unseen(planned: Plan, snapshot: Snapshot) -> Plan:
    """The plan, with a note of what could not be looked at."""
    unseen = tuple(f"could not look at {line}" for line in sorted(set(snapshot.scope.unseen)))
    return replace(planned, notes=planned.notes + unseen)


def prepare_removal(aws: Aws, spec: Spec, *, kinds: Collection[str] | None = None) -> Prepared:
    """Plan the removal of all that the project made (of these kinds); nothing is changed.

    Raises:
        EcsctlError: the account is another one; AWS refused a call.
    """
    aws.require_account(spec.account)
    snapshot = observe(aws, replace(scope_of(aws, spec, kinds), leftovers=True), unlisted(spec), kinds)
    planned = guarded(aws, plan({}, snapshot, prune=True), snapshot.scope)
    return Prepared(_with_unseen(planned, snapshot), snapshot, {})


def execute(
    aws: Aws,
    prepared: Prepared,
    *,
    on_event: Callable[[Event], None] = lambda event: None,
    wait: bool = True,
    deadline: Deadline | None = None,
) -> Report:
    """Execute a plan, and wait until what is desired is in service.

    Args:
        on_event: told of each step.
        wait: False returns as soon as AWS has taken the changes.
        deadline: for all calls, retries and waits together, which are told to it; None: in 600 s.

    Raises:
        EcsctlError: a step failed (with all that failed in its details), or a wait.
    """
    since = aws.now()
    deadline = deadline or Deadline.after(600.0, clock=aws.clock)
    waits: dict[str, Callable[[Known], None]] = {}
    for kind in TABLE if wait else ():
        mine = [item for item in prepared.resources.values() if item.kind == kind]
        if mine:
            waits[kind] = partial(_wait, aws, kind, mine, deadline, since)
    with aws.within(deadline):
        report = apply(aws, prepared.plan, prepared.snapshot, report=on_event, waits=waits, deadline=deadline)
        if not report.whole:
            raise failed(report)
        left = [
            Step(kind, partial(wait_for, report.attributes), only_waits=True)
            for kind, wait_for in waits.items()
            if kind not in report.waited
        ]
        outcome = run_steps(left, max(1, len(left)), report=deadline.report)
        if outcome.failed:
            raise outcome.failed[0][1]
    return report


def _wait(
    aws: Aws, kind: str, resources: Sequence[Resource], deadline: Deadline, since: datetime, applied: Known
) -> None:
    TABLE[kind].wait(aws, resources, Waiting(deadline, since, applied))


def failed(report: Report) -> EcsctlError:
    """The error for a plan of which some steps failed."""
    skipped = [f"{item.key}: not started, because it depends on what failed" for item in report.skipped]
    if not report.failed:
        error = report.waits[0]
        error.details = (*error.details, *skipped)
        return error
    (change, first), more = report.failed[0], report.failed[1:]
    details = [f"{item.key}: {error.message}" for item, error in more] + skipped
    return EcsctlError(
        f"{change.action} {change.key}: {first.message}",
        details=[*first.details, *details],
        hint=first.hint or "fix the cause and run the same command again: it continues where it stopped",
        code=first.code if first.code in (ExitCode.NOT_FOUND, ExitCode.TIMEOUT) else ExitCode.FAILED,
    )


def leftovers(aws: Aws, spec: Spec, *, kinds: Collection[str] | None = None, timeout: float = 20.0) -> list[str]:
    """What AWS still has of the project (an empty list after a whole ``down``).

    Args:
        kinds: look at these only.
        timeout: seconds: what was just deleted may still be told of for a while.
    """
    scope = replace(scope_of(aws, spec, kinds), leftovers=True)

    def probe() -> Progress:
        found = observe(aws, scope, unlisted(spec), kinds).found.values()
        left = {str(actual.key): actual.id for actual in found if actual.owner == spec.name}
        lines = [name if id_ in name else f"{name} ({id_})" for name, id_ in sorted(left.items())]
        return Progress(not left, value=lines)

    return list(poll(probe, timeout=timeout, clock=aws.clock).last.value)
