"""``ecsctl wait``: each condition, the deadline, and what can never come."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tests.support.command import Ended, ecsctl
from tests.support.sandbox import Running
from tests.support.world import ARN, World, task_id

CHECKED = {"family": "nginx", "containerDefinitions": [{"name": "nginx", "healthCheck": {"command": ["CMD", "true"]}}]}


@pytest.fixture
def world() -> World:
    world = World()
    world.definitions["nginx"] = CHECKED
    world.task(1, status="PENDING", group="service:svc")
    world.services["web"].append(
        {
            "serviceArn": f"{ARN}:service/web/svc",
            "serviceName": "svc",
            "clusterArn": f"{ARN}:cluster/web",
            "taskDefinition": f"{ARN}:task-definition/nginx:1",
            "status": "ACTIVE",
            "desiredCount": 1,
            "runningCount": 0,
            "pendingCount": 1,
        }
    )
    return world


def waited(world: World, *arguments: str, then: dict[int, Callable[[], Any]] | None = None) -> Ended:
    """Wait; ``then`` has what happens before the second, third … look."""
    count = 0

    def during(passed: float) -> None:
        nonlocal count
        count += 1
        (then or {}).get(count, lambda: None)()

    return ecsctl(world.aws(), "wait", "-c", "web", *arguments, during=during)


def becomes(world: World, **more: Any) -> Callable[[], Any]:
    return lambda: world.tasks["web"][0].update(more)


@pytest.mark.parametrize(
    ("condition", "after"),
    [
        ("running", {"lastStatus": "RUNNING"}),
        ("healthy", {"lastStatus": "RUNNING", "healthStatus": "HEALTHY"}),
        ("stopped", {"lastStatus": "STOPPED"}),
        ("gone", {"lastStatus": "STOPPED"}),
        (".lastStatus==ACTIVATING", {"lastStatus": "ACTIVATING"}),
        ("containers[?name=='nginx'] && lastStatus == 'RUNNING'", {"lastStatus": "RUNNING"}),
    ],
)
def test_a_task_is_waited_for(world: World, condition: str, after: dict[str, Any]) -> None:
    ended = waited(world, task_id(1)[:6], "--for", condition, then={2: becomes(world, **after)})
    assert (ended.code, ended.out) == (0, ""), ended.err
    ended = waited(world, task_id(1), "--for", condition, "-o", "json")
    assert [row["task"] for row in ended.json] == [task_id(1)]


def test_time_runs_out_with_how_it_stands(world: World) -> None:
    ended = waited(world, task_id(1), "--for", ".lastStatus==RUNNING", "--timeout", "30s")
    assert ended.code == 4
    assert "timed out after 30 s waiting for .lastStatus==RUNNING of task 00000101" in ended.err
    assert "lastStatus is PENDING" in ended.err
    assert waited(world, task_id(1), "--for", "running", "--timeout", "5s").code == 4
    assert waited(world, "svc", "--for", "running", "--timeout", "5s").code == 4


def test_what_has_stopped_is_not_waited_for(world: World) -> None:
    stops = becomes(world, lastStatus="STOPPED", stoppedReason="CannotPullContainerError: no such image")
    for condition in ("healthy", "running", ".healthStatus==HEALTHY"):
        world.tasks["web"][0].update(lastStatus="PENDING")
        ended = waited(world, task_id(1), "--for", condition, then={1: stops})
        assert ended.code == 1, condition
        assert "no such image" in ended.err


def test_health_that_nobody_checks_is_told_at_once(world: World) -> None:
    world.definitions["nginx"] = {"family": "nginx", "containerDefinitions": [{"name": "nginx"}]}
    for name in (task_id(1), "svc"):
        ended = waited(world, name, "--for", "healthy")
        assert ended.code == 1
        assert "no container of nginx:1 has a healthCheck" in ended.err


def test_a_service_is_waited_for(world: World) -> None:
    service = world.services["web"][0]

    def runs() -> None:
        service.update(runningCount=1, pendingCount=0)
        becomes(world, lastStatus="RUNNING", healthStatus="HEALTHY")()

    for condition in ("running", "healthy", ".runningCount>=1"):
        service.update(runningCount=0, pendingCount=1)
        ended = waited(world, "service/svc", "--for", condition, then={1: runs})
        assert ended.code == 0, ended.err
    assert waited(world, "svc", "-o", "json").json[0]["serviceName"] == "svc"
    ended = waited(world, "svc", "--for", "gone", then={1: lambda: service.update(status="INACTIVE")})
    assert ended.code == 0


def test_what_does_not_exist_is_exit_6_but_is_gone(world: World) -> None:
    for name in ("nope", "service/nope", task_id(9)):
        assert waited(world, name).code == 6
        gone = waited(world, name, "--for", "gone")
        assert gone.code == 0
        assert "there is no task or service" in gone.err
    told = waited(world, "nope").err
    assert "there is no task or service nope in cluster web" in told
    assert "svc" in told


def test_a_condition_that_is_none_is_a_usage_error(world: World) -> None:
    ended = waited(world, "svc", "--for", "runing")
    assert ended.code == 2
    assert "did you mean running" in ended.err
    assert waited(world, task_id(1), "--for", "steady").code == 2
    assert waited(world, task_id(1), "--for", "sum(containers[].name) > `1`").code == 2
    assert waited(world).code == 2


def test_a_service_of_the_sandbox_becomes_steady_and_goes(sandbox: Running) -> None:
    aws = sandbox.aws()
    assert ecsctl(aws, "cluster", "create", "web").code == 0
    assert ecsctl(aws, "instance", "bootstrap", "-c", "web", "--count", "1").code == 0
    ecs = sandbox.client("ecs")
    ecs.register_task_definition(family="web", containerDefinitions=[{"name": "web", "image": "web", "memory": 64}])
    ecs.create_service(cluster="web", serviceName="svc", taskDefinition="web", desiredCount=1)
    ended = ecsctl(aws, "wait", "svc", "-c", "web", "--for", "steady", "-o", "json")
    assert (ended.code, ended.json[0]["runningCount"]) == (0, 1), ended.err
    ecs.update_service(cluster="web", service="svc", desiredCount=0)
    assert ecsctl(aws, "wait", "svc", "-c", "web", "--for", "stopped").code == 0
    ecs.delete_service(cluster="web", service="svc", force=True)
    assert ecsctl(aws, "wait", "svc", "-c", "web", "--for", "gone").code == 0
