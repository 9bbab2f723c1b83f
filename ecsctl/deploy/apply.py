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

from ecsctl.deploy.changes import CREATE, REMOVE, REPLACE, UPDATE, Change, Plan
from ecsctl.deploy.kinds import TABLE
from ecsctl.deploy.observe import Snapshot, refresh
from ecsctl.deploy.plan import decide
from ecsctl.deploy.resources import Key, Known, Resource, Scope, resolve
from ecsctl.errors import AwsError, ConflictError, EcsctlError
from ecsctl.polling import Deadline, interrupts_kept, stop_waiting, wait_again

if TYPE_CHECKING:
    from ecsctl.aws.session import Aws

WORKERS = 6
TRIES = 4
# The main thread looks up this often, so that Ctrl-C is heard while workers wait.
POLL_SECONDS = 0.2
DEFAULT_SECONDS = 900.0


@dataclass(frozen=True)
class Event:
    """Something happened to a resource: ``phase`` is ``started``, ``done`` or ``failed``."""

    change: Change
    phase: str
    text: str = ""


@dataclass
class Report:
    """What came of a plan. ``skipped`` was not begun, since something it needs failed; ``attributes`` are of what was
    done."""

    done: list[Change] = field(default_factory=list)
    failed: list[tuple[Change, EcsctlError]] = field(default_factory=list)
    skipped: list[Change] = field(default_factory=list)
    attributes: dict[Key, Mapping[str, str]] = field(default_factory=dict)

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
    deadline: Deadline | None = None,
) -> Report:
    """Execute a plan: first all that is made or changed, then, where that went well, what is removed.

    Args:
        snapshot: what the plan was made from.
        report: told of each step, from the main thread.
        gates: by kind, what to wait for once before the first resource of that kind is made.
        deadline: for all together.

    Returns:
        what was done, what failed and what was left out.

    Raises:
        ConflictError: the plan has conflicts; nothing was changed.
        KeyboardInterrupt: interrupted; calls that were under way have been waited for.
    """
    if plan.conflicts:
        raise conflict(plan)
    run = _Run(aws, snapshot, report, dict(gates or {}), deadline or Deadline.after(DEFAULT_SECONDS, clock=aws.clock))
    removed = [change for change in plan.changes if change.action == REMOVE]
    pool = ThreadPoolExecutor(WORKERS)
    try:
        run.graph(pool, [change for change in plan.changes if change.action != REMOVE])
        if run.outcome.whole:
            run.graph(pool, removed)
        else:
            run.outcome.skipped += removed
    except KeyboardInterrupt:
        # No `finally` that waits: a second Ctrl-C may come at any line below, and must lead straight out.
        stop_waiting()
        pool.shutdown(wait=False, cancel_futures=True)
        if run.running:
            run.deadline.report("interrupted: the calls under way are waited for; Ctrl-C again does not wait")
            # What was cancelled before it began counts for `wait` as never done.
            begun = [future for future in run.running if not future.cancelled()]
            while wait(begun, timeout=POLL_SECONDS).not_done:
                pass
        wait_again()
        raise
    except BaseException:
        stop_waiting()
        pool.shutdown(cancel_futures=True)
        wait_again()
        raise
    pool.shutdown()
    return run.outcome


def conflict(plan: Plan) -> ConflictError:
    """The error for what is in the way of a plan."""
    many = len(plan.conflicts) > 1
    hint = "rename it in the file (or the project, by `name:`), or remove what is in the way yourself"
    for item in plan.conflicts:
        more = TABLE[item.key.kind].conflict_hint(item, plan.cluster)
        if more:
            hint += f"; {more}"
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
        gates: dict[str, Callable[[], None]],
        deadline: Deadline,
    ) -> None:
        self.aws = aws
        self.deadline = deadline
        self.scope = snapshot.scope
        self.known: dict[Key, Mapping[str, str]] = snapshot.attributes()
        self.report = report
        self.gates = gates
        self.outcome = Report()
        self.running: dict[Future[Mapping[str, str]], Change] = {}

    def graph(self, pool: ThreadPoolExecutor, changes: list[Change]) -> None:
        """Run changes, which are in order, so that each begins when those it comes after are done."""
        places = {change.key: place for place, change in enumerate(changes)}
        waiting = {change.key: change for change in changes}
        bad: set[Key] = set()
        running = self.running
        while waiting or running:
            for key, change in list(waiting.items()):
                # What stands later in the order is not waited for: that would be a circle.
                before = {other for other in change.after if places.get(other, len(places)) < places[key]}
                if before & bad:
                    bad.add(key)
                    self.outcome.skipped.append(waiting.pop(key))
                elif not (before & (waiting.keys() | {item.key for item in running.values()})):
                    del waiting[key]
                    self._start(pool, change)
            for future in self._some(running):
                change = running.pop(future)
                if not self._finish(change, future):
                    bad.add(change.key)

    @staticmethod
    def _some(running: Mapping[Future[Mapping[str, str]], Change]) -> list[Future[Mapping[str, str]]]:
        finished: set[Future[Mapping[str, str]]] = set()
        while running and not finished:
            with interrupts_kept():
                finished, _ = wait(running, timeout=POLL_SECONDS, return_when=FIRST_COMPLETED)
        return list(finished)

    def _start(self, pool: ThreadPoolExecutor, change: Change) -> None:
        gate = self.gates.pop(change.key.kind, None) if change.action in (CREATE, UPDATE, REPLACE) else None
        if gate is not None:
            gate()
        self.report(Event(change, "started"))
        with interrupts_kept():
            future = pool.submit(perform, self.aws, self.scope, change, dict(self.known), self.deadline)
            self.running[future] = change

    def _finish(self, change: Change, future: Future[Mapping[str, str]]) -> bool:
        try:
            attributes = future.result()
        except EcsctlError as error:
            self.outcome.failed.append((change, error))
            self.report(Event(change, "failed", error.message))
            return False
        self.known[change.key] = self.outcome.attributes[change.key] = attributes
        self.outcome.done.append(change)
        self.report(Event(change, "done", attributes.get("revision", "")))
        return True


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
            if left == 0 or not kind.is_race(error):
                raise
            if left < TRIES - 1:
                # What one call of AWS refuses as existing, another may not show for a while.
                aws.clock.sleep(float(TRIES - 1 - left))
            actual = refresh(aws, scope, change.key)
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
        return kind.update(aws, resource, change.actual, change.changed)
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
