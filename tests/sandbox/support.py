"""What the sandbox's tests share: waiting for a state, and the resources a container instance needs."""

from __future__ import annotations

import json
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from typing import Any, TypeVar

T = TypeVar("T")
AL2023 = "/aws/service/ecs/optimized-ami/amazon-linux-2023/recommended/image_id"
UBUNTU = "/aws/service/canonical/ubuntu/server/24.04/stable/current/amd64/hvm/ebs-gp3/ami-id"
POLICY = "arn:aws:iam::aws:policy/service-role/AmazonEC2ContainerServiceforEC2Role"
TRUST = {
    "Version": "2012-10-17",
    "Statement": [{"Effect": "Allow", "Principal": {"Service": "ec2.amazonaws.com"}, "Action": "sts:AssumeRole"}],
}


def until(look: Callable[[], T], what: str, seconds: float = 60.0) -> T:
    """Look again until something true is seen; fails with ``what`` and the last seen after that many seconds."""
    deadline = time.monotonic() + seconds
    while True:
        seen = look()
        if seen:
            return seen
        assert time.monotonic() < deadline, f"not within {seconds} s: {what}; last seen: {seen!r}"
        threading.Event().wait(0.05)


def fetch(url: str) -> tuple[int, str]:
    """Status and body of a GET; status 0 where nothing answers."""
    try:
        with urllib.request.urlopen(url, timeout=30) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, ""
    except OSError:
        return 0, ""


class Account:
    """A sandbox's account with short words for what the tests do in it. ``client`` gives a client of a service."""

    def __init__(self, client: Callable[[str], Any]) -> None:
        self.ecs, self.ec2, self.iam = client("ecs"), client("ec2"), client("iam")
        self.elb, self.elbv2 = client("elb"), client("elbv2")
        self.autoscaling, self.ssm = client("autoscaling"), client("ssm")
        self.tagging = client("resourcegroupstaggingapi")
        self.acm = client("acm")

    def profile(self, name: str, policy: str | None = POLICY) -> str:
        """An instance profile with a role; its name."""
        self.iam.create_role(RoleName=name, AssumeRolePolicyDocument=json.dumps(TRUST))
        if policy:
            self.iam.attach_role_policy(RoleName=name, PolicyArn=policy)
        self.iam.create_instance_profile(InstanceProfileName=name)
        self.iam.add_role_to_instance_profile(InstanceProfileName=name, RoleName=name)
        return name

    def acm_certificate(self, domain: str) -> str:
        """The ARN of a certificate of ACM for a domain."""
        return str(self.acm.request_certificate(DomainName=domain)["CertificateArn"])

    def parameter(self, name: str) -> str:
        """The value of an SSM parameter."""
        return str(self.ssm.get_parameter(Name=name)["Parameter"]["Value"])

    def instance(
        self, cluster: str, profile: str | None, image: str = AL2023, script: str | None = None, **more: Any
    ) -> str:
        """An EC2 instance whose user data names a cluster; its id."""
        if profile:
            more["IamInstanceProfile"] = {"Name": profile}
        user_data = script or f"#!/bin/bash\necho ECS_CLUSTER={cluster} >> /etc/ecs/ecs.config\n"
        made = self.ec2.run_instances(
            ImageId=self.parameter(image), MinCount=1, MaxCount=1, InstanceType="t3.small", UserData=user_data, **more
        )
        return str(made["Instances"][0]["InstanceId"])

    def console(self, instance: str) -> str:
        """An instance's console output."""
        return str(self.ec2.get_console_output(InstanceId=instance)["Output"])

    def members(self, cluster: str) -> dict[str, dict[str, Any]]:
        """The cluster's container instances by EC2 instance id."""
        arns = self.ecs.list_container_instances(cluster=cluster)["containerInstanceArns"]
        if not arns:
            return {}
        described = self.ecs.describe_container_instances(cluster=cluster, containerInstances=arns)
        return {row["ec2InstanceId"]: row for row in described["containerInstances"]}

    def member(self, cluster: str, instance: str) -> dict[str, Any]:
        """Wait until an instance has joined the cluster; its container instance."""
        return until(lambda: self.members(cluster).get(instance), f"{instance} in {cluster}")  # type: ignore[return-value]

    def register(self, family: str, image: str = "web:1", *, role: str | None = None, **container: Any) -> str:
        """Register a task definition of one container; its family. ``role`` is the ARN of both of its roles."""
        definition = {"name": "web", "image": image, "memory": 64, **container}
        roles = {"taskRoleArn": role, "executionRoleArn": role} if role else {}
        self.ecs.register_task_definition(family=family, containerDefinitions=[definition], **roles)
        return family

    def run(self, cluster: str, family: str, **more: Any) -> str:
        """Run one task; its ARN."""
        answer = self.ecs.run_task(cluster=cluster, taskDefinition=family, **more)
        assert answer["failures"] == []
        return str(answer["tasks"][0]["taskArn"])

    def task(self, arn: str) -> dict[str, Any]:
        """A task as DescribeTasks has it."""
        cluster = arn.split("/")[1]
        return dict(self.ecs.describe_tasks(cluster=cluster, tasks=[arn])["tasks"][0])

    def reached(self, arn: str, status: str, seconds: float = 60.0) -> dict[str, Any]:
        """Wait until a task has a status; the task."""

        def look() -> dict[str, Any] | None:
            task = self.task(arn)
            return task if task["lastStatus"] == status else None

        return until(look, f"{arn} {status}", seconds)  # type: ignore[return-value]

    def public_address(self, instance: str) -> str:
        """``PublicIpAddress`` of an instance."""
        found = self.ec2.describe_instances(InstanceIds=[instance])["Reservations"][0]["Instances"][0]
        return str(found.get("PublicIpAddress", ""))
