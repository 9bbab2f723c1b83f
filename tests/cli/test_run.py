from __future__ import annotations

from typing import Any

import pytest

from tests.cli.test_logs import AWSLOGS, container, definition
from tests.support.command import ecsctl
from tests.support.fake_aws import FakeAws
from tests.support.log_service import LogService
from tests.support.world import World

ENDED: dict[str, Any] = {"lastStatus": "STOPPED", "desiredStatus": "STOPPED", "stopCode": "EssentialContainerExited"}
NETWORK = {"awsvpcConfiguration": {"subnets": ["subnet-s"], "securityGroups": ["sg-s"], "assignPublicIp": "DISABLED"}}


@pytest.fixture
def world() -> World:
    world = World()
    world.definitions["job"] = definition("job", container("job", **AWSLOGS))
    world.instance(7)
    return world


@pytest.fixture
def service() -> LogService:
    return LogService()


@pytest.fixture
def aws(world: World, service: LogService) -> FakeAws:
    aws = world.aws()
    aws.answers["logs:GetLogEvents"] = service.get_log_events
    return aws


def asked(aws: FakeAws) -> dict[str, Any]:
    """RunTask's only input."""
    [query] = [query for name, query in aws.calls if name == "ecs:RunTask"]
    return query


def test_wait_prints_what_the_task_writes_and_exits_with_its_code(
    world: World, service: LogService, aws: FakeAws
) -> None:
    stream = ""

    def during(now: float) -> None:
        nonlocal stream
        [task] = world.tasks["web"]
        stream = f"p/job/{task['taskArn'].rsplit('/', 1)[-1]}"
        if 1 < now < 4:
            service.put("/ecs/nginx", stream, (int(now * 1000), f"at {now:.0f}"))
        if now > 4 and task["lastStatus"] == "RUNNING":
            service.put("/ecs/nginx", stream, (4000, "last words"))
            task.update(ENDED)
            task["containers"][0]["exitCode"] = 3

    ended = ecsctl(aws, "run", "-c", "web", "--wait", "job", during=during)
    assert ended.code == 3, ended.err
    assert len(ended.lines) > 1
    assert ended.lines[-1] == "last words"
    assert "started" in ended.err
    assert "exit code 3" in ended.err


def test_timeout_stops_what_it_waited_for(world: World, service: LogService, aws: FakeAws) -> None:
    ended = ecsctl(aws, "run", "-c", "web", "--wait", "--timeout", "30s", "job", during=lambda now: None)
    assert ended.code == 4
    [task] = world.tasks["web"]
    assert task["stoppedReason"] == "ran longer than 30 s (ecsctl run --timeout)"


def test_without_a_terminal_ctrl_c_leaves_the_task_and_says_how_to_stop_it(world: World, aws: FakeAws) -> None:
    def during(now: float) -> None:
        raise KeyboardInterrupt

    ended = ecsctl(aws, "run", "-c", "web", "--wait", "job", during=during)
    assert ended.code == 130
    assert "ecsctl stop -c web" in ended.err
    assert "ecs:StopTask" not in aws.operations()


def test_json_tells_of_the_tasks(world: World, aws: FakeAws) -> None:
    world.outcome = {**ENDED, "container": {"exitCode": 3}}
    ended = ecsctl(aws, "run", "-c", "web", "--wait", "job", "-o", "json")
    assert ended.code == 3
    [row] = ended.json
    assert (row["lastStatus"], row["exitCodes"], row["taskDefinition"]) == ("STOPPED", {"job": 3}, "job:1")
    assert len(ecsctl(aws, "run", "-c", "web", "-d", "--count", "12", "job", "-o", "json").json) == 12


