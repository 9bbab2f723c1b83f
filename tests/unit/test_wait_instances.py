"""Waiting for instances: what ends a wait, with which exit code, and what it says."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from typing import Any

import pytest

from ecsctl.deploy.wait_instances import wait_for_instances
from ecsctl.errors import EcsctlError, ExitCode, WaitTimeoutError
from tests.support.clock import SteppedClock
from tests.support.fake_aws import FakeAws

Json = dict[str, Any]
NOW = datetime.now(timezone.utc)


class Fleet:
    """Two instances of a group on their way into a cluster, with a clock of its own."""

    def __init__(self, **instance: Any) -> None:
        self.clock = SteppedClock(10, NOW)
        self.joined: set[str] = set()
        self.members = ["i-1", "i-2"]
        self.console = "Booting"
        self.activities: list[Json] = []
        profile = {"Arn": "p"}
        self.instance = {"State": {"Name": "running"}, "IamInstanceProfile": profile, "PublicIpAddress": "192.0.2.1"}
        self.instance.update(instance)
        self.lines: list[str] = []

    def aws(self) -> FakeAws:
        return FakeAws(
            {
                "autoscaling:DescribeAutoScalingGroups": lambda query: {
                    "AutoScalingGroups": [{"Instances": [{"InstanceId": id_} for id_ in self.members]}]
                },
                "autoscaling:DescribeScalingActivities": lambda query: {"Activities": self.activities},
                "ecs:ListContainerInstances": lambda query: {"containerInstanceArns": sorted(self.joined)},
                "ecs:DescribeContainerInstances": lambda query: {
                    "containerInstances": [
                        {"ec2InstanceId": id_, "status": "ACTIVE", "agentConnected": True} for id_ in self.joined
                    ]
                },
                "ec2:DescribeInstances": lambda query: {
                    "Reservations": [
                        {"Instances": [{"InstanceId": id_, **self.instance} for id_ in query["Filters"][0]["Values"]]}
                    ]
                },
                "ec2:GetConsoleOutput": lambda query: {"Output": self.console},
            },
            clock=self.clock,
        )

    def wait(self, timeout: float = 600) -> None:
        wait_for_instances(
            self.aws(),
            "prod",
            "group",
            2,
            timeout=timeout,
            report=self.lines.append,
            since=NOW,
        )


def test_instances_that_join_are_counted() -> None:
    fleet = Fleet()
    fleet.joined = {"i-1", "i-2", "i-of-another-group"}
    fleet.wait()
    assert fleet.lines == ["instances of prod: 2 of 2 have joined"]


def test_an_agent_that_was_refused_for_good_ends_the_wait() -> None:
    fleet = Fleet()
    fleet.console = "[ 12.3] amazon-ecs-agent: error: unable to register: Cluster not found.; exit code 5\n"
    with pytest.raises(EcsctlError, match="Cluster not found") as raised:
        fleet.wait()
    assert raised.value.code == ExitCode.FAILED
    assert fleet.clock.now() - NOW >= timedelta(seconds=20), "it had its time to boot"


def test_a_group_that_cannot_launch_says_why() -> None:
    fleet = Fleet()
    fleet.members = []
    fleet.activities = [{"StatusCode": "Failed", "StatusMessage": "You have requested more vCPU capacity than allowed"}]
    with pytest.raises(EcsctlError, match="more vCPU capacity"):
        fleet.wait()


@pytest.mark.parametrize(
    ("instance", "expected"),
    [
        ({"State": {"Name": "stopped"}}, "it is stopped"),
        ({"IamInstanceProfile": None}, "no instance profile"),
        ({"PublicIpAddress": None}, "needs NAT or VPC endpoints"),
    ],
)
def test_when_time_is_up_each_instance_says_what_it_lacks(instance: Json, expected: str) -> None:
    fleet = Fleet(**instance)
    fleet.joined = {"i-1"}
    with pytest.raises(WaitTimeoutError) as raised:
        fleet.wait(timeout=0)
    assert raised.value.code == ExitCode.TIMEOUT
    [line] = raised.value.details
    assert line.startswith("i-2 has not registered")
    assert expected in line
