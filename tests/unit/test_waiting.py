"""Waiting for a condition of tasks and services: what is found, what ends the wait, and what is said of those late."""

from __future__ import annotations

import pytest

from ecsctl.errors import EcsctlError, NotFoundError, WaitTimeoutError
from ecsctl.polling import Deadline
from ecsctl.query.waiting import Subjects, find, wait_until
from tests.support.clock import ManualClock
from tests.support.world import ARN, World, task_id

CHECK = {"healthCheck": {"command": ["CMD", "true"]}}


def world(*statuses: str, service: str = "ACTIVE") -> World:
    made = World()
    for number, status in enumerate(statuses, 1):
        made.task(number, status=status)
    made.services["web"].append({"serviceArn": f"{ARN}:service/web/svc", "serviceName": "svc", "status": service})
    return made


def wait(of: World, names: list[str], condition: str, clock: ManualClock | None = None) -> None:
    aws = of.aws(clock or ManualClock())
    wait_until(aws, find(aws, "web", names), condition, Deadline.after(30, clock=aws.clock))


def test_a_service_that_was_deleted_is_none() -> None:
    assert find(world().aws(), "web", ["svc"]).services == ("svc",)
    deleted = world(service="INACTIVE").aws()
    with pytest.raises(NotFoundError, match="no task or service svc"):
        find(deleted, "web", ["svc"])
    assert find(deleted, "web", ["svc"], may_be_missing=True) == Subjects("web", missing=("svc",))


def test_a_kind_may_be_said_before_the_name() -> None:
    aws = world("RUNNING").aws()
    assert find(aws, "web", ["service/svc"]).services == ("svc",)
    assert [task.id for task in find(aws, "web", [f"task/{task_id(1)}"]).tasks] == [task_id(1)]
    with pytest.raises(NotFoundError, match="task svc"):
        find(aws, "web", ["task/svc"])


@pytest.mark.parametrize(
    ("statuses", "said"),
    [
        (("RUNNING", "PENDING", "PENDING"), "2 of 3"),
        (("RUNNING", "PENDING"), f"task {task_id(2)[:8]} (nginx:1)"),
    ],
)
def test_a_wait_that_runs_out_says_how_many_of_all_are_late(statuses: tuple[str, ...], said: str) -> None:
    names = [task_id(number) for number in range(1, len(statuses) + 1)]
    with pytest.raises(WaitTimeoutError) as raised:
        wait(world(*statuses), names, "running")
    assert raised.value.message == f"timed out after 30 s waiting for {said} to be running"


def test_what_is_in_a_cluster_that_goes_is_gone() -> None:
    of, clock = world("RUNNING"), ManualClock()
    clock.then = {2: lambda: of.tasks.pop("web")}
    wait(of, [task_id(1)], "gone", clock)
    assert len(clock.slept) == 2


def test_one_container_with_a_health_check_is_enough_to_wait_for_health() -> None:
    of = world("RUNNING")
    of.definitions["nginx"] = {"family": "nginx", "containerDefinitions": [{"name": "a", **CHECK}, {"name": "b"}]}
    with pytest.raises(WaitTimeoutError):
        wait(of, [task_id(1)], "healthy")
    of.definitions["nginx"] = {"family": "nginx", "containerDefinitions": [{"name": "a"}, {"name": "b"}]}
    with pytest.raises(EcsctlError, match="never becomes healthy: no container of nginx:1 has a healthCheck"):
        wait(of, [task_id(1)], "healthy")
