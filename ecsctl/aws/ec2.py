"""What EC2 is asked about hosts and network interfaces: by filter, so that one unknown id does not fail all."""

from __future__ import annotations

from collections.abc import Sequence

from ecsctl.aws.concurrency import map_concurrently
from ecsctl.aws.session import Aws, Json, batches

AWS_OPERATIONS = (
    "ec2:DescribeInstances",
    "ec2:DescribeNetworkInterfaces",
)

# EC2 takes 200 values in one filter.
FILTER_VALUES = 200


def describe_instances(aws: Aws, ids: Sequence[str]) -> list[Json]:
    """The EC2 instances of these ids, in no order; unknown ones are left out (ec2:DescribeInstances).

    Asked by the filter ``instance-id``: by ``InstanceIds``, one unknown id fails the whole call. Ids that are not
    EC2's (``mi-…`` of ECS Anywhere) are never sent.
    """

    def ask(batch: Sequence[str]) -> list[Json]:
        query = {"Filters": [{"Name": "instance-id", "Values": list(batch)}]}
        reservations = aws.pages("ec2", "DescribeInstances", query, "Reservations")
        return [instance for reservation in reservations for instance in reservation.get("Instances", ())]

    own = sorted({id_ for id_ in ids if id_.startswith("i-")})
    return [found for part in map_concurrently(ask, list(batches(own, FILTER_VALUES))) for found in part]


def describe_network_interfaces(aws: Aws, ids: Sequence[str]) -> list[Json]:
    """The network interfaces of these ids, in no order; unknown ones are left out (ec2:DescribeNetworkInterfaces)."""

    def ask(batch: Sequence[str]) -> list[Json]:
        query = {"Filters": [{"Name": "network-interface-id", "Values": list(batch)}]}
        return list(aws.pages("ec2", "DescribeNetworkInterfaces", query, "NetworkInterfaces"))

    own = sorted(set(ids))
    return [found for part in map_concurrently(ask, list(batches(own, FILTER_VALUES))) for found in part]
