"""``ecsctl service``: what there is of services."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from ecsctl.cli import service_deploy, service_write
from ecsctl.cli.context import connect
from ecsctl.cli.options import Group, pass_settings
from ecsctl.cli.settings import Settings

if TYPE_CHECKING:
    from ecsctl.query.views import EventView, ServiceView
    from ecsctl.render.table import Column

EVENTS_SHOWN = 5


@click.group(cls=Group)
def group() -> None:
    """Create, deploy to, roll back, list, show, scale and delete services."""


group.add_command(service_write.create)
group.add_command(service_deploy.deploy)
group.add_command(service_deploy.restart)
group.add_command(service_deploy.rollback)
group.add_command(service_deploy.stop_deployment)
group.add_command(service_deploy.continue_deployment)
group.add_command(service_write.scale)
group.add_command(service_write.delete)


@group.command(name="list")
@pass_settings
def list_(settings: Settings) -> None:
    """List the cluster's services. With -q it prints their names, one a line."""
    from ecsctl.query import services
    from ecsctl.render.table import emit

    aws, cluster = connect(settings)
    bare = settings.quiet and settings.output == "table"
    rows = services.list_services(aws, cluster, addresses=not bare)
    if bare:
        for row in rows:
            print(row.name)
        return
    emit(rows, columns(), settings.output, empty=f"no services in cluster {cluster}")


@group.command()
@click.argument("name")
@pass_settings
def show(settings: Settings, name: str) -> None:
    """Show a service: its counts and rollout, its balancer's address, its tasks and last events.

    With -q it prints the balancer's address or, without a balancer, the tasks' addresses, one a line.
    """
    from ecsctl.cli.ps import addresses
    from ecsctl.query import joins, services
    from ecsctl.render.record import write_record
    from ecsctl.render.table import as_data, emit_data

    aws, cluster = connect(settings)
    service = services.show_service(aws, cluster, name)
    all_tasks = services.tasks_of(aws, service)
    running = [(task, found) for task, found, _ in joins.locate_all(aws, [t for t in all_tasks if not t.stopped])]
    causes = services.why_not_steady(service, all_tasks)
    if settings.output in ("json", "yaml"):
        data = as_data(service, columns())
        data["deployments"] = [_deployment(row) for row in service.deployments]
        data["tasks"] = [
            {"task": task.id, "lastStatus": task.last_status, "instanceId": task.host, "addresses": addresses(found)}
            for task, found in running
        ]
        data["events"] = [as_data(event, event_columns()) for event in service.events]
        data["causes"] = causes
        emit_data(data, settings.output)
        return
    fronts = [one.address for one in service.balancers if one.address]
    if settings.quiet:
        for line in fronts or dict.fromkeys(line for _, found in running for line in addresses(found)):
            print(line)
        return
    write_record(service, columns())
    _sections(service, running)
    for cause in causes:
        settings.note(cause)


def _sections(service: ServiceView, running: list[Any]) -> None:
    from ecsctl.cli.ps import columns as task_columns
    from ecsctl.render.table import emit

    if running:
        print("\nTasks")
        emit(running, [column for column in task_columns() if column.heading != "SERVICE"], "table")
    if service.events:
        print("\nLast events")
        for event in service.events[:EVENTS_SHOWN]:
            print(f"{_at(event)}  {event.message}")


@group.command()
@click.argument("name")
@click.option("-n", "--limit", type=click.IntRange(1), default=20, help="How many, the newest.  [default: 20]")
@pass_settings
def events(settings: Settings, name: str, limit: int) -> None:
    """Show a service's events, the newest last."""
    from ecsctl.query import services
    from ecsctl.render.table import emit

    aws, cluster = connect(settings)
    service = services.show_service(aws, cluster, name)
    newest = list(reversed(service.events[:limit]))
    if settings.quiet and settings.output == "table":
        for event in newest:
            print(event.message)
        return
    emit(newest, event_columns(), settings.output, empty=f"service {service.name} has no events")


def columns() -> list[Column[ServiceView]]:
    """The columns of services."""
    from ecsctl.query.services import rollout
    from ecsctl.render.table import Column

    return [
        Column("SERVICE", "serviceName", lambda row: row.name),
        Column("", "serviceArn", lambda row: row.arn, table=False),
        Column("", "cluster", lambda row: row.cluster, table=False),
        Column("STATUS", "status", lambda row: row.status),
        Column("DESIRED", "desiredCount", lambda row: row.desired),
        Column("RUNNING", "runningCount", lambda row: row.running),
        Column("PENDING", "pendingCount", lambda row: row.pending),
        Column("DEFINITION", "taskDefinition", lambda row: row.definition),
        Column("ROLLOUT", "rolloutState", lambda row: row.rollout_state, rollout),
        Column("", "launchType", lambda row: row.launch_type, table=False),
        Column("", "schedulingStrategy", lambda row: row.scheduling, table=False),
        Column("", "createdAt", lambda row: row.created_at, table=False),
        Column("ADDRESS", "loadBalancers", _balancers, _addresses),
    ]


def _balancers(row: ServiceView) -> list[dict[str, Any]]:
    return [
        {
            "loadBalancerName": one.name,
            "targetGroupArn": one.target_group,
            "containerName": one.container_name,
            "containerPort": one.container_port,
            "address": one.address,
        }
        for one in row.balancers
    ]


def _addresses(row: ServiceView) -> str:
    return ",".join(one.address or "?" for one in row.balancers) or "-"


def _deployment(row: Any) -> dict[str, Any]:
    return {
        "id": row.id,
        "status": row.status,
        "taskDefinition": row.definition,
        "desiredCount": row.desired,
        "runningCount": row.running,
        "pendingCount": row.pending,
        "failedTasks": row.failed,
        "rolloutState": row.rollout_state,
        "rolloutStateReason": row.rollout_reason,
        "createdAt": row.created_at,
    }


def event_columns() -> list[Column[EventView]]:
    """The columns of service events."""
    from ecsctl.render.table import Column

    return [
        Column("AT", "createdAt", lambda row: row.at, _at),
        Column("MESSAGE", "message", lambda row: row.message),
        Column("", "id", lambda row: row.id, table=False),
    ]


def _at(event: EventView) -> str:
    return f"{event.at:%Y-%m-%d %H:%M:%S}" if event.at else "-"
