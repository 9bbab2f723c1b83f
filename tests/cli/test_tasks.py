from __future__ import annotations

from datetime import datetime, timedelta, timezone
from typing import Any

import pytest

from ecsctl.errors import AwsError
from tests.support.command import ecsctl
from tests.support.world import World, task_id

HTTP = {"bindIP": "0.0.0.0", "containerPort": 80, "hostPort": 80, "protocol": "tcp"}
NGINX = {
    "taskDefinitionArn": "arn:aws:ecs:eu-west-1:123456789012:task-definition/nginx:1",
    "family": "nginx",
    "revision": 1,
    "status": "ACTIVE",
    "containerDefinitions": [{"name": "nginx", "image": "nginx", "cpu": 10, "memory": 3000}],
    "requiresAttributes": [],
}
ENDED: dict[str, Any] = {"lastStatus": "STOPPED", "desiredStatus": "STOPPED", "stopCode": "EssentialContainerExited"}


@pytest.fixture
def world() -> World:
    world = World()
    world.definitions["nginx"] = NGINX
    world.instance(7)
    return world


def test_run_prints_the_id_once_the_task_runs(world: World) -> None:
    aws = world.aws()
    ended = ecsctl(aws, "run", "-c", "web", "nginx")
    assert ended.code == 0
    assert ended.lines == [world.tasks["web"][0]["taskArn"].rsplit("/", 1)[-1]]
    assert "is RUNNING" in ended.err
    [query] = [query for name, query in aws.calls if name == "ecs:RunTask"]
    assert query["tags"] == [{"key": "ecsctl:project", "value": "web"}]
    assert query["startedBy"].startswith("ecsctl/")


def test_run_starts_ten_a_call(world: World) -> None:
    aws = world.aws()
    ended = ecsctl(aws, "run", "-c", "web", "--count", "23", "--no-wait", "nginx:1")
    assert len(ended.lines) == 23
    assert [query["count"] for name, query in aws.calls if name == "ecs:RunTask"] == [10, 10, 3]
    assert len({query["startedBy"] for name, query in aws.calls if name == "ecs:RunTask"}) == 1
    assert "ecs:DescribeTasks" not in aws.operations()


def test_failures_under_http_200_are_no_success(world: World) -> None:
    world.room = 2
    ended = ecsctl(world.aws(), "run", "-c", "web", "--count", "12", "nginx")
    assert ended.code == 1
    assert len(ended.lines) == 2, "those started are told all the same"
    assert "2 of 12 tasks of nginx started" in ended.err
    assert "RESOURCE:MEMORY" in ended.err
    assert "the task needs 3000 MiB" in ended.err
    assert "i-00000000000000007 has 1900 of 1900 MiB left" in ended.err


def test_a_cluster_without_instances_names_the_next_command(world: World) -> None:
    world.instances["web"].clear()
    ended = ecsctl(world.aws(), "run", "-c", "web", "nginx")
    assert ended.code == 1
    assert "ecsctl instance bootstrap -c web" in ended.err


def test_an_unknown_family_is_not_found(world: World) -> None:
    ended = ecsctl(world.aws(), "run", "-c", "web", "nope")
    assert ended.code == 6
    assert "task register" in ended.err


def test_a_task_that_stops_instead_of_running_says_why(world: World) -> None:
    reason = "CannotPullContainerError: pull access denied for nope"
    world.outcome = {**ENDED, "stopCode": "TaskFailedToStart", "stoppedReason": "Task failed to start"}
    world.outcome["container"] = {"reason": reason}
    ended = ecsctl(world.aws(), "run", "-c", "web", "nginx")
    assert ended.code == 1
    assert "Task failed to start" in ended.err
    assert reason in ended.err
    assert "check its name and tag" in ended.err


def test_a_task_that_ended_well_before_it_was_seen_running_has_run(world: World) -> None:
    world.outcome = {**ENDED, "container": {"exitCode": 0}}
    ended = ecsctl(world.aws(), "run", "-c", "web", "nginx")
    assert ended.code == 0
    assert "already ended" in ended.err


