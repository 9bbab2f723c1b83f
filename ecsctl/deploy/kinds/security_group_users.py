"""What keeps a security group from being deleted: network interfaces, instances, other groups' rules, balancers."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from ecsctl.aws.failures import cannot_be_asked
from ecsctl.deploy.guards import Use
from ecsctl.deploy.resources import owner_of
from ecsctl.errors import AwsError

if TYPE_CHECKING:
    from ecsctl.aws.session import Aws
    from ecsctl.deploy.usage import Usage

OPERATIONS = (
    "ec2:DescribeInstances",
    "ec2:DescribeNetworkInterfaces",
    "ec2:DescribeSecurityGroups",
    "elb:DescribeLoadBalancers",
    "elb:DescribeTags",
    "elbv2:DescribeLoadBalancers",
    "elbv2:DescribeTags",
)
ENDED = ("terminated", "shutting-down")
# What the network interfaces of ECS's tasks, and those of balancers, are described by.
TASK = re.compile(r"arn:[^:]+:ecs:")
BALANCER = re.compile(r"ELB ")
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


def uses_of_others(usage: Usage, group: str) -> Iterator[Use]:
    """Network interfaces, instances and balancers in a security group (its id) that the project did not make.

    What its own tasks, instances and balancers have goes with them, and so does what ECS and the balancers leave for
    a while of what has ended.

    Raises:
        AwsError: AWS does not say who uses it.
    """
    interfaces = list(_in_group(usage.aws, group))
    attached = {str((row.get("Attachment") or {}).get("InstanceId") or "") for row in interfaces} - {""}
    machines = {str(row["InstanceId"]): row for row in _machines(usage.aws, group)}
    machines.update(usage.machines(attached - machines.keys()))
    of_tasks = {str(row["NetworkInterfaceId"]) for row in interfaces if TASK.match(str(row.get("Description") or ""))}
    tasks = usage.by_interface(of_tasks)
    project = usage.scope.project
    for id_, machine in sorted(machines.items()):
        owner = owner_of(machine.get("Tags", ()))
        if owner != project and (machine.get("State") or {}).get("Name") not in ENDED:
            ends = f"aws ec2 modify-instance-attribute --instance-id {id_} --groups …"
            yield Use(f"instance {id_}", owner, detail="it is in the group", ends=ends)
    for row in interfaces:
        id_, owner = str(row["NetworkInterfaceId"]), owner_of(row.get("TagSet", ()))
        held = (row.get("Attachment") or {}).get("InstanceId") or BALANCER.match(str(row.get("Description") or ""))
        if id_ in of_tasks:
            task = tasks.get(id_)
            if task is not None and task.owner != project:
                yield task.use(
                    "take it from", "its tasks are in it" if task.kind == "service" else "it is in the group"
                )
        elif not held and owner != project:
            ends = f"aws ec2 modify-network-interface-attribute --network-interface-id {id_} --groups …"
            if not row.get("Attachment"):
                ends = f"aws ec2 delete-network-interface --network-interface-id {id_}"
            managed = bool(row.get("RequesterManaged"))
            yield Use(f"network interface {id_}", owner, detail=", ".join(_words(row)), ends="" if managed else ends)
    yield from _foreign_balancers(usage, group)


def _foreign_balancers(usage: Usage, group: str) -> Iterator[Use]:
    balancers = usage.once("balancers", lambda: list(_all_balancers(usage.aws)))
    for service, name in (item[:2] for item in balancers if group in item[2]):
        if service == "elb":
            answer = usage.aws.call("elb", "DescribeTags", {"LoadBalancerNames": [name]})
            ends = f"aws elb apply-security-groups-to-load-balancer --load-balancer-name {name} --security-groups …"
        else:
            answer = usage.aws.call("elbv2", "DescribeTags", {"ResourceArns": [name]})
            ends = f"aws elbv2 set-security-groups --load-balancer-arn {name} --security-groups …"
        owner = next((owner_of(item.get("Tags", ())) for item in answer.get("TagDescriptions", ())), None)
        if owner != usage.scope.project:
            shown = name.split("/")[-2] if "/" in name else name
            yield Use(f"load balancer {shown}", owner, detail="it is in the group", ends=ends)


def _in_group(aws: Aws, group: str) -> Iterator[Mapping[str, Any]]:
    query = {"Filters": [{"Name": "group-id", "Values": [group]}]}
    for row in aws.pages("ec2", "DescribeNetworkInterfaces", query, "NetworkInterfaces"):
        # An endpoint that is not AWS may ignore the filter.
        if any(item.get("GroupId") == group for item in row.get("Groups", ())):
            yield row


def _interfaces(aws: Aws, group: str, instances: set[str]) -> Iterator[str]:
    for row in _in_group(aws, group):
        attachment: Mapping[str, Any] = row.get("Attachment") or {}
        if attachment.get("InstanceId"):
            instances.add(str(attachment["InstanceId"]))
        yield f"network interface {row['NetworkInterfaceId']} ({', '.join(_words(row))})"


def _words(row: Mapping[str, Any]) -> Iterator[str]:
    """What a network interface is, in words."""
    attachment: Mapping[str, Any] = row.get("Attachment") or {}
    if row.get("Description"):
        yield repr(str(row["Description"]))
    if attachment.get("InstanceId"):
        yield f"attached to instance {attachment['InstanceId']}"
    elif attachment.get("AttachmentId"):
        yield f"attached by {attachment.get('InstanceOwnerId') or 'AWS'}"
    else:
        yield "attached to nothing"
    if row.get("RequesterManaged") and row.get("RequesterId"):
        yield f"made by {row['RequesterId']}"


def _machines(aws: Aws, group: str) -> Iterator[Mapping[str, Any]]:
    query = {"Filters": [{"Name": "instance.group-id", "Values": [group]}]}
    for reservation in aws.pages("ec2", "DescribeInstances", query, "Reservations"):
        for row in reservation.get("Instances", ()):
            groups = [row, *row.get("NetworkInterfaces", ())]
            ids = {item["GroupId"] for part in groups for item in part.get("SecurityGroups", part.get("Groups", ()))}
            # An endpoint that is not AWS may ignore the filter.
            if group in ids:
                yield row


def _instances(aws: Aws, group: str, known: set[str]) -> Iterator[str]:
    for row in _machines(aws, group):
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
    for _, name, groups in _all_balancers(aws):
        if group in groups:
            yield f"load balancer {name.split('/')[-2] if '/' in name else name}"


def _all_balancers(aws: Aws) -> Iterator[tuple[str, str, frozenset[str]]]:
    """The API that has it, the name (of a classic one) or the ARN, and the security groups of each balancer."""
    both = (("elb", "LoadBalancerDescriptions", "LoadBalancerName"), ("elbv2", "LoadBalancers", "LoadBalancerArn"))
    for service, result, name in both:
        for row in aws.pages(service, "DescribeLoadBalancers", {}, result):
            yield service, str(row[name]), frozenset(row.get("SecurityGroups") or ())
