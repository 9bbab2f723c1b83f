"""``ecsctl cluster``: what there is of clusters."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from ecsctl.cli import cluster_write
from ecsctl.cli.context import connect
from ecsctl.cli.listing import lists, show_list
from ecsctl.cli.options import Group, pass_settings
from ecsctl.cli.settings import Settings

if TYPE_CHECKING:
    from ecsctl.query.views import ClusterView
    from ecsctl.render.table import Column


@click.group(cls=Group)
def group() -> None:
    """Create, list, show and delete clusters."""


group.add_command(cluster_write.create)
group.add_command(cluster_write.delete)


@group.command(name="list")
@lists
@pass_settings
def list_(settings: Settings) -> None:
    """List the region's clusters. With -q it prints their names, one a line."""
    from ecsctl.aws import ecs
    from ecsctl.query.views import cluster_view

    aws, _ = connect(settings)

    def read() -> list[ClusterView]:
        described = ecs.describe_clusters(aws, list(ecs.list_clusters(aws))).found
        # Deleted clusters linger as INACTIVE.
        found = (cluster_view(row) for row in described if row.get("status") != "INACTIVE")
        return sorted(found, key=lambda cluster: cluster.name)

    show_list(settings, columns(), read, name=lambda row: row.name, empty=f"no clusters in {aws.region}")


@group.command()
@click.argument("name", required=False)
@pass_settings
def show(settings: Settings, name: str | None) -> None:
    """Show a cluster: its status, and how many instances, tasks and services it has.

    NAME is the cluster's name or ARN; by default the one of --cluster or of the file.
    """
    from ecsctl.aws import ecs
    from ecsctl.query.views import cluster_view
    from ecsctl.render.record import write_record

    aws, default = connect(settings)
    cluster = cluster_view(ecs.require_cluster(aws, name or default))
    if settings.bare:
        print(cluster.name)
    elif settings.output == "table":
        write_record(cluster, columns())
    else:
        settings.emit([cluster], columns(), single=True)


def columns() -> list[Column[ClusterView]]:
    """The columns of clusters."""
    from ecsctl.render.table import Column

    return [
        Column("CLUSTER", "clusterName", lambda row: row.name),
        Column("", "clusterArn", lambda row: row.arn, table=False),
        Column("STATUS", "status", lambda row: row.status, priority=1),
        Column("INSTANCES", "registeredContainerInstancesCount", lambda row: row.instances, priority=3),
        Column("RUNNING", "runningTasksCount", lambda row: row.running),
        Column("PENDING", "pendingTasksCount", lambda row: row.pending, priority=4),
        Column("SERVICES", "activeServicesCount", lambda row: row.services, priority=2),
        Column(
            "CAPACITY PROVIDERS",
            "capacityProviders",
            lambda row: list(row.capacity_providers),
            table=False,
            wide=True,
        ),
    ]