@pytest.mark.parametrize("code", [0, 3, 137])
def test_run_wait_passes_the_containers_code_on(world: World, code: int) -> None:
    world.outcome = {**ENDED, "container": {"exitCode": code}}
    ended = ecsctl(world.aws(), "run", "-c", "web", "--wait", "nginx")
    assert ended.code == code
    assert ended.out == "", "stdout is the container's; the id is told on stderr"
    assert "started" in ended.err
    assert (f"exit code {code}" in ended.err) is (code != 0)


def test_run_wait_of_a_task_that_never_ran_is_1(world: World) -> None:
    world.outcome = {**ENDED, "stoppedReason": "Host EC2 (instance i-1) terminated"}
    ended = ecsctl(world.aws(), "run", "-c", "web", "--wait", "nginx")
    assert ended.code == 1
    assert "Host EC2 (instance i-1) terminated" in ended.err


def test_run_out_of_time_is_4(world: World) -> None:
    world.outcome = {"lastStatus": "PENDING"}
    ended = ecsctl(world.aws(), "run", "-c", "web", "--timeout", "0", "nginx")
    assert ended.code == 4
    assert len(ended.lines) == 1
    assert "it is PENDING" in ended.err


def test_overrides_reach_the_container(world: World) -> None:
    ecsctl(world.aws(), "run", "-c", "web", "--no-wait", "-e", "A=1=2", "--command", "sh -c 'exit 3'", "nginx")
    assert world.tasks["web"][0]["overrides"] == {
        "containerOverrides": [
            {"name": "nginx", "environment": [{"name": "A", "value": "1=2"}], "command": ["sh", "-c", "exit 3"]}
        ]
    }


@pytest.mark.parametrize(
    "arguments",
    [
        ("-e", "NOVALUE"),
        ("--container", "nope", "-e", "A=1"),
        ("--command", "'open"),
        ("--security-group", "sg-1"),
        ("--launch-type", "EC2", "--capacity-provider", "p"),
        ("--count", "0"),
    ],
)
def test_what_cannot_be_meant_is_refused_before_anything_runs(world: World, arguments: tuple[str, ...]) -> None:
    aws = world.aws()
    assert ecsctl(aws, "run", "-c", "web", *arguments, "nginx").code == 2
    assert "ecs:RunTask" not in aws.operations()


def test_a_lost_answer_starts_nothing_twice(world: World) -> None:
    aws = world.aws()
    run = aws.answers["ecs:RunTask"]

    def lost(query: dict[str, Any]) -> dict[str, Any]:
        run(query)
        aws.answers["ecs:RunTask"] = run
        raise AwsError("ecs:RunTask", "AnswerLost", "the answer was lost", ambiguous=True)

    aws.answers["ecs:RunTask"] = lost
    ended = ecsctl(aws, "run", "-c", "web", "--count", "12", "--no-wait", "nginx")
    assert ended.code == 0
    assert len(set(ended.lines)) == 12
    assert len(world.tasks["web"]) == 12


def test_stop_stops_what_is_named_and_waits(world: World) -> None:
    world.task(1)
    world.task(2, group="service:svc")
    ended = ecsctl(world.aws(), "stop", "-c", "web", task_id(1), task_id(2)[:6], "--reason", "enough")
    assert (ended.code, ended.lines) == (0, [task_id(1), task_id(2)])
    assert "service svc keeps its desired count" in ended.err
    assert [task["lastStatus"] for task in world.tasks["web"]] == ["STOPPED", "STOPPED"]
    assert {task["stoppedReason"] for task in world.tasks["web"]} == {"enough"}


