"""``ecsctl instance``: the container instances of a cluster."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from ecsctl.cli import instance_write
from ecsctl.cli.context import connect
from ecsctl.cli.listing import lists, show_list
from ecsctl.cli.options import Group, pass_settings
from ecsctl.cli.settings import Settings

if TYPE_CHECKING:
    from ecsctl.aws.session import Aws
    from ecsctl.query.views import InstanceView
    from ecsctl.render.table import Column


@click.group(cls=Group)
def group() -> None:
    """Bootstrap, scale, list and remove container instances."""


group.add_command(instance_write.bootstrap)
group.add_command(instance_write.user_data)
group.add_command(instance_write.remove)
group.add_command(instance_write.scale)


@group.command(name="list")
@lists
@pass_settings
def list_(settings: Settings) -> None:
    """List the cluster's container instances. With -q it prints their instance ids, one a line."""
    aws, cluster = connect(settings)

    def read() -> list[InstanceView]:
        return read_instances(aws, cluster, addresses=not settings.bare or settings.sort is not None)

    empty = f"no container instances in cluster {cluster}"
    show_list(settings, columns(), read, name=lambda row: row.instance_id, empty=empty)


def read_instances(aws: Aws, cluster: str, *, addresses: bool = True) -> list[InstanceView]:
    """The cluster's container instances, the oldest first; with ``addresses`` those of EC2."""
    from ecsctl.aws import ecs
    from ecsctl.query import selectors

    arns = ecs.list_container_instances(aws, cluster)
    return sorted(selectors.instances(aws, cluster, arns, addresses=addresses).values(), key=order)


def order(row: InstanceView) -> tuple[str, str]:
    """The oldest first."""
    return row.registered_at.isoformat() if row.registered_at else "", row.arn


def columns() -> list[Column[InstanceView]]:
    """The columns of container instances; CPU in units, memory in MiB."""
    from ecsctl.render.table import Column

    return [
        Column("INSTANCE", "ec2InstanceId", lambda row: row.instance_id),
        Column("", "containerInstanceArn", lambda row: row.arn, table=False),
        Column("TYPE", "instanceType", lambda row: row.type, priority=5),
        Column("ZONE", "availabilityZone", lambda row: row.zone, priority=6),
        Column("STATUS", "status", lambda row: row.status),
        Column("", "statusReason", lambda row: row.status_reason, table=False),
        Column("AGENT", "agentConnected", lambda row: row.agent_connected, _agent, priority=2),
        Column("TASKS", "runningTasksCount", lambda row: row.running, priority=1),
        Column("PENDING", "pendingTasksCount", lambda row: row.pending, table=False, wide=True),
        Column(
            "CPU LEFT", "remainingCpu", lambda row: row.cpu_left, lambda row: f"{row.cpu_left}/{row.cpu}", priority=3
        ),
        Column("", "registeredCpu", lambda row: row.cpu, table=False),
        Column(
            "MEMORY LEFT",
            "remainingMemory",
            lambda row: row.memory_left,
            lambda row: f"{row.memory_left}/{row.memory}",
            priority=4,
        ),
        Column("", "registeredMemory", lambda row: row.memory, table=False),
        Column("ADDRESS", "publicAddress", lambda row: row.public_address, _address, priority=1),
        Column("PRIVATE ADDRESS", "privateAddress", lambda row: row.private_address, table=False, wide=True),
        Column("REGISTERED", "registeredAt", lambda row: row.registered_at, table=False, wide=True),
    ]


def _agent(row: InstanceView) -> str:
    return "connected" if row.agent_connected else "disconnected"


def _address(row: InstanceView) -> str:
    if row.public_address:
        return row.public_address
    return f"{row.private_address} (private)" if row.private_address else "-"
