"""Join tasks with their hosts: container instances, EC2 instances, network interfaces, and the ports of definitions.

Every description is asked once for all tasks, in batches, and only where a task needs it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

from ecsctl.aws import ec2, ecs
from ecsctl.aws.concurrency import map_concurrently
from ecsctl.aws.session import Aws
from ecsctl.query import selectors
from ecsctl.query.addresses import Found, Ports, locate, ports_of
from ecsctl.query.views import InstanceView, TaskView, interface_view


def join(aws: Aws, tasks: Sequence[TaskView]) -> list[TaskView]:
    """The same tasks with ``instance`` and ``interface`` filled, as far as AWS knows them.

    Calls: DescribeContainerInstances of each cluster concerned, DescribeInstances for tasks that publish ports on
    their instance, DescribeNetworkInterfaces for those that have one of their own.
    """
    hosts: dict[str, InstanceView] = {}
    by_cluster: dict[str, dict[str, bool]] = {}
    for task in tasks:
        arn = task.container_instance_arn
        if arn:
            published = any(container.bindings for container in task.containers)
            known = by_cluster.setdefault(task.cluster, {})
            known[arn] = known.get(arn, False) or published
    for cluster, wanted in by_cluster.items():
        for addresses in (True, False):
            arns = [arn for arn, published in wanted.items() if published is addresses]
            if arns:
                hosts.update(selectors.instances(aws, cluster, arns, addresses=addresses))
    ids = [task.interface.id for task in tasks if task.interface is not None]
    interfaces = {row["NetworkInterfaceId"]: interface_view(row) for row in ec2.describe_network_interfaces(aws, ids)}
    joined = []
    for task in tasks:
        instance = hosts.get(task.container_instance_arn or "")
        interface = task.interface
        if interface is not None and interface.id in interfaces:
            seen = interfaces[interface.id]
            interface = replace(
                seen,
                private_address=seen.private_address or interface.private_address,
                ipv6_address=seen.ipv6_address or interface.ipv6_address,
            )
        zone = task.zone or (instance.zone if instance else None)
        joined.append(replace(task, instance=instance, interface=interface, zone=zone))
    return joined


def definition_ports(aws: Aws, tasks: Iterable[TaskView]) -> dict[str, Ports]:
    """The containers' ports by task definition ARN, of the tasks that have their own network interface."""
    wanted = sorted({task.definition_arn for task in tasks if task.interface is not None})

    def ask(arn: str) -> tuple[str, Ports]:
        return arn, ports_of(ecs.describe_task_definition(aws, arn) or {})

    return dict(map_concurrently(ask, wanted))


def locate_all(aws: Aws, tasks: Sequence[TaskView], *, private: bool = False) -> list[tuple[TaskView, Found, Ports]]:
    """Each task joined with its host, its locations, and the ports of its definition where those were needed."""
    joined = join(aws, tasks)
    ports = definition_ports(aws, joined)
    return [
        (task, locate(task, ports.get(task.definition_arn), private=private), ports.get(task.definition_arn, {}))
        for task in joined
    ]
