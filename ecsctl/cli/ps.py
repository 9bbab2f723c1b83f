"""``ecsctl ps``: what runs, where, and since when."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

import click

from ecsctl.cli.context import connect
from ecsctl.cli.listing import lists, show_list
from ecsctl.cli.options import FAMILY, SERVICE, Command, pass_settings
from ecsctl.cli.settings import Settings

if TYPE_CHECKING:
    from ecsctl.aws.session import Aws
    from ecsctl.query.addresses import Found
    from ecsctl.query.views import TaskView
    from ecsctl.render.table import Column

    Row = tuple[TaskView, Found]


@click.command(cls=Command)
@click.option("-a", "--all", "stopped", is_flag=True, help="Also the tasks that stopped in the last hour, and why.")
@click.option("--service", type=SERVICE, metavar="NAME", help="Only the tasks of this service.")
@click.option("--family", type=FAMILY, metavar="NAME", help="Only the tasks of this task definition family.")
@click.option("--instance", metavar="ID", help="Only the tasks on this instance (i-…, or a container instance's id).")
@lists
@pass_settings
def ps(settings: Settings, stopped: bool, service: str | None, family: str | None, instance: str | None) -> None:
    """List tasks: where they run, and for how long.

    With -q it prints their ids, one a line. With -w a terminal shows them as they are, redrawn every 2 s, and a pipe
    gets a line for each change.
    """
    aws, cluster = connect(settings)
    from ecsctl.query import joins, selectors
    from ecsctl.query.addresses import Found

    def read() -> list[Row]:
        tasks = list(selectors.select(aws, cluster, service=service, family=family, instance=instance, stopped=stopped))
        if not tasks and service:
            selectors.require_service(aws, cluster, service)
        tasks.sort(key=order)
        if settings.bare and not settings.sort:
            return [(task, Found(())) for task in tasks]
        return [(task, found if not task.stopped else Found(())) for task, found, _ in joins.locate_all(aws, tasks)]

    state = "running or just stopped" if stopped else "running"
    show_list(
        settings,
        columns(aws.now, with_reason=stopped),
        read,
        name=lambda row: row[0].id,
        empty=f"no task is {state} in cluster {cluster}",
    )


def emit_tasks(settings: Settings, tasks: Sequence[TaskView], *, exit_codes: bool = False) -> None:
    """Print tasks as data: what `ps` tells of them but their addresses, with the containers' exit codes if wanted."""
    settings.emit_data(task_data(settings.aws(), tasks, exit_codes=exit_codes))


def task_data(aws: Aws, tasks: Sequence[TaskView], *, exit_codes: bool = False) -> list[dict[str, Any]]:
    """Tasks as plain data: what `ps` tells of them but their addresses, with the containers' exit codes if wanted."""
    from ecsctl.query.addresses import Found
    from ecsctl.render.table import as_data

    rows = []
    for task in tasks:
        row = as_data((task, Found(())), columns(aws.now, with_reason=True))
        row.pop("addresses")
        if exit_codes:
            row["exitCodes"] = {container.name: container.exit_code for container in task.containers}
        rows.append(row)
    return rows


def order(task: TaskView) -> tuple[bool, str, str, str]:
    """Running before stopped, then by group and age."""
    return task.stopped, task.group or "", task.created_at.isoformat() if task.created_at else "", task.arn


def status(task: TaskView) -> str:
    """The last status, or STOPPING from when its end was asked for."""
    return "STOPPING" if task.desired_status == "STOPPED" and not task.stopped else task.last_status


def group(task: TaskView) -> str | None:
    """The service, or the group that was given by hand; a one-off task's own group is its family."""
    if task.service:
        return task.service
    return task.group if task.group and not task.group.startswith("family:") else None


def addresses(found: Found) -> list[str]:
    """Each endpoint once."""
    return list(dict.fromkeys(location.bare for location in found.locations if location.bare))


def columns(present: Callable[[], datetime], *, with_reason: bool = False) -> Sequence[Column[Row]]:
    """The columns of a list of tasks.

    Args:
        present: gives what ages count to: the time by the clock of AWS, once it has answered.
        with_reason: show why tasks stopped.
    """
    from ecsctl.query.diagnosis import task_causes
    from ecsctl.query.views import age, seconds_since
    from ecsctl.render.table import Column

    return [
        Column("TASK", "task", lambda row: row[0].id, lambda row: row[0].short_id),
        Column("", "taskArn", lambda row: row[0].arn, table=False),
        Column("DEFINITION", "taskDefinition", lambda row: row[0].definition, priority=1),
        Column("", "family", lambda row: row[0].family, table=False),
        Column("CONTAINERS", "containers", lambda row: [container.name for container in row[0].containers], priority=7),
        Column("SERVICE", "service", lambda row: row[0].service, lambda row: group(row[0]) or "-", priority=4),
        Column("", "group", lambda row: row[0].group, table=False),
        Column("STATUS", "lastStatus", lambda row: row[0].last_status, lambda row: status(row[0])),
        Column("", "desiredStatus", lambda row: row[0].desired_status, table=False),
        Column(
            "HEALTH",
            "healthStatus",
            lambda row: row[0].health,
            lambda row: row[0].health if row[0].health not in (None, "UNKNOWN") else "-",
            priority=5,
        ),
        Column("HOST", "instanceId", lambda row: row[0].host, priority=6),
        Column("ZONE", "availabilityZone", lambda row: row[0].zone, table=False, wide=True),
        Column("LAUNCH TYPE", "launchType", lambda row: row[0].launch_type, table=False, wide=True),
        Column("ADDRESS", "addresses", lambda row: addresses(row[1]), priority=2),
        Column("STARTED BY", "startedBy", lambda row: row[0].started_by, table=False, wide=True),
        Column("", "createdAt", lambda row: row[0].created_at, table=False),
        Column("", "startedAt", lambda row: row[0].started_at, table=False),
        Column("", "stoppedAt", lambda row: row[0].stopped_at, table=False),
        Column("", "stopCode", lambda row: row[0].stop_code, table=False),
        Column(
            "AGE",
            "age",
            lambda row: age(_since(row[0]), present()),
            data=False,
            priority=3,
            order=lambda row: seconds_since(_since(row[0]), present()),
        ),
        Column(
            "REASON",
            "causes",
            lambda row: task_causes(row[0]),
            lambda row: "; ".join(task_causes(row[0])) or "-",
            table=with_reason,
            wrap=True,
        ),
    ]


def _since(task: TaskView) -> datetime | None:
    return task.stopped_at if task.stopped else task.started_at or task.created_at
