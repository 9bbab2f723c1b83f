"""Plan → AWS: what can go side by side does; what failed stops what depends on it, and the rest is still done.

Every step can be cut off after any call, meet another run, or lose its answer: where AWS says "exists already" or "is
gone", or the answer was lost, the resource is read again and the step goes on from what is there.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from ecsctl.errors import AwsError, ConflictError, EcsctlError
from ecsctl.kinds import REMOVAL, TABLE
from ecsctl.kinds.base import Scope
from ecsctl.observe import Snapshot, look_again
from ecsctl.plan import CREATE, REMOVE, REPLACE, UPDATE, Change, Plan, changed_fields, decide
from ecsctl.resources import Key, Resource, resolve
from ecsctl.wait import stop_waiting

if TYPE_CHECKING:
    from ecsctl.aws.session import Aws

WORKERS = 6
TRIES = 4
# The main thread looks up this often (seconds), so that Ctrl-C is heard while workers wait.
ATTENTION = 0.2


@dataclass(frozen=True)
class Event:
    """Something happened to a resource: ``phase`` is ``started``, ``done`` or ``failed``."""

    change: Change
    phase: str
    text: str = ""


@dataclass
class Report:
    """What came of a plan. ``skipped`` was not begun, since something it needs failed."""

    done: list[Change] = field(default_factory=list)
    failed: list[tuple[Change, EcsctlError]] = field(default_factory=list)
    skipped: list[Change] = field(default_factory=list)

    @property
    def whole(self) -> bool:
        return not self.failed and not self.skipped


def apply(
    aws: Aws,
    plan: Plan,
    snapshot: Snapshot,
    *,
    report: Callable[[Event], None] = lambda event: None,
    gates: Mapping[str, Callable[[], None]] | None = None,
) -> Report:
    """Execute a plan.

    Args:
        snapshot: what the plan was made from.
        report: told of each step, from the main thread.
        gates: by kind, what to wait for once before the first resource of that kind is made.

    Returns:
        what was done, what failed and what was left out.

    Raises:
        ConflictError: the plan has conflicts; nothing was changed.
        KeyboardInterrupt: interrupted; calls that were under way have been waited for.
    """
    if plan.conflicts:
        raise conflict(plan)
    run = _Run(aws, snapshot, report, dict(gates or {}))
    with ThreadPoolExecutor(WORKERS) as pool:
        try:
            run.graph(pool, [change for change in plan.changes if change.action != REMOVE])
            removed = [change for change in plan.changes if change.action == REMOVE]
            for kinds in REMOVAL:
                rank = [change for change in removed if change.key.kind in kinds]
                run.rank(pool, rank)
        except BaseException:
            stop_waiting()
            raise
    return run.outcome


def conflict(plan: Plan) -> ConflictError:
    """The error for what is in the way of a plan."""
    many = len(plan.conflicts) > 1
    return ConflictError(
        f"{len(plan.conflicts)} resources are in the way of project {plan.project}; nothing was changed"
        if many
        else f"{plan.conflicts[0]}: it is in the way of project {plan.project}; nothing was changed",
        details=[str(item) for item in plan.conflicts] if many else (),
        hint="rename it in the file (or the project, by `name:`), or remove what is in the way yourself",
    )


class _Run:
    def __init__(
        self, aws: Aws, snapshot: Snapshot, report: Callable[[Event], None], gates: dict[str, Callable[[], None]]
    ) -> None:
        self.aws = aws
        self.scope = snapshot.scope
        self.known: dict[Key, Mapping[str, str]] = snapshot.attributes()
        self.report = report
        self.gates = gates
        self.outcome = Report()

    def graph(self, pool: ThreadPoolExecutor, changes: list[Change]) -> None:
        """Run changes so that each begins when those it depends on are done."""
        waiting = {change.key: change for change in changes}
        bad: set[Key] = set()
        running: dict[Future[Mapping[str, str]], Change] = {}
        while waiting or running:
            for key, change in list(waiting.items()):
                if change.after & bad:
                    bad.add(key)
                    self.outcome.skipped.append(waiting.pop(key))
                elif not (change.after & (waiting.keys() | {item.key for item in running.values()})):
                    del waiting[key]
                    running[self._start(pool, change)] = change
            for future in self._some(running):
                change = running.pop(future)
                if not self._finish(change, future):
                    bad.add(change.key)

    def rank(self, pool: ThreadPoolExecutor, changes: list[Change]) -> None:
        """Remove side by side. A security group whose rules name another goes before it."""
        naming = [change for change in changes if change.actual and _names_groups(change)]
        for part in (naming, [change for change in changes if change not in naming]):
            running = {self._start(pool, change): change for change in part}
            while running:
                for future in self._some(running):
                    change = running.pop(future)
                    self._finish(change, future)

    @staticmethod
    def _some(running: Mapping[Future[Mapping[str, str]], Change]) -> list[Future[Mapping[str, str]]]:
        finished: set[Future[Mapping[str, str]]] = set()
        while running and not finished:
            finished, _ = wait(running, timeout=ATTENTION, return_when=FIRST_COMPLETED)
        return list(finished)

    def _start(self, pool: ThreadPoolExecutor, change: Change) -> Future[Mapping[str, str]]:
        gate = self.gates.pop(change.key.kind, None) if change.action in (CREATE, UPDATE, REPLACE) else None
        if gate is not None:
            gate()
        self.report(Event(change, "started"))
        return pool.submit(perform, self.aws, self.scope, change, dict(self.known))

    def _finish(self, change: Change, future: Future[Mapping[str, str]]) -> bool:
        try:
            attributes = future.result()
        except EcsctlError as error:
            self.outcome.failed.append((change, error))
            self.report(Event(change, "failed", error.message))
            return False
        self.known[change.key] = attributes
        self.outcome.done.append(change)
        self.report(Event(change, "done", attributes.get("revision", "")))
        return True


def perform(aws: Aws, scope: Scope, change: Change, known: Mapping[Key, Mapping[str, str]]) -> Mapping[str, str]:
    """Do one change, going on from what is there where somebody or something was faster; returns its attributes.

    Raises:
        AwsError: AWS refused it.
        ConflictError: somebody else made it in the meantime.
    """
    kind = TABLE[change.key.kind]
    for left in reversed(range(TRIES)):
        try:
            return _once(aws, scope, change, known)
        except AwsError as error:
            if left == 0 or not kind.raced(error):
                raise
            actual = look_again(aws, scope, change.key)
            if change.resource is None:
                if actual is None:
                    return {}
                change = dataclasses.replace(change, actual=actual)
                continue
            if actual is not None and actual.owner != scope.project:
                whose = f"project {actual.owner}" if actual.owner else "somebody else"
                raise ConflictError(
                    f"{change.key} ({actual.id}) was made by {whose} in the meantime",
                    hint="run the same command again to see what is in the way",
                ) from error
            again = decide(change.resource, actual, known)
            if again is None:
                assert actual is not None
                return actual.attributes
            change = again
    raise AssertionError("unreachable")


def _once(aws: Aws, scope: Scope, change: Change, known: Mapping[Key, Mapping[str, str]]) -> Mapping[str, str]:
    kind = TABLE[change.key.kind]
    if change.action == REMOVE:
        assert change.actual is not None
        kind.delete(aws, scope, change.actual)
        return {}
    assert change.resource is not None
    resource = settled(change.resource, known)
    if change.action == UPDATE:
        assert change.actual is not None
        return kind.update(aws, resource, change.actual, changed_fields(change))
    if change.action == REPLACE:
        assert change.actual is not None
        kind.delete(aws, scope, change.actual)
    return kind.create(aws, resource)


def settled(resource: Resource, known: Mapping[Key, Mapping[str, str]]) -> Resource:
    """The resource with every Ref replaced by what it stands for."""
    values: dict[str, Any] = {
        item.name: resolve(getattr(resource, item.name), known) for item in dataclasses.fields(resource)
    }
    return dataclasses.replace(resource, **values)


def _names_groups(change: Change) -> bool:
    if change.key.kind != "security-group" or change.actual is None:
        return False
    rules = set(change.actual.fields.get("ingress", ())) | set(change.actual.fields.get("unmarked", ()))
    return any(str(rule.source).startswith("sg-") and rule.source != change.actual.id for rule in rules)
