"""Run tasks, stop tasks, and wait for either; a wait that fails says why."""

from __future__ import annotations

import uuid
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from ecsctl.aws import ecs
from ecsctl.aws.concurrency import map_concurrently
from ecsctl.aws.session import Aws
from ecsctl.deploy.resources import OWNER_TAG
from ecsctl.errors import AwsError, EcsctlError, NotFoundError, WaitTimeoutError
from ecsctl.polling import Progress, poll
from ecsctl.query.diagnosis import placement_causes, task_causes
from ecsctl.query.views import InstanceView, TaskView, instance_view, name_of, task_view

AWS_OPERATIONS = ("ecs:RunTask", "ecs:StopTask")
# With tags, and with the roles of the task.
AWS_PERMISSIONS = ("ecs:TagResource", "iam:PassRole")

Until = Literal["RUNNING", "STOPPED"]

# For how many seconds ECS may not know a task that it has just started.
UNSEEN = 30.0
# From so many tasks on, progress is told in counts.
CROWD = 10
# Seconds between two looks: a task is there in seconds, and one look of up to 100 tasks is one call of 20 a second.
POLL_SECONDS = 1.0
# Exit codes of a container that was ended by ECS because another one had ended.
ENDED_BY_ECS = (137, 143)


@dataclass(frozen=True)
class RunRequest:
    """What RunTask is asked for: ``where`` and ``overrides`` are in the API's own members.

    ``where`` has launchType or capacityProviderStrategy, networkConfiguration, platformVersion …, as far as they are
    chosen.
    """

    definition: str
    count: int = 1
    where: Mapping[str, Any] = field(default_factory=dict)
    overrides: Mapping[str, Any] = field(default_factory=dict)
    execute_command: bool = False

    def parameters(self, cluster: str, project: str, started_by: str) -> dict[str, Any]:
        """RunTask's input, but for ``count`` and ``clientToken``."""
        asked: dict[str, Any] = {
            "cluster": cluster,
            "taskDefinition": self.definition,
            "startedBy": started_by,
            "tags": [{"key": OWNER_TAG, "value": project}],
            **self.where,
        }
        if self.overrides:
            asked["overrides"] = dict(self.overrides)
        if self.execute_command:
            asked["enableExecuteCommand"] = True
        return asked


@dataclass(frozen=True)
class Launched:
    """What came of a RunRequest: the tasks that were started, and what kept the others from it."""

    tasks: tuple[TaskView, ...]
    failures: tuple[ecs.Failure, ...] = ()
    error: EcsctlError | None = None


def run_tasks(aws: Aws, cluster: str, request: RunRequest, *, project: str) -> Launched:
    """Start ``request.count`` tasks, 10 a call (ecs:RunTask), and stop asking at the first refusal.

    A call whose answer was lost is looked up by ``startedBy``, which is this run's own: what it started counts, and no
    task is started twice.

    Raises:
        EcsctlError: the very first call was refused; later refusals are in :attr:`Launched.error`.
    """
    started_by = f"ecsctl/{uuid.uuid4().hex[:16]}"
    parameters = request.parameters(cluster, project, started_by)
    tasks: list[TaskView] = []
    while len(tasks) < request.count:
        wanted = min(ecs.RUN_TASK, request.count - len(tasks))
        token = uuid.uuid4().hex
        try:
            started, failures = ecs.run_task(aws, {**parameters, "count": wanted, "clientToken": token})
        except EcsctlError as error:
            if isinstance(error, AwsError) and error.ambiguous:
                found = _started_by(aws, cluster, started_by)
                if len(found) > len(tasks):
                    tasks = found
                    continue
            if not tasks:
                raise
            return Launched(tuple(tasks), error=error)
        tasks += map(task_view, started)
        if failures or not started:
            return Launched(tuple(tasks), failures)
    return Launched(tuple(tasks))


def _started_by(aws: Aws, cluster: str, started_by: str) -> list[TaskView]:
    arns = list(ecs.list_tasks(aws, cluster, started_by=started_by))
    return [task_view(task) for task in ecs.describe_tasks(aws, cluster, arns).found]


def failure_causes(aws: Aws, cluster: str, definition: str, failures: Sequence[ecs.Failure]) -> list[str]:
    """Why RunTask placed fewer tasks than asked: each reason once, and the instances beside what the task needs."""
    if not failures:
        return ["AWS started fewer tasks than asked for and gives no reason"]
    counted = Counter(failure.reason for failure in failures)
    described = ecs.describe_task_definition(aws, definition)
    hosts = cluster_instances(aws, cluster)
    lines: list[str] = []
    for reason in counted:
        detail = next((failure.detail for failure in failures if failure.reason == reason and failure.detail), "")
        lines.append(f"{reason}{f' ({detail})' if detail else ''}: {FAILURES.get(reason.split(':')[0], 'refused')}")
        lines += [f"  {line}" for line in placement_causes(reason, described, hosts)]
    return lines


FAILURES = {
    "RESOURCE": "no instance has enough of it left",
    "AGENT": "the agents of the instances are disconnected",
    "ATTRIBUTE": "no instance has all the attributes that the task requires",
    "LOCATION": "no instance is where the task's constraints or subnets want it",
    "MISSING": "the instance is not known",
    "INACTIVE": "the instance has been deregistered",
}


def cluster_instances(aws: Aws, cluster: str) -> list[InstanceView]:
    """The cluster's container instances as ECS knows them (no addresses)."""
    arns = list(ecs.list_container_instances(aws, cluster))
    return [instance_view(row) for row in ecs.describe_container_instances(aws, cluster, arns).found]


