"""``ecsctl instance``: the container instances of a cluster."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from ecsctl.cli import instance_write
from ecsctl.cli.context import connect
from ecsctl.cli.options import Group, pass_settings
from ecsctl.cli.settings import Settings

if TYPE_CHECKING:
    from ecsctl.query.views import InstanceView
    from ecsctl.render.table import Column


@click.group(cls=Group)
def group() -> None:
    """Bootstrap, list and remove container instances."""


group.add_command(instance_write.bootstrap)
group.add_command(instance_write.user_data)
group.add_command(instance_write.remove)


@group.command(name="list")
@pass_settings
def list_(settings: Settings) -> None:
    """List the cluster's container instances. With -q it prints their instance ids, one a line."""
    from ecsctl.aws import ecs
    from ecsctl.query import selectors
    from ecsctl.render.table import emit

    aws, cluster = connect(settings)
    bare = settings.quiet and settings.output == "table"
    arns = ecs.list_container_instances(aws, cluster)
    found = selectors.instances(aws, cluster, arns, addresses=not bare)
    rows = sorted(found.values(), key=order)
    if bare:
        for row in rows:
            print(row.instance_id)
        return
    emit(rows, columns(), settings.output, empty=f"no container instances in cluster {cluster}")


def order(row: InstanceView) -> tuple[str, str]:
    """The oldest first."""
    return row.registered_at.isoformat() if row.registered_at else "", row.arn


def columns() -> list[Column[InstanceView]]:
    """The columns of container instances; CPU in units, memory in MiB."""
    from ecsctl.render.table import Column

    return [
        Column("INSTANCE", "ec2InstanceId", lambda row: row.instance_id),
        Column("", "containerInstanceArn", lambda row: row.arn, table=False),
        Column("TYPE", "instanceType", lambda row: row.type),
        Column("ZONE", "availabilityZone", lambda row: row.zone),
        Column("STATUS", "status", lambda row: row.status),
        Column("", "statusReason", lambda row: row.status_reason, table=False),
        Column("AGENT", "agentConnected", lambda row: row.agent_connected, _agent),
        Column("TASKS", "runningTasksCount", lambda row: row.running),
        Column("", "pendingTasksCount", lambda row: row.pending, table=False),
        Column("CPU LEFT", "remainingCpu", lambda row: row.cpu_left, lambda row: f"{row.cpu_left}/{row.cpu}"),
        Column("", "registeredCpu", lambda row: row.cpu, table=False),
        Column(
            "MEMORY LEFT",
            "remainingMemory",
            lambda row: row.memory_left,
            lambda row: f"{row.memory_left}/{row.memory}",
        ),
        Column("", "registeredMemory", lambda row: row.memory, table=False),
        Column("ADDRESS", "publicAddress", lambda row: row.public_address, _address),
        Column("", "privateAddress", lambda row: row.private_address, table=False),
        Column("", "registeredAt", lambda row: row.registered_at, table=False),
    ]


def _agent(row: InstanceView) -> str:
    return "connected" if row.agent_connected else "disconnected"


def _address(row: InstanceView) -> str:
    if row.public_address:
        return row.public_address
    return f"{row.private_address} (private)" if row.private_address else "-"
