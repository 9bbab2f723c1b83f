"""``ecsctl service``: what there is of services."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any

import click

from ecsctl.cli import service_deploy, service_write
from ecsctl.cli.context import connect
from ecsctl.cli.listing import lists, show_list
from ecsctl.cli.options import SERVICE, Group, pass_settings
from ecsctl.cli.settings import Settings

if TYPE_CHECKING:
    from datetime import datetime

    from ecsctl.aws.session import Aws
    from ecsctl.query.service_detail import DeploymentDetail, ServiceDetail
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
@lists
@pass_settings
def list_(settings: Settings) -> None:
    """List the cluster's services. With -q it prints their names, one a line."""
    from ecsctl.query import services

    aws, cluster = connect(settings)

    def read() -> list[ServiceView]:
        return services.list_services(aws, cluster, addresses=not settings.bare or settings.sort is not None)

    show_list(settings, columns(), read, name=lambda row: row.name, empty=f"no services in cluster {cluster}")


@group.command()
@click.argument("name", type=SERVICE)
@pass_settings
def show(settings: Settings, name: str) -> None:
    """Show a service: deployments with their images and traffic, targets, addresses, tasks, last events, causes.

    With -q it prints the balancer's address or, without a balancer, the tasks' addresses, one a line.
    """
    from ecsctl.cli.ps import addresses
    from ecsctl.query import joins, services
    from ecsctl.query.service_detail import service_detail
    from ecsctl.render.table import as_data

    aws, cluster = connect(settings)
    detail = service_detail(aws, cluster, name)
    service = detail.view
    all_tasks = services.tasks_of(aws, service)
    running = [(task, found) for task, found, _ in joins.locate_all(aws, [t for t in all_tasks if not t.stopped])]
    causes = services.why_not_steady(service, all_tasks)
    if settings.structured:
        data = as_data(service, columns())
        data["deploymentConfiguration"] = dict(detail.configuration)
        data["lifecycleStage"] = detail.stage
        data["deployments"] = [as_data(row, deployment_columns(aws.now())) for row in detail.deployments]
        data["targets"] = [
            {"balancer": row.where, "healthy": row.healthy, "reasons": list(row.reasons)} for row in detail.targets
        ]
        data["scaling"] = detail.scaling.to_data() if detail.scaling else None
        data["tasks"] = [
            {"task": task.id, "lastStatus": task.last_status, "instanceId": task.host, "addresses": addresses(found)}
            for task, found in running
        ]
        data["events"] = [as_data(event, event_columns()) for event in service.events]
        data["causes"] = causes
        settings.emit_data(data)
        return
    fronts = [one.address for one in service.balancers if one.address]
    if settings.quiet:
        for line in fronts or dict.fromkeys(line for _, found in running for line in addresses(found)):
            print(line)
        return
    _sections(detail, running, aws.now)
    for cause in causes:
        settings.note(cause)


def _sections(detail: ServiceDetail, running: list[Any], now: Callable[[], datetime]) -> None:
    from ecsctl.cli.ps import columns as task_columns
    from ecsctl.render.record import write_record
    from ecsctl.render.table import Column, emit

    service = detail.view
    stage = f", {detail.stage}" if detail.stage else ""
    strategy: Column[ServiceView] = Column("STRATEGY", "strategy", lambda row: f"{detail.strategy}{stage}")
    write_record(service, [*columns(), strategy])
    print("\nDeployments")
    emit(
        detail.deployments,
        deployment_columns(now(), shifted=any(row.traffic is not None for row in detail.deployments)),
        "table",
    )
    if detail.targets:
        print("\nTargets")
        for targets in detail.targets:
            why = f": {'; '.join(targets.reasons)}" if targets.reasons else ""
            print(f"{targets.healthy} of {service.desired} healthy in {targets.where}{why}")
    if detail.scaling:
        print("\nScaling")
        for line in detail.scaling.lines():
            print(line)
    if running:
        print("\nTasks")
        emit(running, [column for column in task_columns(now) if column.heading != "SERVICE"], "table")
    if service.events:
        print("\nLast events")
        for event in service.events[:EVENTS_SHOWN]:
            print(f"{_at(event)}  {event.message}")