def test_stop_never_guesses(world: World) -> None:
    world.task(1)
    world.task(2)
    for arguments, code in ((("nginx",), 2), ((), 2), (("--family", "nginx"), 2), ((task_id(9),), 6)):
        assert ecsctl(world.aws(), "stop", "-c", "web", *arguments).code == code, arguments
    assert {task["lastStatus"] for task in world.tasks["web"]} == {"RUNNING"}
    assert len(ecsctl(world.aws(), "stop", "-c", "web", "--family", "nginx", "--yes").lines) == 2


def test_stopping_a_stopped_task_is_no_error(world: World) -> None:
    world.task(1, status="STOPPED")
    ended = ecsctl(world.aws(), "stop", "-c", "web", task_id(1))
    assert (ended.code, ended.out) == (0, "")
    assert "had already stopped" in ended.err


def test_wait(world: World) -> None:
    world.task(1)
    world.task(2, status="PENDING")
    assert ecsctl(world.aws(), "wait", "-c", "web", task_id(1)).code == 0
    assert ecsctl(world.aws(), "wait", "-c", "web", task_id(2), "--timeout", "0").code == 4
    assert ecsctl(world.aws(), "wait", "-c", "web", task_id(1), "--until", "stopped", "--timeout", "0").code == 4


def test_ps_shows_where_and_since_when(world: World) -> None:
    ago = datetime.now(timezone.utc) - timedelta(hours=2)
    world.task(1, on=world.instance(8), ports=[HTTP], startedAt=ago, group="service:svc", healthStatus="HEALTHY")
    world.task(2, status="PENDING")
    ended = ecsctl(world.aws(), "ps", "-c", "web")
    head, *rows = [line.split() for line in ended.lines]
    assert head == ["TASK", "DEFINITION", "CONTAINERS", "SERVICE", "STATUS", "HEALTH", "HOST", "ADDRESS", "AGE"]
    assert rows == [
        [task_id(2)[:8], "nginx:1", "nginx", "-", "PENDING", "-", "-", "-", "-"],
        [
            task_id(1)[:8],
            "nginx:1",
            "nginx",
            "svc",
            "RUNNING",
            "HEALTHY",
            "i-00000000000000008",
            "198.51.100.8:80",
            "2h",
        ],
    ]


def test_ps_all_says_why_tasks_stopped(world: World) -> None:
    world.task(1)
    stopped = world.task(2, status="STOPPED", stoppedReason="Essential container in task exited")
    stopped["containers"][0]["exitCode"] = 3
    assert ecsctl(world.aws(), "ps", "-c", "web", "-q").lines == [task_id(1)]
    ended = ecsctl(world.aws(), "ps", "-c", "web", "--all")
    assert "Essential container in task exited; container nginx ended with exit code 3" in ended.lines[-1]
    row = ecsctl(world.aws(), "ps", "-c", "web", "--all", "-o", "json").json[-1]
    assert row["lastStatus"] == "STOPPED"
    assert row["causes"][0] == "Essential container in task exited"


def test_ps_filters(world: World) -> None:
    world.task(1, on=world.instances["web"][0]["containerInstanceArn"])
    world.task(2, family="api", group="service:api")
    for arguments, expected in (
        (("--service", "api"), 2),
        (("--family", "nginx"), 1),
        (("--instance", "i-00000000000000007"), 1),
    ):
        assert ecsctl(world.aws(), "ps", "-c", "web", "-q", *arguments).lines == [task_id(expected)], arguments
    assert ecsctl(world.aws(), "ps", "-c", "web", "--instance", "i-0dead").code == 6


def test_ps_of_thousands_asks_in_full_batches(world: World) -> None:
    hosts = [world.instance(100 + number) for number in range(150)]
    for number in range(1050):
        world.task(number, on=hosts[number % 150], ports=[HTTP])
    aws = world.aws()
    ended = ecsctl(aws, "ps", "-c", "web")
    assert len(ended.lines) == 1051
    operations = aws.operations()
    assert operations.count("ecs:ListTasks") == 11
    assert operations.count("ecs:DescribeTasks") == 11
    assert operations.count("ecs:DescribeContainerInstances") == 2
    assert operations.count("ec2:DescribeInstances") == 1
