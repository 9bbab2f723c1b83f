"""Eventual consistency: by a clock that is moved by hand, and over HTTP."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import botocore.exceptions
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ecsctl.sandbox import interfaces
from ecsctl.sandbox.faults.eventual_consistency import LOOKS, StaleReads
from ecsctl.sandbox.faults.registry import FaultRegistry
from tests.sandbox.ecs.world import ACCOUNT, World
from tests.sandbox.support import Account
from tests.support.sandbox import Running


class Lagging:
    """An engine whose writes are seen late."""

    def __init__(self, **fault: Any) -> None:
        self.world = World()
        self.registry = FaultRegistry(lambda: self.world.now)
        self.stale_reads = StaleReads(self.registry, lambda: self.world.now, ACCOUNT)
        self.fault = self.registry.add({"kind": "eventual-consistency", **fault})["id"]

    def call(self, operation: str, **params: Any) -> dict[str, Any]:
        _, _, body = self.stale_reads.ecs(self.world.engine, operation, json.dumps(params).encode())
        return dict(json.loads(body))

    def clusters(self) -> set[str]:
        return {arn.rsplit("/", 1)[-1] for arn in self.call("ListClusters")["clusterArns"]}

    def triggered(self) -> int:
        return int(self.registry.to_dict()[0]["triggered"])


def test_a_write_is_seen_after_its_time_and_not_before() -> None:
    lagging = Lagging(seconds=5)
    lagging.call("CreateCluster", clusterName="one")
    lagging.world.now += 4.9
    assert lagging.clusters() == set()
    assert lagging.call("DescribeClusters", clusters=["one"])["failures"][0]["reason"] == "MISSING"
    assert lagging.triggered() == 2
    lagging.world.now += 0.1
    assert lagging.clusters() == {"one"}
    assert lagging.triggered() == 2


def test_writes_are_seen_in_their_order() -> None:
    lagging = Lagging(seconds=5)
    for name in ("one", "two", "three"):
        lagging.call("CreateCluster", clusterName=name)
        lagging.world.now += 1
    seen = []
    for _ in range(6):
        seen.append(lagging.clusters())
        lagging.world.now += 1
    assert seen == [set(), set(), {"one"}, {"one", "two"}, {"one", "two", "three"}, {"one", "two", "three"}]


@settings(max_examples=25, deadline=None)
@given(pauses=st.lists(st.floats(0, 4), min_size=1, max_size=8), seconds=st.floats(0.5, 6))
def test_what_was_seen_once_stays_seen_and_nothing_is_hidden_longer(pauses: list[float], seconds: float) -> None:
    lagging = Lagging(seconds=seconds)
    written: dict[str, float] = {}
    before: set[str] = set()
    for number, pause in enumerate(pauses):
        lagging.call("CreateCluster", clusterName=f"c{number}")
        written[f"c{number}"] = lagging.world.now
        lagging.world.now += pause
        seen, now = lagging.clusters(), lagging.world.now
        assert before <= seen
        assert {name for name, at in written.items() if now - at >= seconds} <= seen
        # Writes within a twentieth of the time may be shown together.
        assert not {name for name, at in written.items() if now - at < seconds * 0.94} & seen
        before = seen


def test_the_callers_own_writes_take_effect_at_once() -> None:
    lagging = Lagging(seconds=60)
    lagging.call("CreateCluster", clusterName="one")
    assert "taskDefinition" in lagging.call(
        "RegisterTaskDefinition", family="web", containerDefinitions=[{"name": "web", "image": "x", "memory": 10}]
    )
    made = lagging.call("CreateService", cluster="one", serviceName="api", taskDefinition="web", desiredCount=0)
    assert made["service"]["status"] == "ACTIVE"
    assert lagging.world.call("DescribeServices", cluster="one", services=["api"])["services"]


def test_a_write_that_is_meant_is_refused_as_if_nothing_had_been_written_yet() -> None:
    lagging = Lagging(seconds=60, operation=["ecs:RunTask", "ecs:StopTask"], times=1)
    lagging.call("CreateCluster", clusterName="one")
    lagging.call(
        "RegisterTaskDefinition", family="web", containerDefinitions=[{"name": "a", "image": "x", "memory": 9}]
    )
    assert lagging.call("RunTask", cluster="one", taskDefinition="web")["__type"] == "ClusterNotFoundException"
    assert "No Container Instances" in lagging.call("RunTask", cluster="one", taskDefinition="web")["message"]


def test_a_write_that_was_tried_on_the_past_happens_once() -> None:
    lagging = Lagging(seconds=60, operation=["ecs:*"])
    lagging.world.call("CreateCluster", clusterName="one")
    machine = lagging.world.host("one")
    family = lagging.world.family()
    lagging.call("CreateCluster", clusterName="two")
    made = lagging.call("RunTask", cluster="one", taskDefinition=family)["tasks"]
    assert len(made) == 1
    assert [task["taskArn"] for task in lagging.world.tasks("one")] == [made[0]["taskArn"]]
    lagging.world.step(5)
    # What the past is asked stops and frees nothing here.
    lagging.call("DeregisterContainerInstance", cluster="one", containerInstance=machine, force=True)
    assert lagging.call("ListTasks", cluster="one")["taskArns"] == []


def test_the_ports_have_what_the_past_looks_at() -> None:
    held = {
        name
        for port in vars(interfaces).values()
        if isinstance(port, type)
        for name in [*vars(port), *_annotated(port)]
    }
    assert held >= LOOKS


def _annotated(port: type) -> list[str]:
    return list(vars(port).get("__annotations__", {}))


def test_services_that_are_not_meant_show_everything() -> None:
    lagging = Lagging(seconds=60, of=["iam"])
    lagging.call("CreateCluster", clusterName="one")
    assert lagging.clusters() == {"one"}


@pytest.fixture
def lag(running: Running) -> Iterator[Any]:
    def inject(**fault: Any) -> str:
        return str(running.sandbox.add_fault({"kind": "eventual-consistency", **fault})["id"])

    yield inject
    running.sandbox.clear_faults()


def test_iam_is_late_for_its_readers_and_for_ec2(running: Running, account: Account, name: str, lag: Any) -> None:
    lag(seconds=3600)
    account.profile(name)
    with pytest.raises(account.iam.exceptions.NoSuchEntityException):
        account.iam.get_role(RoleName=name)
    before = len(account.ec2.describe_instances()["Reservations"])
    with pytest.raises(botocore.exceptions.ClientError, match=r"InvalidParameterValue.*Invalid IAM Instance Profile"):
        account.instance("default", name)
    template = {"ImageId": "ami-12345678", "InstanceType": "t3.small", "IamInstanceProfile": {"Name": name}}
    account.ec2.create_launch_template(LaunchTemplateName=name, LaunchTemplateData=template)
    group = {
        "AutoScalingGroupName": name,
        "LaunchTemplate": {"LaunchTemplateName": name},
        "MinSize": 1,
        "MaxSize": 1,
        "AvailabilityZones": ["eu-west-1a"],
    }
    with pytest.raises(botocore.exceptions.ClientError, match=r"ValidationError.*fully-formed launch template"):
        account.autoscaling.create_auto_scaling_group(**group)
    assert len(account.ec2.describe_instances()["Reservations"]) == before
    running.sandbox.clear_faults()
    assert account.iam.get_role(RoleName=name)["Role"]["RoleName"] == name
    account.autoscaling.create_auto_scaling_group(**group)
    assert len(account.ec2.describe_instances()["Reservations"]) == before + 1


def test_what_iam_writes_may_look_at_the_past_too(running: Running, account: Account, name: str, lag: Any) -> None:
    lag(seconds=3600, of="iam", operation=["iam:AddRole*"], times=1)
    account.iam.create_instance_profile(InstanceProfileName=name)
    account.iam.create_role(RoleName=name, AssumeRolePolicyDocument="{}")
    ask = {"InstanceProfileName": name, "RoleName": name}
    with pytest.raises(account.iam.exceptions.NoSuchEntityException):
        account.iam.add_role_to_instance_profile(**ask)
    account.iam.add_role_to_instance_profile(**ask)
    found = account.iam.get_instance_profile(InstanceProfileName=name)["InstanceProfile"]
    assert [role["RoleName"] for role in found["Roles"]] == [name]


def test_nothing_is_made_in_the_past(running: Running, account: Account, name: str, lag: Any) -> None:
    account.profile(name)
    lag(seconds=3600, of=["ec2", "autoscaling", "elasticloadbalancing"], operation=["*:*"])
    account.ec2.create_security_group(GroupName=name, Description="x")
    made = account.instance("default", name)
    account.autoscaling.create_auto_scaling_group(
        AutoScalingGroupName=name, InstanceId=made, MinSize=1, MaxSize=1, AvailabilityZones=["eu-west-1a"]
    )
    account.autoscaling.delete_auto_scaling_group(AutoScalingGroupName=name, ForceDelete=True)
    account.ec2.terminate_instances(InstanceIds=[made])
    account.ec2.delete_security_group(GroupName=name)
    running.sandbox.clear_faults()
    rows = account.ec2.describe_instances()["Reservations"]
    states = {row["InstanceId"]: row["State"]["Name"] for item in rows for row in item["Instances"]}
    assert states[made] == "terminated"
    assert list(states.values()).count("terminated") >= 2


@pytest.mark.parametrize("service", ["ec2", "autoscaling", "elasticloadbalancing"])
def test_the_reads_of_other_services_are_late(account: Account, name: str, lag: Any, service: str) -> None:
    lag(seconds=3600, of=service, times=1)
    if service == "ec2":
        account.ec2.create_security_group(GroupName=name, Description="x")
        seen = [
            name in {row["GroupName"] for row in account.ec2.describe_security_groups()["SecurityGroups"]}
            for _ in range(2)
        ]
    elif service == "autoscaling":
        template = {"ImageId": "ami-12345678", "InstanceType": "t3.small"}
        account.ec2.create_launch_template(LaunchTemplateName=name, LaunchTemplateData=template)
        account.autoscaling.create_auto_scaling_group(
            AutoScalingGroupName=name, LaunchTemplate={"LaunchTemplateName": name}, MinSize=0, MaxSize=0,
            AvailabilityZones=["eu-west-1a"],
        )  # fmt: skip
        asked = {"AutoScalingGroupNames": [name]}
        seen = [bool(account.autoscaling.describe_auto_scaling_groups(**asked)["AutoScalingGroups"]) for _ in range(2)]
    else:
        vpc = account.ec2.describe_vpcs()["Vpcs"][0]["VpcId"]
        account.elbv2.create_target_group(Name=name, Protocol="HTTP", Port=80, VpcId=vpc)
        seen = [bool(account.elbv2.describe_target_groups()["TargetGroups"]) for _ in range(2)]
    assert seen == [False, True]
