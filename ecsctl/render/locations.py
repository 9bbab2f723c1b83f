"""The columns of locations: where tasks answer, port by port."""

from __future__ import annotations

from ecsctl.query.addresses import Location
from ecsctl.render.table import Column


def columns(*, places: bool = False) -> list[Column[Location]]:
    """The columns of locations; with ``places`` a table shows their regions and clusters."""
    return [
        Column("ADDRESS", "address", lambda row: row.endpoint, lambda row: row.bare or "-"),
        Column("TASK", "task", lambda row: row.task.id, lambda row: row.task.short_id, priority=1),
        Column("", "taskArn", lambda row: row.task.arn, table=False),
        Column("DEFINITION", "taskDefinition", lambda row: row.task.definition, priority=2),
        Column("", "family", lambda row: row.task.family, table=False),
        Column("", "revision", lambda row: row.task.revision, table=False),
        Column("SERVICE", "service", lambda row: row.task.service, table=False, wide=True),
        Column("REGION", "region", lambda row: row.task.arn.split(":")[3], table=places, wide=True),
        Column("CLUSTER", "cluster", lambda row: row.task.cluster, table=places, wide=True),
        Column("CONTAINER", "container", lambda row: row.container, priority=3),
        Column("PORT", "containerPort", lambda row: row.container_port, priority=4),
        Column("", "hostPort", lambda row: row.port, table=False),
        Column("", "protocol", lambda row: row.protocol, table=False),
        Column("INSTANCE", "instanceId", _instance_id, lambda row: row.task.host or "-", priority=5),
        Column("ZONE", "availabilityZone", lambda row: row.task.zone, priority=6),
        Column("PUBLIC", "publicAddress", lambda row: row.public_address, table=False, wide=True),
        Column("PRIVATE", "privateAddress", lambda row: row.private_address, table=False, wide=True),
        Column("URL", "url", lambda row: row.url, table=False, wide=True),
    ]


def _instance_id(row: Location) -> str | None:
    return row.task.instance.instance_id if row.task.instance else None
