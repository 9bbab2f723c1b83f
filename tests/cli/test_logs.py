from __future__ import annotations

import time
from datetime import datetime, timezone
from typing import Any

import pytest

from ecsctl.errors import AwsError
from tests.support.clock import ManualClock
from tests.support.command import ecsctl
from tests.support.fake_aws import FakeAws
from tests.support.log_service import LogService
from tests.support.world import World, task_id

NOW = int(time.time() * 1000)
AWSLOGS = {"awslogs-group": "/ecs/nginx", "awslogs-region": "eu-west-1", "awslogs-stream-prefix": "p"}


def definition(family: str, *containers: dict[str, Any]) -> dict[str, Any]:
    return {
        "taskDefinitionArn": f"arn:aws:ecs:eu-west-1:123456789012:task-definition/{family}:1",
        "family": family,
        "revision": 1,
        "status": "ACTIVE",
        "containerDefinitions": list(containers),
    }


def container(name: str, driver: str | None = "awslogs", **options: str) -> dict[str, Any]:
    row: dict[str, Any] = {"name": name, "image": name}
    if driver:
        row["logConfiguration"] = {"logDriver": driver, "options": options}
    return row


@pytest.fixture
def world() -> World:
    world = World()
    world.definitions["nginx"] = definition("nginx", container("nginx", **AWSLOGS))
    return world


@pytest.fixture
def service() -> LogService:
    return LogService()


@pytest.fixture
def aws(world: World, service: LogService) -> FakeAws:
    aws = world.aws()
    aws.clock = ManualClock(datetime.fromtimestamp(NOW / 1000, timezone.utc))
    aws.answers["logs:GetLogEvents"] = service.get_log_events
    aws.answers["logs:DescribeLogStreams"] = service.describe_log_streams
    return aws


def put(service: LogService, number: int, *lines: tuple[int, str], name: str = "nginx") -> None:
    """Log lines of a task, (milliseconds from now, message)."""
    service.put("/ecs/nginx", f"p/{name}/{task_id(number)}", *((NOW + t, m) for t, m in lines))


def test_the_lines_of_one_task_stand_alone(world: World, service: LogService, aws: FakeAws) -> None:
    world.task(1)
    put(service, 1, (-2000, "one"), (-1000, "two é"), (-1000, "  three"))
    ended = ecsctl(aws, "logs", "-c", "web", task_id(1))
    assert (ended.code, ended.out, ended.err) == (0, "one\ntwo é\n  three\n", "")
    assert "ecs:ListTasks" not in aws.operations()


def test_several_tasks_are_merged_with_a_prefix_each(world: World, service: LogService, aws: FakeAws) -> None:
    world.task(1, group="service:svc")
    world.task(2, group="service:svc")
    world.task(3, group="service:other")
    world.task(4, status="STOPPED", group="service:svc", stoppedReason="Essential container in task exited")
    put(service, 1, (-3000, "a"), (-1000, "c"))
    put(service, 2, (-2000, "b"))
    put(service, 3, (-2000, "of another service"))
    put(service, 4, (-9000, "an ended one"))
    ended = ecsctl(aws, "logs", "-c", "web", "--service", "svc")
    assert ended.lines == [
        f"{task_id(4)[:8]} | an ended one",
        f"{task_id(1)[:8]} | a",
        f"{task_id(2)[:8]} | b",
        f"{task_id(1)[:8]} | c",
    ]
    assert ecsctl(aws, "logs", "-c", "web", "--service", "svc", "--no-prefix").lines[-1] == "c"