@group.command()
@click.argument("name", type=SERVICE)
@click.option(
    "-n", "--limit", type=click.IntRange(0), default=20, help="Show at most this many, the newest.  [default: 20]"
)
@click.option("-f", "--follow", is_flag=True, help="Follow new events, until Ctrl-C or until the service is gone.")
@lists
@pass_settings
def events(settings: Settings, name: str, limit: int, follow: bool) -> None:
    """Show a service's events, the newest last; -f follows them."""
    from ecsctl.query import services

    aws, cluster = connect(settings)
    service = services.show_service(aws, cluster, name)
    newest = list(reversed(service.events[:limit]))
    if follow or settings.watch:
        _follow(settings, aws, service, newest)
        return
    empty = f"service {service.name} has no events"
    show_list(settings, event_columns(), lambda: newest, name=lambda event: event.message, empty=empty)


def _follow(settings: Settings, aws: Aws, service: ServiceView, newest: Sequence[EventView]) -> None:
    """Print events as they come, a line or an object each, until the service is gone."""
    from ecsctl.query import services
    from ecsctl.render.table import as_data

    def tell(events: Iterable[EventView]) -> None:
        for event in events:
            quiet = settings.bare
            text = event.message if quiet else f"{_at(event)}  {event.message}"
            if settings.structured:
                settings.emit_line(as_data(event, event_columns()))
                sys.stdout.flush()
            else:
                print(text, flush=True)

    tell(newest)
    settings.resume = "that was all so far"
    for event in services.new_events(aws, service):
        tell([event])


def columns() -> list[Column[ServiceView]]:
    """The columns of services."""
    from ecsctl.query.services import rollout
    from ecsctl.render.table import Column

    return [
        Column("SERVICE", "serviceName", lambda row: row.name),
        Column("", "serviceArn", lambda row: row.arn, table=False),
        Column("", "cluster", lambda row: row.cluster, table=False),
        Column("STATUS", "status", lambda row: row.status, priority=5),
        Column("DESIRED", "desiredCount", lambda row: row.desired),
        Column("RUNNING", "runningCount", lambda row: row.running),
        Column("PENDING", "pendingCount", lambda row: row.pending, priority=6),
        Column("DEFINITION", "taskDefinition", lambda row: row.definition, priority=2),
        Column("ROLLOUT", "rolloutState", lambda row: row.rollout_state, rollout, priority=3),
        Column("LAUNCH TYPE", "launchType", lambda row: row.launch_type, table=False, wide=True),
        Column("STRATEGY", "schedulingStrategy", lambda row: row.scheduling, table=False, wide=True),
        Column("CREATED", "createdAt", lambda row: row.created_at, table=False, wide=True),
        Column("ADDRESS", "loadBalancers", _balancers, _addresses, priority=4, order=_addresses),
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


def deployment_columns(present: datetime, *, shifted: bool = True) -> list[Column[DeploymentDetail]]:
    """The columns of a service's deployments, with their age at ``present``; the traffic where it is shifted."""
    from ecsctl.query.views import age
    from ecsctl.render.table import Column

    return [
        Column("DEPLOYMENT", "id", lambda row: row.view.id, priority=3),
        Column("STATUS", "status", lambda row: row.view.status),
        Column("DEFINITION", "taskDefinition", lambda row: row.view.definition),
        Column("DESIRED", "desiredCount", lambda row: row.view.desired),
        Column("RUNNING", "runningCount", lambda row: row.view.running),
        Column("PENDING", "pendingCount", lambda row: row.view.pending, priority=5),
        Column("FAILED", "failedTasks", lambda row: row.view.failed, priority=4),
        Column("ROLLOUT", "rolloutState", lambda row: row.view.rollout_state, priority=1),
        Column("", "rolloutStateReason", lambda row: row.view.rollout_reason, table=False),
        Column(
            "TRAFFIC",
            "trafficPercent",
            lambda row: row.traffic,
            lambda row: "-" if row.traffic is None else f"{row.traffic:g}%",
            table=shifted,
        ),
        Column(
            "IMAGES",
            "images",
            lambda row: dict(row.images),
            lambda row: ",".join(row.images.values()) or "-",
            priority=2,
        ),
        Column("", "createdAt", lambda row: row.view.created_at, table=False),
        Column("AGE", "age", lambda row: age(row.view.created_at, present), data=False, priority=6),
    ]


def event_columns() -> list[Column[EventView]]:
    """The columns of service events."""
    from ecsctl.render.table import Column

    return [
        Column("AT", "createdAt", lambda row: row.at, _at),
        Column("MESSAGE", "message", lambda row: row.message, wrap=True),
        Column("", "id", lambda row: row.id, table=False),
    ]


def _at(event: EventView) -> str:
    return f"{event.at:%Y-%m-%d %H:%M:%S}" if event.at else "-"
