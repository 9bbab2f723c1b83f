"""What the facts need to exist first: roles, a network, container instances, running tasks. All by the API."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.conformance.asking import Aws, Ledger, unreachable

AMI = "/aws/service/ecs/optimized-ami/amazon-linux-2023/recommended/image_id"
INSTANCE_POLICY = "service-role/AmazonEC2ContainerServiceforEC2Role"
JOIN_SECONDS = 8.0


@dataclass(frozen=True)
class Network:
    """A VPC with subnets of different zones and a security group of its own."""

    vpc: str
    subnets: tuple[str, ...]
    group: str

    def awsvpc(self, *, public: bool = False) -> dict[str, Any]:
        """The ``networkConfiguration`` of a task in the first subnet."""
        return {
            "awsvpcConfiguration": {
                "subnets": [self.subnets[0]],
                "securityGroups": [self.group],
                "assignPublicIp": "ENABLED" if public else "DISABLED",
            }
        }


@dataclass(frozen=True)
class Fleet:
    """A cluster and its container instances: their ARNs and EC2 ids, in the same order."""

    cluster: str
    arns: tuple[str, ...]
    ec2_ids: tuple[str, ...]


def find_network(aws: Aws, ledger: Ledger) -> Network:
    """The default VPC of the account."""
    ec2 = aws.client("ec2")
    vpcs = ec2.describe_vpcs(Filters=[{"Name": "is-default", "Values": ["true"]}])["Vpcs"]
    if not vpcs:
        unreachable("there is no default VPC")
    vpc = vpcs[0]["VpcId"]
    subnets = ec2.describe_subnets(Filters=[{"Name": "vpc-id", "Values": [vpc]}])["Subnets"]
    zones = {subnet["AvailabilityZone"]: subnet["SubnetId"] for subnet in subnets}
    if len(zones) < 2:
        unreachable("the default VPC has subnets in fewer than two zones")
    name = aws.unique("group")
    group = ec2.create_security_group(GroupName=name, Description="ECS conformance suite", VpcId=vpc)["GroupId"]
    ledger.note(ec2.delete_security_group, GroupId=group)
    return Network(vpc, tuple(zones[zone] for zone in sorted(zones)), group)


def make_role(aws: Aws, ledger: Ledger, principal: str, policy: str) -> tuple[str, str]:
    """A role that the principal may assume, with an AWS managed policy: its name and ARN."""
    iam = aws.client("iam")
    name = aws.unique("role")
    trust = (
        '{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Service":"'
        + principal
        + '"},"Action":"sts:AssumeRole"}]}'
    )
    arn = iam.create_role(RoleName=name, AssumeRolePolicyDocument=trust)["Role"]["Arn"]
    ledger.note(iam.delete_role, RoleName=name)
    policy_arn = f"arn:{arn.split(':')[1]}:iam::aws:policy/{policy}"
    iam.attach_role_policy(RoleName=name, PolicyArn=policy_arn)
    ledger.note(iam.detach_role_policy, RoleName=name, PolicyArn=policy_arn)
    return name, arn


def make_profile(aws: Aws, ledger: Ledger) -> str:
    """An instance profile with a role for container instances: its name."""
    iam = aws.client("iam")
    role, _ = make_role(aws, ledger, "ec2.amazonaws.com", INSTANCE_POLICY)
    profile = aws.unique("profile")
    iam.create_instance_profile(InstanceProfileName=profile)
    ledger.note(iam.delete_instance_profile, InstanceProfileName=profile)
    iam.add_role_to_instance_profile(InstanceProfileName=profile, RoleName=role)
    ledger.note(iam.remove_role_from_instance_profile, InstanceProfileName=profile, RoleName=role)
    return profile


def user_data(cluster: str) -> str:
    """What tells the agent of an ECS-optimised Amazon Linux its cluster."""
    return f"#!/bin/bash\necho ECS_CLUSTER={cluster} >> /etc/ecs/ecs.config\n"


def parameter(aws: Aws, name: str) -> str:
    """The value of a public parameter of SSM."""
    return str(aws.client("ssm").get_parameter(Name=name)["Parameter"]["Value"])


def launch_instances(
    aws: Aws, ledger: Ledger, data: str | None, count: int = 1, instance_type: str = "t3.small", **params: Any
) -> list[str]:
    """EC2 instances of the ECS-optimised image with this user data and a profile of their own: their ids.

    Args:
        params: of RunInstances, beside or instead of that; one that is None is left out.
    """
    ec2 = aws.client("ec2")
    given = {
        "InstanceType": instance_type,
        "MinCount": count,
        "MaxCount": count,
        "MetadataOptions": {"HttpTokens": "required"},
        "UserData": data,
        **params,
    }
    if "ImageId" not in given:
        given["ImageId"] = parameter(aws, AMI)
    if "IamInstanceProfile" not in given:
        given["IamInstanceProfile"] = {"Name": make_profile(aws, ledger)}
    given = {key: value for key, value in given.items() if value is not None}

    def run() -> list[str] | None:
        try:
            answer = ec2.run_instances(**given)
        except ClientError as error:
            # IAM takes its time to be known everywhere.
            if "Invalid IAM Instance Profile" in str(error) or "no associated IAM Roles" in str(error):
                return None
            raise
        return [instance["InstanceId"] for instance in answer["Instances"]]

    ids = aws.until(run, "EC2 knows the instance profile")
    for each in ids:
        ledger.note(ec2.terminate_instances, InstanceIds=[each])
    return ids


def joined(aws: Aws, cluster: str, ids: Sequence[str]) -> Fleet | None:
    """These instances as container instances of the cluster, once all are there and connected."""
    ecs = aws.client("ecs")
    arns = ecs.list_container_instances(cluster=cluster)["containerInstanceArns"]
    if not arns:
        return None
    rows = ecs.describe_container_instances(cluster=cluster, containerInstances=arns)["containerInstances"]
    by_id = {row["ec2InstanceId"]: row["containerInstanceArn"] for row in rows if row["agentConnected"]}
    if not all(each in by_id for each in ids):
        return None
    return Fleet(cluster, tuple(by_id[each] for each in ids), tuple(ids))


def make_fleet(
    aws: Aws, ledger: Ledger, cluster: str, count: int, instance_type: str = "t3.small", **params: Any
) -> Fleet:
    """EC2 instances that have become container instances of the cluster."""
    try:
        ids = launch_instances(aws, ledger, user_data(cluster), count, instance_type, **params)
    except ClientError as error:
        unreachable(f"no EC2 instance can be had: {error}")
    deadline = time.monotonic() + JOIN_SECONDS * aws.patience
    while time.monotonic() < deadline:
        found = joined(aws, cluster, ids)
        if found:
            return found
        aws.pause()
    return unreachable(f"no agent joined within {JOIN_SECONDS * aws.patience:.0f} s")


@dataclass
class Tasks:
    """Tasks of one test."""

    aws: Aws
    _started: list[tuple[str, str]] = field(default_factory=list)

    def run(self, cluster: str, definition: str, **params: Any) -> list[dict[str, Any]]:
        """RunTask, where every task must be placed: the tasks as it answers them."""
        answer = self.attempt(cluster, definition, **params)
        assert not answer["failures"], f"not placed: {answer['failures']}"
        assert len(answer["tasks"]) == params.get("count", 1)
        return list(answer["tasks"])

    def attempt(self, cluster: str, definition: str, **params: Any) -> dict[str, Any]:
        """RunTask, whatever comes of it: its answer."""
        answer = self.aws.client("ecs").run_task(cluster=cluster, taskDefinition=definition, **params)
        self.note(cluster, answer["tasks"])
        return dict(answer)

    def note(self, cluster: str, started: Sequence[dict[str, Any]]) -> None:
        """These are to be stopped after the test."""
        self._started += [(cluster, task["taskArn"]) for task in started]

    def describe(self, cluster: str, arns: Sequence[str]) -> list[dict[str, Any]]:
        """The tasks, in the order asked for."""
        rows = self.aws.client("ecs").describe_tasks(cluster=cluster, tasks=list(arns))["tasks"]
        by_arn = {row["taskArn"]: row for row in rows}
        return [by_arn[arn] for arn in arns if arn in by_arn]

    def wait(self, cluster: str, arns: Sequence[str], status: str, seconds: float = 10.0) -> list[dict[str, Any]]:
        """The tasks once all have the status."""

        def probe() -> list[dict[str, Any]] | None:
            rows = self.describe(cluster, arns)
            if status != "STOPPED" and any(row["lastStatus"] == "STOPPED" for row in rows):
                pytest.fail(f"a task stopped: {[row.get('stoppedReason') for row in rows]}")
            return rows if rows and all(row["lastStatus"] == status for row in rows) else None

        return self.aws.until(probe, f"the tasks are {status}", seconds)

    def running(self, cluster: str, definition: str, **params: Any) -> list[dict[str, Any]]:
        """RunTask and wait until all are RUNNING."""
        return self.wait(cluster, [task["taskArn"] for task in self.run(cluster, definition, **params)], "RUNNING")

    def stop_all(self) -> None:
        """Stop what was run; where others may need its host, wait until it has let go of it."""
        ecs = self.aws.client("ecs")
        live: dict[str, list[str]] = {}
        for cluster, arn in self._started:
            try:
                ecs.stop_task(cluster=cluster, task=arn)
                live.setdefault(cluster, []).append(arn)
            except ClientError:
                continue
        for cluster, arns in ({} if self.aws.owned else live).items():
            deadline = time.monotonic() + 5 * self.aws.patience
            while time.monotonic() < deadline:
                if all(row["lastStatus"] == "STOPPED" for row in self.describe(cluster, arns)):
                    break
                self.aws.pause()
