"""What keeps a security group from being deleted: network interfaces, instances, other groups' rules, balancers."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from ecsctl.aws.failures import cannot_be_asked
from ecsctl.errors import AwsError

if TYPE_CHECKING:
    from ecsctl.aws.session import Aws

OPERATIONS = (
    "ec2:DescribeInstances",
    "ec2:DescribeNetworkInterfaces",
    "ec2:DescribeSecurityGroups",
    "elb:DescribeLoadBalancers",
    "elbv2:DescribeLoadBalancers",
)
# Directions of rules, as the filters of DescribeSecurityGroups spell them.
RULES = {"ip-permission.group-id": "allows traffic from it", "egress.ip-permission.group-id": "allows traffic to it"}


def users_of(aws: Aws, group: str) -> list[str]:
    """Who uses a security group, each in words with its id; empty where AWS names nobody.

    Args:
        group: its id.

    Raises:
        AwsError: AWS did not answer. A refused right is one of the lines.
    """
    lines: list[str] = []
    instances: set[str] = set()

    def look(subject: str, some: Callable[[], Iterable[str]]) -> None:
        try:
            lines.extend(some())
        except AwsError as error:
            if not cannot_be_asked(error):
                raise
            lines.append(f"{subject} that cannot be looked at ({error.operation}: {error.aws_code})")

    look("network interfaces", lambda: _interfaces(aws, group, instances))
    look("instances", lambda: _instances(aws, group, instances))
    look("security groups", lambda: _groups(aws, group))
    if not lines:
        # On AWS they have network interfaces; other endpoints may have none.
        look("load balancers", lambda: _balancers(aws, group))
    return lines


def _interfaces(aws: Aws, group: str, instances: set[str]) -> Iterator[str]:
    query = {"Filters": [{"Name": "group-id", "Values": [group]}]}
    for row in aws.pages("ec2", "DescribeNetworkInterfaces", query, "NetworkInterfaces"):
        attachment: Mapping[str, Any] = row.get("Attachment") or {}
        said = str(row.get("Description") or "")
        words = [repr(said)] if said else []
        if attachment.get("InstanceId"):
            instances.add(str(attachment["InstanceId"]))
            words.append(f"attached to instance {attachment['InstanceId']}")
        elif attachment.get("AttachmentId"):
            words.append(f"attached by {attachment.get('InstanceOwnerId') or 'AWS'}")
        else:
            words.append("attached to nothing")
        if row.get("RequesterManaged") and row.get("RequesterId"):
            words.append(f"made by {row['RequesterId']}")
        yield f"network interface {row['NetworkInterfaceId']} ({', '.join(words)})"


def _instances(aws: Aws, group: str, known: set[str]) -> Iterator[str]:
    query = {"Filters": [{"Name": "instance.group-id", "Values": [group]}]}
    for reservation in aws.pages("ec2", "DescribeInstances", query, "Reservations"):
        for row in reservation.get("Instances", ()):
            state = str((row.get("State") or {}).get("Name"))
            if row["InstanceId"] not in known and state != "terminated":
                yield f"instance {row['InstanceId']} ({state})"


def _groups(aws: Aws, group: str) -> Iterator[str]:
    for name, does in RULES.items():
        query = {"Filters": [{"Name": name, "Values": [group]}]}
        for row in aws.pages("ec2", "DescribeSecurityGroups", query, "SecurityGroups"):
            if row["GroupId"] != group:
                yield f"a rule of security group {row['GroupId']} ({row.get('GroupName')}), which {does}"


def _balancers(aws: Aws, group: str) -> Iterator[str]:
    for service, result in (("elb", "LoadBalancerDescriptions"), ("elbv2", "LoadBalancers")):
        for row in aws.pages(service, "DescribeLoadBalancers", {}, result):
            if group in (row.get("SecurityGroups") or ()):
                yield f"load balancer {row['LoadBalancerName']}"