def test_since_until_tail_grep_and_timestamps(world: World, service: LogService, aws: FakeAws) -> None:
    world.task(1)
    put(service, 1, *((-60_000 * n, f"line {n}") for n in range(30, 0, -1)))

    def lines(*arguments: str) -> list[str]:
        return ecsctl(aws, "logs", "-c", "web", task_id(1), *arguments).lines

    assert lines("--since", "2m30s") == ["line 2", "line 1"]
    at = datetime.fromtimestamp(NOW / 1000 - 28 * 60, timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")
    assert lines("--until", at) == ["line 30", "line 29"]
    assert lines("-n", "3") == ["line 3", "line 2", "line 1"]
    assert lines("-n", "2", "--grep", "0$") == ["line 20", "line 10"]
    assert lines("--grep", "line [12]$") == ["line 2", "line 1"]
    [stamped] = lines("-n", "1", "-t")
    when = datetime.strptime(stamped.split()[0], "%Y-%m-%dT%H:%M:%S.%fZ").replace(tzinfo=timezone.utc)
    assert abs(when.timestamp() * 1000 - (NOW - 60_000)) < 2


def test_json_is_an_object_a_line(world: World, service: LogService, aws: FakeAws) -> None:
    import json

    world.task(1, group="service:svc")
    put(service, 1, (-1000, "one"), (-500, '{"a": 1}'))
    ended = ecsctl(aws, "logs", "-c", "web", task_id(1), "-o", "json")
    rows = [json.loads(line) for line in ended.lines]
    assert rows[1]["message"] == '{"a": 1}'
    assert set(rows[0]) == {
        "timestamp",
        "task",
        "container",
        "service",
        "family",
        "logGroup",
        "logStream",
        "message",
    }
    assert (rows[0]["task"], rows[0]["service"], rows[0]["family"]) == (task_id(1), "svc", "nginx")


def test_a_container_is_chosen_and_named_in_the_prefix(world: World, service: LogService, aws: FakeAws) -> None:
    both = container("web", **AWSLOGS), container("side", **AWSLOGS)
    world.definitions["nginx"] = definition("nginx", *both)
    world.task(1)
    put(service, 1, (-2, "from web"), name="web")
    put(service, 1, (-1, "from side"), name="side")
    short = task_id(1)[:8]
    assert ecsctl(aws, "logs", "-c", "web", task_id(1)).lines == [
        f"{short} web  | from web",
        f"{short} side | from side",
    ]
    assert ecsctl(aws, "logs", "-c", "web", task_id(1), "--container", "side").lines == ["from side"]
    wrong = ecsctl(aws, "logs", "-c", "web", task_id(1), "--container", "nope")
    assert (wrong.code, "they have side, web" in wrong.err) == (2, True)


@pytest.mark.parametrize(
    ("row", "said"),
    [
        (container("app", None), "has no logConfiguration: its lines stay on i-00000000000000007"),
        (container("app", "json-file"), "logs with the driver json-file: its lines stay on i-00000000000000007"),
        (container("app", "none"), "logs nowhere"),
        (
            container("app", "awsfirelens", Name="firehose", delivery_stream="d"),
            "FireLens to firehose, delivery_stream d",
        ),
        (container("app", "splunk", **{"splunk-url": "https://s.example"}), "driver splunk to https://s.example"),
        (container("app", "syslog", **{"syslog-address": "udp://l.example:514"}), "syslog at udp://l.example:514"),
    ],
)
def test_what_logs_elsewhere_says_where(world: World, aws: FakeAws, row: dict[str, Any], said: str) -> None:
    world.definitions["nginx"] = definition("nginx", row)
    world.task(1, on="i-00000000000000007")
    ended = ecsctl(aws, "logs", "-c", "web", task_id(1))
    assert (ended.code, ended.out) == (1, "")
    assert "log nothing to CloudWatch" in ended.err
    assert said in ended.err


def test_one_that_logs_elsewhere_is_a_note_beside_one_that_does_not(
    world: World, service: LogService, aws: FakeAws
) -> None:
    world.definitions["nginx"] = definition("nginx", container("nginx", **AWSLOGS), container("side", None))
    world.task(1)
    put(service, 1, (-1, "line"))
    ended = ecsctl(aws, "logs", "-c", "web", task_id(1))
    assert (ended.code, ended.out) == (0, "line\n")
    assert "note: container side of task" in ended.err


def test_without_a_prefix_the_stream_is_the_containers_id(world: World, service: LogService, aws: FakeAws) -> None:
    world.definitions["nginx"] = definition("nginx", container("nginx", **{"awslogs-group": "/ecs/nginx"}))
    task = world.task(1)
    service.put("/ecs/nginx", task["containers"][0]["runtimeId"], (NOW, "by its id"))
    assert ecsctl(aws, "logs", "-c", "web", task_id(1)).out == "by its id\n"


def test_no_group_is_an_error_with_the_tasks_own_reason(world: World, aws: FakeAws) -> None:
    reason = "ResourceInitializationError: failed to validate logger args: ResourceNotFoundException: no log group"
    world.task(1, status="STOPPED", stoppedReason=reason)
    ended = ecsctl(aws, "logs", "-c", "web", task_id(1))
    assert ended.code == 1
    assert "there is no log group /ecs/nginx" in ended.err
    assert "failed to validate logger args" in ended.err
    assert "awslogs-create-group" in ended.err


def test_a_stream_that_is_not_there_is_a_note(world: World, service: LogService, aws: FakeAws) -> None:
    world.task(1)
    service.groups["/ecs/nginx"] = {}
    ended = ecsctl(aws, "logs", "-c", "web", task_id(1))
    assert (ended.code, ended.out) == (0, "")
    assert "has logged nothing" in ended.err


def test_no_right_names_the_right(world: World, aws: FakeAws) -> None:
    def denied(query: dict[str, Any]) -> dict[str, Any]:
        raise AwsError("logs:GetLogEvents", "AccessDeniedException", "not authorized", hint="lacks logs: GetLogEvents")

    aws.answers["logs:GetLogEvents"] = denied
    world.task(1)
    ended = ecsctl(aws, "logs", "-c", "web", task_id(1))
    assert ended.code == 1
    assert "logs:GetLogEvents" in ended.err


def test_follow_a_task_to_its_end(world: World, service: LogService, aws: FakeAws) -> None:
    task = world.task(1)
    put(service, 1, (-1000, "before"))

    def during(now: float) -> None:
        if now > 2 and len(service.groups["/ecs/nginx"][f"p/nginx/{task_id(1)}"]) == 1:
            put(service, 1, (2000, "while"))
        if now > 4:
            task.update(
                lastStatus="STOPPED", desiredStatus="STOPPED", stoppedReason="Essential container in task exited"
            )

    ended = ecsctl(aws, "logs", "-c", "web", "-f", task_id(1), during=during)
    assert (ended.code, ended.out) == (0, "before\nwhile\n")
    assert "has stopped: Essential container in task exited" in ended.err


def test_a_new_task_of_a_service_joins_in(world: World, service: LogService, aws: FakeAws) -> None:
    world.task(1, group="service:svc")
    put(service, 1, (-1000, "old"))

    def during(now: float) -> None:
        if now > 3 and len(world.tasks["web"]) == 1:
            world.task(2, group="service:svc")
            put(service, 2, (3000, "new"))
        if now > 20:
            raise KeyboardInterrupt

    ended = ecsctl(aws, "logs", "-c", "web", "-f", "--service", "svc", "-n", "5", during=during)
    assert ended.code == 130
    assert ended.lines == [f"{task_id(1)[:8]} | old", f"{task_id(2)[:8]} | new"]
    assert "its lines join in" in ended.err


def test_a_task_that_ecs_has_forgotten(world: World, service: LogService, aws: FakeAws) -> None:
    put(service, 9, (-7_200_000, "long ago"))
    gone = ecsctl(aws, "logs", "-c", "web", task_id(9))
    assert gone.code == 6
    assert "add --family NAME" in gone.err
    assert ecsctl(aws, "logs", "-c", "web", task_id(9), "--family", "nginx").out == "long ago\n"
    world.task(1)
    put(service, 1, (-1000, "now"))
    put(service, 8, (-40 * 3_600_000, "too old"))
    lines = ecsctl(aws, "logs", "-c", "web", "--family", "nginx", "--since", "3h").lines
    assert [line.partition(" | ")[2] for line in lines] == ["long ago", "now"]


@pytest.mark.parametrize(
    "arguments",
    [
        (),
        ("x", "--service", "s"),
        ("x", "-f", "--until", "1m"),
        ("x", "--since", "yesterday"),
        ("x", "--grep", "("),
        ("--service", "s", "--family", "f"),
    ],
)
def test_what_cannot_be_meant(aws: FakeAws, arguments: tuple[str, ...]) -> None:
    ended = ecsctl(aws, "logs", "-c", "web", *arguments)
    assert ended.code == 2, ended.err
    assert aws.calls == []
