"""``ecsctl stop``; ``run``, ``ps`` and ``wait`` are in files of their own."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

from ecsctl.cli.context import connect
from ecsctl.cli.options import FAMILY, SERVICE, Command, confirms, duration, pass_settings
from ecsctl.cli.ps import emit_tasks, ps
from ecsctl.cli.run import run
from ecsctl.cli.settings import Settings
from ecsctl.cli.wait import wait
from ecsctl.errors import EcsctlError, UsageError

if TYPE_CHECKING:
    from ecsctl.aws.session import Aws
    from ecsctl.query.views import TaskView

__all__ = ["ps", "run", "stop", "wait"]

TIMEOUT = 600.0


@click.command(cls=Command)
@click.argument("tasks", metavar="[TASK]...", nargs=-1)
@click.option(
    "--service", type=SERVICE, metavar="NAME", help="The running tasks of this service, which then replaces them."
)
@click.option("--family", type=FAMILY, metavar="NAME", help="The running tasks of this task definition family.")
@click.option("--reason", metavar="TEXT", help="Kept with the task, for `ps --all`.  [default: Stopped by ecsctl]")
@click.option("--wait/--no-wait", default=True, help="Wait until they have stopped.  [default: wait]")
@click.option("--timeout", metavar="DURATION", callback=duration, help="How long to wait.  [default: 10m]")
@confirms
@pass_settings
def stop(
    settings: Settings,
    tasks: tuple[str, ...],
    service: str | None,
    family: str | None,
    reason: str | None,
    wait: bool,
    timeout: float | None,
) -> None:
    """Stop tasks.

    TASK is as for `ecsctl locate`, but must stand for one task. Prints the ids of the tasks that it stopped.
    """
    aws, cluster = connect(settings)
    from ecsctl.actions.tasks import stop_tasks, wait_for

    chosen = chosen_tasks(aws, cluster, tasks, service, family)
    if not tasks and chosen:
        settings.confirm(f"Stop {len(chosen)} tasks of {'service ' + service if service else 'family ' + str(family)}?")
    deadline = settings.deadline(TIMEOUT if timeout is None else timeout)
    stopped = [task for task in chosen if task.stopped]
    for task in stopped:
        settings.note(f"task {task.short_id} had already stopped")
    running = [task for task in chosen if not task.stopped]
    settings.resume = "the tasks will stop anyway; `ecsctl ps` shows those that are left"
    stop_tasks(aws, running, reason or "Stopped by ecsctl")
    for name in sorted({task.service for task in running if task.service}):
        settings.note(
            f"service {name} keeps its desired count: it starts another task; `ecsctl service scale` changes it"
        )
    if wait and running:
        running = wait_for(aws, running, "STOPPED", timeout=deadline.left(), report=deadline.report)
    if settings.structured:
        emit_tasks(settings, running, exit_codes=True)
        return
    for task in running:
        print(task.id)


def chosen_tasks(
    aws: Aws,
    cluster: str,
    tasks: Sequence[str],
    service: str | None,
    family: str | None,
    *,
    several: bool = False,
) -> list[TaskView]:
    """The tasks that a command's arguments and options choose.

    Raises:
        UsageError, NotFoundError, EcsctlError: they choose none, or contradict each other.
    """
    from ecsctl.query import selectors

    if tasks and (service or family):
        raise UsageError(
            "TASK, --service and --family cannot be used together", hint="name tasks, or a service, or a family"
        )
    if tasks:
        return selectors.find(aws, cluster, tasks, several=several)
    if not (service or family):
        raise UsageError("which tasks?", hint="name them (`ecsctl ps` lists them), or use --service or --family")
    chosen = list(selectors.select(aws, cluster, service=service, family=family))
    if not chosen:
        if service:
            selectors.require_service(aws, cluster, service)
        elif family:
            selectors.require_family(aws, family)
        raise EcsctlError(f"none of its tasks runs in cluster {cluster}", hint="`ecsctl ps --all` shows the last ones")
    return chosen
