"""``ecsctl wait``: until tasks or services are as they should be, as kubectl's."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import click

from ecsctl.cli.context import connect
from ecsctl.cli.options import SERVICE, Command, duration, pass_settings, running_tasks
from ecsctl.cli.settings import Settings
from ecsctl.errors import UsageError

if TYPE_CHECKING:
    from ecsctl.aws.session import Aws
    from ecsctl.query.conditions import Condition
    from ecsctl.query.views import TaskView
    from ecsctl.query.waiting import Subjects

TIMEOUT = 600.0


@click.command(cls=Command)
@click.argument("names", metavar="[TASK|SERVICE]...", nargs=-1, type=SERVICE)
@running_tasks
@click.option(
    "--for",
    "--until",
    "text",
    metavar="CONDITION",
    default="running",
    help="running, stopped, healthy, steady, gone, or an expression as '.lastStatus==STOPPED'.  [default: running]",
)
@click.option("--timeout", metavar="DURATION", callback=duration, help="How long to wait.  [default: 10m]")
@pass_settings
def wait(
    settings: Settings,
    names: tuple[str, ...],
    service: str | None,
    family: str | None,
    text: str,
    timeout: float | None,
) -> None:
    """Wait until tasks or services are as they should be.

    TASK is as for `ecsctl locate`, SERVICE a service's name. A service is running when all its tasks run, healthy when
    their health checks pass, steady when also its deployment is complete and its load balancer's targets are healthy,
    stopped when no task is left, gone when it is deleted. An expression compares a field of describe-tasks or
    describe-services ('.runningCount>=2'), or is any JMESPath expression.

    Exits with 1, and says why, where it cannot come; with 4 where time runs out; with 6 where there is no such task or
    service (but not with --for gone).
    """
    from ecsctl.query.conditions import parse

    try:
        condition = parse(text)
    except ValueError as error:
        raise UsageError(f"--for {text!r}: {error}", hint="as --for running, or --for '.lastStatus==STOPPED'") from None
    if names and (service or family):
        raise UsageError(
            "TASK, --service and --family cannot be used together",
            hint="name tasks and services, or use one of the options",
        )
    aws, cluster = connect(settings)
    subjects = _subjects(settings, aws, cluster, names, service, family, condition)
    settings.resume = "the tasks keep running; `ecsctl ps` shows them"
    _wait(settings, aws, subjects, condition, TIMEOUT if timeout is None else timeout)
    settings.resume = None
    if settings.structured:
        settings.emit_data(_data(aws, subjects))


def _subjects(
    settings: Settings,
    aws: Aws,
    cluster: str,
    names: Sequence[str],
    service: str | None,
    family: str | None,
    condition: Condition,
) -> Subjects:
    from ecsctl.query.waiting import Subjects, find

    if not names:
        from ecsctl.cli.tasks import chosen_tasks

        return Subjects(cluster, tuple(chosen_tasks(aws, cluster, (), service, family, several=True)))
    subjects = find(aws, cluster, names, may_be_missing=condition == "gone")
    for name in subjects.missing:
        settings.note(f"there is no task or service {name} in cluster {cluster}")
    if condition == "steady" and subjects.tasks:
        raise UsageError(
            f"task {subjects.tasks[0].short_id} cannot be waited for with --for steady, which is for services",
            hint="--for running or --for healthy waits for a task",
        )
    return subjects


def _wait(settings: Settings, aws: Aws, subjects: Subjects, condition: Condition, timeout: float) -> None:
    """Wait for the tasks, then for the services, in ``timeout`` seconds together."""
    from dataclasses import replace

    from ecsctl.query.waiting import wait_until

    deadline = settings.deadline(timeout)
    if condition in ("running", "stopped") and subjects.tasks:
        from ecsctl.actions.tasks import wait_for

        state: Any = "RUNNING" if condition == "running" else "STOPPED"
        wait_for(aws, subjects.tasks, state, timeout=deadline.left(), report=deadline.report)
        subjects = replace(subjects, tasks=())
    if condition == "steady" and subjects.services:
        from ecsctl.deploy.wait_services import wait_for_services

        wait_for_services(aws, subjects.cluster, subjects.services, timeout=deadline.left(), report=deadline.report)
    elif subjects.tasks or subjects.services:
        wait_until(aws, subjects, condition, deadline)


def _data(aws: Aws, subjects: Subjects) -> list[dict[str, Any]]:
    """The tasks and the services as they are now."""
    from ecsctl.aws import ecs
    from ecsctl.cli.ps import task_data
    from ecsctl.cli.service import columns
    from ecsctl.query.views import service_view, task_view
    from ecsctl.render.table import as_data

    views: list[TaskView] = []
    for cluster in dict.fromkeys(task.cluster for task in subjects.tasks):
        arns = [task.arn for task in subjects.tasks if task.cluster == cluster]
        views += [task_view(row) for row in ecs.describe_tasks(aws, cluster, arns).found]
    rows = ecs.describe_services(aws, subjects.cluster, subjects.services).found if subjects.services else ()
    return [*task_data(aws, views, exit_codes=True), *(as_data(service_view(row), columns()) for row in rows)]
