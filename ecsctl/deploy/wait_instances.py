"""Waiting until instances have joined a cluster, and why one does not."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from ecsctl.aws.failures import can_go_without
from ecsctl.errors import AwsError, EcsctlError, WaitTimeoutError
from ecsctl.polling import Progress, poll

if TYPE_CHECKING:
    from ecsctl.aws.session import Aws

INTERVAL = 1.0
SLACK = timedelta(seconds=1)
# An agent that was refused for good says so, and exits 5; nothing starts it again.
FINAL = re.compile(r"exit(?:ed)?(?: with)?(?: code| status)?[ =:]*5\b|cluster not found|has no ECS agent", re.I)
# How long (seconds) an instance may be on its way before its console is read, and how long between two readings.
BOOT_SECONDS = 20.0
CONSOLE_SECONDS = 15.0


def wait_for_instances(
    aws: Aws,
    cluster: str,
    group: str,
    count: int,
    *,
    timeout: float,
    report: Callable[[str], None],
    since: datetime,
) -> None:
    """Wait until ``count`` instances of an Auto Scaling group are ACTIVE container instances with a connected agent.

    Args:
        timeout: seconds.
        report: told of each change of the state.
        since: when what is waited for began, by the clock of AWS: activities of before do not count.

    Raises:
        WaitTimeoutError: not in time; its details say of each instance what is known (exit 4).
        EcsctlError: Auto Scaling cannot launch any, or an instance was refused for good.
    """
    looked = aws.clock.monotonic() + BOOT_SECONDS - CONSOLE_SECONDS

    def probe() -> Progress:
        nonlocal looked
        members = _members(aws, group)
        joined = _joined(aws, cluster)
        here = [id_ for id_ in members if joined.get(id_)]
        lines = (f"instances of {cluster}: {len(here)} of {count} have joined",)
        if len(here) >= count:
            return Progress(True, lines=lines)
        if not members:
            refused = _refused(aws, group, since - SLACK)
            return Progress(False, failed=refused and f"the group {group} cannot launch any: {refused}", lines=lines)
        if aws.clock.monotonic() - looked < CONSOLE_SECONDS:
            return Progress(False, lines=lines)
        looked = aws.clock.monotonic()
        why = _why_not_joined(aws, cluster, group)
        return Progress(False, failed=next((line for line in why if FINAL.search(line)), None), lines=lines)

    ended = poll(probe, timeout=timeout, report=report, clock=aws.clock, interval=INTERVAL)
    if ended.outcome == "done":
        return
    if ended.outcome == "failed":
        raise EcsctlError(
            f"{ended.last.lines[0]}, and no more can join: {ended.last.failed}",
            hint="fix the cause; if an instance was refused, `aws ec2 terminate-instances --instance-ids ID` "
            "has the group launch another",
        )
    raise WaitTimeoutError(
        f"{ended.last.lines[0]} after {timeout:.0f} s",
        details=_why_not_joined(aws, cluster, group),
        hint=f"`ecsctl instance list -c {cluster}` shows which have joined; run the same command again to keep waiting",
    )


def _members(aws: Aws, group: str) -> list[str]:
    query = {"AutoScalingGroupNames": [group]}
    found = list(aws.pages("autoscaling", "DescribeAutoScalingGroups", query, "AutoScalingGroups"))
    return [item["InstanceId"] for item in found[0].get("Instances", ())] if found else []


def _joined(aws: Aws, cluster: str) -> dict[str, bool]:
    """EC2 instance id → whether it is ACTIVE with a connected agent."""
    from ecsctl.aws.ecs import describe_container_instances, list_container_instances

    arns = list(list_container_instances(aws, cluster))
    found = describe_container_instances(aws, cluster, arns).found if arns else ()
    return {
        str(item.get("ec2InstanceId")): item.get("status") == "ACTIVE" and bool(item.get("agentConnected"))
        for item in found
    }


def _refused(aws: Aws, group: str, since: datetime) -> str | None:
    """What Auto Scaling's newest activity says, where it failed (autoscaling:DescribeScalingActivities)."""
    try:
        answer = aws.call("autoscaling", "DescribeScalingActivities", {"AutoScalingGroupName": group, "MaxRecords": 5})
    except AwsError as error:
        if not can_go_without(error):
            raise
        return None
    for activity in answer.get("Activities", ()):
        started = activity.get("StartTime")
        if activity.get("StatusCode") in ("Failed", "Cancelled") and (started is None or started >= since):
            return str(activity.get("StatusMessage") or activity.get("Description") or "no reason given")
        return None
    return None


def _why_not_joined(aws: Aws, cluster: str, group: str) -> list[str]:
    members, joined = _members(aws, group), _joined(aws, cluster)
    missing = [id_ for id_ in members if not joined.get(id_)]
    if not members:
        return [f"the group {group} has no instances yet"]
    lines = []
    query = {"Filters": [{"Name": "instance-id", "Values": missing}]}
    found = {
        item["InstanceId"]: item
        for reservation in (aws.pages("ec2", "DescribeInstances", query, "Reservations") if missing else ())
        for item in reservation["Instances"]
    }
    for id_ in missing:
        if id_ in joined:
            lines.append(f"{id_} is registered, but its agent is disconnected")
            continue
        instance = found.get(id_, {})
        state = instance.get("State", {}).get("Name", "unknown to EC2")
        known = [f"it is {state}"]
        if state == "running" and not instance.get("IamInstanceProfile"):
            known.append("it has no instance profile, so its agent cannot register")
        if state == "running" and not instance.get("PublicIpAddress"):
            known.append("it has no public address: its agent needs NAT or VPC endpoints to reach ECS")
        known += _console(aws, id_)
        lines.append(f"{id_} has not registered: {'; '.join(known)}")
    return lines


def _console(aws: Aws, instance: str) -> list[str]:
    """What the boot said of the agent. Lines of user data are not repeated (ec2:GetConsoleOutput)."""
    import base64
    import binascii
    import contextlib

    try:
        output = str(aws.call("ec2", "GetConsoleOutput", {"InstanceId": instance}).get("Output") or "")
    except AwsError as error:
        return [f"its console could not be read ({error.aws_code})"]
    # The API says base64; botocore has decoded it where it could.
    with contextlib.suppress(binascii.Error, ValueError):
        output = base64.b64decode(output, validate=True).decode(errors="replace")
    telling = [
        line.strip()
        for line in output.splitlines()
        if any(word in line.lower() for word in ("ecs-agent", "ecs agent", "amazon-ecs", "cluster not found", "docker"))
        and any(word in line.lower() for word in ("error", "fail", "denied", "not found", "exit", "unable", "refus"))
    ]
    return [f"its console says: {line[:200]}" for line in telling[-2:]]
