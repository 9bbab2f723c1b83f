"""Waiters: what boto3's waiters see."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from botocore.exceptions import WaiterError

from tests.conformance.asking import ABSENT_IMAGE, Aws
from tests.conformance.made import Fleet, Tasks
from tests.conformance.serving import Services

pytestmark = pytest.mark.costs
Register = Callable[..., dict[str, Any]]


@pytest.fixture
def services(aws: Aws, fleet: Fleet) -> Iterator[Services]:
    made = Services(aws, fleet.cluster)
    yield made
    made.drop()


@pytest.fixture
def often(aws: Aws) -> dict[str, int]:
    """How a waiter is to look: every second, or as ECS likes it."""
    return {"Delay": 6, "MaxAttempts": 100} if aws.real else {"Delay": 1, "MaxAttempts": 60}


def test_services_stable(services: Services, definition: str, ecs: Any, often: dict[str, int]) -> None:
    """services_stable returns once one deployment has all its tasks running."""
    name = services.create(definition, 2)
    waiter = ecs.get_waiter("services_stable")
    waiter.wait(cluster=services.cluster, services=[name], WaiterConfig=often)
    found = services.look(name)
    assert (found["runningCount"], len(found["deployments"])) == (2, 1)


def test_services_inactive(services: Services, definition: str, ecs: Any, often: dict[str, int]) -> None:
    """services_inactive returns once the service is INACTIVE."""
    name = services.running(definition)
    ecs.delete_service(cluster=services.cluster, service=name, force=True)
    ecs.get_waiter("services_inactive").wait(cluster=services.cluster, services=[name], WaiterConfig=often)
    assert services.look(name)["status"] == "INACTIVE"


def test_stable_fails_at_once_on_what_drains(services: Services, definition: str, ecs: Any) -> None:
    """services_stable fails at once on a service that is DRAINING, INACTIVE or MISSING."""
    name = services.running(definition)
    ecs.delete_service(cluster=services.cluster, service=name, force=True)
    waiter = ecs.get_waiter("services_stable")
    for each in (name, "conf-nope"):
        with pytest.raises(WaiterError, match="terminal failure state"):
            waiter.wait(cluster=services.cluster, services=[each], WaiterConfig={"Delay": 1, "MaxAttempts": 2})


def test_a_rollback_reads_as_success(
    services: Services, definition: str, register: Register, ecs: Any, often: dict[str, int]
) -> None:
    """services_stable ignores rolloutState: a circuit breaker's rollback reads as success."""
    breaker = {"deploymentCircuitBreaker": {"enable": True, "rollback": True}}
    name = services.running(definition, 1, deploymentConfiguration=breaker)
    absent = register(app={"image": ABSENT_IMAGE})["taskDefinitionArn"]
    services.update(name, taskDefinition=absent)
    services.told(name, "rolling back to deployment", 60.0)
    ecs.get_waiter("services_stable").wait(cluster=services.cluster, services=[name], WaiterConfig=often)
    assert services.look(name)["taskDefinition"] == definition


def test_tasks_running(fleet: Fleet, definition: str, tasks: Tasks, ecs: Any, often: dict[str, int]) -> None:
    """tasks_running returns once all tasks are RUNNING, and fails on one that has stopped."""
    started = [task["taskArn"] for task in tasks.run(fleet.cluster, definition, count=2)]
    waiter = ecs.get_waiter("tasks_running")
    waiter.wait(cluster=fleet.cluster, tasks=started, WaiterConfig=often)
    assert [row["lastStatus"] for row in tasks.describe(fleet.cluster, started)] == ["RUNNING", "RUNNING"]
    ecs.stop_task(cluster=fleet.cluster, task=started[0])
    ecs.get_waiter("tasks_stopped").wait(cluster=fleet.cluster, tasks=started[:1], WaiterConfig=often)
    with pytest.raises(WaiterError, match="terminal failure state"):
        waiter.wait(cluster=fleet.cluster, tasks=started, WaiterConfig=often)


def test_unknown_tasks(fleet: Fleet, ecs: Any) -> None:
    """tasks_running fails at once on a task that is MISSING."""
    with pytest.raises(WaiterError, match="terminal failure state"):
        ecs.get_waiter("tasks_running").wait(
            cluster=fleet.cluster, tasks=["0" * 32], WaiterConfig={"Delay": 1, "MaxAttempts": 2}
        )
