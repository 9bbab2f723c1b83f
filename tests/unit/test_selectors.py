"""From what a user writes to tasks: which ones are meant, where else is looked, and what is never guessed."""

from __future__ import annotations

import pytest

from ecsctl.errors import NotFoundError, UsageError
from ecsctl.query.selectors import find, require_service, select
from tests.support.world import ARN, World, task_id


def test_a_prefix_means_a_task_that_runs_before_one_that_has_stopped() -> None:
    world = World()
    world.task(1, status="STOPPED")
    world.tasks["web"][0]["taskArn"] = f"{ARN}:task/web/aa{task_id(1)[2:]}"
    world.task(2)
    world.tasks["web"][1]["taskArn"] = f"{ARN}:task/web/aa{task_id(2)[2:]}"
    [found] = find(world.aws(), "web", ["aa"])
    assert found.last_status == "RUNNING"
    world.tasks["web"].pop()
    [stopped] = find(world.aws(), "web", ["aa"])
    assert stopped.last_status == "STOPPED"


def test_two_tasks_that_begin_alike_are_told_and_neither_is_taken() -> None:
    world = World()
    world.task(1)
    world.task(2)
    with pytest.raises(UsageError, match="'00000' matches 2 tasks") as raised:
        find(world.aws(), "web", ["00000"])
    assert len(raised.value.details) == 2


def test_a_host_name_is_the_first_twelve_digits_of_a_containers_runtime_id() -> None:
    world = World()
    world.task(1, family="nginx")
    runtime = world.tasks["web"][0]["containers"][0]["runtimeId"] = "cafe" + "f" * 60
    assert [task.id for task in find(world.aws(), "web", [runtime[:12]])] == [task_id(1)]
    with pytest.raises(NotFoundError):
        find(world.aws(), "web", [runtime[:11]])


def test_the_fiftieth_other_cluster_is_looked_through_and_the_rest_is_told() -> None:
    world = World()
    for number in range(1, 52):
        world.tasks[f"c{number:02}"] = []
    world.task(1, cluster="c50")
    with pytest.raises(NotFoundError, match="it runs in cluster c50"):
        find(world.aws(), "web", [task_id(1)])
    world.tasks["c50"].clear()
    with pytest.raises(NotFoundError) as raised:
        find(world.aws(), "web", [task_id(1)])
    assert raised.value.details[-1] == "1 further clusters were not looked through"


def test_what_an_endpoint_gives_besides_what_was_asked_is_left_out() -> None:
    world = World()
    here, there = world.instance(1), world.instance(2)
    world.task(1, on=here, family="web", group="service:svc")
    world.task(2, on=there, family="api", group="service:svc")
    world.task(3, on=here, family="web", group="service:other")
    aws = world.aws()
    # An endpoint that heeds no filter.
    everything = [task["taskArn"] for task in world.tasks["web"]]
    aws.answers["ecs:ListTasks"] = lambda query: {"taskArns": everything}
    aws.answers["ecs:ListContainerInstances"] = lambda query: {"containerInstanceArns": [there, here]}
    assert [task.id for task in select(aws, "web", family="web")] == [task_id(1), task_id(3)]
    assert [task.id for task in select(aws, "web", service="svc")] == [task_id(1), task_id(2)]
    assert [task.id for task in select(aws, "web", service="svc", family="api")] == [task_id(2)]
    assert [task.id for task in select(aws, "web", instance="i-00000000000000001")] == [task_id(1), task_id(3)]


def test_a_service_that_was_deleted_does_not_exist() -> None:
    world = World()
    row = {"serviceArn": f"{ARN}:service/web/svc", "serviceName": "svc", "status": "ACTIVE"}
    world.services["web"].append(row)
    require_service(world.aws(), "web", "svc")
    row["status"] = "INACTIVE"
    with pytest.raises(NotFoundError):
        require_service(world.aws(), "web", "svc")
