"""Wait for a condition of named tasks and services: look, tell what changed, end early where it cannot come."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from ecsctl.aws import ecs
from ecsctl.aws.session import Aws, is_error
from ecsctl.errors import EcsctlError, NotFoundError, UsageError, WaitTimeoutError
from ecsctl.polling import Deadline, Progress, poll
from ecsctl.query import selectors, services
from ecsctl.query.conditions import Condition, Expression, State, of_service, of_task
from ecsctl.query.diagnosis import task_causes
from ecsctl.query.views import TaskView, name_of, service_view, task_view

Json = Mapping[str, Any]


@dataclass(frozen=True)
class Subjects:
    """What was named: tasks as they were found, services by name; ``missing`` has what is not there."""

    cluster: str
    tasks: tuple[TaskView, ...] = ()
    services: tuple[str, ...] = ()
    missing: tuple[str, ...] = field(default=())


def find(aws: Aws, cluster: str, names: Sequence[str], *, may_be_missing: bool = False) -> Subjects:
    """The tasks and services of these names: ids, their beginnings, ARNs, services; ``service/NAME``, ``task/ID``.

    Args:
        may_be_missing: what is not there is no error.

    Raises:
        NotFoundError: one names nothing.
    """
    wanted: dict[str, str | None] = {}
    for name in names:
        kind = "service" if ":service/" in name else None
        for prefix in ("service/", "task/"):
            if name.startswith(prefix):
                kind, name = prefix[:-1], name[len(prefix) :]
        wanted[name_of(name) if kind == "service" else name] = kind
    asked = [name for name, kind in wanted.items() if kind == "service" or (kind is None and not _is_task(name))]
    known = _services(aws, cluster, asked)
    tasks: dict[str, TaskView] = {}
    missing: list[str] = []
    for name, kind in wanted.items():
        if name in known:
            continue
        try:
            if kind == "service":
                raise ecs.no_service(aws, cluster, name)
            tasks.update((task.arn, task) for task in selectors.find(aws, cluster, [name]))
        except NotFoundError as error:
            if not may_be_missing:
                raise error if kind or _is_task(name) else _neither(aws, cluster, name) from None
            missing.append(name)
    return Subjects(cluster, tuple(tasks.values()), tuple(name for name in wanted if name in known), tuple(missing))


def _is_task(name: str) -> bool:
    return name.startswith("arn:") or selectors.FULL_ID.fullmatch(name.lower()) is not None


def _services(aws: Aws, cluster: str, names: Sequence[str]) -> dict[str, Json]:
    if not names:
        return {}
    found = ecs.describe_services(aws, cluster, names).found
    return {str(row["serviceName"]): row for row in found if row.get("status") != "INACTIVE"}


def _neither(aws: Aws, cluster: str, name: str) -> NotFoundError:
    told = ecs.no_service(aws, cluster, name)
    return NotFoundError(
        f"there is no task or service {name} in cluster {name_of(cluster)}",
        hint=f"`ecsctl ps --all` lists the tasks; {told.hint}",
    )


def wait_until(aws: Aws, subjects: Subjects, condition: Condition, deadline: Deadline) -> None:
    """Wait until a condition is met of all subjects (ecs:DescribeTasks, DescribeServices; ListTasks for their health).

    Raises:
        EcsctlError: it can never be met of one; the details say why.
        WaitTimeoutError: time ran out; the details say how each stands, and the causes that ECS tells.
        UsageError: the expression does not fit what ECS describes.
    """
    watch = _Watch(aws, subjects, condition)
    waited = poll(watch.look, timeout=deadline.left(), report=deadline.report, clock=deadline.clock)
    if waited.outcome == "done":
        return
    text = condition.text if isinstance(condition, Expression) else condition
    if waited.outcome == "failed":
        raise EcsctlError(waited.last.failed or "", details=watch.causes())
    late = watch.late
    one = next(iter(late)) if len(late) == 1 else f"{len(late)} of {watch.count}"
    raise WaitTimeoutError(
        f"timed out after {deadline.seconds:.0f} s waiting for {one} to be {text}"
        if not isinstance(condition, Expression)
        else f"timed out after {deadline.seconds:.0f} s waiting for {text} of {one}",
        details=[*(f"{name} {state.text}" for name, state in late.items()), *watch.causes()],
        hint="wait longer with --timeout",
    )


class _Watch:
    """Looks at the subjects. ``late`` has those of which the condition is not met, by what they are called."""

    def __init__(self, aws: Aws, subjects: Subjects, condition: Condition) -> None:
        self._aws = aws
        self._subjects = subjects
        self._condition = condition
        self.count = len(subjects.tasks) + len(subjects.services)
        self.late: dict[str, State] = {}
        self._tasks: dict[str, TaskView] = {}
        self._late_services: list[Json] = []
        self._checked: set[str] = set()

    def look(self) -> Progress:
        states = {**self._look_at_tasks(), **self._look_at_services()}
        self.late = {name: state for name, state in states.items() if not state.met}
        failed = next((f"{name} {state.failed}" for name, state in self.late.items() if state.failed), None)
        lines = tuple(f"{name} {state.text}" for name, state in states.items())
        return Progress(not self.late, failed, lines)

    def _look_at_tasks(self) -> dict[str, State]:
        states: dict[str, State] = {}
        for cluster in dict.fromkeys(task.cluster for task in self._subjects.tasks):
            mine = [task for task in self._subjects.tasks if task.cluster == cluster]
            found = {row["taskArn"]: row for row in self._described(cluster, [task.arn for task in mine])}
            for task in mine:
                row = found.get(task.arn)
                name = f"task {task.short_id} ({task.definition})"
                if row is None:
                    states[name] = State(self._condition == "gone", "is gone", "is gone")
                    continue
                self._tasks[name] = task_view(row)
                states[name] = self._state(partial(of_task, row, self._condition))
                if self._condition == "healthy" and not states[name].met:
                    self._require_check(f"task {task.short_id}", task.definition_arn)
        return states

    def _described(self, cluster: str, arns: Sequence[str]) -> Sequence[Json]:
        try:
            return ecs.describe_tasks(self._aws, cluster, arns).found
        except EcsctlError as error:
            if self._condition == "gone" and is_error(error, "ClusterNotFoundException"):
                return ()
            raise

    def _look_at_services(self) -> dict[str, State]:
        names = self._subjects.services
        if not names:
            return {}
        states: dict[str, State] = {}
        found = {}
        try:
            rows = ecs.describe_services(self._aws, self._subjects.cluster, names).found
            found = {str(row["serviceName"]): row for row in rows}
        except EcsctlError as error:
            if self._condition != "gone" or not is_error(error, "ClusterNotFoundException"):
                raise
        self._late_services = []
        for name in names:
            row = found.get(name)
            if row is None:
                states[f"service {name}"] = State(self._condition == "gone", "is gone", "is gone")
                continue
            state = self._state(partial(of_service, row, self._condition, partial(self._tasks_of, row)))
            states[f"service {name}"] = state
            if not state.met:
                self._late_services.append(row)
                if self._condition == "healthy":
                    self._require_check(f"service {name}", str(row.get("taskDefinition")))
        return states

    def _state(self, judge: Callable[[], State]) -> State:
        try:
            return judge()
        except ValueError as error:
            raise UsageError(f"--for: {error}") from None

    def _tasks_of(self, row: Json) -> list[Json]:
        cluster, name = self._subjects.cluster, str(row["serviceName"])
        arns = list(ecs.list_tasks(self._aws, cluster, service=name))
        return [task for task in ecs.describe_tasks(self._aws, cluster, arns).found if arns]

    def _require_check(self, subject: str, definition: str) -> None:
        """Raise where nothing checks the health that is waited for."""
        if definition in self._checked:
            return
        self._checked.add(definition)
        described = ecs.describe_task_definition(self._aws, definition) or {}
        containers = described.get("containerDefinitions", ())
        if containers and not any(container.get("healthCheck") for container in containers):
            raise EcsctlError(
                f"{subject} never becomes healthy: no container of {name_of(definition)} has a healthCheck",
                hint="--for running waits for its tasks, --for steady for a service and its load balancer's targets",
            )

    def causes(self) -> list[str]:
        """What ECS tells of why those that are late are so."""
        told = [
            f"{name}: {cause}" for name in self.late if name in self._tasks for cause in task_causes(self._tasks[name])
        ]
        for row in self._late_services:
            view = service_view(row)
            if view.status != "INACTIVE":
                found = services.why_not_steady(view, services.tasks_of(self._aws, view))
                told += [f"service {view.name}: {cause}" for cause in found]
        return list(dict.fromkeys(told))
