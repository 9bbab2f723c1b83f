"""Who is in a security group: what the project's own things have never counts, all else is named with its owner."""

from __future__ import annotations

from typing import Any

import pytest

from ecsctl.deploy.kinds.security_group_users import uses_of_others
from ecsctl.deploy.resources import Scope
from ecsctl.deploy.usage import Usage
from tests.support.fake_aws import FakeAws

Json = dict[str, Any]
GROUPS = [{"GroupId": "sg-1"}]
ECS = "arn:aws:ecs:eu-west-1:1"


def owned(owner: str | None, name: str = "Key", value: str = "Value") -> list[Json]:
    return [{name: "ecsctl:project", value: owner}] if owner else []


def interface(number: int, said: str = "", instance: str = "", owner: str | None = None, **more: Any) -> Json:
    attachment = {"Attachment": {"InstanceId": instance, "AttachmentId": "a"}} if instance else {}
    row = {"NetworkInterfaceId": f"eni-{number}", "Description": said, "Groups": GROUPS, "TagSet": owned(owner)}
    return {**row, **attachment, **more}


def instance(id_: str, owner: str | None, state: str = "running", groups: Any = GROUPS) -> Json:
    return {"InstanceId": id_, "State": {"Name": state}, "SecurityGroups": groups, "Tags": owned(owner)}


def task(number: int, owner: str | None, group: str = "") -> Json:
    details = [{"name": "networkInterfaceId", "value": f"eni-{number}"}]
    return {
        "taskArn": f"{ECS}:task/c/{number:032}",
        "group": group or "family:x",
        "lastStatus": "RUNNING",
        "attachments": [{"type": "ElasticNetworkInterface", "details": details}],
        "tags": owned(owner, "key", "value"),
    }


class Account:
    def __init__(self) -> None:
        self.interfaces: list[Json] = []
        self.instances: list[Json] = []
        self.tasks: list[Json] = []
        self.services: list[Json] = []
        self.balancers: Json = {}

    def uses(self) -> list[str]:
        reservations = {"Reservations": [{"Instances": self.instances}]}
        v2 = [{"LoadBalancerArn": f"x/app/{name}/1", "SecurityGroups": ["sg-1"]} for name in self.balancers]
        tags = lambda query: {  # noqa: E731
            "TagDescriptions": [{"Tags": owned(self.balancers[arn.split("/")[-2]])} for arn in query["ResourceArns"]]
        }
        services = {"services": self.services, "failures": []}
        self.aws = FakeAws(
            {
                "ec2:DescribeNetworkInterfaces": lambda query: {"NetworkInterfaces": self.interfaces},
                "ec2:DescribeInstances": lambda query: reservations,
                "elb:DescribeLoadBalancers": lambda query: {"LoadBalancerDescriptions": []},
                "elbv2:DescribeLoadBalancers": lambda query: {"LoadBalancers": v2},
                "elbv2:DescribeTags": tags,
                "ecs:ListClusters": lambda query: {"clusterArns": [f"{ECS}:cluster/c"]},
                "ecs:DescribeClusters": lambda query: {"clusters": [], "failures": []},
                "ecs:ListTasks": lambda query: {"taskArns": [row["taskArn"] for row in self.tasks]},
                "ecs:DescribeTasks": lambda query: {"tasks": self.tasks},
                "ecs:ListServices": lambda query: {"serviceArns": [row["serviceArn"] for row in self.services]},
                "ecs:DescribeServices": lambda query: services,
                "ecs:ListContainerInstances": lambda query: {"containerInstanceArns": []},
            }
        )
        return [
            str(use)
            for use in uses_of_others(Usage(self.aws, Scope("p", "c", "eu-west-1")), "sg-1")
            if use.owner != "p"
        ]


@pytest.fixture
def account() -> Account:
    return Account()


def test_what_the_projects_own_things_have_does_not_count(account: Account) -> None:
    account.instances = [instance("i-1", "p")]
    account.tasks = [task(2, None, "service:web"), task(3, "p")]
    account.services = [
        {
            "serviceName": "web",
            "serviceArn": f"{ECS}:service/c/web",
            "status": "ACTIVE",
            "tags": owned("p", "key", "value"),
        }
    ]
    account.balancers = {"front": "p"}
    account.interfaces = [
        interface(1, "Primary network interface", "i-1"),
        interface(2, f"{ECS}:attachment/x", "i-1"),
        interface(3, f"{ECS}:attachment/y"),
        interface(4, "ELB app/front/1", RequesterManaged=True, RequesterId="amazon-elb"),
        interface(5, f"{ECS}:attachment/of-a-task-that-has-ended"),
        interface(6, "a spare one", owner="p"),
    ]
    assert account.uses() == []


def test_other_clusters_are_read_only_for_interfaces_that_the_projects_own_has_not(account: Account) -> None:
    account.tasks = [task(2, "p")]
    account.interfaces = [interface(2, f"{ECS}:attachment/x")]
    assert account.uses() == []
    assert "ecs:ListClusters" not in account.aws.operations()
    account.interfaces.append(interface(9, f"{ECS}:attachment/z"))
    assert account.uses() == []
    assert "ecs:ListClusters" in account.aws.operations()


def test_what_has_ended_and_what_is_in_other_groups_does_not_count(account: Account) -> None:
    account.instances = [instance("i-1", None, "terminated"), instance("i-2", "o", groups=[{"GroupId": "sg-2"}])]
    account.interfaces = [interface(1, Groups=[{"GroupId": "sg-2"}])]
    assert account.uses() == []


def test_all_else_is_named(account: Account) -> None:
    account.instances = [instance("i-1", None), instance("i-2", "other")]
    account.tasks = [task(2, None), task(3, None, "service:web")]
    account.services = [{"serviceName": "web", "serviceArn": f"{ECS}:service/c/web", "status": "ACTIVE", "tags": []}]
    account.balancers = {"front": "other"}
    account.interfaces = [
        interface(2, f"{ECS}:attachment/x", "i-9"),
        interface(3, f"{ECS}:attachment/y"),
        interface(4, "of the night job"),
        interface(
            5,
            "AWS Lambda VPC ENI",
            Attachment={"AttachmentId": "ela-1", "InstanceOwnerId": "amazon-aws"},
            RequesterManaged=True,
            RequesterId="lambda",
        ),
        interface(6, owner="other"),
    ]
    nobody = "which ecsctl did not make"
    assert account.uses() == [
        f"instance i-1, {nobody} (it is in the group)",
        "instance i-2 of project other (it is in the group)",
        f"task 00000000, {nobody} (it is in the group)",
        f"service web, {nobody} (its tasks are in it)",
        f"network interface eni-4, {nobody} ('of the night job', attached to nothing)",
        f"network interface eni-5, {nobody} ('AWS Lambda VPC ENI', attached by amazon-aws, made by lambda)",
        "network interface eni-6 of project other (attached to nothing)",
        "load balancer front of project other (it is in the group)",
    ]