def stop_tasks(aws: Aws, tasks: Sequence[TaskView], reason: str) -> None:
    """Ask for the end of these tasks, a few at the same time (ecs:StopTask)."""
    for _ in map_concurrently(lambda task: ecs.stop_task(aws, task.cluster, task.arn, reason), list(tasks)):
        pass


def wait_for(
    aws: Aws,
    tasks: Sequence[TaskView],
    until: Until,
    *,
    timeout: float,
    report: Callable[[str], None] = lambda line: None,
) -> list[TaskView]:
    """Wait until all tasks run, or until all have stopped; 100 tasks a call (ecs:DescribeTasks).

    Args:
        until: with RUNNING, a task that has already run to its end with exit code 0 counts as having run.
        timeout: seconds.
        report: gets a line for each change.

    Returns:
        the tasks as last seen, in the order given.

    Raises:
        EcsctlError: a task stopped instead of running (at once; the details say why).
        WaitTimeoutError: time ran out.
    """
    start = aws.clock.monotonic()
    last = {task.arn: task for task in tasks}
    seen: set[str] = set()

    def probe() -> Progress:
        for cluster in {task.cluster for task in tasks}:
            arns = [task.arn for task in tasks if task.cluster == cluster and not last[task.arn].stopped]
            for described in ecs.describe_tasks(aws, cluster, arns).found:
                view = task_view(described)
                last[view.arn] = view
                seen.add(view.arn)
        now = [last[task.arn] for task in tasks]
        unseen = [task for task in now if task.arn not in seen and not task.stopped]
        gone = unseen if aws.clock.monotonic() - start > UNSEEN else []
        bad = [task for task in now if until == "RUNNING" and task.stopped and not ended_well(task)]
        bad += gone if until == "RUNNING" else []
        waiting = [task for task in now if not _reached(task, until) and task not in gone]
        failed = f"{len(bad)} of {len(now)} tasks did not run" if len(now) > 1 else "the task did not run"
        return Progress(
            done=not waiting,
            failed=failed if bad else None,
            lines=_lines(now),
            value=now,
            causes=tuple(line for task in bad for line in _why(task)),
        )

    interval = POLL_SECONDS * (1 + len(tasks) // ecs.TASKS)
    waited = poll(probe, timeout=timeout, report=report, clock=aws.clock, interval=interval)
    now: list[TaskView] = waited.last.value
    if waited.outcome == "failed":
        raise EcsctlError(
            waited.last.failed or "",
            details=waited.last.causes,
            hint=f"`ecsctl ps --all -c {now[0].cluster}` shows them for an hour",
        )
    if waited.outcome == "timeout":
        late = [task for task in now if not _reached(task, until)]
        raise WaitTimeoutError(
            f"{len(late)} of {len(now)} tasks not {until} after {waited.seconds:.0f} s",
            details=[line for task in late for line in _why(task)],
            hint=f"they keep running: `ecsctl ps -c {now[0].cluster}`; wait longer with --timeout",
        )
    return now


def ended_well(task: TaskView) -> bool:
    """Whether a stopped task ran to its end by itself, every container with exit code 0."""
    codes = [container.exit_code for container in task.containers]
    return task.stopped and bool(codes) and all(code == 0 for code in codes)


def _reached(task: TaskView, until: Until) -> bool:
    if until == "STOPPED":
        return task.stopped
    return (task.last_status == "RUNNING" and task.desired_status == "RUNNING") or ended_well(task)


def _why(task: TaskView) -> list[str]:
    causes = task_causes(task) or [f"it is {task.last_status}"]
    return [f"task {task.short_id} ({task.definition}): {cause}" for cause in causes]


def _lines(tasks: Sequence[TaskView]) -> tuple[str, ...]:
    if len(tasks) > CROWD:
        counts = Counter(task.last_status for task in tasks)
        return (f"tasks: {', '.join(f'{count} {status}' for status, count in sorted(counts.items()))}",)
    return tuple(f"task {task.short_id} ({task.definition}) is {task.last_status}" for task in tasks)


def exit_code(task: TaskView, essential: Sequence[str] = (), container: str | None = None) -> int | None:
    """The exit code that stands for a stopped task, or None where no container of it ever ended by itself.

    Args:
        essential: the names of the essential containers; empty takes all.
        container: the one whose code is wanted.

    A task ends when an essential container ends, and ECS then ends the others with SIGTERM and SIGKILL. So a code that
    is neither of those counts before one that is.
    """
    names = {container} if container else set(essential)
    codes = [c.exit_code for c in task.containers if c.exit_code is not None and (not names or c.name in names)]
    if not codes:
        return None
    own = [code for code in codes if code not in ENDED_BY_ECS]
    return next((code for code in own if code), 0 if own else codes[0])


def essential_containers(definition: Mapping[str, Any]) -> list[str]:
    """The names of a task definition's essential containers (which a container is unless it says otherwise)."""
    return [row["name"] for row in definition.get("containerDefinitions", ()) if row.get("essential", True)]


def describe_by_name(aws: Aws, definition: str) -> Mapping[str, Any]:
    """A task definition by ``family[:revision]``.

    Raises:
        NotFoundError: there is none.
    """
    found = ecs.describe_task_definition(aws, definition)
    if found is None:
        raise NotFoundError(
            f"there is no task definition {name_of(definition)} in {aws.region}",
            hint="`ecsctl task definitions` lists them; `ecsctl task register FILE` makes one",
        )
    return found
