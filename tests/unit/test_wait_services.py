"""Waiting for services and instances: what ends a wait, with which exit code, and what it says."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest

from ecsctl.deploy.wait_instances import wait_for_instances
from ecsctl.deploy.wait_services import wait_for_services
from ecsctl.errors import EcsctlError, ExitCode, RolledBackError, WaitTimeoutError
from tests.support.fake_aws import FakeAws

Json = dict[str, Any]
NOW = datetime.now(timezone.utc)
ARN = "arn:aws:ecs:eu-west-1:123456789012"


def deployment(id_: str = "ecs-svc/1", state: str | None = "IN_PROGRESS", **more: Any) -> Json:
    made: Json = {
        "id": id_,
        "status": "PRIMARY",
        "taskDefinition": f"{ARN}:task-definition/web:2",
        "desiredCount": 2,
        "runningCount": 2,
        "failedTasks": 0,
    }
    return {**made, **({"rolloutState": state} if state else {}), **more}


def service(*deployments: Json, running: int = 2, **more: Any) -> Json:
    return {
        "serviceArn": f"{ARN}:service/prod/svc",
        "serviceName": "svc",
        "clusterArn": f"{ARN}:cluster/prod",
        "status": "ACTIVE",
        "desiredCount": 2,
        "runningCount": running,
        "pendingCount": 0,
        "deployments": list(deployments),
        **more,
    }


def watched(looks: Iterable[Json], **answers: Any) -> tuple[FakeAws, list[str]]:
    """An AWS that answers one look after another; the last one stays."""
    left = list(looks)

    def describe(query: Json) -> Json:
        look = left.pop(0) if len(left) > 1 else left[0]
        return {"services": [look] if look else [], "failures": [] if look else [{"reason": "MISSING"}]}

    tasks: Json = {"ecs:ListTasks": lambda query: {"taskArns": []}}
    return FakeAws({"ecs:DescribeServices": describe, **tasks, **answers}), []


def wait(
    looks: Iterable[Json], timeout: float = 600, passed: float = 0, deployment: str = "", **answers: Any
) -> tuple[list[str], list[str]]:
    """Wait for the service; ``passed``: seconds since what is waited for began; ``deployment``: its id."""
    aws, lines = watched(looks, **answers)
    views = wait_for_services(
        aws,
        "prod",
        ["svc"],
        timeout=timeout,
        report=lines.append,
        since=NOW,
        deployments={"svc": deployment},
        sleep=lambda seconds: None,
        now=lambda: NOW + timedelta(seconds=passed),
    )
    return [view.name for view in views], lines


def test_only_what_changed_is_told() -> None:
    pending = service(deployment(), running=0)
    names, lines = wait([pending, pending, pending, service(deployment(state="COMPLETED"))])
    assert names == ["svc"]
    assert lines == [
        "service svc: 0 of 2 tasks run, deployment IN_PROGRESS",
        "service svc: 2 of 2 tasks run, deployment COMPLETED",
    ]


def test_behind_a_classic_balancer_counts_and_health_decide() -> None:
    health = [["OutOfService", "OutOfService"], ["InService", "OutOfService"], ["InService", "InService"]]
    fronted = {"loadBalancers": [{"loadBalancerName": "lb", "containerName": "web", "containerPort": 80}]}
    two = service(deployment(state=None), deployment("ecs-svc/0", None, status="ACTIVE"), **fronted)
    one = service(deployment(state=None), **fronted)
    answers = {
        "elb:DescribeInstanceHealth": lambda query: {"InstanceStates": [{"State": state} for state in health.pop(0)]}
    }
    _, lines = wait([two, one, one, one], **answers)
    assert health == []
    assert [line.partition("run")[2] for line in lines] == [
        "",
        ", 0 of 2 in service behind lb",
        ", 1 of 2 in service behind lb",
        "",
    ]


def test_a_failed_deployment_ends_the_wait_at_once() -> None:
    failed = deployment(state="FAILED", rolloutStateReason="ECS deployment circuit breaker: tasks failed to start.")
    with pytest.raises(RolledBackError) as raised:
        wait([service(deployment(), running=0), service(failed, running=0)])
    assert raised.value.code == ExitCode.ROLLED_BACK
    assert any("circuit breaker" in line for line in raised.value.details)


@pytest.mark.parametrize("still_listed", [True, False])
def test_a_rollback_that_succeeded_is_no_success(still_listed: bool) -> None:
    old = f"{ARN}:task-definition/web:1"
    back = deployment("ecs-svc/2", "COMPLETED", taskDefinition=old)
    failed = deployment("ecs-svc/1", "FAILED", status="ACTIVE", rolloutStateReason="circuit breaker: no luck")
    with pytest.raises(RolledBackError, match="web:2 to service svc gave way to web:1"):
        wait([service(deployment()), service(back, *([failed] if still_listed else []))])


def test_a_second_deployment_of_the_same_definition_is_waited_for_instead() -> None:
    names, _ = wait([service(deployment(), running=1), service(deployment("ecs-svc/2", "COMPLETED"))])
    assert names == ["svc"]


def test_tasks_that_keep_failing_end_the_wait() -> None:
    looks = [service(deployment(failedTasks=n, runningCount=0), running=0) for n in (1, 2, 3, 4)]
    with pytest.raises(EcsctlError, match="keep failing") as raised:
        wait(looks)
    assert raised.value.code == ExitCode.FAILED


def test_failures_of_long_ago_do_not_count() -> None:
    looks = [service(deployment(failedTasks=7, runningCount=1), running=1), service(deployment(state="COMPLETED"))]
    assert wait(looks)[0] == ["svc"]


def test_a_circuit_breaker_is_left_to_decide() -> None:
    breaker = {"deploymentConfiguration": {"deploymentCircuitBreaker": {"enable": True, "rollback": True}}}
    looks = [service(deployment(failedTasks=n, runningCount=0), running=0, **breaker) for n in (0, 5)]
    with pytest.raises(RolledBackError):
        wait([*looks, service(deployment(state="FAILED", failedTasks=6), running=0, **breaker)])


def test_no_room_is_told_when_the_time_is_up() -> None:
    text = (
        "(service svc) was unable to place a task because no container instance met all of its requirements. The "
        "closest matching container-instance 1 is already using a port required by your task."
    )
    event = {"id": "e", "createdAt": NOW + timedelta(seconds=5), "message": text}
    with pytest.raises(WaitTimeoutError) as raised:
        wait([service(deployment(runningCount=1), running=1, events=[event])], timeout=0)
    assert raised.value.code == ExitCode.TIMEOUT
    assert any("fixed host port is taken" in line for line in raised.value.details)


def test_no_room_for_long_ends_the_wait() -> None:
    text = "(service svc) was unable to place a task because no container instance met all of its requirements."
    event = {"id": "e", "createdAt": NOW + timedelta(seconds=5), "message": text}
    with pytest.raises(EcsctlError, match="service svc finds no place for its tasks"):
        wait([service(deployment(runningCount=1), running=1, events=[event])], passed=60)


def test_a_stopped_task_says_why() -> None:
    task = {
        "taskArn": f"{ARN}:task/prod/0123456789abcdef0123456789abcdef",
        "taskDefinitionArn": f"{ARN}:task-definition/web:2",
        "lastStatus": "STOPPED",
        "desiredStatus": "STOPPED",
        "stopCode": "TaskFailedToStart",
        "stoppedReason": "CannotPullContainerError: pull access denied for example/web",
        "stoppedAt": NOW + timedelta(seconds=3),
        "containers": [],
    }
    answers = {
        "ecs:ListTasks": lambda query: {"taskArns": [task["taskArn"]] if query["desiredStatus"] == "STOPPED" else []},
        "ecs:DescribeTasks": lambda query: {"tasks": [task], "failures": []},
    }
    looks = [service(deployment(failedTasks=n, runningCount=0), running=0) for n in (0, 3)]
    with pytest.raises(EcsctlError) as raised:
        wait(looks, **answers)
    assert any("pull access denied" in line for line in raised.value.details)


def test_a_service_that_vanished_is_told() -> None:
    with pytest.raises(EcsctlError, match="svc does not exist any more"):
        wait([service(deployment()), {**service(deployment()), "status": "INACTIVE"}])


def test_a_service_that_ecs_does_not_show_yet_is_waited_for() -> None:
    names, lines = wait([{}, {}, service(deployment(state="COMPLETED"))])
    assert names == ["svc"]
    assert lines[0] == "service svc: ECS does not show it yet"


def test_what_was_before_the_change_is_not_taken_for_it() -> None:
    old, new = service(deployment(state="COMPLETED")), service(deployment("ecs-svc/2", "FAILED"))
    with pytest.raises(RolledBackError):
        wait([old, old, new], deployment="ecs-svc/2")
    names, lines = wait([old, service(deployment("ecs-svc/2", "COMPLETED"))], deployment="ecs-svc/2")
    assert names == ["svc"]
    assert lines[0] == "service svc: ECS does not show the change yet"
    assert wait([old], deployment="ecs-svc/2", passed=200)[0] == ["svc"]


@pytest.mark.parametrize(("looks", "passed"), [([service(deployment()), {}], 1), ([{}], 200)])
def test_a_service_that_stays_away_or_goes_is_no_late_one(looks: list[Json], passed: float) -> None:
    with pytest.raises(EcsctlError, match="svc does not exist any more"):
        wait(looks, passed=passed)


class Fleet:
    """Two instances of a group on their way into a cluster, with a clock of its own."""

    def __init__(self, **instance: Any) -> None:
        self.time = NOW
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
            }
        )

    def wait(self, timeout: float = 600) -> None:
        def sleep(seconds: float) -> None:
            self.time += timedelta(seconds=10)

        wait_for_instances(
            self.aws(),
            "prod",
            "group",
            2,
            timeout=timeout,
            report=self.lines.append,
            sleep=sleep,
            now=lambda: self.time,
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
    assert fleet.time - NOW >= timedelta(seconds=20), "it had its time to boot"


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
