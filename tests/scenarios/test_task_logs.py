"""What containers write, read back by ``ecsctl logs``: simulated ones, and real ones."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest

from tests.sandbox.support import Account, until
from tests.support.account import door
from tests.support.command import Ended, ecsctl
from tests.support.engine import IMAGE
from tests.support.sandbox import Running

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def simulated(_sandbox: Running) -> Running:
    _sandbox.renew()
    _sandbox.client("ecs").create_cluster(clusterName="web")
    return _sandbox


def register(sandbox: Running, family: str, command: str, **options: str) -> None:
    logs = {"awslogs-group": f"/ecs/{family}", "awslogs-region": "eu-west-1", "awslogs-stream-prefix": "p", **options}
    sandbox.client("ecs").register_task_definition(
        family=family,
        requiresCompatibilities=["FARGATE"],
        networkMode="awsvpc",
        cpu="256",
        memory="512",
        executionRoleArn="arn:aws:iam::123456789012:role/exec",
        containerDefinitions=[
            {
                "name": "app",
                "image": IMAGE,
                "command": ["sh", "-c", command],
                "logConfiguration": {"logDriver": "awslogs", "options": logs},
            }
        ],
    )


def run(sandbox: Running, family: str, **more: Any) -> str:
    subnet = sandbox.client("ec2").describe_subnets()["Subnets"][0]["SubnetId"]
    network = {"awsvpcConfiguration": {"subnets": [subnet], "assignPublicIp": "ENABLED"}}
    answer = sandbox.client("ecs").run_task(
        cluster="web", taskDefinition=family, launchType="FARGATE", networkConfiguration=network, **more
    )
    return str(answer["tasks"][0]["taskArn"])


def wait(sandbox: Running, arn: str, status: str) -> dict[str, Any]:
    """Let the sandbox's time go on until a task has a status; the task."""
    for _ in range(60):
        [task] = sandbox.client("ecs").describe_tasks(cluster="web", tasks=[arn])["tasks"]
        if task["lastStatus"] == status:
            return dict(task)
        sandbox.sandbox.advance(1)
    raise AssertionError(task)


def logs(sandbox: Running, *arguments: str) -> Ended:
    return ecsctl(sandbox.aws(), "logs", "-c", "web", *arguments)


def test_a_simulated_container_writes_what_it_echoes_and_that_it_is_simulated(simulated: Running) -> None:
    register(simulated, "job", "echo hello; sleep 1; echo bye; exit 3", **{"awslogs-create-group": "true"})
    arn = run(simulated, "job")
    wait(simulated, arn, "STOPPED")
    ended = logs(simulated, arn)
    assert ended.code == 0, ended.err
    lines = ended.lines
    assert lines[0] == "hello"
    assert "bye" in lines
    assert any("is simulated" in line for line in ended.lines)
    rows = [json.loads(line) for line in logs(simulated, "--family", "job", "-o", "json").lines]
    assert {row["task"] for row in rows} == {arn.rsplit("/", 1)[-1]}
    assert [row["message"] for row in rows] == lines


def test_without_its_group_a_task_does_not_start_and_logs_says_why(simulated: Running) -> None:
    register(simulated, "groupless", "echo hello")
    arn = run(simulated, "groupless")
    task = wait(simulated, arn, "STOPPED")
    assert task["stopCode"] == "TaskFailedToStart"
    ended = logs(simulated, arn)
    assert ended.code == 1
    assert "there is no log group /ecs/groupless" in ended.err
    assert "failed to validate logger args" in ended.err


def test_the_lines_are_there_for_any_client_and_go_with_their_group(simulated: Running) -> None:
    client = simulated.client("logs")
    client.create_log_group(logGroupName="/own")
    client.create_log_stream(logGroupName="/own", logStreamName="s")
    now = int(time.time() * 1000)
    events = [{"timestamp": now + n, "message": f"m{n}"} for n in range(30)]
    client.put_log_events(logGroupName="/own", logStreamName="s", logEvents=events)
    first = client.get_log_events(logGroupName="/own", logStreamName="s", startFromHead=True, limit=20)
    second = client.get_log_events(logGroupName="/own", logStreamName="s", nextToken=first["nextForwardToken"])
    assert [e["message"] for e in first["events"] + second["events"]] == [f"m{n}" for n in range(30)]
    pages = client.get_paginator("filter_log_events").paginate(logGroupName="/own", PaginationConfig={"PageSize": 7})
    assert [e["message"] for page in pages for e in page["events"]] == [f"m{n}" for n in range(30)]
    with pytest.raises(client.exceptions.ResourceNotFoundException, match="log stream does not exist"):
        client.get_log_events(logGroupName="/own", logStreamName="nope")
    kept = set((simulated.sandbox.folder / "logs").iterdir())
    client.delete_log_group(logGroupName="/own")
    assert len(set((simulated.sandbox.folder / "logs").iterdir())) == len(kept) - 1


@pytest.mark.docker
def test_what_real_containers_write_to_their_last_word(containers: Running) -> None:
    account = Account(containers.client)
    account.ecs.create_cluster(clusterName="web")
    script = "for i in 1 2 3; do echo out $i; echo err $i >&2; done; printf 'no end'; exec sleep 60"
    register(containers, "job", script, **{"awslogs-create-group": "true"})
    arn = run(containers, "job")
    account.reached(arn, "RUNNING")
    expected = sorted(f"{kind} {n}" for kind in ("out", "err") for n in (1, 2, 3))

    def lines(count: int) -> list[str]:
        def look() -> list[str]:
            found = ecsctl(door(containers), "logs", "-c", "web", arn).lines
            return found if len(found) >= count else []

        return sorted(until(look, f"{count} lines"))

    assert lines(6) == expected
    ecsctl(door(containers), "stop", "-c", "web", arn)
    assert lines(7) == sorted([*expected, "no end"])