def test_a_service_lends_its_place_and_what_it_runs(world: World, aws: FakeAws) -> None:
    described = definition("job", container("job", **AWSLOGS))
    world.definitions["job"] = {**described, "networkMode": "awsvpc", "requiresCompatibilities": ["FARGATE"]}
    row = {"serviceArn": "arn:aws:ecs:eu-west-1:123456789012:service/web/svc", "serviceName": "svc", "status": "ACTIVE"}
    strategy = [{"capacityProvider": "FARGATE_SPOT", "weight": 1}]
    more = {"taskDefinition": "job:1", "networkConfiguration": NETWORK, "capacityProviderStrategy": strategy}
    world.services["web"].append({**row, **more, "platformVersion": "1.4.0"})
    assert ecsctl(aws, "run", "-c", "web", "-d", "--service", "svc").code == 0
    query = asked(aws)
    assert (query["taskDefinition"], query["networkConfiguration"]) == ("job:1", NETWORK)
    assert (query["capacityProviderStrategy"], query["platformVersion"]) == (strategy, "1.4.0")
    assert "launchType" not in query
    aws.calls.clear()
    assert ecsctl(aws, "run", "-c", "web", "-d", "--service", "svc", "--launch-type", "FARGATE", "job").code == 0
    query = asked(aws)
    assert (query["launchType"], "capacityProviderStrategy" in query) == ("FARGATE", False)
    assert ecsctl(aws, "run", "-c", "web", "-d", "--service", "nope").code == 6


def test_a_fargate_definition_runs_as_fargate_in_the_default_vpc(world: World, aws: FakeAws) -> None:
    described = definition("job", container("job"))
    world.definitions["job"] = {**described, "networkMode": "awsvpc", "requiresCompatibilities": ["FARGATE"]}
    aws.answers["ec2:DescribeVpcs"] = lambda query: {"Vpcs": [{"VpcId": "vpc-1"}]}
    aws.answers["ec2:DescribeSubnets"] = lambda query: {
        "Subnets": [
            {"SubnetId": f"subnet-{zone}", "VpcId": "vpc-1", "AvailabilityZone": zone, "DefaultForAz": True}
            for zone in "ab"
        ]
    }
    ended = ecsctl(aws, "run", "-c", "web", "-d", "job")
    assert ended.code == 0, ended.err
    query = asked(aws)
    assert query["launchType"] == "FARGATE"
    assert query["networkConfiguration"]["awsvpcConfiguration"] == {
        "subnets": ["subnet-a", "subnet-b"],
        "assignPublicIp": "ENABLED",
    }
    assert "note: it runs in the default VPC's subnets, with a public address" in ended.err


def test_overrides_of_the_task_and_of_its_container(world: World, aws: FakeAws) -> None:
    aws.answers["sts:GetCallerIdentity"] = lambda query: {"Account": "123456789012"}
    sized = ("--cpu", "0.5vCPU", "--memory", "1GB", "--task-role", "jobs", "--ephemeral-storage", "30")
    assert ecsctl(aws, "run", "-c", "web", "-d", *sized, "job").code == 0
    role = "arn:aws:iam::123456789012:role/jobs"
    assert asked(aws)["overrides"] == {
        "taskRoleArn": role,
        "ephemeralStorage": {"sizeInGiB": 30},
        "containerOverrides": [{"name": "job", "cpu": 512, "memory": 1024}],
    }
    world.definitions["job"] |= {"cpu": "256", "memory": "512"}
    aws.calls.clear()
    assert ecsctl(aws, "run", "-c", "web", "-d", "--cpu", "512", "--memory", "1024", "job").code == 0
    assert asked(aws)["overrides"] == {"cpu": "512", "memory": "1024"}


@pytest.mark.parametrize(
    "arguments",
    [
        (),
        ("--cpu", "much", "job"),
        ("-d", "--wait", "job"),
        ("--container", "nope", "job"),
        ("--subnet", "subnet-1", "job"),
    ],
)
def test_what_cannot_be_meant(aws: FakeAws, arguments: tuple[str, ...]) -> None:
    ended = ecsctl(aws, "run", "-c", "web", *arguments)
    assert ended.code == 2, ended.err
    assert "ecs:RunTask" not in aws.operations()


@pytest.mark.parametrize("more", [[], ["--wait"], ["--detach"], ["--count", "2"]])
def test_attach_needs_a_terminal_and_one_task(world: World, more: list[str]) -> None:
    aws = world.aws()
    ended = ecsctl(aws, "run", "nginx", "-c", "web", "--attach", *more)
    assert (ended.code, ended.out) == (2, "")
    assert "--attach" in ended.err
    assert "ecs:RunTask" not in aws.operations()
