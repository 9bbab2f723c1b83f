"""Locations as people and scripts read them: bare endpoints, a table, or data."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence
from typing import TextIO

from ecsctl.query.addresses import Location
from ecsctl.render.table import Column, as_data, emit, emit_data, write_table

# (service, load balancer, address): what stands before the tasks.
Front = tuple[str, str, str]


def bare(locations: Iterable[Location]) -> list[str]:
    """Each endpoint once, in order."""
    return list(dict.fromkeys(location.bare for location in locations if location.bare))


def columns() -> list[Column[Location]]:
    """The columns of locations."""
    return [
        Column("ADDRESS", "address", lambda row: row.endpoint, lambda row: row.bare or "-"),
        Column("TASK", "task", lambda row: row.task.id, lambda row: row.task.short_id),
        Column("", "taskArn", lambda row: row.task.arn, table=False),
        Column("DEFINITION", "taskDefinition", lambda row: row.task.definition),
        Column("", "family", lambda row: row.task.family, table=False),
        Column("", "revision", lambda row: row.task.revision, table=False),
        Column("", "service", lambda row: row.task.service, table=False),
        Column("", "cluster", lambda row: row.task.cluster, table=False),
        Column("CONTAINER", "container", lambda row: row.container),
        Column("PORT", "containerPort", lambda row: row.container_port),
        Column("", "hostPort", lambda row: row.port, table=False),
        Column("", "protocol", lambda row: row.protocol, table=False),
        Column("INSTANCE", "instanceId", _instance_id, lambda row: row.task.host or "-"),
        Column("ZONE", "availabilityZone", lambda row: row.task.zone),
        Column("", "publicAddress", lambda row: row.public_address, table=False),
        Column("", "privateAddress", lambda row: row.private_address, table=False),
        Column("", "url", lambda row: row.url, table=False),
    ]


def _instance_id(row: Location) -> str | None:
    return row.task.instance.instance_id if row.task.instance else None


def emit_locations(locations: Sequence[Location], output: str) -> None:
    """Print locations to stdout in the format ``output``."""
    emit(locations, columns(), output)


def emit_with_fronts(
    locations: Sequence[Location], fronts: Sequence[Front], output: str, *, stream: TextIO | None = None
) -> None:
    """Print the load balancers' addresses, then the tasks', to stdout in the format ``output``."""
    stream = stream or sys.stdout
    if output in ("json", "yaml"):
        before = [
            {"service": service, "loadBalancerName": name, "address": address, "url": f"http://{address}/"}
            for service, name, address in fronts
        ]
        tasks = [as_data(location, columns()) for location in locations]
        emit_data({"loadBalancers": before, "locations": tasks}, output, stream=stream)
        return
    rows = [[address, f"load balancer {name}", f"service {service}"] for service, name, address in fronts]
    for location in locations:
        task = location.task
        where = f"on {task.host}" + (f" in {task.zone}" if task.zone else "")
        rows.append([location.bare or "-", f"task {task.short_id} ({task.definition}) {where}", _of(location)])
    if output == "text":
        stream.writelines("\t".join(row) + "\n" for row in rows)
    elif rows:
        write_table(["ADDRESS", "WHAT", "OF"], rows, stream)


def _of(location: Location) -> str:
    service = location.task.service
    return f"service {service}" if service else f"container {location.container}"
